//! What a message says: a pure function of the incident as it stands when the message goes out.

mod policy;

pub use policy::{PolicyNotice, policy_notice, vote_again};

use nightshift_engine::digest::{Digest, Moment, Section, sections, top, words};
use nightshift_engine::tally::min_proof;
use nightshift_model::incident::Closure;
use nightshift_model::vote::Strength;
use nightshift_model::{
    Draft, Escalation, Incident, IncidentId, OperationState, Outcome, Phase, Proposal, ProposalId, Registry,
    Risk, Severity, Timestamp,
};
use serde::Serialize;

/// What a receiver gets as `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Outgoing {
    /// About an incident.
    Incident(Box<Notice>),
    /// What the hour's budget held back, together.
    List(Box<ListNotice>),
    /// Who may decide, or by which rules, changed.
    Policy(Box<PolicyNotice>),
    /// The morning digest's top.
    Digest(Box<DigestNotice>),
}

/// Whether somebody must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person must look.
    Page,
    /// It is written where people look.
    Post,
    /// Something that was told changed.
    Update,
    /// Somebody has it now.
    Progress,
}

/// How the matter stands, for channels that keep one thing open an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// A person is needed, or will be.
    Open,
    /// A person has it, or decided and it is being carried out or proven.
    UnderWay,
    /// Proven, or gone as nightshift saw it, whatever did it: nobody is needed any more.
    Over,
    /// Ended without a proof: a person ended it.
    Ended,
}

/// A message about one incident. Every text is capped and has control characters made visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Page or update.
    #[serde(skip)]
    pub kind: Kind,
    /// How the matter stands.
    #[serde(skip)]
    pub stand: Stand,
    /// Since when.
    #[serde(skip)]
    pub since: Timestamp,
    /// The incident.
    pub incident: IncidentId,
    /// `cluster.name`.
    pub cluster: String,
    /// The scope as people name it.
    pub scope: String,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How much it hurts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The phase's word.
    pub phase: &'static str,
    /// One line.
    pub title: String,
    /// The lines below it.
    pub lines: Vec<String>,
    /// Why, in one sentence from rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How much can go wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// The proposal that waits or was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<ProposalId>,
    /// The first digits of its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What may be voted on right where it is read: low risk, and policy takes a bare word.
    #[serde(skip)]
    pub ballot: Option<Ballot>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where to look: a link that shows and never decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to type where there is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What was over a channel's budget for an hour: the first few, and how many more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListNotice {
    /// How loud.
    #[serde(skip)]
    pub kind: Kind,
    /// `cluster.name`.
    pub cluster: String,
    /// How many there are.
    pub title: String,
    /// The first of them, what is critical first, then owner by owner.
    pub lines: Vec<String>,
    /// All that the list stands for.
    pub count: u32,
    /// Where all of them stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to type where there is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The digest's top: the rest is a page away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DigestNotice {
    /// `cluster.name`.
    pub cluster: String,
    /// The verdict.
    pub title: String,
    /// At most 12 lines.
    pub lines: Vec<String>,
    /// All of it, for channels that have the room.
    #[serde(skip)]
    pub sections: Vec<Section>,
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// What waits for a person.
    pub needs_you: usize,
    /// Where the whole digest stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to type where there is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A proposal with the digest of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The proposal.
    pub proposal: ProposalId,
    /// Its digest.
    pub digest: nightshift_model::Digest,
}

impl Ballot {
    /// What of an incident may be voted on in a chat.
    pub fn of(incident: &Incident, registry: &Registry) -> Option<Self> {
        let Phase::Proposed { proposal, .. } = &incident.phase else { return None };
        let risk = proposal.plan().risk;
        let open = risk == Risk::Low && min_proof(registry, risk) == Strength::Attested;
        open.then(|| Self { proposal: proposal.id().clone(), digest: proposal.digest() })
    }
}

/// What a message needs beside the incident.
#[derive(Clone, Debug)]
pub struct Around {
    /// `cluster.name`.
    pub cluster: String,
    /// The zone of local times.
    pub zone: jiff::tz::TimeZone,
    /// Now.
    pub now: Timestamp,
    /// A link for this recipient, if there is a public URL.
    pub link: Option<String>,
}

impl Outgoing {
    /// The message's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Incident(notice) => match notice.kind {
                Kind::Page => "incident.page",
                Kind::Post => "incident.post",
                Kind::Update => "incident.update",
                Kind::Progress => "incident.progress",
            },
            Self::List(_) => "incident.list",
            Self::Policy(_) => "policy.changed",
            Self::Digest(_) => "digest",
        }
    }

    /// For a terminal: title, lines, and where to look.
    pub fn text(&self) -> String {
        let (title, lines, link, command) = match self {
            Self::Incident(n) => (Some(&n.title), &n.lines, &n.link, &n.command),
            Self::List(l) => (Some(&l.title), &l.lines, &l.link, &l.command),
            Self::Policy(p) => (Some(&p.title), &p.lines, &p.link, &p.command),
            Self::Digest(d) => (None, &d.lines, &d.link, &d.command),
        };
        let rest = lines.iter().chain(link).chain(command);
        title.into_iter().chain(rest).map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// A message about an incident as it stands.
pub fn notice(incident: &Incident, kind: Kind, around: &Around) -> Notice {
    let trouble = words::trouble_of(incident);
    let (mut title, mut lines) = match &incident.phase {
        Phase::Proposed { proposal, .. } => waiting(&trouble, proposal, around),
        Phase::Drafted { draft } => would_have(&trouble, draft),
        Phase::Escalated { why } => escalated(&trouble, why),
        Phase::Executing { operation, .. } => match &operation.state {
            OperationState::Unknown { why, .. } => (
                format!("Unknown outcome: {trouble}"),
                vec![
                    format!("Nobody can tell whether the write took effect: {}", words::visible(why)),
                    "Look at the target, then end the incident on its page.".to_owned(),
                ],
            ),
            OperationState::Claimed { .. }
            | OperationState::Sending
            | OperationState::Applied(_)
            | OperationState::NotApplied { .. } => under_way(&trouble, "the write is under way"),
        },
        Phase::Investigating { .. } => under_way(&trouble, "evidence is being gathered"),
        Phase::Granted { .. } => under_way(&trouble, "approved, about to be carried out"),
        Phase::Verifying { .. } => under_way(&trouble, "carried out, being proven"),
        Phase::Closed { why } => closed(&trouble, why, incident),
    };
    if let (Stand::Open, Some(first)) = (stand(incident), incident.first_cause()) {
        lines.insert(0, format!("Likeliest cause: {}", words::candidate(first)));
        lines
            .splice(1..1, first.backing.first().map(|g| format!("It rests on: {}", words::visible(&g.text))));
    }
    if let Some(holder) = &incident.held_by {
        let person = words::visible(holder.person.as_str());
        if kind == Kind::Progress {
            title = format!("{person} has it: {trouble}");
        }
        lines.push(format!("{person} has it; nobody else is woken about it."));
    }
    if !matches!(incident.phase, Phase::Closed { .. }) {
        lines.extend(words::habits(incident));
    }
    if !incident.below.is_empty() {
        lines.push(format!("The same cause: {}.", words::below(&incident.below, 3)));
    }
    if let Some(symptom) = &incident.symptom {
        let since = Moment::new(symptom.since, &around.zone);
        lines.push(format!(
            "{} · {} · since {} {}",
            words::visible(&around.cluster),
            symptom.severity,
            since.local,
            zone(around)
        ));
    }
    let sealed = incident.phase.proposal();
    Notice {
        kind,
        stand: stand(incident),
        since: incident.symptom.as_ref().map_or(incident.opened_at, |symptom| symptom.since),
        incident: incident.id.clone(),
        cluster: words::visible(&around.cluster),
        scope: words::visible(&incident.scope.to_string()),
        reason: incident.symptom.as_ref().map(|f| f.reason.as_str()),
        severity: incident.symptom.as_ref().map(|f| f.severity),
        phase: incident.phase.word(),
        title,
        lines,
        cause: cause(&incident.phase)
            .map(words::visible)
            .or_else(|| incident.first_cause().map(words::candidate)),
        risk: sealed.map(|p| p.plan().risk),
        proposal: sealed.map(|p| p.id().clone()),
        digest: sealed.map(|p| p.digest().short()),
        ballot: None,
        expires_at: match &incident.phase {
            Phase::Proposed { proposal, .. } => Some(proposal.plan().not_after),
            Phase::Investigating { .. }
            | Phase::Drafted { .. }
            | Phase::Granted { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Escalated { .. }
            | Phase::Closed { .. } => None,
        },
        command: around.link.is_none().then(|| command(incident)),
        link: around.link.clone(),
    }
}

fn stand(incident: &Incident) -> Stand {
    match &incident.phase {
        phase if incident.held_by.is_some() && !phase.is_unproven() => Stand::UnderWay,
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Escalated { .. } => Stand::Open,
        Phase::Granted { .. } | Phase::Verifying { .. } => Stand::UnderWay,
        Phase::Executing { operation, .. } => match &operation.state {
            OperationState::Unknown { .. } => Stand::Open,
            OperationState::Claimed { .. }
            | OperationState::Sending
            | OperationState::Applied(_)
            | OperationState::NotApplied { .. } => Stand::UnderWay,
        },
        Phase::Closed { why } => match why {
            Closure::Verified { outcome: Outcome::Successful }
            | Closure::Healed
            | Closure::Deleted
            | Closure::Resolved
            | Closure::GoneSince { .. } => Stand::Over,
            Closure::Verified { .. } | Closure::ByPerson { .. } | Closure::NotDone { .. } => Stand::Ended,
        },
    }
}

/// One line of a list.
pub fn list_line(incident: &Incident) -> String {
    let severity = incident.symptom.as_ref().map_or_else(String::new, |s| format!("{}: ", s.severity));
    let trouble = words::trouble(&incident.scope, incident.symptom.as_ref());
    let waits = match stand(incident) {
        Stand::Open if incident.phase.proposal().is_some() => " · a proposal waits",
        Stand::Open | Stand::UnderWay | Stand::Over | Stand::Ended => "",
    };
    format!("{severity}{trouble}{waits} · {}", incident.id)
}

/// The digest as a message.
pub fn digest_notice(digest: &Digest, link: Option<String>) -> DigestNotice {
    DigestNotice {
        cluster: digest.cluster.clone(),
        title: digest.verdict.line.clone(),
        lines: top(digest, 80).lines().map(str::to_owned).collect(),
        sections: sections(digest),
        from: digest.from.at,
        to: digest.to.at,
        needs_you: digest.needs_you.len(),
        command: link.is_none().then(|| "nightshift digest".to_owned()),
        link,
    }
}

fn zone(around: &Around) -> &str {
    around.zone.iana_name().unwrap_or("UTC")
}

fn command(incident: &Incident) -> String {
    match &incident.phase {
        Phase::Proposed { proposal, .. } => format!("nightshift proposals show {}", proposal.id()),
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => format!("nightshift incidents show {}", incident.id),
    }
}

fn cause(phase: &Phase) -> Option<&str> {
    if let Phase::Drafted { draft } = phase {
        return Some(&draft.cause);
    }
    phase.proposal().map(|p| p.plan().cause.as_str())
}

fn waiting(trouble: &str, proposal: &Proposal, around: &Around) -> (String, Vec<String>) {
    let plan = proposal.plan();
    let expires = Moment::new(plan.not_after, &around.zone);
    let lines = vec![
        format!("Proposed: {}", words::action(&plan.action)),
        format!("Why: {}", words::visible(&plan.cause)),
        format!("Risk {} · digest {}", plan.risk, proposal.digest().short()),
        format!("Expires {} {} (in {})", expires.local, zone(around), plan.not_after.since(around.now)),
    ];
    (format!("Your decision: {trouble}"), lines)
}

fn would_have(trouble: &str, draft: &Draft) -> (String, Vec<String>) {
    let lines = vec![
        format!("Would have proposed: {}", words::action(&draft.action)),
        format!("Why: {}", words::visible(&draft.cause)),
        format!("Risk {} · mode: observe, so it is yours to do", draft.risk),
    ];
    (format!("Seen: {trouble}"), lines)
}

fn escalated(trouble: &str, why: &Escalation) -> (String, Vec<String>) {
    let title = match why {
        Escalation::NotVerified { outcome } => match outcome {
            Outcome::Failed { .. } => format!("Fix failed: {trouble}"),
            Outcome::Inconclusive { .. } | Outcome::Error { .. } | Outcome::Successful => {
                format!("Fix not proven: {trouble}")
            }
        },
        Escalation::NoPlan { .. }
        | Escalation::Refused { .. }
        | Escalation::NotSealed { .. }
        | Escalation::Denied { .. }
        | Escalation::Expired { .. }
        | Escalation::SupersededTwice
        | Escalation::GrantExpired
        | Escalation::RecheckFailed { .. }
        | Escalation::NotApplied { .. }
        | Escalation::Broken { .. } => format!("Needs you: {trouble}"),
    };
    (title, vec![sentence(&words::escalation(why)), format!("Next: {}", words::next_step(why))])
}

fn closed(trouble: &str, why: &Closure, incident: &Incident) -> (String, Vec<String>) {
    let title = match why {
        Closure::Verified { .. } => "Fixed",
        Closure::Healed => "Healed",
        Closure::Deleted => "Deleted",
        Closure::Resolved => "Resolved",
        Closure::GoneSince { .. } => "Gone",
        Closure::ByPerson { .. } => "Ended",
        Closure::NotDone { .. } => "Not done",
    };
    let mut lines = vec![format!("{}.", sentence(&words::closure(why)))];
    lines.extend(words::left_behind(incident).iter().map(|left| format!("{}.", sentence(left))));
    if incident.findings.is_empty() {
        lines.push("Nothing waits for you.".to_owned());
    }
    (format!("{title}: {trouble}"), lines)
}

fn under_way(trouble: &str, what: &str) -> (String, Vec<String>) {
    (format!("Under way: {trouble}"), vec![sentence(what)])
}

/// With a capital first letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
