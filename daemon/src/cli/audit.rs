//! `nightshift audit`.

mod adopt;
mod proof;
mod verify;

use super::output::{OutputArg, Screen};
use super::source::{ConfigArg, Source, SourceArg};
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::runtime::offline::{self, Anchor};
use clap::Subcommand;
use nightshift_engine::note::{Note, Vkey};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file of a note or a proof that is larger is none.
const FILE_BYTES: u64 = 16 << 20;

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
    /// Prove one row to somebody who has nothing but a key
    Prove(ProveArgs),
    /// Check such a proof, without a history
    #[command(after_help = PROOF_EXITS)]
    CheckProof(CheckProofArgs),
    /// The keys that signed the history, as the history names them
    Keys(KeysArgs),
    /// Take the history as it is, and open an executor that closed
    #[command(after_help = ADOPTING)]
    Adopt(AdoptArgs),
}

const VERIFY_EXITS: &str = "Exit codes: 0 whole, 1 tampered, 2 incomplete (nothing kept elsewhere was compared, or a key is missing), 3 unreadable.
A chain alone cannot show that its end was cut off: give a note of the executor that was kept elsewhere (stdout of
`nightshift run`, a digest, the executor's folder) with --checkpoint, and its key with --vkey.";

const PROOF_EXITS: &str =
    "Exit codes: 0 the row is in the history that the key signed, 1 it is not, 2 wrong usage, 3 unreadable.";

const ADOPTING: &str = "The executor closes when the history shrank or is not the one that it signed: after a restored backup, or after an
attack. Find out which first. Adopting is recorded in the history, voids open votes and grants, and where the history does
not extend what was signed, gives the executor a new key: keep its new public half.";

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    source: SourceArg,
    /// An export instead of a store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["db", "config", "server"])]
    jsonl: Option<PathBuf>,
    /// Begin behind this row; folds and votes are not checked then
    #[arg(long, value_name = "ROW", default_value_t = 0, conflicts_with = "jsonl")]
    from: u64,
    /// The public half of a key that signs the history: NAME+ID+KEY
    #[arg(long, value_name = "KEY", value_parser = vkey)]
    vkey: Vec<Vkey>,
    /// A note that was kept elsewhere: as it was signed, or the line of the log that holds it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
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

#[derive(Debug, clap::Args)]
struct ProveArgs {
    #[command(flatten)]
    source: SourceArg,
    /// The row, as `audit export` and `-o json` number it
    #[arg(long, value_name = "ROW")]
    seq: u64,
    /// An earlier note: the proof then also shows that the history only grew since
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CheckProofArgs {
    /// What `audit prove` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The public half of the key that signed the history: NAME+ID+KEY
    #[arg(long, value_name = "KEY", required = true, value_parser = vkey)]
    vkey: Vec<Vkey>,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct KeysArgs {
    #[command(flatten)]
    source: SourceArg,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct AdoptArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Why the history is taken as it is; it becomes part of it
    #[arg(long, value_name = "REASON")]
    because: String,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::Verify(args) => verify::run(args, screen, clock).await,
        What::Export(args) => export(args, clock).await,
        What::Prove(args) => proof::prove(args, clock).await,
        What::CheckProof(args) => proof::check(&args),
        What::Keys(args) => proof::keys(args, screen, clock).await,
        What::Adopt(args) => adopt::run(args, clock).await,
    }
}

fn vkey(text: &str) -> Result<Vkey, String> {
    Vkey::parse(text).map_err(|error| error.to_string())
}

async fn export(args: ExportArgs, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    if args.jsonl == Path::new("-") {
        let mut text = Vec::new();
        write(&source, args.from, &mut text).await?;
        return Ok((String::from_utf8_lossy(&text).into_owned(), Exit::Done));
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.jsonl);
    let file = made.map_err(|error| {
        Failure::io(format!("{} cannot be made: {error}", args.jsonl.display()))
            .then("name a file that is not there yet")
    })?;
    let rows = write(&source, args.from, &mut BufWriter::new(file)).await?;
    let next = format!(" next: nightshift audit verify --jsonl {}", args.jsonl.display());
    Ok((format!("{rows} rows written to {}\n{next}\n", args.jsonl.display()), Exit::Done))
}

async fn write<W: Write + Send>(source: &Source, from: u64, to: &mut W) -> Result<u64, Failure> {
    match source {
        Source::File(file) => offline::export(&file.store, from, to)
            .await
            .map_err(|error: offline::ExportError| Failure::io(super::failure::causes(&error))),
        Source::Server(remote) => remote.export(from, to).await,
    }
}

/// A small file, whole.
fn small(path: &Path) -> Result<String, Failure> {
    let unread = |error: std::io::Error| Failure::io(format!("{} cannot be read: {error}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(unread)?;
    BufReader::new(file).take(FILE_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES {
        return Err(Failure::io(format!("{} is larger than any note or proof", path.display())));
    }
    Ok(text)
}

/// A note from a file: as it was signed, in a proof, or in the last line of a log that holds one.
fn note(path: &Path) -> Result<Note, Failure> {
    let text = small(path)?;
    let within = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        value.get("note").and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let logged = within(&text).or_else(|| text.lines().rev().find_map(within));
    Note::parse(logged.as_ref().unwrap_or(&text)).map_err(|error| {
        Failure::io(format!("{} is no note: {error}", path.display()))
            .then("give the file as the executor wrote it, its last line feed included")
    })
}
