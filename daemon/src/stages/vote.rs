//! What people decide: votes, a fresh look, the end of an incident, the kill switch. The engine says what is taken; this appends it.

pub mod ask;
pub mod bridge;
pub mod chat;
pub mod end;
mod have;
mod lock;
pub mod object;
pub mod people;
mod silence;
pub mod silences;

pub use have::Had;
pub use silence::{Quieted, SilenceAsked, SilenceTaken, Unsilenced, may_quiet};

use super::RulesNow;
use crate::clock::Clock;
use crate::store::{HistoryStore, SqliteStore, SystemAppend};
use lock::Locks;
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_engine::proof::{self, BadProof, Shown};
use nightshift_engine::redact::redactor;
use nightshift_engine::rules::{KillSwitch, Rules};
use nightshift_engine::standing::System;
use nightshift_engine::tally::{Ballot, admit, admit_carried, admit_object, context};
use nightshift_engine::vote_object::VoteObject;
use nightshift_engine::{advance, text};
use nightshift_model::incident::Reopening;
use nightshift_model::registry::{Person, PersonKind, Power};
use nightshift_model::vote::{STATEMENT_LASTS, Strength, VoteRefusal};
use nightshift_model::{
    Actor, Append, Appended, Digest, Escalation, HistoryEvent, Incident, IncidentEvent, IncidentId, PersonId,
    Phase, Proof, Proposal, ProposalId, Registry, Risk, Seconds, SystemEvent, Timestamp, Vote, VoteDecision,
    Withdrawal,
};
use std::sync::Arc;

/// Called after a person decided something: about one incident, or (`None`) about all of them.
pub type Wake = Arc<dyn Fn(Option<IncidentId>) + Send + Sync>;

/// How often an append that lost a race is tried again.
const TRIES: u32 = 8;
/// What a person may write beside a vote, in characters.
const REASON_LENGTH: usize = 500;
/// A page that is looked at again within this is one look.
const VIEW_COUNTS_FOR: Seconds = Seconds(3600);

/// Takes decisions of identified persons.
#[derive(Clone)]
pub struct Votes {
    store: SqliteStore,
    rules: RulesNow,
    clock: Clock,
    wake: Wake,
    locks: Arc<Locks>,
    switching: Arc<tokio::sync::Mutex<()>>,
    carrying: Arc<tokio::sync::Mutex<()>>,
}

/// What a person posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// On what.
    pub proposal: ProposalId,
    /// The digest that the person saw.
    pub digest: Digest,
    /// The decision.
    pub decision: VoteDecision,
    /// What the person wrote.
    pub reason: String,
    /// Whether the typed code was right. Judged last but for the proof.
    pub code: Code,
    /// What stands behind it.
    pub by: By,
}

/// What stands behind a posted vote.
#[derive(Clone, Debug)]
pub enum By {
    /// A session alone, by SHA-256 of its secret: our word is the proof.
    Session(Digest),
    /// The person's own signature.
    Signature(Signature),
    /// A button in Slack, by the member's id: our word is the proof, at low risk only.
    Chat(String),
    /// A bridge's signed message.
    Bridge(bridge::Carried),
    /// An object of the cluster.
    Object(VoteObject),
}

/// A signed statement's own fields, and the signature over all of them.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The person's how-manieth vote on this proposal.
    pub no: u32,
    /// When it was signed, by the signer's clock.
    pub at: Timestamp,
    /// Whether a person was at a page or a terminal.
    pub interactive: bool,
    /// The proof.
    pub proof: Proof,
}

impl Posted {
    /// The vote that a signature is over.
    pub fn vote(&self, person: &PersonId, signature: &Signature) -> Vote {
        Vote {
            proposal: self.proposal.clone(),
            digest: self.digest,
            decision: self.decision,
            person: person.clone(),
            no: signature.no,
            at: signature.at,
            reason: text::visible(&redactor().redact(&self.reason).text, REASON_LENGTH),
            interactive: signature.interactive,
            proof: signature.proof.clone(),
        }
    }
}

/// The typed code, compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// As shown.
    Right,
    /// Anything else.
    Wrong,
}

/// What became of a wish to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The incident is investigated afresh.
    Asked,
    /// The incident is not waiting for a person, or not because of this proposal.
    NotNeeded,
}

/// What to do with the kill switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Hold every execution back.
    Set {
        /// Why.
        reason: String,
    },
    /// Let them go on; needs two admins.
    Clear,
}

/// What became of the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It is set.
    Set,
    /// One admin wants it cleared; a second one is needed.
    Clearing,
    /// It is cleared.
    Cleared,
}

impl Votes {
    /// A desk at a store.
    pub fn new(store: SqliteStore, rules: RulesNow, clock: Clock, wake: Wake) -> Self {
        Self {
            store,
            rules,
            clock,
            wake,
            locks: Arc::default(),
            switching: Arc::default(),
            carrying: Arc::default(),
        }
    }

    /// The rules in force.
    pub async fn rules(&self) -> Rules {
        (self.rules)().await
    }

    /// Whether a person typed too many wrong codes lately.
    pub fn is_locked(&self, person: &PersonId) -> bool {
        self.locks.is_locked(person, self.clock.now())
    }

    /// Takes one vote. A refusal is recorded for the person.
    ///
    /// # Errors
    /// The refusal: nothing was decided then.
    pub async fn cast(&self, person: &PersonId, posted: &Posted) -> Result<(), VoteRefusal> {
        let taken = self.try_cast(person, posted).await;
        if let Err(why) = taken {
            self.refused(person, &posted.proposal, why).await;
        }
        taken
    }

    async fn try_cast(&self, person: &PersonId, posted: &Posted) -> Result<(), VoteRefusal> {
        // What is not there is refused as what is another owner's.
        let Some(id) = self.store.incident_of(&posted.proposal).await.map_err(|e| failed(&e))? else {
            return Err(VoteRefusal::NoRole);
        };
        for _ in 0..TRIES {
            let now = self.clock.now();
            let rules = self.rules().await;
            let incident = self.store.load(&id).await.map_err(|e| failed(&e))?;
            let vote = self.judge(&incident, person, posted, &rules, now)?;
            let event = IncidentEvent::Voted { vote: vote.clone() };
            if self.append(&incident, event, person, &rules, now).await? == Appended::Committed {
                (self.wake)(Some(id));
                return Ok(());
            }
            // After a lost race or an unknown outcome the history is asked, not guessed.
            let after = self.store.load(&id).await.map_err(|e| failed(&e))?;
            if votes(&after).contains(&vote) {
                (self.wake)(Some(id));
                return Ok(());
            }
        }
        Err(VoteRefusal::StoreFailed)
    }

    /// The checks of a vote in their order, and the vote they lead to.
    fn judge(
        &self,
        incident: &Incident,
        name: &PersonId,
        posted: &Posted,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Vote, VoteRefusal> {
        let proposal = open(incident, posted)?;
        let person = rules.registry.person(name).ok_or(VoteRefusal::NoRole)?;
        let (strength, interactive) = match &posted.by {
            By::Session(_) | By::Chat(_) | By::Bridge(_) => (Strength::Attested, true),
            By::Signature(signature) => (signature.proof.strength(), signature.interactive),
            By::Object(object) => (Strength::Signed, object.interactive),
        };
        let ballot =
            Ballot { person, decision: posted.decision, digest: posted.digest, strength, interactive };
        let admitted = match &posted.by {
            By::Chat(_) if posted.decision == VoteDecision::Approve && proposal.plan().risk != Risk::Low => {
                Err(VoteRefusal::ControlsMissing)
            }
            By::Session(_) | By::Chat(_) | By::Signature(_) => {
                admit(proposal, votes(incident), &ballot, rules, now)
            }
            By::Bridge(carried) => {
                let bridge = rules.registry.bridge(&carried.bridge).ok_or(VoteRefusal::NoRole)?;
                admit_carried(bridge, proposal, votes(incident), &ballot, rules, now)
            }
            By::Object(_) => admit_object(proposal, votes(incident), &ballot, rules, now),
        };
        match admitted {
            // What a proof or the kill switch says stands behind the code in the order of checks.
            Ok(_)
            | Err(VoteRefusal::ControlsMissing | VoteRefusal::NotInteractive | VoteRefusal::KillSwitch) => {}
            Err(why) => return Err(why),
        }
        if posted.code == Code::Wrong {
            self.locks.count(name, now);
            return Err(VoteRefusal::WrongCode);
        }
        let no = admitted?;
        match &posted.by {
            By::Session(session) => {
                let proof = Proof::Attested { by: session.to_string() };
                Ok(posted.vote(name, &Signature { no, at: now, interactive: true, proof }))
            }
            By::Chat(user) => {
                let proof = Proof::Attested { by: format!("slack {user}") };
                Ok(posted.vote(name, &Signature { no, at: now, interactive: true, proof }))
            }
            By::Bridge(carried) => {
                let signature = Signature { no, at: carried.at(), interactive: true, proof: carried.proof() };
                let vote = posted.vote(name, &signature);
                match proof::verify(&vote, &context(proposal, rules)) {
                    Ok(_) => Ok(vote),
                    Err(bad) => {
                        tracing::warn!(bridge = %carried.bridge, person = %name, proposal = %posted.proposal, %bad, "a bridge's vote does not hold");
                        Err(VoteRefusal::BadProof)
                    }
                }
            }
            By::Object(object) => {
                // Whoever made it did not ask for the next number: it must only be higher.
                if object.no < no {
                    return Err(VoteRefusal::NotNext);
                }
                let VoteObject { no, at, interactive, .. } = *object;
                let vote = posted.vote(name, &Signature { no, at, interactive, proof: object.proof() });
                match proof::verify(&vote, &context(proposal, rules)) {
                    Ok(Strength::Signed) => Ok(vote),
                    Ok(Strength::Attested) => Err(VoteRefusal::BadProof),
                    Err(bad) => {
                        tracing::warn!(person = %name, proposal = %posted.proposal, %bad, "a Vote does not hold");
                        Err(VoteRefusal::BadProof)
                    }
                }
            }
            By::Signature(signature) => {
                if signature.no != no {
                    return Err(VoteRefusal::NotNext);
                }
                if now.since(signature.at).max(signature.at.since(now)) > STATEMENT_LASTS {
                    return Err(VoteRefusal::StaleStatement);
                }
                let vote = posted.vote(name, signature);
                match proof::verify(&vote, &context(proposal, rules)) {
                    // Our word is never posted: a session says it, and only here.
                    Ok(Strength::Signed) => Ok(vote),
                    Ok(Strength::Attested) => Err(VoteRefusal::BadProof),
                    Err(bad) => {
                        tracing::warn!(person = %name, proposal = %posted.proposal, %bad, "a vote's proof does not hold");
                        Err(VoteRefusal::BadProof)
                    }
                }
            }
        }
    }

    /// Who signed a posted vote, whatever it is about: the person it names, if the signature is that person's.
    ///
    /// # Errors
    /// [`BadProof`]: nobody is known by it.
    pub async fn signer(&self, vote: &Vote) -> Result<Person, BadProof> {
        let rules = self.rules().await;
        match proof::identify(vote, &rules.registry, &rules.cluster.uid)? {
            Shown::Nothing | Shown::Bridge(_) => Err(BadProof::UnknownKey),
            Shown::Key(_) | Shown::Passkey(..) => {
                rules.registry.person(&vote.person).cloned().ok_or(BadProof::UnknownKey)
            }
        }
    }

    /// The number that a person's next vote on a proposal has.
    pub fn next_no(votes: &[Vote], person: &PersonId) -> u32 {
        votes.iter().filter(|v| v.person == *person).map(|v| v.no).max().unwrap_or(0).saturating_add(1)
    }

    /// Asks for a fresh look at an incident whose proposal expired or was denied, or that needs a person otherwise.
    ///
    /// # Errors
    /// The refusal: nothing was asked then. An unknown proposal is refused as one of another owner.
    pub async fn again(&self, name: &PersonId, proposal: &ProposalId) -> Result<Again, VoteRefusal> {
        let Some(id) = self.store.incident_of(proposal).await.map_err(|e| failed(&e))? else {
            return Err(VoteRefusal::NoRole);
        };
        for _ in 0..TRIES {
            let now = self.clock.now();
            let rules = self.rules().await;
            let incident = self.store.load(&id).await.map_err(|e| failed(&e))?;
            may(&rules.registry, name, Power::Approve, incident.scope.owned_in())?;
            let latest = incident.proposals.last().is_some_and(|p| p.id == *proposal);
            let Phase::Escalated { why } = &incident.phase else { return Ok(Again::NotNeeded) };
            if !latest {
                return Ok(Again::NotNeeded);
            }
            let person = name.clone();
            let why = if matches!(why, Escalation::Denied { .. }) {
                Reopening::Asked { person }
            } else {
                Reopening::CheckAgain { person }
            };
            let event = IncidentEvent::Reopened { why };
            match self.append(&incident, event, name, &rules, now).await? {
                Appended::Committed => {
                    (self.wake)(Some(id));
                    return Ok(Again::Asked);
                }
                Appended::Conflict | Appended::Fenced | Appended::Unknown => {}
            }
        }
        Err(VoteRefusal::StoreFailed)
    }

    /// Sets or clears the kill switch. Any approver or admin sets it; two admins clear it.
    ///
    /// # Errors
    /// The refusal: nothing changed then.
    pub async fn kill_switch(&self, name: &PersonId, switch: Switch) -> Result<Switched, VoteRefusal> {
        let _one_at_a_time = self.switching.lock().await;
        let rules = self.rules().await;
        let person = rules.registry.person(name).ok_or(VoteRefusal::NoRole)?;
        if person.kind == PersonKind::Service {
            return Err(VoteRefusal::Service);
        }
        let by = Actor::Person(name.clone());
        let (events, done) = match switch {
            Switch::Set { reason } => {
                if !anywhere(&rules.registry, person, &[Power::Approve, Power::Admin]) {
                    return Err(VoteRefusal::NoRole);
                }
                let reason = text::visible(&redactor().redact(&reason).text, REASON_LENGTH);
                (vec![SystemEvent::KillSwitchSet { by, reason }], Switched::Set)
            }
            Switch::Clear => {
                if !anywhere(&rules.registry, person, &[Power::Admin]) {
                    return Err(VoteRefusal::NoRole);
                }
                let clearing = SystemEvent::KillSwitchClearing { by: by.clone() };
                let system = self.switch().await.map_err(|e| failed(&e))?;
                if system.kill_switch == KillSwitch::Clear {
                    return Ok(Switched::Cleared);
                }
                if system.clearing.iter().any(|other| *other != by) {
                    (vec![clearing, SystemEvent::KillSwitchCleared], Switched::Cleared)
                } else {
                    (vec![clearing], Switched::Clearing)
                }
            }
        };
        self.record(Actor::Person(name.clone()), events).await.map_err(|e| failed(&e))?;
        (self.wake)(None);
        Ok(done)
    }

    /// The kill switch as persons set it, and which admins want it cleared.
    ///
    /// # Errors
    /// Those of the store; then it counts as set.
    pub async fn switch(&self) -> Result<System, StoreError> {
        let kinds = ["kill-switch-set", "kill-switch-clearing", "kill-switch-cleared"];
        let mut system = System::default();
        for row in self.store.system_events(&kinds).await? {
            if let HistoryEvent::System(event) = &row.event {
                system.fold(row.at, event);
            }
        }
        Ok(system)
    }

    /// Records that a person looked at a proposal's page: once a person, proposal and hour.
    pub async fn viewed(&self, person: &PersonId, proposal: &ProposalId) {
        let since = self.clock.now() - VIEW_COUNTS_FOR;
        let seen = self.store.viewed_since(person, proposal, since).await;
        if let Ok(false) = seen {
            let event = SystemEvent::PageViewed { person: person.clone(), proposal: proposal.clone() };
            self.noted(Actor::Person(person.clone()), event).await;
        }
    }

    /// Records that an identified person's vote was not taken.
    pub async fn refused(&self, person: &PersonId, proposal: &ProposalId, why: VoteRefusal) {
        let (who, proposal) = (person.clone(), proposal.clone());
        let event = SystemEvent::VoteRefused { person: who, proposal, why, bridge: None };
        self.noted(Actor::Person(person.clone()), event).await;
    }

    /// Records how many anonymous requests were refused for a reason, once a minute.
    pub async fn anonymous(&self, reason: &str, count: u32) {
        let event = SystemEvent::AnonymousRefused { reason: reason.to_owned(), count };
        self.noted(Actor::Nightshift(nightshift_model::Role::Responder), event).await;
    }

    /// Records what decides nothing: a failure is logged, the person's request goes on.
    async fn noted(&self, actor: Actor, event: SystemEvent) {
        let kind = event.kind();
        if let Err(error) = self.record(actor, vec![event]).await {
            tracing::error!(kind, %error, "an event of the gate could not be recorded");
        }
    }

    async fn record(&self, actor: Actor, events: Vec<SystemEvent>) -> Result<(), StoreError> {
        let append = SystemAppend { fence: None, actor, at: self.clock.now(), events, outbox: Vec::new() };
        match self.store.append_system(append).await? {
            Appended::Committed => Ok(()),
            other @ (Appended::Conflict | Appended::Fenced | Appended::Unknown) => {
                Err(StoreError::Unavailable {
                    operation: "append to the system stream",
                    source: format!("{other:?}").into(),
                })
            }
        }
    }

    async fn append(
        &self,
        incident: &Incident,
        event: IncidentEvent,
        person: &PersonId,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Appended, VoteRefusal> {
        let actor = Actor::Person(person.clone());
        let append: Append = advance(Some(incident), &incident.id, vec![event], None, actor, now, rules)
            .map_err(|_| VoteRefusal::NotOpen)?;
        self.store.append(append).await.map_err(|e| failed(&e))
    }
}

/// The proposal that is voted on, if it is open for this decision.
fn open<'a>(incident: &'a Incident, posted: &Posted) -> Result<&'a Proposal, VoteRefusal> {
    let past = incident.proposals.iter().find(|p| p.id == posted.proposal);
    let expired = past.is_some_and(|p| matches!(p.withdrawn, Some(Withdrawal::Expired)));
    let closed = if expired { VoteRefusal::Expired } else { VoteRefusal::NotOpen };
    let proposal = incident.phase.proposal().filter(|p| *p.id() == posted.proposal).ok_or(closed)?;
    match (&incident.phase, posted.decision) {
        (Phase::Proposed { .. }, _)
        | (Phase::Granted { .. }, VoteDecision::Deny | VoteDecision::Withdraw) => Ok(proposal),
        _ => Err(VoteRefusal::NotOpen),
    }
}

fn votes(incident: &Incident) -> &[Vote] {
    match &incident.phase {
        Phase::Proposed { votes, .. } | Phase::Granted { votes, .. } => votes,
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => &[],
    }
}

fn may(registry: &Registry, name: &PersonId, power: Power, namespace: &str) -> Result<(), VoteRefusal> {
    let person = registry.person(name).ok_or(VoteRefusal::NoRole)?;
    if person.kind == PersonKind::Service {
        return Err(VoteRefusal::Service);
    }
    if registry.may(person, power, namespace) { Ok(()) } else { Err(VoteRefusal::NoRole) }
}

/// Whether a person has one of the powers over any owner.
pub fn anywhere(registry: &Registry, person: &Person, powers: &[Power]) -> bool {
    let roles = person.roles.iter().filter_map(|name| registry.roles.get(name));
    roles.flat_map(|role| &role.may).any(|power| powers.contains(power))
}

/// The store said no: the person is told, the log says why.
fn failed(error: &StoreError) -> VoteRefusal {
    tracing::error!(%error, "the history does not answer, so nothing is decided");
    VoteRefusal::StoreFailed
}
