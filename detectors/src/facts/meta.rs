//! `metadata` of any object, without managedFields, and conditions of any status.

use super::lenient::{Lenient, Take, lenient, take_object};
use super::pool::{Pool, Shared};
use super::rare::{Rare, empty};
use nightshift_model::{Kind, ObjectRef, Timestamp};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What is kept of `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Empty for cluster-scoped objects.
    #[serde(deserialize_with = "lenient")]
    pub namespace: Arc<str>,
    /// The name.
    #[serde(deserialize_with = "lenient")]
    pub name: Arc<str>,
    /// The uid; an object without one is not kept.
    #[serde(deserialize_with = "lenient")]
    pub uid: Arc<str>,
    /// `resourceVersion` as a number; 0 when it is not one, which compares with nothing.
    #[serde(rename = "resourceVersion", deserialize_with = "lenient")]
    pub version: u64,
    /// `generation`: counts changes of the spec.
    #[serde(deserialize_with = "lenient")]
    pub generation: i64,
    /// `creationTimestamp`.
    #[serde(rename = "creationTimestamp", deserialize_with = "lenient")]
    pub created: Option<Timestamp>,
    /// `deletionTimestamp`: set when it is being deleted.
    #[serde(rename = "deletionTimestamp", deserialize_with = "lenient")]
    pub deleting: Option<Timestamp>,
    /// The owner that controls it.
    #[serde(rename = "ownerReferences", deserialize_with = "lenient")]
    pub owner: Option<Shared<Owner>>,
    /// `finalizers`: who must let go of it before it is gone.
    #[serde(deserialize_with = "lenient")]
    pub finalizers: Rare<Box<[Arc<str>]>>,
    /// Its labels.
    #[serde(deserialize_with = "lenient")]
    pub labels: Shared<Labels>,
    /// The annotations that are kept.
    #[serde(deserialize_with = "lenient")]
    pub annotations: Rare<Annotations>,
}

/// Labels of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    /// `pod-template-hash`: which ReplicaSet, so which revision.
    pub template_hash: Arc<str>,
    /// `controller-revision-hash`: which ControllerRevision of a StatefulSet or DaemonSet.
    pub revision_hash: Arc<str>,
    /// `kubernetes.io/service-name`: the Service of an EndpointSlice.
    pub service: Arc<str>,
    /// All of them.
    pub all: LabelSet,
}

impl From<LabelSet> for Labels {
    fn from(all: LabelSet) -> Self {
        let value = |key| all.get(key).cloned().unwrap_or_default();
        Self {
            template_hash: value("pod-template-hash"),
            revision_hash: value("controller-revision-hash"),
            service: value("kubernetes.io/service-name"),
            all,
        }
    }
}

impl Take for Shared<Labels> {
    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        LabelSet::map(map).map(|all| Labels::from(all).into())
    }
}

/// Labels by key, one copy for all objects that carry the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(pub(crate) Arc<[(Arc<str>, Arc<str>)]>);

impl LabelSet {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Arc<str>> {
        self.0.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every pair, by key.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// As a selector: whether every pair of it stands in `labels`. An empty one selects everything.
    pub fn selects(&self, labels: &Self) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl Take for LabelSet {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut all: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        while let Some((key, Lenient(value))) = map.next_entry::<String, Lenient<Arc<str>>>()? {
            all.push((key.into(), value));
        }
        all.sort();
        Ok(Self(all.into()))
    }
}

/// Annotations that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// `deployment.kubernetes.io/revision`, 0 when missing.
    #[serde(rename = "deployment.kubernetes.io/revision", deserialize_with = "lenient")]
    pub revision: u64,
    /// `storageclass.kubernetes.io/is-default-class`.
    #[serde(rename = "storageclass.kubernetes.io/is-default-class", deserialize_with = "lenient")]
    pub default_class: bool,
}

/// The controlling owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Its kind; `Kind.group` outside the built-in groups, so that a Volcano Job is not a Job.
    pub kind: Kind,
    /// Its name; the namespace is the object's own.
    pub name: Arc<str>,
    /// Its uid.
    pub uid: Arc<str>,
}

impl Meta {
    /// The object as a reference.
    pub fn object(&self, kind: Kind) -> ObjectRef {
        ObjectRef::new(kind, &self.namespace, &self.name, &self.uid)
    }

    /// The controlling owner as a reference.
    pub fn owner_ref(&self) -> Option<ObjectRef> {
        let owner = self.owner.as_ref()?;
        let namespace = if owner.kind == Kind::Node { "" } else { &self.namespace };
        Some(ObjectRef::new(owner.kind.clone(), namespace, &owner.name, &owner.uid))
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        pool.share(&mut self.namespace);
        pool.share_labelled(&mut self.labels);
        for finalizer in self.finalizers.part().into_iter().flatten() {
            pool.share(finalizer);
        }
        if let Some(owner) = &mut self.owner {
            pool.share_owner(owner);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OwnerWire {
    #[serde(deserialize_with = "lenient")]
    api_version: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    kind: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    uid: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    controller: bool,
}

impl Take for Option<Shared<Owner>> {
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut found = None;
        while let Some(Lenient(wire)) = seq.next_element::<Lenient<OwnerWire>>()? {
            if wire.controller && found.is_none() {
                let kind = kind_of(&wire.api_version, &wire.kind);
                found = Some(Owner { kind, name: wire.name, uid: wire.uid }.into());
            }
        }
        Ok(found)
    }
}

/// The groups whose kinds stand without their group in [`Kind`].
const BUILT_IN: &[&str] = &[
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "networking.k8s.io",
    "discovery.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
];

/// A kind with its group, as [`Kind`] writes it.
pub(super) fn kind_of(api_version: &str, kind: &str) -> Kind {
    match api_version.split_once('/') {
        None => Kind::parse(kind),
        Some((group, _)) if BUILT_IN.contains(&group) => Kind::parse(kind),
        Some((group, _)) => Kind::Other(format!("{kind}.{group}")),
    }
}

/// One entry of `status.conditions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConditionWire {
    #[serde(rename = "type", deserialize_with = "lenient")]
    name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    status: Truth,
    #[serde(deserialize_with = "lenient")]
    reason: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    message: Capped,
    #[serde(deserialize_with = "lenient")]
    last_transition_time: Option<Timestamp>,
}

/// `spec.template` of what makes pods.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TemplateWire {
    #[serde(deserialize_with = "lenient")]
    pub(super) metadata: Meta,
}

/// `spec.strategy` or `spec.updateStrategy` of what makes pods.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct StrategyWire {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(super) name: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    pub(super) rolling_update: RollingWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RollingWire {
    #[serde(deserialize_with = "lenient")]
    pub(super) partition: u32,
}

take_object!(Meta, Annotations, OwnerWire, ConditionWire, TemplateWire, StrategyWire, RollingWire);

/// Characters of a message that are kept. Of a longer one, its end is kept too: there the innermost error stands.
pub const MESSAGE_MAX: usize = 600;

/// Characters of the end of a longer message.
const MESSAGE_END: usize = 199;

/// Text of others, at most [`MESSAGE_MAX`] characters of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capped(pub(super) Arc<str>);

/// Reads one capped text; the form of `#[serde(deserialize_with)]`.
pub(super) fn capped<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Arc<str>, D::Error> {
    lenient::<D, Capped>(d).map(|text| text.0)
}

impl Take for Capped {
    fn text(v: &str) -> Self {
        if v.chars().nth(MESSAGE_MAX).is_none() {
            return Self(v.into());
        }
        let place = |characters: usize| v.char_indices().nth(characters).map_or(v.len(), |(at, _)| at);
        let tail = v.char_indices().nth_back(MESSAGE_END - 1).map_or(0, |(at, _)| at);
        let head = v.get(..place(MESSAGE_MAX - MESSAGE_END - 1)).unwrap_or_default();
        Self(format!("{head}…{}", v.get(tail..).unwrap_or_default()).into())
    }
}

/// A condition's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`, anything else, or no such condition.
    #[default]
    Unknown,
}

impl Take for Truth {
    fn text(v: &str) -> Self {
        match v {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// A condition whose type is known from the field that holds it. What it says reads like a field of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether it holds.
    pub status: Truth,
    /// `lastTransitionTime`: since when it has this status.
    pub since: Option<Timestamp>,
    /// Why, if it says so.
    pub says: Rare<Says>,
}

/// What a condition says: mostly nothing, where all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// Why, one CamelCase word.
    pub reason: Arc<str>,
    /// `message`, where it is kept, at most [`MESSAGE_MAX`] characters. Text of others: quoted, never followed.
    pub message: Arc<str>,
}

impl Deref for Condition {
    type Target = Says;

    fn deref(&self) -> &Says {
        &self.says
    }
}

impl DerefMut for Condition {
    fn deref_mut(&mut self) -> &mut Says {
        &mut self.says
    }
}

empty!(Condition, Says, Annotations, Box<[Arc<str>]>);

impl Condition {
    /// Without its message.
    pub(super) fn find(all: &[ConditionWire], name: &str) -> Self {
        let found = all.iter().find(|c| &*c.name == name);
        found.map_or_else(Self::default, |c| Self::of(c, Arc::default()))
    }

    /// With its message.
    pub(super) fn with_message(all: &[ConditionWire], name: &str) -> Self {
        let found = all.iter().find(|c| &*c.name == name);
        found.map_or_else(Self::default, |c| Self::of(c, c.message.0.clone()))
    }

    /// Every condition that is True, with its type.
    pub(super) fn all_true(all: &[ConditionWire]) -> Box<[(Arc<str>, Self)]> {
        let holding = all.iter().filter(|c| c.status == Truth::True);
        holding.map(|c| (c.name.clone(), Self::of(c, c.message.0.clone()))).collect()
    }

    fn of(c: &ConditionWire, message: Arc<str>) -> Self {
        let says = Says { reason: c.reason.clone(), message };
        Self { status: c.status, since: c.last_transition_time, says: says.into() }
    }

    pub(super) fn share(&mut self, pool: &mut Pool) {
        if let Some(says) = self.says.part() {
            pool.share(&mut says.reason);
            pool.share(&mut says.message);
        }
    }
}
