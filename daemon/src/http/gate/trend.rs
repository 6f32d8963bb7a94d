//! What an incident's history says over time, as charts: how many pods are affected, and how often they restarted.

use super::chart::{self, Between, ChartView, Look, Mark, Series};
use crate::stages::query::Course;
use jiff::tz::TimeZone;
use nightshift_model::history::Row;
use nightshift_model::{Got, HistoryEvent, IncidentEvent, Observed, Sent, Timestamp};

/// The charts that have something to show.
pub(super) fn charts(course: &Course, zone: &TimeZone) -> Vec<ChartView> {
    let write = course.rows.iter().rev().find_map(written);
    let draw = |id, name, looks: Vec<Look>, threshold, between| {
        chart::draw(id, &Series { name, looks, threshold, write, between }, zone)
    };
    let affected = course.rows.iter().filter_map(affected).collect();
    let restarts = course.rows.iter().filter_map(restarts).collect();
    let drawn = [
        draw("affected", "Pods that are affected", affected, Some(0.0), Between::Unchanged),
        draw("restarts", "Restarts of its containers", restarts, None, Between::Unknown),
    ];
    drawn.into_iter().flatten().collect()
}

fn incident(row: &Row) -> Option<&IncidentEvent> {
    match &row.event {
        HistoryEvent::Incident(event) => Some(event),
        HistoryEvent::System(_) => None,
    }
}

fn written(row: &Row) -> Option<Timestamp> {
    let took = matches!(incident(row)?, IncidentEvent::Sent { sent: Sent::Applied { .. } });
    took.then_some(row.at)
}

/// A look of detection that changed something.
fn affected(row: &Row) -> Option<Look> {
    let IncidentEvent::FindingsChanged { findings } = incident(row)? else { return None };
    let pods: u32 = findings.iter().map(|finding| finding.affected).fold(0, u32::saturating_add);
    let mark = if pods == 0 { Mark::Holds } else { Mark::Fails };
    Some(Look { at: row.at, mark, number: Some(pods.into()) })
}

/// A look at the pods while evidence was gathered; one that was refused is a gap.
fn restarts(row: &Row) -> Option<Look> {
    let IncidentEvent::EvidenceGot { evidence } = incident(row)? else { return None };
    if !matches!(evidence.tool, nightshift_model::Tool::Pods { .. }) {
        return None;
    }
    let pods = match &evidence.got {
        Got::Facts(Observed::Pods(pods)) => pods,
        Got::Facts(_) | Got::NotChecked { .. } => {
            return Some(Look { at: evidence.at, mark: Mark::NoData, number: None });
        }
    };
    let all = pods.iter().flat_map(|pod| &pod.containers);
    let number: u32 = all.map(|container| container.restarts).fold(0, u32::saturating_add);
    let mark = if pods.iter().all(|pod| pod.ready) { Mark::Holds } else { Mark::Fails };
    Some(Look { at: evidence.at, mark, number: Some(number.into()) })
}
