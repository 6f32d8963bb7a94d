//! One incident or proposal, for a reader who may see it. What is not there and what is not for the reader are one
//! answer: `None`.

use super::listing::{incident_line, proposal_line};
use super::{Course, End, Reader, Reads, Story};
use crate::api::diagnosis::CauseLine;
use crate::api::incident::{HistoryLine, IncidentDetail};
use crate::api::proposal::{ProposalDetail, ProposalEnd, VoteList};
use crate::store::StoreError;
use nightshift_model::history::Row;
use nightshift_model::{IncidentId, Proposal, ProposalId, Revision, Stream};

impl Reads {
    /// One incident with its timeline and its evidence.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn incident_detail(
        &self,
        by: &Reader,
        id: &IncidentId,
    ) -> Result<Option<IncidentDetail>, StoreError> {
        let course = self.incident(id).await?;
        Ok(course.filter(|c| by.sees(&c.incident.scope.namespace)).map(IncidentDetail::from))
    }

    /// One proposal from its sealing to its end.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn story(&self, by: &Reader, id: &ProposalId) -> Result<Option<Story>, StoreError> {
        let story = self.proposal(id).await?;
        Ok(story.filter(|s| by.sees(&s.incident.scope.namespace)))
    }
}

impl From<Course> for IncidentDetail {
    fn from(course: Course) -> Self {
        let line = |row: Row| HistoryLine {
            seq: row.seq,
            revision: row.revision.0,
            at: row.at,
            actor: row.actor,
            event: row.event,
        };
        Self {
            summary: incident_line(&course.incident),
            causes: course.incident.diagnosis.as_ref().map(CauseLine::all).unwrap_or_default(),
            incident: course.incident,
            history: course.rows.into_iter().map(line).collect(),
        }
    }
}

impl From<IncidentDetail> for Course {
    fn from(detail: IncidentDetail) -> Self {
        let stream = Stream::Incident(detail.incident.id.clone());
        let row = |line: HistoryLine| Row {
            seq: line.seq,
            stream: stream.clone(),
            revision: Revision(line.revision),
            epoch: None,
            actor: line.actor,
            at: line.at,
            event: line.event,
        };
        Self { rows: detail.history.into_iter().map(row).collect(), incident: detail.incident }
    }
}

impl Story {
    /// As it goes over HTTP; `None` when the incident does not name the proposal, which no fold leads to.
    pub fn detail(self) -> Option<ProposalDetail> {
        let past = self.incident.proposals.iter().find(|p| p.id == *self.proposal.id())?;
        Some(ProposalDetail {
            summary: proposal_line(&self.incident, past),
            sealed: self.proposal.bytes().to_owned(),
            sealed_at: self.proposal.sealed_at,
            plan: self.proposal.plan().clone(),
            sealed_on: self.sealed_on,
            incident: self.incident,
            votes: self.votes,
            grant: self.grant,
            operation: self.operation,
            applied_at: self.applied_at,
            measured: self.measured,
            end: self.end.map(ProposalEnd::from),
            ended_at: self.ended_at,
        })
    }

    /// Its votes as they go over HTTP.
    pub fn vote_list(self) -> VoteList {
        VoteList {
            proposal: self.proposal.id().clone(),
            digest: self.proposal.digest(),
            items: self.votes,
            grant: self.grant,
        }
    }

    /// Reads an answer back. The plan is read from the sealed bytes, whose digest is made anew: what the answer says
    /// beside them is not believed.
    ///
    /// # Errors
    /// When the bytes are no plan, or not the one that the answer names.
    pub fn read(detail: ProposalDetail) -> Result<Self, String> {
        let proposal = Proposal::open(detail.sealed, detail.sealed_at)?;
        if *proposal.id() != detail.summary.id || proposal.digest() != detail.summary.digest {
            return Err("the sealed bytes are not those of the proposal that was asked for".to_owned());
        }
        Ok(Self {
            proposal,
            sealed_on: detail.sealed_on,
            incident: detail.incident,
            votes: detail.votes,
            grant: detail.grant,
            operation: detail.operation,
            applied_at: detail.applied_at,
            measured: detail.measured,
            end: detail.end.map(End::from),
            ended_at: detail.ended_at,
        })
    }
}

impl From<End> for ProposalEnd {
    fn from(end: End) -> Self {
        match end {
            End::Withdrawn(why) => Self::Withdrawn(why),
            End::Judged(outcome) => Self::Judged(outcome),
            End::Escalated(why) => Self::Escalated(why),
            End::Closed(why) => Self::Closed(why),
        }
    }
}

impl From<ProposalEnd> for End {
    fn from(end: ProposalEnd) -> Self {
        match end {
            ProposalEnd::Withdrawn(why) => Self::Withdrawn(why),
            ProposalEnd::Judged(outcome) => Self::Judged(outcome),
            ProposalEnd::Escalated(why) => Self::Escalated(why),
            ProposalEnd::Closed(why) => Self::Closed(why),
        }
    }
}
