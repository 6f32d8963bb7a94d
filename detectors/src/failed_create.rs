//! FailedCreate: a controller may not make the pods that it wants.
//!
//! # Meaning
//! A ReplicaSet, StatefulSet, DaemonSet or Job has fewer pods than it wants, and the API server has refused to make the
//! others: a quota, a LimitRange, Pod Security, an admission webhook, a missing ServiceAccount. A ReplicaSet keeps that as
//! condition ReplicaFailure; the others only say it in Events, which count while no pod was made since. It is a finding after
//! half a minute when the words say that nobody but a person can help, after a minute else, and after five minutes when the
//! quota that is named has room again: the controller then sleeps for longer and longer between two tries. It is over when the pods
//! exist.
//!
//! # Impact
//! Nothing is Pending and nothing crashes: the pods do not exist. Replicas that were lost are not replaced, a new
//! revision does not start, and with an old one serving the Deployment looks complete.
//!
//! # Diagnosis
//! The message names what refused, and often the numbers: `kubectl describe` of the ReplicaSet, StatefulSet, DaemonSet or Job. For
//! a quota, `kubectl describe quota`: who uses it up? For Pod Security, the labels of the namespace. For a webhook, its
//! Service and the pods behind it, and whether it denied or did not answer. Several workloads at once in one namespace: look at the
//! namespace, not at them.
//!
//! # Mitigation
//! Raise the quota or free it; set requests and limits within the LimitRange; make the ServiceAccount; fix what Pod
//! Security names; bring the webhook's pods back. When only the newest revision is refused, going back to the one before
//! lets pods start again. After a repair `kubectl rollout restart` is not needed: the controller tries again by itself,
//! within some minutes.

use crate::catalog::{Detector, Looked};
use crate::facts::{CronJobFacts, DaemonSetFacts, JobFacts, StatefulSetFacts};
use crate::look::Look;
use crate::params::Params;
use crate::refusal::{refusal, why};
use nightshift_model::{Finding, Gap, Kind, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct FailedCreate;

impl Detector for FailedCreate {
    fn reason(&self) -> Reason {
        Reason::FailedCreate
    }

    fn source(&self) -> &'static str {
        include_str!("failed_create.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Refused for, when only a person can help", params.refused_for_good.to_string()),
            ("Refused for, when it may pass", params.refused.to_string()),
            ("Refused for, when the quota has room again", params.refused_with_room.to_string()),
            ("Age at which an Event about it is no longer believed", params.refused_told.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(refused) = refusal(at) else {
            return Looked { unchecked: unheard(at), ..Looked::default() };
        };
        let Some(why) = why(at, refused.says) else { return Looked::default() };
        let grace = match (why.may_heal, why.has_room) {
            (_, true) => at.params.refused_with_room,
            (true, false) => at.params.refused,
            (false, false) => at.params.refused_for_good,
        };
        let due = refused.since + grace;
        if at.now < due {
            return Looked::later(due);
        }
        let ends = at.facts::<JobFacts>().is_some() || at.facts::<CronJobFacts>().is_some();
        let severity = if ends { Severity::Warning } else { at.impact() };
        let finding = Finding {
            object: refused.by,
            template_hash: refused.template_hash,
            cause: why.cause,
            detail: refused.says.to_owned(),
            blames: why.blames,
            affected: refused.missing,
            ..at.finding(Reason::FailedCreate, severity, refused.since)
        };
        Looked { recheck_at: refused.until, ..Looked::found(finding) }
    }
}

/// Controllers that say it in Events only are not heard while those are not watched.
fn unheard(at: &Look<'_>) -> Vec<Gap> {
    let short = at.facts::<StatefulSetFacts>().is_some_and(|set| set.replicas < set.wanted)
        || at.facts::<DaemonSetFacts>().is_some_and(|set| set.current < set.desired)
        || at.facts::<JobFacts>().is_some_and(|job| job.active == 0);
    if !short || at.view.synced_kind(&Kind::Event) {
        return Vec::new();
    }
    let what = format!("refused pods of {}", at.scope);
    vec![Gap { what, why: "Events are not watched".to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, Facts, Meta};
    use crate::tests::make::at;
    use crate::view::{Delta, View};

    #[test]
    fn without_events_a_missing_pod_says_nothing_and_that_is_said() {
        let meta = Meta {
            namespace: "shop".into(),
            name: "db".into(),
            uid: "db".into(),
            created: Some(at(0)),
            ..Meta::default()
        };
        let set = StatefulSetFacts { meta, wanted: 1, ..StatefulSetFacts::default() };
        let (scope, params) = (set.object(), Params::default());
        let mut view = View::default();
        view.apply(Delta::Applied(Fact::from(set)), at(0));
        let look = |view: &View| FailedCreate.look(&Look::new(view, &scope, at(600), &params));
        assert_eq!(look(&view).unchecked.len(), 1);
        view.apply(Delta::Synced { kind: Kind::Event }, at(0));
        assert_eq!(look(&view), Looked::default());
    }
}
