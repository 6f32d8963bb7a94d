//! The nouns of nightshift and their state machines.
//!
//! No async runtime, no clock, no randomness, no I/O: everything here can be built, folded and compared in a
//! test. Modules stand in reading order.

pub mod canonical;
pub mod cause;
pub mod ids;
pub mod object;
pub mod time;

pub mod alert;
pub mod below;
pub mod coverage;
pub mod diagnosis;
pub mod evidence;
pub mod finding;
pub mod memory;
pub mod needs;

pub mod action;
pub mod bridge;
pub mod change;
pub mod key;
pub mod measure;
pub mod plan;
pub mod policy_facts;
pub mod registry;
pub mod rerun;
pub mod vote;
pub mod wish;

pub mod apply;
pub mod flap;
pub mod incident;
pub mod operation;

pub mod closed;
pub mod effect;
pub mod foreign;
pub mod history;
pub mod ignore;
pub mod noise;
pub mod silence;
pub mod told;

pub use action::{Action, ActionKind, MemoryChange, QuantityChange, RevisionRef, Risk, SeenImage};
pub use alert::{Alert, Alerts};
pub use below::{Below, Listed};
pub use bridge::{Bridge, BridgeKey};
pub use canonical::{Digest, canonical, digest, digest_of};
pub use cause::Cause;
pub use change::{FieldChange, Shown};
pub use closed::{ClosedBy, ClosedPlace};
pub use coverage::Gap;
pub use diagnosis::{Candidate, Diagnosis, Ground, RankedBy, Ranking};
pub use effect::{Answer, Ask, LiveTarget, Next, Nodes, Preview, Raw, RawPart, Read, Write};
pub use evidence::{Evidence, EvidenceRequest, Got, NotChecked, Observed, Tool};
pub use finding::{Exit, ExitClass, Finding, Origin, Reason, Severity};
pub use flap::{BaseRate, Flap};
pub use foreign::Foreign;
pub use history::{Actor, Append, Appended, HistoryEvent, Message, MessageBody, Stream, SystemEvent};
pub use ids::{BridgeId, EvidenceId, Fingerprint, Ids, IncidentId, OpId, PersonId, ProposalId, SilenceId};
pub use ignore::{BadIgnore, Ignore, Ignored};
pub use incident::{
    Closure, Ending, Escalation, IllegalTransition, Incident, IncidentEvent, Phase, Withdrawal, Written,
};
pub use key::{KeyAlgorithm, KeyKind, PasskeySite, PersonKey};
pub use measure::{Measure, Measurement, Outcome, Reading, VerificationSpec};
pub use noise::Noise;
pub use object::{Cluster, Kind, ObjectRef, Within};
pub use operation::{
    Applied, Epoch, LiveFacts, Mark, Operation, OperationState, Recovered, Revision, Role, Sent,
};
pub use plan::{Draft, Plan, Proposal, Request, Sealed};
pub use policy_facts::{PolicyFacts, Topic};
pub use registry::{Person, Policy, Registry};
pub use silence::{BadSilence, Selector, Silence, Source};
pub use time::{Seconds, Timestamp};
pub use told::{Manner, Thread, ThreadState, Told, Turn};
pub use vote::{Grant, Proof, Vote, VoteDecision};
pub use wish::{Wanted, Wish};
