//! QuotaExhausted: a quota is used up, and something was refused because of it.
//!
//! # Meaning
//! The ResourceQuota has a resource of which as much is used as may be, and a Deployment of its namespace says (condition
//! ReplicaFailure) that this quota refused its pods. A quota that is full and refuses nothing is what somebody wanted.
//!
//! # Impact
//! New pods are not made: scale-ups and rolling updates stop where they are, what runs goes on. The workload's own finding says how
//! much of it is missing. After the quota is raised the controller may sleep for minutes before it tries again.
//!
//! # Diagnosis
//! `kubectl describe quota`: used against hard. Pods that ended but were not deleted do not count for cpu and memory; an old revision that a stuck
//! rollout keeps does.
//!
//! # Mitigation
//! Delete or scale down what is not needed, lower requests that nobody uses, or have the owner of the quota raise it. A rollout needs room for
//! its surge: with a quota of exactly the replicas use maxSurge 0.

use crate::catalog::{Detector, Looked};
use crate::facts::{DeploymentFacts, QuotaFacts, Truth, Use, quantity};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Reason, Severity};

/// The detector.
#[derive(Debug)]
pub struct QuotaExhausted;

/// Resources that are named in the detail.
const SHOWN: usize = 6;

impl Detector for QuotaExhausted {
    fn reason(&self) -> Reason {
        Reason::QuotaExhausted
    }

    fn source(&self) -> &'static str {
        include_str!("quota_exhausted.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that pods may be refused", params.no_answer.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(quota) = at.facts::<QuotaFacts>() else { return Looked::default() };
        let full: Vec<String> = quota.uses.iter().filter(|one| is_full(one)).map(told).collect();
        if full.is_empty() || quota.meta.deleting.is_some() {
            return Looked::default();
        }
        let words = format!("exceeded quota: {},", quota.meta.name);
        let refused = |one: &&DeploymentFacts| {
            one.failure.status == Truth::True
                && one.updated < one.wanted
                && one.failure.message.contains(&words)
        };
        let refused = at.view.all::<DeploymentFacts>(&quota.meta.namespace).filter(refused);
        let since: Vec<_> = refused.map(|one| one.failure.since.unwrap_or(at.now)).collect();
        let Some(first) = since.iter().min().copied() else { return Looked::default() };
        let due = first + at.params.no_answer;
        if at.now < due {
            return Looked::later(due);
        }
        let shown: Vec<String> = full.into_iter().take(SHOWN).collect();
        Looked::found(Finding {
            cause: Cause::Quota,
            detail: shown.join(", "),
            affected: u32::try_from(since.len()).unwrap_or(u32::MAX),
            ..at.finding(Reason::QuotaExhausted, Severity::Info, first)
        })
    }
}

/// Whether as much is used as may be; a resource that may not be used at all was forbidden on purpose.
fn is_full(one: &Use) -> bool {
    let (used, hard) = (quantity::milli(&one.used), quantity::milli(&one.hard));
    used.zip(hard).is_some_and(|(used, hard)| hard > 0 && used >= hard)
}

fn told(one: &Use) -> String {
    format!("{} {} of {}", one.resource, one.used, one.hard)
}
