//! On what and of what a page tells.

use crate::house::program::binary;
use crate::lab::Cluster;
use nightshift::clock::Clock;
use serde_json::Value;
use std::process::Command;

/// The first field of that name in a file of `name: value` lines.
fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim_start_matches(['\t', ' ', ':']).trim().to_owned()
}

/// What a command says in its first line.
fn says(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().trim().to_owned()
}

/// How busy the machine is: the mean of the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The machine, the versions and the day, as lines of a list.
pub async fn lines(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let server: Value = cluster.get("/version").await?.ok()?;
    let server = server.get("gitVersion").and_then(Value::as_str).unwrap_or("unknown");
    let binary = binary()?;
    #[allow(clippy::cast_precision_loss)] // megabytes of a program
    let size = binary.metadata()?.len() as f64 / 1e6;
    let commit = std::env::var("BENCH_COMMIT").unwrap_or_default();
    Ok(vec![
        format!(
            "machine: {}, {cores} cores, {} of memory, Linux {}",
            field("/proc/cpuinfo", "model name"),
            field("/proc/meminfo", "MemTotal"),
            says("uname", &["-r"]),
        ),
        format!(
            "{} ({commit}), {size:.1} MB, a release build",
            says(&binary.to_string_lossy(), &["--version"])
        ),
        format!(
            "kube-apiserver {server} with etcd on the same machine, without nodes; etcd does not wait for its disk"
        ),
        format!(
            "peers: client-go and kube-state-metrics of tests/bench/peers/go.mod and tests/lab/go, detect-secrets of tests/bench/run"
        ),
        format!("{}, load when it began {}", Clock::wall().now(), load()),
    ])
}
