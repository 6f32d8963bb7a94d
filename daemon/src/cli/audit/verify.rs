//! `nightshift audit verify`.

use super::{VerifyArgs, note};
use crate::cli::output::{Format, Screen, json, many, wrapped};
use crate::cli::source::Source;
use crate::cli::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::runtime::offline::{self, Anchor, AuditExit, Held, Recount, Report};
use nightshift_engine::Rules;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

/// Problems that are told; `-o json` has all of them.
const TOLD: usize = 20;

pub(super) async fn run(args: VerifyArgs, screen: &Screen, clock: Clock) -> Answer {
    let notes = args.checkpoint.iter().map(|path| Ok((path.display().to_string(), note(path)?)));
    let notes = notes.collect::<Result<_, Failure>>()?;
    let mut held = Held { vkeys: args.vkey, notes, recount: None };
    let report = if let Some(path) = &args.jsonl {
        copy(path, &held, &args.tip).await?
    } else {
        match args.source.open(clock).await.map_err(unreadable)? {
            Source::File(file) => {
                held.recount = file.config.as_ref().and_then(|config| {
                    let playbooks = offline::catalog(&config.playbooks).ok()?;
                    let policy = Rules::policy_digest(&config.registry, &playbooks, &offline::mode(config));
                    Some(Recount { registry: config.registry.clone(), policy })
                });
                let report =
                    offline::verify(&file.store, args.from, &held).await.map_err(|e| unreadable(e.into()))?;
                hold(report, &args.tip, async |tip| {
                    offline::anchored(&file.store, tip).await.map_err(|e| Failure::io(e.to_string()))
                })
                .await?
            }
            Source::Server(remote) => {
                // What the server says of itself is not believed: every row is fetched, and checked here.
                let fetched = tempfile::NamedTempFile::new()
                    .map_err(|error| Failure::io(format!("there is no room for a copy: {error}")))?;
                remote.export(args.from, &mut BufWriter::new(fetched.as_file())).await.map_err(unreadable)?;
                copy(fetched.path(), &held, &args.tip).await?
            }
        }
    };
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

/// Verifies an export.
async fn copy(path: &Path, held: &Held, tips: &[Anchor]) -> Result<Report, Failure> {
    let report = offline::verify_jsonl(open(path)?, held).map_err(|error| unread(path, &error))?;
    let look = async |tip| offline::anchored_jsonl(open(path)?, tip).map_err(|error| unread(path, &error));
    hold(report, tips, look).await
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
    report.chain_only &= tips.is_empty();
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
    let (notes, votes) = (&report.checkpoints, &report.votes);
    json(&serde_json::json!({
        "verdict": verdict, "rows": report.rows, "incidents": report.incidents,
        "tip": report.tip.map(|tip| serde_json::json!({"row": tip.seq, "hash": tip.hash})),
        "checkpoints": {
            "stored": notes.stored, "signed": notes.signed, "external": notes.external,
            "last": notes.last.as_ref().map(|last| serde_json::json!({
                "size": last.size, "root": last.root, "keys": last.keys, "at": last.at,
            })),
            "tail": notes.tail, "tail_since": notes.tail_since,
        },
        "votes": {
            "carried_out": votes.carried_out, "recounted": votes.recounted,
            "attested": votes.attested, "proven": votes.proven, "unproven": votes.unproven,
        },
        "problems": told(&report.problems), "warnings": told(&report.warnings), "missing": report.missing,
        "chain_only": report.chain_only, "partial": report.partial,
    }))
}

fn people(screen: &Screen, report: &Report) -> String {
    let looked = format!("{} rows, {}", report.rows, many(report.incidents, "incident", "incidents"));
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
    out.push_str(&wrapped(screen, 2, &checkpoints(screen, report)));
    if let Some(votes) = votes(report) {
        out.push_str(&wrapped(screen, 2, &votes));
    }
    for missing in &report.missing {
        out.push_str(&wrapped(screen, 2, &format!("not checked: {missing}")));
    }
    if report.partial {
        out.push_str("  The look began behind row 0, so folds and votes were not checked.\n");
    }
    if let Some(tip) = report.tip {
        let _ = writeln!(out, "tip {}:{}", tip.seq, tip.hash);
        if report.chain_only && report.checkpoints.last.is_some() {
            out.push_str(
                " next: verify against a note that was kept elsewhere, with --checkpoint and --vkey\n",
            );
        } else if report.chain_only {
            out.push_str(" next: keep the tip elsewhere, and verify against it later with --tip\n");
        }
    }
    out
}

fn checkpoints(screen: &Screen, report: &Report) -> String {
    let notes = &report.checkpoints;
    let Some(last) = &notes.last else {
        return "chain only: the executor signed nothing here".to_owned();
    };
    let count = |n: u64, one: &str, more: &str| many(usize::try_from(n).unwrap_or(usize::MAX), one, more);
    let tail = match notes.tail_since {
        Some(since) if notes.tail > 0 => {
            format!("; {} behind it, since {}", count(notes.tail, "row", "rows"), screen.time(since))
        }
        Some(_) | None => String::new(),
    };
    format!(
        "signed: {} by key {}, root {}; {} out, {} signed by a key that was given, {} from elsewhere{tail}",
        count(last.size, "row", "rows"),
        last.keys.join(" and "),
        last.root.short(),
        count(notes.stored, "checkpoint comes", "checkpoints come"),
        notes.signed,
        notes.external,
    )
}

fn votes(report: &Report) -> Option<String> {
    let votes = &report.votes;
    if votes.carried_out == 0 {
        return None;
    }
    let mut parts = Vec::new();
    if votes.attested > 0 {
        parts.push(format!("{} attested (the responder's word)", votes.attested));
    }
    if votes.proven > 0 {
        parts.push(format!("{} proven by the person's own key", votes.proven));
    }
    if votes.unproven > 0 {
        parts.push(format!("{} signed and not verified", votes.unproven));
    }
    Some(format!(
        "carried out: {}; approvals: {}; counted again under the policy of then: {}",
        votes.carried_out,
        parts.join(", "),
        votes.recounted
    ))
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path).map(BufReader::new).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(format!("{} cannot be read as an export: {error}", path.display()))
        .then("make one with `nightshift audit export --jsonl FILE`")
}
