//! The page of a proposal: rendered from the sealed plan and its story, by a pure function.

use super::end::{self, EndView};
use super::evidence::{self, EvidenceView};
use super::forms::{self, Purpose};
use super::hold::HoldView;
use super::inverse::{self, InverseView};
use super::passkey;
use super::proof::{self, MeasureView, ProgressView};
use super::render::{Frame, LiveView, ago, clock, html, span};
use super::since::{self, NoLook, SinceView};
use crate::config::Keys;
use crate::stages::query::{End, Story};
use crate::stages::vote::people::Visitor;
use askama::Template;
use nightshift_engine::digest::words;
use nightshift_engine::proof::can_sign;
use nightshift_engine::rules::{KillSwitch, Rules};
use nightshift_engine::since::Look;
use nightshift_engine::tally::{Ballot, Tally, admit, eligibility, min_proof, tally};
use nightshift_model::operation::OperationState;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::vote::{Strength, VoteRefusal};
use nightshift_model::{
    Action, Closure, Escalation, Got, Observed, Outcome, Phase, Proposal, Sealed, SeenImage, Shown,
    Timestamp, VoteDecision, Withdrawal,
};

/// Who looks, when, and by which rules.
pub struct Desk<'a> {
    /// What stands around the page.
    pub frame: Frame,
    /// The signed-in person.
    pub visitor: &'a Visitor,
    /// The rules in force.
    pub rules: &'a Rules,
    /// Keys of forms and codes.
    pub keys: &'a Keys,
    /// Now.
    pub now: Timestamp,
    /// The zone in which times are told.
    pub zone: &'a jiff::tz::TimeZone,
    /// What the cluster says right now, for a proposal that waits.
    pub look: Option<Result<Look, NoLook>>,
}

#[derive(Template)]
#[template(path = "proposal.html")]
struct ProposalPage {
    frame: Frame,
    p: ProposalView,
}

struct ProposalView {
    id: String,
    incident: String,
    title: String,
    badge: String,
    tone: &'static str,
    state: String,
    why_state: Vec<String>,
    risk: String,
    opened: String,
    until: String,
    left: String,
    symptom: String,
    last_words: String,
    sealed_at: String,
    cause: String,
    proposer: String,
    digest: String,
    digest_whole: String,
    request: String,
    by_reference: String,
    changes: Vec<ChangeView>,
    images: Vec<String>,
    hazards: Vec<String>,
    blast: String,
    measures: Vec<MeasureView>,
    soak: String,
    cluster_only: String,
    progress: Option<ProgressView>,
    inverse: String,
    take_back: Option<InverseView>,
    approvers: Vec<String>,
    needed: String,
    votes: Vec<VoteView>,
    evidence: Vec<EvidenceView>,
    coverage: Vec<String>,
    decide: Option<DecideView>,
    withdraw: Option<DecideView>,
    cannot: String,
    again: Option<AgainView>,
    passkey: bool,
    signing: String,
    end: Option<EndView>,
    hold: HoldView,
    since: Option<SinceView>,
    sealed: String,
}

struct ChangeView {
    path: String,
    before: String,
    after: String,
}

struct VoteView {
    who: String,
    what: &'static str,
    at: String,
    proof: String,
    reason: String,
}

struct DecideView {
    code: String,
    approve: String,
    deny: String,
    withdraw: String,
}

struct AgainView {
    label: &'static str,
    hint: &'static str,
    csrf: String,
}

/// What an action does, in a person's words.
pub(super) fn sentence(action: &Action) -> String {
    match action {
        Action::RollbackDaemonSet { target, to }
        | Action::RollbackDeployment { target, to }
        | Action::RollbackStatefulSet { target, to } => {
            format!("Roll back {target} to revision {}", to.number)
        }
        Action::RaiseMemoryLimit { target, memory } => format!(
            "Set the memory limit of container {} in {target} from {} to {}",
            memory.container, memory.limit.from, memory.limit.to
        ),
        Action::DeletePod { target, workload, .. } => {
            format!("Delete pod {} of {workload}", target.name)
        }
        Action::Restart { target, .. } => format!("Restart {target}"),
        Action::ReRunJob { target, .. } => format!("Run {target} again"),
    }
}

/// The page as HTML.
///
/// # Errors
/// When the template cannot be written out.
pub fn proposal_page(story: &Story, desk: Desk<'_>) -> Result<String, askama::Error> {
    let p = view(story, &desk);
    let mut frame = desk.frame;
    frame.title.clone_from(&p.title);
    let own = format!("/p/{}", story.proposal.id());
    frame.live = if story.end.is_none() { LiveView::of(&story.incident, own) } else { None };
    html(&ProposalPage { frame, p })
}

fn view(story: &Story, desk: &Desk<'_>) -> ProposalView {
    let (plan, digest) = (story.proposal.plan(), story.proposal.digest());
    let (now, zone) = (desk.now, desk.zone);
    let session = desk.visitor.session;
    let state = state(story, desk);
    let token =
        |decision| forms::token(desk.keys, session, &Purpose::Vote(story.proposal.id(), digest, decision));
    let choice = || DecideView {
        code: forms::code(desk.keys, session, digest),
        approve: token(VoteDecision::Approve),
        deny: token(VoteDecision::Deny),
        withdraw: token(VoteDecision::Withdraw),
    };
    let open =
        story.end.is_none() && matches!(story.incident.phase, Phase::Proposed { .. } | Phase::Granted { .. });
    let can = |decision| admitted(story, desk, decision);
    let (approve, deny, withdraw) =
        (can(VoteDecision::Approve), can(VoteDecision::Deny), can(VoteDecision::Withdraw));
    let waits = story.is_open(now);
    let mut decide = (waits && deny.is_ok()).then(choice);
    if let (Some(view), Err(_)) = (&mut decide, approve) {
        view.approve.clear();
    }
    let signing = signing(story, desk);
    if let (Some(view), Signing::Elsewhere) = (&mut decide, &signing) {
        view.approve.clear();
    }
    let cannot = match (waits, approve) {
        (true, Err(VoteRefusal::AlreadyVoted)) | (false, _) | (_, Ok(())) => String::new(),
        (true, Err(why)) => why.sentence().to_owned(),
    };
    ProposalView {
        id: story.proposal.id().to_string(),
        incident: plan.incident.to_string(),
        title: sentence(&plan.action),
        badge: state.badge,
        tone: state.tone,
        state: state.sentence,
        why_state: state.more,
        risk: plan.risk.to_string(),
        opened: ago(story.sealed_on.opened_at, now),
        until: clock(plan.not_after, now, zone),
        left: if waits { span(plan.not_after.since(now)) } else { String::new() },
        symptom: symptom(story),
        last_words: last_words(story),
        sealed_at: clock(story.proposal.sealed_at, now, zone),
        cause: plan.cause.clone(),
        proposer: words::proposer(plan),
        digest: digest.short(),
        digest_whole: digest.to_string(),
        request: format!("{} {}", plan.request.method, plan.request.path),
        by_reference: by_reference(&story.proposal, desk),
        changes: plan.shown.iter().map(change).collect(),
        images: images(&plan.action),
        hazards: plan.hazards.clone(),
        blast: blast(plan.blast),
        measures: proof::measures(story, zone),
        soak: format!(
            "All of them must hold for {} without a break, looked at every {}. After {} nightshift gives up and calls a person.",
            span(plan.verification.soak),
            span(plan.verification.every),
            span(plan.verification.deadline),
        ),
        cluster_only: plan.verification.cluster_only.clone().unwrap_or_default(),
        progress: proof::progress(story, zone),
        inverse: plan.inverse.sentence.clone(),
        take_back: inverse::view(story, desk.visitor, desk.rules, desk.keys, now),
        approvers: approvers(story, desk),
        needed: needed(story, desk),
        votes: story
            .votes
            .iter()
            .map(|vote| VoteView {
                who: vote.person.to_string(),
                what: match vote.decision {
                    VoteDecision::Approve => "approved",
                    VoteDecision::Deny => "denied",
                    VoteDecision::Withdraw => "withdrew",
                },
                at: clock(vote.at, now, zone),
                proof: vote.proof.told(),
                reason: vote.reason.clone(),
            })
            .collect(),
        evidence: evidence::views(&story.sealed_on.evidence, now, zone),
        coverage: evidence::gaps(&story.sealed_on),
        decide,
        withdraw: (open && now < plan.not_after && withdraw.is_ok()).then(choice),
        cannot,
        again: again(story, desk),
        passkey: !passkey::credentials(desk.visitor, desk.rules).is_empty(),
        signing: signing.sentence().to_owned(),
        end: end::view(&story.incident, desk.visitor, desk.rules, desk.keys),
        hold: HoldView::of(&story.incident, desk.visitor, desk.rules, desk.keys, (now, zone)),
        since: since::view(story, desk),
        sealed: story.proposal.bytes().to_owned(),
    }
}

/// What the engine would say to a vote with the right code.
fn admitted(story: &Story, desk: &Desk<'_>, decision: VoteDecision) -> Result<(), VoteRefusal> {
    let (proposal, person) = (&story.proposal, &desk.visitor.person);
    // A person with a key is offered what the key could approve; the vote itself must then be signed.
    let signs = can_sign(person, &desk.rules.registry, proposal.sealed_at);
    let strength = if signs { Strength::Signed } else { Strength::Attested };
    let ballot = Ballot { person, decision, digest: proposal.digest(), strength, interactive: true };
    admit(proposal, &story.votes, &ballot, desk.rules, desk.now).map(drop)
}

/// How this person's yes would be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signing {
    /// By the session: our word.
    Word,
    /// By a passkey, here.
    Passkey,
    /// By a key file, at a terminal: our word would not count.
    Elsewhere,
}

impl Signing {
    fn sentence(self) -> &'static str {
        match self {
            Self::Word => "",
            Self::Passkey => "Your passkey signs the vote.",
            Self::Elsewhere => {
                "Policy wants an approval signed with your own key: use nightshift approve at your terminal, or kubectl nightshift approve. Denying works here."
            }
        }
    }
}

fn signing(story: &Story, desk: &Desk<'_>) -> Signing {
    let (person, registry) = (&desk.visitor.person, &desk.rules.registry);
    if !passkey::credentials(desk.visitor, desk.rules).is_empty() {
        return Signing::Passkey;
    }
    let wanted = min_proof(registry, story.proposal.plan().risk) == Strength::Signed;
    let signs = can_sign(person, registry, story.proposal.sealed_at);
    if wanted && signs { Signing::Elsewhere } else { Signing::Word }
}

struct State {
    badge: String,
    tone: &'static str,
    sentence: String,
    more: Vec<String>,
}

fn state(story: &Story, desk: &Desk<'_>) -> State {
    let told = |badge: &str, tone, sentence: &str, more: Vec<String>| State {
        badge: badge.to_owned(),
        tone,
        sentence: sentence.to_owned(),
        more,
    };
    if let Some(end) = &story.end {
        return ended(end, story);
    }
    if story.proposal.plan().not_after <= desk.now && matches!(story.incident.phase, Phase::Proposed { .. }) {
        return told("Expired", "over", "Nobody decided in time. Nothing was done.", Vec::new());
    }
    match &story.incident.phase {
        Phase::Proposed { proposal, .. } => {
            match &desk.rules.standing.held(proposal.plan().action.workload().owned_in()) {
                KillSwitch::Clear => {
                    told("Proposed", "wait", "Waits for a person. Nothing has been done yet.", Vec::new())
                }
                KillSwitch::Set { reason } if reason.starts_with("the executor is closed") => told(
                    "Proposed",
                    "wait",
                    "The executor is closed: it can be denied, not approved.",
                    Vec::new(),
                ),
                KillSwitch::Set { .. } => told(
                    "Proposed",
                    "wait",
                    "The kill switch is set: it can be denied, not approved.",
                    Vec::new(),
                ),
            }
        }
        Phase::Granted { .. } => told(
            "Granted",
            "run",
            "Approved. The target is looked at once more before the write.",
            Vec::new(),
        ),
        Phase::Executing { operation, .. } => match &operation.state {
            OperationState::Claimed { .. } => {
                told("Executing", "run", "The target is looked at once more before the write.", Vec::new())
            }
            OperationState::Sending => told("Executing", "run", "The one request is on its way.", Vec::new()),
            OperationState::Applied(_) => told("Executing", "run", "The write took effect.", Vec::new()),
            OperationState::NotApplied { why } => {
                told("Executing", "bad", "The write was refused. Nothing was changed.", vec![why.clone()])
            }
            OperationState::Unknown { why, .. } => told(
                "Unknown",
                "bad",
                "Nobody can tell whether the write took effect. Look at the target, then end the incident; nightshift sends nothing more.",
                vec![why.clone()],
            ),
        },
        Phase::Verifying { .. } => {
            told("Verifying", "run", "The write took effect. Now it has to prove that it helped.", Vec::new())
        }
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => {
            told(story.incident.phase.word(), "over", "This proposal is no longer in force.", Vec::new())
        }
    }
}

fn ended(end: &End, story: &Story) -> State {
    let told = |badge: &str, tone, sentence: String, more: &str| State {
        badge: badge.to_owned(),
        tone,
        sentence,
        more: (!more.is_empty()).then(|| more.to_owned()).into_iter().collect(),
    };
    match end {
        End::Judged(Outcome::Successful) => {
            told("Successful", "good", "Done and proven: every measure held.".to_owned(), "")
        }
        End::Judged(
            outcome @ (Outcome::Failed { .. } | Outcome::Inconclusive { .. } | Outcome::Error { .. }),
        ) => {
            let sentence = match outcome {
                Outcome::Failed { reverted_by: Some(who), .. } => {
                    format!("{who} put the object back. A person is needed.")
                }
                Outcome::Inconclusive { .. } => {
                    "The write took effect, but nothing proves that it helped. A person is needed.".to_owned()
                }
                Outcome::Successful | Outcome::Failed { .. } | Outcome::Error { .. } => {
                    "The write took effect and did not help. A person is needed.".to_owned()
                }
            };
            told(outcome.word(), "bad", sentence, outcome.why())
        }
        End::Withdrawn(why) => match why {
            Withdrawal::Denied { by, reason } => {
                told("Denied", "over", format!("{by} said no. Nothing was done."), reason)
            }
            Withdrawal::Expired => {
                told("Expired", "over", "Nobody decided in time. Nothing was done.".to_owned(), "")
            }
            Withdrawal::Superseded => {
                told("Superseded", "over", "A newer proposal replaces it. Nothing was done.".to_owned(), "")
            }
            Withdrawal::TargetChanged { what } => told(
                "Target changed",
                "over",
                "The target is no longer what this plan was made for. Nothing was written.".to_owned(),
                what,
            ),
            Withdrawal::PolicyChanged => told(
                "Policy changed",
                "over",
                "Persons, roles or policy changed, so votes on it are void. Nothing was done.".to_owned(),
                "",
            ),
            Withdrawal::Stopped => {
                told("Stopped", "over", "The kill switch was used. Nothing was done.".to_owned(), "")
            }
            Withdrawal::ByPerson { person } => {
                told("Withdrawn", "over", format!("{person} took the approval back. Nothing was done."), "")
            }
        },
        End::Escalated(why) => escalated(why, story),
        End::Closed(why) => match why {
            Closure::ByPerson { person, note } => {
                let unknown = matches!(story.operation, Some(OperationState::Unknown { .. }));
                let left = if unknown {
                    "Nobody can tell whether the write took effect."
                } else {
                    "Nothing of this proposal was written."
                };
                told("Ended", "over", format!("{person} ended the incident. {left}"), note)
            }
            Closure::NotDone { why } => {
                let sentence = "What was asked for was not done. Nothing was written.".to_owned();
                State { badge: "Closed".to_owned(), tone: "over", sentence, more: reasons(why) }
            }
            Closure::Deleted => {
                let sentence = "Its object is deleted, and nothing of this proposal was done.".to_owned();
                told("Closed", "over", sentence, "")
            }
            Closure::Verified { .. } | Closure::Healed | Closure::Resolved | Closure::GoneSince { .. } => {
                let sentence = "The symptom went away before anything of this proposal was done.".to_owned();
                told("Closed", "good", sentence, "")
            }
        },
    }
}

fn escalated(why: &Escalation, story: &Story) -> State {
    let written = story.applied_at.is_some();
    let sentence = if written { "A person is needed." } else { "A person is needed. Nothing was written." };
    State { badge: "Escalated".to_owned(), tone: "bad", sentence: sentence.to_owned(), more: reasons(why) }
}

/// Why a person is needed, in sentences.
pub(super) fn reasons(why: &Escalation) -> Vec<String> {
    match why {
        Escalation::NoPlan { reasons, handover } => reasons.iter().chain(handover).cloned().collect(),
        Escalation::Refused { reasons } => reasons.clone(),
        Escalation::NotSealed { why } => vec![format!("The preview failed: {why}")],
        Escalation::Denied { by, reason, .. } => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            vec![format!("{by} denied the proposal{reason}")]
        }
        Escalation::Expired { .. } => vec!["Nobody decided in time.".to_owned()],
        Escalation::SupersededTwice => {
            vec!["The plan was replaced twice within an hour: the target does not stand still.".to_owned()]
        }
        Escalation::GrantExpired => vec!["The approval ran out before it could be used.".to_owned()],
        Escalation::RecheckFailed { why } => vec![format!("The target was not as approved: {why}")],
        Escalation::NotApplied { why } => vec![format!("The write was not carried out: {why}")],
        Escalation::NotVerified { outcome } => {
            vec![format!("Verification: {}. {}", outcome.word(), outcome.why())]
        }
        Escalation::Broken { why } => vec![format!("nightshift itself failed: {why}")],
    }
}

fn symptom(story: &Story) -> String {
    let Some(finding) = story.sealed_on.symptom.as_ref() else { return String::new() };
    let container = if finding.container.is_empty() {
        String::new()
    } else {
        format!(" in container {}", finding.container)
    };
    let exit =
        finding.exit.as_ref().map(|exit| format!(", exit code {}: {}", exit.code, exit.class.meaning()));
    let pods = if finding.affected == 1 { "1 pod".to_owned() } else { format!("{} pods", finding.affected) };
    format!("{} on {pods}{container}{}.", finding.reason, exit.unwrap_or_default())
}

fn last_words(story: &Story) -> String {
    let mut logs = story.sealed_on.evidence.iter().rev().filter_map(|piece| match &piece.got {
        Got::Facts(Observed::Log(log)) => log.lines.iter().rev().find(|line| !line.trim().is_empty()),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    });
    logs.next().cloned().unwrap_or_default()
}

fn by_reference(proposal: &Proposal, desk: &Desk<'_>) -> String {
    let plan = proposal.plan();
    let Sealed::Reference { source, pointers, .. } = &plan.request.body else { return String::new() };
    if let Action::Restart { at, .. } = &plan.action {
        return format!(
            "{source} gets the annotation that says it was restarted at {at}; with another template than it has now, this \
             is refused."
        );
    }
    if let Action::ReRunJob { version, .. } = &plan.action {
        return format!(
            "A copy of {source} as it stands at resourceVersion {version}; once anything is written on it, this is refused."
        );
    }
    let seen = match plan.action.revision().map(|to| to.healthy_at) {
        None => String::new(),
        Some(None) => " nightshift never saw it healthy.".to_owned(),
        Some(Some(at)) => {
            format!(" Recorded healthy {} ({}).", clock(at, desk.now, desk.zone), ago(at, desk.now))
        }
    };
    let fields = if pointers.len() == 1 { "field" } else { "fields" };
    format!(
        "Taken from {source} as it stands in the cluster, {} {fields}; another content is refused.{seen}",
        pointers.len()
    )
}

fn images(action: &Action) -> Vec<String> {
    let id = |i: &SeenImage| if i.image_id.is_empty() { String::new() } else { format!(" ({})", i.image_id) };
    let all = action.revision().map(|to| to.images.as_slice()).unwrap_or_default();
    all.iter().map(|i| format!("{}: {}{}", i.container, i.image, id(i))).collect()
}

fn change(change: &nightshift_model::FieldChange) -> ChangeView {
    let text = |shown: &Shown| match shown {
        Shown::Absent => "absent".to_owned(),
        Shown::Value(text) => text.clone(),
        Shown::Hidden => "changed, not shown".to_owned(),
    };
    ChangeView { path: change.path.clone(), before: text(&change.before), after: text(&change.after) }
}

fn blast(blast: nightshift_model::plan::Blast) -> String {
    let objects =
        if blast.objects == 1 { "1 object is".to_owned() } else { format!("{} objects are", blast.objects) };
    format!(
        "{objects} written. Of {} wanted replicas {} were available when this was sealed.",
        blast.replicas, blast.available
    )
}

fn approvers(story: &Story, desk: &Desk<'_>) -> Vec<String> {
    let registry = &desk.rules.registry;
    let may = |person: &&&nightshift_model::registry::Person| {
        eligibility(&story.proposal, person, registry).is_ok()
    };
    let namespace = &story.proposal.plan().action.target().namespace;
    registry.approvers(namespace).iter().filter(may).map(|p| p.name.to_string()).collect()
}

fn needed(story: &Story, desk: &Desk<'_>) -> String {
    let persons = |n: u32| if n == 1 { "1 person".to_owned() } else { format!("{n} persons") };
    let said = match tally(&story.proposal, &story.votes, desk.rules) {
        Tally::Waiting { approved, needed } if approved.is_empty() => {
            format!("{} must approve.", persons(needed))
        }
        Tally::Waiting { approved, needed } => format!("{} of {} approved.", approved.len(), persons(needed)),
        Tally::Approved(_) => "Enough persons approved.".to_owned(),
        Tally::Denied { .. } => "One denial ends it.".to_owned(),
    };
    let dark = desk.rules.standing.looks.of(story.proposal.id()).why_not();
    match dark.filter(|_| desk.rules.registry.takes_objects()) {
        Some(why) => format!("{said} Votes by kubectl do not count now, because {why}."),
        None => said,
    }
}

fn again(story: &Story, desk: &Desk<'_>) -> Option<AgainView> {
    let latest = story.incident.proposals.last().is_some_and(|p| p.id == *story.proposal.id());
    let Phase::Escalated { why } = &story.incident.phase else { return None };
    let person = &desk.visitor.person;
    let may = person.kind == PersonKind::Person
        && desk.rules.registry.may(person, Power::Approve, story.incident.scope.owned_in());
    if !latest || !may {
        return None;
    }
    let csrf = forms::token(desk.keys, desk.visitor.session, &Purpose::Again(story.proposal.id()));
    Some(if matches!(why, Escalation::Denied { .. }) {
        AgainView {
            label: "Ask again",
            hint: "You get a fresh proposal if it is still broken. Whoever asks does not vote on it.",
            csrf,
        }
    } else {
        AgainView { label: "Check again", hint: "You get a fresh proposal if it is still broken.", csrf }
    })
}
