//! A small history: one proposal waits, one was carried out and proven.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here

use crate::clock::Clock;
use crate::runtime::checkpoint::{Integrity, Keeper, Say, Signing};
use crate::runtime::offline::{OpenMode, SqliteStore};
use crate::runtime::run::line;
use crate::store::{HistoryStore as _, Store as _, SystemAppend};
use nightshift_engine::correlate::alerts::standing;
use nightshift_model::action::{RevisionRef, Risk};
use nightshift_model::alert::Flag;
use nightshift_model::apply::Place;
use nightshift_model::effect::Me;
use nightshift_model::evidence::{ContainerLine, LogExcerpt, PodLine, RevisionLine, Rollouts, WorkloadFacts};
use nightshift_model::measure::{Check, ClusterCondition, Comparison, Stage, Value, VerificationSpec};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Plan, Preconditions, Request, Sealed};
use nightshift_model::{
    Action, Actor, Alert, Append, Appended, Cluster, Digest, Draft, Epoch, Escalation, Evidence, EvidenceId,
    EvidenceRequest, Exit, ExitClass, FieldChange, Finding, Grant, HistoryEvent, Incident, IncidentEvent,
    IncidentId, Kind, LiveFacts, Mark, Measure, Measurement, NotChecked, ObjectRef, Observed, OpId, Origin,
    Outcome, PersonId, Proof, Proposal, ProposalId, Reading, Reason, Revision, Role, Seconds, Sent, Severity,
    Shown, Stream, Timestamp, Tool, Vote, VoteDecision, digest,
};
use nightshift_model::{Got, Manner, SystemEvent, Told, Turn, evidence};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// 2027-01-15 02:00 UTC.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_799_978_400 + second)
}

/// Writes the history into a folder.
pub(super) async fn history(folder: &Path) -> PathBuf {
    let path = folder.join("nightshift.db");
    let store = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap();
    let waiting = IncidentId::from("inc-0waiting00");
    let events = until_sealed("cart", &waiting);
    write(&store, &waiting, 600, events).await;
    let proven = IncidentId::from("inc-1proven000");
    let mut events = until_sealed("search", &proven);
    let Some(IncidentEvent::Sealed { proposal }) = events.last().cloned() else { panic!("sealed last") };
    events.extend(carried_out(&proposal));
    write(&store, &proven, 0, events).await;
    let told = IncidentId::from("inc-2told00000");
    write(&store, &told, 700, told_only()).await;
    store.close().await;
    path
}

/// Writes down that the waiting proposal was told, to a pager and in a list.
pub(super) async fn told(folder: &Path) {
    let store = SqliteStore::open(folder.join("nightshift.db"), OpenMode::ReadWrite).await.unwrap();
    let one = |channel: &str, manner, turn| Told { channel: channel.to_owned(), manner, turn };
    let routed = SystemEvent::Routed {
        message: "inc-0waiting00:9".to_owned(),
        incident: IncidentId::from("inc-0waiting00"),
        owner: "shop".to_owned(),
        severity: Severity::Critical,
        to: vec![one("pager", Manner::Page, Turn::Single), one("chat", Manner::Post, Turn::Listed)],
        why: "no row matches; critical pages by default".to_owned(),
    };
    let append = SystemAppend {
        fence: None,
        actor: Actor::Nightshift(Role::Responder),
        at: at(610),
        events: vec![routed],
        outbox: Vec::new(),
    };
    store.append_system(append).await.unwrap();
    store.close().await;
}

/// The Watchdog was heard of at 02:00.
pub(super) async fn watchdog(folder: &Path) {
    let store = SqliteStore::open(folder.join("nightshift.db"), OpenMode::ReadWrite).await.unwrap();
    let body = r#"{"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Watchdog"}}]}"#;
    let told = nightshift_engine::alert::read(body.as_bytes(), at(0)).unwrap();
    store.alerts_tell(&told, at(0)).await.unwrap();
    store.close().await;
}

/// An alert that nothing else bears out.
fn told_only() -> Vec<IncidentEvent> {
    let scope = deployment("api");
    let alert = |name: &str, since: i64, ended: Option<i64>| Alert {
        fingerprint: format!("{name:0>16}"),
        started: at(since),
        since: at(since),
        ended: ended.map(at),
        name: name.to_owned(),
        severity: "warning".to_owned(),
        summary: "Requests take longer than a second.".to_owned(),
        receiver: "night.shift".to_owned(),
        labels: std::collections::BTreeMap::new(),
        flags: vec![Flag::Unknown],
    };
    let alerts = standing(vec![alert("ApiSlow", 640, None), alert("ApiErrors", 600, Some(690))], 1, 14);
    let cause = nightshift_engine::correlate::alerts::cause_of(&scope, "ApiSlow");
    let reasons = vec!["alert ApiSlow is all there is".to_owned()];
    vec![
        IncidentEvent::Opened { scope, cause },
        IncidentEvent::AlertsChanged { alerts },
        IncidentEvent::Escalated { why: Escalation::NoPlan { reasons, handover: None } },
    ]
}

/// Signs the history as an executor does that starts and stops; its key, and the line it wrote to stdout.
pub(super) async fn signed(folder: &Path) -> (String, String) {
    let store = SqliteStore::open(folder.join("nightshift.db"), OpenMode::ReadWrite).await.unwrap();
    let epoch = store.take(Role::Executor, "test", Epoch(0)).await.unwrap();
    let me = Me { role: Role::Executor, epoch, actor: Actor::Nightshift(Role::Executor) };
    let (trust, _integrity) = tokio::sync::watch::channel(Integrity::Unchecked { why: "test".to_owned() });
    let said: Arc<Mutex<String>> = Arc::default();
    let hear = Arc::clone(&said);
    let say: Say = Arc::new(move |stored| *hear.lock().unwrap() = line(stored));
    let signing = Signing { folder: folder.join("executor-keys"), say };
    let clock = Clock::scaled(at(1_200), 1);
    let keeper = Keeper::open(signing, store.clone(), clock, me, "test", trust).await.unwrap();
    keeper.sign_last().await;
    store.close().await;
    let line = said.lock().unwrap().clone();
    let store = SqliteStore::open(folder.join("nightshift.db"), OpenMode::ReadOnly).await.unwrap();
    let named = store.system_events(&["checkpoint-key"]).await.unwrap();
    let HistoryEvent::System(SystemEvent::CheckpointKey { vkey, .. }) = &named[0].event else {
        panic!("named")
    };
    (vkey.clone(), line)
}

async fn write(store: &SqliteStore, id: &IncidentId, start: i64, events: Vec<IncidentEvent>) {
    let mut fold: Option<Incident> = None;
    for (step, event) in (0..).zip(events) {
        let (at, expect) = (at(start + step * 5), fold.as_ref().map_or(Revision(0), |i| i.revision));
        let place = Place { id: id.clone(), revision: expect.next(), at };
        let next = Incident::apply(fold.as_ref(), &place, &event).unwrap();
        let person = if let IncidentEvent::Voted { vote } = &event {
            Some(Actor::Person(vote.person.clone()))
        } else {
            None
        };
        let append = Append {
            stream: Stream::Incident(id.clone()),
            expect,
            fence: None,
            actor: person.unwrap_or(Actor::Nightshift(Role::Responder)),
            at,
            events: vec![HistoryEvent::Incident(event)],
            snapshot: Some(next.clone()),
            wake_at: None,
            outbox: Vec::new(),
        };
        assert_eq!(store.append(append).await.unwrap(), Appended::Committed);
        fold = Some(next);
    }
}

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", name, "u-1")
}

fn until_sealed(name: &str, id: &IncidentId) -> Vec<IncidentEvent> {
    let scope = deployment(name);
    let finding = Finding {
        reason: Reason::CrashLoopBackOff,
        severity: Severity::Critical,
        object: ObjectRef::new(Kind::Pod, "shop", &format!("{name}-7d4-x"), "u-9"),
        container: "app".to_owned(),
        template_hash: "7d4".to_owned(),
        exit: Some(Exit { code: 1, class: ExitClass::Application, at: None }),
        cause: nightshift_model::Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 2,
        since: at(-30),
        origin: Origin::Seen,
    };
    let answers = answers(name);
    let mut events = vec![
        IncidentEvent::Opened {
            scope: scope.clone(),
            cause: Finding::fingerprint(&scope, Reason::CrashLoopBackOff),
        },
        IncidentEvent::FindingsChanged { findings: vec![finding] },
        IncidentEvent::EvidenceWanted {
            wanted: answers.iter().map(|e| EvidenceRequest { id: e.id, tool: e.tool.clone() }).collect(),
        },
    ];
    events.extend(answers.into_iter().map(|evidence| IncidentEvent::EvidenceGot { evidence }));
    let draft = draft(name);
    let revision = u64::try_from(events.len()).unwrap() + 2;
    let proposal = proposal(id, revision, &draft);
    events.extend([IncidentEvent::Planned { draft }, IncidentEvent::Sealed { proposal }]);
    events
}

fn answers(name: &str) -> Vec<Evidence> {
    let target = deployment(name);
    let selector = format!("app={name}");
    let workload = WorkloadFacts {
        depends_on: Vec::new(),
        object: target.clone(),
        selector: selector.clone(),
        revision: 2,
        generation: 3,
        replicas: 2,
        available: 0,
        updated: 2,
        paused: false,
        strategy: "RollingUpdate".to_owned(),
        service_account: "default".to_owned(),
        template: digest("t", b"two"),
        gitops: None,
        helm: None,
        operator: None,
        rollback_floor: None,
        change_cause: None,
        written_by: None,
        conditions: Vec::new(),
        replacing: evidence::Replacing::default(),
        unavailable_since: None,
        restarting: None,
    };
    let pod = PodLine {
        pod: ObjectRef::new(Kind::Pod, "shop", &format!("{name}-7d4-x"), "u-9"),
        node: "node-1".to_owned(),
        phase: "Running".to_owned(),
        ready: false,
        template_hash: "7d4".to_owned(),
        started: None,
        unready_since: None,
        leaving: false,
        keeps: nightshift_model::evidence::Keeps::default(),
        containers: vec![ContainerLine {
            running_since: None,
            name: "app".to_owned(),
            init: false,
            image: format!("registry/{name}:2"),
            image_id: String::new(),
            state: "waiting: CrashLoopBackOff".to_owned(),
            restarts: 4,
            ready: false,
            last_exit: Some(1),
            last_reason: "Error".to_owned(),
            last_ended: None,
            last_started: None,
        }],
    };
    let log = LogExcerpt {
        lines: vec!["starting".to_owned(), "panic: no such table: \u{1b}[31mcarts".to_owned()],
        cut: None,
        redacted: 0,
    };
    let tail = Tool::PreviousLog { pod: pod.pod.clone(), container: "app".to_owned() };
    let revisions = vec![revision(name, 2, "7d4", b"two"), revision(name, 1, "5c9", b"one")];
    let unasked = Got::NotChecked { why: NotChecked::NotConfigured, detail: String::new() };
    let query = Tool::Query { name: "restarts".to_owned(), promql: "up".to_owned() };
    let list = [
        (
            Tool::Workload { target: target.clone() },
            "GET deployments",
            Got::Facts(Observed::Workload(workload)),
        ),
        (
            Tool::Pods { target: target.clone(), selector: selector.clone() },
            "GET pods",
            Got::Facts(Observed::Pods(vec![pod])),
        ),
        (tail, "GET pods/log", Got::Facts(Observed::Log(log))),
        (
            Tool::Rollouts { target: target.clone(), selector },
            "GET replicasets",
            Got::Facts(Observed::Rollouts(Rollouts { revisions, changes: Vec::new() })),
        ),
        (
            Tool::Healthy { target: target.clone() },
            "history",
            Got::Facts(Observed::Healthy(vec![healthy(&target)])),
        ),
        (query, "Prometheus query restarts", unasked),
    ];
    (1..)
        .zip(list)
        .map(|(id, (tool, source, got))| Evidence {
            id: EvidenceId(id),
            tool,
            source: source.to_owned(),
            at: at(20),
            got,
        })
        .collect()
}

fn revision(name: &str, number: u64, hash: &str, template: &[u8]) -> RevisionLine {
    RevisionLine {
        replica_set: ObjectRef::new(
            Kind::ReplicaSet,
            "shop",
            &format!("{name}-{hash}"),
            &format!("u-{hash}"),
        ),
        number,
        template_hash: hash.to_owned(),
        template: digest("t", template),
        created: Some(at(-60)),
        images: vec![format!("app=registry/{name}:{number}")],
        service_account: "default".to_owned(),
        replicas: if number == 2 { 2 } else { 0 },
        ready: 0,
        references: Vec::new(),
        migration_hints: Vec::new(),
        privileges: Vec::new(),
        keys: Vec::new(),
        requests: evidence::Requests::default(),
    }
}

fn healthy(target: &ObjectRef) -> evidence::HealthyRevision {
    evidence::HealthyRevision {
        workload: target.clone(),
        replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", &format!("{}-5c9", target.name), "u-5c9"),
        number: 1,
        template_hash: "5c9".to_owned(),
        images: Vec::new(),
        since: at(-7_200),
        at: at(-6_900),
    }
}

fn draft(name: &str) -> Draft {
    let target = deployment(name);
    let to = |number: u64, hash: &str, template: &[u8]| Action::RollbackDeployment {
        target: target.clone(),
        to: RevisionRef {
            replica_set: ObjectRef::new(
                Kind::ReplicaSet,
                "shop",
                &format!("{name}-{hash}"),
                &format!("u-{hash}"),
            ),
            number,
            template: digest("t", template),
            images: Vec::new(),
            healthy_at: Some(at(-6_900)),
        },
    };
    let query = Check::Query {
        promql: format!("sum(kube_deployment_status_replicas_unavailable{{deployment=\"{name}\"}})"),
        holds: Comparison::Equal,
        threshold: "0".to_owned(),
        fresh: "up".to_owned(),
    };
    let cluster = Check::Cluster { condition: ClusterCondition::RolledOut, target: target.clone() };
    let measure = |name: &str, check, red_first| Measure { name: name.to_owned(), check, red_first };
    Draft {
        playbook: "rollback-deployment".to_owned(),
        action: to(1, "5c9", b"one"),
        cause: "Container app of revision 2 crash-loops; revision 1 was healthy.".to_owned(),
        evidence: (1..=5).map(EvidenceId).collect(),
        hazards: vec![
            "Only the pod template returns: not replicas, ConfigMaps, Secrets, or data.".to_owned(),
        ],
        risk: Risk::Medium,
        shown: vec![FieldChange {
            path: "/spec/template/spec/containers/app/image".to_owned(),
            before: Shown::Value(format!("registry/{name}:2")),
            after: Shown::Value(format!("registry/{name}:1")),
        }],
        verification: VerificationSpec {
            soak: Seconds(900),
            every: Seconds(15),
            samples: 2,
            deadline: Seconds(1_800),
            max_age: Seconds(120),
            measures: vec![
                measure("unavailable-replicas", query, true),
                measure("rolled-out", cluster, true),
            ],
            cluster_only: None,
        },
        inverse: Inverse {
            action: Some(to(2, "7d4", b"two")),
            sentence: "Roll forward to revision 2 again.".to_owned(),
        },
        selector: format!("app={name}"),
        blast: Blast { objects: 1, replicas: 2, available: 0 },
    }
}

fn proposal(incident: &IncidentId, revision: u64, draft: &Draft) -> Proposal {
    let id = ProposalId::of(incident, revision);
    let target = draft.action.target();
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: Cluster { uid: "c-1".to_owned(), name: "test".to_owned() },
        incident: incident.clone(),
        op: OpId::of(&id, 1),
        proposal: id,
        playbook: draft.playbook.clone(),
        action: draft.action.clone(),
        action_version: 1,
        request: Request {
            method: "PATCH".to_owned(),
            path: target.path().unwrap(),
            content_type: "application/json-patch+json".to_owned(),
            field_manager: "nightshift".to_owned(),
            body: Sealed::Bytes("[]".to_owned()),
        },
        shown: draft.shown.clone(),
        difference: digest("t", b"difference"),
        preconditions: Preconditions {
            uid: target.uid.clone(),
            spec: digest("t", b"spec"),
            generation: 3,
            autoscaled: false,
            selector: draft.selector.clone(),
        },
        blast: draft.blast,
        cause: draft.cause.clone(),
        hazards: draft.hazards.clone(),
        risk: draft.risk,
        verification: draft.verification.clone(),
        inverse: draft.inverse.clone(),
        policy: Digest([0; 32]),
        evidence: draft.evidence.clone(),
        proposer: Actor::Nightshift(Role::Responder),
        wish: None,
        not_after: at(4_200),
    };
    Proposal::seal(plan, at(650))
}

fn carried_out(proposal: &Proposal) -> Vec<IncidentEvent> {
    let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
    let look = |second, stage, value: Value| {
        let reading = |name: &str| Reading { name: name.to_owned(), value: value.clone() };
        let readings = vec![reading("unavailable-replicas"), reading("rolled-out")];
        IncidentEvent::Measured { measurement: Measurement { at: at(second), stage, readings } }
    };
    let alice = PersonId::from("alice");
    let vote = Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision: VoteDecision::Approve,
        person: alice.clone(),
        no: 1,
        at: at(60),
        reason: "seen, thanks".to_owned(),
        interactive: true,
        proof: Proof::Attested { by: "session".to_owned() },
    };
    let grant = Grant {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        persons: vec![alice],
        at: at(60),
        until: at(660),
    };
    let live = LiveFacts {
        uid: "u-1".to_owned(),
        resource_version: "7".to_owned(),
        difference: digest("t", b"difference"),
        at: at(61),
    };
    vec![
        IncidentEvent::Voted { vote },
        IncidentEvent::Granted { grant },
        look(70, Stage::Before, Value::Fails("2".to_owned())),
        IncidentEvent::Claimed { mark: mark.clone() },
        IncidentEvent::Rechecked { live },
        IncidentEvent::Marked { mark: mark.clone() },
        IncidentEvent::Sending { mark },
        IncidentEvent::Sent { sent: Sent::Applied { status: 200, resource_version: "8".to_owned() } },
        look(100, Stage::After, Value::Holds("0".to_owned())),
        IncidentEvent::FindingsChanged { findings: Vec::new() },
        IncidentEvent::Judged { outcome: Outcome::Successful },
    ]
}
