//! One incident with a sealed proposal in a real store, behind a real listener.

use crate::people::{Browser, registry};
use crate::since;
use nightshift::api::ready::Readiness;
use nightshift::clock::Clock;
use nightshift::config::{self, Keys};
use nightshift::http::gate::{Digests, Gate, Parts, Site, Visible};
use nightshift::http::listen;
use nightshift::http::metrics::GateMetrics;
use nightshift::http::stream::Streams;
use nightshift::stages::digest::{Daily, DigestStage, sheet};
use nightshift::stages::query::Reads;
use nightshift::stages::vote::Votes;
use nightshift::stages::vote::people::People;
use nightshift::store::{HistoryStore as _, OpenMode, SqliteStore};
use nightshift_engine::digest::Acting;
use nightshift_engine::normal::{spec_digest, template_digest};
use nightshift_engine::rules::{KillSwitch, Mode, Rules, Standing};
use nightshift_engine::since::Look;
use nightshift_engine::{Store as _, advance};
use nightshift_model::action::SeenImage;
use nightshift_model::evidence::{
    ContainerLine, EventLine, HealthyRevision, LogExcerpt, PodLine, Replacing, Requests, RevisionChange,
    RevisionLine, Rollouts, WorkloadFacts,
};
use nightshift_model::measure::{Check, ClusterCondition, Comparison, Measure};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Preconditions};
use nightshift_model::{
    Action, Actor, Appended, Cluster, Digest, Draft, Evidence, EvidenceId, EvidenceRequest, Exit, ExitClass,
    FieldChange, Finding, Got, HistoryEvent, Incident, IncidentEvent, IncidentId, Kind, NotChecked,
    ObjectRef, Observed, OpId, Origin, Plan, Proposal, ProposalId, Reason, Request, RevisionRef, Risk, Role,
    Sealed, Seconds, Severity, Shown, SystemEvent, Timestamp, Tool, VerificationSpec, digest,
};
use nightshift_playbooks::Catalog;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// When the fixture's clock starts.
pub(crate) fn start() -> Timestamp {
    "2026-03-03T02:07:00Z".parse().unwrap()
}

/// A gate with everything behind it.
pub(crate) struct Night {
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: SqliteStore,
    pub(crate) people: People,
    pub(crate) keys: Arc<Keys>,
    pub(crate) rules: Arc<Mutex<Rules>>,
    pub(crate) address: SocketAddr,
    pub(crate) incident: IncidentId,
    /// What a look at the cluster answers; `None` never does.
    pub(crate) cluster: Arc<Mutex<Option<Look>>>,
    /// The places for live pages.
    pub(crate) streams: Streams,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Night {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn rules() -> Rules {
    let registry = registry();
    let playbooks = Catalog::embedded();
    let mode = Mode::Approve { namespaces: vec!["shop".to_owned()] };
    Rules {
        cluster: Cluster { uid: "3f1c".to_owned(), name: "production".to_owned() },
        policy: Rules::policy_digest(&registry, &playbooks, &mode),
        mode,
        registry: Arc::new(registry),
        playbooks: Arc::new(playbooks),
        prometheus: true,
        noise: nightshift_model::Noise::default(),
        home: "nightshift".to_owned(),
        standing: Standing::default(),
    }
}

impl Night {
    /// A night with nothing in it.
    pub(crate) async fn quiet() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
        let clock = Clock::scaled(start(), 1);
        let keys = Arc::new(Keys::random().unwrap());
        let rules = Arc::new(Mutex::new(rules()));
        let shared = Arc::clone(&rules);
        let history = store.clone();
        let now: nightshift::stages::RulesNow = Arc::new(move || {
            let mut rules = shared.lock().unwrap().clone();
            let store = history.clone();
            Box::pin(async move {
                let rows = store.system_events(&["kill-switch-set", "kill-switch-cleared"]).await.unwrap();
                let system = nightshift_engine::standing::System::of(&rows);
                if system.kill_switch != KillSwitch::Clear {
                    rules.standing.kill_switch = system.kill_switch;
                }
                rules
            })
        });
        let listener = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let cluster = Arc::new(Mutex::new(Some(since::as_sealed())));
        let shown = Arc::clone(&cluster);
        let stage = Arc::new(digests(store.clone(), rules.lock().unwrap().clone(), clock));
        let shelf = Arc::clone(&stage);
        let people = People::new(store.clone(), Arc::clone(&now), clock);
        let stop = CancellationToken::new();
        let streams = Streams::new(Reads::new(store.clone(), clock), clock, stop.clone());
        let gate = Gate::new(Parts {
            votes: Votes::new(store.clone(), Arc::clone(&now), clock, Arc::new(|_| ())),
            reads: Reads::new(store.clone(), clock),
            people: people.clone(),
            keys: Arc::clone(&keys),
            clock,
            site: Site::of(&config::Gate::default(), address, zone),
            metrics: GateMetrics::default(),
            digests: Digests {
                of: Arc::new(move |date, sees| {
                    let stage = Arc::clone(&stage);
                    Box::pin(async move {
                        if date.year() == 2026 { Some(told(&stage, sees).await) } else { None }
                    })
                }),
                days: Arc::new(move |before, sees| {
                    let stage = Arc::clone(&shelf);
                    Box::pin(async move { stage.days(before, &*sees).await })
                }),
            },
            ready: Arc::new(|| Readiness { ready: true, gaps: Vec::new() }),
            streams: streams.clone(),
            live: Some(Arc::new(move |_| {
                let answer = shown.lock().unwrap().clone();
                Box::pin(async move {
                    match answer {
                        Some(look) => look,
                        None => std::future::pending().await,
                    }
                })
            })),
        });
        tokio::spawn(listen::serve(listener, None, gate.router(), clock, stop.clone()));
        let incident = IncidentId::from("inc-7m2k9qx4ta");
        Self { gate, store, people, keys, rules, address, incident, cluster, streams, stop, _folder: folder }
    }

    /// A night in which a proposal waits.
    pub(crate) async fn proposed() -> Self {
        let night = Self::quiet().await;
        night.propose(|_| ()).await;
        night
    }

    /// Opens the incident, gathers evidence and seals a plan that `change` may still change.
    pub(crate) async fn propose(&self, change: impl FnOnce(&mut Plan)) -> Proposal {
        let at = start() - Seconds(240);
        let evidence = evidence(at);
        let wanted: Vec<_> =
            evidence.iter().map(|e| EvidenceRequest { id: e.id, tool: e.tool.clone() }).collect();
        let scope = deployment();
        let cause = Finding::fingerprint(&scope, Reason::CrashLoopBackOff);
        let mut events = vec![
            IncidentEvent::Opened { scope, cause },
            IncidentEvent::FindingsChanged { findings: vec![finding(at)] },
            IncidentEvent::EvidenceWanted { wanted },
        ];
        events.extend(evidence.into_iter().map(|evidence| IncidentEvent::EvidenceGot { evidence }));
        let mut plan = plan(&self.incident, self.rules.lock().unwrap().policy);
        change(&mut plan);
        events.push(IncidentEvent::Planned { draft: draft(&plan) });
        let proposal = Proposal::seal(plan, at + Seconds(40));
        events.push(IncidentEvent::Sealed { proposal: proposal.clone() });
        self.record(events, at).await;
        proposal
    }

    /// Appends events to the incident, as nightshift itself.
    pub(crate) async fn record(&self, events: Vec<IncidentEvent>, at: Timestamp) {
        self.record_in(&self.incident, events, at).await;
    }

    /// Appends events to any incident.
    pub(crate) async fn record_in(&self, id: &IncidentId, events: Vec<IncidentEvent>, at: Timestamp) {
        let before = self.store.load(id).await.ok();
        let rules = self.rules.lock().unwrap().clone();
        let actor = Actor::Nightshift(Role::Responder);
        let append = advance(before.as_ref(), id, events, None, actor, at, &rules).unwrap();
        assert_eq!(self.store.append(append).await.unwrap(), Appended::Committed);
    }

    /// Opens an incident of a Deployment, seconds before the night begins.
    pub(crate) async fn open(&self, id: &str, namespace: &str, name: &str, seconds: u64) -> IncidentId {
        let id = IncidentId::from(id);
        let scope = ObjectRef::new(Kind::Deployment, namespace, name, name);
        let cause = Finding::fingerprint(&scope, Reason::CrashLoopBackOff);
        let at = start() - Seconds(seconds);
        let mut finding = finding(at);
        finding.object = ObjectRef::new(Kind::Pod, namespace, &format!("{name}-2xkqp"), "p");
        let events = vec![
            IncidentEvent::Opened { scope, cause },
            IncidentEvent::FindingsChanged { findings: vec![finding] },
        ];
        self.record_in(&id, events, at).await;
        id
    }

    /// The incident's fold.
    pub(crate) async fn fold(&self) -> Incident {
        self.store.load(&self.incident).await.unwrap()
    }

    /// Kinds of the system stream's events with the reason of refusals.
    pub(crate) async fn system(&self) -> Vec<String> {
        let rows = self.store.system_events(&[]).await.unwrap();
        rows.iter()
            .map(|row| match &row.event {
                HistoryEvent::System(SystemEvent::VoteRefused { person, why, .. }) => {
                    format!("vote-refused {person} {}", why.as_str())
                }
                event => event.kind().to_owned(),
            })
            .collect()
    }

    /// A browser that has signed in with a link of its own.
    pub(crate) async fn signed_in(&self, person: &str) -> Browser {
        let mut browser = self.stranger();
        browser.sign_in(self, person).await;
        browser
    }

    /// A browser that nobody has signed in with.
    pub(crate) fn stranger(&self) -> Browser {
        Browser::new(format!("http://{}", self.address))
    }
}

pub(crate) fn deployment() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "cart", "9d3f0c1e")
}

fn replica_set(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::ReplicaSet, "shop", name, "b7716d02")
}

fn finding(at: Timestamp) -> Finding {
    Finding {
        reason: Reason::CrashLoopBackOff,
        severity: Severity::Warning,
        object: ObjectRef::new(Kind::Pod, "shop", "cart-6c9f7d5b4-2xkqp", "p1"),
        container: "app".to_owned(),
        template_hash: "6c9f7d5b4".to_owned(),
        exit: Some(Exit { code: 1, class: ExitClass::Application, at: Some(at - Seconds(20)) }),
        cause: nightshift_model::Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 3,
        since: at - Seconds(150),
        origin: Origin::Seen,
    }
}

pub(crate) fn evidence(at: Timestamp) -> Vec<Evidence> {
    let target = deployment();
    let selector = "app=cart".to_owned();
    let pod = ObjectRef::new(Kind::Pod, "shop", "cart-6c9f7d5b4-2xkqp", "p1");
    let piece = |id, tool, source: &str, got| Evidence {
        id: EvidenceId(id),
        tool,
        source: source.to_owned(),
        at: at + Seconds(20),
        got,
    };
    let facts = |observed| Got::Facts(observed);
    let line = |name: &str, restarts| PodLine {
        pod: ObjectRef::new(Kind::Pod, "shop", name, "p"),
        node: "node-b".to_owned(),
        phase: "Running".to_owned(),
        ready: false,
        template_hash: "6c9f7d5b4".to_owned(),
        started: None,
        unready_since: None,
        leaving: false,
        keeps: nightshift_model::evidence::Keeps::default(),
        containers: vec![ContainerLine {
            running_since: None,
            name: "app".to_owned(),
            init: false,
            image: "registry.example.com/cart:2.15.0".to_owned(),
            image_id: String::new(),
            state: "waiting: CrashLoopBackOff".to_owned(),
            restarts,
            ready: false,
            last_exit: Some(1),
            last_reason: "Error".to_owned(),
            last_ended: Some(at),
            last_started: None,
        }],
    };
    let log = [
        "starting cart 2.15.0 (build 8f1e2a)",
        "config: loaded 14 keys from environment",
        "db: connecting to postgres://cart:[redacted]@db.shop:5432/cart",
        "config: required key CART_CURRENCY is not set",
        "fatal: cannot start: configuration is incomplete",
    ];
    let revision = |number, hash: &str, image: &str, ready| RevisionLine {
        replica_set: replica_set(&format!("cart-{hash}")),
        number,
        template_hash: hash.to_owned(),
        template: digest("t", hash.as_bytes()),
        created: Some(at - Seconds(200)),
        images: vec![format!("app=registry.example.com/cart:{image}")],
        service_account: "cart".to_owned(),
        replicas: 4,
        ready,
        references: vec!["ConfigMap cart".to_owned()],
        migration_hints: Vec::new(),
        privileges: Vec::new(),
        keys: Vec::new(),
        requests: Requests::default(),
    };
    vec![
        piece(
            1,
            Tool::Workload { target: target.clone() },
            "kubectl -n shop get deployment cart",
            facts(Observed::Workload(WorkloadFacts {
                depends_on: Vec::new(),
                object: target.clone(),
                selector: selector.clone(),
                revision: 42,
                generation: 57,
                replicas: 4,
                available: 3,
                updated: 3,
                paused: false,
                strategy: "RollingUpdate".to_owned(),
                service_account: "cart".to_owned(),
                template: digest("t", b"new"),
                gitops: None,
                helm: None,
                operator: None,
                rollback_floor: None,
                change_cause: Some("release 2.15.0".to_owned()),
                written_by: None,
                conditions: vec![
                    "Available=True MinimumReplicasAvailable".to_owned(),
                    "Progressing=True ReplicaSetUpdated".to_owned(),
                ],
                replacing: Replacing::default(),
                unavailable_since: None,
                restarting: None,
            })),
        ),
        piece(
            2,
            Tool::Pods { target: target.clone(), selector: selector.clone() },
            "kubectl -n shop get pods -l app=cart",
            facts(Observed::Pods(vec![
                line("cart-6c9f7d5b4-2xkqp", 5),
                line("cart-6c9f7d5b4-8wz4n", 5),
                line("cart-6c9f7d5b4-vq7lt", 4),
            ])),
        ),
        piece(
            3,
            Tool::PreviousLog { pod, container: "app".to_owned() },
            "kubectl -n shop logs --previous cart-6c9f7d5b4-2xkqp -c app",
            facts(Observed::Log(LogExcerpt {
                lines: log.iter().map(ToString::to_string).collect(),
                cut: None,
                redacted: 1,
            })),
        ),
        piece(
            4,
            Tool::Rollouts { target: target.clone(), selector: selector.clone() },
            "kubectl -n shop get replicasets -l app=cart",
            facts(Observed::Rollouts(Rollouts {
                revisions: vec![
                    revision(42, "6c9f7d5b4", "2.15.0", 0),
                    revision(41, "5b8d6f9c7", "2.14.3", 3),
                ],
                changes: vec![RevisionChange { number: 41, changes: changes() }],
            })),
        ),
        piece(
            5,
            Tool::Healthy { target: target.clone() },
            "nightshift’s own history",
            facts(Observed::Healthy(vec![HealthyRevision {
                workload: target.clone(),
                replica_set: replica_set("cart-5b8d6f9c7"),
                number: 41,
                template_hash: "5b8d6f9c7".to_owned(),
                images: images(),
                since: at - Seconds(86_400),
                at: at - Seconds(86_100),
            }])),
        ),
        piece(
            6,
            Tool::Events { about: target.clone() },
            "kubectl -n shop get events",
            facts(Observed::Events(vec![EventLine {
                at: Some(at - Seconds(30)),
                kind: "Warning".to_owned(),
                reason: "BackOff".to_owned(),
                message: "Back-off restarting failed container app in pod cart-6c9f7d5b4-2xkqp".to_owned(),
                count: 14,
            }])),
        ),
        piece(
            7,
            Tool::Node { name: "node-b".to_owned() },
            "kubectl get node node-b",
            Got::NotChecked { why: NotChecked::Forbidden, detail: "nodes is forbidden".to_owned() },
        ),
    ]
}

fn images() -> Vec<SeenImage> {
    vec![SeenImage {
        container: "app".to_owned(),
        image: "registry.example.com/cart:2.14.3".to_owned(),
        image_id: "sha256:4f1d9a2c".to_owned(),
    }]
}

fn changes() -> Vec<FieldChange> {
    let value = |text: &str| Shown::Value(text.to_owned());
    vec![
        FieldChange {
            path: "/spec/template/spec/containers/app/image".to_owned(),
            before: value("registry.example.com/cart:2.15.0"),
            after: value("registry.example.com/cart:2.14.3"),
        },
        FieldChange {
            path: "/spec/template/spec/containers/app/env/CART_CURRENCIES/value".to_owned(),
            before: Shown::Absent,
            after: Shown::Hidden,
        },
    ]
}

pub(crate) fn plan(incident: &IncidentId, policy: Digest) -> Plan {
    let id = ProposalId::of(incident, 12);
    let target = deployment();
    let healthy_at = Some(start() - Seconds(86_400));
    let earlier = template_digest(&since::source()["spec"]["template"]);
    let to = RevisionRef {
        replica_set: replica_set("cart-5b8d6f9c7"),
        number: 41,
        template: earlier,
        images: images(),
        healthy_at,
    };
    let action = Action::RollbackDeployment { target: target.clone(), to: to.clone() };
    let back = RevisionRef { replica_set: replica_set("cart-6c9f7d5b4"), number: 42, ..to.clone() };
    let cluster = |condition| Check::Cluster { condition, target: target.clone() };
    let promql = "sum(kube_deployment_status_replicas_unavailable{namespace=\"shop\",deployment=\"cart\"})";
    let query = Check::Query {
        promql: promql.to_owned(),
        holds: Comparison::Equal,
        threshold: "0".to_owned(),
        fresh: format!("max(timestamp({promql}))"),
    };
    let measure = |name: &str, check, red_first| Measure { name: name.to_owned(), check, red_first };
    Plan {
        version: PLAN_VERSION,
        cluster: Cluster { uid: "3f1c".to_owned(), name: "production".to_owned() },
        incident: incident.clone(),
        op: OpId::of(&id, 1),
        proposal: id,
        playbook: "rollback-deployment".to_owned(),
        action,
        action_version: 1,
        request: Request {
            method: "PATCH".to_owned(),
            path: "/apis/apps/v1/namespaces/shop/deployments/cart".to_owned(),
            content_type: "application/json-patch+json".to_owned(),
            field_manager: "nightshift".to_owned(),
            body: Sealed::Reference {
                source: to.replica_set,
                value: earlier,
                pointers: changes().into_iter().map(|c| c.path).collect(),
            },
        },
        shown: changes(),
        difference: digest("d", b"x"),
        preconditions: Preconditions {
            uid: target.uid.clone(),
            spec: spec_digest(&since::target(), false),
            generation: 57,
            autoscaled: false,
            selector: "app=cart".to_owned(),
        },
        blast: Blast { objects: 1, replicas: 4, available: 3 },
        cause: "Revision 42 has never been healthy. It began to crash 50 s after its rollout; revision 41 ran \
                without a restart until then."
            .to_owned(),
        hazards: vec![
            "Requests to the pods that are replaced are cut off unless they shut down gracefully.".to_owned(),
            "If revision 42 migrated data, revision 41 may not understand it. No sign of a migration was found.".to_owned(),
        ],
        risk: Risk::Medium,
        verification: VerificationSpec {
            soak: Seconds(600),
            every: Seconds(15),
            samples: 4,
            deadline: Seconds(1500),
            max_age: Seconds(60),
            measures: vec![
                measure("unavailable-replicas", query, true),
                measure("rolled-out", cluster(ClusterCondition::RolledOut), true),
                measure("no-restarts", cluster(ClusterCondition::NoRestarts), false),
            ],
            cluster_only: None,
        },
        inverse: Inverse {
            action: Some(Action::RollbackDeployment { target, to: back }),
            sentence: "Rolling forward to revision 42 again puts the template of today back.".to_owned(),
        },
        policy,
        evidence: (1..=7).map(EvidenceId).collect(),
        proposer: Actor::Nightshift(Role::Responder),
        wish: None,
        not_after: start() + Seconds(3360),
    }
}

fn draft(plan: &Plan) -> Draft {
    Draft {
        playbook: plan.playbook.clone(),
        action: plan.action.clone(),
        cause: plan.cause.clone(),
        evidence: plan.evidence.clone(),
        hazards: plan.hazards.clone(),
        risk: plan.risk,
        shown: plan.shown.clone(),
        verification: plan.verification.clone(),
        inverse: plan.inverse.clone(),
        selector: plan.preconditions.selector.clone(),
        blast: plan.blast,
    }
}

fn digests(store: SqliteStore, rules: Rules, clock: Clock) -> DigestStage {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    DigestStage {
        store,
        daily: Daily { at: jiff::civil::time(8, 0, 0, 0), zone },
        registry: rules.registry,
        cluster: rules.cluster.name,
        mode: Acting::Approve,
        clock,
        fence: None,
        queued: Mutex::default(),
        verified: tokio::sync::Mutex::default(),
    }
}

/// The digest of the night until now.
async fn told(stage: &DigestStage, sees: Visible) -> nightshift::api::digest::DigestSheet {
    let (from, to) = (start() - Seconds(64_800), start() + Seconds(21_600));
    sheet(&stage.tell_of(from, to, Some(&*sees)).await.unwrap())
}

impl Night {
    /// How many rows the history has.
    pub(crate) async fn store_rows(&self) -> u64 {
        self.store.rows().await.unwrap()
    }
}
