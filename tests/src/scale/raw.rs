//! The raw loop: pods are read from the stream into the same few fields that nightshift keeps, and dropped. No task less
//! can be done by a program that wants to know of every change, so its CPU time is the limit.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_detectors::facts::PodFacts;
use serde::Deserialize;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// The start of a watch with its list.
pub const PODS: &str = "/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=3600";

/// The same from a resourceVersion on.
const FOLLOWING: &str =
    "/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=3600&resourceVersion=";

/// How a line begins that tells when a pod was heard of.
pub const HEARD: &str = "heard ";

/// One line of a watch.
#[derive(Deserialize)]
pub struct Line {
    /// ADDED, MODIFIED and so on.
    pub r#type: String,
    /// The object.
    pub object: Box<PodFacts>,
}

/// Whole lines out of pieces.
#[derive(Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Hands every whole line on.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rest = bytes;
        while let Some(end) = memchr(rest) {
            let (head, tail) = rest.split_at(end);
            if self.0.is_empty() {
                each(head)?;
            } else {
                self.0.extend_from_slice(head);
                each(&self.0)?;
                self.0.clear();
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        self.0.extend_from_slice(rest);
        Ok(())
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

/// A client as the kubeconfig of this bench describes it, and what to put in front of a path.
pub fn client(kubeconfig: &Path) -> anyhow::Result<(reqwest::Client, String, String)> {
    let file: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
    let text = |pointer: &str| {
        file.pointer(pointer).and_then(Value::as_str).map(str::to_owned).with_context(|| pointer.to_owned())
    };
    let ca = std::fs::read(text("/clusters/0/cluster/certificate-authority")?)?;
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
        .no_proxy()
        .build()?;
    Ok((http, text("/clusters/0/cluster/server")?, text("/users/0/user/token")?))
}

/// What the loop knows: no more than where it is.
struct Loop {
    tells: bool,
    clock: Clock,
    synced: bool,
    changes: u64,
    /// resourceVersion of the newest line.
    version: u64,
}

impl Loop {
    fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let Line { r#type, object } = serde_json::from_slice(line)?;
        ensure!(r#type != "ERROR", "{}", String::from_utf8_lossy(line));
        self.version = self.version.max(object.meta.version);
        if r#type != "BOOKMARK" {
            self.changes += 1;
            if self.tells && self.synced && !object.is_ready() {
                let at = self.clock.now().micros();
                writeln!(std::io::stdout().lock(), "{HEARD}{} {at}", object.meta.name)?;
            }
        } else if !self.synced && line.windows(26).any(|part| part == b"k8s.io/initial-events-end\"") {
            self.synced = true;
            writeln!(std::io::stdout().lock(), "synced")?;
        }
        Ok(())
    }
}

/// Reads until SIGTERM. May tell of each pod that is not ready when it heard so. A server ends the stream of whoever is
/// slow for a moment; it goes on where it was.
pub async fn run(kubeconfig: &Path, tells: bool) -> anyhow::Result<()> {
    let (http, server, token) = client(kubeconfig)?;
    let mut end = signal(SignalKind::terminate())?;
    let mut all = Loop { tells, clock: Clock::wall(), synced: false, changes: 0, version: 0 };
    'streams: loop {
        let from = if all.synced { format!("{FOLLOWING}{}", all.version) } else { PODS.to_owned() };
        let request = http.get(format!("{server}{from}")).bearer_auth(&token);
        let (mut answer, mut lines) = (request.send().await?.error_for_status()?, Lines::default());
        loop {
            let chunk = tokio::select! {
                _ = end.recv() => break 'streams,
                chunk = answer.chunk() => chunk.unwrap_or_default(),
            };
            let Some(chunk) = chunk else { break };
            lines.push(&chunk, |line| all.line(line))?;
        }
        ensure!(all.synced, "the first list did not complete");
    }
    writeln!(std::io::stdout().lock(), "changes {}", all.changes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_come() {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        for piece in ["one\ntw", "o", "\nthree\n", "\nrest"] {
            lines
                .push(piece.as_bytes(), |line| {
                    seen.push(String::from_utf8_lossy(line).into_owned());
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(seen, ["one", "two", "three", ""]);
    }
}
