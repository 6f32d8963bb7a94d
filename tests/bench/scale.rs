//! Benchmarks on a real API server that is full: `tests/bench/run`, which builds, starts the lab and writes the page.

use anyhow::{Context as _, bail, ensure};
use nightshift_tests::lab::Cluster;
use nightshift_tests::scale::load::Loaded;
use nightshift_tests::scale::table::Page;
use nightshift_tests::scale::{churn, idle, latency, machine, memory, paging, raw, redaction, sync};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
scale [options]                what tests/bench/run starts inside the lab
  --full          50,000 pods too, and ten minutes of idling
  --only NAMES    only these, as in B1,B14
  --pods N        in place of 10,000, to try something
  --found         the cluster is as an earlier run in the same lab left it
  --page FILE     writes the results page there
scale raw KUBECONFIG [--tell]  the raw loop, until SIGTERM";

/// What a run does.
#[derive(Default)]
struct Options {
    full: bool,
    only: Vec<String>,
    found: bool,
    pods: Option<usize>,
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
    if let [word, kubeconfig, more @ ..] = words.as_slice()
        && word == "raw"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(raw::run(Path::new(kubeconfig), more.iter().any(|word| word == "--tell")));
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
            "--pods" => options.pods = Some(words.next().context("--pods how many?")?.parse()?),
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
    let lines = machine::lines(admin).await?;
    let mut loaded = if options.found { Loaded::found(admin).await? } else { Loaded::default() };
    let lab = memory::Lab::new(admin).await?;
    let mut growth = memory::Growth::default();
    if options.wants("B13") {
        let done = redaction::run(&mut page);
        page.done("B13", done);
    }
    if loaded.pods < 1_000 {
        loaded.fill(&admins, 1_000).await?;
    }
    if options.wants("B2") && loaded.pods == 1_000 {
        growth.measure(&lab, loaded.pods).await?;
    }
    let pods = options.pods.unwrap_or(10_000);
    if loaded.pods < pods {
        loaded.fill(&admins, pods).await?;
    }
    if options.wants("B3") {
        let done = sync::run(&lab, loaded.pods, &mut page).await;
        page.done("B3", done);
    }
    if options.wants("B4") {
        let done = churn::run(&lab, &admins, &loaded, &mut page).await;
        page.done("B4", done);
    }
    if options.wants("B5") {
        let done = latency::run(&lab, &admins, &loaded, &mut page).await;
        page.done("B5", done);
    }
    if options.wants("B6") {
        let done = paging::run(&lab, &admins, &loaded, &mut page).await;
        page.done("B6", done);
    }
    if options.wants("B14") {
        let window = if options.full { Duration::from_mins(10) } else { Duration::from_mins(2) };
        let done = idle::run(&lab, loaded.pods, window, &mut page).await;
        page.done("B14", done);
    }
    if options.wants("B1") {
        let done = memory::whole(&lab, &admins, &loaded, &mut page).await;
        page.done("B1", done);
    }
    if options.wants("B2") {
        growth.measure(&lab, loaded.pods).await?;
        if options.full {
            loaded.fill(&admins, 50_000).await?;
            growth.measure(&lab, loaded.pods).await?;
        }
        growth.row(&mut page);
    }
    if let Some(path) = &options.page {
        std::fs::write(path, page.markdown(&head(&lines)))?;
    }
    ensure!(page.broken().is_empty(), "not measured: {}", page.broken().join(", "));
    Ok(())
}

/// The page's beginning: how it came about.
fn head(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!(
        "<!-- @generated by tests/bench/run --full --page docs/benchmarks.md -->\n# Benchmarks\n\n\
         Measured in one run, beside peers that did the same in turns; medians, in brackets the smallest and the largest. Ratios \
         count: this machine is shared. `MB` are 1,000,000 bytes, memory is what the kernel counts as resident. To run it again: \
         `tests/bench/run --full --page docs/benchmarks.md` (root, Debian, an hour).\n\n{}- load when it ended {}\n",
        lines.concat(),
        machine::load()
    )
}
