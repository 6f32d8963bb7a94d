//! BackendMissing: an Ingress sends to a Service or port that is not there.
//!
//! # Meaning
//! A rule or the default backend of the Ingress names a Service that its namespace does not have, or a port that the Service
//! does not have. A Service of type ExternalName has no ports that could be missing, and the names that the AWS load balancer
//! controller uses for actions (port `use-annotation`) are no Services.
//!
//! # Impact
//! The controller answers these paths with 503 or 404, or drops the whole Ingress; what is in the cluster is green. Critical when no
//! backend is left.
//!
//! # Diagnosis
//! Compare `spec.rules[].http.paths[].backend.service` with `kubectl get services`: a Service that was renamed or lives in
//! another namespace, a port that was changed at the Service only, a name where a number was meant.
//!
//! # Mitigation
//! Correct the backend, or bring the Service back. An Ingress cannot send into another namespace: a Service of type ExternalName can stand
//! in.

use crate::behind::unseen;
use crate::catalog::{Detector, Looked};
use crate::facts::{IngressFacts, ServiceFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct BackendMissing;

impl Detector for BackendMissing {
    fn reason(&self) -> Reason {
        Reason::BackendMissing
    }

    fn source(&self) -> &'static str {
        include_str!("backend_missing.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it may be missing", params.misrouted.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(ingress) = at.facts::<IngressFacts>() else { return Looked::default() };
        if ingress.meta.deleting.is_some() || ingress.backends.is_empty() {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::Service]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let backends = ingress.backends.iter().filter(|(_, port)| &**port != "use-annotation");
        let missing: Vec<Missing> =
            backends.clone().filter_map(|(service, port)| missing(at, ingress, service, port)).collect();
        let Some(first) = missing.first() else { return Looked::default() };
        let seen = at.view.first_seen(&ingress.meta.uid);
        let own = at.view.changed(&ingress.meta.uid).or(ingress.meta.created).or(seen).unwrap_or(at.now);
        let since = missing.iter().filter_map(|one| one.since).fold(own, Timestamp::max);
        let due = since + at.params.misrouted;
        if at.now < due {
            return Looked::later(due);
        }
        let all = missing.len() == backends.count();
        let severity = if all { Severity::Critical } else { Severity::Warning };
        Looked::found(Finding {
            cause: first.cause,
            detail: first.detail.clone(),
            affected: u32::try_from(missing.len()).unwrap_or(u32::MAX),
            blames: first.blames.clone(),
            ..at.finding(Reason::BackendMissing, severity, since)
        })
    }
}

/// A backend that is not there.
struct Missing {
    cause: Cause,
    detail: String,
    /// The Service that is not there: several Ingresses may send to it.
    blames: Option<ObjectRef>,
    /// When the Service went or was changed, if that was seen.
    since: Option<Timestamp>,
}

fn missing(at: &Look<'_>, ingress: &IngressFacts, service: &str, port: &str) -> Option<Missing> {
    let namespace = &ingress.meta.namespace;
    let Some(known) = at.view.by_name::<ServiceFacts>(namespace, service) else {
        let detail = format!("Service {service} is not in namespace {namespace}");
        let since = at.view.gone_at(Kind::Service, namespace, service);
        let blames = Some(ObjectRef::new(Kind::Service, namespace, service, ""));
        return Some(Missing { cause: Cause::MissingService, detail, blames, since });
    };
    let fits = match port.parse::<u32>() {
        Ok(number) => known.ports.iter().any(|(own, _)| *own == number),
        Err(_) => known.port_names.iter().any(|name| &**name == port),
    };
    if fits || port.is_empty() || &*known.kind == "ExternalName" {
        return None;
    }
    let ports: Vec<String> = known.ports.iter().map(|(number, _)| number.to_string()).collect();
    let detail = format!("Service {service} has no port {port}; it has {}", ports.join(", "));
    let since = at.view.changed(&known.meta.uid);
    Some(Missing { cause: Cause::MissingPort, detail, blames: None, since })
}
