//! Every stream followed to its end: the state machine itself says whether what is recorded could have happened.
//!
//! A long history has more closed incidents than fit into memory. Two days after its end a fold is put away as a hash;
//! one that goes on later is followed again from its beginning.

use super::{Recount, SnapshotRow, VoteProofs, votes};
use crate::store::load;
use crate::store::row::column;
use nightshift_model::history::Row;
use nightshift_model::{
    Digest, HistoryEvent, Incident, IncidentEvent, IncidentId, Phase, Revision, Seconds, Stream, Timestamp,
    digest_of,
};
use std::collections::{BTreeMap, VecDeque};

/// A closed incident that nothing has happened to for so long is put away.
const KEPT: Seconds = Seconds(2 * 86_400);

/// Whether folds of closed incidents may be put away: only where their streams can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of them.
    All,
    /// Those that may still move.
    Lively,
}

/// The streams.
pub(super) struct Streams {
    keep: Keep,
    /// After a problem a stream is not followed further: what comes then is only its echo.
    followed: BTreeMap<String, Followed>,
    closed: VecDeque<(Timestamp, String)>,
    /// Incidents that went on after they were put away, with the last row that was counted of each.
    returned: BTreeMap<IncidentId, u64>,
    /// Incidents that were followed from their first event.
    pub(super) incidents: usize,
    /// The last revision of the system stream.
    pub(super) system: Revision,
}

enum Followed {
    Incident {
        fold: Box<Incident>,
        seq: u64,
        snapshot_seen: bool,
    },
    /// Closed long ago.
    Away {
        fold: Digest,
        seq: u64,
        snapshot_seen: bool,
    },
    /// It went on: followed again at the end.
    Returned,
    System(Revision),
    Lost,
}

impl Streams {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            followed: BTreeMap::new(),
            closed: VecDeque::new(),
            returned: BTreeMap::new(),
            incidents: 0,
            system: Revision(0),
        }
    }

    /// Goes on behind what was followed before.
    pub(super) fn go_on(&mut self, system: Revision, incidents: usize) {
        self.followed.insert(Stream::System.as_str().to_owned(), Followed::System(system));
        (self.system, self.incidents) = (system, incidents);
    }

    /// What a stream holds up to a row is counted already.
    pub(super) fn count_behind(&mut self, stream: &str, seq: u64) {
        self.returned.insert(IncidentId::from(stream), seq);
    }

    /// A row of it could not be read.
    pub(super) fn lose(&mut self, stream: &str) {
        self.followed.insert(stream.to_owned(), Followed::Lost);
    }

    /// Follows a row; the answer is what is wrong with it.
    pub(super) fn follow(
        &mut self,
        said: &Row,
        recount: Option<&Recount>,
        told: &mut VoteProofs,
    ) -> Vec<String> {
        self.put_away(said.at);
        let name = said.stream.as_str();
        let mut faults = Vec::new();
        let next = match (&said.stream, self.followed.get(name)) {
            (_, Some(Followed::Lost | Followed::Returned)) => return faults,
            (Stream::System, followed) => {
                let last = if let Some(Followed::System(last)) = followed { *last } else { Revision(0) };
                if said.revision == last.next() {
                    self.system = said.revision;
                    Ok(Followed::System(said.revision))
                } else {
                    Err(format!("revision {} follows {} in the system stream", said.revision.0, last.0))
                }
            }
            (Stream::Incident(id), Some(Followed::Away { seq, .. })) => {
                self.returned.insert(id.clone(), *seq);
                Ok(Followed::Returned)
            }
            (Stream::Incident(id), followed) => {
                let before =
                    if let Some(Followed::Incident { fold, .. }) = followed { Some(&**fold) } else { None };
                if let (Some(fold), HistoryEvent::Incident(IncidentEvent::Claimed { .. })) =
                    (before, &said.event)
                {
                    let mut counted = VoteProofs::default();
                    let told = if self.is_new(id, said.seq) { told } else { &mut counted };
                    faults.extend(votes::claimed(fold, recount, told));
                }
                load::step(before, id, said)
                    .map(|fold| Followed::Incident {
                        fold: Box::new(fold),
                        seq: said.seq,
                        snapshot_seen: false,
                    })
                    .map_err(|error| error.to_string())
            }
        };
        let next = next.unwrap_or_else(|what| {
            faults.push(what);
            Followed::Lost
        });
        if let Followed::Incident { fold, .. } = &next {
            if fold.revision == Revision(1) && self.is_new(&fold.id, said.seq) {
                self.incidents += 1;
            }
            if self.keep == Keep::Lively && matches!(fold.phase, Phase::Closed { .. }) {
                self.closed.push_back((said.at, name.to_owned()));
            }
        }
        self.followed.insert(name.to_owned(), next);
        faults
    }

    /// Whether a row was not counted before its stream was put away.
    fn is_new(&self, id: &IncidentId, seq: u64) -> bool {
        self.returned.get(id).is_none_or(|counted| seq > *counted)
    }

    fn put_away(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.closed.front()
            && now.since(*at) > KEPT
        {
            let Some((at, name)) = self.closed.pop_front() else { return };
            if let Some(Followed::Incident { fold, seq, .. }) = self.followed.get(&name)
                && matches!(fold.phase, Phase::Closed { .. })
                && fold.changed_at <= at
            {
                let away = Followed::Away { fold: hashed(fold), seq: *seq, snapshot_seen: false };
                self.followed.insert(name, away);
            }
        }
    }

    /// Incidents that must be followed from their beginning again.
    pub(super) fn returned(&self) -> Vec<IncidentId> {
        self.returned.keys().cloned().collect()
    }

    /// The whole stream of one of them comes next.
    pub(super) fn begin_again(&mut self, id: &IncidentId) {
        self.keep = Keep::All;
        self.followed.remove(id.as_str());
    }

    /// A snapshot must be the fold; the answer is what is wrong with it, and where.
    pub(super) fn snapshot(&mut self, row: &SnapshotRow, tip: u64) -> Option<(u64, String)> {
        let snapshot = serde_json::from_str::<Incident>(&row.json).ok();
        let (seq, what) = match self.followed.get_mut(&row.id) {
            Some(Followed::Lost | Followed::Returned) => return None, // told already
            Some(Followed::Incident { fold, seq, snapshot_seen }) => {
                *snapshot_seen = true;
                (*seq, unlike(row, snapshot.as_ref().filter(|snapshot| **snapshot == **fold))?)
            }
            Some(Followed::Away { fold, seq, snapshot_seen }) => {
                *snapshot_seen = true;
                (*seq, unlike(row, snapshot.as_ref().filter(|snapshot| hashed(snapshot) == *fold))?)
            }
            Some(Followed::System(_)) | None => {
                (tip, "has no events: the history's end was cut off, or it was made up")
            }
        };
        Some((seq, format!("the snapshot of incident {} {what}", row.id)))
    }

    /// Incidents that no snapshot stands for.
    pub(super) fn without_snapshot(&self) -> Vec<(u64, String)> {
        let missing = |(id, followed): (&String, &Followed)| match followed {
            Followed::Incident { seq, snapshot_seen: false, .. }
            | Followed::Away { seq, snapshot_seen: false, .. } => {
                Some((*seq, format!("incident {id} has no snapshot")))
            }
            Followed::Incident { .. }
            | Followed::Away { .. }
            | Followed::Returned
            | Followed::System(_)
            | Followed::Lost => None,
        };
        self.followed.iter().filter_map(missing).collect()
    }
}

fn hashed(fold: &Incident) -> Digest {
    digest_of("nightshift/audit/fold", fold)
}

/// `None` when row and fold say the same; `snapshot` is the row's, if it is the fold.
fn unlike(row: &SnapshotRow, snapshot: Option<&Incident>) -> Option<&'static str> {
    let Some(fold) = snapshot else { return Some("is not the fold of its events") };
    let differs = row.revision != column(fold.revision.0)
        || row.phase != fold.phase.word()
        || row.open == matches!(fold.phase, Phase::Closed { .. });
    differs.then_some("has columns that say something else than it")
}
