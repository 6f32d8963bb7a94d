//! Persons: they vote, ask and hold things back, through the same functions as the daemon's vote stage.

use crate::machine::Machine;
use crate::timeline::{KillSwitch, Propose, ProposeDeletePod, Silence as Quiet, Vote as Cast};
use nightshift_engine::asking::{self, Asking};
use nightshift_engine::tally::{Ballot, admit};
use nightshift_engine::{advance, system};
use nightshift_model::incident::Reopening;
use nightshift_model::vote::{Strength, VoteRefusal};
use nightshift_model::{
    Actor, Appended, Closure, Digest, HistoryEvent, Incident, IncidentEvent, PersonId, Phase, Proof,
    ProposalId, Role, Selector, Silence, Stream, SystemEvent, Vote, Wanted, Wish,
};

/// How often a person's click is tried against a moving incident.
const TRIES: u32 = 5;

impl Machine {
    /// A person votes on the newest incident's proposal, as the page does it.
    pub(crate) fn vote(&mut self, cast: &Cast) {
        for _ in 0..TRIES {
            let Some(incident) = self.newest() else {
                self.world.tell(&format!("{} finds nothing to vote on", cast.person));
                return;
            };
            match self.admitted(&incident, cast) {
                Ok(vote) => {
                    let events = vec![IncidentEvent::Voted { vote }];
                    let by = Actor::Person(PersonId(cast.person.clone()));
                    match self.append_incident(&incident, events, by) {
                        Some(Appended::Conflict | Appended::Unknown) => {}
                        Some(Appended::Committed | Appended::Fenced) | None => return,
                    }
                }
                Err(why) => {
                    let proposal = last_proposal(&incident).unwrap_or_else(|| ProposalId::from("none"));
                    let person = PersonId(cast.person.clone());
                    self.append_system(vec![SystemEvent::VoteRefused {
                        person,
                        proposal,
                        why,
                        bridge: None,
                    }]);
                    return;
                }
            }
        }
    }

    fn admitted(&self, incident: &Incident, cast: &Cast) -> Result<Vote, VoteRefusal> {
        let (Phase::Proposed { proposal, votes } | Phase::Granted { proposal, votes, .. }) = &incident.phase
        else {
            return Err(VoteRefusal::NotOpen);
        };
        let rules = self.rules();
        let person = PersonId(cast.person.clone());
        let known = rules.registry.person(&person).ok_or(VoteRefusal::NoSession)?;
        let digest = if cast.other_digest { Digest([7; 32]) } else { proposal.digest() };
        let now = self.world.now();
        let ballot = Ballot {
            person: known,
            decision: cast.decision,
            digest,
            strength: Strength::Attested,
            interactive: true,
        };
        let no = admit(proposal, votes, &ballot, &rules, now)?;
        Ok(Vote {
            proposal: proposal.id().clone(),
            digest,
            decision: cast.decision,
            person,
            no,
            at: now,
            reason: cast.reason.clone(),
            interactive: true,
            proof: Proof::Attested { by: "session".to_owned() },
        })
    }

    /// A person wants a fresh look.
    pub(crate) fn reopen(&mut self, person: &str, asked: bool) {
        let person = PersonId(person.to_owned());
        let why = if asked {
            Reopening::Asked { person: person.clone() }
        } else {
            Reopening::CheckAgain { person: person.clone() }
        };
        self.by_person(person, IncidentEvent::Reopened { why });
    }

    /// A person asks for a rollback or a restart.
    pub(crate) fn propose(&mut self, step: &Propose) {
        let wish = Wish {
            person: PersonId(step.person.clone()),
            target: crate::objects::named(&step.namespace, &step.deployment),
            wanted: step.to.map_or(Wanted::Restart, |revision| Wanted::RollbackTo { revision }),
            because: step.because.clone(),
            at: self.world.now(),
            undoes: None,
        };
        self.wish(&wish);
    }

    /// A person asks to delete a pod.
    pub(crate) fn propose_delete_pod(&mut self, step: &ProposeDeletePod, pod: String) {
        let wish = Wish {
            person: PersonId(step.person.clone()),
            target: crate::objects::named("shop", &step.pod_of),
            wanted: Wanted::DeletePod { pod },
            because: step.because.clone(),
            at: self.world.now(),
            undoes: None,
        };
        self.wish(&wish);
    }

    /// A person asks to take the newest incident's last write back.
    pub(crate) fn propose_inverse(&mut self, person: &str) {
        let incident = self.newest().expect("a finished write");
        let past = incident.proposals.last().expect("a proposal").id.clone();
        let plan = {
            let log = self.world.log();
            let mut sealed = log.rows.iter().filter_map(|row| match &row.event {
                HistoryEvent::Incident(IncidentEvent::Sealed { proposal }) => Some(proposal.plan()),
                HistoryEvent::Incident(_) | HistoryEvent::System(_) => None,
            });
            sealed.find(|plan| plan.proposal == past).expect("it was sealed").clone()
        };
        let now = self.world.now();
        match asking::inverse(&incident, &plan, &PersonId(person.to_owned()), "it made things worse", now) {
            Some(wish) => self.wish(&wish),
            None => self.world.tell(&format!("  ({person} is offered no inverse now)")),
        }
    }

    fn wish(&mut self, wish: &Wish) {
        for _ in 0..TRIES {
            let rules = self.rules();
            let now = self.world.now();
            let known: Vec<Incident> = {
                let log = self.world.log();
                let all = log.incidents.values().map(|p| &p.incident);
                all.filter(|i| i.scope.same_name(&wish.target)).cloned().collect()
            };
            let asking = match asking::judge(&known, wish, &rules, now) {
                Ok(asking) => asking,
                Err(why) => {
                    self.world.tell(&format!("  ({} is told: {why})", wish.person));
                    return;
                }
            };
            let (Asking::Opens(id) | Asking::Joins(id) | Asking::Taken(id)) = &asking;
            let before = known.iter().find(|i| i.id == *id);
            let by = Actor::Person(wish.person.clone());
            let events = asking::events(&asking, wish);
            let append = advance(before, id, events, None, by, now, &rules).expect("a wish that fits");
            match self.world.commit(append) {
                Ok(Appended::Conflict) => {}
                Ok(Appended::Committed | Appended::Fenced | Appended::Unknown) | Err(_) => return,
            }
        }
    }

    /// A person has it from now on.
    pub(crate) fn have(&mut self, person: &str) {
        let person = PersonId(person.to_owned());
        self.by_person(person.clone(), IncidentEvent::Acknowledged { person });
    }

    /// A person ends an incident.
    pub(crate) fn close(&mut self, person: &str) {
        let person = PersonId(person.to_owned());
        let why = Closure::ByPerson { person: person.clone(), note: "looked at it".to_owned() };
        self.by_person(person, IncidentEvent::Closed { why });
    }

    fn by_person(&mut self, person: PersonId, event: IncidentEvent) {
        for _ in 0..TRIES {
            let incident = self.newest().expect("a person asks about an incident that there is");
            match self.append_incident(&incident, vec![event.clone()], Actor::Person(person.clone())) {
                Some(Appended::Conflict) => {}
                Some(Appended::Committed | Appended::Fenced | Appended::Unknown) => return,
                None => {
                    self.world.tell(&format!("  ({person} is told that this is not possible now)"));
                    return;
                }
            }
        }
    }

    /// The kill switch is set by one person and cleared by two.
    pub(crate) fn kill_switch(&mut self, step: &KillSwitch) {
        let actor = |name: &String| Actor::Person(PersonId(name.clone()));
        let events = match step {
            KillSwitch::Set { person } => {
                vec![SystemEvent::KillSwitchSet { by: actor(person), reason: "hands off".to_owned() }]
            }
            KillSwitch::Clear { persons } => persons
                .iter()
                .map(|p| SystemEvent::KillSwitchClearing { by: actor(p) })
                .chain((persons.len() > 1).then_some(SystemEvent::KillSwitchCleared))
                .collect(),
        };
        self.append_system(events);
        self.wake_all();
    }

    /// A person silences namespace `shop`.
    pub(crate) fn silence(&mut self, step: &Quiet) {
        let (of, now) = (Selector::Namespace("shop".to_owned()), self.world.now());
        let by = Actor::Person(PersonId(step.person.clone()));
        let silence = Silence::new(of, now, now + step.lasts, &step.because, by).expect("a good silence");
        self.append_system(vec![SystemEvent::SilenceAdded { silence }]);
        self.wake_all();
    }

    /// A person ends the newest silence.
    pub(crate) fn end_silence(&mut self, person: &str) {
        let newest = self.world.log().state.silences.last().map(|silence| silence.id.clone());
        let by = Actor::Person(PersonId(person.to_owned()));
        let silence = newest.expect("a silence to end");
        self.append_system(vec![SystemEvent::SilenceEnded { silence, by }]);
        self.wake_all();
    }

    /// The incident that was opened last.
    pub(crate) fn newest(&self) -> Option<Incident> {
        let log = self.world.log();
        let id = log.order.last()?;
        log.incidents.get(id).map(|p| p.incident.clone())
    }

    /// Appends to one incident, unfenced as every door does. `None`: the event does not fit, or nobody can write.
    pub(crate) fn append_incident(
        &mut self,
        incident: &Incident,
        events: Vec<IncidentEvent>,
        by: Actor,
    ) -> Option<Appended> {
        let rules = self.rules();
        let now = self.world.now();
        let append = advance(Some(incident), &incident.id, events, None, by, now, &rules).ok()?;
        self.world.commit(append).ok()
    }

    /// Appends to the system stream until it stands there, or cannot.
    pub(crate) fn append_system(&mut self, events: Vec<SystemEvent>) {
        for _ in 0..TRIES {
            let expect = self.world.log().head(&Stream::System);
            let by = Actor::Nightshift(Role::Responder);
            let append = system(events.clone(), expect, None, by, self.world.now());
            match self.world.commit(append) {
                // A second entry is harmless: every event of this stream folds to the same twice.
                Ok(Appended::Unknown | Appended::Conflict) => {}
                Ok(Appended::Committed | Appended::Fenced) | Err(_) => return,
            }
        }
    }
}

fn last_proposal(incident: &Incident) -> Option<ProposalId> {
    incident.proposals.last().map(|p| p.id.clone())
}
