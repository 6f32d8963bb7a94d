//! The history as a list: revisions, fence, outbox and timers as in the daemon's store, and commits that tear.

use nightshift_engine::heals::{self, Case};
use nightshift_engine::standing::System;
use nightshift_model::apply::Place;
use nightshift_model::evidence::HealthyRevision;
use nightshift_model::history::Row;
use nightshift_model::operation::Epoch;
use nightshift_model::{
    Append, Appended, BaseRate, HistoryEvent, Incident, IncidentId, Message, ObjectRef, Reason, Revision,
    Role, Stream, SystemEvent, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// One append whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The how-manieth append of the run, from 1.
    pub number: u64,
    /// Whether it took effect all the same.
    pub effect: bool,
}

/// One incident as the projections hold it.
#[derive(Clone, Debug)]
pub(crate) struct Projected {
    pub(crate) incident: Incident,
    pub(crate) wake_at: Option<Timestamp>,
}

/// Everything that is stored.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) rows: Vec<Row>,
    pub(crate) incidents: BTreeMap<IncidentId, Projected>,
    /// Incidents in the order in which they were opened.
    pub(crate) order: Vec<IncidentId>,
    pub(crate) outbox: Vec<(Timestamp, Message)>,
    pub(crate) torn: Option<Torn>,
    pub(crate) appends: u64,
    pub(crate) down: bool,
    /// The fold of the system stream.
    pub(crate) state: System,
    /// Loads at one instant: a driver that spins is found out.
    pub(crate) loads: (Timestamp, u32),
    /// How faults ended, oldest first.
    cases: Vec<Case>,
    leaders: BTreeMap<Role, Epoch>,
    system: Revision,
    keys: BTreeSet<String>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            incidents: BTreeMap::new(),
            order: Vec::new(),
            outbox: Vec::new(),
            torn: None,
            appends: 0,
            down: false,
            state: System::default(),
            loads: (Timestamp::EPOCH, 0),
            cases: Vec::new(),
            leaders: BTreeMap::new(),
            system: Revision(0),
            keys: BTreeSet::new(),
        }
    }

    /// A role's process starts: it takes the next epoch.
    pub(crate) fn lead(&mut self, role: Role) -> Epoch {
        let epoch = self.leaders.entry(role).or_default();
        epoch.0 += 1;
        *epoch
    }

    /// The last revision of a stream.
    pub(crate) fn head(&self, stream: &Stream) -> Revision {
        match stream {
            Stream::System => self.system,
            Stream::Incident(id) => self.incidents.get(id).map_or(Revision(0), |p| p.incident.revision),
        }
    }

    /// One transaction.
    pub(crate) fn append(&mut self, append: Append) -> Appended {
        self.appends += 1;
        match self.torn {
            Some(torn) if torn.number == self.appends => {
                if torn.effect {
                    self.commit(append);
                }
                Appended::Unknown
            }
            Some(_) | None => self.commit(append),
        }
    }

    fn commit(&mut self, append: Append) -> Appended {
        if append.fence.is_some_and(|(role, epoch)| self.leaders.get(&role) != Some(&epoch)) {
            return Appended::Fenced;
        }
        if self.head(&append.stream) != append.expect {
            return Appended::Conflict;
        }
        let case = append.snapshot.as_ref().and_then(|after| heals::ended(&append.events, after));
        self.cases.extend(case);
        let mut folded = match &append.stream {
            Stream::Incident(id) => self.incidents.get(id).map(|p| p.incident.clone()),
            Stream::System => None,
        };
        let mut revision = append.expect;
        for event in append.events {
            revision = revision.next();
            if let (Stream::Incident(id), HistoryEvent::Incident(event)) = (&append.stream, &event) {
                let place = Place { id: id.clone(), revision, at: append.at };
                folded =
                    Some(Incident::apply(folded.as_ref(), &place, event).expect("advance has applied it"));
            }
            if let HistoryEvent::System(event) = &event {
                self.state.fold(append.at, event);
            }
            self.rows.push(Row {
                seq: self.rows.len() as u64 + 1,
                stream: append.stream.clone(),
                revision,
                epoch: append.fence.map(|(_, epoch)| epoch),
                actor: append.actor.clone(),
                at: append.at,
                event,
            });
        }
        assert_eq!(append.snapshot, folded, "the snapshot is the fold");
        match (append.stream, folded) {
            (Stream::Incident(id), Some(incident)) => {
                if !self.incidents.contains_key(&id) {
                    self.order.push(id.clone());
                }
                self.incidents.insert(id, Projected { incident, wake_at: append.wake_at });
            }
            (Stream::Incident(id), None) => assert_eq!(id.as_str(), "", "an append has events"),
            (Stream::System, _) => self.system = revision,
        }
        for message in append.outbox {
            assert!(self.keys.insert(message.key.clone()), "outbox key {} is used once", message.key);
            self.outbox.push((append.at, message));
        }
        Appended::Committed
    }

    /// Events of the system stream, oldest first.
    pub(crate) fn system_events(&self) -> impl Iterator<Item = &SystemEvent> {
        self.rows.iter().filter_map(|row| match &row.event {
            HistoryEvent::System(event) => Some(event),
            HistoryEvent::Incident(_) => None,
        })
    }

    /// How faults of this reason at this scope ended, as the store counts it.
    pub(crate) fn base_rate(&self, scope: &ObjectRef, reason: Reason, now: Timestamp) -> Option<BaseRate> {
        let of = |case: &&Case| {
            case.scope.same_name(scope) && case.reason == reason && now.since(case.at) <= heals::KEPT
        };
        let newest = self.cases.iter().rev().filter(of).take(heals::CASES as usize);
        heals::rate(&newest.map(|case| (case.alone, case.took)).collect::<Vec<_>>())
    }

    /// The revisions of a workload that were recorded healthy.
    pub(crate) fn healthy(&self) -> impl Iterator<Item = &HealthyRevision> {
        self.system_events().filter_map(|event| {
            if let SystemEvent::HealthySeen { revision } = event { Some(revision) } else { None }
        })
    }

    /// Folds every stream again from the bytes of its events: what a new process would load.
    pub(crate) fn verify(&self) {
        let mut folded: BTreeMap<&IncidentId, Incident> = BTreeMap::new();
        let mut heads: BTreeMap<&Stream, Revision> = BTreeMap::new();
        for row in &self.rows {
            let bytes = serde_json::to_string(&row.event).expect("events serialise");
            let read: HistoryEvent = serde_json::from_str(&bytes).expect("what was written reads back");
            assert_eq!(read, row.event, "an event survives its bytes");
            let head = heads.entry(&row.stream).or_default();
            assert_eq!(row.revision, head.next(), "no gap in {:?}", row.stream);
            *head = row.revision;
            if let (Stream::Incident(id), HistoryEvent::Incident(event)) = (&row.stream, &read) {
                let place = Place { id: id.clone(), revision: row.revision, at: row.at };
                let next = Incident::apply(folded.get(id), &place, event).expect("the history folds");
                folded.insert(id, next);
            }
        }
        assert_eq!(System::of(&self.rows).inventory, self.state.inventory, "the system's fold");
        for (id, projected) in &self.incidents {
            assert_eq!(folded.get(id), Some(&projected.incident), "the snapshot of {id} is the fold");
            let bytes = serde_json::to_string(&projected.incident).expect("snapshots serialise");
            let read: Incident = serde_json::from_str(&bytes).expect("a snapshot reads back");
            assert_eq!(read, projected.incident, "a snapshot survives its bytes");
        }
    }
}
