//! DisruptionBlocked: a disruption budget lets nobody leave a node that is being emptied.
//!
//! # Meaning
//! A node is cordoned, pods that a PodDisruptionBudget guards are on it, and the budget allows no disruption. When it can never
//! allow one, for it wants as many healthy pods as there are, that is a finding after two minutes; else, when pods that are
//! missing use it up, after ten. A budget at its edge while nobody wants to leave is none. It is over when the budget allows a
//! disruption, the pods are gone, or the node takes pods again.
//!
//! # Impact
//! `kubectl drain`, a node pool's upgrade or the cluster autoscaler waits, for ever or until it gives up and kills. There is no
//! Event about it: evictions are answered with 429 and nothing else.
//!
//! # Diagnosis
//! `kubectl get pdb`: ALLOWED DISRUPTIONS 0. Compare `minAvailable` with the replicas; `maxUnavailable: 0` and one replica with
//! `minAvailable: 1` can never be drained. If pods are unhealthy, they are the fault to look at first.
//!
//! # Mitigation
//! Scale the workload up by one for the drain, or loosen the budget for that time. Restarting the workload after the
//! cordon moves its pods as well: a rollout does not ask the budget. Deleting the pod does not either, and costs what the budget
//! was made to guard.

use crate::catalog::{Detector, Looked};
use crate::facts::{BudgetFacts, NodeFacts, PodFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Kind, Reason, Seconds, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct DisruptionBlocked;

/// How often a budget that allows nothing is looked at again: nodes do not touch its scope.
const AGAIN: Seconds = Seconds(60);

impl Detector for DisruptionBlocked {
    fn reason(&self) -> Reason {
        Reason::DisruptionBlocked
    }

    fn source(&self) -> &'static str {
        include_str!("disruption_blocked.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Cordoned for, when the budget can never allow it", params.never_disrupted.to_string()),
            ("Cordoned for, and nothing allowed for, else", params.not_disrupted.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(of) = at.facts::<BudgetFacts>() else { return Looked::default() };
        let told = of.observed >= of.meta.generation && of.meta.deleting.is_none();
        // Without labels the selector may be made of expressions, which are not kept.
        if !told || of.allowed > 0 || of.expected == 0 || of.selector.is_empty() {
            return Looked::default();
        }
        let waiting = leaving(at, of);
        let Some(cordoned) = waiting.iter().map(|(since, _)| *since).min() else {
            return Looked::later(at.now + AGAIN);
        };
        let never = of.desired >= of.expected && of.healthy >= of.expected;
        let (since, grace) = if never {
            (cordoned, at.params.never_disrupted)
        } else {
            let none_since = of.allows.since.unwrap_or(cordoned);
            (cordoned.max(none_since), at.params.not_disrupted)
        };
        let due = since + grace;
        if at.now < due {
            return Looked::later(due);
        }
        let finding = Finding {
            affected: u32::try_from(waiting.len()).unwrap_or(u32::MAX),
            ..at.finding(Reason::DisruptionBlocked, Severity::Warning, since)
        };
        Looked { recheck_at: Some(at.now + AGAIN), ..Looked::found(finding) }
    }
}

/// The budget's pods on cordoned nodes, each with the time since when somebody wants it to leave.
fn leaving<'a>(at: &Look<'a>, of: &BudgetFacts) -> Vec<(Timestamp, &'a PodFacts)> {
    let cordoned: Vec<&NodeFacts> = at.view.all::<NodeFacts>("").filter(|node| node.cordoned).collect();
    if cordoned.is_empty() {
        return Vec::new();
    }
    let ours = |pod: &&PodFacts| {
        let daemon = pod.meta.owner.as_ref().is_some_and(|owner| owner.kind == Kind::DaemonSet);
        of.selector.selects(&pod.meta.labels.all) && !pod.is_leaving() && !daemon
    };
    let on = |pod: &'a PodFacts| {
        let node = cordoned.iter().find(|node| node.meta.name == pod.node)?;
        let seen = || at.view.first_seen(&node.meta.uid).unwrap_or(at.now);
        Some((node.cordoned_since().unwrap_or_else(seen), pod))
    };
    at.view.pods_in(&of.meta.namespace).filter(ours).filter_map(on).collect()
}
