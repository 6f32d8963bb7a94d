//! The history: one append-only, hash-chained table of events, and the unit in which it grows.

use crate::canonical::Digest;
use crate::closed::{ClosedBy, ClosedPlace};
use crate::coverage::Gap;
use crate::evidence::HealthyRevision;
use crate::finding::{Reason, Severity};
use crate::foreign::Foreign;
use crate::ids::{BridgeId, IncidentId, PersonId, ProposalId, SilenceId};
use crate::ignore::Ignored;
use crate::incident::{Incident, IncidentEvent};
use crate::object::ObjectRef;
use crate::operation::{Epoch, Revision, Role};
use crate::policy_facts::PolicyFacts;
use crate::silence::Silence;
use crate::time::Timestamp;
use crate::told::{Manner, Thread, Told};
use crate::vote::VoteRefusal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One row of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HistoryEvent {
    /// Of an incident's stream.
    Incident(IncidentEvent),
    /// Of the one system stream.
    System(SystemEvent),
}

impl HistoryEvent {
    /// The kind as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Incident(e) => e.kind(),
            Self::System(e) => e.kind(),
        }
    }
}

/// One event as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number in the table, gapless from 0.
    pub seq: u64,
    /// The stream.
    pub stream: Stream,
    /// Number within the stream, from 1.
    pub revision: Revision,
    /// The role and epoch that wrote it, if a role did.
    pub epoch: Option<Epoch>,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: HistoryEvent,
}

/// What happens to nightshift itself. Kinds are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)] // the variant's line says it
pub enum SystemEvent {
    /// A role started or took over.
    Started { role: Role, epoch: Epoch, version: String },
    /// A role stopped at a safe point.
    Stopped { role: Role, epoch: Epoch },
    /// Persons, roles, owners, policy or playbooks differ from the last run.
    PolicyChanged { before: Option<Digest>, after: Digest },
    /// What they say, as far as it is told when they change: for people, and for no decision.
    PolicyNoted { policy: Digest, facts: PolicyFacts },
    /// The kill switch was set.
    KillSwitchSet { by: Actor, reason: String },
    /// One of the two admins who clear it, or the configuration.
    KillSwitchClearing { by: Actor },
    /// It is cleared; every open grant and vote is void.
    KillSwitchCleared,
    /// For a while nobody is told of some incidents.
    SilenceAdded { silence: Silence },
    /// A silence was ended before its time.
    SilenceEnded { silence: SilenceId, by: Actor },
    /// An object asks for a silence in words that are none, so it is not silenced; without `why` it no longer does.
    SilenceUnread { object: ObjectRef, why: Option<String> },
    /// What Alertmanager silences, and whether that is known, differs from what was recorded last.
    AlertmanagerChanged { silences: Vec<Foreign>, gap: Option<String> },
    /// What the configuration ignores differs from the last run.
    IgnoreChanged { entries: Vec<Ignored> },
    /// What was broken before first sight.
    Inventory { entries: Vec<InventoryEntry> },
    /// Entries of the inventory that changed or healed.
    InventoryCleared { entries: Vec<InventoryEntry> },
    /// A revision was wholly available for `healthy_after`.
    HealthySeen { revision: HealthyRevision },
    /// What cannot be watched or reached changed.
    CoverageChanged { gaps: Vec<Gap> },
    /// A sign-in link was made.
    Invited { person: PersonId, by: Actor },
    /// A session was opened with one.
    SessionOpened { person: PersonId },
    /// A session was ended before its time: by its person, or by an admin.
    SessionEnded { person: PersonId, by: Actor },
    /// An identified person saw a proposal's page; once a person, proposal and hour.
    PageViewed { person: PersonId, proposal: ProposalId },
    /// An identified person's vote was not taken.
    VoteRefused {
        person: PersonId,
        proposal: ProposalId,
        why: VoteRefusal,
        /// The bridge that named the person, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bridge: Option<BridgeId>,
    },
    /// Anonymous requests that were refused, one row a minute and reason.
    AnonymousRefused { reason: String, count: u32 },
    /// Writes of the executor that were not countersigned, one row a minute and reason; its self-tests are not among them.
    CountersignRefused { reason: String, count: u32 },
    /// Where a message about an incident goes, and why; what goes into a list was held back by the hour's budget.
    Routed {
        message: String,
        incident: IncidentId,
        owner: String,
        severity: Severity,
        to: Vec<Told>,
        why: String,
    },
    /// What was held back for a channel goes out in one list of so many.
    Listed { message: String, channel: String, manner: Manner, count: u32 },
    /// How an incident's thread stands at a channel that keeps one.
    ThreadChanged { channel: String, incident: IncidentId, thread: Thread },
    /// A message was handed to a channel.
    Delivered { message: String, channel: String },
    /// A message could not be delivered and will not be tried again.
    Undelivered { message: String, channel: String, why: String },
    /// A digest went out.
    DigestSent { window: String },
    /// The history was exported or verified.
    AuditRead { what: String },
    /// Workloads that the executor does not write, as its last start found them; none lifts it.
    Quarantined { entries: Vec<Quarantine> },
    /// Healthy rollouts and self-healed trouble that opened nothing, for the digest.
    Quiet { seen: QuietNight },
    /// Checkpoints are signed with another key from here on; `previous` signs beside it for a while.
    CheckpointKey { vkey: String, previous: Option<String> },
    /// The executor does nothing until a person has looked: the history is not the one that it signed.
    AuditClosed { why: String },
    /// A person looked and took the history as it is: the executor opens. Open grants and votes are void.
    AuditAdopted { signed: String, found: String, because: String },
    /// Where the executor is closed by what was looked at; the whole list, whenever it differs from what was recorded last.
    ExecutorClosed { by: ClosedBy, places: Vec<ClosedPlace> },
    /// It is closed by that no more; `despite` stands against it too, and with a person's own credential only tells.
    ExecutorOpened {
        by: ClosedBy,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        despite: Vec<String>,
    },
}

impl SystemEvent {
    /// The kind as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped { .. } => "stopped",
            Self::PolicyChanged { .. } => "policy-changed",
            Self::PolicyNoted { .. } => "policy-noted",
            Self::KillSwitchSet { .. } => "kill-switch-set",
            Self::KillSwitchClearing { .. } => "kill-switch-clearing",
            Self::KillSwitchCleared => "kill-switch-cleared",
            Self::SilenceAdded { .. } => "silence-added",
            Self::SilenceEnded { .. } => "silence-ended",
            Self::SilenceUnread { .. } => "silence-unread",
            Self::AlertmanagerChanged { .. } => "alertmanager-changed",
            Self::IgnoreChanged { .. } => "ignore-changed",
            Self::Inventory { .. } => "inventory",
            Self::InventoryCleared { .. } => "inventory-cleared",
            Self::HealthySeen { .. } => "healthy-seen",
            Self::CoverageChanged { .. } => "coverage-changed",
            Self::Invited { .. } => "invited",
            Self::SessionOpened { .. } => "session-opened",
            Self::SessionEnded { .. } => "session-ended",
            Self::PageViewed { .. } => "page-viewed",
            Self::VoteRefused { .. } => "vote-refused",
            Self::AnonymousRefused { .. } => "anonymous-refused",
            Self::CountersignRefused { .. } => "countersign-refused",
            Self::Routed { .. } => "routed",
            Self::Listed { .. } => "listed",
            Self::ThreadChanged { .. } => "thread-changed",
            Self::Delivered { .. } => "delivered",
            Self::Undelivered { .. } => "undelivered",
            Self::DigestSent { .. } => "digest-sent",
            Self::AuditRead { .. } => "audit-read",
            Self::Quarantined { .. } => "quarantined",
            Self::Quiet { .. } => "quiet",
            Self::CheckpointKey { .. } => "checkpoint-key",
            Self::AuditClosed { .. } => "audit-closed",
            Self::AuditAdopted { .. } => "audit-adopted",
            Self::ExecutorClosed { .. } => "executor-closed",
            Self::ExecutorOpened { .. } => "executor-opened",
        }
    }
}

/// One thing that was broken at first sight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// The scope.
    pub scope: ObjectRef,
    /// What is wrong with it.
    pub reason: Reason,
    /// Which revision is broken; a change makes it new.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub template_hash: String,
    /// Which container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
}

/// A workload that is not written, or a namespace in which nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Which.
    pub workload: ObjectRef,
    /// Why, in one clause.
    pub why: String,
}

/// What was watched and needed nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietNight {
    /// Rolling updates that finished well.
    pub rollouts: u32,
    /// Crashes that healed before they were a finding.
    pub self_healed: u32,
    /// Findings and alerts that opened nothing, because the configuration ignores what they are about.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// nightshift in one of its roles.
    Nightshift(Role),
    /// A person of the registry.
    Person(PersonId),
    /// Somebody at the command line of the machine that holds the store.
    Operator,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nightshift(role) => write!(f, "nightshift:{}", role.as_str()),
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        match text.as_str() {
            "nightshift:responder" => Ok(Self::Nightshift(Role::Responder)),
            "nightshift:executor" => Ok(Self::Nightshift(Role::Executor)),
            "operator" => Ok(Self::Operator),
            other => other
                .strip_prefix("person:")
                .map(|name| Self::Person(PersonId(name.to_owned())))
                .ok_or_else(|| serde::de::Error::custom(format!("`{other}` is not an actor"))),
        }
    }
}

/// Which stream an append belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// One incident's.
    Incident(IncidentId),
    /// nightshift's own.
    System,
}

impl Stream {
    /// The stream's name as stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Incident(id) => id.as_str(),
            Self::System => "system",
        }
    }
}

/// One transaction: events, snapshot, wake-up, outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: Stream,
    /// The revision that must be the stream's last: the only compare-and-swap.
    pub expect: Revision,
    /// The role's epoch that must be current.
    pub fence: Option<(Role, Epoch)>,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// What, in order.
    pub events: Vec<HistoryEvent>,
    /// The incident after the events.
    pub snapshot: Option<Incident>,
    /// The durable timer.
    pub wake_at: Option<Timestamp>,
    /// Messages that go out because of it.
    pub outbox: Vec<Message>,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Committed,
    /// Somebody else appended first: load and look again.
    Conflict,
    /// The role's epoch is over: stop.
    Fenced,
    /// Nobody can tell: only a load may follow.
    Unknown,
}

/// One row of the outbox. It carries ids, never text: what is sent is rendered when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Deduplication key, stable over retries.
    pub key: String,
    /// What to send.
    pub body: MessageBody,
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum MessageBody {
    /// Another role has something to do.
    Wake { role: Role, incident: IncidentId },
    /// A person must look: a proposal waits, or nightshift needs help.
    Page { incident: IncidentId },
    /// Something that was paged changed.
    Update { incident: IncidentId },
    /// Somebody has it now: for the channels where an incident is one thread.
    Progress { incident: IncidentId },
    /// What the budget held back for one channel, together.
    List { channel: String, manner: Manner },
    /// A page that one channel did not take, for another.
    Instead { incident: IncidentId, of: String },
    /// Persons, roles, owners, policy, playbooks or mode are not those of the start before this one.
    PolicyChanged { epoch: Epoch },
    /// The morning digest.
    Digest { from: Timestamp, to: Timestamp },
}
