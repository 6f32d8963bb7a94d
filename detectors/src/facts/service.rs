//! Services, their endpoints, Ingresses: how requests find pods.

use super::lenient::{Take, lenient, read_through, take_object};
use super::meta::{LabelSet, Meta};
use super::pool::Pool;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Name.
    pub meta: Meta,
    /// `spec.type`; empty is ClusterIP.
    pub kind: Arc<str>,
    /// `spec.clusterIP` is None.
    pub headless: bool,
    /// `spec.selector`; without one somebody else writes the endpoints.
    pub selector: LabelSet,
    /// `spec.ports`: number and `targetPort` (a number or a name; the number again when it is not said).
    pub ports: Box<[(u32, Arc<str>)]>,
    /// Names of `spec.ports`, without the empty ones.
    pub port_names: Box<[Arc<str>]>,
    /// `spec.publishNotReadyAddresses`.
    pub publishes_unready: bool,
}

/// What is kept of an EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointsFacts {
    /// Name and owner.
    pub meta: Meta,
    /// Label `kubernetes.io/service-name`.
    pub service: Arc<str>,
    /// Endpoints that are ready; what does not say so counts as ready.
    pub ready: u32,
    /// Endpoints that are not.
    pub unready: u32,
}

/// What is kept of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressFacts {
    /// Name.
    pub meta: Meta,
    /// Services that its rules and its default backend name, with the port's number or name.
    pub backends: Box<[(Arc<str>, Arc<str>)]>,
}

impl ServiceFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.kind);
        pool.share_labels(&mut self.selector);
        for name in &mut self.port_names {
            pool.share(name);
        }
    }
}

impl EndpointsFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.service);
    }
}

impl IngressFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: ServiceSpecWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpecWire {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: Arc<str>,
    #[serde(rename = "clusterIP", deserialize_with = "lenient")]
    cluster_ip: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    selector: LabelSet,
    #[serde(deserialize_with = "lenient")]
    ports: Vec<PortWire>,
    #[serde(deserialize_with = "lenient")]
    publish_not_ready_addresses: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PortWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    port: u32,
    #[serde(deserialize_with = "lenient")]
    target_port: NumberOrName,
}

/// An IntOrString, as text.
#[derive(Default)]
struct NumberOrName(Arc<str>);

impl Take for NumberOrName {
    fn int(v: i64) -> Self {
        Self(v.to_string().into())
    }
    fn text(v: &str) -> Self {
        Self(v.into())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndpointsWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    endpoints: Vec<EndpointWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndpointWire {
    #[serde(deserialize_with = "lenient")]
    conditions: EndpointConditionsWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndpointConditionsWire {
    #[serde(deserialize_with = "lenient")]
    ready: Option<bool>,
}

impl Take for Option<bool> {
    fn bool(v: bool) -> Self {
        Some(v)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: IngressSpecWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct IngressSpecWire {
    #[serde(deserialize_with = "lenient")]
    default_backend: BackendWire,
    #[serde(deserialize_with = "lenient")]
    rules: Vec<RuleWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RuleWire {
    #[serde(deserialize_with = "lenient")]
    http: HttpWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HttpWire {
    #[serde(deserialize_with = "lenient")]
    paths: Vec<PathWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PathWire {
    #[serde(deserialize_with = "lenient")]
    backend: BackendWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackendWire {
    #[serde(deserialize_with = "lenient")]
    service: BackendServiceWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackendServiceWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    port: BackendPortWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackendPortWire {
    #[serde(deserialize_with = "lenient")]
    number: NumberOrName,
    #[serde(deserialize_with = "lenient")]
    name: NumberOrName,
}

take_object!(ServiceWire, ServiceSpecWire, PortWire, EndpointsWire, EndpointWire, EndpointConditionsWire);
take_object!(IngressWire, IngressSpecWire, RuleWire, HttpWire, PathWire, BackendWire);
take_object!(BackendServiceWire, BackendPortWire);
read_through!(ServiceFacts, ServiceWire);
read_through!(EndpointsFacts, EndpointsWire);
read_through!(IngressFacts, IngressWire);

impl From<ServiceWire> for ServiceFacts {
    fn from(wire: ServiceWire) -> Self {
        let spec = wire.spec;
        let names = spec.ports.iter().map(|p| p.name.clone()).filter(|name| !name.is_empty()).collect();
        let ports = spec.ports.into_iter().map(|p| {
            let NumberOrName(target) = p.target_port;
            (p.port, if target.is_empty() { p.port.to_string().into() } else { target })
        });
        Self {
            meta: wire.metadata,
            port_names: names,
            kind: spec.kind,
            headless: &*spec.cluster_ip == "None",
            selector: spec.selector,
            ports: ports.collect(),
            publishes_unready: spec.publish_not_ready_addresses,
        }
    }
}

impl From<EndpointsWire> for EndpointsFacts {
    fn from(wire: EndpointsWire) -> Self {
        let unready = wire.endpoints.iter().filter(|e| e.conditions.ready == Some(false)).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            service: wire.metadata.labels.service.clone(),
            meta: wire.metadata,
            ready: count(wire.endpoints.len() - unready),
            unready: count(unready),
        }
    }
}

impl From<IngressWire> for IngressFacts {
    fn from(wire: IngressWire) -> Self {
        let paths = wire.spec.rules.into_iter().flat_map(|rule| rule.http.paths);
        let all = paths.map(|path| path.backend).chain([wire.spec.default_backend]);
        let mut backends: Vec<(Arc<str>, Arc<str>)> = all
            .map(|backend| backend.service)
            .filter(|service| !service.name.is_empty())
            .map(|service| {
                let BackendPortWire { number: NumberOrName(number), name: NumberOrName(name) } = service.port;
                (service.name, if number.is_empty() { name } else { number })
            })
            .collect();
        backends.sort();
        backends.dedup();
        Self { meta: wire.metadata, backends: backends.into() }
    }
}
