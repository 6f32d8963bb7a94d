//! `nightshift audit adopt`.

use super::AdoptArgs;
use crate::cli::failure::causes;
use crate::cli::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, AdoptError, Adopted, OpenMode, SqliteStore};

pub(super) async fn run(args: AdoptArgs, clock: Clock) -> Answer {
    let config = Config::load(&args.config.path())?;
    let path = &config.store.path;
    if !path.exists() {
        return Err(Failure::io(format!("there is no history at {}", path.display()))
            .then("put it back, or start nightshift once: it makes the file"));
    }
    let store = SqliteStore::open(path, OpenMode::ReadWrite).await?;
    let adopted = offline::adopt(&store, &clock, &config.audit.keys_dir, &args.because).await;
    store.close().await;
    let text = match adopted.map_err(|error| told(&error))? {
        Adopted::Nothing => {
            "Nothing to adopt: the executor is not closed, and the history is the one that it signed.\n"
                .to_owned()
        }
        Adopted::Same { rows } => format!(
            "Adopted: the history of {rows} rows extends what was signed. A running executor opens within seconds.\n"
        ),
        Adopted::Other { why, rows } => format!(
            "Adopted: the history of {rows} rows is taken as it is, although {why}.\n\
             The executor signs with a new key from here on; the old one is gone. Notes under the old key of more rows than\n\
             this history kept do not fit it any more, and `audit verify` says so.\n \
             next: keep the new key's public half: `nightshift audit keys`, as soon as the executor runs\n"
        ),
    };
    Ok((text, Exit::Done))
}

fn told(error: &AdoptError) -> Failure {
    match error {
        AdoptError::NoReason => {
            Failure::usage(error.to_string(), "write one: --because 'restored the backup of Monday'")
        }
        AdoptError::NeverSigned(_) => Failure::usage(
            error.to_string(),
            "name the executor's folder in `audit.keys_dir`; an executor that never signed opens by itself",
        ),
        AdoptError::Sign(_) => {
            Failure::io(causes(error)).then("run it where the executor's folder can be written")
        }
    }
}
