//! A simulated Kubernetes cluster as a state machine.
//!
//! [`Sim::handle`] answers API requests, [`Sim::tick`] runs controllers and the kubelet up to a time. There is
//! no I/O, no clock and no chance in it: the same seed and the same calls give the same bytes.
//! It is small and honest: Deployment, ReplicaSet, Pod, Event, Node, PodDisruptionBudget are alive, some kinds
//! are only stored, and everything else answers 501 naming the feature.
//!
//! `handle` first runs what was due *before* its `now`; what is due exactly at `now` waits for `tick(now)`. So a
//! write and a following conditional write at the same instant meet no controller in between.
//!
//! Left out: admission, quotas, server-side apply, init containers, proportional scaling of a half-done rollout,
//! event expiry, namespace deletion, the HorizontalPodAutoscaler's controller.

mod api;
mod control;
mod failure;
mod fault;
mod kind;
mod managed;
mod patch;
mod program;
mod prometheus;
mod read;
mod route;
mod rules;
mod selector;
mod serve;
mod sim;
mod store;
mod sub;
mod value;
mod watch;
mod write;

#[cfg(test)]
mod tests;

pub use api::{Accepted, ApiRequest, ApiResponse, Method, Reply, WatchId, WatchPoll};
pub use fault::{Fault, Scope, Verb};
pub use kind::{
    CONTROLLER_REVISION, DAEMON_SET, DEPLOYMENT, EVENT, Generation, KINDS, Kind, NAMESPACE, NODE, PDB, POD,
    REPLICA_SET, Replace, STATEFUL_SET,
};
pub use program::{Behaviour, Program};
pub use prometheus::{Live, PromValue, QueryError};
pub use sim::Sim;
