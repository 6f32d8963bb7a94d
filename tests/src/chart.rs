//! The chart, as helm renders it.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the chart is.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/nightshift");

/// What became of a render.
#[derive(Debug)]
pub enum Rendered {
    /// The objects.
    Yaml(String),
    /// What helm said.
    Refused(String),
}

/// helm, which is built on first use; `$NIGHTSHIFT_HELM` is taken instead where it is set.
pub fn helm() -> anyhow::Result<Command> {
    static HELM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let path = HELM.get_or_init(|| match std::env::var_os("NIGHTSHIFT_HELM") {
        Some(path) => Ok(path.into()),
        None => built().map_err(|error| format!("{error:#}")),
    });
    match path {
        Ok(path) => Ok(Command::new(path)),
        Err(why) => anyhow::bail!("{why}"),
    }
}

fn built() -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("chart/helm");
    let out = Command::new(&script).output().with_context(|| format!("cannot start {}", script.display()))?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Ok(String::from_utf8(out.stdout)?.trim().into())
}

/// `helm template` with a file of values.
pub fn render(values: &Path, arguments: &[&str]) -> anyhow::Result<Rendered> {
    let out =
        helm()?.args(["template", "nightshift", CHART, "--values"]).arg(values).args(arguments).output()?;
    Ok(if out.status.success() {
        Rendered::Yaml(String::from_utf8(out.stdout)?)
    } else {
        Rendered::Refused(String::from_utf8_lossy(&out.stderr).into_owned())
    })
}

/// The objects of a render.
pub fn documents(yaml: &str) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    for text in yaml.split("\n---\n") {
        let text = text.trim_start_matches("---\n");
        let value: Value = serde_saphyr::from_str(text).with_context(|| format!("not YAML: {text}"))?;
        if !value.is_null() {
            found.push(value);
        }
    }
    ensure!(!found.is_empty(), "nothing was rendered");
    Ok(found)
}
