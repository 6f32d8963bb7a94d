//! ClaimPending: a volume claim is not bound, and nothing that runs will bind it.
//!
//! # Meaning
//! A PersistentVolumeClaim is Pending because its storage class is not there (or it asks for none, and there is no default
//! one), because nobody provisions for its class, because the provisioner refuses or fails, or because it has worked for
//! ten minutes; or it has lost its volume. Silence: a class that waits for the first consumer while no pod uses the claim, a
//! provisioner that is at work, and pods that cannot be placed for another reason: those are reported themselves.
//!
//! # Impact
//! Every pod that uses the claim stays Pending. Critical when a workload that uses it has nobody ready.
//!
//! # Diagnosis
//! `kubectl describe pvc` and its Events: "storageclass not found" names the class; "waiting for a volume to be created, either by
//! external provisioner" names the provisioner, which then is not installed or not running; ProvisioningFailed carries the
//! storage system's own words (quota of the cloud, wrong zone, missing right). `kubectl get storageclass` shows what there is.
//!
//! # Mitigation
//! Install or restart the provisioner, create the class, or mark one as the default: a claim without a class takes it up by itself. A claim's
//! class cannot be changed: delete the claim while it is empty and make it anew. What a StatefulSet's template names must
//! be corrected there too.

use crate::behind::unseen;
use crate::catalog::{Detector, Looked};
use crate::facts::{ClaimFacts, ClassFacts, EventFacts, Facts as _, PodFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Seconds, Severity};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The detector.
#[derive(Debug)]
pub struct ClaimPending;

/// How soon a claim that waits is looked at again, for its severity: pods that use it do not touch it.
const AGAIN: Seconds = Seconds(60);

impl Detector for ClaimPending {
    fn reason(&self) -> Reason {
        Reason::ClaimPending
    }

    fn source(&self) -> &'static str {
        include_str!("claim_pending.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time that it may be Pending, where nobody makes its volume", params.claim.to_string()),
            ("The same for a provisioner that says nothing", params.provisioner.to_string()),
            ("The same for one that is at work", params.provisioning.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(claim) = at.facts::<ClaimFacts>() else { return Looked::default() };
        if claim.meta.deleting.is_some() || !matches!(&*claim.phase, "Pending" | "Lost") {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::StorageClass, Kind::Pod]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let Some((cause, grace, detail)) = judge(at, claim) else {
            return Looked::default();
        };
        let seen = at.view.first_seen(&claim.meta.uid);
        let since = claim.meta.created.or(seen).unwrap_or(at.now);
        let due = since + grace;
        if at.now < due {
            return Looked::later(due);
        }
        let users = users(at, claim);
        let finding = Finding {
            cause,
            detail: detail.to_string(),
            ..at.finding(Reason::ClaimPending, impact(at, &users), since)
        };
        Looked { recheck_at: Some(at.now + AGAIN), ..Looked::found(finding) }
    }
}

/// Why it is not bound, how long that may be so, and in whose words. `None`: nobody is asked before a pod that uses it is
/// placed, and a pod that cannot be is reported itself.
fn judge(at: &Look<'_>, claim: &ClaimFacts) -> Option<(Cause, Seconds, Arc<str>)> {
    let Params { claim: short, provisioner, provisioning, .. } = *at.params;
    let said = |reason: &str| newest(at, claim, reason).map(|event| event.message.clone());
    if &*claim.phase == "Lost" {
        return Some((Cause::Unknown, short, "the claim has lost its volume".into()));
    }
    let class = match claim.class.as_deref() {
        Some("") => None,
        Some(name) => at.view.by_name::<ClassFacts>("", name),
        None => at.view.all::<ClassFacts>("").find(|class| class.default),
    };
    let Some(class) = class else {
        let words = said("ProvisioningFailed").or_else(|| said("FailedBinding"));
        return Some((Cause::NoStorageClass, short, words.unwrap_or_else(|| no_class(claim))));
    };
    if let Some(words) = said("ProvisioningFailed") {
        return Some((Cause::ProvisioningFailed, short, words));
    }
    if let Some(words) = said("Provisioning") {
        return Some((Cause::ProvisioningFailed, provisioning, words));
    }
    if let Some(words) = said("ExternalProvisioning") {
        return Some((Cause::NoProvisioner, provisioner, words));
    }
    if class.waits_for_consumer {
        return None;
    }
    let words = said("FailedBinding").unwrap_or_else(|| no_volume(class));
    Some((Cause::NoProvisioner, provisioner, words))
}

/// Nobody has said a word: the class tells whose work it is.
fn no_volume(class: &ClassFacts) -> Arc<str> {
    let name = &class.meta.name;
    match &*class.provisioner {
        "" => format!("class {name} brings no volume").into(),
        who => format!("class {name} brings no volume: its provisioner {who} has made none").into(),
    }
}

fn no_class(claim: &ClaimFacts) -> Arc<str> {
    match claim.class.as_deref() {
        Some("") => "no volume fits, and the claim asks for no class that would make one".into(),
        Some(name) => format!("storage class {name} is not there").into(),
        None => "the claim names no storage class, and there is no default one".into(),
    }
}

/// The newest event of this reason about the claim.
fn newest<'a>(at: &Look<'a>, claim: &ClaimFacts, reason: &str) -> Option<&'a EventFacts> {
    let said = at.view.events_about(&claim.meta.uid).filter(|event| &*event.reason == reason);
    said.max_by_key(|event| (event.last, event.meta.uid.clone()))
}

/// Pods that name the claim, and have not ended.
fn users<'a>(at: &Look<'a>, claim: &ClaimFacts) -> Vec<&'a PodFacts> {
    let here = at.view.pods_in(&claim.meta.namespace).filter(|pod| !pod.is_leaving());
    here.filter(|pod| pod.claims.contains(&claim.meta.name)).collect()
}

/// Critical when a workload that uses it has nobody ready.
fn impact(at: &Look<'_>, users: &[&PodFacts]) -> Severity {
    let held = users.iter().filter_map(|pod| at.view.get(&pod.object()));
    let scopes: BTreeSet<ObjectRef> = held.map(|pod| at.view.scope_of(pod)).collect();
    let down = |scope: &ObjectRef| !at.view.pods_of(scope).iter().any(|pod| pod.is_ready());
    if scopes.iter().any(down) { Severity::Critical } else { Severity::Warning }
}
