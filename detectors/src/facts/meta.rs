//! `metadata` of any object, without managedFields, and conditions of any status.

use super::lenient::{Lenient, Take, lenient, take_object};
use super::pool::Pool;
use nightshift_model::{Kind, ObjectRef, Timestamp};
use serde::Deserialize;
use serde::de::SeqAccess;
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
    pub owner: Option<Owner>,
    /// The one label that is kept.
    #[serde(deserialize_with = "lenient")]
    pub labels: Labels,
    /// The one annotation that is kept.
    #[serde(deserialize_with = "lenient")]
    pub annotations: Annotations,
}

/// Labels of Deployment pods and ReplicaSets that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// `pod-template-hash`: which ReplicaSet, so which revision.
    #[serde(rename = "pod-template-hash", deserialize_with = "lenient")]
    pub template_hash: Arc<str>,
}

/// Annotations that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// `deployment.kubernetes.io/revision`, 0 when missing.
    #[serde(rename = "deployment.kubernetes.io/revision", deserialize_with = "lenient")]
    pub revision: u64,
}

/// The controlling owner.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        pool.share(&mut self.labels.template_hash);
        if let Some(owner) = &mut self.owner {
            pool.share(&mut owner.name);
            pool.share(&mut owner.uid);
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

impl Take for Option<Owner> {
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut found = None;
        while let Some(Lenient(wire)) = seq.next_element::<Lenient<OwnerWire>>()? {
            if wire.controller && found.is_none() {
                let kind = kind_of(&wire.api_version, &wire.kind);
                found = Some(Owner { kind, name: wire.name, uid: wire.uid });
            }
        }
        Ok(found)
    }
}

/// A kind with its group, as [`Kind`] writes it.
pub(super) fn kind_of(api_version: &str, kind: &str) -> Kind {
    match api_version.split_once('/') {
        None | Some(("apps" | "batch", _)) => Kind::parse(kind),
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
    last_transition_time: Option<Timestamp>,
}

take_object!(Meta, Labels, Annotations, OwnerWire, ConditionWire);

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

/// A condition whose type is known from the field that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether it holds.
    pub status: Truth,
    /// Why, one CamelCase word.
    pub reason: Arc<str>,
    /// `lastTransitionTime`: since when it has this status.
    pub since: Option<Timestamp>,
}

impl Condition {
    pub(super) fn find(all: &[ConditionWire], name: &str) -> Self {
        all.iter().find(|c| &*c.name == name).map_or_else(Self::default, |c| Self {
            status: c.status,
            reason: c.reason.clone(),
            since: c.last_transition_time,
        })
    }
}
