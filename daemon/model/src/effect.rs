//! Effects as values: what the driver wants done, and what came back, unread.

use crate::evidence::{EvidenceRequest, NotChecked};
use crate::history::Actor;
use crate::ids::{IncidentId, OpId};
use crate::incident::IncidentEvent;
use crate::measure::{Measure, Stage};
use crate::object::ObjectRef;
use crate::operation::{Mark, Recovered, Role, Sent};
use crate::plan::{Draft, Plan};
use crate::time::Timestamp;

/// One thing to be done outside. Repeating any of them is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Responder: answer one question, within the budget that is left.
    Fetch(EvidenceRequest),
    /// Executor: re-read the target and dry-run the sealed request under this mark.
    Recheck(Box<Plan>, Mark),
    /// Executor: read target and source, dry-run the draft's request.
    Preview(Box<Draft>, OpId),
    /// Executor: set the mark on the target.
    Claim(Box<Plan>, Mark),
    /// Executor: find out what became of a request, and bar any late one.
    Recover {
        /// The plan.
        plan: Box<Plan>,
        /// The mark that the lost request carried.
        stale: Mark,
        /// A higher one.
        fresh: Mark,
    },
    /// Responder: take one look at all measures.
    Measure(Box<MeasureRequest>),
}

impl Ask {
    /// The ask's name: span and metric label.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "fetch",
            Self::Recheck(..) => "recheck",
            Self::Preview(..) => "preview",
            Self::Claim(..) => "claim",
            Self::Recover { .. } => "recover",
            Self::Measure(_) => "measure",
        }
    }
}

/// A look at all measures of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureRequest {
    /// Before or after the write.
    pub stage: Stage,
    /// The measures.
    pub measures: Vec<Measure>,
    /// Label selector of the target's pods, as a query parameter.
    pub selector: String,
    /// When the write took effect, for looks after it.
    pub since: Option<Timestamp>,
}

/// Raw bytes and statuses. Reading them is `engine::accept`'s work, never the adapter's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `Fetch`.
    Raw(Raw),
    /// To `Recheck`.
    Live(Box<LiveTarget>),
    /// To `Preview`.
    Preview(Box<Preview>),
    /// To `Claim`.
    Claimed(Sent),
    /// To `Recover`.
    Recovered(Recovered),
    /// To `Measure`: one raw answer a measure, in order.
    Measured(Vec<Raw>),
    /// The ask could not even be tried.
    Failed(String),
}

/// One read-only request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// GET at the API server.
    Get {
        /// Path without query.
        path: String,
        /// Query parameters, unescaped.
        query: Vec<(String, String)>,
        /// What form is wanted.
        accept: Accept,
    },
    /// An instant query at Prometheus.
    Query {
        /// The query.
        promql: String,
    },
    /// Incidents that are open, as a JSON list of [`crate::evidence::OtherIncident`].
    Incidents,
    /// The revisions of a workload that the history has recorded healthy, as a JSON list.
    Healthy {
        /// The workload.
        workload: ObjectRef,
    },
}

/// The form of a GET's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// The object.
    Json,
    /// Names, labels and ages only (`PartialObjectMetadata`).
    Metadata,
    /// Text, as logs are.
    Text,
}

/// Answers to the reads of one question, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Raw {
    /// One part a read.
    pub parts: Vec<RawPart>,
}

/// One answer: a status and bytes, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawPart {
    /// It answered.
    Body {
        /// HTTP status.
        status: u16,
        /// The bytes, at most the cap.
        body: Vec<u8>,
        /// Whether the cap cut them.
        cut: bool,
    },
    /// It did not.
    Failed {
        /// The class.
        why: NotChecked,
        /// One clause.
        detail: String,
    },
}

impl RawPart {
    /// The body of a 2xx, uncut.
    pub fn ok(&self) -> Option<&[u8]> {
        match self {
            Self::Body { status, body, cut: false } if (200..300).contains(status) => Some(body),
            Self::Body { .. } | Self::Failed { .. } => None,
        }
    }
}

/// What the executor read of a target right before the write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTarget {
    /// GET of the target.
    pub target: RawPart,
    /// GET of the sealed body's source, for bodies sealed by reference.
    pub source: Option<RawPart>,
    /// LIST of the target's pods: the symptom, seen by the executor itself.
    pub pods: RawPart,
    /// LIST of the namespace's autoscalers.
    pub autoscalers: RawPart,
    /// GET of the namespace.
    pub namespace: RawPart,
    /// What else the action's preconditions rest on, in the order in which it asks.
    pub around: Vec<RawPart>,
    /// The cluster's nodes, counted.
    pub nodes: Nodes,
    /// The dry run of the sealed request.
    pub preview: RawPart,
    /// When.
    pub at: Timestamp,
}

/// Nodes that are not Ready, as the executor counted them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// So many, or more.
    NotReady(u32),
    /// It could not be found out.
    Unknown {
        /// One clause.
        why: String,
    },
}

/// What sealing needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// GET of the target.
    pub target: RawPart,
    /// GET of the body's source.
    pub source: Option<RawPart>,
    /// LIST of the namespace's autoscalers.
    pub autoscalers: RawPart,
    /// GET of the namespace.
    pub namespace: RawPart,
    /// What else the action's preconditions rest on, in the order in which it asks.
    pub around: Vec<RawPart>,
    /// The dry run.
    pub preview: RawPart,
}

/// The one write of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The mark that must stand on the target, where the action leaves one.
    pub mark: Mark,
    /// The target's resourceVersion as it was rechecked: the guard of a request without a mark.
    pub version: String,
    /// The sealed plan.
    pub plan: Box<Plan>,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A decision that needs nobody.
    Record(Role, Vec<IncidentEvent>),
    /// Carried out by that role's loop.
    Ask(Role, Ask),
    /// Executor: commit `Sending`, then exactly one request.
    Send(IncidentEvent, Write),
    /// Look again then.
    At(Timestamp),
    /// Wait for an event.
    Nothing,
}

/// Who drives: the role, its epoch, and the name in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The role.
    pub role: Role,
    /// Its epoch.
    pub epoch: crate::operation::Epoch,
    /// The actor recorded.
    pub actor: Actor,
}

/// Names one incident for a wake-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Whose loop.
    pub role: Role,
    /// Which incident.
    pub incident: IncidentId,
}
