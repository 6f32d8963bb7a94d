//! `nightshift audit`.

use super::output::{Format, OutputArg, Screen, json, many, wrapped};
use super::source::SourceArg;
use super::{Answer, Exit, Failure};
use crate::runtime::offline::{self, Anchor, AuditExit, Report};
use clap::Subcommand;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Problems that are told; `-o json` has all of them.
const TOLD: usize = 20;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prove that nothing was changed or taken out
    #[command(after_help = VERIFY_EXITS)]
    Verify(VerifyArgs),
    /// Copy the history as lines of JSON that prove themselves
    Export(ExportArgs),
}

const VERIFY_EXITS: &str = "Exit codes: 0 whole, 1 tampered, 2 incomplete (nothing kept elsewhere was compared), 3 unreadable.
A chain alone cannot show that its end was cut off: keep the tip that is printed elsewhere, and give it with --tip.";

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    source: SourceArg,
    /// An export instead of a store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["db", "config"])]
    jsonl: Option<PathBuf>,
    /// Begin behind this row; folds and votes are not checked then
    #[arg(long, value_name = "ROW", default_value_t = 0, conflicts_with = "jsonl")]
    from: u64,
    /// A tip that an earlier verification printed and that was kept elsewhere
    #[arg(long, value_name = "ROW:HASH")]
    tip: Vec<Anchor>,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    #[command(flatten)]
    source: SourceArg,
    /// The file that is made; `-` for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    jsonl: PathBuf,
    /// Begin at this row
    #[arg(long, value_name = "ROW", default_value_t = 0)]
    from: u64,
}

pub(super) async fn run(args: Args, screen: &Screen) -> Answer {
    match args.what {
        What::Verify(args) => verify(args, screen).await,
        What::Export(args) => export(args).await,
    }
}

async fn verify(args: VerifyArgs, screen: &Screen) -> Answer {
    let mut report = if let Some(path) = &args.jsonl {
        offline::verify_jsonl(open(path)?).map_err(|error| unread(path, &error))?
    } else {
        let store = args.source.open().await.map_err(unreadable)?.store;
        let report = offline::verify(&store, args.from).await?;
        hold(report, &args.tip, async |tip| {
            offline::anchored(&store, tip).await.map_err(|e| Failure::io(e.to_string()))
        })
        .await?
    };
    if let Some(path) = &args.jsonl {
        let look =
            async |tip| offline::anchored_jsonl(open(path)?, tip).map_err(|error| unread(path, &error));
        report = hold(report, &args.tip, look).await?;
    }
    let exit = match report.exit() {
        AuditExit::Whole => Exit::Done,
        AuditExit::Tampered => Exit::Found,
        AuditExit::Incomplete => Exit::Usage,
        AuditExit::Unreadable => Exit::Io,
    };
    let text = match args.out.output {
        Format::Json => machine(&report),
        Format::Text => people(screen, &report),
    };
    Ok((text, exit))
}

/// Whatever keeps a store from being read is an I/O error here: 1 and 2 have their own meaning.
fn unreadable(failure: Failure) -> Failure {
    Failure { exit: Exit::Io, ..failure }
}

/// Compares what was kept elsewhere.
async fn hold(
    mut report: Report,
    tips: &[Anchor],
    look: impl AsyncFn(Anchor) -> Result<Option<String>, Failure>,
) -> Result<Report, Failure> {
    for tip in tips {
        if let Some(what) = look(*tip).await? {
            report.problems.push(offline::Problem { seq: tip.seq, what });
        }
    }
    // The newest row that is known from elsewhere vouches for everything before it.
    report.chain_only = tips.is_empty();
    Ok(report)
}

fn machine(report: &Report) -> String {
    let told = |list: &[offline::Problem]| {
        list.iter().map(|p| serde_json::json!({"row": p.seq, "what": p.what})).collect::<Vec<_>>()
    };
    let verdict = match report.exit() {
        AuditExit::Whole => "whole",
        AuditExit::Tampered => "tampered",
        AuditExit::Incomplete => "incomplete",
        AuditExit::Unreadable => "unreadable",
    };
    json(&serde_json::json!({
        "verdict": verdict, "rows": report.rows, "incidents": report.incidents,
        "tip": report.tip.map(|tip| serde_json::json!({"row": tip.seq, "hash": tip.hash})),
        "problems": told(&report.problems), "warnings": told(&report.warnings),
        "chain_only": report.chain_only, "partial": report.partial,
    }))
}

fn people(screen: &Screen, report: &Report) -> String {
    let count = |n: usize| many(n, "incident", "incidents");
    let looked = format!("{} rows, {}", report.rows, count(report.incidents));
    let mut out = match report.exit() {
        AuditExit::Whole => {
            format!("{} {looked}: nothing was changed or taken out.\n", screen.style.good("whole:"))
        }
        AuditExit::Tampered => format!("{} {looked}.\n", screen.style.bad("TAMPERED:")),
        AuditExit::Incomplete | AuditExit::Unreadable => {
            format!("{} {looked}: what was checked holds.\n", screen.style.unsure("incomplete:"))
        }
    };
    for problem in report.problems.iter().take(TOLD) {
        out.push_str(&wrapped(screen, 2, &format!("row {}: {}", problem.seq, problem.what)));
    }
    if report.problems.len() > TOLD {
        let _ = writeln!(out, "  and {} more (-o json)", report.problems.len() - TOLD);
    }
    for warning in report.warnings.iter().take(TOLD) {
        out.push_str(&wrapped(screen, 2, &format!("warning: row {}: {}", warning.seq, warning.what)));
    }
    if report.partial {
        out.push_str("  The look began behind row 0, so folds and votes were not checked.\n");
    }
    if let Some(tip) = report.tip {
        let _ = writeln!(out, "tip {}:{}", tip.seq, tip.hash);
        if report.chain_only {
            out.push_str(" next: keep the tip elsewhere, and verify against it later with --tip\n");
        }
    }
    out
}

async fn export(args: ExportArgs) -> Answer {
    let store = args.source.open().await?.store;
    let failed = |error: offline::ExportError| Failure::io(super::failure::causes(&error));
    if args.jsonl == Path::new("-") {
        let mut text = Vec::new();
        offline::export(&store, args.from, &mut text).await.map_err(failed)?;
        return Ok((String::from_utf8_lossy(&text).into_owned(), Exit::Done));
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.jsonl);
    let file = made.map_err(|error| {
        Failure::io(format!("{} cannot be made: {error}", args.jsonl.display()))
            .then("name a file that is not there yet")
    })?;
    let rows = offline::export(&store, args.from, &mut BufWriter::new(file)).await.map_err(failed)?;
    let next = format!(" next: nightshift audit verify --jsonl {}", args.jsonl.display());
    Ok((format!("{rows} rows written to {}\n{next}\n", args.jsonl.display()), Exit::Done))
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path).map(BufReader::new).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(format!("{} cannot be read as an export: {error}", path.display()))
        .then("make one with `nightshift audit export --jsonl FILE`")
}
