//! The system stream: what was told to whom, what was quiet, what could not be watched.

use crate::digest::Window;
use nightshift_model::history::{InventoryEntry, Quarantine};
use nightshift_model::{
    ClosedBy, ClosedPlace, Gap, Ignored, PolicyFacts, Role, Silence, SilenceId, SystemEvent, Timestamp, Turn,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the system stream adds up to at the window's end.
#[derive(Debug, Default)]
pub(super) struct Night<'a> {
    /// By incident and revision: when the message went out first, over whatever channel.
    pub(super) told: BTreeMap<&'a str, BTreeMap<u64, Timestamp>>,
    pub(super) undelivered: Vec<GivenUp<'a>>,
    /// Messages that the hour's budget put into lists, and the lists that went out.
    pub(super) listed: u32,
    pub(super) lists: u32,
    pub(super) rollouts: u32,
    pub(super) self_healed: u32,
    /// What opened nothing because it is ignored.
    pub(super) ignored: u32,
    /// Why it is not known what Alertmanager silences.
    pub(super) alertmanager: Option<&'a str>,
    /// What is ignored.
    pub(super) ignore: &'a [Ignored],
    pub(super) starts: u32,
    pub(super) gaps: &'a [Gap],
    pub(super) quarantine: &'a [Quarantine],
    pub(super) standing: BTreeSet<&'a InventoryEntry>,
    pub(super) cleared: u32,
    /// Silences that were not ended.
    pub(super) silences: BTreeMap<&'a SilenceId, &'a Silence>,
    /// Since when the kill switch is set, and why.
    pub(super) stopped: Option<(Timestamp, &'a str)>,
    /// Since when the executor is closed, and why.
    pub(super) closed: Option<(Timestamp, &'a str)>,
    /// Since when it is closed by what was looked at, and where.
    pub(super) closings: BTreeMap<ClosedBy, (Timestamp, &'a [ClosedPlace])>,
    /// How often persons, policy or playbooks changed, and when last.
    pub(super) policy: Option<(u32, Timestamp)>,
    /// What they said when the window began, and what they say at its end, where it is known.
    pub(super) policy_facts: (Option<&'a PolicyFacts>, Option<&'a PolicyFacts>),
}

#[derive(Debug)]
pub(super) struct GivenUp<'a> {
    pub(super) at: Timestamp,
    pub(super) message: &'a str,
    pub(super) channel: &'a str,
    pub(super) why: &'a str,
}

impl<'a> Night<'a> {
    /// The next event of the stream, in its order and before the window's end.
    pub(super) fn hear(&mut self, at: Timestamp, event: &'a SystemEvent, window: &Window) {
        use SystemEvent as E;
        let within = window.holds(at);
        match event {
            E::Delivered { message, .. } => {
                if let Some((incident, revision)) = message.rsplit_once(':')
                    && let Ok(revision) = revision.parse()
                {
                    self.told.entry(incident).or_default().entry(revision).or_insert(at);
                }
            }
            E::Undelivered { message, channel, why } if within => {
                self.undelivered.push(GivenUp { at, message, channel, why });
            }
            E::Routed { to, .. } if within => {
                let listed = to.iter().filter(|told| told.turn == Turn::Listed).count();
                self.listed = self.listed.saturating_add(u32::try_from(listed).unwrap_or(u32::MAX));
            }
            E::Listed { .. } if within => self.lists += 1,
            E::Quiet { seen } if within => {
                self.rollouts = self.rollouts.saturating_add(seen.rollouts);
                self.self_healed = self.self_healed.saturating_add(seen.self_healed);
                self.ignored = self.ignored.saturating_add(seen.ignored);
            }
            // Both roles start with a process; who tells the night counts itself.
            E::Started { role: Role::Responder, .. } if within => self.starts += 1,
            E::CoverageChanged { gaps } => self.gaps = gaps,
            E::Quarantined { entries } => self.quarantine = entries,
            E::Inventory { entries } => self.standing.extend(entries),
            E::InventoryCleared { entries } => {
                for entry in entries {
                    if self.standing.remove(entry) && within {
                        self.cleared += 1;
                    }
                }
            }
            E::SilenceAdded { silence } => {
                self.silences.insert(&silence.id, silence);
            }
            E::SilenceEnded { silence, .. } => {
                self.silences.remove(silence);
            }
            E::AlertmanagerChanged { gap, .. } => self.alertmanager = gap.as_deref(),
            E::IgnoreChanged { entries } => self.ignore = entries,
            E::PolicyChanged { before: Some(_), .. } if within => {
                self.policy = Some((self.policy.map_or(0, |(times, _)| times) + 1, at));
            }
            E::PolicyNoted { facts, .. } => {
                let (first, last) = &mut self.policy_facts;
                // What the first start of all noted is no change.
                if !within || first.is_none() && self.policy.is_none() {
                    *first = Some(facts);
                }
                *last = Some(facts);
            }
            E::KillSwitchSet { reason, .. } => self.stopped = Some((at, reason)),
            E::KillSwitchCleared => self.stopped = None,
            E::AuditClosed { why } => self.closed = Some((at, why)),
            E::AuditAdopted { .. } => self.closed = None,
            // A part of the night that somebody may not hear of is cut out of it.
            E::ExecutorClosed { by, places } if places.is_empty() => {
                self.closings.remove(by);
            }
            E::ExecutorClosed { by, places } => {
                let since = self.closings.get(by).map_or(at, |(since, _)| *since);
                self.closings.insert(*by, (since, places));
            }
            E::ExecutorOpened { by, .. } => {
                self.closings.remove(by);
            }
            E::Undelivered { .. }
            | E::Routed { .. }
            | E::Listed { .. }
            | E::ThreadChanged { .. }
            | E::Quiet { .. }
            | E::Started { .. }
            | E::Stopped { .. }
            | E::PolicyChanged { .. }
            | E::KillSwitchClearing { .. }
            | E::HealthySeen { .. }
            | E::Invited { .. }
            | E::SessionOpened { .. }
            | E::SessionEnded { .. }
            | E::PageViewed { .. }
            | E::VoteRefused { .. }
            | E::AnonymousRefused { .. }
            | E::CountersignRefused { .. }
            | E::DigestSent { .. }
            | E::AuditRead { .. }
            | E::SilenceUnread { .. }
            | E::CheckpointKey { .. } => {}
        }
    }
}
