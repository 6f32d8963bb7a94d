//! `nightshift demo`: three acts and a morning on a simulated cluster, with the real everything else.

pub mod cluster;
pub mod door;
pub mod objects;
pub mod person;
pub mod script;
pub mod show;
pub mod stage;

use person::Person;
use script::OnCall;
use show::Show;
use stage::Stage;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Play the person too.
    pub unattended: bool,
    /// A real cluster instead of the simulated one.
    pub kubeconfig: Option<PathBuf>,
    /// Image of the pods on a real cluster; it must have a shell.
    pub image: String,
    /// How fast time passes.
    pub speed: u32,
    /// Keeps the folder with the history.
    pub keep: bool,
}

/// Plays the demo.
///
/// # Errors
/// When a step does not happen.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let show = Show;
    let stage = match &options.kubeconfig {
        None => {
            show.line(&format!(
                "nightshift demo: a simulated cluster on this machine, time passes {} times as fast.\n\
                 Nothing leaves 127.0.0.1, and everything is removed at the end.",
                options.speed
            ));
            Stage::simulated(options.speed).await?
        }
        Some(kubeconfig) => {
            let stage = Stage::real(kubeconfig, &options.image).await?;
            show.line(&format!(
                "nightshift demo: on your cluster, in namespace {}, which is removed at the end.\n\
                 One identity, yours: more rights than nightshift needs. Without Prometheus: cluster only.",
                stage.ground.namespace()
            ));
            stage
        }
    };
    let played = play(&stage, &options, show).await;
    let folder = stage.end().await;
    if options.keep {
        show.line(&format!("\nThe history is kept in {}", folder.keep().display()));
    }
    played?;
    show.line("\nNext: nightshift check --config nightshift.yaml");
    Ok(())
}

async fn play(stage: &Stage, options: &Options, show: Show) -> anyhow::Result<()> {
    let mut on_call = if options.unattended {
        OnCall::Played(Person::new(&stage.doors.origin())?)
    } else {
        OnCall::Reader { speed: options.speed }
    };
    script::crash(stage, &mut on_call, show).await?;
    script::refusal(stage, &mut on_call, show).await?;
    if options.kubeconfig.is_some() {
        return Ok(());
    }
    script::boring(stage, show).await?;
    script::morning(stage, &mut on_call, show).await
}
