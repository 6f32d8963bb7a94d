//! One scope at one moment, with what every detector asks for gathered once.

use crate::facts::{Facts, NodeFacts, PodFacts, ReplicaSetFacts};
use crate::params::Params;
use crate::view::View;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Origin, Reason, Severity, Timestamp};

/// What a detector looks at.
#[derive(Debug)]
pub struct Look<'a> {
    /// The whole cluster.
    pub view: &'a View,
    /// The object that a person would fix.
    pub scope: &'a ObjectRef,
    /// Now.
    pub now: Timestamp,
    /// What is compared with.
    pub params: &'a Params,
    /// The scope's pods by name, leaving ones too.
    pub pods: Vec<&'a PodFacts>,
    /// The scope's ReplicaSets, the newest first.
    pub sets: Vec<&'a ReplicaSetFacts>,
}

impl<'a> Look<'a> {
    /// Gathers what is asked for.
    pub fn new(view: &'a View, scope: &'a ObjectRef, now: Timestamp, params: &'a Params) -> Self {
        let (pods, sets) = (view.pods_of(scope), view.replica_sets_of(scope));
        Self { view, scope, now, params, pods, sets }
    }

    /// The facts of the scope itself, if it is of this kind.
    pub fn facts<T: Facts>(&self) -> Option<&'a T> {
        if self.scope.kind == T::KIND { self.view.facts(self.scope) } else { None }
    }

    /// The scope's pods that neither end nor have ended, and are wanted: not those of a revision that is scaled to
    /// nothing.
    pub fn staying(&self) -> impl Iterator<Item = &'a PodFacts> {
        let wanted = |pod: &&PodFacts| self.set_of(pod).is_none_or(|set| set.wanted > 0);
        self.pods.iter().copied().filter(|pod| !pod.is_leaving()).filter(wanted)
    }

    /// The ReplicaSet of a pod.
    pub fn set_of(&self, pod: &PodFacts) -> Option<&'a ReplicaSetFacts> {
        self.age_of(pod).and_then(|place| self.sets.get(place)).copied()
    }

    /// The place of a pod's ReplicaSet: 0 is the newest revision.
    pub fn age_of(&self, pod: &PodFacts) -> Option<usize> {
        let owner = pod.meta.owner.as_ref().filter(|owner| owner.kind == Kind::ReplicaSet)?;
        self.sets.iter().position(|set| set.meta.uid == owner.uid)
    }

    /// Whether any pod of the scope serves.
    pub fn serves(&self) -> bool {
        self.pods.iter().any(|pod| pod.is_ready() && !pod.is_leaving())
    }

    /// A pod's node, if it has one and it is known.
    pub fn node_of(&self, pod: &PodFacts) -> Option<&'a NodeFacts> {
        if pod.node.is_empty() { None } else { self.view.node(&pod.node) }
    }

    /// Critical when nothing of the scope serves, else a warning.
    pub fn impact(&self) -> Severity {
        if self.serves() { Severity::Warning } else { Severity::Critical }
    }

    /// A finding about the scope itself.
    pub fn finding(&self, reason: Reason, severity: Severity, since: Timestamp) -> Finding {
        Finding {
            reason,
            severity,
            object: self.scope.clone(),
            container: String::new(),
            template_hash: String::new(),
            exit: None,
            cause: Cause::Unknown,
            detail: String::new(),
            blames: None,
            affected: 1,
            since,
            origin: Origin::Seen,
        }
    }

    /// A finding about a pod of the scope.
    pub fn about_pod(&self, reason: Reason, pod: &PodFacts, since: Timestamp) -> Finding {
        let labels = &pod.meta.labels;
        let hash =
            if labels.template_hash.is_empty() { &labels.revision_hash } else { &labels.template_hash };
        Finding {
            object: pod.object(),
            template_hash: hash.to_string(),
            ..self.finding(reason, self.impact(), since)
        }
    }
}
