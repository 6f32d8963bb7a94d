//! One incident's stream, told in one pass by reference.
//!
//! [`Incident::apply`] copies the incident at every step, which costs seconds for ten thousand of them. A digest
//! needs far less, so it reads the events; a test holds what it says against the fold.

use crate::digest::words::{self, visible};
use nightshift_model::incident::Reopening;
use nightshift_model::measure::Stage;
use nightshift_model::{
    Alerts, Below, Closure, Diagnosis, Draft, Escalation, Evidence, Finding, Gap, Got, Grant, Incident,
    IncidentEvent, IncidentId, Measurement, ObjectRef, OperationState, Outcome, PersonId, Phase, Proposal,
    Recovered, Sent, Timestamp, Wish, Withdrawal,
};
use std::borrow::Cow;

/// What one stream adds up to.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub(super) id: &'a IncidentId,
    pub(super) scope: &'a ObjectRef,
    /// The scope as people name it.
    pub(super) name: String,
    pub(super) symptom: Option<&'a Finding>,
    pub(super) alerts: Option<&'a Alerts>,
    /// Why, as it was judged last.
    pub(super) diagnosis: Option<&'a Diagnosis>,
    /// What other scopes showed of it last.
    pub(super) below: Option<&'a Below>,
    /// What a person asked for last.
    pub(super) wish: Option<&'a Wish>,
    pub(super) standing: Standing<'a>,
    /// Who has it, while it is open.
    pub(super) held_by: Option<&'a PersonId>,
    /// Until when nobody is told of it.
    pub(super) silenced: Option<Timestamp>,
    pub(super) changed_at: Timestamp,
    pub(super) episodes: Vec<Episode>,
    pub(super) drafts: Vec<Drafted<'a>>,
    pub(super) sealed: Vec<Sealed<'a>>,
    pub(super) deeds: Vec<Written<'a>>,
    pub(super) escalations: Vec<(Timestamp, &'a Escalation)>,
    pub(super) unanswered: Vec<(Timestamp, &'a Evidence)>,
    /// What could not be seen at detection, once each.
    pub(super) unseen: Vec<(Timestamp, &'a Gap)>,
    /// Whether the symptom is there now.
    pub(super) stands: bool,
    /// When and how a person ended it last.
    pub(super) by_person: Option<(Timestamp, &'a Closure)>,
    /// Revisions at which something was told that is no page: an end.
    /// Whether people were told that it comes and goes.
    pub(super) flaps: bool,
    pub(super) ends: Vec<u64>,
}

/// Where it stands at the end.
#[derive(Debug)]
pub(super) enum Standing<'a> {
    Investigating,
    Drafted(&'a Draft),
    Proposed(&'a Proposal),
    Granted(&'a Proposal),
    Executing { proposal: &'a Proposal, unknown: Option<&'a str> },
    Verifying(&'a Proposal),
    Escalated(Cow<'a, Escalation>),
    Closed(Ended),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Verified,
    Healed,
    /// With its object.
    Deleted,
    /// After a write that was not proven, or whose proof did not last.
    GoneSince,
    ByPerson,
}

/// From opening, or coming back, to the end.
#[derive(Debug)]
pub(super) struct Episode {
    pub(super) from_revision: u64,
    pub(super) began: Timestamp,
    pub(super) why: Began,
    /// When the symptom began, by the objects' own times.
    pub(super) starts: Option<Timestamp>,
    pub(super) first_act: Option<Timestamp>,
    pub(super) verified: Option<Timestamp>,
    pub(super) ended: Option<(Timestamp, Ended)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Began {
    New,
    Relapse,
    Changed,
}

#[derive(Debug)]
pub(super) struct Drafted<'a> {
    pub(super) at: Timestamp,
    pub(super) draft: &'a Draft,
}

#[derive(Debug)]
pub(super) struct Sealed<'a> {
    pub(super) proposal: &'a Proposal,
    pub(super) at: Timestamp,
    pub(super) granted: Option<Timestamp>,
    pub(super) withdrawn: Option<(Timestamp, &'a Withdrawal)>,
}

#[derive(Debug)]
pub(super) struct Written<'a> {
    /// When it took effect; `None` while it has not.
    pub(super) at: Option<Timestamp>,
    pub(super) proposal: &'a Proposal,
    pub(super) grant: &'a Grant,
    pub(super) recovered: bool,
    pub(super) before: Option<&'a Measurement>,
    pub(super) after: Option<&'a Measurement>,
    pub(super) outcome: Option<&'a Outcome>,
}

impl<'a> Story<'a> {
    /// Of an incident that began before the rows do.
    pub(super) fn of(fold: &'a Incident) -> Self {
        let ended = |why: &Closure| match why {
            Closure::Verified { .. } => Ended::Verified,
            Closure::Healed | Closure::Resolved => Ended::Healed,
            Closure::Deleted => Ended::Deleted,
            Closure::GoneSince { .. } => Ended::GoneSince,
            Closure::ByPerson { .. } | Closure::NotDone { .. } => Ended::ByPerson,
        };
        let standing = match &fold.phase {
            Phase::Investigating { .. } => Standing::Investigating,
            Phase::Drafted { draft } => Standing::Drafted(draft),
            Phase::Proposed { proposal, .. } => Standing::Proposed(proposal),
            Phase::Granted { proposal, .. } => Standing::Granted(proposal),
            Phase::Executing { proposal, operation, .. } => Standing::Executing {
                proposal,
                unknown: match &operation.state {
                    OperationState::Unknown { why, .. } => Some(why),
                    OperationState::Claimed { .. }
                    | OperationState::Sending
                    | OperationState::Applied(_)
                    | OperationState::NotApplied { .. } => None,
                },
            },
            Phase::Verifying { proposal, .. } => Standing::Verifying(proposal),
            Phase::Escalated { why } => Standing::Escalated(Cow::Borrowed(why)),
            Phase::Closed { why } => Standing::Closed(ended(why)),
        };
        let closed = match standing {
            Standing::Closed(how) => Some((fold.changed_at, how)),
            Standing::Investigating
            | Standing::Drafted(_)
            | Standing::Proposed(_)
            | Standing::Granted(_)
            | Standing::Executing { .. }
            | Standing::Verifying(_)
            | Standing::Escalated(_) => None,
        };
        Self {
            id: &fold.id,
            scope: &fold.scope,
            name: visible(&fold.scope.to_string()),
            symptom: fold.symptom.as_ref(),
            diagnosis: fold.diagnosis.as_ref(),
            below: Some(&fold.below),
            alerts: Some(&fold.alerts).filter(|a| !a.is_empty()),
            wish: fold.wish.as_ref(),
            standing,
            held_by: fold.held_by.as_ref().map(|holder| &holder.person),
            silenced: fold.hush.as_ref().map(|hush| hush.until),
            changed_at: fold.changed_at,
            episodes: vec![Episode {
                from_revision: 1,
                began: fold.opened_at,
                why: Began::New,
                starts: fold.symptom.as_ref().map(|f| f.since),
                first_act: None,
                verified: None,
                ended: closed,
            }],
            drafts: Vec::new(),
            sealed: Vec::new(),
            deeds: Vec::new(),
            escalations: Vec::new(),
            unanswered: Vec::new(),
            unseen: Vec::new(),
            stands: !fold.findings.is_empty(),
            by_person: None,
            flaps: fold.flap.is_some(),
            ends: Vec::new(),
        }
    }

    /// Of a stream from its first event on.
    pub(super) fn opened(id: &'a IncidentId, scope: &'a ObjectRef, at: Timestamp) -> Self {
        Self {
            id,
            scope,
            name: visible(&scope.to_string()),
            symptom: None,
            alerts: None,
            diagnosis: None,
            below: None,
            wish: None,
            standing: Standing::Investigating,
            held_by: None,
            silenced: None,
            changed_at: at,
            episodes: vec![Episode::new(1, at, Began::New)],
            drafts: Vec::new(),
            sealed: Vec::new(),
            deeds: Vec::new(),
            escalations: Vec::new(),
            unanswered: Vec::new(),
            unseen: Vec::new(),
            stands: false,
            by_person: None,
            flaps: false,
            ends: Vec::new(),
        }
    }

    /// The next event. Whether it was legal is the fold's question, not the digest's.
    pub(super) fn hear(&mut self, revision: u64, at: Timestamp, event: &'a IncidentEvent) {
        use IncidentEvent as E;
        if !matches!(
            event,
            E::AlertsChanged { .. }
                | E::BelowChanged { .. }
                | E::Acknowledged { .. }
                | E::Silenced { .. }
                | E::SilenceOver
                | E::BaseRate { .. }
                | E::Flapping { .. }
                | E::Steady
        ) {
            self.changed_at = at;
        }
        match event {
            E::AlertsChanged { alerts } => self.alerts = Some(alerts),
            E::BelowChanged { below } => self.below = Some(below),
            E::Acknowledged { person } => {
                self.act(at);
                self.held_by = Some(person);
            }
            E::Wished { wish } => {
                self.act(at);
                self.wish = Some(wish);
                self.standing = Standing::Investigating;
            }
            E::Silenced { until, .. } => self.silenced = Some(*until),
            E::SilenceOver => self.silenced = None,
            E::Diagnosed { diagnosis } => self.diagnosis = Some(diagnosis),
            E::Flapping { .. } => self.flaps = true,
            E::BaseRate { .. }
            | E::Steady
            | E::Opened { .. }
            | E::EvidenceWanted { .. }
            | E::Rechecked { .. }
            | E::Marked { .. }
            | E::Sending { .. } => {}
            E::FindingsChanged { findings } => {
                self.stands = !findings.is_empty();
                if let Some(first) = findings.first() {
                    self.symptom = Some(first);
                    if let Some(episode) = self.episodes.last_mut() {
                        episode.starts.get_or_insert(first.since);
                    }
                }
            }
            E::Unchecked { gaps } => {
                let new = gaps.iter().filter(|gap| !self.unseen.iter().any(|(_, known)| known == gap));
                let new: Vec<_> = new.map(|gap| (at, gap)).collect();
                self.unseen.extend(new);
            }
            E::EvidenceGot { evidence } => {
                if matches!(evidence.got, Got::NotChecked { .. }) {
                    self.unanswered.push((at, evidence));
                }
            }
            E::Planned { draft } => {
                self.drafts.push(Drafted { at, draft });
                self.standing = Standing::Drafted(draft);
            }
            E::Sealed { proposal } => {
                self.drafts.pop(); // it became a proposal
                self.sealed.push(Sealed { proposal, at, granted: None, withdrawn: None });
                self.standing = Standing::Proposed(proposal);
            }
            E::Voted { .. } => self.act(at),
            E::Granted { grant } => {
                if let Some(sealed) = self.sealed.last_mut() {
                    sealed.granted = Some(at);
                    self.standing = Standing::Granted(sealed.proposal);
                    self.deeds.push(Written::granted(sealed.proposal, grant));
                }
            }
            E::Claimed { .. } => self.executing(None),
            E::Sent { sent } => self.sent(at, sent),
            E::Recovered { found, .. } => match found {
                Recovered::Applied { .. } => self.written(at, true),
                Recovered::NotApplied => self.executing(None),
                Recovered::Absent => self.executing(Some("the target is gone")),
                Recovered::Unknown { why } => self.executing(Some(why)),
            },
            E::Measured { measurement } => {
                if let Some(deed) = self.deeds.last_mut() {
                    match measurement.stage {
                        Stage::Before => deed.before = Some(measurement),
                        Stage::After => deed.after = Some(measurement),
                    }
                }
            }
            E::Judged { outcome } => self.judged(revision, at, outcome),
            E::Withdrawn { why } => self.withdrawn(at, why),
            E::Escalated { why } => {
                self.escalations.push((at, why));
                self.standing = Standing::Escalated(Cow::Borrowed(why));
            }
            E::Reopened { why } => self.reopened(revision, at, why),
            E::Closed { why } => match why {
                Closure::Verified { .. } => self.end(revision, at, Ended::Verified),
                Closure::Healed | Closure::Resolved => self.end(revision, at, Ended::Healed),
                Closure::Deleted => self.end(revision, at, Ended::Deleted),
                Closure::GoneSince { .. } => self.end(revision, at, Ended::GoneSince),
                Closure::NotDone { .. } => self.end(revision, at, Ended::ByPerson),
                Closure::ByPerson { .. } => {
                    self.act(at);
                    self.by_person = Some((at, why));
                    self.end(revision, at, Ended::ByPerson);
                }
            },
        }
    }

    fn sent(&mut self, at: Timestamp, sent: &'a Sent) {
        match sent {
            Sent::Applied { .. } => self.written(at, false),
            Sent::Refused { .. } | Sent::NotSent { .. } => {}
            Sent::Unknown { why } => self.executing(Some(why)),
        }
    }

    fn written(&mut self, at: Timestamp, recovered: bool) {
        if let Some(deed) = self.deeds.last_mut() {
            deed.at = Some(at);
            deed.recovered = recovered;
            self.standing = Standing::Verifying(deed.proposal);
        }
    }

    fn executing(&mut self, unknown: Option<&'a str>) {
        if let Some(sealed) = self.sealed.last() {
            self.standing = Standing::Executing { proposal: sealed.proposal, unknown };
        }
    }

    fn judged(&mut self, revision: u64, at: Timestamp, outcome: &'a Outcome) {
        if let Some(deed) = self.deeds.last_mut() {
            deed.outcome = Some(outcome);
        }
        if *outcome == Outcome::Successful {
            if let Some(episode) = self.episodes.last_mut() {
                episode.verified = Some(at);
            }
            self.end(revision, at, Ended::Verified);
        } else {
            self.standing =
                Standing::Escalated(Cow::Owned(Escalation::NotVerified { outcome: outcome.clone() }));
        }
    }

    fn withdrawn(&mut self, at: Timestamp, why: &'a Withdrawal) {
        self.standing = Standing::Investigating;
        let Some(sealed) = self.sealed.last_mut() else { return };
        sealed.withdrawn = Some((at, why));
        let proposal = sealed.proposal.id().clone();
        match why {
            Withdrawal::Denied { by, reason } => {
                self.standing = Standing::Escalated(Cow::Owned(Escalation::Denied {
                    proposal,
                    by: by.clone(),
                    reason: reason.clone(),
                }));
            }
            Withdrawal::Expired => {
                self.standing = Standing::Escalated(Cow::Owned(Escalation::Expired { proposal }));
            }
            Withdrawal::Superseded
            | Withdrawal::TargetChanged { .. }
            | Withdrawal::PolicyChanged
            | Withdrawal::Stopped
            | Withdrawal::ByPerson { .. } => {}
        }
    }

    fn reopened(&mut self, revision: u64, at: Timestamp, why: &Reopening) {
        let over = matches!(self.standing, Standing::Closed(_));
        self.standing = Standing::Investigating;
        match why {
            Reopening::CheckAgain { .. } | Reopening::Asked { .. } if !over => self.act(at),
            Reopening::Changed if !over => {}
            Reopening::Relapse => self.episodes.push(Episode::new(revision, at, Began::Relapse)),
            Reopening::Changed | Reopening::CheckAgain { .. } | Reopening::Asked { .. } => {
                self.episodes.push(Episode::new(revision, at, Began::Changed));
            }
        }
    }

    fn end(&mut self, revision: u64, at: Timestamp, how: Ended) {
        self.standing = Standing::Closed(how);
        self.held_by = None;
        self.ends.push(revision);
        if let Some(episode) = self.episodes.last_mut() {
            episode.ended = Some((at, how));
        }
    }

    /// A person did something about it.
    fn act(&mut self, at: Timestamp) {
        if let Some(episode) = self.episodes.last_mut() {
            episode.first_act.get_or_insert(at);
        }
    }

    /// What is wrong with what.
    pub(super) fn trouble(&self) -> String {
        let alert = self.alerts.and_then(|a| a.names().first().copied().map(visible));
        match (self.symptom, alert, self.wish) {
            (Some(found), _, _) => format!("{} in {}", found.reason, self.name),
            (None, Some(alert), _) => format!("alert {alert} on {}", self.name),
            (None, None, Some(wish)) => words::asked(wish),
            (None, None, None) => self.name.clone(),
        }
    }

    /// What other scopes show of it and what Alertmanager says beside what nightshift sees, a clause each.
    pub(super) fn told(&self) -> String {
        let below = self.below.filter(|below| !below.is_empty());
        let below = below.map_or_else(String::new, |below| format!(" [{}]", words::below(below, 3)));
        let alerts = self.alerts.map_or_else(String::new, |a| format!(" [alerts: {}]", words::alerts(a)));
        below + &alerts
    }

    /// Whether it is open.
    pub(super) fn open(&self) -> bool {
        !matches!(self.standing, Standing::Closed(_))
    }

    /// Writes that took effect; a grant alone is none.
    pub(super) fn writes(&self) -> impl Iterator<Item = (Timestamp, &Written<'a>)> {
        self.deeds.iter().filter_map(|d| d.at.map(|at| (at, d)))
    }
}

impl<'a> Written<'a> {
    fn granted(proposal: &'a Proposal, grant: &'a Grant) -> Self {
        Self { at: None, proposal, grant, recovered: false, before: None, after: None, outcome: None }
    }
}

impl Episode {
    fn new(from_revision: u64, began: Timestamp, why: Began) -> Self {
        Self { from_revision, began, why, starts: None, first_act: None, verified: None, ended: None }
    }

    /// When the fault began: by the objects' own times, else when it was seen.
    pub(super) fn started(&self) -> Timestamp {
        self.starts.unwrap_or(self.began)
    }
}
