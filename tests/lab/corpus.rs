//! The corpus on the lab's kubelets: `tests/lab/up --nodes 3 -- <this program> [options]`.

use anyhow::{Context as _, bail, ensure};
use nightshift::clock::Clock;
use nightshift_model::Seconds;
use nightshift_tests::corpus::case::Case;
use nightshift_tests::corpus::{load, run};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
corpus [options]
  --draw N       only N cases, drawn by the seed
  --seed N       the seed of the draw (printed; default: another one each time)
  --only TEXT    only cases whose name contains TEXT; may be given several times
  --beside       without the cases that want to be alone
  --alone        only those
  --at-most TIME only cases that take no longer, such as 3m
  --soak TIME    only the soak: healthy disturbances, over and over for so long
  --at-once N    how many cases play side by side (default 12)
  --cases DIR    another folder of cases; may be given several times
  --list         names and sources, without a lab";

struct Options {
    draw: Option<usize>,
    seed: Option<u64>,
    only: Vec<String>,
    beside: bool,
    alone: bool,
    at_most: Option<Seconds>,
    soak: Seconds,
    at_once: usize,
    homes: Vec<PathBuf>,
    list: bool,
}

fn main() -> ExitCode {
    match started() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("corpus: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn started() -> anyhow::Result<bool> {
    let options = options(std::env::args().skip(1))?;
    let mut cases = read(&options.homes)?;
    cases.retain(|case| options.only.is_empty() || options.only.iter().any(|text| case.name.contains(text)));
    cases.retain(|case| !(if case.told.alone { options.beside } else { options.alone }));
    cases.retain(|case| case.soaks() == (options.soak > Seconds(0)));
    cases.retain(|case| options.at_most.is_none_or(|most| case.length() <= most));
    if let Some(count) = options.draw {
        let seed = options.seed.unwrap_or_else(|| Clock::wall().now().micros().unsigned_abs());
        println!("corpus: {count} of {} cases, --seed {seed}", cases.len());
        cases = draw(cases, count, seed);
    }
    ensure!(!cases.is_empty(), "no case is left to run");
    if options.list {
        for case in &cases {
            println!("{}\t{}\t{}", case.name, case.told.source, case.told.about);
        }
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run::run(cases, options.at_once, options.soak))?;
    println!("\n{}", report.text());
    let lab = std::env::var_os("LAB").context("not inside the lab")?;
    std::fs::write(PathBuf::from(lab).join("corpus/report.md"), report.text())?;
    Ok(report.is_right())
}

fn options(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options {
        draw: None,
        seed: None,
        only: Vec::new(),
        beside: false,
        alone: false,
        at_most: None,
        soak: Seconds(0),
        at_once: 12,
        homes: Vec::new(),
        list: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            "--draw" => options.draw = Some(value()?.parse().context("--draw")?),
            "--seed" => options.seed = Some(value()?.parse().context("--seed")?),
            "--only" => options.only.push(value()?),
            "--beside" => options.beside = true,
            "--alone" => options.alone = true,
            "--at-most" => options.at_most = Some(time(&value()?)?),
            "--soak" => options.soak = time(&value()?)?,
            "--at-once" => options.at_once = value()?.parse().context("--at-once")?,
            "--cases" => options.homes.push(value()?.into()),
            "--list" => options.list = true,
            other => bail!("unknown option {other}\n{USAGE}"),
        }
    }
    ensure!(options.at_once > 0, "--at-once 0: nothing would play");
    if options.homes.is_empty() {
        options.homes.push(load::home());
    }
    Ok(options)
}

fn time(text: &str) -> anyhow::Result<Seconds> {
    text.parse().map_err(|why| anyhow::anyhow!("{text}: {why}"))
}

/// The cases of every folder; of two with the same name the later one counts.
fn read(homes: &[PathBuf]) -> anyhow::Result<Vec<Case>> {
    let mut all: Vec<Case> = Vec::new();
    for home in homes {
        let cases = load::load(home).map_err(|faults| {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("the corpus cannot be read:\n{}", lines.join("\n"))
        })?;
        all.retain(|old| !cases.iter().any(|new| new.name == old.name));
        all.extend(cases);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The same ones for the same seed, in the order of their names.
fn draw(mut cases: Vec<Case>, count: usize, seed: u64) -> Vec<Case> {
    let mut state = seed;
    // SplitMix64: a few lines that are the same on every machine.
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let mut keyed: Vec<(u64, Case)> = cases.drain(..).map(|case| (next(), case)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.truncate(count);
    let mut drawn: Vec<Case> = keyed.into_iter().map(|(_, case)| case).collect();
    drawn.sort_by(|a, b| a.name.cmp(&b.name));
    drawn
}
