//! Revisions that nightshift itself saw healthy, from its own history.

use super::answer::{Refusal, body};
use nightshift_model::evidence::HealthyRevision;
use nightshift_model::{NotChecked, ObjectRef, Observed, RawPart, Read};

/// Revisions kept, newest first.
const KEPT: usize = 20;

pub(super) fn reads(target: &ObjectRef) -> Vec<Read> {
    vec![Read::Healthy { workload: target.clone() }]
}

pub(super) fn observe(parts: &[RawPart], target: &ObjectRef) -> Result<Observed, Refusal> {
    let (bytes, cut) = body(parts, 0)?;
    let mut all: Vec<HealthyRevision> = serde_json::from_slice(bytes).map_err(|_| {
        let detail = if cut { "the list was cut" } else { "the history's list has another form" };
        (NotChecked::Unreadable, detail.to_owned())
    })?;
    // A workload that was deleted and made again has no past.
    all.retain(|seen| {
        seen.workload.same_name(target) && (target.uid.is_empty() || seen.workload.uid == target.uid)
    });
    all.sort_by_key(|seen| std::cmp::Reverse((seen.at, seen.number)));
    all.truncate(KEPT);
    Ok(Observed::Healthy(all))
}
