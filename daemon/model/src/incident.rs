//! The incident: a fold of its stream of the history.

use crate::action::ActionKind;
use crate::alert::Alerts;
use crate::below::Below;
use crate::canonical::Digest;
use crate::coverage::Gap;
use crate::diagnosis::{Candidate, Diagnosis};
use crate::evidence::{Evidence, EvidenceRequest};
use crate::finding::{Finding, Severity};
use crate::flap::{BaseRate, Flap};
use crate::ids::{Fingerprint, IncidentId, PersonId, ProposalId};
use crate::measure::{Measurement, Outcome};
use crate::object::ObjectRef;
use crate::operation::{
    Applied, Epoch, LiveFacts, Mark, Operation, OperationState, Recovered, Revision, Sent,
};
use crate::plan::{Draft, Proposal};
use crate::time::Timestamp;
use crate::vote::{Grant, Vote};
use crate::wish::Wish;
use serde::{Deserialize, Serialize};

/// Fold of one stream of the history. Only [`Incident::apply`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Number of the last event.
    pub revision: Revision,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When the last event was recorded, changes of its alerts, who has it and silences aside.
    pub changed_at: Timestamp,
    /// The object that a person would fix.
    pub scope: ObjectRef,
    /// What makes it the same fault on the next look.
    pub cause: Fingerprint,
    /// What is wrong now; empty means the symptom is gone.
    pub findings: Vec<Finding>,
    /// The finding that opened it, kept for pages and digest after the symptom is gone.
    pub symptom: Option<Finding>,
    /// When the findings last changed.
    pub findings_at: Timestamp,
    /// Where the trouble of its pods began that has not ended since; `None` until one is seen broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Began>,
    /// Symptoms of other scopes that have the same cause.
    #[serde(default, skip_serializing_if = "Below::is_empty")]
    pub below: Below,
    /// What Alertmanager says about the same scope. It never decides anything.
    #[serde(default, skip_serializing_if = "Alerts::is_empty")]
    pub alerts: Alerts,
    /// What could not be checked.
    /// What could not be seen when it was detected, so that silence about it means nothing. A bounded list.
    #[serde(default)]
    pub unchecked: Vec<Gap>,
    /// What the investigation of the current round could not check.
    pub coverage: Vec<Gap>,
    /// What was asked and answered in the current round.
    pub evidence: Vec<Evidence>,
    /// Why, as far as the answers of the current round tell; `None` until they were judged. It explains, and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
    /// What became of the last request of ours that took effect, or may have; `None` while nothing was written.
    pub written: Option<Written>,
    /// Proposals so far, oldest first.
    pub proposals: Vec<PastProposal>,
    /// The person who asked, for a fresh look after a denial or for what [`Self::wish`] says: never votes on the outcome.
    pub asked_by: Option<PersonId>,
    /// What a person asked for, until the incident is looked at for another reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// Who said *I have it*, until the incident is over. It stops pages, and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Holder>,
    /// When it came back, as far as that is kept; the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relapses: Vec<Timestamp>,
    /// That it comes and goes was told, and it does not hold still yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flap: Option<Flap>,
    /// How faults like it ended before, as it was known when it began or came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_rate: Option<BaseRate>,
    /// Whether somebody had it when it ended last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_held: bool,
    /// Nobody is told of it while a silence lasts, and then whoever must hear it hears it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hush: Option<Hush>,
    /// Where it stands.
    pub phase: Phase,
}

impl Incident {
    /// What a person asked for, while it is on its way.
    pub fn wished(&self) -> Option<&Wish> {
        self.wish.as_ref().filter(|_| !matches!(self.phase, Phase::Escalated { .. } | Phase::Closed { .. }))
    }

    /// Whether a person's wish is all there is: nothing was ever seen to be wrong, and no alert says so.
    pub fn only_asked(&self) -> bool {
        self.wish.is_some() && self.symptom.is_none() && self.alerts.is_empty()
    }

    /// The proposal whose votes a change of persons, policy or playbooks voided, if that is how the last one ended.
    pub fn voided(&self) -> Option<&PastProposal> {
        let standing = self.phase.proposal().map(Proposal::id);
        let ended = self.proposals.iter().rfind(|past| Some(&past.id) != standing);
        ended.filter(|past| past.withdrawn == Some(Withdrawal::PolicyChanged))
    }

    /// The likeliest cause, once the answers were judged.
    pub fn first_cause(&self) -> Option<&Candidate> {
        self.diagnosis.as_ref().and_then(Diagnosis::first)
    }

    /// When it began, or came back last.
    pub fn case_began(&self) -> Timestamp {
        self.relapses.last().copied().unwrap_or(self.opened_at)
    }

    /// The finding that stands for it: the first, or the symptom once all are gone.
    pub fn shows(&self) -> Option<&Finding> {
        self.findings.first().or(self.symptom.as_ref())
    }

    /// How bad it is, as far as nightshift sees it.
    pub fn severity(&self) -> Option<Severity> {
        self.shows().map(|f| f.severity)
    }

    /// Everything that was not checked: at detection, then by the investigation.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.unchecked.iter().chain(&self.coverage)
    }
}

/// The first that was seen broken in one stretch of trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Began {
    /// Since when.
    pub at: Timestamp,
    /// Which revision it was: what its pods bear.
    pub template_hash: String,
}

/// A person who looks after an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub at: Timestamp,
}

/// What is owed when a silence is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hush {
    /// When it is over, as it was known when it began.
    pub until: Timestamp,
    /// Whether anybody was told before.
    pub before: Before,
}

/// Whether anybody was told of an incident before its silence began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// Somebody was: its end is told too.
    Told,
    /// Nobody was: its end need not be.
    Untold,
}

/// A proposal that was made for this incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastProposal {
    /// Its id.
    pub id: ProposalId,
    /// Its digest.
    pub digest: Digest,
    /// What it would do.
    pub action: ActionKind,
    /// When it was sealed.
    pub at: Timestamp,
    /// How it ended, if not by execution.
    pub withdrawn: Option<Withdrawal>,
    /// When it ended that way.
    pub withdrawn_at: Option<Timestamp>,
    /// When its write was known to have taken effect.
    #[serde(default)]
    pub written_at: Option<Timestamp>,
    /// Whose approval it had when it was withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<PersonId>,
}

/// Phases of an incident. Each variant says where it goes; [`Operation`] has its own states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Evidence is being gathered. -> Drafted | Escalated | Closed
    Investigating {
        /// What was asked and not answered yet.
        wanted: Vec<EvidenceRequest>,
        /// Whether the first round was asked for already.
        asked: bool,
    },
    /// A plan is ready to be sealed; in `mode: observe` the incident stays here. -> Proposed | Escalated | Closed
    Drafted {
        /// The draft.
        draft: Draft,
    },
    /// A sealed proposal waits for people. -> Granted | Investigating | Escalated | Closed
    Proposed {
        /// The proposal.
        proposal: Proposal,
        /// Votes so far.
        votes: Vec<Vote>,
    },
    /// A quorum approved. -> Executing | Investigating | Escalated | Closed
    Granted {
        /// The proposal.
        proposal: Proposal,
        /// The votes, which the executor counts again.
        votes: Vec<Vote>,
        /// The grant.
        grant: Grant,
        /// The measures before the write; `None` until they were taken.
        baseline: Option<Measurement>,
    },
    /// The write is under way. -> Verifying | Escalated
    Executing {
        /// The proposal.
        proposal: Proposal,
        /// The votes it rests on: they are counted again before every step that touches the target.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        votes: Vec<Vote>,
        /// The grant.
        grant: Grant,
        /// The measures before the write.
        baseline: Option<Measurement>,
        /// The operation.
        operation: Operation,
    },
    /// The write took effect; its success is being proven. -> Closed | Escalated
    Verifying {
        /// The proposal.
        proposal: Proposal,
        /// The write.
        applied: Applied,
        /// Baseline first, then every look since.
        measured: Vec<Measurement>,
    },
    /// A person is needed. -> Closed | Investigating
    Escalated {
        /// Why.
        why: Escalation,
    },
    /// Over. -> Investigating (relapse)
    Closed {
        /// Why.
        why: Closure,
    },
}

/// Whether a person may end an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing of ours is on its way, or nobody can tell and only a person ends that.
    Possible,
    /// A write is under way or is being proven: its outcome comes first.
    UnderWay,
    /// It is over already.
    Over,
}

impl Phase {
    /// Whether a person may end an incident that stands here; [`Incident::apply`] agrees.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Investigating { .. }
            | Self::Drafted { .. }
            | Self::Proposed { .. }
            | Self::Granted { .. }
            | Self::Escalated { .. } => Ending::Possible,
            Self::Executing { operation, .. } => match &operation.state {
                OperationState::Unknown { .. } => Ending::Possible,
                OperationState::Claimed { .. }
                | OperationState::Sending
                | OperationState::Applied(_)
                | OperationState::NotApplied { .. } => Ending::UnderWay,
            },
            Self::Verifying { .. } => Ending::UnderWay,
            Self::Closed { .. } => Ending::Over,
        }
    }

    /// The phase's word, as architecture fixes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Investigating { .. } => "Investigating",
            Self::Drafted { .. } => "Drafted",
            Self::Proposed { .. } => "Proposed",
            Self::Granted { .. } => "Granted",
            Self::Executing { .. } => "Executing",
            Self::Verifying { .. } => "Verifying",
            Self::Escalated { .. } => "Escalated",
            Self::Closed { .. } => "Closed",
        }
    }

    /// The proposal in force, if the phase has one.
    pub fn proposal(&self) -> Option<&Proposal> {
        match self {
            Self::Proposed { proposal, .. }
            | Self::Granted { proposal, .. }
            | Self::Executing { proposal, .. }
            | Self::Verifying { proposal, .. } => Some(proposal),
            Self::Investigating { .. }
            | Self::Drafted { .. }
            | Self::Escalated { .. }
            | Self::Closed { .. } => None,
        }
    }

    /// Whether nightshift wrote, looked for what became of it, and cannot prove it. Nothing keeps this quiet.
    pub fn is_unproven(&self) -> bool {
        match self {
            Self::Executing { operation, .. } => match &operation.state {
                OperationState::Unknown { tried, .. } => *tried > Epoch(0),
                OperationState::Claimed { .. }
                | OperationState::Sending
                | OperationState::Applied(_)
                | OperationState::NotApplied { .. } => false,
            },
            Self::Escalated { why } => matches!(why, Escalation::NotVerified { .. }),
            Self::Investigating { .. }
            | Self::Drafted { .. }
            | Self::Proposed { .. }
            | Self::Granted { .. }
            | Self::Verifying { .. }
            | Self::Closed { .. } => false,
        }
    }
}

/// Everything that can happen to an incident. Kinds are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)] // the variant's line says what its one field is
pub enum IncidentEvent {
    /// A fault was seen for the first time.
    Opened { scope: ObjectRef, cause: Fingerprint },
    /// What is wrong changed; an empty list means the symptom is gone.
    FindingsChanged { findings: Vec<Finding> },
    /// What other scopes show of the same fault changed; the whole list each time. Legal in every phase but the last, and
    /// moves none.
    BelowChanged { below: Below },
    /// What Alertmanager says about the scope changed. Legal in every phase, and moves none.
    AlertsChanged { alerts: Alerts },
    /// What could not be seen at detection; the whole list each time. Counters alone never make one.
    Unchecked { gaps: Vec<Gap> },
    /// A person said *I have it*. Legal in every phase but the last, and moves none.
    Acknowledged { person: PersonId },
    /// A person asked for an action. Legal while evidence is gathered or a person is needed, and begins a fresh round.
    Wished { wish: Wish },
    /// A silence keeps a message back. Legal where an incident waits, and moves no phase.
    Silenced { until: Timestamp, before: Before },
    /// The silence is over: what is still broken is told now.
    SilenceOver,
    /// How faults of this reason at this workload ended before.
    BaseRate { rate: BaseRate },
    /// People were told with the step before that it comes and goes; they are not told again until it holds still.
    Flapping { severity: Severity },
    /// It did not come back for long enough.
    Steady,
    /// Questions to be answered.
    EvidenceWanted { wanted: Vec<EvidenceRequest> },
    /// One answer, or why there is none.
    EvidenceGot { evidence: Evidence },
    /// The answers were judged: why it is so. Moves no phase, and decides nothing.
    Diagnosed { diagnosis: Diagnosis },
    /// A playbook led to a draft.
    Planned { draft: Draft },
    /// The executor previewed and sealed it.
    Sealed { proposal: Proposal },
    /// A person voted.
    Voted { vote: Vote },
    /// A quorum was reached.
    Granted { grant: Grant },
    /// The executor claimed the grant: the intent, before any request.
    Claimed { mark: Mark },
    /// The target was re-read and is as approved.
    Rechecked { live: LiveFacts },
    /// The mark stands on the target.
    Marked { mark: Mark },
    /// The one request is about to be sent.
    Sending { mark: Mark },
    /// What became of it.
    Sent { sent: Sent },
    /// What recovery found; `mark` is the fresh one.
    Recovered { mark: Mark, found: Recovered },
    /// One look at all measures.
    Measured { measurement: Measurement },
    /// The verdict.
    Judged { outcome: Outcome },
    /// The proposal ended without being executed.
    Withdrawn { why: Withdrawal },
    /// A person is needed.
    Escalated { why: Escalation },
    /// A fresh look was asked for, or the fault came back.
    Reopened { why: Reopening },
    /// The incident ended.
    Closed { why: Closure },
}

impl IncidentEvent {
    /// The event's kind as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::FindingsChanged { .. } => "findings-changed",
            Self::BelowChanged { .. } => "below-changed",
            Self::AlertsChanged { .. } => "alerts-changed",
            Self::Unchecked { .. } => "unchecked",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Wished { .. } => "wished",
            Self::Silenced { .. } => "silenced",
            Self::SilenceOver => "silence-over",
            Self::BaseRate { .. } => "base-rate",
            Self::Flapping { .. } => "flapping",
            Self::Steady => "steady",
            Self::EvidenceWanted { .. } => "evidence-wanted",
            Self::EvidenceGot { .. } => "evidence-got",
            Self::Diagnosed { .. } => "diagnosed",
            Self::Planned { .. } => "planned",
            Self::Sealed { .. } => "sealed",
            Self::Voted { .. } => "voted",
            Self::Granted { .. } => "granted",
            Self::Claimed { .. } => "claimed",
            Self::Rechecked { .. } => "rechecked",
            Self::Marked { .. } => "marked",
            Self::Sending { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Recovered { .. } => "recovered",
            Self::Measured { .. } => "measured",
            Self::Judged { .. } => "judged",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Escalated { .. } => "escalated",
            Self::Reopened { .. } => "reopened",
            Self::Closed { .. } => "closed",
        }
    }
}

/// Ends a proposal, never by itself the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Withdrawal {
    /// A person said no. -> Escalated
    Denied { by: PersonId, reason: String },
    /// Nobody decided in time: silence is a no. -> Escalated
    Expired,
    /// A newer plan replaces it.
    Superseded,
    /// The target is no longer what was approved.
    TargetChanged { what: String },
    /// Persons, roles, owners, policy or playbooks changed: votes are void.
    PolicyChanged,
    /// The kill switch was set or cleared.
    Stopped,
    /// A person withdrew it.
    ByPerson { person: PersonId },
}

/// Why a person is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Escalation {
    /// No playbook leads to an action: the reasons, and what a person can do.
    NoPlan { reasons: Vec<String>, handover: Option<String> },
    /// Hard limits or policy refuse the draft.
    Refused { reasons: Vec<String> },
    /// The preview failed, so nothing was sealed.
    NotSealed { why: String },
    /// A person said no to the proposal.
    Denied { proposal: ProposalId, by: PersonId, reason: String },
    /// Nobody decided in time.
    Expired { proposal: ProposalId },
    /// Replaced twice within an hour: the target does not stand still.
    SupersededTwice,
    /// The grant ran out before it could be used.
    GrantExpired,
    /// The target was not as approved when the write was due; nothing was written.
    RecheckFailed { why: String },
    /// The API server refused the write, or it was never sent; nothing was written.
    NotApplied { why: String },
    /// Verification did not succeed.
    NotVerified { outcome: Outcome },
    /// nightshift itself broke at it, again and again; nothing was under way.
    Broken { why: String },
}

/// Why an incident is looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Reopening {
    /// The fault came back.
    Relapse,
    /// What is broken changed (another revision, another exit).
    Changed,
    /// A person asked to check again after a proposal expired.
    CheckAgain { person: PersonId },
    /// A person asked again after a denial; that person never votes on the answer.
    Asked { person: PersonId },
}

/// What became of a request of ours that took effect, or may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Written {
    /// Nobody could tell whether it took effect when a person ended the incident.
    Perhaps,
    /// It took effect and was judged then.
    Judged { at: Timestamp, outcome: Outcome },
}

/// Why an incident ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Closure {
    /// The write was proven.
    Verified { outcome: Outcome },
    /// The symptom went away by itself: nothing was ever written.
    Healed,
    /// Its object, or the namespace around it, was deleted: the symptom went with it.
    Deleted,
    /// The alerts that opened it are resolved, and nightshift saw nothing wrong by itself.
    Resolved,
    /// The symptom is gone, and something was written before that: nobody can say which did it.
    GoneSince { written: Written },
    /// A person ended it.
    ByPerson { person: PersonId, note: String },
    /// A person asked for something, nothing was ever wrong, and it was not done.
    NotDone { why: Escalation },
}

/// An event that does not fit where the incident stands: a bug, or a history from another program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("incident {incident}: event {event} is illegal in phase {phase}{detail}")]
pub struct IllegalTransition {
    /// The incident.
    pub incident: IncidentId,
    /// The phase's word, or `none` before the first event.
    pub phase: &'static str,
    /// The event's kind.
    pub event: &'static str,
    /// More, with its own leading separator; may be empty.
    pub detail: String,
}
