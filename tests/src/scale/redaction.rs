//! B13: how fast secrets are taken out of logs, and whether all are.

use super::logs::{self, Logs};
use super::peers::cpu;
use super::secrets::KINDS;
use super::table::{Met, Page, Row, Spread, short};
use anyhow::{Context as _, ensure};
use nightshift_engine::redact::redactor;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Rounds, in turns; all of them together are a gigabyte.
const ROUNDS: usize = 5;
/// Bytes of a round.
const BYTES: usize = 200_000_000;
/// Bytes for the peer, which is slow.
const FEW: usize = 2_000_000;
/// A piece: what is taken of a log at a time.
const PIECE: usize = 64 << 10;
/// What the logs are made from.
const SEED: u64 = 13;
/// MB a second and core, and how many times the peer's.
const TARGET: [f64; 2] = [150.0, 20.0];

/// Whole lines, some 64 KiB at a time.
fn pieces(text: &str) -> Vec<&str> {
    let (mut all, mut rest) = (Vec::new(), text);
    while rest.len() > PIECE {
        let near = rest.floor_char_boundary(PIECE);
        let end = rest.get(..near).and_then(|piece| piece.rfind('\n')).map_or(near, |place| place + 1);
        let (piece, after) = rest.split_at(end);
        all.push(piece);
        rest = after;
    }
    all.push(rest);
    all
}

/// The kinds of those secrets that are still there.
fn missed<'a>(logs: &'a Logs, pieces: &[&str]) -> Vec<&'a str> {
    let (mut planted, mut end, mut missed) = (logs.planted.iter().peekable(), 0, Vec::new());
    for piece in pieces {
        end += piece.len();
        let done = redactor().redact(piece).text;
        while let Some((_, kind, secret)) = planted.next_if(|(from, ..)| *from < end) {
            if done.contains(secret.as_str()) {
                missed.push(*kind);
            }
        }
    }
    missed
}

/// Megabytes a second of CPU time.
fn rate(bytes: usize, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = cpu(std::process::id())?;
    work()?;
    #[allow(clippy::cast_precision_loss)] // millions
    let megabytes = bytes as f64 / 1e6;
    Ok(megabytes / (cpu(std::process::id())? - before).max(0.01))
}

/// CPU seconds of detect-secrets on a file.
fn scanned(program: &Path, file: &Path) -> anyhow::Result<f64> {
    let children = || {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let (_, fields) = stat.rsplit_once(") ").context("/proc/self/stat without a name")?;
        let ticks = |n: usize| fields.split(' ').nth(n).and_then(|t| t.parse::<u32>().ok());
        let both = ticks(13).zip(ticks(14)).context("/proc/self/stat")?;
        anyhow::Ok(f64::from(both.0 + both.1) / 100.0) // USER_HZ
    };
    let before = children()?;
    let mut command = Command::new(program);
    // What lies outside of the folder where it runs is not scanned.
    let (folder, name) = (file.parent().context("no folder")?, file.file_name().context("no name")?);
    command.args(["scan", "--all-files", "--no-verify"]).arg(name).current_dir(folder);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    ensure!(command.stdout(Stdio::null()).status()?.success(), "detect-secrets failed");
    Ok(children()? - before)
}

/// Measures it.
pub fn run(page: &mut Page) -> anyhow::Result<()> {
    let logs = logs::make(BYTES, SEED);
    let pieces = pieces(&logs.text);
    let folder = tempfile::tempdir()?;
    let (file, empty) = (folder.path().join("some.txt"), folder.path().join("none.txt"));
    std::fs::write(&file, logs.text.get(..logs.text.floor_char_boundary(FEW)).unwrap_or_default())?;
    std::fs::write(&empty, "nothing\n")?;
    let scanner = std::env::var_os("BENCH_DETECT_SECRETS").map(PathBuf::from).filter(|path| path.is_file());
    let (mut ours, mut copy, mut theirs) = (Spread::default(), Spread::default(), Spread::default());
    for _ in 0..ROUNDS {
        ours.add(rate(BYTES, || {
            for piece in &pieces {
                drop(black_box(redactor().redact(piece)));
            }
            Ok(())
        })?);
        copy.add(rate(BYTES, || {
            for piece in &pieces {
                drop(black_box(black_box(*piece).to_owned()));
            }
            Ok(())
        })?);
        if let Some(scanner) = &scanner {
            let spent = scanned(scanner, &file)? - scanned(scanner, &empty)?;
            #[allow(clippy::cast_precision_loss)] // millions
            theirs.add(FEW as f64 / 1e6 / spent.max(0.01));
        }
    }
    let missed = missed(&logs, &pieces);
    let kinds: BTreeSet<&str> = missed.iter().copied().collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let times = (theirs.rounds() > 0).then(|| ours.middle() / theirs.middle());
    page.row(Row {
        id: "B13",
        what: format!(
            "secrets out of {} MB of logs: {} of {} planted ones of {} kinds missed {}",
            ROUNDS * BYTES / 1_000_000,
            missed.len(),
            logs.planted.len(),
            KINDS.len(),
            kinds.join(", ")
        ),
        ours: ours.told("MB/s a core"),
        peer: format!("copying them {}; detect-secrets {}", copy.told("MB/s"), theirs.told("MB/s")),
        ratio: times.map_or_else(
            || "detect-secrets is not there".to_owned(),
            |t| format!("{} times detect-secrets", short(t)),
        ),
        target: format!(
            "at least {} MB/s a core, {} times detect-secrets, none missed",
            TARGET[0], TARGET[1]
        ),
        met: Met::when(
            ours.middle() >= TARGET[0] && times.is_none_or(|t| t >= TARGET[1]) && missed.is_empty(),
        ),
    });
    Ok(())
}
