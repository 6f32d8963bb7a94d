//! The digest as a value: version 1 of its JSON, in the order in which it is read.
//!
//! Fields are only ever added within a version. All text is capped and has control characters made visible; it
//! never holds a log line.

use crate::digest::words::visible;
use jiff::tz::TimeZone;
use nightshift_model::{
    Digest as Sha256, Gap, IncidentId, PersonId, ProposalId, Risk, Seconds, Severity, SilenceId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Version of the JSON.
pub const VERSION: u32 = 1;

/// The morning digest of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// [`VERSION`].
    pub version: u32,
    /// `cluster.name` of the configuration.
    pub cluster: String,
    /// Whether nightshift may act at all.
    pub mode: Acting,
    /// From then.
    pub from: Moment,
    /// Until then, which is not part of it.
    pub to: Moment,
    /// The zone of every local time in it.
    pub zone: String,
    /// 1. The night in one line.
    pub verdict: Verdict,
    /// What was left out because the reader may not see it; `None` when this is the whole digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// 2. What waits for a person, most urgent first.
    pub needs_you: Vec<Need>,
    /// 3. What was written to the cluster, oldest first.
    pub did: Vec<Deed>,
    /// 4. What was not done, oldest first.
    pub did_not: Vec<NotDone>,
    /// 5. What is still watched.
    pub watch: Watch,
    /// 6. How the night compares.
    pub trend: Trend,
    /// 7. What comes next.
    pub upcoming: Upcoming,
    /// 8. How far all of this can be trusted.
    pub quality: Quality,
}

/// How much a reader was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// Incidents that opened or came back in the window.
    pub incidents: u32,
    /// Incidents open at its end, whenever they opened.
    pub open: u32,
    /// Things that wait for a person.
    pub needs: u32,
    /// Places that could not be watched, or where nothing is written.
    pub gaps: u32,
    /// Messages that were given up.
    pub undelivered: u32,
    /// Broken before nightshift first looked, and unchanged.
    pub inventory: u32,
}

/// Whether nightshift proposes, or only says what it would have proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acting {
    /// `mode: observe`.
    Observe,
    /// `mode: approve`.
    Approve,
}

/// An instant, and how the recipient's clock shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// Weekday, hour and minute in the digest's zone.
    pub local: String,
}

impl Moment {
    /// The instant as it is seen in a zone.
    pub fn new(at: Timestamp, zone: &TimeZone) -> Self {
        Self { at, local: at.get().to_zoned(zone.clone()).strftime("%a %H:%M").to_string() }
    }
}

/// 1. The night in one line and the numbers behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// One line for people.
    pub line: String,
    /// Incidents that opened or came back in the window.
    pub incidents: u32,
    /// Incidents open at its end, whenever they opened.
    pub open: u32,
    /// Proposals that wait for votes at its end.
    pub waiting: u32,
    /// Pages sent in the window.
    pub pages: u32,
    /// Of them those sent between 22:00 and 08:00 in the digest's zone, those within 30 minutes counted once.
    pub sleep_interruptions: u32,
    /// Rolling updates that finished well.
    pub healthy_rollouts: u32,
    /// Crashes that healed before they were a finding.
    pub self_healed: u32,
}

/// One thing that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What kind of look it needs.
    pub kind: NeedKind,
    /// The incident; none for the kill switch and a closed executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The scope as people name it.
    pub scope: String,
    /// Who owns its namespace, by the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who said *I have it*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<PersonId>,
    /// Until when a silence keeps it quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Moment>,
    /// How much it hurts.
    pub severity: Severity,
    /// Since when.
    pub since: Moment,
    /// What is the matter, in one sentence.
    pub what: String,
    /// The next step.
    pub next: String,
    /// The sealed proposal, if one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Waiting>,
}

/// Kinds of needs, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedKind {
    /// The executor is closed: the history is not the one that it signed.
    ExecutorClosed,
    /// A write whose fate nobody can tell.
    Unknown,
    /// A sealed proposal waits for votes.
    Vote,
    /// A person must act.
    Escalated,
    /// `mode: observe`: a plan that nobody will carry out.
    WouldHaveProposed,
    /// The kill switch is set.
    KillSwitch,
}

/// A sealed proposal that waits for votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its id.
    pub id: ProposalId,
    /// What it would do.
    pub action: String,
    /// How much can go wrong.
    pub risk: Risk,
    /// The first digits of the digest, as the page shows them.
    pub digest: String,
    /// When it ends by itself.
    pub expires: Moment,
    /// How long that is after the window's end; zero when it has passed.
    pub expires_in: Seconds,
}

/// 3. One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When it took effect.
    pub at: Moment,
    /// The incident.
    pub incident: IncidentId,
    /// The scope.
    pub scope: String,
    /// What was done.
    pub action: String,
    /// The proposal.
    pub proposal: ProposalId,
    /// The first digits of the digest that was approved.
    pub digest: String,
    /// Who approved it.
    pub approvers: Vec<PersonId>,
    /// Whether recovery found it done, after a crash or a lost answer.
    pub found: Found,
    /// The outcome's word, or `Verifying` while it is being proven.
    pub outcome: String,
    /// Why, empty for success.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Each measure before and after.
    pub measures: Vec<Compared>,
    /// How it is undone: by a new proposal.
    pub inverse: String,
}

/// How a write became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// By the answer to the request.
    Answered,
    /// By recovery.
    Recovered,
}

/// One measure before the write and at the last look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Its name.
    pub measure: String,
    /// The baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// 4. One thing that was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotDone {
    /// When that was decided.
    pub at: Moment,
    /// The incident.
    pub incident: IncidentId,
    /// The scope.
    pub scope: String,
    /// The class of the reason.
    pub reason: NotDoneReason,
    /// What would have been done; none when no playbook led to an action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why not, in one sentence.
    pub why: String,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // words::reason says each in a sentence
pub enum NotDoneReason {
    Denied,
    Expired,
    Superseded,
    TargetChanged,
    PolicyChanged,
    Stopped,
    TakenBack,
    NoPlan,
    HandedOver,
    Refused,
    NotSealed,
    NotApplied,
    Broken,
    Observing,
}

/// 5. What is still watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Each with its trigger and the time when watching stops.
    pub items: Vec<Watched>,
    /// Faults that came back after they were over.
    pub relapses: Vec<Relapse>,
    /// What a person ended while it stood, and still stands: not told again until it changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedStanding>,
    /// What was broken before nightshift first looked: never paged until it changes.
    pub inventory: InventoryLine,
}

/// One watched thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The incident.
    pub incident: IncidentId,
    /// The scope.
    pub scope: String,
    /// What would wake a person.
    pub trigger: String,
    /// When watching stops.
    pub until: Moment,
}

/// A fault that stands and whose incident a person ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedStanding {
    /// The incident.
    pub incident: IncidentId,
    /// The scope.
    pub scope: String,
    /// When it was ended.
    pub at: Moment,
    /// What stands, and who ended it with which note.
    pub what: String,
}

/// A fault that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relapse {
    /// The incident.
    pub incident: IncidentId,
    /// The scope.
    pub scope: String,
    /// When it came back.
    pub at: Moment,
    /// How long after it was over.
    pub after: Seconds,
    /// Whether a write had been proven to fix it.
    pub after_fix: AfterFix,
    /// Times that it came back in the night, of one that comes and goes: those are one line, about the last.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_once(times: &u32) -> bool {
    *times == 1
}

/// What a relapse followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFix {
    /// A verified write.
    Verified,
    /// It had gone away by itself.
    Unaided,
    /// It had gone away with its object.
    Deleted,
    /// It had gone away some time after a write that was not proven.
    Unproven,
    /// A person had ended it.
    Ended,
}

/// The inventory in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InventoryLine {
    /// Broken before first sight and unchanged.
    pub standing: u32,
    /// Healed or changed in the window.
    pub cleared: u32,
}

/// 6. How the night compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    /// Days before the window that the history covers, at most 7.
    pub days: u32,
    /// Counts beside the median of those days.
    pub counts: Vec<Count>,
    /// Durations of what ended in the window.
    pub durations: Vec<Stat>,
    /// What became of proposals.
    pub ledger: Ledger,
    /// Incidents that went away by themselves within 10 minutes, with no act of a person.
    pub noise: u32,
    /// Faults on three or more of the last seven days, or three or more times within 24 hours; worst first, five
    /// at most.
    pub repeated: Vec<Repeated>,
}

/// One count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What.
    pub what: String,
    /// In the window.
    pub now: u32,
    /// Median of the days before; none when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<u32>,
}

/// One kind of duration. Unresolved incidents are listed above, never averaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// `MTTD`, `MTTA`, `MTTM` or `MTTR`.
    pub name: String,
    /// From what to what.
    pub meaning: String,
    /// How many.
    pub n: u32,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<Seconds>,
    /// The smallest value that nine in ten do not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Seconds>,
    /// Mean, from five on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Seconds>,
}

/// Proposals of the window by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Sealed.
    pub sealed: u32,
    /// Approved by a quorum.
    pub approved: u32,
    /// Denied.
    pub denied: u32,
    /// Expired.
    pub expired: u32,
    /// Replaced, void, taken back or stopped.
    pub superseded: u32,
    /// Granted and not written, because a precondition no longer held.
    pub aborted: u32,
    /// Written and proven.
    pub verified: u32,
    /// Written and not proven.
    pub not_verified: u32,
}

/// A fault that keeps coming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// What is wrong with what.
    pub what: String,
    /// Times in the last seven days.
    pub times: u32,
    /// On how many of them.
    pub days: u32,
}

/// 7. What comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcoming {
    /// Silences that end within a day, soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Ending>,
    /// What the configuration ignores, and how much of that there was in the window.
    #[serde(default, skip_serializing_if = "Ignoring::is_empty")]
    pub ignoring: Ignoring,
    /// What this version does not look at.
    pub not_checked: Vec<String>,
}

/// What opens nothing, because the configuration says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignoring {
    /// Each entry with its reason.
    pub what: Vec<String>,
    /// Findings and alerts of the window that opened nothing.
    pub findings: u32,
}

impl Ignoring {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.what.is_empty() && self.findings == 0
    }
}

/// A silence that is over soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Its id.
    pub id: SilenceId,
    /// Of what.
    pub of: String,
    /// When it is over.
    pub until: Moment,
    /// Why it was made.
    pub because: String,
    /// By whom.
    pub by: String,
}

/// 8. How far all of this can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// What could not be watched at the end of the window.
    pub gaps: Vec<Gap>,
    /// What detection could not see of an incident, and questions of investigations that got no answer in the
    /// window, with how often.
    pub unanswered: Vec<Unanswered>,
    /// Messages that were given up.
    pub undelivered: Vec<Undelivered>,
    /// Messages that were over the hour's budget of a channel and went into lists.
    #[serde(default, skip_serializing_if = "none")]
    pub listed: u32,
    /// Lists that went out.
    #[serde(default, skip_serializing_if = "none")]
    pub lists: u32,
    /// Incidents whose history could not be told in full.
    pub untold: Vec<String>,
    /// Starts of nightshift in the window.
    pub starts: u32,
    /// Who may decide, or by which rules, is not what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyChange>,
    /// The history's own proof.
    pub audit: Audit,
}

/// Persons, roles, owners, policy, playbooks or mode changed in the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyChange {
    /// When last.
    pub at: Moment,
    /// How often.
    pub times: u32,
    /// The first of what differs between the window's two ends; empty where that is not known, or not the reader's.
    pub changes: Vec<String>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "none")]
    pub more: u32,
}

/// Left out where nothing was held back.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn none(count: &u32) -> bool {
    *count == 0
}

/// Questions of one kind without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// Which question.
    pub what: String,
    /// Why.
    pub why: String,
    /// How often.
    pub times: u32,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// When.
    pub at: Moment,
    /// Its key.
    pub message: String,
    /// The channel.
    pub channel: String,
    /// Why.
    pub why: String,
}

/// What verifying the history said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "audit", rename_all = "kebab-case")]
pub enum Audit {
    /// The chain holds. Without a note kept elsewhere it cannot show a cut tail.
    ChainOnly {
        /// Rows that were looked at.
        rows: u64,
        /// The last row's hash.
        tip: Sha256,
        /// Absent when every row was looked at just now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Walked>,
    },
    /// The chain holds, and the executor signed a part of it.
    Signed {
        /// Rows that were looked at.
        rows: u64,
        /// The last row's hash.
        tip: Sha256,
        /// Rows that the last checkpoint covers.
        size: u64,
        /// Its root: whoever keeps this digest can tell a history that was shortened or written anew.
        root: Sha256,
        /// Ids of the keys that signed it.
        keys: Vec<String>,
        /// Absent when every row was looked at just now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Walked>,
    },
    /// The chain does not hold.
    Broken {
        /// Where and how.
        what: String,
    },
    /// Nobody looked.
    NotChecked {
        /// Why.
        why: String,
    },
}

/// When every row was looked at last; since then only what came after, and the incidents that went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// When.
    pub at: Timestamp,
    /// Rows that it covered.
    pub rows: u64,
}

impl Audit {
    /// A few words for the top.
    pub fn brief(&self) -> String {
        match self {
            Self::ChainOnly { rows, .. } => format!("audit: chain only, verified, {rows} rows"),
            Self::Signed { rows, size, .. } => format!("audit: verified, {rows} rows, {size} signed"),
            Self::Broken { .. } | Self::NotChecked { .. } => self.sentence(),
        }
    }

    /// One clause for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::ChainOnly { rows, tip, since } => {
                format!(
                    "audit: chain only, verified, {rows} rows, tip {}{}",
                    tip.short(),
                    walked(since.as_ref())
                )
            }
            Self::Signed { rows, tip, size, root, keys, since } => format!(
                "audit: verified, {rows} rows, tip {}; signed: {size} rows, root {}, key {}{}",
                tip.short(),
                root.short(),
                keys.iter().map(|key| visible(key)).collect::<Vec<_>>().join(" and "),
                walked(since.as_ref())
            ),
            Self::Broken { what } => format!("AUDIT: THE HISTORY WAS CHANGED: {}", visible(what)),
            Self::NotChecked { why } => format!("audit: not checked, because {}", visible(why)),
        }
    }
}

/// Since when older rows were not read again.
fn walked(since: Option<&Walked>) -> String {
    let told = |walked: &Walked| {
        format!("; the first {} rows were read at {}, since then what was added", walked.rows, walked.at)
    };
    since.map(told).unwrap_or_default()
}
