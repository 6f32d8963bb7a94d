//! The command line.

use std::process::ExitCode;

/// Runs.
pub fn run() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new();
    let unattended = std::env::args().any(|a| a == "--unattended");
    let options = crate::demo::Options { unattended, kubeconfig: None, speed: 60, keep: false };
    match runtime.map(|r| r.block_on(crate::demo::run(options))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
