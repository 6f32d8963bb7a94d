//! Benchmarks on a real API server that is full: `tests/bench/run`, which builds, starts the lab and writes the page.

use anyhow::{Context as _, bail};
use nightshift_tests::lab::Cluster;
use nightshift_tests::scale::load::Loaded;
use nightshift_tests::scale::table::Page;
use nightshift_tests::scale::{churn, idle, memory, raw, sync};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
scale [options]                what tests/bench/run starts inside the lab
  --full          50,000 pods too, and ten minutes of idling
  --only NAMES    only these, as in B1,B14
  --found         the cluster is as an earlier run in the same lab left it
  --page FILE     writes the results page there
scale raw KUBECONFIG           the raw loop, until SIGTERM";

/// What a run does.
#[derive(Default)]
struct Options {
    full: bool,
    only: Vec<String>,
    found: bool,
    page: Option<PathBuf>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn main() -> ExitCode {
    match started(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn started(words: Vec<String>) -> anyhow::Result<()> {
    if let [word, kubeconfig] = words.as_slice()
        && word == "raw"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(raw::run(Path::new(kubeconfig)));
    }
    let options = options(words.into_iter())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&options))
}

fn options(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--full" => options.full = true,
            "--found" => options.found = true,
            "--only" => {
                options.only = words.next().context("--only what?")?.split(',').map(str::to_owned).collect();
            }
            "--page" => options.page = Some(words.next().context("--page where?")?.into()),
            other => bail!("unknown option {other}\n{USAGE}"),
        }
    }
    Ok(options)
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let mut page = Page::default();
    let admins: Vec<Cluster> = (0..4).map(|_| Cluster::connect()).collect::<Result<_, _>>()?;
    let admin = admins.first().context("no cluster")?;
    let mut loaded = if options.found { Loaded::found(admin).await? } else { Loaded::default() };
    let lab = memory::Lab::new(admin).await?;
    if loaded.pods < 1_000 {
        loaded.fill(&admins, 1_000).await?;
    }
    if loaded.pods < 10_000 {
        loaded.fill(&admins, 10_000).await?;
    }
    if options.wants("B3") {
        sync::run(&lab, loaded.pods, &mut page).await?;
    }
    if options.wants("B14") {
        let window = if options.full { Duration::from_mins(10) } else { Duration::from_mins(2) };
        idle::run(&lab, loaded.pods, window, &mut page).await?;
    }
    if options.wants("B4") {
        churn::run(&lab, &admins, &loaded, &mut page).await?;
    }
    if options.wants("B1") {
        memory::whole(&lab, &admins, &loaded, &mut page).await?;
    }
    if let Some(path) = &options.page {
        std::fs::write(path, page.markdown("# Benchmarks"))?;
    }
    Ok(())
}
