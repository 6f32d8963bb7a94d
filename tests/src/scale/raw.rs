//! The raw loop: pods are read from the stream into the same few fields that nightshift keeps, and dropped. No task less
//! can be done by a program that wants to know of every change, so its CPU time is the limit.

use anyhow::{Context as _, ensure};
use nightshift_detectors::facts::PodFacts;
use serde::Deserialize;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// The start of a watch with its list.
pub const PODS: &str = "/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=3600";

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

/// Reads until SIGTERM.
pub async fn run(kubeconfig: &Path) -> anyhow::Result<()> {
    let (http, server, token) = client(kubeconfig)?;
    let mut end = signal(SignalKind::terminate())?;
    let mut answer =
        http.get(format!("{server}{PODS}")).bearer_auth(token).send().await?.error_for_status()?;
    let (mut lines, mut changes, mut synced) = (Lines::default(), 0_u64, false);
    loop {
        let chunk = tokio::select! {
            _ = end.recv() => break,
            chunk = answer.chunk() => chunk?,
        };
        let Some(chunk) = chunk else { break };
        lines.push(&chunk, |line| {
            let line_is: Line = serde_json::from_slice(line)?;
            ensure!(line_is.r#type != "ERROR", "{}", String::from_utf8_lossy(line));
            if line_is.r#type != "BOOKMARK" {
                changes += 1;
            } else if !synced && line.windows(26).any(|part| part == b"k8s.io/initial-events-end\"") {
                synced = true;
                writeln!(std::io::stdout().lock(), "synced")?;
            }
            Ok(())
        })?;
    }
    writeln!(std::io::stdout().lock(), "changes {changes}")?;
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
