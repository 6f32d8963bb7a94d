//! `nightshift demo`: three acts and a morning on a simulated cluster, with the real everything else.

pub mod cluster;
pub mod door;
pub mod objects;
pub mod person;
pub mod script;
pub mod show;
pub mod stage;
pub mod stop;

use anyhow::Context as _;
use cluster::Real;
use person::Person;
use script::OnCall;
use show::Show;
use stage::Stage;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stop::Stop;

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

/// Plays the demo. Told to stop, it puts away what it began and ends well.
///
/// # Errors
/// When a step does not happen, or the namespace it made does not go.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let stop = Stop::listen().context("signals cannot be heard")?;
    let show = Show::new(stop.clone());
    let ended = match &options.kubeconfig {
        None => {
            show.line(&format!(
                "nightshift demo: a simulated cluster on this machine, time passes {} times as fast.\n\
                 Nothing leaves 127.0.0.1, and everything is removed at the end.",
                options.speed
            ));
            on_stage(Stage::simulated(options.speed), &options, &show, &stop).await
        }
        Some(kubeconfig) => on_a_cluster(kubeconfig, &options, &show, &stop).await,
    };
    if ended? == Ended::Played {
        show.line("\nNext: nightshift check --config nightshift.yaml");
    }
    Ok(())
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// To the last line.
    Played,
    /// Somebody did not want more.
    Stopped,
}

/// Whatever happens between, the namespace that was made is removed.
async fn on_a_cluster(
    kubeconfig: &Path,
    options: &Options,
    show: &Show,
    stop: &Stop,
) -> anyhow::Result<Ended> {
    let real = Arc::new(Real::connect(kubeconfig, &options.image).await?);
    let namespace = &real.namespace;
    show.line(&format!(
        "nightshift demo: on your cluster, in namespace {namespace}, which is removed at the end.\n\
         One identity, yours: more rights than nightshift needs. Without Prometheus: cluster only.",
    ));
    // Not to be interrupted: whoever does not know whether it was made cannot remove it.
    let ended = match real.make().await {
        Ok(()) => on_stage(Stage::real(Arc::clone(&real)), options, show, stop).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &ended {
        show.line(&format!("\n{error:#}"));
    }
    show.line(&format!("\nRemoving namespace {namespace} ..."));
    let by_hand = || format!("look after it yourself: kubectl delete namespace {namespace}");
    stop.unless_again(real.remove()).await.context("not waited for").flatten().with_context(by_hand)?;
    show.line(&format!("Namespace {namespace} is gone."));
    ended
}

async fn on_stage(
    stage: impl Future<Output = anyhow::Result<Stage>>,
    options: &Options,
    show: &Show,
    stop: &Stop,
) -> anyhow::Result<Ended> {
    let Some(stage) = stop.unless(stage).await.transpose()? else { return Ok(Ended::Stopped) };
    let played = stop.unless(play(&stage, options, show)).await.transpose();
    let folder = stage.end().await;
    if options.keep {
        show.line(&format!("\nThe history is kept in {}", folder.keep().display()));
    }
    Ok(if played?.is_some() { Ended::Played } else { Ended::Stopped })
}

async fn play(stage: &Stage, options: &Options, show: &Show) -> anyhow::Result<()> {
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
