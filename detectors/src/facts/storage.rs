//! Claims, classes and quotas: what a pod must be given before it can run.

use super::lenient::{Lenient, Take, lenient, read_through, take_object};
use super::meta::Meta;
use super::pool::Pool;
use serde::Deserialize;
use serde::de::MapAccess;
use std::sync::Arc;

/// What is kept of a PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Name.
    pub meta: Meta,
    /// `spec.storageClassName`; `None` asks for the default class, an empty one for none.
    pub class: Option<Arc<str>>,
    /// `spec.volumeName`; empty until it is bound.
    pub volume: Arc<str>,
    /// `status.phase`, as in `Pending`.
    pub phase: Arc<str>,
}

/// What is kept of a StorageClass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassFacts {
    /// Name.
    pub meta: Meta,
    /// `volumeBindingMode` is WaitForFirstConsumer: a claim waits until a pod uses it.
    pub waits_for_consumer: bool,
    /// Annotation `storageclass.kubernetes.io/is-default-class`.
    pub default: bool,
    /// Who makes its volumes.
    pub provisioner: Arc<str>,
}

/// What is kept of a ResourceQuota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaFacts {
    /// Name.
    pub meta: Meta,
    /// `status.used` and `status.hard`.
    pub uses: Box<[Use]>,
}

/// How much of one resource is used. Quantities as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The resource, as in `requests.cpu`.
    pub resource: Arc<str>,
    /// What is used.
    pub used: Arc<str>,
    /// What may be.
    pub hard: Arc<str>,
}

impl ClaimFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.phase);
        if let Some(class) = &mut self.class {
            pool.share(class);
        }
    }
}

impl ClassFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
    }
}

impl QuotaFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        for one in &mut self.uses {
            pool.share(&mut one.resource);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    spec: ClaimSpecWire,
    #[serde(deserialize_with = "lenient")]
    status: ClaimStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSpecWire {
    #[serde(deserialize_with = "lenient")]
    storage_class_name: Option<Arc<str>>,
    #[serde(deserialize_with = "lenient")]
    volume_name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimStatusWire {
    #[serde(deserialize_with = "lenient")]
    phase: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClassWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    volume_binding_mode: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    provisioner: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct QuotaWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient")]
    status: QuotaStatusWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct QuotaStatusWire {
    #[serde(deserialize_with = "lenient")]
    hard: Amounts,
    #[serde(deserialize_with = "lenient")]
    used: Amounts,
}

/// Quantities by resource, as written.
#[derive(Default)]
struct Amounts(Vec<(Arc<str>, Arc<str>)>);

impl Take for Amounts {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut all = Vec::new();
        while let Some((resource, Lenient(amount))) = map.next_entry::<String, Lenient<Arc<str>>>()? {
            all.push((resource.into(), amount));
        }
        Ok(Self(all))
    }
}

impl Take for Option<Arc<str>> {
    fn text(v: &str) -> Self {
        Some(v.into())
    }
}

take_object!(ClaimWire, ClaimSpecWire, ClaimStatusWire, ClassWire, QuotaWire, QuotaStatusWire);
read_through!(ClaimFacts, ClaimWire);
read_through!(ClassFacts, ClassWire);
read_through!(QuotaFacts, QuotaWire);

impl From<ClaimWire> for ClaimFacts {
    fn from(wire: ClaimWire) -> Self {
        Self {
            meta: wire.metadata,
            class: wire.spec.storage_class_name,
            volume: wire.spec.volume_name,
            phase: wire.status.phase,
        }
    }
}

impl From<ClassWire> for ClassFacts {
    fn from(wire: ClassWire) -> Self {
        Self {
            default: wire.metadata.annotations.default_class,
            meta: wire.metadata,
            waits_for_consumer: &*wire.volume_binding_mode == "WaitForFirstConsumer",
            provisioner: wire.provisioner,
        }
    }
}

impl From<QuotaWire> for QuotaFacts {
    fn from(wire: QuotaWire) -> Self {
        let QuotaStatusWire { hard: Amounts(hard), used: Amounts(used) } = wire.status;
        let of = |resource: &str| used.iter().find(|(name, _)| &**name == resource);
        let uses = hard.into_iter().map(|(resource, hard)| {
            let used = of(&resource).map_or_else(|| "0".into(), |(_, used)| used.clone());
            Use { resource, used, hard }
        });
        Self { meta: wire.metadata, uses: uses.collect() }
    }
}
