//! The checks, row by row; the same for a store and for an export.

use super::notes::Notes;
use super::streams::{Keep, Streams};
use super::{Checkpoints, Held, Problem, Recount, Report, SnapshotRow, Tip, VoteProofs};
use crate::store::checkpoint::Stored;
use crate::store::row::{RawRow, genesis, parse, proposal_of};
use nightshift_engine::merkle::Tree;
use nightshift_model::history::Row;
use nightshift_model::{Digest, IncidentId, ProposalId, Revision, Seconds, Stream, Timestamp};

/// More than this says nothing new.
const TOLD: usize = 1_000;
/// Writers take their time before they wait for their turn, so that rows of several may pass each other by so much.
const WAITED: Seconds = Seconds(10);

/// Verification under way.
pub(super) struct Check {
    next: u64,
    /// `None` before the first row of a partial look: nothing is known about what it must follow.
    prev: Option<Digest>,
    newest: String,
    streams: Streams,
    notes: Notes,
    recount: Option<Recount>,
    report: Report,
}

impl Check {
    pub(super) fn new(log_id: &str, from: u64, held: &Held, keep: Keep) -> Self {
        let (notes, faults) = Notes::new(log_id, held);
        let mut check = Self {
            next: from,
            prev: (from == 0).then(|| genesis(log_id)),
            newest: String::new(),
            streams: Streams::new(keep),
            notes,
            recount: held.recount.clone(),
            report: Report {
                rows: 0,
                tip: None,
                incidents: 0,
                system: Revision(0),
                tree: Tree::default(),
                checkpoints: Checkpoints::default(),
                votes: VoteProofs::default(),
                problems: Vec::new(),
                warnings: Vec::new(),
                missing: Vec::new(),
                chain_only: true,
                partial: from > 0,
            },
        };
        for what in faults {
            check.problem(0, what);
        }
        check
    }

    /// A row before the look begins, by its hash alone.
    pub(super) fn before(&mut self, hash: &Digest) {
        for what in self.notes.hash(hash) {
            self.problem(self.next.saturating_sub(1), what);
        }
    }

    /// Goes on behind a clean report of the whole.
    pub(super) fn behind(log_id: &str, known: &Report, tip: &Tip) -> Self {
        let mut check = Self::new(log_id, 0, &Held::default(), Keep::All);
        check.next = tip.seq;
        check.prev = None;
        check.streams.go_on(known.system, known.incidents);
        check.notes.go_on(known.tree.clone(), known.checkpoints.clone());
        check.report = known.clone();
        check
    }

    /// The row of the tip, which must still be the one that was verified, and the rows behind it.
    pub(super) fn on(&mut self, row: &RawRow, tip: &Tip) {
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

    /// A row of a stream that is followed from its first on, behind the walk.
    pub(super) fn of_stream(&mut self, row: &RawRow) {
        if row.expected_hash() != row.hash {
            self.problem(row.seq, "it was changed after it was recorded");
        }
        self.read(row, |_| true);
    }

    /// What a stream holds up to the tip is counted already.
    pub(super) fn count_behind(&mut self, stream: &str, tip: &Tip) {
        self.streams.count_behind(stream, tip.seq);
    }

    /// Nothing stands where the tip stood.
    pub(super) fn cut_off(&mut self, tip: &Tip) {
        self.problem(tip.seq, "it was verified before and is no longer there: the history's end was cut off");
    }

    /// A stored checkpoint, before the rows that it covers are looked at; in the order of their sizes.
    pub(super) fn checkpoint(&mut self, stored: &Stored) {
        if let Some(what) = self.notes.stored(stored) {
            self.problem(stored.size.saturating_sub(1), what);
        }
    }

    pub(super) fn report(mut self) -> Report {
        self.report.tree = self.notes.tree().clone();
        let (checkpoints, faults, missing) = self.notes.end();
        let tip = self.report.tip.map_or(0, |tip| tip.seq);
        let faults = faults.into_iter().map(|what| Problem { seq: tip, what });
        self.report.problems.extend(faults);
        self.report.chain_only = checkpoints.external == 0;
        self.report.checkpoints = checkpoints;
        self.report.missing = missing;
        let unproven = self.report.votes.unproven;
        if unproven > 0 {
            let what = format!(
                "{unproven} signed approvals were not verified: this program cannot verify their kind"
            );
            self.report.missing.push(what);
        }
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
                self.streams.lose(&row.stream);
            }
        }
    }

    fn count(&mut self, row: &RawRow) {
        for what in self.notes.row(row.seq, &row.ts, &row.hash) {
            self.problem(row.seq, what);
        }
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
            self.earlier(row);
        } else {
            self.newest.clone_from(&row.ts);
        }
        self.next = row.seq.saturating_add(1);
        self.prev = Some(row.hash);
    }

    fn earlier(&mut self, row: &RawRow) {
        let times = row.ts.parse::<Timestamp>().ok().zip(self.newest.parse::<Timestamp>().ok());
        if times.is_none_or(|(at, newest)| newest.since(at) > WAITED) {
            let what = format!("its time {} is before that of an earlier row", row.ts);
            self.report.warnings.push(Problem { seq: row.seq, what });
        }
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

    /// A snapshot must be the fold.
    pub(super) fn snapshot(&mut self, row: &SnapshotRow) {
        let tip = self.report.tip.map_or(0, |tip| tip.seq);
        if let Some((seq, what)) = self.streams.snapshot(row, tip) {
            self.problem(seq, what);
        }
    }

    pub(super) fn snapshots_end(&mut self) {
        for (seq, what) in self.streams.without_snapshot() {
            self.problem(seq, what);
        }
    }

    /// Incidents that went on after they were put away: their streams must be followed from the beginning again.
    pub(super) fn returned(&self) -> Vec<IncidentId> {
        self.streams.returned()
    }

    /// The whole stream of one of them comes next.
    pub(super) fn begin_again(&mut self, id: &IncidentId) {
        self.streams.begin_again(id);
    }

    fn follow(&mut self, said: &Row) {
        for what in self.streams.follow(said, self.recount.as_ref(), &mut self.report.votes) {
            self.problem(said.seq, what);
        }
        (self.report.incidents, self.report.system) = (self.streams.incidents, self.streams.system);
    }
}
