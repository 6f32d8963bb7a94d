//! Facts: the few fields of an object that detectors read, decoded straight from the watch stream.
//!
//! managedFields, env and volumes are skipped while reading. Nothing here fails on a value: see `lenient`.

mod deployment;
mod event;
mod lenient;
mod meta;
mod node;
mod pod;
mod pool;
mod replica_set;

pub use deployment::DeploymentFacts;
pub use event::{About, EventFacts, Level, MESSAGE_MAX};
pub use meta::{Annotations, Condition, Labels, Meta, Owner, Truth};
pub use node::NodeFacts;
pub use pod::{Container, Phase, PodFacts, RestartPolicy, Role, State, Termination};
pub(crate) use pool::Pool;
pub use replica_set::ReplicaSetFacts;

use nightshift_model::{Kind, ObjectRef};

/// One object of a kind that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A Pod.
    Pod(Box<PodFacts>),
    /// A Deployment.
    Deployment(Box<DeploymentFacts>),
    /// A ReplicaSet.
    ReplicaSet(Box<ReplicaSetFacts>),
    /// A Node.
    Node(Box<NodeFacts>),
    /// An Event.
    Event(Box<EventFacts>),
}

impl Fact {
    /// Kinds that have facts.
    pub const KINDS: &'static [Kind] =
        &[Kind::Pod, Kind::Deployment, Kind::ReplicaSet, Kind::Node, Kind::Event];

    /// Reads one object as the API server writes it. `None` for a kind without facts, and for bytes that are not JSON.
    pub fn parse(kind: &Kind, json: &[u8]) -> Option<Self> {
        match kind {
            Kind::Pod => serde_json::from_slice(json).ok().map(Self::Pod),
            Kind::Deployment => serde_json::from_slice(json).ok().map(Self::Deployment),
            Kind::ReplicaSet => serde_json::from_slice(json).ok().map(Self::ReplicaSet),
            Kind::Node => serde_json::from_slice(json).ok().map(Self::Node),
            Kind::Event => serde_json::from_slice(json).ok().map(Self::Event),
            Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::Job
            | Kind::CronJob
            | Kind::Namespace
            | Kind::Other(_) => None,
        }
    }

    /// The object's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Pod(_) => Kind::Pod,
            Self::Deployment(_) => Kind::Deployment,
            Self::ReplicaSet(_) => Kind::ReplicaSet,
            Self::Node(_) => Kind::Node,
            Self::Event(_) => Kind::Event,
        }
    }

    /// The object's metadata.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Pod(f) => &f.meta,
            Self::Deployment(f) => &f.meta,
            Self::ReplicaSet(f) => &f.meta,
            Self::Node(f) => &f.meta,
            Self::Event(f) => &f.meta,
        }
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        match self {
            Self::Pod(f) => &mut f.meta,
            Self::Deployment(f) => &mut f.meta,
            Self::ReplicaSet(f) => &mut f.meta,
            Self::Node(f) => &mut f.meta,
            Self::Event(f) => &mut f.meta,
        }
    }

    /// The object as a reference.
    pub fn object(&self) -> ObjectRef {
        self.meta().object(self.kind())
    }

    pub(crate) fn share(&mut self, pool: &mut Pool) {
        match self {
            Self::Pod(f) => f.share(pool),
            Self::Deployment(f) => f.share(pool),
            Self::ReplicaSet(f) => f.share(pool),
            Self::Node(f) => f.share(pool),
            Self::Event(f) => f.share(pool),
        }
    }
}

#[cfg(test)]
mod tests;
