//! `nightshift completions`.

use super::Exit;
use clap_complete::Shell;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, command: &mut clap::Command) -> (String, Exit) {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "nightshift", &mut text);
    (String::from_utf8_lossy(&text).into_owned(), Exit::Done)
}
