//! What decisions rest on besides the incident itself: configuration, and what the history adds up to.

use crate::closed::Closings;
use crate::proof::Counters;
use crate::vote_object::Looks;
use nightshift_model::history::Quarantine;
use nightshift_model::registry::matches;
use nightshift_model::{
    ActionKind, Cluster, Digest, Fingerprint, Foreign, IncidentId, Noise, ObjectRef, Registry, Silence,
    Timestamp,
};
use nightshift_playbooks::Catalog;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that [`crate::next`] may look at. Built anew for every drive from configuration and projections.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The cluster.
    pub cluster: Cluster,
    /// What nightshift may do.
    pub mode: Mode,
    /// Persons, roles, owners, policy.
    pub registry: Arc<Registry>,
    /// The playbooks.
    pub playbooks: Arc<Catalog>,
    /// Digest over all of them and the mode: a change voids votes.
    pub policy: Digest,
    /// Whether a Prometheus is configured.
    pub prometheus: bool,
    /// How much is said about what comes and goes by itself.
    pub noise: Noise,
    /// Our own namespace, where nothing is ever written; empty outside a cluster.
    pub home: String,
    /// What the history adds up to.
    pub standing: Standing,
}

/// `mode:` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Watch, explain, say what would have been proposed. No executor, no write.
    Observe,
    /// Propose, and execute what people approved, in these namespaces only; a trailing `*` matches any ending.
    Approve {
        /// The namespaces.
        namespaces: Vec<String>,
    },
}

impl Mode {
    /// Whether nightshift may write in a namespace.
    pub fn writes_in(&self, namespace: &str) -> bool {
        match self {
            Self::Observe => false,
            Self::Approve { namespaces } => namespaces.iter().any(|pattern| matches(pattern, namespace)),
        }
    }

    /// Whether that is every namespace.
    pub fn writes_everywhere(&self) -> bool {
        match self {
            Self::Observe => false,
            Self::Approve { namespaces } => namespaces.iter().any(|pattern| pattern == "*"),
        }
    }

    /// The namespaces among them that are named in full.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::Observe => &[],
            Self::Approve { namespaces } => namespaces.as_slice(),
        };
        all.iter().map(String::as_str).filter(|name| !name.ends_with('*'))
    }
}

impl Rules {
    /// Digest over registry, policy, playbooks and mode, as sealed into plans.
    pub fn policy_digest(registry: &Registry, playbooks: &Catalog, mode: &Mode) -> Digest {
        nightshift_model::digest_of("nightshift/rules/v1", &(registry.digest(playbooks.digest()), mode))
    }
}

/// What the history adds up to, beside the incident at hand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The kill switch. An executor that is closed everywhere is one that is set.
    pub kill_switch: KillSwitch,
    /// What closes the executor without a person, and where.
    pub closings: Closings,
    /// When it was cleared last: grants and votes from before are void.
    pub cleared_at: Option<Timestamp>,
    /// Operations of the last 24 hours.
    pub executions: Vec<Execution>,
    /// Denials of the last 24 hours and more.
    pub denials: Vec<Denial>,
    /// What the executor does not write.
    pub quarantine: Vec<Quarantine>,
    /// Counters that passkeys have shown in votes.
    pub counters: Arc<Counters>,
    /// What the API server said about votes as objects. Whoever decides looks itself, right before.
    pub looks: Looks,
    /// Silences in force: they keep messages back and decide nothing.
    pub silences: Vec<Silence>,
    /// Active silences of Alertmanager, as it said last.
    pub foreign: Vec<Foreign>,
    /// Annotations that ask for a silence and are none, by object, with the reason.
    pub unread: BTreeMap<ObjectRef, String>,
    /// Nodes that are not Ready: more than one is a storm.
    pub nodes_not_ready: u32,
}

impl Standing {
    /// The kill switch as it counts in a namespace: one in which the executor is closed has it set.
    pub fn held(&self, namespace: &str) -> KillSwitch {
        match (&self.kill_switch, self.closings.within(namespace)) {
            (KillSwitch::Clear, Some(reason)) => KillSwitch::Set { reason },
            (switch @ (KillSwitch::Clear | KillSwitch::Set { .. }), _) => switch.clone(),
        }
    }
}

/// The kill switch counts as set when it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KillSwitch {
    /// Nothing holds execution back.
    #[default]
    Clear,
    /// A person or the configuration set it.
    Set {
        /// Why, or that it could not be read.
        reason: String,
    },
}

/// One operation, counted for limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The incident.
    pub incident: IncidentId,
    /// The object written.
    pub workload: ObjectRef,
    /// When the request was about to be sent.
    pub at: Timestamp,
    /// Whether it is executing or verifying still.
    pub running: bool,
}

/// One denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// uid of the target.
    pub uid: String,
    /// The action.
    pub action: ActionKind,
    /// What it was proposed for.
    pub cause: Fingerprint,
    /// When.
    pub at: Timestamp,
}
