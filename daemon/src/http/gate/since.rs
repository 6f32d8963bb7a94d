//! *What changed since*: a strip on a proposal that waits. It never blocks the page and decides nothing.

use super::page::Desk;
use super::render::{ago, span};
use super::{Gate, LiveOf};
use crate::stages::query::Story;
use nightshift_engine::since::{Look, Since, since};
use nightshift_model::{Seconds, VoteDecision};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A look at the cluster that takes longer was not had.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// Looks at a time; a page that finds no room says so.
const LOOKS: usize = 4;
/// Votes that are told.
const VOTES: usize = 5;

/// Why the cluster was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLook {
    /// This process reads no cluster.
    NoReader,
    /// Others are looking.
    Busy,
    /// No answer in time.
    Late,
}

impl NoLook {
    fn sentence(self) -> String {
        match self {
            Self::NoReader => "The cluster is not read by this process.".to_owned(),
            Self::Busy => "The cluster was not looked at: too many pages ask. Reload this page.".to_owned(),
            Self::Late => {
                format!("The cluster did not answer within {} s. Reload this page.", LOOK_WITHIN.as_secs())
            }
        }
    }
}

/// The strip.
pub(super) struct SinceView {
    pub(super) lines: Vec<String>,
    pub(super) unread: Vec<String>,
}

/// At most so many looks at a time, each bounded.
pub(super) struct Looks {
    room: Semaphore,
    live: Option<LiveOf>,
}

impl Looks {
    pub(super) fn new(live: Option<LiveOf>) -> Self {
        Self { room: Semaphore::new(LOOKS), live }
    }

    async fn at(&self, story: &Story) -> Result<Look, NoLook> {
        let live = self.live.as_ref().ok_or(NoLook::NoReader)?;
        let _room = self.room.try_acquire().map_err(|_| NoLook::Busy)?;
        let plan = Box::new(story.proposal.plan().clone());
        tokio::time::timeout(LOOK_WITHIN, live(plan)).await.map_err(|_| NoLook::Late)
    }
}

impl Gate {
    /// A look for a proposal that waits; none for one that is decided or over.
    pub(super) async fn look(&self, story: &Story) -> Option<Result<Look, NoLook>> {
        if story.is_open(self.clock.now()) { Some(self.looks.at(story).await) } else { None }
    }
}

/// What the history and a look say; `None` where there is nothing to decide.
pub(super) fn view(story: &Story, desk: &Desk<'_>) -> Option<SinceView> {
    let look = desk.look.as_ref()?;
    let (plan, now) = (story.proposal.plan(), desk.now);
    let reason = story.sealed_on.symptom.as_ref().map(|finding| finding.reason);
    let within = desk.rules.registry.policy.symptom_within;
    let Since { mut changed, unread } = match (look, reason) {
        (Ok(look), Some(reason)) => since(plan, reason, look, within),
        (Ok(_), None) => Since::default(),
        (Err(why), _) => Since { changed: Vec::new(), unread: vec![why.sentence()] },
    };
    if !unread.is_empty() && story.incident.findings.is_empty() {
        changed.push("The symptom is gone, as far as the watch sees.".to_owned());
    }
    if desk.rules.policy != plan.policy {
        changed.push("Persons, roles, policy, playbooks or mode changed: votes on this are void.".to_owned());
    }
    let votes = story.votes.iter().rev().take(VOTES).map(|vote| {
        let what = match vote.decision {
            VoteDecision::Approve => "approved",
            VoteDecision::Deny => "denied",
            VoteDecision::Withdraw => "took the vote back",
        };
        format!("{} {what} {}.", vote.person, ago(vote.at, now))
    });
    changed.extend(votes);
    let (whole, left) = (plan.not_after.since(story.proposal.sealed_at), plan.not_after.since(now));
    if left < Seconds(whole.0 / 4) {
        changed.push(format!("Most of its time is over: it expires in {}.", span(left)));
    }
    Some(SinceView { lines: changed, unread })
}
