//! The inbox: what needs one person now, then what needs anybody, then what goes on without.

use super::cursor;
use super::{QueryError, Reader, Reads};
use crate::store::inbox::Inbox;
use crate::store::list::Listing;
use nightshift_engine::rules::{Mode, Rules};
use nightshift_engine::tally::{Ballot, admit};
use nightshift_model::operation::OperationState;
use nightshift_model::registry::{Person, PersonKind, Power};
use nightshift_model::vote::Strength;
use nightshift_model::{Incident, Operation, Phase, Timestamp, VoteDecision};
use std::sync::Arc;

/// Open incidents on a page.
const PAGE: u32 = 50;
/// Those that are over, on the first page.
const OVER: u32 = 10;

/// Why an incident stands where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A proposal waits for this person's vote.
    Vote,
    /// A person is needed, and nobody has it.
    Nobody,
    /// Somebody has it.
    Somebody,
    /// It goes on by itself, or waits for somebody else's vote.
    UnderWay,
}

/// One page.
#[derive(Clone, Debug)]
pub struct InboxPage {
    /// What is open, in the order of need.
    pub open: Vec<(Need, Incident)>,
    /// What is over, newest first; on the first page only.
    pub over: Vec<Incident>,
    /// The place where the next page begins.
    pub next: Option<String>,
}

impl Need {
    /// What an open incident needs, as far as one person is concerned.
    pub fn of(incident: &Incident, person: &Person, rules: &Rules, now: Timestamp) -> Self {
        let held = incident.held_by.is_some();
        let wanted = match &incident.phase {
            Phase::Proposed { proposal, votes } => {
                // Whoever may deny is asked, also where approving is held back.
                let ballot = Ballot {
                    person,
                    decision: VoteDecision::Deny,
                    digest: proposal.digest(),
                    strength: Strength::Signed,
                    interactive: true,
                };
                match admit(proposal, votes, &ballot, rules, now) {
                    Ok(_) => return Self::Vote,
                    Err(_) => false,
                }
            }
            Phase::Escalated { .. }
            | Phase::Executing {
                operation: Operation { state: OperationState::Unknown { .. }, .. }, ..
            } => true,
            Phase::Drafted { .. } => rules.mode == Mode::Observe,
            Phase::Granted { .. } | Phase::Executing { .. } | Phase::Verifying { .. } => {
                return Self::UnderWay;
            }
            Phase::Investigating { .. } | Phase::Closed { .. } => false,
        };
        match (held, wanted) {
            (true, _) => Self::Somebody,
            (false, true) => Self::Nobody,
            (false, false) => Self::UnderWay,
        }
    }
}

impl Reads {
    /// One page of a person's inbox.
    ///
    /// # Errors
    /// [`QueryError`]: the place is none of this list, or the store does not answer.
    pub async fn inbox(
        &self,
        person: &Person,
        rules: &Rules,
        after: Option<&str>,
    ) -> Result<InboxPage, QueryError> {
        let registry = &rules.registry;
        let reader = Reader::with(Arc::clone(registry), person.roles.clone());
        let after = after.map(cursor::after_place).transpose()?;
        let first = after.is_none();
        let namespaces = self.store.open_namespaces().await?;
        let only = |may: &dyn Fn(&str) -> bool| -> Vec<String> {
            namespaces.iter().filter(|name| may(name)).cloned().collect()
        };
        let votes_in =
            |name: &str| person.kind == PersonKind::Person && registry.may(person, Power::Approve, name);
        let which = Inbox {
            sees: (!reader.sees_all()).then(|| only(&|name| reader.sees(name))),
            votes: Some(only(&votes_in)),
            person: &person.name,
            observe: rules.mode == Mode::Observe,
            after,
            limit: PAGE + 1,
        };
        let mut found = self.store.inbox(&which).await?;
        let next = super::listing::cut(&mut found, PAGE).map(|(place, _)| cursor::place(place));
        let now = self.clock.now();
        let mut open: Vec<(Need, Incident)> =
            found.into_iter().map(|(_, i)| (Need::of(&i, person, rules, now), i)).collect();
        open.sort_by_key(|(need, _)| *need);
        let over = if first { self.over(&reader).await? } else { Vec::new() };
        Ok(InboxPage { open, over, next })
    }

    async fn over(&self, reader: &Reader) -> Result<Vec<Incident>, QueryError> {
        let which = Listing {
            namespaces: self.visible(reader, None).await?,
            open: Some(false),
            limit: OVER,
            ..Listing::default()
        };
        Ok(self.store.list_incidents(&which, None).await?)
    }
}
