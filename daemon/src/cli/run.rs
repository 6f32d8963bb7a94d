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
pub(super) enum Role {
    /// Both
    All,
    /// Watches, explains, serves the gate, proves, tells; reads only
    Responder,
    /// Carries out what was granted, nothing else
    Executor,
}

impl From<Role> for RoleArg {
    fn from(role: Role) -> Self {
        match role {
            Role::All => Self::All,
            Role::Responder => Self::Responder,
            Role::Executor => Self::Executor,
        }
    }
}

pub(super) async fn run(args: Args, screen: &Screen) -> Answer {
    let config = Config::load(&args.config.path())?;
    telemetry::init(&config.log, screen.style.is_coloured())
        .map_err(|error| Failure::usage(super::failure::causes(&error), "write `log: { level: info }`"))?;
    runtime::run(config, args.role.into()).await?;
    Ok((String::new(), Exit::Done))
}
