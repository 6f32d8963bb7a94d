//! `nightshift demo`.

use super::{Answer, Exit, Failure};
use crate::demo::{self, Options};
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Play the person too: nobody is asked
    #[arg(long)]
    unattended: bool,
    /// Play acts one and two on your own cluster, in one namespace that is made and removed
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Image of the pods there; it must have a shell
    #[arg(long, value_name = "IMAGE", default_value = "busybox:1.36", requires = "kubeconfig")]
    image: String,
    /// How many times as fast as a clock
    #[arg(long, value_name = "N", default_value_t = 60, conflicts_with = "kubeconfig", value_parser = clap::value_parser!(u32).range(1..=600))]
    speed: u32,
    /// Keep the folder with the history
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(args: Args) -> Answer {
    if args.unattended {
        let named = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        alone(args.kubeconfig.is_some(), named)?;
    }
    let Args { unattended, kubeconfig, image, speed, keep } = args;
    demo::run(Options { unattended, kubeconfig, image, speed, keep }).await?;
    Ok((String::new(), Exit::Done))
}

/// Nobody approves in an unattended demo, so nothing real may be within its reach.
fn alone(kubeconfig: bool, environment: impl Iterator<Item = String>) -> Result<(), Failure> {
    let refused = |what: &str, next: String| {
        Failure::usage(
            format!("`demo --unattended` approves by itself, so it must not reach anything real: {what}"),
            next,
        )
    };
    if kubeconfig {
        return Err(refused("--kubeconfig names a cluster", "leave one of the two out".to_owned()));
    }
    let real = |name: &String| name == "KUBECONFIG" || name.starts_with("NIGHTSHIFT_");
    let mut found: Vec<String> = environment.filter(real).collect();
    found.sort();
    if found.is_empty() {
        return Ok(());
    }
    let unset: Vec<String> = found.iter().map(|name| format!("-u {name}")).collect();
    Err(refused(
        &format!("set are {}", found.join(", ")),
        format!("env {} nightshift demo --unattended", unset.join(" ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unattended_demo_takes_no_cluster_and_no_store() {
        let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>().into_iter();
        assert!(alone(false, names(&["HOME", "PATH"])).is_ok());
        assert_eq!(alone(true, names(&[])).unwrap_err().exit, Exit::Usage);
        let refused = alone(false, names(&["NIGHTSHIFT_DB", "KUBECONFIG"])).unwrap_err();
        assert!(refused.what.ends_with("set are KUBECONFIG, NIGHTSHIFT_DB"), "{}", refused.what);
        assert_eq!(refused.next, "env -u KUBECONFIG -u NIGHTSHIFT_DB nightshift demo --unattended");
    }
}
