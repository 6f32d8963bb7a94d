//! Namespaces, admission webhooks and aggregated APIs: what everything else passes through.

use super::lenient::{lenient, read_through, take_object};
use super::meta::{Condition, ConditionWire, Meta};
use super::pool::Pool;
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of a Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Name, deletion.
    pub meta: Meta,
    /// `status.phase` is Terminating.
    pub terminating: bool,
    /// What holds its deletion up, each with its message: NamespaceDeletionDiscoveryFailure, NamespaceContentRemaining,
    /// NamespaceFinalizersRemaining and the like, as far as they are True.
    pub holds: Box<[(Arc<str>, Condition)]>,
}

/// What is kept of a ValidatingWebhookConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatingFacts {
    /// Name.
    pub meta: Meta,
    /// Its webhooks.
    pub hooks: Box<[Hook]>,
}

/// What is kept of a MutatingWebhookConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MutatingFacts {
    /// Name.
    pub meta: Meta,
    /// Its webhooks.
    pub hooks: Box<[Hook]>,
}

/// One admission webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// The name.
    pub name: Arc<str>,
    /// `failurePolicy` is Fail (or not said): what it cannot be asked about is refused.
    pub fails_closed: bool,
    /// Namespace and name of its Service; `None` for one that is called by URL.
    pub service: Option<(Arc<str>, Arc<str>)>,
}

/// What is kept of an APIService.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiServiceFacts {
    /// Name, as in `v1beta1.metrics.k8s.io`.
    pub meta: Meta,
    /// Namespace and name of the Service behind it; `None` for an API that the API server serves itself.
    pub service: Option<(Arc<str>, Arc<str>)>,
    /// Condition Available, with its message.
    pub available: Condition,
}

impl NamespaceFacts {
    /// Whether it is being deleted, and everything in it.
    pub fn is_going(&self) -> bool {
        self.terminating || self.meta.deleting.is_some()
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
    }
}

impl ValidatingFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
    }
}

impl MutatingFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
    }
}

impl ApiServiceFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        self.available.share(pool);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamespaceWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    status: StatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusWire {
    #[serde(deserialize_with = "lenient")]
    phase: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<ConditionWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WebhooksWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    webhooks: Vec<HookWire>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HookWire {
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    failure_policy: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    client_config: ClientWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClientWire {
    #[serde(deserialize_with = "lenient")]
    service: ServiceWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceWire {
    #[serde(deserialize_with = "lenient")]
    namespace: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
}

impl ServiceWire {
    fn named(self) -> Option<(Arc<str>, Arc<str>)> {
        (!self.name.is_empty()).then_some((self.namespace, self.name))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiServiceWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: ClientWire,
    #[serde(deserialize_with = "lenient")]
    status: StatusWire,
}

take_object!(NamespaceWire, StatusWire, WebhooksWire, HookWire, ClientWire, ServiceWire, ApiServiceWire);
read_through!(NamespaceFacts, NamespaceWire);
read_through!(ValidatingFacts, WebhooksWire);
read_through!(MutatingFacts, WebhooksWire);
read_through!(ApiServiceFacts, ApiServiceWire);

impl From<NamespaceWire> for NamespaceFacts {
    fn from(wire: NamespaceWire) -> Self {
        Self {
            terminating: &*wire.status.phase == "Terminating",
            holds: Condition::all_true(&wire.status.conditions),
            meta: wire.metadata,
        }
    }
}

fn hooks(all: Vec<HookWire>) -> Box<[Hook]> {
    let hook = |wire: HookWire| Hook {
        name: wire.name,
        fails_closed: &*wire.failure_policy != "Ignore",
        service: wire.client_config.service.named(),
    };
    all.into_iter().map(hook).collect()
}

impl From<WebhooksWire> for ValidatingFacts {
    fn from(wire: WebhooksWire) -> Self {
        Self { meta: wire.metadata, hooks: hooks(wire.webhooks) }
    }
}

impl From<WebhooksWire> for MutatingFacts {
    fn from(wire: WebhooksWire) -> Self {
        Self { meta: wire.metadata, hooks: hooks(wire.webhooks) }
    }
}

impl From<ApiServiceWire> for ApiServiceFacts {
    fn from(wire: ApiServiceWire) -> Self {
        Self {
            meta: wire.metadata,
            service: wire.spec.service.named(),
            available: Condition::with_message(&wire.status.conditions, "Available"),
        }
    }
}
