//! `nightshift audit prove`, `check-proof` and `keys`.

use super::{CheckProofArgs, KeysArgs, ProveArgs, note, small};
use crate::cli::failure::causes;
use crate::cli::output::{Format, Screen, json};
use crate::cli::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::runtime::offline::{self, HistoryStore as _, ProofDocument, ProveError};
use nightshift_engine::note::Vkey;
use nightshift_model::{HistoryEvent, SystemEvent};
use std::fmt::Write as _;

pub(super) async fn prove(args: ProveArgs, clock: Clock) -> Answer {
    let earlier = args.checkpoint.as_deref().map(note).transpose()?;
    let store = args.source.open(clock).await?.file("a proof")?.store;
    let document =
        offline::prove(&store, args.seq, earlier.as_ref()).await.map_err(|error| match &error {
            ProveError::NoRow(_) => {
                Failure::found(error.to_string(), "`nightshift audit export` numbers the rows")
            }
            ProveError::NotCovered(_) => Failure::found(
                error.to_string(),
                "the executor signs within five minutes, in `mode: approve`; try again then",
            ),
            ProveError::Broken(_) => Failure::found(error.to_string(), "nightshift audit verify"),
            ProveError::Store(_) => Failure::io(causes(&error)),
        })?;
    Ok((json(&document), Exit::Done))
}

pub(super) fn check(args: &CheckProofArgs) -> Answer {
    let place = args.file.display();
    let document: ProofDocument = serde_json::from_str(&small(&args.file)?).map_err(|error| {
        Failure::io(format!("{place} is no proof: {error}"))
            .then("make one with `nightshift audit prove --seq ROW`")
    })?;
    let proven = offline::check_proof(&document, &args.vkey);
    let row = &document.row;
    let text = match (args.out.output, &proven) {
        (Format::Json, Ok(checkpoint)) => json(&serde_json::json!({
            "verdict": "proven", "row": row, "origin": checkpoint.origin, "size": checkpoint.size,
            "root": checkpoint.root, "extends": document.extends.is_some(),
        })),
        (Format::Json, Err(why)) => json(&serde_json::json!({"verdict": "not proven", "why": why})),
        (Format::Text, Ok(checkpoint)) => {
            let grew = if document.extends.is_some() { "; it extends the earlier note" } else { "" };
            format!(
                "proven: row {} ({}, {}, by {}) is in the history of {} rows that {} signed{grew}.\n{}\n",
                row.seq,
                row.kind,
                row.ts,
                nightshift_engine::text::visible(&row.actor, 80),
                checkpoint.size,
                checkpoint.origin,
                nightshift_engine::text::visible(&row.body, row.body.len()),
            )
        }
        (Format::Text, Err(why)) => format!("NOT PROVEN: {why}.\n"),
    };
    Ok((text, if proven.is_ok() { Exit::Done } else { Exit::Found }))
}

pub(super) async fn keys(args: KeysArgs, screen: &Screen, clock: Clock) -> Answer {
    let store = args.source.open(clock).await?.file("the list of keys")?.store;
    let rows = store.system_events(&["checkpoint-key"]).await?;
    let keys: Vec<_> = rows
        .iter()
        .filter_map(|row| match &row.event {
            HistoryEvent::System(SystemEvent::CheckpointKey { vkey, previous }) => {
                Some((row, vkey, previous))
            }
            HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
        })
        .collect();
    let id =
        |vkey: &String| Vkey::parse(vkey).map_or_else(|_| "unreadable".to_owned(), |k| k.id().to_string());
    let text = match args.out.output {
        Format::Json => {
            let one = |(row, vkey, previous): &(
                &nightshift_model::history::Row,
                &String,
                &Option<String>,
            )| {
                serde_json::json!({"row": row.seq, "at": row.at, "id": id(vkey), "vkey": vkey, "previous": previous})
            };
            json(&keys.iter().map(one).collect::<Vec<_>>())
        }
        Format::Text if keys.is_empty() => "Nobody signed this history: chain only.\n".to_owned(),
        Format::Text => {
            let mut out = String::new();
            for (row, vkey, previous) in &keys {
                let beside = previous.as_ref().map(|p| format!(", beside {}", id(p))).unwrap_or_default();
                let _ = writeln!(out, "{} {}{beside}\n  {vkey}", screen.time(row.at), id(vkey));
            }
            out.push_str(" next: compare with the key that the executor's log named; whoever has the database could write these\n");
            out
        }
    };
    Ok((text, Exit::Done))
}
