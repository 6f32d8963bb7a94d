//! One proposal from its sealing to its end, read out of its incident's stream.

use nightshift_model::apply::Place;
use nightshift_model::history::Row;
use nightshift_model::operation::OperationState;
use nightshift_model::{
    Closure, Escalation, Grant, HistoryEvent, Incident, IncidentEvent, IncidentId, Measurement, Outcome,
    Phase, Proposal, ProposalId, Timestamp, Vote, Withdrawal,
};

/// A proposal, what it rested on, and what became of it.
#[derive(Clone, Debug)]
pub struct Story {
    /// The sealed plan.
    pub proposal: Proposal,
    /// The incident as it stood when the plan was sealed: evidence, coverage, symptom.
    pub sealed_on: Incident,
    /// The incident as it stands.
    pub incident: Incident,
    /// Votes in the order in which they came.
    pub votes: Vec<Vote>,
    /// The grant, if there was one.
    pub grant: Option<Grant>,
    /// The operation's last known state, if it was claimed.
    pub operation: Option<OperationState>,
    /// When the write was known to have taken effect.
    pub applied_at: Option<Timestamp>,
    /// Baseline first, then every look since.
    pub measured: Vec<Measurement>,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How a proposal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Without being carried out.
    Withdrawn(Withdrawal),
    /// Carried out and judged.
    Judged(Outcome),
    /// A person is needed.
    Escalated(Escalation),
    /// With its incident.
    Closed(Closure),
}

/// The incident that a stream adds up to; `None` for an empty one, or one that this program cannot fold.
pub(super) fn fold(id: &IncidentId, rows: &[Row]) -> Option<Incident> {
    rows.iter().try_fold(None, |before, row| step(id, before.as_ref(), row).map(Some)).flatten()
}

fn step(id: &IncidentId, before: Option<&Incident>, row: &Row) -> Option<Incident> {
    let HistoryEvent::Incident(event) = &row.event else { return None };
    let place = Place { id: id.clone(), revision: row.revision, at: row.at };
    Incident::apply(before, &place, event).ok()
}

impl Story {
    pub(super) fn of(id: &IncidentId, rows: &[Row], proposal: &ProposalId) -> Option<Self> {
        let mut incident = None;
        let mut story: Option<Self> = None;
        for row in rows {
            let HistoryEvent::Incident(event) = &row.event else { return None };
            let before = incident.take();
            let after = step(id, before.as_ref(), row)?;
            match (&mut story, event, before) {
                (None, IncidentEvent::Sealed { proposal: sealed }, Some(before))
                    if sealed.id() == proposal =>
                {
                    story = Some(Self::new(sealed.clone(), before, after.clone()));
                }
                (Some(story), event, _) if story.end.is_none() => story.tell(event, row.at, &after.phase),
                _ => {}
            }
            incident = Some(after);
        }
        let incident = incident?;
        story.map(|story| Self { incident, ..story })
    }

    fn new(proposal: Proposal, sealed_on: Incident, incident: Incident) -> Self {
        Self {
            proposal,
            sealed_on,
            incident,
            votes: Vec::new(),
            grant: None,
            operation: None,
            applied_at: None,
            measured: Vec::new(),
            end: None,
            ended_at: None,
        }
    }

    /// One event while the proposal is in force.
    fn tell(&mut self, event: &IncidentEvent, at: Timestamp, after: &Phase) {
        use IncidentEvent as E;
        match event {
            E::Voted { vote } => self.votes.push(vote.clone()),
            E::Granted { grant } => self.grant = Some(grant.clone()),
            E::Measured { measurement } => self.measured.push(measurement.clone()),
            E::Withdrawn { why } => self.end = Some(End::Withdrawn(why.clone())),
            E::Judged { outcome } => self.end = Some(End::Judged(outcome.clone())),
            E::Escalated { why } => self.end = Some(End::Escalated(why.clone())),
            E::Closed { why } => self.end = Some(End::Closed(why.clone())),
            E::Opened { .. }
            | E::FindingsChanged { .. }
            | E::AlertsChanged { .. }
            | E::BelowChanged { .. }
            | E::Unchecked { .. }
            | E::Acknowledged { .. }
            | E::Wished { .. }
            | E::Silenced { .. }
            | E::SilenceOver
            | E::BaseRate { .. }
            | E::Flapping { .. }
            | E::Steady
            | E::EvidenceWanted { .. }
            | E::EvidenceGot { .. }
            | E::Diagnosed { .. }
            | E::Planned { .. }
            | E::Sealed { .. }
            | E::Claimed { .. }
            | E::Rechecked { .. }
            | E::Marked { .. }
            | E::Sending { .. }
            | E::Sent { .. }
            | E::Recovered { .. }
            | E::Reopened { .. } => {}
        }
        match after {
            Phase::Executing { operation, .. } => self.operation = Some(operation.state.clone()),
            Phase::Verifying { applied, .. } => {
                self.applied_at = Some(applied.at);
                self.operation = Some(OperationState::Applied(applied.clone()));
            }
            Phase::Investigating { .. }
            | Phase::Drafted { .. }
            | Phase::Proposed { .. }
            | Phase::Granted { .. }
            | Phase::Escalated { .. }
            | Phase::Closed { .. } => {}
        }
        if self.end.is_some() {
            self.ended_at = Some(at);
        }
    }

    /// Whether people can still decide, at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let waits = matches!(&self.incident.phase, Phase::Proposed { proposal, .. } if proposal.id() == self.proposal.id());
        waits && now < self.proposal.plan().not_after
    }
}
