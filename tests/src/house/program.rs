//! The real program over a house's cluster and history, in a process of its own.

use super::{EXECUTOR, House};
use anyhow::{Context as _, bail, ensure};
use nightshift::clock::Clock;
use nightshift_model::Seconds;
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// A start or an end that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program that is tested: `$NIGHTSHIFT_BIN`, or the one beside this test.
///
/// # Errors
/// When it was not built.
pub fn binary() -> anyhow::Result<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("nightshift"));
    let path = std::env::var_os("NIGHTSHIFT_BIN").map(PathBuf::from).or_else(beside).context("no path")?;
    ensure!(path.is_file(), "{} is not built: cargo build -p nightshift", path.display());
    Ok(path)
}

/// A command in an environment without anything of ours.
///
/// # Errors
/// When the program was not built.
pub fn command() -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    Ok(command)
}

/// `nightshift run`, until it is dropped.
pub struct Process {
    child: std::process::Child,
    config: PathBuf,
    /// Where health and metrics are read.
    pub health: String,
    /// The gate.
    pub gate: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl House {
    /// Waits, at the house's pace, until its clock shows the wall's time; then it goes on as the wall's does.
    pub async fn catch_up(&self) {
        let wall = Clock::wall();
        // The last second is not hurried: what both clocks say is compared to milliseconds afterwards.
        for (pace, left) in [(self.plan.speed, Seconds(2)), (2, Seconds(0))] {
            self.clock.run_at(pace);
            while self.clock.now() + left < wall.now() {
                self.clock.sleep_real(Duration::from_millis(1)).await;
            }
        }
        self.clock.run_at(1);
    }

    /// Starts `nightshift run` on this house's cluster and history, and waits until it is ready.
    pub async fn process(&self) -> anyhow::Result<Process> {
        self.process_with(&json!({})).await
    }

    /// The same with more sections in its configuration; files that they name stand in the house's folder.
    pub async fn process_with(&self, more: &serde_json::Value) -> anyhow::Result<Process> {
        let folder = self.folder.path();
        let port = || anyhow::Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?);
        let (gate, health, url) = (port()?, port()?, self.door.url());
        let write =
            |name: &str, value: serde_json::Value| std::fs::write(folder.join(name), value.to_string());
        write("registry.yaml", self.plan.registry.clone())?;
        write(
            "kubeconfig",
            json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "it",
                "clusters": [{"name": "it", "cluster": {"server": url}}],
                "users": [{"name": "it", "user": {"token": EXECUTOR}}],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            }),
        )?;
        let mut settings = json!({
            "mode": "approve", "actions": {"namespaces": ["shop"]},
            "cluster": {"name": "test", "kubeconfig": "kubeconfig"}, "store": {"path": "history.db"}, "audit": {"keys_dir": "executor-keys"},
            "gate": {"listen": gate, "keys_dir": "keys"}, "health": {"listen": health},
            "prometheus": {"url": url}, "registry": "registry.yaml", "log": {"level": "info"},
        });
        add(&mut settings, more);
        write("nightshift.yaml", settings)?;
        let config = folder.join("nightshift.yaml");
        // A full disk is an error to be told, not a signal to die of.
        let mut shell = Command::new("sh");
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(binary()?);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log.jsonl"))?;
        let child = shell.args(["run", "--config"]).arg(&config).stdin(Stdio::null()).stderr(log).spawn()?;
        let (gate, health) = (format!("http://{gate}"), format!("http://{health}"));
        let mut process = Process { child, config, health, gate };
        let began = self.clock.monotonic();
        loop {
            if reqwest::get(format!("{}/readyz", process.health)).await.is_ok_and(|a| a.status() == 200) {
                return Ok(process);
            }
            if process.child.try_wait()?.is_some() {
                bail!("it ended: {}", std::fs::read_to_string(folder.join("log.jsonl"))?);
            }
            ensure!(self.clock.monotonic().saturating_sub(began) < PATIENCE, "it did not get ready");
            self.clock.sleep_real(Duration::from_millis(50)).await;
        }
    }
}

impl Process {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A sign-in link, from the command line beside it.
    ///
    /// # Errors
    /// When the command fails.
    pub fn invite(&self, person: &str) -> anyhow::Result<String> {
        let told = command()?
            .args(["person", "invite", person, "-o", "json", "--config"])
            .arg(&self.config)
            .output()?;
        ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let told: serde_json::Value = serde_json::from_slice(&told.stdout)?;
        told.get("link").and_then(serde_json::Value::as_str).map(str::to_owned).context("no link")
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM; how it ended, and after how long.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn terminate(mut self, clock: &Clock) -> anyhow::Result<(ExitStatus, Duration)> {
        run("kill", &["-TERM", &self.id().to_string()])?;
        let began = clock.monotonic();
        loop {
            let passed = clock.monotonic().saturating_sub(began);
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, passed));
            }
            ensure!(passed < PATIENCE, "it does not end");
            clock.sleep_real(Duration::from_millis(20)).await;
        }
    }

    /// From now on no byte is written behind the first `bytes` of any file: what a full disk is to a program.
    ///
    /// # Errors
    /// When `prlimit` fails.
    pub fn disk(&self, bytes: &str) -> anyhow::Result<()> {
        run("prlimit", &["--pid", &self.id().to_string(), &format!("--fsize={bytes}")])
    }
}

/// Puts sections into a configuration, over those that are there.
pub fn add(settings: &mut serde_json::Value, more: &serde_json::Value) {
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), more.as_object()) {
        settings.extend(more.clone());
    }
}

/// What a process holds in memory now, and the most that it held, in KiB.
///
/// # Errors
/// When it has ended.
pub fn memory(process: u32) -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|n| n.parse().ok());
        number.with_context(|| name.to_owned())
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| program.to_owned())?;
    ensure!(status.success(), "{program} {arguments:?}: {status}");
    Ok(())
}
