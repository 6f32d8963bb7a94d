//! A Service of the incident's own namespace and its endpoints. The name may come from a log, so it reaches no other
//! namespace and no other kind, whatever it says.

use super::answer::{Refusal, items, list, text, word};
use super::{get, list_of, segment};
use crate::diagnose::is_address;
use nightshift_model::effect::Accept;
use nightshift_model::evidence::ServiceFacts;
use nightshift_model::{Kind, ObjectRef, Observed, RawPart, Read};
use serde_json::Value;

/// Objects asked for when only an address is known.
const LIMIT: &str = "250";
/// Ports kept.
const PORTS: usize = 20;
/// The label that names an EndpointSlice's Service.
const OWNER: &str = "kubernetes.io/service-name";

/// By name; by address all of the namespace, for a Service cannot be asked for by that.
pub(super) fn reads(namespace: &str, host: &str) -> Vec<Read> {
    let services = list_of("/api/v1", namespace, "services").filter(|_| segment(host));
    let slices = list_of("/apis/discovery.k8s.io/v1", namespace, "endpointslices").filter(|_| segment(host));
    let (name, owner) = (format!("metadata.name={host}"), format!("{OWNER}={host}"));
    let narrow = |by, value: &str| {
        if is_address(host) { vec![("limit", LIMIT)] } else { vec![(by, value), ("limit", LIMIT)] }
            .into_iter()
            .map(|(name, value): (&str, &str)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let (first, second) = (narrow("fieldSelector", &name), narrow("labelSelector", &owner));
    let borrowed = |query: &[(String, String)], path: Option<String>| {
        let query: Vec<(&str, &str)> = query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        get(path, &query, Accept::Json)
    };
    [borrowed(&first, services), borrowed(&second, slices)].concat()
}

/// The answer may hold more than was asked for: what is meant is found again here.
pub(super) fn observe(parts: &[RawPart], namespace: &str, host: &str) -> Result<Observed, Refusal> {
    let services = items(parts, 0)?;
    let meant = services.iter().find(|service| {
        if is_address(host) {
            text(service, "/spec/clusterIP") == host
        } else {
            text(service, "/metadata/name") == host
        }
    });
    let Some(service) = meant else { return Ok(Observed::Service(None)) };
    let name = text(service, "/metadata/name");
    let (mut ready, mut unready) = (0_u32, 0_u32);
    for slice in items(parts, 1)? {
        let owner = slice.pointer("/metadata/labels").and_then(|l| l.get(OWNER)).and_then(Value::as_str);
        for endpoint in list(&slice, "/endpoints").iter().filter(|_| owner == Some(name)) {
            // Without a word it is ready: that is how the API means it.
            let is_ready = endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
            let count = if is_ready { &mut ready } else { &mut unready };
            *count = count.saturating_add(1);
        }
    }
    let port = |p: &Value| p.get("port").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
    let external =
        (text(service, "/spec/type") == "ExternalName").then(|| word(text(service, "/spec/externalName")));
    Ok(Observed::Service(Some(ServiceFacts {
        service: ObjectRef::new(Kind::Service, namespace, &word(name), &word(text(service, "/metadata/uid"))),
        ports: list(service, "/spec/ports").iter().take(PORTS).filter_map(port).collect(),
        selects: service.pointer("/spec/selector").and_then(Value::as_object).is_some_and(|s| !s.is_empty()),
        external,
        ready,
        unready,
    })))
}
