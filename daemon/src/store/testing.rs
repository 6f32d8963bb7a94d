//! Histories for tests.

use super::{OpenMode, SqliteStore, Store as _, SystemAppend};
use nightshift_model::action::{Action, RevisionRef, Risk};
use nightshift_model::apply::Place;
use nightshift_model::measure::{Measurement, Stage, VerificationSpec};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Plan, Preconditions, Proposal, Request, Sealed};
use nightshift_model::{
    Actor, Append, Appended, Cluster, Digest, Draft, Epoch, Escalation, Fingerprint, Grant, HistoryEvent,
    Incident, IncidentEvent, IncidentId, Kind, LiveFacts, Mark, ObjectRef, OpId, PersonId, Proof, ProposalId,
    Revision, Role, Seconds, Sent, Stream, SystemEvent, Timestamp, Vote, VoteDecision, digest,
};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second)
}

/// A fresh store; the folder goes with the first value.
pub(crate) async fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
    (folder, store)
}

/// Does to the file what only somebody with its rights can; statements stand between semicolons.
pub(crate) async fn as_owner(file: &std::path::Path, change: &str) {
    use sqlx::{AssertSqlSafe, ConnectOptions as _};
    let mut raw = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    for table in ["event", "checkpoint"] {
        for what in ["update", "delete", "replace"] {
            let drop = format!("DROP TRIGGER IF EXISTS audit_{table}_no_{what}");
            sqlx::query(AssertSqlSafe(drop)).execute(&mut raw).await.unwrap();
        }
    }
    for statement in change.split(';') {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut raw).await.unwrap();
    }
}

pub(crate) fn system(at: Timestamp, count: u32) -> SystemAppend {
    let event = |n| SystemEvent::AnonymousRefused { reason: "test".to_owned(), count: n };
    SystemAppend {
        fence: None,
        actor: Actor::Operator,
        at,
        events: (1..=count).map(event).collect(),
        outbox: Vec::new(),
    }
}

/// Makes a waiting message one that no program of today knows.
pub(crate) async fn damage_message(store: &SqliteStore, key: &str) {
    let sql = "UPDATE outbox SET body = '{\"message\":\"carrier-pigeon\"}' WHERE key = ?";
    let parameters = vec![super::writer::Parameter::Text(key.to_owned())];
    store.writer().unwrap().statement(sql, parameters).await.unwrap();
}

pub(crate) fn opened(name: &str) -> IncidentEvent {
    IncidentEvent::Opened {
        scope: ObjectRef::new(Kind::Deployment, "shop", name, "u1"),
        cause: Fingerprint::from("0011223344556677"),
    }
}

/// What may come again and again.
pub(crate) fn asked() -> IncidentEvent {
    IncidentEvent::EvidenceWanted { wanted: Vec::new() }
}

/// The engine's `advance`, for any events.
pub(crate) fn append(
    before: Option<&Incident>,
    id: &IncidentId,
    events: Vec<IncidentEvent>,
    at: Timestamp,
) -> Append {
    let expect = before.map_or(Revision(0), |i| i.revision);
    let mut fold = before.cloned();
    for event in &events {
        let revision = fold.as_ref().map_or(Revision(1), |i| i.revision.next());
        fold = Some(Incident::apply(fold.as_ref(), &Place { id: id.clone(), revision, at }, event).unwrap());
    }
    Append {
        stream: Stream::Incident(id.clone()),
        expect,
        fence: None,
        actor: Actor::Nightshift(Role::Responder),
        at,
        events: events.into_iter().map(HistoryEvent::Incident).collect(),
        snapshot: fold,
        wake_at: None,
        outbox: Vec::new(),
    }
}

/// Appends and answers the fold.
pub(crate) async fn advance(
    store: &SqliteStore,
    before: Option<&Incident>,
    id: &IncidentId,
    events: Vec<IncidentEvent>,
    at: Timestamp,
) -> Incident {
    let append = append(before, id, events, at);
    let fold = append.snapshot.clone().unwrap();
    assert_eq!(store.append(append).await.unwrap(), Appended::Committed);
    fold
}

/// From the first sight of a fault to a write that took effect. `voters` voted, `granted` are in the grant.
pub(crate) async fn executed(
    store: &SqliteStore,
    id: &IncidentId,
    voters: &[&str],
    granted: &[&str],
) -> Incident {
    let sent = Sent::Applied { status: 200, resource_version: "8".to_owned() };
    let mut events = until_sending(id, voters, granted);
    events.push(IncidentEvent::Sent { sent });
    one_by_one(store, id, events).await
}

/// A proposal of some risk that waits.
pub(crate) async fn proposed(store: &SqliteStore, id: &IncidentId, risk: Risk) -> Incident {
    let plan = Plan { risk, ..proposal(id, 3).plan().clone() };
    let sealed = IncidentEvent::Sealed { proposal: Proposal::seal(plan, at(2)) };
    one_by_one(store, id, vec![opened("cart"), IncidentEvent::Planned { draft: draft() }, sealed]).await
}

/// The same, up to a request that may be under way.
pub(crate) async fn sending(store: &SqliteStore, id: &IncidentId) -> Incident {
    one_by_one(store, id, until_sending(id, &["alice"], &["alice"])).await
}

async fn one_by_one(store: &SqliteStore, id: &IncidentId, events: Vec<IncidentEvent>) -> Incident {
    let mut fold = None;
    for (second, event) in (0..).zip(events) {
        fold = Some(advance(store, fold.as_ref(), id, vec![event], at(second)).await);
    }
    fold.unwrap()
}

fn until_sending(id: &IncidentId, voters: &[&str], granted: &[&str]) -> Vec<IncidentEvent> {
    let proposal = proposal(id, 3);
    let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
    let mut events = vec![
        opened("cart"),
        IncidentEvent::Planned { draft: draft() },
        IncidentEvent::Sealed { proposal: proposal.clone() },
    ];
    events.extend(voters.iter().map(|v| IncidentEvent::Voted { vote: vote(&proposal, v) }));
    let grant = Grant {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        persons: granted.iter().map(|&p| PersonId::from(p)).collect(),
        at: at(5),
        until: at(600),
    };
    let live = LiveFacts {
        uid: "u1".to_owned(),
        resource_version: "7".to_owned(),
        difference: digest("t", b"difference"),
        at: at(6),
    };
    events.extend([
        IncidentEvent::Granted { grant },
        IncidentEvent::Measured {
            measurement: Measurement { at: at(6), stage: Stage::Before, readings: Vec::new() },
        },
        IncidentEvent::Claimed { mark: mark.clone() },
        IncidentEvent::Rechecked { live },
        IncidentEvent::Marked { mark: mark.clone() },
        IncidentEvent::Sending { mark },
    ]);
    events
}

pub(crate) fn escalated() -> IncidentEvent {
    IncidentEvent::Escalated { why: Escalation::SupersededTwice }
}

fn action() -> Action {
    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "u1");
    Action::RollbackDeployment {
        target,
        to: RevisionRef {
            replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", "cart-1", "u2"),
            number: 1,
            template: digest("t", b"template"),
            images: Vec::new(),
            healthy_at: Some(at(-60)),
        },
    }
}

fn verification() -> VerificationSpec {
    VerificationSpec {
        soak: Seconds(60),
        every: Seconds(10),
        samples: 3,
        deadline: Seconds(600),
        max_age: Seconds(60),
        measures: Vec::new(),
        cluster_only: None,
    }
}

fn draft() -> Draft {
    Draft {
        playbook: "test".to_owned(),
        action: action(),
        cause: "a test".to_owned(),
        evidence: Vec::new(),
        hazards: Vec::new(),
        risk: Risk::Low,
        shown: Vec::new(),
        verification: verification(),
        inverse: Inverse { action: Some(action()), sentence: "roll forward".to_owned() },
        selector: "app=cart".to_owned(),
        blast: Blast { objects: 1, replicas: 2, available: 0 },
    }
}

fn proposal(incident: &IncidentId, revision: u64) -> Proposal {
    let id = ProposalId::of(incident, revision);
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: Cluster { uid: "c1".to_owned(), name: "test".to_owned() },
        incident: incident.clone(),
        op: OpId::of(&id, 1),
        proposal: id,
        playbook: "test".to_owned(),
        action: action(),
        action_version: 1,
        request: Request {
            method: "PATCH".to_owned(),
            path: "/apis/apps/v1/namespaces/shop/deployments/cart".to_owned(),
            content_type: "application/json-patch+json".to_owned(),
            field_manager: "nightshift".to_owned(),
            body: Sealed::Bytes("[]".to_owned()),
        },
        shown: Vec::new(),
        difference: digest("t", b"difference"),
        preconditions: Preconditions {
            uid: "u1".to_owned(),
            spec: digest("t", b"spec"),
            generation: 1,
            autoscaled: false,
            selector: "app=cart".to_owned(),
        },
        blast: Blast { objects: 1, replicas: 2, available: 0 },
        cause: "a test".to_owned(),
        hazards: Vec::new(),
        risk: Risk::Low,
        verification: verification(),
        inverse: Inverse { action: Some(action()), sentence: "roll forward".to_owned() },
        policy: Digest([0; 32]),
        evidence: Vec::new(),
        proposer: Actor::Nightshift(Role::Responder),
        wish: None,
        not_after: at(3600),
    };
    Proposal::seal(plan, at(2))
}

fn vote(proposal: &Proposal, person: &str) -> Vote {
    Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision: VoteDecision::Approve,
        person: PersonId::from(person),
        no: 1,
        at: at(4),
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "test".to_owned() },
    }
}
