//! When a digest is due, and telling one from the history.

mod archive;
mod share;

use crate::api::digest::{DigestLine, DigestSection, DigestSheet};
use crate::clock::Clock;
use crate::store::audit::Last;
use crate::store::{Cursor, Filter, HistoryStore as _, SqliteStore, SystemAppend, Which, audit};
use askama::Template as _;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use nightshift_engine::StoreError;
use nightshift_engine::digest::{
    About, Acting, Audit, Digest, Entry, LeftOut, Walked, Window, digest, sections,
};
use nightshift_model::history::Row;
use nightshift_model::{
    Actor, Epoch, Incident, IncidentId, Message, MessageBody, Registry, Role, Seconds, Stream, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// As far back as days are compared.
const COMPARED: Seconds = Seconds(7 * 86_400);
/// What stands at a window's end may have begun long before.
const STANDING: [&str; 15] = [
    "coverage-changed",
    "policy-noted",
    "quarantined",
    "inventory",
    "inventory-cleared",
    "silence-added",
    "silence-ended",
    "ignore-changed",
    "alertmanager-changed",
    "kill-switch-set",
    "kill-switch-cleared",
    "audit-closed",
    "audit-adopted",
    "executor-closed",
    "executor-opened",
];
/// After so long all of the history is read again, not only what was added.
const WALK: Seconds = Seconds(86_400);
/// Open incidents read at a time.
const PAGE: u32 = 500;

/// A time of day in a zone.
#[derive(Clone, Debug)]
pub struct Daily {
    /// Hour and minute.
    pub at: Time,
    /// The IANA zone.
    pub zone: TimeZone,
}

impl Daily {
    /// The instant on a date. A time that clocks jump over is the first instant after the jump; of a time that comes
    /// twice, the first.
    pub fn on(&self, date: Date) -> Timestamp {
        let civil = date.to_datetime(self.at);
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Gap { before, .. } => before.to_timestamp(civil).ok().map(|behind| {
                let probe = behind.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(behind);
                self.zone.preceding(probe).next().map_or(behind, |jump| jump.timestamp())
            }),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        };
        Timestamp::new(instant.unwrap_or(jiff::Timestamp::MAX))
    }

    /// The last date whose instant has come, and its window: from the instant of the day before.
    pub fn last(&self, now: Timestamp) -> Option<(Date, Timestamp, Timestamp)> {
        let today = now.get().to_zoned(self.zone.clone()).date();
        let date = if self.on(today) <= now { today } else { today.yesterday().ok()? };
        Some((date, self.on(date.yesterday().ok()?), self.on(date)))
    }

    /// The next instant after `now`.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let today = now.get().to_zoned(self.zone.clone()).date();
        let later = today.tomorrow().map_or(Timestamp::new(jiff::Timestamp::MAX), |d| self.on(d));
        Some(self.on(today)).filter(|at| *at > now).unwrap_or(later)
    }
}

/// Whether somebody may see what is in a namespace.
pub type Sees<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// What the stage is made of.
pub struct DigestStage {
    /// The history.
    pub store: SqliteStore,
    /// When.
    pub daily: Daily,
    /// Who owns what.
    pub registry: Arc<Registry>,
    /// `cluster.name`.
    pub cluster: String,
    /// Whether nightshift may act at all.
    pub mode: Acting,
    /// The clock.
    pub clock: Clock,
    /// The responder's epoch, which must be current for every row written.
    pub fence: Option<(Role, Epoch)>,
    /// The date that was queued last by this process.
    pub queued: Mutex<Option<Date>>,
    /// What this process has verified of the history.
    pub verified: tokio::sync::Mutex<Option<Verified>>,
}

/// A history that was found whole, once all of it and since then what came after.
#[derive(Clone, Debug)]
pub struct Verified {
    /// When all of it was read.
    walked: Walked,
    /// What was found then and since.
    report: audit::Report,
}

impl DigestStage {
    /// Queues each digest when it is due, until it is stopped.
    pub async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let until = match self.queue(now).await {
                Ok(next) => next,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the digest could not be queued");
                    now + Seconds(60)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    /// Queues the digest whose time has come, once a date whatever restarts; says when the next is due. A night that
    /// began before nightshift was there at all gets none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn queue(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let next = self.daily.next(now);
        let Some((date, from, to)) = self.daily.last(now) else { return Ok(next) };
        if self.queued.lock().is_ok_and(|queued| *queued == Some(date)) {
            return Ok(next);
        }
        let started = self.store.system_events(&["started"]).await?;
        if started.first().is_some_and(|row| row.at < to) {
            let key = format!("digest:{date}");
            let append = SystemAppend {
                fence: self.fence,
                actor: Actor::Nightshift(Role::Responder),
                at: now,
                events: Vec::new(),
                outbox: vec![Message { key, body: MessageBody::Digest { from, to } }],
            };
            self.store.append_system(append).await?;
        }
        if let Ok(mut queued) = self.queued.lock() {
            *queued = Some(date);
        }
        Ok(next)
    }

    /// Tells the digest of a window.
    ///
    /// # Errors
    /// Those of the store. A history that was changed is told, not an error.
    pub async fn tell(&self, from: Timestamp, to: Timestamp) -> Result<Digest, StoreError> {
        self.tell_of(from, to, None).await
    }

    /// The same for somebody who sees some namespaces only: what is about others is not in it, and in no number of it but
    /// those of what was left out.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tell_of(
        &self,
        from: Timestamp,
        to: Timestamp,
        sees: Option<Sees<'_>>,
    ) -> Result<Digest, StoreError> {
        let known_from = from - COMPARED;
        let mut rows: Vec<Row> = self.store.events(known_from, to, &[]).await?;
        let standing = self.store.system_events(&STANDING).await?;
        rows.extend(standing.into_iter().filter(|r| r.at < known_from));
        let cut = self.begun_before(&rows, to).await?;
        rows.retain(|row| !matches!(&row.stream, Stream::Incident(id) if cut.contains(id)));
        for id in cut {
            rows.extend(self.store.stream_events(&Stream::Incident(id)).await?);
        }
        let told: BTreeSet<&IncidentId> = rows.iter().filter_map(|row| incident(&row.stream)).collect();
        let mut open = self.open().await?;
        open.retain(|i| i.opened_at < to && !told.contains(&i.id));
        let window = Window {
            from,
            to,
            zone: self.daily.zone.clone(),
            cluster: self.cluster.clone(),
            mode: self.mode,
            known_from,
        };
        let audit = self.audit().await;
        let whole = digest(&rows, &open, &window, &self.registry, audit.clone());
        let Some(sees) = sees else { return Ok(whole) };
        share::keep(&mut rows, &mut open, sees);
        Ok(digest(&rows, &open, &window, &self.registry, audit).part_of(&whole))
    }

    /// The digest of a date for one reader: of the window that ended on it. `None` when that has not ended.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(&self, date: Date, sees: Sees<'_>) -> Result<Option<Digest>, StoreError> {
        let Some((from, to)) = self.window(date) else { return Ok(None) };
        self.tell_of(from, to, Some(sees)).await.map(Some)
    }

    /// The window that ended on a date; `None` when it has not ended.
    pub fn window(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = (self.daily.on(date.yesterday().ok()?), self.daily.on(date));
        (to <= self.clock.now()).then_some((from, to))
    }

    /// Incidents whose streams must be read whole: their beginning lies before the rows, or they went on after them.
    async fn begun_before(&self, rows: &[Row], to: Timestamp) -> Result<BTreeSet<IncidentId>, StoreError> {
        let whole: BTreeSet<&IncidentId> =
            rows.iter().filter(|row| row.revision.0 == 1).filter_map(|row| incident(&row.stream)).collect();
        let mut cut: BTreeSet<IncidentId> = rows
            .iter()
            .filter_map(|r| incident(&r.stream))
            .filter(|id| !whole.contains(id))
            .cloned()
            .collect();
        let later = self.store.events(to, Timestamp::new(jiff::Timestamp::MAX), &[]).await?;
        cut.extend(
            later.iter().filter_map(|r| incident(&r.stream)).filter(|id| !whole.contains(id)).cloned(),
        );
        Ok(cut)
    }

    async fn open(&self) -> Result<Vec<Incident>, StoreError> {
        let mut open: Vec<Incident> = Vec::new();
        loop {
            let after = open.last().map(|i| Cursor { opened_at: i.opened_at, id: i.id.clone() });
            let filter = Filter { which: Which::Open, prefix: String::new(), limit: PAGE, after };
            let page = self.store.snapshots(&filter).await?;
            if page.is_empty() {
                return Ok(open);
            }
            open.extend(page);
        }
    }

    /// Reads all of the history at first and once a day, and in between what came after. A history that was found
    /// changed is read as a whole every time.
    async fn audit(&self) -> Audit {
        let mut verified = self.verified.lock().await;
        let now = self.clock.now();
        let known = verified.take().filter(|known| now.since(known.walked.at) < WALK);
        let report = match &known {
            Some(known) => audit::verify_on(&self.store, &known.report).await,
            None => audit::verify(&self.store, 0, &audit::Held::default()).await,
        };
        let report = match report {
            Ok(report) => report,
            Err(error) => return Audit::NotChecked { why: error.to_string() },
        };
        match (report.problems.first(), report.tip) {
            (Some(problem), _) => Audit::Broken { what: format!("row {}: {}", problem.seq, problem.what) },
            (None, Some(tip)) => {
                let (rows, since) = (report.rows, known.map(|known| known.walked));
                let walked = since.clone().unwrap_or(Walked { at: now, rows });
                let signed = report.checkpoints.last.clone();
                *verified = Some(Verified { walked, report });
                match signed {
                    Some(Last { size, root, keys, .. }) => {
                        Audit::Signed { rows, tip: tip.hash, size, root, keys, since }
                    }
                    None => Audit::ChainOnly { rows, tip: tip.hash, since },
                }
            }
            (None, None) => Audit::NotChecked { why: "the history is empty".to_owned() },
        }
    }
}

fn incident(stream: &Stream) -> Option<&IncidentId> {
    match stream {
        Stream::Incident(id) => Some(id),
        Stream::System => None,
    }
}

/// Entries of one section on the page; the JSON has all of them.
const SHOWN: usize = 200;

/// The digest for page and mail. `incident` and `proposal` paths are the gate's.
pub fn sheet(digest: &Digest) -> DigestSheet {
    let sections = sections(digest).into_iter().map(|section| {
        let more = section.entries.len().saturating_sub(SHOWN);
        let mut lines: Vec<DigestLine> = section.entries.into_iter().take(SHOWN).map(line).collect();
        if more > 0 {
            lines.push(DigestLine { text: format!("and {more} more"), detail: String::new(), link: None });
        }
        DigestSection { title: section.title, lines }
    });
    DigestSheet {
        window: format!("{} to {} {}", digest.from.local, digest.to.local, digest.zone),
        verdict: digest.verdict.line.clone(),
        left_out: digest.left_out.as_ref().map(LeftOut::sentence).unwrap_or_default(),
        sections: sections.collect(),
    }
}

fn line(entry: Entry) -> DigestLine {
    let mut lines = entry.lines.into_iter();
    DigestLine {
        text: lines.next().unwrap_or_default(),
        detail: lines.collect::<Vec<_>>().join(" · "),
        link: match entry.about {
            About::Night => None,
            About::Incident(id) => Some(format!("/i/{id}")),
            About::Proposal(id) => Some(format!("/p/{id}")),
        },
    }
}

/// The digest as an HTML fragment without scripts, styles or images: page and mail put it into their own frame.
///
/// # Errors
/// Never in practice: the template writes into memory.
pub fn html(sheet: &DigestSheet) -> Result<String, askama::Error> {
    Fragment { sheet }.render()
}

#[derive(askama::Template)]
#[template(path = "digest_sheet.html")]
struct Fragment<'a> {
    sheet: &'a DigestSheet,
}

#[cfg(test)]
mod tests;
