//! The digest of any window, read from a history that nobody else needs to have open.

use super::{Filter, HistoryStore as _, SqliteStore, StoreError, verify};
use nightshift_engine::digest::{Acting, Audit, Digest, Window};
use nightshift_model::{Incident, Registry, Seconds, Stream, Timestamp};

/// Days that are compared.
const BACK: Seconds = Seconds(7 * 86_400);

/// What a digest is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// The zone of times and nights.
    pub zone: jiff::tz::TimeZone,
    /// `cluster.name`.
    pub cluster: String,
    /// Whether nightshift may act.
    pub mode: Acting,
}

/// The digest.
///
/// # Errors
/// Those of the store.
pub async fn digest(store: &SqliteStore, asked: Asked, registry: &Registry) -> Result<Digest, StoreError> {
    let Asked { from, to, zone, cluster, mode } = asked;
    let known_from = from - BACK;
    let incidents = store.snapshots(&Filter::newest(u32::MAX)).await?;
    let (moved, quiet): (Vec<Incident>, Vec<Incident>) =
        incidents.into_iter().partition(|incident| incident.changed_at >= known_from);
    let mut rows = Vec::new();
    for incident in moved.iter().filter(|incident| incident.opened_at < to) {
        rows.extend(store.stream_events(&Stream::Incident(incident.id.clone())).await?);
    }
    rows.extend(store.system_events(&[]).await?);
    let open: Vec<Incident> = quiet
        .into_iter()
        .filter(|incident| !matches!(incident.phase, nightshift_model::Phase::Closed { .. }))
        .collect();
    let window = Window { from, to, zone, cluster, mode, known_from };
    Ok(nightshift_engine::digest(&rows, &open, &window, registry, audit(store).await))
}

async fn audit(store: &SqliteStore) -> Audit {
    match verify(store, 0).await {
        Err(error) => Audit::NotChecked { why: error.to_string() },
        Ok(report) => match (report.problems.first(), report.tip) {
            (Some(problem), _) => Audit::Broken { what: format!("row {}: {}", problem.seq, problem.what) },
            (None, Some(tip)) => Audit::ChainOnly { rows: report.rows, tip: tip.hash },
            (None, None) => Audit::NotChecked { why: "the history is empty".to_owned() },
        },
    }
}
