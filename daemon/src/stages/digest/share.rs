//! The part of a night that somebody with some namespaces may hear of.

use super::Sees;
use nightshift_model::history::{InventoryEntry, Row};
use nightshift_model::{Gap, HistoryEvent, Incident, IncidentEvent, Selector, Stream, SystemEvent};
use std::collections::BTreeSet;

/// Drops every row and every incident that is about something else.
pub(super) fn keep(rows: &mut Vec<Row>, open: &mut Vec<Incident>, sees: Sees<'_>) {
    open.retain(|i| sees(&i.scope.namespace));
    let opened = rows.iter().filter_map(|row| match (&row.stream, &row.event) {
        (Stream::Incident(id), HistoryEvent::Incident(IncidentEvent::Opened { scope, .. })) => {
            sees(&scope.namespace).then(|| id.to_string())
        }
        (Stream::Incident(_) | Stream::System, _) => None,
    });
    let mine: BTreeSet<String> = opened.collect();
    rows.retain_mut(|row| match (&row.stream, &mut row.event) {
        (Stream::Incident(id), _) => mine.contains(id.as_str()),
        (Stream::System, HistoryEvent::System(event)) => part(event, &mine, sees),
        (Stream::System, HistoryEvent::Incident(_)) => false,
    });
}

/// Cuts a system event down to what may be heard; `false` when that is nothing.
fn part(event: &mut SystemEvent, mine: &BTreeSet<String>, sees: Sees<'_>) -> bool {
    use SystemEvent as E;
    match event {
        // Messages are named by the incident and its revision.
        E::Delivered { message, .. } | E::Undelivered { message, .. } => {
            message.rsplit_once(':').is_some_and(|(incident, _)| mine.contains(incident))
        }
        E::Inventory { entries } | E::InventoryCleared { entries } => {
            entries.retain(|entry: &InventoryEntry| sees(&entry.scope.namespace));
            true
        }
        E::Quarantined { entries } => {
            entries.retain(|entry| sees(&entry.workload.namespace));
            true
        }
        E::ExecutorClosed { places, .. } => {
            places.retain(|place| place.namespace.is_empty() || sees(&place.namespace));
            true
        }
        E::IgnoreChanged { entries } => {
            entries.retain(|entry| match &entry.of {
                Selector::Namespace(namespace)
                | Selector::Workload { namespace, .. }
                | Selector::Object { namespace, .. } => sees(namespace),
                Selector::Reason(_) => true,
            });
            true
        }
        // A watch of one namespace says so; a watch of all of them is everybody's.
        E::CoverageChanged { gaps } => {
            gaps.retain(|gap: &Gap| {
                gap.what.rsplit_once(" in ").is_none_or(|(_, namespace)| sees(namespace))
            });
            true
        }
        E::Routed { incident, .. } => mine.contains(incident.as_str()),
        E::Started { .. }
        | E::Stopped { .. }
        | E::PolicyChanged { .. }
        | E::KillSwitchSet { .. }
        | E::KillSwitchClearing { .. }
        | E::KillSwitchCleared
        | E::CheckpointKey { .. }
        | E::AuditClosed { .. }
        | E::AuditAdopted { .. }
        | E::ExecutorOpened { .. }
        | E::AlertmanagerChanged { .. }
        | E::SilenceEnded { .. } => true,
        // One kind of fault is silenced for everybody.
        E::SilenceAdded { silence } => match &silence.of {
            Selector::Namespace(namespace)
            | Selector::Workload { namespace, .. }
            | Selector::Object { namespace, .. } => sees(namespace),
            Selector::Reason(_) => true,
        },
        // That the policy changed is everybody's; what persons of other teams may do is not.
        E::PolicyNoted { .. }
        | E::SilenceUnread { .. }
        | E::HealthySeen { .. }
        | E::Invited { .. }
        | E::SessionOpened { .. }
        | E::SessionEnded { .. }
        | E::PageViewed { .. }
        | E::VoteRefused { .. }
        | E::AnonymousRefused { .. }
        | E::CountersignRefused { .. }
        | E::Listed { .. }
        | E::ThreadChanged { .. }
        | E::DigestSent { .. }
        | E::AuditRead { .. }
        | E::Quiet { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::{Actor, Fingerprint, IncidentId, Kind, ObjectRef, Revision, Role, Timestamp};

    fn row(stream: Stream, seq: u64, event: HistoryEvent) -> Row {
        let at = Timestamp::from_second(1_800_000_000);
        let actor = Actor::Nightshift(Role::Responder);
        Row { seq, stream, revision: Revision(seq), epoch: None, actor, at, event }
    }

    #[test]
    fn nothing_of_a_foreign_namespace_is_left() {
        let scope = |namespace| ObjectRef::new(Kind::Deployment, namespace, "cart", "u");
        let opened = |id: &str, namespace| {
            let event = IncidentEvent::Opened { scope: scope(namespace), cause: Fingerprint::from("f") };
            row(Stream::Incident(IncidentId::from(id)), 1, HistoryEvent::Incident(event))
        };
        let told =
            |message: &str| SystemEvent::Delivered { message: message.to_owned(), channel: "a".to_owned() };
        let entry = |namespace| InventoryEntry {
            scope: scope(namespace),
            reason: nightshift_model::Reason::CrashLoopBackOff,
            template_hash: String::new(),
            container: String::new(),
        };
        let gap = |what: &str| Gap { what: what.to_owned(), why: "403".to_owned() };
        let gaps = vec![gap("watch pods in shop"), gap("watch pods in bank"), gap("watch nodes")];
        let silenced = |namespace: &str| {
            let (of, from) =
                (Selector::Namespace(namespace.to_owned()), Timestamp::from_second(1_800_000_000));
            let until = from + nightshift_model::Seconds(60);
            let by = Actor::Operator;
            let silence = nightshift_model::Silence::new(of, from, until, "x", by).unwrap();
            SystemEvent::SilenceAdded { silence }
        };
        let system = [
            silenced("shop"),
            silenced("bank"),
            told("inc-a:3"),
            told("inc-b:3"),
            SystemEvent::Inventory { entries: vec![entry("shop"), entry("bank")] },
            SystemEvent::CoverageChanged { gaps },
            SystemEvent::Quiet {
                seen: nightshift_model::history::QuietNight { rollouts: 7, self_healed: 1, ignored: 0 },
            },
        ];
        let mut rows = vec![opened("inc-a", "shop"), opened("inc-b", "bank")];
        rows.extend(system.into_iter().map(|event| row(Stream::System, 2, HistoryEvent::System(event))));
        keep(&mut rows, &mut Vec::new(), &|namespace| namespace == "shop");
        let left = format!("{rows:?}");
        assert!(
            left.contains("inc-a") && left.contains("watch nodes") && left.contains("watch pods in shop")
        );
        assert!(!left.contains("inc-b") && !left.contains("bank") && !left.contains("rollouts"), "{left}");
        assert_eq!(rows.len(), 5, "{left}");
    }
}
