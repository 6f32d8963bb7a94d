//! `nightshift run`.

use super::output::Screen;
use super::source::ConfigArg;
use super::{Answer, Exit, Failure};
use crate::config::Config;
use crate::runtime::offline::RoleArg;
use crate::{runtime, telemetry};
use clap::ValueEnum;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Which loops run in this process
    #[arg(long, value_enum, default_value = "all")]
    role: Role,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Both
    All,
    /// Watches, explains, serves the gate, proves, tells; reads only
    Responder,
    /// Carries out what was granted, nothing else
    Executor,
}

pub(super) async fn run(args: Args, screen: &Screen) -> Answer {
    let config = Config::load(&args.config.path())?;
    telemetry::init(&config.log, screen.style.is_coloured())
        .map_err(|error| Failure::usage(super::failure::causes(&error), "write `log: { level: info }`"))?;
    let role = match args.role {
        Role::All => RoleArg::All,
        Role::Responder => RoleArg::Responder,
        Role::Executor => RoleArg::Executor,
    };
    runtime::run(config, role).await?;
    Ok((String::new(), Exit::Done))
}
