//! What tables of plans start from: one rollout that broke a Deployment, as the evidence shows it.

use crate::samples::{at, finding, target};
use nightshift_model::apply::Place;
use nightshift_model::evidence::{
    ChangeLine, Changes, HealthyRevision, NodeFacts, PodLine, Replacing, Requests, RevisionChange,
    RevisionLine, Rollouts, WorkloadFacts,
};
use nightshift_model::incident::Began;
use nightshift_model::{
    Digest, Evidence, EvidenceId, FieldChange, Finding, Got, Incident, IncidentEvent, IncidentId, Kind,
    ObjectRef, Observed, Revision, SeenImage, Shown, Tool,
};

/// What is known: revision 1 ran and was healthy, revision 2 was rolled out at 1,000 s and crashes since 1,040 s.
pub(crate) struct Known {
    pub(crate) symptom: Finding,
    pub(crate) workload: WorkloadFacts,
    pub(crate) revisions: Vec<RevisionLine>,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) healthy: Vec<HealthyRevision>,
    pub(crate) pods: Vec<PodLine>,
    pub(crate) node: NodeFacts,
    pub(crate) began: Option<Began>,
    pub(crate) changes_around: Vec<ChangeLine>,
}

pub(crate) fn replica_set(number: u64) -> ObjectRef {
    ObjectRef::new(Kind::ReplicaSet, "shop", &format!("cart-h{number}"), &format!("uid-rs{number}"))
}

pub(crate) fn revision(number: u64, created: u64) -> RevisionLine {
    let digit = u8::try_from(number).unwrap();
    RevisionLine {
        replica_set: replica_set(number),
        number,
        template_hash: format!("h{number}"),
        template: Digest([digit; 32]),
        created: Some(at(created)),
        images: vec![format!("app=cart:{number}")],
        service_account: "default".to_owned(),
        replicas: 2,
        ready: 0,
        references: vec!["ConfigMap shared".to_owned()],
        migration_hints: Vec::new(),
        privileges: Vec::new(),
        keys: Vec::new(),
        requests: Requests { cpu_milli: 100, memory: 64 << 20 },
    }
}

pub(crate) fn pod(name: &str, hash: &str, ready: bool) -> PodLine {
    PodLine {
        pod: ObjectRef::new(Kind::Pod, "shop", name, name),
        node: "node-1".to_owned(),
        phase: "Running".to_owned(),
        ready,
        template_hash: hash.to_owned(),
        started: None,
        unready_since: None,
        leaving: false,
        keeps: nightshift_model::evidence::Keeps::default(),
        containers: Vec::new(),
    }
}

pub(crate) fn change(path: &str) -> FieldChange {
    let value = |text: &str| Shown::Value(text.to_owned());
    FieldChange { path: path.to_owned(), before: value("2"), after: value("1") }
}

pub(crate) fn known() -> Known {
    Known {
        symptom: Finding { since: at(1040), ..finding("h2") },
        workload: WorkloadFacts {
            object: target(),
            selector: "app=cart".to_owned(),
            revision: 2,
            generation: 2,
            replicas: 2,
            available: 2,
            updated: 1,
            paused: false,
            strategy: "RollingUpdate".to_owned(),
            service_account: "default".to_owned(),
            template: Digest([2; 32]),
            gitops: None,
            helm: None,
            operator: None,
            rollback_floor: None,
            change_cause: None,
            written_by: None,
            conditions: Vec::new(),
            replacing: Replacing::default(),
            unavailable_since: None,
            depends_on: Vec::new(),
            restarting: None,
        },
        revisions: vec![revision(2, 1000), revision(1, 0)],
        changes: vec![change("/spec/template/spec/containers/app/image")],
        healthy: vec![HealthyRevision {
            workload: target(),
            replica_set: replica_set(1),
            number: 1,
            template_hash: "h1".to_owned(),
            images: vec![SeenImage {
                container: "app".to_owned(),
                image: "cart:1".to_owned(),
                image_id: String::new(),
            }],
            since: at(300),
            at: at(600),
        }],
        pods: vec![pod("cart-h1-a", "h1", true), pod("cart-h2-x", "h2", false)],
        node: NodeFacts {
            name: "node-1".to_owned(),
            ready: true,
            cordoned: false,
            problems: vec!["taint dedicated:NoSchedule".to_owned()],
            images: 3,
        },
        began: None,
        changes_around: Vec::new(),
    }
}

pub(crate) fn incident(known: &Known) -> Incident {
    let place =
        |revision| Place { id: IncidentId::from("inc-a"), revision: Revision(revision), at: at(1080) };
    let cause = Finding::fingerprint(&target(), known.symptom.reason);
    let opened = IncidentEvent::Opened { scope: target(), cause };
    let seen = IncidentEvent::FindingsChanged { findings: vec![known.symptom.clone()] };
    let opened = Incident::apply(None, &place(1), &opened).unwrap();
    let mut incident = Incident::apply(Some(&opened), &place(2), &seen).unwrap();
    let (target, selector) = (target(), "app=cart".to_owned());
    let changes = vec![RevisionChange { number: 1, changes: known.changes.clone() }];
    let answers = [
        (Tool::Workload { target: target.clone() }, Observed::Workload(known.workload.clone())),
        (
            Tool::Rollouts { target: target.clone(), selector: selector.clone() },
            Observed::Rollouts(Rollouts { revisions: known.revisions.clone(), changes }),
        ),
        (Tool::Healthy { target: target.clone() }, Observed::Healthy(known.healthy.clone())),
        (
            Tool::Changes { target: target.clone(), config_maps: Vec::new() },
            Observed::Changes(Changes { lines: known.changes_around.clone(), unread: Vec::new() }),
        ),
        (Tool::Pods { target, selector }, Observed::Pods(known.pods.clone())),
        (Tool::Node { name: known.node.name.clone() }, Observed::Node(known.node.clone())),
    ];
    incident.evidence = answers
        .into_iter()
        .zip(1..)
        .map(|((tool, observed), n)| Evidence {
            id: EvidenceId(n),
            tool,
            source: String::new(),
            at: at(1081),
            got: Got::Facts(observed),
        })
        .collect();
    if known.began.is_some() {
        incident.began.clone_from(&known.began);
    }
    incident
}
