//! The demo.

use std::path::PathBuf;

/// What `nightshift demo` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Plays the person too.
    pub unattended: bool,
    /// Plays on the reader's own cluster.
    pub kubeconfig: Option<PathBuf>,
    /// How many times as fast as the wall's clock.
    pub speed: u32,
    /// Keeps the folder with the store.
    pub keep: bool,
}

/// Plays the demo.
///
/// # Errors
/// What stopped it.
#[allow(clippy::unused_async)]
pub async fn run(options: Options) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not wired yet: {options:?}")
}
