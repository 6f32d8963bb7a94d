//! An API server that starts anew: a second one over the same store, so that it disturbs no test beside this one.

use super::{Cluster, within};
use anyhow::Context as _;
use http::StatusCode;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long it may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// A second API server: it starts with whatever is missing.
pub struct Fresh {
    child: Child,
    admin: Cluster,
}

impl Fresh {
    /// Starts one, with the arguments of the first.
    pub async fn start(admin: &Cluster) -> anyhow::Result<Self> {
        let line = running("kube-apiserver")?;
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let own = |flag: &&String| flag.starts_with("--secure-port") || flag.starts_with("--audit-log-path");
        let kept = line.iter().skip(1).filter(|flag| !own(flag));
        let child = Command::new(line.first().context("no program")?)
            .args(kept)
            .arg(format!("--secure-port={port}"))
            .args(["--endpoint-reconciler-type=none"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("a second API server does not start")?;
        let mut admin = admin.clone();
        admin.server = format!("https://127.0.0.1:{port}");
        within(PATIENCE, "the second API server is ready", async || {
            let ready = admin.get("/readyz").await;
            Ok(ready.is_ok_and(|answer| answer.status == StatusCode::OK).then_some(()))
        })
        .await?;
        Ok(Self { child, admin })
    }

    /// Somebody, at this API server.
    pub fn seen_by(&self, who: &Cluster) -> Cluster {
        let mut who = who.clone();
        who.server.clone_from(&self.admin.server);
        who
    }

    /// Ends it.
    pub async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The command line of a program that runs in the lab.
fn running(name: &str) -> anyhow::Result<Vec<String>> {
    for entry in std::fs::read_dir("/proc")? {
        let Ok(line) = std::fs::read(entry?.path().join("cmdline")) else { continue };
        let words: Vec<String> = line
            .split(|b| *b == 0)
            .filter(|w| !w.is_empty())
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .collect();
        if words.first().is_some_and(|first| Path::new(first).file_name().is_some_and(|file| file == name)) {
            return Ok(words);
        }
    }
    anyhow::bail!("{name} does not run here")
}
