//! Facts: the few fields of an object that detectors read, decoded straight from the watch stream.
//!
//! managedFields, env and what volumes hold are skipped while reading. Nothing here fails on a value: see `lenient`.

mod autoscaler;
mod control;
mod daemon_set;
mod deployment;
mod event;
mod job;
mod lenient;
mod meta;
mod node;
mod pod;
mod pool;
pub mod quantity;
mod rare;
mod replica_set;
mod service;
mod stateful_set;
mod storage;

pub use autoscaler::{AutoscalerFacts, BudgetFacts};
pub use control::{ApiServiceFacts, Hook, MutatingFacts, NamespaceFacts, ValidatingFacts};
pub use daemon_set::DaemonSetFacts;
pub use deployment::DeploymentFacts;
pub use event::{About, EventFacts, Level};
pub use job::{CronJobFacts, JobFacts};
pub use meta::{Annotations, Condition, LabelSet, Labels, MESSAGE_MAX, Meta, Owner, Says, Truth};
pub use node::{NodeFacts, Taint};
pub use pod::{
    Asks, Container, Phase, PodFacts, Probes, RestartPolicy, Role, Spec, State, Termination, Told, Wait,
};
pub(crate) use pool::Pool;
pub use pool::Shared;
pub use rare::Rare;
pub use replica_set::ReplicaSetFacts;
pub use service::{EndpointsFacts, IngressFacts, ServiceFacts};
pub use stateful_set::StatefulSetFacts;
pub use storage::{ClaimFacts, ClassFacts, QuotaFacts, Use};

use nightshift_model::{Kind, ObjectRef};

/// Facts of one kind.
pub trait Facts: Sized {
    /// The kind.
    const KIND: Kind;
    /// These facts, if the object is of the kind.
    fn of(fact: &Fact) -> Option<&Self>;
    /// The object's metadata.
    fn meta(&self) -> &Meta;
    /// Reads the object of a watch's line straight into its facts, with no tree of values in between. It stands here, where
    /// everything is built for speed.
    ///
    /// # Errors
    /// Bytes that are no such line.
    fn read(line: &[u8]) -> Result<Box<Self>, serde_json::Error>;
    /// The object as a reference.
    fn object(&self) -> ObjectRef {
        self.meta().object(Self::KIND)
    }
}

/// A watch's line; its type is read elsewhere.
#[derive(serde::Deserialize)]
struct Line<T> {
    object: T,
}

/// One line a kind that is watched: its name, which is the variant's, and its facts.
macro_rules! facts {
    ($($kind:ident($facts:ident)),* $(,)?) => {
        /// One object of a kind that is watched.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // the names are Kubernetes' own
        pub enum Fact {
            $($kind(Box<$facts>),)*
        }

        impl Fact {
            /// Kinds that have facts.
            pub const KINDS: &'static [Kind] = &[$(Kind::$kind),*];

            /// Reads one object as the API server writes it. `None` for a kind without facts, and for bytes that are
            /// not JSON.
            pub fn parse(kind: &Kind, json: &[u8]) -> Option<Self> {
                match kind {
                    $(Kind::$kind => serde_json::from_slice(json).ok().map(Self::$kind),)*
                    Kind::ControllerRevision | Kind::Other(_) => None,
                }
            }

            /// The object's kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// The object's metadata.
            pub fn meta(&self) -> &Meta {
                match self {
                    $(Self::$kind(f) => &f.meta,)*
                }
            }

            pub(crate) fn meta_mut(&mut self) -> &mut Meta {
                match self {
                    $(Self::$kind(f) => &mut f.meta,)*
                }
            }

            pub(crate) fn share(&mut self, pool: &mut Pool) {
                match self {
                    $(Self::$kind(f) => f.share(pool),)*
                }
            }
        }

        $(
            impl Facts for $facts {
                const KIND: Kind = Kind::$kind;
                fn of(fact: &Fact) -> Option<&Self> {
                    if let Fact::$kind(facts) = fact { Some(facts) } else { None }
                }
                fn meta(&self) -> &Meta {
                    &self.meta
                }
                fn read(line: &[u8]) -> Result<Box<Self>, serde_json::Error> {
                    serde_json::from_slice::<Line<Box<Self>>>(line).map(|line| line.object)
                }
            }

            impl From<$facts> for Fact {
                fn from(facts: $facts) -> Self {
                    Self::$kind(Box::new(facts))
                }
            }
        )*
    };
}

facts! {
    Pod(PodFacts),
    Deployment(DeploymentFacts),
    ReplicaSet(ReplicaSetFacts),
    StatefulSet(StatefulSetFacts),
    DaemonSet(DaemonSetFacts),
    Job(JobFacts),
    CronJob(CronJobFacts),
    HorizontalPodAutoscaler(AutoscalerFacts),
    PodDisruptionBudget(BudgetFacts),
    PersistentVolumeClaim(ClaimFacts),
    StorageClass(ClassFacts),
    ResourceQuota(QuotaFacts),
    Service(ServiceFacts),
    EndpointSlice(EndpointsFacts),
    Ingress(IngressFacts),
    Namespace(NamespaceFacts),
    ValidatingWebhookConfiguration(ValidatingFacts),
    MutatingWebhookConfiguration(MutatingFacts),
    APIService(ApiServiceFacts),
    Node(NodeFacts),
    Event(EventFacts),
}

impl Fact {
    /// The object as a reference.
    pub fn object(&self) -> ObjectRef {
        self.meta().object(self.kind())
    }
}

#[cfg(test)]
mod tests;
