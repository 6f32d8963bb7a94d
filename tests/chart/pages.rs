//! Values that the pages show are values that the chart takes.

use anyhow::{Context as _, ensure};
use nightshift_tests::chart::{Rendered, render};
use serde_json::Value;
use std::path::Path;

/// The blocks of a page that begin with a line.
fn blocks<'a>(page: &'a str, fence: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(fence).skip(1).filter_map(|rest| Some(rest.strip_prefix('\n')?.split_once("\n```")?.0))
}

/// What helm says of a file of values.
fn refused(values: &str) -> anyhow::Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values)?;
    let named = ["--namespace", "nightshift", "--set", "cluster.name=production"];
    Ok(match render(&file, &named)? {
        Rendered::Yaml(_) => None,
        Rendered::Refused(why) => Some(why),
    })
}

#[test]
fn values_of_the_pages_are_taken() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let (mut seen, mut from_git) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path)?;
        for block in blocks(&page, "```yaml values") {
            seen += 1;
            let why = refused(block)?;
            ensure!(why.is_none(), "{}:\n{block}\n{}", path.display(), why.unwrap_or_default());
        }
        // What Argo CD and Flux hand to helm stands inside an object of theirs.
        for block in blocks(&page, "```yaml") {
            let object: Value = serde_saphyr::from_str(block).with_context(|| block.to_owned())?;
            let places = ["/spec/source/helm/valuesObject", "/spec/values"];
            for values in places.iter().filter_map(|place| object.pointer(place)) {
                from_git += 1;
                let why = refused(&values.to_string())?;
                ensure!(why.is_none(), "{}: {}", path.display(), why.unwrap_or_default());
            }
        }
    }
    ensure!(seen >= 4 && from_git == 2, "{seen} and {from_git} are seen: the pages are not read");
    ensure!(refused("imag: {}")?.is_some(), "a value of no name was taken");
    Ok(())
}
