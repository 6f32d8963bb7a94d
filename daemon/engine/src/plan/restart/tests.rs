use super::super::plan;
use super::*;
use crate::rules::Rules;
use crate::samples::{at, finding, rules, target};
use nightshift_model::evidence::{
    ContainerLine, FieldWriter, PodLine, Replacing, Requests, RevisionLine, Rollouts, WorkloadFacts,
};
use nightshift_model::{
    Alerts, Below, Digest, Evidence, EvidenceId, Finding, Got, Incident, IncidentId, ObjectRef, Observed,
    Phase, Revision, Tool, Wanted,
};

/// A container that runs since then.
fn runs(since: u64) -> ContainerLine {
    ContainerLine {
        name: "app".to_owned(),
        init: false,
        image: "shop/cart:1".to_owned(),
        image_id: String::new(),
        state: "running".to_owned(),
        restarts: 0,
        ready: false,
        last_exit: None,
        last_reason: String::new(),
        last_ended: None,
        last_started: None,
        running_since: Some(at(since)),
    }
}

/// Answers in which everything speaks for a restart.
#[derive(Clone)]
struct Seen {
    symptom: Finding,
    workload: WorkloadFacts,
    current: RevisionLine,
    healthy: HealthyRevision,
    pods: Vec<PodLine>,
}

fn seen() -> Seen {
    let set = ObjectRef::new(Kind::ReplicaSet, "shop", "cart-h", "uid-rs");
    let restarting = Restarting {
        template: Digest([8; 32]),
        last: None,
        rolling: None,
        missing: 0,
        downtime_accepted: false,
    };
    let workload = WorkloadFacts {
        object: target(),
        selector: "app=cart".to_owned(),
        revision: 3,
        generation: 3,
        replicas: 2,
        available: 0,
        updated: 2,
        paused: false,
        strategy: "RollingUpdate".to_owned(),
        service_account: "default".to_owned(),
        template: Digest([7; 32]),
        gitops: None,
        helm: None,
        operator: None,
        rollback_floor: None,
        change_cause: None,
        written_by: Some(FieldWriter { manager: "helm".to_owned(), at: None }),
        conditions: Vec::new(),
        replacing: Replacing::default(),
        unavailable_since: None,
        depends_on: Vec::new(),
        restarting: Some(restarting),
    };
    let current = RevisionLine {
        replica_set: set.clone(),
        number: 3,
        template_hash: "h".to_owned(),
        template: Digest([7; 32]),
        created: None,
        images: vec!["app=shop/cart:1".to_owned(), "log=shop/log".to_owned()],
        service_account: "default".to_owned(),
        replicas: 2,
        ready: 0,
        references: vec!["ConfigMap cart".to_owned(), "Secret db".to_owned()],
        migration_hints: Vec::new(),
        privileges: Vec::new(),
        keys: Vec::new(),
        requests: Requests::default(),
    };
    let healthy = HealthyRevision {
        workload: target(),
        replica_set: set,
        number: 3,
        template_hash: "h".to_owned(),
        images: Vec::new(),
        since: at(0),
        at: at(300),
    };
    let pod = |name: &str| PodLine {
        pod: ObjectRef::new(Kind::Pod, "shop", name, name),
        node: "n".to_owned(),
        phase: "Running".to_owned(),
        ready: false,
        template_hash: "h".to_owned(),
        started: None,
        unready_since: Some(at(900)),
        leaving: false,
        keeps: nightshift_model::evidence::Keeps::default(),
        containers: vec![runs(100)],
    };
    let symptom = Finding {
        reason: Reason::Unhealthy,
        cause: Why::ReadinessProbe,
        detail: "Readiness probe failed: ".to_owned(),
        since: at(900),
        object: ObjectRef::new(Kind::Pod, "shop", "cart-h-1", "cart-h-1"),
        ..finding("h")
    };
    Seen { symptom, workload, current, healthy, pods: vec![pod("cart-h-1"), pod("cart-h-2")] }
}

fn incident(seen: &Seen, wish: Option<Wish>) -> Incident {
    let rollouts = Rollouts { revisions: vec![seen.current.clone()], changes: Vec::new() };
    let of = || target();
    let selector = || "app=cart".to_owned();
    let answers = [
        (Tool::Workload { target: of() }, Observed::Workload(seen.workload.clone())),
        (Tool::Healthy { target: of() }, Observed::Healthy(vec![seen.healthy.clone()])),
        (Tool::Rollouts { target: of(), selector: selector() }, Observed::Rollouts(rollouts)),
        (Tool::Pods { target: of(), selector: selector() }, Observed::Pods(seen.pods.clone())),
    ];
    let evidence = answers.into_iter().zip(1..).map(|((tool, facts), n)| Evidence {
        id: EvidenceId(n),
        tool,
        source: String::new(),
        at: at(1000),
        got: Got::Facts(facts),
    });
    let symptom = Some(seen.symptom.clone()).filter(|_| wish.is_none());
    Incident {
        id: IncidentId::from("inc-a"),
        revision: Revision(9),
        scope: target(),
        cause: Finding::fingerprint(&target(), Reason::Unhealthy),
        findings: symptom.clone().into_iter().collect(),
        symptom,
        evidence: evidence.collect(),
        diagnosis: None,
        below: Below::default(),
        alerts: Alerts::default(),
        coverage: Vec::new(),
        unchecked: Vec::new(),
        written: None,
        proposals: Vec::new(),
        asked_by: wish.as_ref().map(|w| w.person.clone()),
        wish,
        held_by: None,
        relapses: Vec::new(),
        flap: None,
        base_rate: None,
        was_held: false,
        hush: None,
        began: None,
        opened_at: at(990),
        changed_at: at(1000),
        findings_at: at(990),
        phase: Phase::Investigating { wanted: Vec::new(), asked: true },
    }
}

fn drafted(seen: &Seen) -> Result<Draft, Vec<String>> {
    told(plan(&incident(seen, None), &rules()))
}

#[allow(clippy::result_large_err)] // once a test
fn told(plan: Result<Draft, Escalation>) -> Result<Draft, Vec<String>> {
    plan.map_err(|why| {
        let Escalation::NoPlan { reasons, .. } = why else { panic!("{why:?}") };
        reasons
    })
}

fn wish() -> Wish {
    Wish {
        person: "alice".into(),
        target: target(),
        wanted: Wanted::Restart,
        because: "its cache is wrong".to_owned(),
        at: at(950),
        undoes: None,
    }
}

#[test]
fn every_pod_that_hangs_of_a_revision_that_was_healthy_is_restarted() {
    let draft = drafted(&seen()).unwrap();
    let Action::Restart { at: when, template, .. } = &draft.action else { panic!("{:?}", draft.action) };
    assert_eq!((*when, *template), (at(1000), Digest([8; 32])), "the instant is that of the evidence");
    assert_eq!(draft.playbook, "restart-deployment");
    assert!(
        draft.cause.starts_with("All 2 pods of revision 3 run and answer no probe since"),
        "{}",
        draft.cause
    );
    assert_eq!(draft.inverse.action, None);
    let hazards = draft.hazards.join("\n");
    assert!(hazards.contains("started: ConfigMap cart, Secret db."), "{hazards}");
    assert!(hazards.contains("another one by now: log=shop/log."), "{hazards}");
    let red: Vec<&str> =
        draft.verification.measures.iter().filter(|m| m.red_first).map(|m| m.name.as_str()).collect();
    assert_eq!(red, ["unavailable-replicas", "rolled-out"]);
}

/// Each of these alone goes to a person, with the reason.
#[test]
fn whatever_speaks_against_a_hang_is_told() {
    type Change = fn(&mut Seen);
    let cases: [(&str, Change); 10] = [
        ("1 of 3 pods are Ready", |s| {
            let fine = PodLine { ready: true, ..s.pods[1].clone() };
            s.pods.push(fine);
        }),
        ("0 of 0 pods", |s| s.pods.clear()),
        ("pod cart-h-2 does not hang", |s| s.pods[1].containers = vec![runs(899)]),
        ("pod cart-h-2 does not hang", |s| s.pods[1].containers.clear()),
        ("pod cart-h-1 does not hang", |s| s.pods[0].template_hash = "older".to_owned()),
        ("the program runs and says", |s| {
            s.symptom.detail = "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned();
        }),
        ("the program runs and says", |s| {
            s.symptom.detail = "service unhealthy (responded with \"NOT_SERVING\")".to_owned();
        }),
        ("no readiness probe fails", |s| s.symptom.cause = Why::StartupProbe),
        ("no earlier revision", |s| s.healthy.template_hash = "older".to_owned()),
        ("no revision with its present template", |s| s.current.template = Digest([1; 32])),
    ];
    for (why, change) in cases {
        let mut seen = seen();
        change(&mut seen);
        let reasons = drafted(&seen).unwrap_err();
        assert!(reasons.iter().any(|r| r.contains(why)), "{why}: {reasons:?}");
    }
    let mut crash = seen();
    crash.symptom.reason = Reason::CrashLoopBackOff;
    assert!(drafted(&crash).is_err(), "what crashes restarts by itself");
}

/// Neither a hang nor a wish gets past these.
#[test]
fn what_forbids_a_restart_forbids_it_whoever_asks() {
    type Change = fn(&mut WorkloadFacts);
    let with = |change: &dyn Fn(&mut Restarting)| {
        let mut seen = seen();
        change(seen.workload.restarting.as_mut().unwrap());
        seen.workload
    };
    let on = |change: Change| {
        let mut seen = seen();
        change(&mut seen.workload);
        seen.workload
    };
    let cases = [
        ("paused", on(|w| w.paused = true)),
        ("OnDelete", on(|w| w.replacing.held = Some("its update strategy is OnDelete".to_owned()))),
        ("waits until pod cart-h-1 and 1 more is Ready", on(|w| w.replacing.ordered = true)),
        ("Elasticsearch es controls", on(|w| w.operator = Some("Elasticsearch es".to_owned()))),
        ("single replica", on(|w| w.replicas = 1)),
        ("wants no pods", on(|w| w.replicas = 0)),
        ("Recreate stops every pod", on(|w| w.strategy = "Recreate".to_owned())),
        ("was not read", on(|w| w.restarting = None)),
        ("2 of 2 pods be missing", with(&|r| r.missing = 2)),
        ("a rollout is under way: 1 of 2", with(&|r| r.rolling = Some("1 of 2".to_owned()))),
    ];
    for (why, workload) in cases {
        let seen = Seen { workload, ..seen() };
        for asked in [None, Some(wish())] {
            let reasons = told(plan(&incident(&seen, asked.clone()), &rules())).unwrap_err();
            assert!(reasons.iter().any(|r| r.contains(why)), "{why}, {}: {reasons:?}", asked.is_some());
        }
    }
}

#[test]
fn downtime_that_is_accepted_is_no_obstacle_and_is_told() {
    type Change = fn(&mut WorkloadFacts);
    let changes: [Change; 3] = [
        |w| w.replicas = 1,
        |w| {
            w.strategy = "Recreate".to_owned();
            w.restarting.as_mut().unwrap().missing = 2;
        },
        |w| w.restarting.as_mut().unwrap().missing = 2,
    ];
    for change in changes {
        let mut seen = seen();
        change(&mut seen.workload);
        seen.workload.restarting.as_mut().unwrap().downtime_accepted = true;
        let hazards = drafted(&seen).unwrap().hazards.join("\n");
        assert!(hazards.contains("For a while no pod serves"), "{hazards}");
    }
}

/// Git does not have the annotation, so nobody puts it back.
#[test]
fn gitops_is_no_obstacle() {
    let mut seen = seen();
    let owner = GitOpsOwner::FluxKustomization { name: "apps".to_owned(), namespace: "flux".to_owned() };
    seen.workload.gitops = Some(owner);
    let hazards = drafted(&seen).unwrap().hazards.join("\n");
    assert!(hazards.contains("Flux Kustomization flux/apps does not have this annotation"), "{hazards}");
}

/// Nothing need be wrong. Red first is then that it was not restarted, and that alone proves nothing.
#[test]
fn a_person_may_ask_for_it_while_all_is_well() {
    let mut seen = seen();
    seen.workload.available = 2;
    for pod in &mut seen.pods {
        (pod.ready, pod.unready_since) = (true, None);
    }
    let draft = told(plan(&incident(&seen, Some(wish())), &rules())).unwrap();
    assert!(
        draft.cause.starts_with("alice asks to restart Deployment shop/cart. Because: its cache"),
        "{}",
        draft.cause
    );
    let red: Vec<&str> =
        draft.verification.measures.iter().filter(|m| m.red_first).map(|m| m.name.as_str()).collect();
    assert_eq!(red, ["restart-is"]);
    let none = Rules { playbooks: std::sync::Arc::new(nightshift_playbooks::load(&[]).unwrap()), ..rules() };
    let reasons = told(plan(&incident(&seen, Some(wish())), &none)).unwrap_err();
    assert!(reasons[0].contains("no playbook in force plans a restart of a Deployment"), "{reasons:?}");
}

#[test]
fn images_that_move_are_known_by_their_names() {
    for moving in ["a=cart", "a=shop/cart:latest", "a=reg:5000/cart"] {
        assert!(is_moving(moving), "{moving}");
    }
    for fixed in ["a=cart:1", "a=reg:5000/shop/cart:1.2", "a=cart@sha256:ab", "a=cart:latest@sha256:ab"] {
        assert!(!is_moving(fixed), "{fixed}");
    }
}
