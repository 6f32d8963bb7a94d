//! Pages of incidents and proposals, of what a reader may see.

use super::cursor::{self, NoPlace};
use super::{Reader, Reads};
use crate::api::incident::{IncidentLine, IncidentPage, IncidentQuery, PhaseWord, SeverityWord};
use crate::api::proposal::{ProposalLine, ProposalPage, ProposalQuery};
use crate::store::list::{Listed, Listing};
use crate::store::{Cursor, StoreError};
use nightshift_model::incident::PastProposal;
use nightshift_model::{Incident, Phase, Withdrawal};

/// Lines of a page that asks for no number.
pub(super) const USUAL: u32 = 50;
/// Lines of a page at most.
pub const MOST: u32 = 200;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A parameter means nothing.
    #[error("{0}")]
    Parameter(String),
    /// The history does not answer.
    #[error("the history cannot be read")]
    Store(#[from] StoreError),
}

impl From<NoPlace> for QueryError {
    fn from(_: NoPlace) -> Self {
        Self::Parameter("`cursor` is not the `next` of a page of this list.".to_owned())
    }
}

/// A page's number of lines.
pub(super) fn lines(limit: Option<u32>) -> Result<u32, QueryError> {
    match limit.unwrap_or(USUAL) {
        n @ 1..=MOST => Ok(n),
        n => Err(QueryError::Parameter(format!("`limit` is {n}: it is 1 to {MOST}."))),
    }
}

/// Text of a parameter, no longer than the document says.
fn short(name: &str, text: Option<&str>, most: usize) -> Result<(), QueryError> {
    match text.map(|text| text.chars().count()) {
        Some(n) if n > most => {
            Err(QueryError::Parameter(format!("`{name}` has {n} characters: it has at most {most}.")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Characters of a namespace.
const NAMESPACE: usize = 253;
/// Characters of a cursor.
const CURSOR: usize = 256;
/// Characters of an id's beginning.
const PREFIX: usize = 64;

impl Reads {
    /// One page of incidents.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn incidents(&self, by: &Reader, query: &IncidentQuery) -> Result<IncidentPage, QueryError> {
        let limit = lines(query.limit)?;
        short("namespace", query.namespace.as_deref(), NAMESPACE)?;
        short("cursor", query.cursor.as_deref(), CURSOR)?;
        short("prefix", query.prefix.as_deref(), PREFIX)?;
        let after = query.cursor.as_deref().map(cursor::after_incident).transpose()?;
        let which = Listing {
            namespaces: self.visible(by, query.namespace.as_deref()).await?,
            phase: query.phase.map(PhaseWord::as_str),
            open: query.open,
            severity: query.severity.map(SeverityWord::as_str),
            since: query.since,
            prefix: query.prefix.clone().unwrap_or_default(),
            limit: limit + 1,
        };
        let mut found = self.store.list_incidents(&which, after.as_ref()).await?;
        let next = cut(&mut found, limit).map(|last| cursor::incident(&Cursor::of(last)));
        Ok(IncidentPage { items: found.iter().map(incident_line).collect(), next })
    }

    /// One page of proposals.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn proposals(&self, by: &Reader, query: &ProposalQuery) -> Result<ProposalPage, QueryError> {
        let limit = lines(query.limit)?;
        short("namespace", query.namespace.as_deref(), NAMESPACE)?;
        short("cursor", query.cursor.as_deref(), CURSOR)?;
        short("prefix", query.prefix.as_deref(), PREFIX)?;
        let before = query.cursor.as_deref().map(|c| cursor::at_row(c, "p")).transpose()?;
        let which = Listing {
            namespaces: self.visible(by, query.namespace.as_deref()).await?,
            open: query.open,
            since: query.since,
            prefix: query.prefix.clone().unwrap_or_default(),
            limit: limit + 1,
            ..Listing::default()
        };
        let mut found = self.store.list_proposals(&which, before).await?;
        let next = cut(&mut found, limit).map(|last| cursor::row("p", last.seq));
        Ok(ProposalPage { items: found.iter().filter_map(listed).collect(), next })
    }

    /// The namespaces that a list is about; `None` for every one.
    pub(super) async fn visible(
        &self,
        by: &Reader,
        wanted: Option<&str>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        match wanted {
            Some(one) => Ok(Some([one].into_iter().filter(|n| by.sees(n)).map(str::to_owned).collect())),
            None if by.sees_all() => Ok(None),
            None => {
                let all = self.store.namespaces().await?;
                Ok(Some(all.into_iter().filter(|n| by.sees(n)).collect()))
            }
        }
    }
}

/// Takes the one line too many away; the last of those that stay is where the next page begins.
pub(super) fn cut<T>(found: &mut Vec<T>, limit: u32) -> Option<&T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| more)
}

/// An incident's line.
pub(super) fn incident_line(i: &Incident) -> IncidentLine {
    IncidentLine {
        id: i.id.clone(),
        revision: i.revision.0,
        phase: PhaseWord::of(&i.phase),
        kind: i.scope.kind.to_string(),
        namespace: i.scope.namespace.clone(),
        name: i.scope.name.clone(),
        reason: match (&i.symptom, i.alerts.names().first()) {
            (Some(found), _) => Some(found.reason.to_string()),
            (None, alert) => alert.map(|name| format!("alert {name}")),
        },
        cause: i.first_cause().map(|first| first.cause.to_string()),
        severity: i.symptom.as_ref().map(|f| f.severity),
        opened_at: i.opened_at,
        changed_at: i.changed_at,
        proposal: i.phase.proposal().map(|p| p.id().clone()),
    }
}

fn listed(one: &Listed) -> Option<ProposalLine> {
    let past = one.incident.proposals.iter().find(|p| p.id == one.proposal)?;
    Some(proposal_line(&one.incident, past))
}

/// A proposal's line.
pub(super) fn proposal_line(i: &Incident, p: &PastProposal) -> ProposalLine {
    let open = i.phase.proposal().is_some_and(|now| *now.id() == p.id);
    let ended = if p.written_at.is_some() { "executed" } else { "never executed" };
    ProposalLine {
        id: p.id.clone(),
        digest: p.digest,
        action: p.action,
        state: if open { i.phase.word() } else { p.withdrawn.as_ref().map_or(ended, over) }.to_owned(),
        open,
        incident: i.id.clone(),
        kind: i.scope.kind.to_string(),
        namespace: i.scope.namespace.clone(),
        name: i.scope.name.clone(),
        sealed_at: p.at,
    }
}

/// How it ended.
fn over(why: &Withdrawal) -> &'static str {
    match why {
        Withdrawal::Denied { .. } => "denied",
        Withdrawal::Expired => "expired",
        Withdrawal::Superseded => "superseded",
        Withdrawal::TargetChanged { .. } => "target changed",
        Withdrawal::PolicyChanged => "policy changed",
        Withdrawal::Stopped => "kill switch",
        Withdrawal::ByPerson { .. } => "taken back",
    }
}

impl PhaseWord {
    fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Investigating { .. } => Self::Investigating,
            Phase::Drafted { .. } => Self::Drafted,
            Phase::Proposed { .. } => Self::Proposed,
            Phase::Granted { .. } => Self::Granted,
            Phase::Executing { .. } => Self::Executing,
            Phase::Verifying { .. } => Self::Verifying,
            Phase::Escalated { .. } => Self::Escalated,
            Phase::Closed { .. } => Self::Closed,
        }
    }
}
