//! PortMismatch: a Service sends to a port that none of its containers has.
//!
//! # Meaning
//! The Service's `targetPort` is a name that no container of the selected pods declares; or it is a number, the containers
//! declare ports, and not one port of the Service leads to any of them. Declaring ports is optional, so a single number that
//! is missing beside others that fit is no fault, nor is a Service beside another one that reaches the same pods (metrics,
//! admin). Only judged while a pod is ready: before that the pods are the fault.
//!
//! # Impact
//! With a name: the endpoints have no port and nothing is routed. With a number: connections are refused, while pods and endpoints look
//! healthy. Critical when the Service has names only that lead nowhere; a number may work undeclared, so it is a warning.
//!
//! # Diagnosis
//! Compare `spec.ports[].targetPort` of the Service with `containers[].ports` of the pods, and with the port that the readiness probe asks.
//! Which of both was changed last?
//!
//! # Mitigation
//! Correct `targetPort`. Naming the port in the pod template and using the name keeps both in step.

use crate::behind::{selected, unseen};
use crate::catalog::{Detector, Looked};
use crate::facts::{PodFacts, ServiceFacts};
use crate::look::Look;
use crate::no_endpoints::promises;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, Reason, Seconds, Severity};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The detector.
#[derive(Debug)]
pub struct PortMismatch;

/// Declared ports that are named in the detail.
const SHOWN: usize = 8;

/// While it stands: how soon the pods are looked at again.
const AGAIN: Seconds = Seconds(60);

impl Detector for PortMismatch {
    fn reason(&self) -> Reason {
        Reason::PortMismatch
    }

    fn source(&self) -> &'static str {
        include_str!("port_mismatch.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it may stand", params.misrouted.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(service) = at.facts::<ServiceFacts>() else { return Looked::default() };
        if !promises(service) {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::Pod]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let pods: Vec<&PodFacts> =
            selected(at.view, service).into_iter().filter(|pod| !pod.is_leaving()).collect();
        if !pods.iter().any(|pod| pod.is_ready()) {
            return Looked::default();
        }
        let declared = Declared::of(&pods);
        let Some((port, target, certain)) = wrong(at, service, &pods, &declared) else {
            return Looked::default();
        };
        let own = at.view.changed(&service.meta.uid).or(service.meta.created);
        let oldest = pods.iter().filter_map(|pod| pod.meta.created).min();
        let since = own.max(oldest).or(at.view.first_seen(&service.meta.uid)).unwrap_or(at.now);
        let due = since + at.params.misrouted;
        if at.now < due {
            return Looked::later(due);
        }
        let severity = if certain { Severity::Critical } else { Severity::Warning };
        let finding = Finding {
            cause: Cause::MissingPort,
            detail: format!("port {port} sends to targetPort {target}; {}", declared.told()),
            ..at.finding(Reason::PortMismatch, severity, since)
        };
        Looked { recheck_at: Some(at.now + AGAIN), ..Looked::found(finding) }
    }
}

/// What the containers of some pods declare.
#[derive(Default)]
struct Declared {
    ports: BTreeSet<(u32, Arc<str>)>,
}

impl Declared {
    fn of(pods: &[&PodFacts]) -> Self {
        let containers = pods.iter().flat_map(|pod| pod.containers.iter());
        let ports = containers.flat_map(|c| c.ports.iter()).map(|(name, number)| (*number, name.clone()));
        Self { ports: ports.collect() }
    }

    fn has(&self, target: &str) -> bool {
        match target.parse::<u32>() {
            Ok(wanted) => self.ports.iter().any(|(number, _)| *number == wanted),
            Err(_) => self.ports.iter().any(|(_, name)| &**name == target),
        }
    }

    fn told(&self) -> String {
        let one = |(number, name): &(u32, Arc<str>)| {
            if name.is_empty() { number.to_string() } else { format!("{number} ({name})") }
        };
        let all: Vec<String> = self.ports.iter().take(SHOWN).map(one).collect();
        if all.is_empty() {
            "the containers declare no port".to_owned()
        } else {
            format!("the containers declare {}", all.join(", "))
        }
    }
}

/// A port that leads nowhere, and whether it is certain that nothing is reached.
fn wrong(
    at: &Look<'_>,
    service: &ServiceFacts,
    pods: &[&PodFacts],
    declared: &Declared,
) -> Option<(u32, Arc<str>, bool)> {
    let misses = |(_, target): &&(u32, Arc<str>)| !declared.has(target);
    let missing: Vec<&(u32, Arc<str>)> = service.ports.iter().filter(misses).collect();
    let all = missing.len() == service.ports.len();
    if let Some((port, name)) = missing.iter().find(|(_, target)| target.parse::<u32>().is_err()) {
        return Some((*port, name.clone(), all));
    }
    // A number works without being declared: wrong only where everything that is declared is passed by.
    let (port, number) = missing.first().filter(|_| all && !declared.ports.is_empty())?;
    let serves = |other: &&ServiceFacts| {
        other.meta.uid != service.meta.uid
            && !other.selector.is_empty()
            && pods.iter().any(|pod| other.selector.selects(&pod.meta.labels.all))
            && other.ports.iter().any(|(_, target)| declared.has(target))
    };
    let beside = at.view.all::<ServiceFacts>(&service.meta.namespace).any(|other| serves(&other));
    (!beside).then(|| (*port, number.clone(), false))
}
