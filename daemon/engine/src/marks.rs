//! Marks that stand on targets when the executor starts, held against the history: one that it does not know means
//! that the history is older than the cluster, as after a restored backup.
//!
//! A mark is untrusted text: it holds a workload back and raises the epoch, and does nothing else.

use crate::actions::CLAIM;
use crate::seal::{items, object};
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::history::Quarantine;
use nightshift_model::{Epoch, Kind, Mark, ObjectRef, OpId, ProposalId};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects of one page; only their metadata is asked for.
const PAGE: &str = "500";
/// An epoch is one start. What is further ahead than this nobody reached by starting: it holds its workload back, and
/// does not raise the epoch, or one annotation could use all numbers up.
const LEAP: u64 = 1_000_000;

/// A mark as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// On what.
    pub workload: ObjectRef,
    /// The annotation's text.
    pub text: String,
}

/// What the marks say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// No start may take an epoch that is not newer.
    pub floor: Epoch,
    /// Workloads that are not written.
    pub held: Vec<Quarantine>,
}

/// The kinds that carry marks, by what the actions write.
pub const KINDS: [Kind; 3] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];
/// Stands for every workload of a kind: no name that Kubernetes gives.
const EVERY: &str = "*";

/// LIST of a namespace's workloads of one kind, or of all namespaces' (`*`), from `next` on; `None` for a kind without an address.
pub fn read(kind: &Kind, namespace: &str, next: &str) -> Option<Read> {
    let mut query = vec![("limit".to_owned(), PAGE.to_owned())];
    if !next.is_empty() {
        query.push(("continue".to_owned(), next.to_owned()));
    }
    let (api, plural) = kind.api()?;
    let path = if namespace == EVERY {
        format!("{api}/{plural}")
    } else {
        format!("{api}/namespaces/{namespace}/{plural}")
    };
    Some(Read::Get { path, query, accept: Accept::Metadata })
}

/// The marks of one page, and where the next one begins; empty is the end.
///
/// # Errors
/// Why the page cannot be read.
pub fn page(kind: &Kind, part: &RawPart) -> Result<(Vec<Found>, String), String> {
    let list = object(part, "the workloads")?;
    let items = items(&list, "the workloads")?;
    let found = items.iter().filter_map(|item| {
        let meta = item.get("metadata")?;
        let text = |name: &str| meta.get(name).and_then(Value::as_str).unwrap_or_default();
        let workload = ObjectRef::new(kind.clone(), text("namespace"), text("name"), text("uid"));
        let mark = meta.get("annotations")?.get(CLAIM)?.as_str()?;
        Some(Found { workload, text: mark.to_owned() })
    });
    let next = list.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default();
    Ok((found.collect(), next.to_owned()))
}

/// The operation that a mark names, and the epoch of one that is not done.
fn operation(text: &str) -> Option<(OpId, Option<Epoch>)> {
    match text.strip_prefix("done:") {
        Some(op) => Some((OpId(op.to_owned()), None)),
        None => Mark::parse(text).ok().map(|mark| (mark.op, Some(mark.epoch))),
    }
}

/// The proposal that a mark's operation would belong to.
pub fn proposal(text: &str) -> Option<ProposalId> {
    operation(text).map(|(op, _)| op.proposal())
}

/// Holds marks against the proposals that the history knows and the executor's last epoch in it.
pub fn judge(found: &[Found], known: &BTreeSet<ProposalId>, ours: Epoch) -> Verdict {
    let mut verdict = Verdict { floor: ours, held: Vec::new() };
    for one in found {
        let shown = crate::text::visible(&one.text, 100);
        let epoch = operation(&one.text).and_then(|(_, epoch)| epoch);
        let why = if epoch.is_some_and(|epoch| epoch > ours) {
            Some(format!("its mark {shown} is of a later start than the history's last, {}", ours.0))
        } else if proposal(&one.text).is_none_or(|proposal| !known.contains(&proposal)) {
            Some(format!("its mark {shown} names an operation that the history does not know"))
        } else {
            None
        };
        if let Some(epoch) = epoch.filter(|epoch| epoch.0 <= ours.0.saturating_add(LEAP)) {
            verdict.floor = verdict.floor.max(epoch);
        }
        verdict.held.extend(why.map(|why| Quarantine { workload: one.workload.clone(), why }));
    }
    verdict
}

/// A kind whose marks in a namespace could not be read: nothing of it is written there.
pub fn unread(kind: &Kind, namespace: &str, why: &str) -> Quarantine {
    let workload = ObjectRef::new(kind.clone(), namespace, EVERY, "");
    Quarantine { workload, why: format!("their marks could not be read: {}", crate::text::visible(why, 200)) }
}

/// Why a workload is not written, if it is held back itself or with its namespace.
pub fn holds(held: &[Quarantine], target: &ObjectRef) -> Option<String> {
    let of = |one: &&Quarantine| {
        let held = &one.workload;
        // Earlier versions held a namespace.
        let namespace = held.kind == Kind::Namespace && held.name == target.namespace;
        let place = held.namespace == target.namespace || held.namespace == EVERY;
        let every = held.name == EVERY && held.kind == target.kind && place;
        namespace || every || held.same_name(target)
    };
    held.iter().find(of).map(|one| {
        format!(
            "{} is in quarantine: {}. Was an old history restored? Look at what stands there, remove the annotation \
             {CLAIM}, and start the executor again",
            one.workload, one.why
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Deployment, "shop", name, "u")
    }

    fn judged(mark: &str) -> Verdict {
        let found = [Found { workload: workload("cart"), text: mark.to_owned() }];
        judge(&found, &BTreeSet::from([ProposalId::from("pro-1")]), Epoch(7))
    }

    #[test]
    fn what_the_history_knows_holds_nothing_back() {
        for mark in ["done:pro-1.1", "pro-1.1:7.1", "pro-1.1:3.2"] {
            assert_eq!(judged(mark), Verdict { floor: Epoch(7), held: Vec::new() }, "{mark}");
        }
    }

    #[test]
    fn a_newer_a_foreign_and_an_unreadable_mark_hold_their_workload_back_and_only_a_likely_one_raises_the_epoch()
     {
        let table = [
            ("pro-1.1:9.1", 9, "later start"),
            ("pro-2.1:9.1", 9, "later start"),
            ("pro-2.1:3.1", 7, "does not know"),
            ("done:pro-2.1", 7, "does not know"),
            ("done:", 7, "does not know"),
            ("", 7, "does not know"),
            ("pro-1.1:x.1", 7, "does not know"),
            ("pro-1.1:18446744073709551615.1", 7, "later start"),
            ("\u{1b}[2J\u{202e}", 7, "does not know"),
        ];
        for (mark, floor, why) in table {
            let verdict = judged(mark);
            assert_eq!(verdict.floor, Epoch(floor), "{mark}");
            let told = holds(&verdict.held, &workload("cart")).unwrap();
            assert!(
                told.contains(why) && !told.contains('\u{1b}') && !told.contains('\u{202e}'),
                "{mark}: {told}"
            );
            assert_eq!(holds(&verdict.held, &workload("till")), None, "{mark}");
        }
    }

    #[test]
    fn pages_are_read_and_a_kind_that_cannot_be_is_held_back_whole() {
        let body = json!({"metadata": {"continue": "more"}, "items": [
            {"metadata": {"name": "cart", "namespace": "shop", "uid": "u", "annotations": {CLAIM: "done:pro-1.1"}}},
            {"metadata": {"name": "till", "namespace": "shop", "annotations": {"other": "x"}}},
            {"metadata": {"name": "web", "namespace": "shop"}}, {}]});
        let part = RawPart::Body { status: 200, body: body.to_string().into_bytes(), cut: false };
        let (found, next) = page(&Kind::Deployment, &part).unwrap();
        assert_eq!(found, [Found { workload: workload("cart"), text: "done:pro-1.1".to_owned() }]);
        assert_eq!(next, "more");
        let denied = RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false };
        let held = [unread(&Kind::Deployment, "shop", &page(&Kind::Deployment, &denied).unwrap_err())];
        assert!(holds(&held, &workload("any")).unwrap().contains("could not be read"));
        assert_eq!(holds(&held, &ObjectRef::new(Kind::Deployment, "bank", "any", "u")), None);
        assert_eq!(holds(&held, &ObjectRef::new(Kind::StatefulSet, "shop", "any", "u")), None);
        let before =
            Quarantine { workload: ObjectRef::new(Kind::Namespace, "", "shop", ""), why: String::new() };
        assert!(holds(&[before], &ObjectRef::new(Kind::DaemonSet, "shop", "any", "u")).is_some());
        for kind in KINDS {
            assert!(read(&kind, "shop", "").is_some(), "{kind}");
        }
    }
}
