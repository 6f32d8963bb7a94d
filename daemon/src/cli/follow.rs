//! `incidents watch ID`: one incident's events as they come. A server streams them; where it does not, or a file is read, they
//! are asked for again and again.

use super::history;
use super::output::{Format, Screen};
use super::remote::Followed;
use super::source::Source;
use super::watch::{self, WatchArgs};
use super::{Answer, Exit, Failure};
use crate::api::incident::HistoryLine;
use crate::clock::Clock;
use nightshift_model::history::Row;
use nightshift_model::{IncidentId, Revision, Seconds, Stream};
use std::io::Write as _;

/// The longest rest between two tries to reach a server.
const SLOWEST: Seconds = Seconds(30);

/// What was told so far, and how to go on.
struct Follower<'a> {
    id: IncidentId,
    after: u64,
    streams: bool,
    format: Format,
    screen: &'a Screen,
}

/// `incidents watch ID`.
pub(super) async fn incident(asked: &str, args: &WatchArgs, screen: &Screen, clock: Clock) -> Answer {
    let source = args.source.open(clock).await?;
    let id = source.incident_id(asked).await?;
    let every = Seconds(args.every.0.max(1));
    let mut follower = Follower { id, after: 0, streams: true, format: args.out.output, screen };
    let interrupted = tokio::signal::ctrl_c();
    let over = async {
        match args.lasts {
            Some(lasts) => clock.sleep(lasts.duration()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(interrupted, over);
    let mut rest = every;
    loop {
        let round = tokio::select! {
            _ = interrupted.as_mut() => return Ok(watch::done()),
            () = over.as_mut() => return Ok(watch::done()),
            round = follower.round(&source) => round,
        };
        match round {
            Ok(Told::On) => rest = every,
            Ok(Told::Gone) => return Ok(watch::done()), // who read it went away and has what it wanted
            Err(failure) if failure.exit == Exit::Io => {
                if rest == every {
                    let _ = std::io::stderr().lock().write_all(failure.told(screen.style).as_bytes());
                }
                rest = Seconds((rest.0 * 2).min(SLOWEST.0.max(every.0)));
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            _ = interrupted.as_mut() => return Ok(watch::done()),
            () = over.as_mut() => return Ok(watch::done()),
            () = clock.sleep(rest.duration()) => {}
        }
    }
}

/// Whether somebody still reads what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    On,
    Gone,
}

impl Follower<'_> {
    /// Follows until the stream ends, or looks once.
    async fn round(&mut self, source: &Source) -> Result<Told, Failure> {
        if let (Source::Server(remote), true) = (source, self.streams) {
            let (id, from) = (self.id.clone(), self.after);
            match remote.follow(&id, from, |line| self.tell(&[row(&id, line)])).await? {
                Followed::Ended => return Ok(Told::On),
                Followed::Gone => return Ok(Told::Gone),
                Followed::Anew => {
                    self.after = 0;
                    return Ok(Told::On);
                }
                Followed::NotOffered => {
                    self.streams = false;
                    let note = "nightshift there streams no events now; asking again instead\n";
                    let _ = std::io::stderr().lock().write_all(note.as_bytes());
                }
            }
        }
        let course = source.course(self.id.as_str()).await?;
        let new = course.rows.partition_point(|row| row.revision.0 <= self.after);
        let rows = course.rows.get(new..).unwrap_or_default();
        Ok(if self.tell(rows).is_ok() { Told::On } else { Told::Gone })
    }

    fn tell(&mut self, rows: &[Row]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for row in rows.iter().filter(|row| row.revision.0 > self.after) {
            match self.format {
                Format::Text => {
                    let text = history::told(self.screen, std::slice::from_ref(row));
                    out.write_all(text.as_bytes())?;
                }
                Format::Json => writeln!(out, "{}", history::row(row))?,
            }
        }
        self.after = rows.last().map_or(self.after, |row| row.revision.0.max(self.after));
        out.flush()
    }
}

fn row(id: &IncidentId, line: HistoryLine) -> Row {
    Row {
        seq: line.seq,
        stream: Stream::Incident(id.clone()),
        revision: Revision(line.revision),
        epoch: None,
        actor: line.actor,
        at: line.at,
        event: line.event,
    }
}
