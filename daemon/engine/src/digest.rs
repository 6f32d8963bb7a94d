//! The morning digest: what the history says about a night, and nothing that it does not say.

mod assemble;
mod left_out;
mod night;
mod schema;
mod sections;
mod stats;
mod story;
mod text;
mod trend;
pub mod words;

pub use schema::{
    Acting, AfterFix, Audit, Compared, Count, Deed, Digest, EndedStanding, Ending, Found, Ignoring,
    InventoryLine, Ledger, LeftOut, Moment, Need, NeedKind, NotDone, NotDoneReason, PolicyChange, Quality,
    Relapse, Repeated, Stat, Trend, Unanswered, Undelivered, Upcoming, VERSION, Verdict, Waiting, Walked,
    Watch, Watched,
};
pub use sections::{About, Entry, Section, sections};
pub use text::{text, top};

use jiff::tz::TimeZone;
use night::Night;
use nightshift_model::history::Row;
use nightshift_model::{HistoryEvent, Incident, IncidentEvent, IncidentId, Registry, Stream, Timestamp};
use std::collections::{BTreeMap, HashMap};
use story::Story;

/// What a digest is about.
#[derive(Clone, Debug)]
pub struct Window {
    /// From then.
    pub from: Timestamp,
    /// Until then, which is not part of it.
    pub to: Timestamp,
    /// The zone in which times are shown and nights are nights.
    pub zone: TimeZone,
    /// `cluster.name` of the configuration.
    pub cluster: String,
    /// Whether nightshift may act at all.
    pub mode: Acting,
    /// Every row since then is there: as far back as days are compared.
    pub known_from: Timestamp,
}

impl Window {
    /// Whether an instant lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, &self.zone)
    }
}

/// Tells a night from the history.
///
/// - `rows`: whole streams of the incidents that had an event since `window.known_from`, and the system stream's
///   events since then; older `CoverageChanged`, `Inventory`, `InventoryCleared` and `KillSwitch…`, `Silence…` and `IgnoreChanged` events too. In any
///   order, repeats and rows after the window are ignored.
/// - `open`: folds, as of the window's end, of incidents that are open and have no row among `rows`.
///
/// The same rows give the same digest, whatever order they come in. A stream whose beginning is missing is said in
/// the digest's own quality.
pub fn digest(rows: &[Row], open: &[Incident], window: &Window, registry: &Registry, audit: Audit) -> Digest {
    let mut streams: HashMap<&IncidentId, Vec<&Row>> = HashMap::new();
    let mut system: BTreeMap<u64, &Row> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.at < window.to) {
        match &row.stream {
            Stream::Incident(id) => streams.entry(id).or_default().push(row),
            Stream::System => {
                system.insert(row.revision.0, row);
            }
        }
    }
    let mut night = Night::default();
    for row in system.values() {
        if let HistoryEvent::System(event) = &row.event {
            night.hear(row.at, event, window);
        }
    }
    let mut untold = Vec::new();
    let mut stories: BTreeMap<&IncidentId, Story<'_>> = open.iter().map(|i| (&i.id, Story::of(i))).collect();
    let streams: BTreeMap<&IncidentId, Vec<&Row>> = streams.into_iter().collect(); // in an order of its own
    for (id, rows) in streams {
        match tell(id, rows) {
            Ok(story) => {
                stories.insert(id, story);
            }
            Err(why) => untold.push(format!("{id}: {why}")),
        }
    }
    assemble::assemble(&stories, &night, untold, window, registry, audit)
}

/// One stream from its first event on, without a hole.
fn tell<'a>(id: &'a IncidentId, mut rows: Vec<&'a Row>) -> Result<Story<'a>, &'static str> {
    rows.sort_by_key(|row| row.revision);
    rows.dedup_by_key(|row| row.revision);
    let mut story: Option<Story<'a>> = None;
    for (expected, row) in (1_u64..).zip(rows) {
        let HistoryEvent::Incident(event) = &row.event else {
            return Err("an event of another stream stands in it");
        };
        if row.revision.0 != expected {
            return Err("events are missing");
        }
        match (&mut story, event) {
            (None, IncidentEvent::Opened { scope, .. }) => story = Some(Story::opened(id, scope, row.at)),
            (None, _) => return Err("it does not begin with its opening"),
            (Some(story), event) => story.hear(expected, row.at, event),
        }
    }
    story.ok_or("it is empty")
}

#[cfg(test)]
mod tests;
