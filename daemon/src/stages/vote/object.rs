//! Votes as objects of the cluster: found while their proposals are open, judged as every other vote, and noted in the
//! history. The note proves nothing: whoever counts looks at the object again.

use super::{By, Code, Posted, Votes};
use crate::store::{Filter, HistoryStore as _};
use nightshift_engine::vote_object::{Look, Looks, VoteObject, wanted};
use nightshift_engine::{StoreError, World};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{IncidentId, Proof, Proposal, Vote};
use std::collections::BTreeSet;
use tokio::sync::watch;

/// Proposals whose votes are looked at in one turn.
const TURN: usize = 50;

/// What one task knows of the objects that it saw.
pub struct Objects {
    votes: Votes,
    looks: watch::Sender<Looks>,
    /// Objects that were judged, by uid: each is judged once.
    judged: BTreeSet<String>,
}

impl Objects {
    /// Nothing was seen yet. What is seen goes to `looks`, for pages and for judging.
    pub fn new(votes: Votes, looks: watch::Sender<Looks>) -> Self {
        Self { votes, looks, judged: BTreeSet::new() }
    }

    /// Looks at the votes on every open proposal, each with a world of its own.
    ///
    /// # Errors
    /// Those of the store: what was seen is seen again.
    pub async fn turn<W: World>(&mut self, world: impl Fn() -> W) -> Result<(), StoreError> {
        let registry = self.votes.rules().await.registry;
        let filter = Filter::open();
        let open = self.votes.store.each(&filter, |incident| {
            let proposal = wanted(&incident, &registry)?.clone();
            Some((incident.id.clone(), proposal, super::votes(&incident).to_vec()))
        });
        let mut open = open.await?;
        open.truncate(TURN);
        let before = self.looks.borrow().clone();
        let mut now = Looks::default();
        for (_, proposal, _) in &open {
            now = now.with(proposal.id().clone(), world().look(proposal).await);
        }
        self.looks.send_replace(now.clone());
        let mut seen = BTreeSet::new();
        for (incident, proposal, votes) in open {
            let (was, is) = (before.of(proposal.id()), now.of(proposal.id()));
            let uids = is.objects().iter().map(|object| object.uid.clone());
            seen.extend(uids);
            self.moved(&incident, &proposal, was, is);
            for object in unheard(is, &votes, &self.judged) {
                self.judge(object).await;
            }
        }
        self.judged.retain(|uid| seen.contains(uid));
        Ok(())
    }

    /// An object that came or went may decide a proposal; whoever drives it looks for itself.
    fn moved(&self, incident: &IncidentId, proposal: &Proposal, was: &Look, is: &Look) {
        if was == is {
            return;
        }
        if let Some(why) = is.why_not() {
            tracing::warn!(proposal = %proposal.id(), why, "votes as Kubernetes objects do not count");
        }
        (self.votes.wake)(Some(incident.clone()));
    }

    async fn judge(&mut self, object: &VoteObject) {
        let registry = self.votes.rules().await.registry;
        let Some(person) = registry.in_kubernetes(&object.user) else {
            tracing::info!(proposal = %object.proposal, "a Vote is of a user that the registry does not name: it counts for nothing");
            self.judged.insert(object.uid.clone());
            return;
        };
        match self.votes.cast(&person.name, &posted(object)).await {
            Ok(()) => {
                tracing::info!(proposal = %object.proposal, person = %person.name, "a Vote was taken");
            }
            // The next turn tries again.
            Err(VoteRefusal::StoreFailed) => return,
            Err(why) => {
                tracing::info!(proposal = %object.proposal, person = %person.name, why = why.as_str(), "a Vote was not taken");
            }
        }
        self.judged.insert(object.uid.clone());
    }
}

/// Objects that neither the history nor this process knows, in the order in which they were numbered.
fn unheard<'a>(look: &'a Look, votes: &[Vote], judged: &BTreeSet<String>) -> Vec<&'a VoteObject> {
    let recorded = |uid: &str| {
        votes.iter().any(|v| matches!(&v.proof, Proof::Kubernetes { uid: known, .. } if known == uid))
    };
    let mut new: Vec<&VoteObject> =
        look.objects().iter().filter(|o| !judged.contains(&o.uid) && !recorded(&o.uid)).collect();
    new.sort_by_key(|o| (o.no, o.at));
    new
}

/// The code was typed, or not, before the object was created: `interactive` says so, and policy judges it.
fn posted(object: &VoteObject) -> Posted {
    Posted {
        proposal: object.proposal.clone(),
        digest: object.digest,
        decision: object.decision,
        reason: object.reason.clone(),
        code: Code::Right,
        by: By::Object(object.clone()),
    }
}
