//! Alerts of one scope become events of its incidents: those that are there first, else a new one.

use super::{RELAPSE_WITHIN, is_open};
use nightshift_model::alert::{Alert, Alerts, SHOWN, cause};
use nightshift_model::incident::Reopening;
use nightshift_model::{
    Fingerprint, Incident, IncidentEvent, IncidentId, Kind, ObjectRef, Phase, Seconds, Timestamp,
};

/// The scope that stands for the whole cluster.
pub const CLUSTER: &str = "Cluster";
/// Incidents that alerts may open within [`OPENED_WITHIN`]; whatever comes then is one more incident for all.
pub const OPENED: usize = 20;
/// See [`OPENED`].
pub const OPENED_WITHIN: Seconds = Seconds(600);
/// An alert that began before an incident was closed belongs to it: rules wait and evaluations lag by this much.
const LAG: Seconds = Seconds(120);

/// What makes alerts one incident: all of one object, or those of one name where there is no single object.
pub fn cause_of(scope: &ObjectRef, name: &str) -> Fingerprint {
    cause(scope, if is_wide(scope) { name } else { "" })
}

/// A namespace or the cluster: no object that a person would fix.
pub fn is_wide(scope: &ObjectRef) -> bool {
    scope.kind == Kind::Namespace || matches!(&scope.kind, Kind::Other(kind) if kind == CLUSTER)
}

/// Where a firing alert belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To this incident, as it stands.
    Joins(IncidentId),
    /// To this one, which was over.
    Reopens(IncidentId),
    /// To a new one.
    Opens,
}

/// Where a new occurrence of a scope belongs. `known` are the scope's incidents.
pub fn belongs(known: &[Incident], scope: &ObjectRef, alert: &Alert, now: Timestamp) -> Belongs {
    let cause = cause_of(scope, &alert.name);
    let fits = |i: &&Incident| !is_wide(scope) || i.cause == cause;
    // What nightshift sees itself comes before what only alerts say.
    let open = known.iter().filter(fits).filter(|i| is_open(i));
    if let Some(open) = open.max_by_key(|i| (!i.findings.is_empty(), i.opened_at)) {
        return Belongs::Joins(open.id.clone());
    }
    let over = known.iter().filter(fits).filter(|i| now.since(i.changed_at) <= RELAPSE_WITHIN);
    match over.max_by_key(|i| i.changed_at) {
        Some(over) if alert.since <= over.changed_at + LAG => Belongs::Joins(over.id.clone()),
        Some(over) if over.cause == cause && over.symptom.is_none() => Belongs::Reopens(over.id.clone()),
        Some(_) | None => Belongs::Opens,
    }
}

/// The events by which alerts open an incident.
pub fn opens(scope: &ObjectRef, name: &str, alerts: Alerts) -> Vec<IncidentEvent> {
    let opened = IncidentEvent::Opened { scope: scope.clone(), cause: cause_of(scope, name) };
    vec![opened, IncidentEvent::AlertsChanged { alerts }]
}

/// The events by which an incident hears of its alerts as they stand now; empty when it knows.
pub fn hears(incident: &Incident, alerts: Alerts, again: bool) -> Vec<IncidentEvent> {
    let mut events = Vec::new();
    let over = matches!(incident.phase, Phase::Closed { .. });
    if again && over {
        events.push(IncidentEvent::Reopened { why: Reopening::Relapse });
    }
    if incident.alerts != alerts {
        events.push(IncidentEvent::AlertsChanged { alerts });
    }
    events
}

/// The alerts of an incident as they are shown: those that fire first, the oldest of them first.
pub fn standing(mut alerts: Vec<Alert>, firing: u32, total: u32) -> Alerts {
    alerts.sort_by(|a, b| {
        let key = |a: &Alert| (!a.fires(), a.since, a.name.clone(), a.fingerprint.clone(), a.started);
        key(a).cmp(&key(b))
    });
    alerts.truncate(SHOWN);
    Alerts { shown: alerts, firing, total }
}

#[cfg(test)]
mod tests;
