//! The checks, row by row; the same for a store and for an export.

use super::{Problem, Report, SnapshotRow, Tip};
use crate::store::load;
use crate::store::row::{RawRow, column, genesis, parse, proposal_of};
use nightshift_model::history::Row;
use nightshift_model::{
    Digest, HistoryEvent, Incident, IncidentEvent, IncidentId, PersonId, Phase, Proposal, ProposalId,
    Revision, Stream, Vote, VoteDecision,
};
use std::collections::BTreeMap;

/// More than this says nothing new.
const TOLD: usize = 1_000;

/// Verification under way.
pub(super) struct Check {
    next: u64,
    /// `None` before the first row of a partial look: nothing is known about what it must follow.
    prev: Option<Digest>,
    newest: String,
    /// By stream. After a problem a stream is not followed further: what comes then is only its echo.
    streams: BTreeMap<String, Followed>,
    report: Report,
}

enum Followed {
    Incident { fold: Box<Incident>, seq: u64, snapshot_seen: bool },
    System(Revision),
    Lost,
}

impl Check {
    pub(super) fn new(log_id: &str, from: u64) -> Self {
        Self {
            next: from,
            prev: (from == 0).then(|| genesis(log_id)),
            newest: String::new(),
            streams: BTreeMap::new(),
            report: Report {
                rows: 0,
                tip: None,
                incidents: 0,
                system: Revision(0),
                problems: Vec::new(),
                warnings: Vec::new(),
                chain_only: true,
                partial: from > 0,
            },
        }
    }

    /// Goes on behind a clean report of the whole.
    pub(super) fn behind(log_id: &str, known: &Report, tip: &Tip) -> Self {
        let mut check = Self::new(log_id, 0);
        check.next = tip.seq;
        check.prev = None;
        check.streams.insert(Stream::System.as_str().to_owned(), Followed::System(known.system));
        check.report = known.clone();
        check
    }

    /// The row of the tip, which must still be the one that was verified, and the rows behind it.
    pub(super) fn again(&mut self, row: &RawRow, tip: &Tip) {
        self.chain(row);
        if row.seq == tip.seq {
            if row.hash != tip.hash {
                self.problem(row.seq, "it is not the row that was verified before");
            }
            return;
        }
        self.read(row, |stream| *stream == Stream::System);
        self.count(row);
    }

    /// A row of a stream that grew, from the stream's first on. Those behind the tip are counted already.
    pub(super) fn of_stream(&mut self, row: &RawRow, tip: &Tip) {
        let known = self.report.incidents;
        if row.expected_hash() != row.hash {
            self.problem(row.seq, "it was changed after it was recorded");
        }
        self.read(row, |_| true);
        if row.seq <= tip.seq {
            self.report.incidents = known;
        }
    }

    /// Nothing stands where the tip stood.
    pub(super) fn cut_off(&mut self, tip: &Tip) {
        self.problem(tip.seq, "it was verified before and is no longer there: the history's end was cut off");
    }

    pub(super) fn report(self) -> Report {
        self.report
    }

    fn problem(&mut self, seq: u64, what: impl Into<String>) {
        if self.report.problems.len() < TOLD {
            self.report.problems.push(Problem { seq, what: what.into() });
        }
    }

    /// A line that is no row at all.
    pub(super) fn no_row(&mut self, what: String) {
        self.problem(self.next, what);
    }

    pub(super) fn row(&mut self, row: &RawRow) {
        self.chain(row);
        let whole = !self.report.partial;
        self.read(row, |_| whole);
        self.count(row);
    }

    /// Its columns and, where wanted, its place in its stream.
    fn read(&mut self, row: &RawRow, follow: impl Fn(&Stream) -> bool) {
        match parse(row.seq, &row.ts, row.body.as_bytes()) {
            Ok(recorded) => {
                self.copies(row, &recorded);
                if follow(&recorded.stream) {
                    self.follow(&recorded);
                }
            }
            Err(error) => {
                self.problem(row.seq, error.to_string());
                self.streams.insert(row.stream.clone(), Followed::Lost);
            }
        }
    }

    fn count(&mut self, row: &RawRow) {
        self.report.rows += 1;
        self.report.tip = Some(Tip { seq: row.seq, hash: row.hash });
    }

    fn chain(&mut self, row: &RawRow) {
        let place = row.seq.cmp(&self.next);
        if place.is_gt() {
            self.problem(row.seq, format!("{} rows before it are missing", row.seq - self.next));
        } else if place.is_lt() {
            self.problem(row.seq, "it stands out of order");
        } else if self.prev.is_some_and(|prev| prev != row.prev) {
            self.problem(row.seq, "it does not follow the row before it");
        }
        if row.expected_hash() != row.hash {
            self.problem(row.seq, "it was changed after it was recorded");
        }
        if row.ts < self.newest {
            let what = format!("its time {} is before that of an earlier row", row.ts);
            self.report.warnings.push(Problem { seq: row.seq, what });
        } else {
            self.newest.clone_from(&row.ts);
        }
        self.next = row.seq.saturating_add(1);
        self.prev = Some(row.hash);
    }

    /// The columns are copies of the body: a query must not be told otherwise than the hash.
    fn copies(&mut self, row: &RawRow, said: &Row) {
        let incident = match &said.stream {
            Stream::Incident(id) => Some(id.as_str()),
            Stream::System => None,
        };
        let proposal = proposal_of(&said.event);
        let differs = [
            ("kind", row.kind != said.event.kind()),
            ("actor", row.actor != said.actor.to_string()),
            ("stream", row.stream != said.stream.as_str()),
            ("revision", row.revision != said.revision.0),
            ("epoch", row.epoch != said.epoch.map(|e| e.0)),
            ("incident_id", row.incident.as_deref() != incident),
            ("proposal_id", row.proposal.as_deref() != proposal.as_ref().map(ProposalId::as_str)),
        ];
        for (name, _) in differs.iter().filter(|(_, differs)| *differs) {
            self.problem(row.seq, format!("its column {name} says something else than its body"));
        }
    }

    /// Folds the row's stream: the state machine itself says whether an intent stands before its result.
    fn follow(&mut self, said: &Row) {
        let name = said.stream.as_str();
        let next = match (&said.stream, self.streams.get(name)) {
            (_, Some(Followed::Lost)) => return,
            (Stream::System, followed) => {
                let last = if let Some(Followed::System(last)) = followed { *last } else { Revision(0) };
                if said.revision == last.next() {
                    self.report.system = said.revision;
                    Ok(Followed::System(said.revision))
                } else {
                    Err(format!("revision {} follows {} in the system stream", said.revision.0, last.0))
                }
            }
            (Stream::Incident(id), followed) => follow_incident(id, followed, said),
        };
        let next = next.unwrap_or_else(|what| {
            self.problem(said.seq, what);
            Followed::Lost
        });
        if matches!((&said.stream, &next), (Stream::Incident(_), Followed::Incident { fold, .. }) if fold.revision == Revision(1))
        {
            self.report.incidents += 1;
        }
        self.streams.insert(name.to_owned(), next);
    }

    /// A snapshot must be the fold.
    pub(super) fn snapshot(&mut self, row: &SnapshotRow) {
        let tip = self.report.tip.map_or(0, |tip| tip.seq);
        let (seq, what) = match self.streams.get_mut(&row.id) {
            Some(Followed::Lost) => return, // told already
            Some(Followed::Incident { fold, seq, snapshot_seen }) => {
                *snapshot_seen = true;
                let same =
                    serde_json::from_str::<Incident>(&row.json).is_ok_and(|snapshot| snapshot == **fold);
                if !same {
                    (*seq, "is not the fold of its events")
                } else if row.revision != column(fold.revision.0)
                    || row.phase != fold.phase.word()
                    || row.open == matches!(fold.phase, Phase::Closed { .. })
                {
                    (*seq, "has columns that say something else than it")
                } else {
                    return;
                }
            }
            Some(Followed::System(_)) | None => {
                (tip, "has no events: the history's end was cut off, or it was made up")
            }
        };
        self.problem(seq, format!("the snapshot of incident {} {what}", row.id));
    }

    pub(super) fn snapshots_end(&mut self) {
        let missing: Vec<(u64, String)> = self
            .streams
            .iter()
            .filter_map(|(id, followed)| match followed {
                Followed::Incident { seq, snapshot_seen: false, .. } => {
                    Some((*seq, format!("incident {id} has no snapshot")))
                }
                Followed::Incident { .. } | Followed::System(_) | Followed::Lost => None,
            })
            .collect();
        for (seq, what) in missing {
            self.problem(seq, what);
        }
    }
}

fn follow_incident(id: &IncidentId, followed: Option<&Followed>, said: &Row) -> Result<Followed, String> {
    let before = match followed {
        Some(Followed::Incident { fold, .. }) => Some(&**fold),
        Some(Followed::System(_) | Followed::Lost) | None => None,
    };
    if let (Some(before), HistoryEvent::Incident(IncidentEvent::Claimed { .. })) = (before, &said.event) {
        approved(before)?;
    }
    let fold = load::step(before, id, said).map_err(|error| error.to_string())?;
    Ok(Followed::Incident { fold: Box::new(fold), seq: said.seq, snapshot_seen: false })
}

/// Whoever the grant names must have approved these bytes, and must not have taken it back. Later claims of the same
/// operation rest on the first.
fn approved(before: &Incident) -> Result<(), String> {
    let Phase::Granted { proposal, votes, grant, .. } = &before.phase else { return Ok(()) };
    let mut persons: Vec<&PersonId> = grant.persons.iter().collect();
    persons.sort();
    persons.dedup();
    if persons.is_empty() || persons.len() != grant.persons.len() {
        return Err(format!(
            "proposal {} was claimed with a grant that names nobody, or somebody twice",
            proposal.id()
        ));
    }
    match persons.iter().find(|person| !stands(votes, person, proposal)) {
        None => Ok(()),
        Some(person) => {
            Err(format!("proposal {} was claimed without a standing approval by {person}", proposal.id()))
        }
    }
}

/// The vote with the highest number counts.
fn stands(votes: &[Vote], person: &PersonId, proposal: &Proposal) -> bool {
    let theirs = votes.iter().filter(|v| v.person == *person && v.proposal == *proposal.id());
    theirs
        .max_by_key(|v| v.no)
        .is_some_and(|v| v.decision == VoteDecision::Approve && v.digest == proposal.digest())
}
