//! What the history adds up to: folds of the system stream and of the incidents for limits and the kill switch.

use crate::closed::Closings;
use crate::inventory::Inventory;
use crate::rules::{Denial, Execution, KillSwitch, Standing};
use crate::vote_object::Looks;
use nightshift_model::history::{Quarantine, Row};
use nightshift_model::{
    Actor, Digest, Foreign, HistoryEvent, Ignored, Incident, IncidentEvent, ObjectRef, Phase, Seconds,
    Silence, SilenceId, Source, Stream, SystemEvent, Timestamp, Withdrawal,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fold of the system stream.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// What was broken before first sight.
    pub inventory: Inventory,
    /// The policy digest recorded last.
    pub policy: Option<Digest>,
    /// The kill switch as persons set it.
    pub kill_switch: KillSwitch,
    /// Who has asked to clear it so far.
    pub clearing: Vec<Actor>,
    /// When it was cleared last, or a person took a doubtful history as it is.
    pub cleared_at: Option<Timestamp>,
    /// What the executor does not write.
    pub quarantine: Vec<Quarantine>,
    /// Silences that were not ended, in the order in which they were added.
    pub silences: Vec<Silence>,
    /// Silences of an annotation that somebody ended before their time.
    pub lifted: Vec<Silence>,
    /// Annotations that ask for a silence and are none, by object, with the reason.
    pub unread: BTreeMap<ObjectRef, String>,
    /// What Alertmanager silences, as it said last.
    pub foreign: Vec<Foreign>,
    /// Why that is not known, or not all of it.
    pub alertmanager: Option<String>,
    /// What the configuration of the last start ignores.
    pub ignored: Vec<Ignored>,
    /// Why the executor is closed, if it said so.
    pub closed: Option<String>,
    /// What else closes it, and where, as it said last.
    pub closings: Closings,
}

impl System {
    /// Folds one event.
    #[expect(clippy::wildcard_enum_match_arm)] // a fold of a few kinds out of a growing list
    pub fn fold(&mut self, at: Timestamp, event: &SystemEvent) {
        self.inventory.fold(event);
        match event {
            SystemEvent::PolicyChanged { after, .. } => self.policy = Some(*after),
            SystemEvent::Quarantined { entries } => self.quarantine.clone_from(entries),
            SystemEvent::KillSwitchSet { by, reason } => {
                self.kill_switch = KillSwitch::Set { reason: format!("{reason} ({by})") };
                self.clearing.clear();
            }
            SystemEvent::KillSwitchClearing { by } if !self.clearing.contains(by) => {
                self.clearing.push(by.clone());
            }
            SystemEvent::KillSwitchCleared => {
                self.kill_switch = KillSwitch::Clear;
                self.clearing.clear();
                self.cleared_at = Some(at);
            }
            SystemEvent::SilenceAdded { silence } => {
                self.silences.retain(|known| known.id != silence.id && known.until > at);
                self.silences.push(silence.clone());
            }
            SystemEvent::SilenceEnded { silence, by } => self.end(silence, by, at),
            SystemEvent::SilenceUnread { object, why: Some(why) } => {
                self.unread.insert(object.clone(), why.clone());
            }
            SystemEvent::SilenceUnread { object, why: None } => {
                self.unread.remove(object);
            }
            SystemEvent::AlertmanagerChanged { silences, gap } => {
                self.foreign.clone_from(silences);
                self.alertmanager.clone_from(gap);
            }
            SystemEvent::IgnoreChanged { entries } => self.ignored.clone_from(entries),
            SystemEvent::AuditClosed { why } => self.closed = Some(why.clone()),
            SystemEvent::ExecutorClosed { .. } | SystemEvent::ExecutorOpened { .. } => {
                self.closings.fold(event);
            }
            SystemEvent::AuditAdopted { .. } => {
                self.closed = None;
                self.cleared_at = Some(at);
            }
            _ => {}
        }
    }

    /// An annotation still stands when its silence was ended by somebody else.
    fn end(&mut self, id: &SilenceId, by: &Actor, at: Timestamp) {
        self.lifted.retain(|known| known.until > at);
        if let Some(place) = self.silences.iter().position(|known| known.id == *id) {
            let silence = self.silences.remove(place);
            if silence.source == Source::Annotation && !matches!(by, Actor::Nightshift(_)) {
                self.lifted.push(silence);
            }
        }
    }

    /// The kill switch as it counts: a closed executor is one that is set.
    pub fn held(&self) -> KillSwitch {
        let doubted = self.closed.as_ref().map(|why| format!("the executor is closed: {why}"));
        match doubted.or_else(|| self.closings.everywhere()) {
            Some(reason) => KillSwitch::Set { reason },
            None => self.kill_switch.clone(),
        }
    }

    /// The fold of a whole stream.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut system = Self::default();
        for row in rows {
            if let HistoryEvent::System(event) = &row.event {
                system.fold(row.at, event);
            }
        }
        system
    }
}

/// Executions and denials (not the counters of passkeys, which reach further back) among rows of incidents, newest window first. `incidents` are their current folds.
#[expect(clippy::wildcard_enum_match_arm)] // two kinds out of a growing list
pub fn standing(
    system: &System,
    rows: &[Row],
    incidents: &[Incident],
    nodes_not_ready: u32,
    now: Timestamp,
) -> Standing {
    let by_id: BTreeMap<&str, &Incident> = incidents.iter().map(|i| (i.id.as_str(), i)).collect();
    let mut executions: BTreeMap<(String, Timestamp), Execution> = BTreeMap::new();
    let mut denials = Vec::new();
    for row in rows {
        let (Stream::Incident(id), HistoryEvent::Incident(event)) = (&row.stream, &row.event) else {
            continue;
        };
        let Some(incident) = by_id.get(id.as_str()) else { continue };
        match event {
            IncidentEvent::Claimed { mark } if now.since(row.at) < Seconds(86_400) => {
                let running = matches!(incident.phase, Phase::Executing { .. } | Phase::Verifying { .. })
                    && incident.phase.proposal().is_some_and(|p| p.plan().op == mark.op);
                let execution =
                    Execution { incident: id.clone(), workload: incident.scope.clone(), at: row.at, running };
                executions.entry((mark.op.to_string(), Timestamp::EPOCH)).or_insert(execution);
            }
            IncidentEvent::Withdrawn { why: Withdrawal::Denied { .. } } => {
                let past = incident
                    .proposals
                    .iter()
                    .rfind(|p| matches!(p.withdrawn, Some(Withdrawal::Denied { .. })));
                if let Some(past) = past {
                    denials.push(Denial {
                        uid: incident.scope.uid.clone(),
                        action: past.action,
                        cause: incident.cause.clone(),
                        at: row.at,
                    });
                }
            }
            _ => {}
        }
    }
    Standing {
        kill_switch: system.held(),
        closings: system.closings.clone(),
        cleared_at: system.cleared_at,
        executions: executions.into_values().collect(),
        denials,
        quarantine: system.quarantine.clone(),
        counters: Arc::default(),
        looks: Looks::default(),
        silences: system.silences.iter().filter(|silence| silence.until > now).cloned().collect(),
        foreign: system.foreign.iter().filter(|silence| silence.until > now).cloned().collect(),
        unread: system.unread.clone(),
        nodes_not_ready,
    }
}
