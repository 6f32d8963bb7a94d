//! Each thing that is let through, and beside it each way in which it is not quite that.

use super::*;
use crate::proof::make::File;
use crate::samples::{at, draft, finding, nightshift, proposal, rules, target};
use nightshift_model::operation::Operation as Recorded;
use nightshift_model::vote::Strength;
use nightshift_model::{
    Digest, Finding, Grant, IncidentId, Kind, MemoryChange, ObjectRef, Proof, QuantityChange, Reason,
    Revision, RevisionRef, Risk, Vote, VoteDecision,
};
use std::sync::{Arc, LazyLock};

const EPOCH: Epoch = Epoch(4);

/// The Deployment as it stands: the bad revision, and whatever mark.
fn live(mark: &str) -> Value {
    let mut annotations = json!({"deployment.kubernetes.io/revision": "2", "team": "shop"});
    if !mark.is_empty() {
        annotations[actions::CLAIM] = json!(mark);
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "cart", "namespace": "shop", "uid": "uid-cart", "resourceVersion": "7", "generation": 2,
            "labels": {"app": "cart"}, "annotations": annotations,
        },
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}}, "template": template_of("cart:2", "64Mi")},
        "status": {"replicas": 2},
    })
}

fn template_of(image: &str, memory: &str) -> Value {
    json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"serviceAccountName": "cart", "containers": [
        {"name": "app", "image": image, "resources": {"limits": {"memory": memory}}}]}})
}

/// An object with some values set; `null` takes one away.
fn with(object: &Value, changes: &[(&str, Value)]) -> Value {
    let mut object = object.clone();
    for (pointer, value) in changes {
        if value.is_null() {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&name.replace("~1", "/"));
        } else {
            put(&mut object, pointer, value.clone());
        }
    }
    object
}

fn marked(object: &Value, mark: &str) -> Value {
    with(object, &[(actions::CLAIM_POINTER, json!(mark))])
}

const IMAGE: &str = "/spec/template/spec/containers/0/image";
const MEMORY: &str = "/spec/template/spec/containers/0/resources/limits/memory";

fn rollback() -> (Action, Value) {
    let to = RevisionRef {
        replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", "cart-1", "uid-rs1"),
        number: 1,
        template: template_digest(&template_of("cart:1", "64Mi")),
        images: Vec::new(),
        healthy_at: Some(at(0)),
    };
    (Action::RollbackDeployment { target: target(), to }, with(&live(""), &[(IMAGE, json!("cart:1"))]))
}

fn memory() -> (Action, Value) {
    let limit = QuantityChange { from: "64Mi".to_owned(), to: "128Mi".to_owned() };
    let memory = MemoryChange { container: "app".to_owned(), index: 0, limit, request: None };
    (Action::RaiseMemoryLimit { target: target(), memory }, with(&live(""), &[(MEMORY, json!("128Mi"))]))
}

fn restart() -> (Action, Value) {
    let template = actions::restart::bare_digest(&template_of("cart:2", "64Mi"));
    let action = Action::Restart { target: target(), at: at(5), template };
    (action, with(&live(""), &[(actions::restart::POINTER, json!(at(5).to_string()))]))
}

fn patches() -> [(Action, Value); 3] {
    [rollback(), memory(), restart()]
}

fn alice() -> File {
    File::new("a", 1)
}

/// Signed votes wanted; alice has a key file.
fn strict() -> Rules {
    static STRICT: LazyLock<Rules> = LazyLock::new(signed);
    STRICT.clone()
}

fn signed() -> Rules {
    let rules = rules();
    let mut registry = (*rules.registry).clone();
    registry.persons[0].keys.push(alice().entry());
    registry.policy.approvals.medium.min_proof = Strength::Signed;
    Rules { registry: Arc::new(registry), ..rules }
}

/// A proposal of an action that leaves an object so.
fn sealed_as(action: &Action, before: &Value, after: &Value) -> Proposal {
    let mut plan = sample().plan().clone();
    plan.action = action.clone();
    plan.preconditions.spec = spec_digest(before, false);
    let (before, after) = actions::change(action, before.clone(), after.clone());
    plan.difference = difference_digest(&before, &after);
    Proposal::seal(plan, at(10))
}

fn vote_on(proposal: &Proposal, signed: bool) -> Vote {
    let mut vote = Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision: VoteDecision::Approve,
        person: "alice".into(),
        no: 1,
        at: at(20),
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "session".to_owned() },
    };
    if signed {
        alice().sign(&mut vote, "c");
    }
    vote
}

fn incident(phase: Phase) -> Under {
    let incident = Incident {
        phase,
        revision: Revision(7),
        ..crate::samples::investigated(vec![finding("h")], Vec::new())
    };
    assert_eq!(incident.cause, Finding::fingerprint(&target(), Reason::CrashLoopBackOff));
    assert_eq!(incident.id, IncidentId::from("inc-a"));
    let live = LiveFacts {
        uid: "uid-cart".to_owned(),
        resource_version: "7".to_owned(),
        difference: Digest([2; 32]),
        at: at(25),
    };
    Under { incident, rechecked: Some(live) }
}

fn drafted(action: &Action) -> Under {
    incident(Phase::Drafted {
        draft: nightshift_model::Draft { action: action.clone(), ..draft(Risk::Medium) },
    })
}

fn executing(proposal: &Proposal, signed: bool, state: OperationState) -> Under {
    let grant = Grant {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        persons: vec!["alice".into()],
        at: at(20),
        until: at(620),
    };
    let mark = Mark::first(proposal.plan().op.clone(), EPOCH);
    incident(Phase::Executing {
        proposal: proposal.clone(),
        votes: vec![vote_on(proposal, signed)],
        grant,
        baseline: None,
        operation: Recorded { mark, state },
    })
}

fn rechecked() -> OperationState {
    let facts = incident(Phase::Drafted { draft: draft(Risk::Medium) }).rechecked;
    OperationState::Claimed { live: facts, marked: false }
}

fn unknown() -> OperationState {
    OperationState::Unknown { why: "lost".to_owned(), tried: Epoch(1) }
}

fn sample() -> Proposal {
    static SAMPLE: LazyLock<Proposal> = LazyLock::new(|| proposal(Risk::Medium, nightshift()));
    SAMPLE.clone()
}

fn op() -> OpId {
    sample().plan().op.clone()
}

fn mark(epoch: u64, attempt: u32) -> String {
    Mark { op: op(), epoch: Epoch(epoch), attempt }.to_string()
}

fn update(old: Value, object: Value) -> Asked {
    Asked {
        operation: Operation::Update,
        dry_run: false,
        group: "apps".to_owned(),
        resource: "deployments".to_owned(),
        subresource: String::new(),
        namespace: "shop".to_owned(),
        name: "cart".to_owned(),
        user: "executor".to_owned(),
        object,
        old,
        options: json!({}),
    }
}

fn dry(asked: Asked) -> Asked {
    Asked { dry_run: true, ..asked }
}

fn said_by(rules: &Rules, now: Timestamp, asked: &Asked, under: &Under) -> Result<Because, &'static str> {
    let incidents = std::slice::from_ref(under);
    judge(asked, &Known { incidents, rules, epoch: EPOCH, now }).map_err(|refusal| refusal.label())
}

fn said(asked: &Asked, under: &Under) -> Result<Because, &'static str> {
    said_by(&strict(), at(30), asked, under)
}

/// The one request of an operation, as it arrives.
fn act(after: &Value) -> Asked {
    update(live(&mark(4, 1)), marked(after, &format!("done:{}", op())))
}

#[test]
fn a_preview_of_what_was_drafted_or_sealed_passes_as_a_dry_run_and_as_nothing_else() {
    for (action, after) in patches() {
        let ask = |after: &Value| update(live("done:pro-old.1"), marked(after, &mark(0, 0)));
        let sealed = sealed_as(&action, &live(""), &after);
        let claimed = OperationState::Claimed { live: None, marked: false };
        for under in [drafted(&action), executing(&sealed, true, claimed)] {
            assert_eq!(said(&dry(ask(&after)), &under), Ok(Because::Preview), "{action:?}");
            assert_eq!(said(&ask(&after), &under), Err("other-mark"), "{action:?}");
            let other = with(&after, &[(IMAGE, json!("evil:1"))]);
            assert_eq!(said(&dry(ask(&other)), &under), Err("other-change"), "{action:?}");
            let more = with(&after, &[("/spec/template/metadata/labels/x", json!("y"))]);
            assert_eq!(said(&dry(ask(&more)), &under), Err("other-change"), "{action:?}");
        }
        for state in [OperationState::Sending, unknown()] {
            let under = executing(&sealed, true, state);
            assert_eq!(said(&dry(ask(&after)), &under), Err("other-state"), "{action:?}");
        }
    }
}

#[test]
fn no_draft_is_previewed_that_would_not_be_proposed() {
    let (action, after) = rollback();
    let ask = dry(update(live(""), marked(&after, &mark(0, 0))));
    let stopped = KillSwitch::Set { reason: "drill".to_owned() };
    let mut rules = strict();
    rules.standing.kill_switch = stopped;
    assert_eq!(said_by(&rules, at(30), &ask, &drafted(&action)), Err("other-change"));
}

#[test]
fn a_claim_changes_the_mark_alone_and_only_while_the_operation_wants_one() {
    let (action, after) = rollback();
    let sealed = sealed_as(&action, &live(""), &after);
    let claim = |from: &str, to: &str| update(live(from), marked(&live(from), to));
    let first = claim("done:pro-old.1", &mark(4, 1));
    assert_eq!(said(&first, &executing(&sealed, true, rechecked())), Ok(Because::Claim));
    let marked_already = OperationState::Claimed { live: None, marked: true };
    for (state, answer) in [
        (OperationState::Claimed { live: None, marked: false }, "other-state"),
        (marked_already, "other-state"),
        (OperationState::NotApplied { why: String::new() }, "other-state"),
        (OperationState::Sending, "other-mark"),
    ] {
        assert_eq!(said(&first, &executing(&sealed, true, state.clone())), Err(answer), "{state:?}");
    }
    let under = executing(&sealed, true, rechecked());
    for (what, asked, answer) in [
        ("an epoch before", claim("", &mark(3, 1)), "stale-epoch"),
        ("an epoch to come", claim("", &mark(5, 1)), "stale-epoch"),
        ("another attempt", claim("", &mark(4, 2)), "other-mark"),
        ("a newer attempt stands there", claim(&mark(4, 9), &mark(4, 1)), "other-mark"),
        ("it is done already", claim(&format!("done:{}", op()), &mark(4, 1)), "other-mark"),
        ("no mark", update(live(""), live("")), "no-mark"),
        ("no mark of ours", claim("", "hello"), "no-mark"),
        ("another operation", claim("", "pro-other.1:4.1"), "unknown-operation"),
        ("a dry run", dry(claim("", &mark(4, 1))), "other-mark"),
        ("the template too", update(live(""), marked(&after, &mark(4, 1))), "other-field"),
        (
            "the spec moved since",
            update(
                with(&live(""), &[("/spec/replicas", json!(3))]),
                marked(&with(&live(""), &[("/spec/replicas", json!(3))]), &mark(4, 1)),
            ),
            "other-change",
        ),
    ] {
        assert_eq!(said(&asked, &under), Err(answer), "{what}");
    }
}

#[test]
fn recovery_raises_the_recorded_mark_and_no_other() {
    let (action, after) = rollback();
    let sealed = sealed_as(&action, &live(""), &after);
    let claim = |from: &str, to: &str| update(live(from), marked(&live(from), to));
    for state in [OperationState::Sending, unknown()] {
        let under = executing(&sealed, true, state);
        assert_eq!(said(&claim(&mark(4, 1), &mark(4, 2)), &under), Ok(Because::Claim));
        // A request that is lost is barred even when nothing new may begin.
        let mut stopped = strict();
        stopped.standing.kill_switch = KillSwitch::Set { reason: "drill".to_owned() };
        assert_eq!(
            said_by(&stopped, at(9_000), &claim(&mark(4, 1), &mark(4, 2)), &under),
            Ok(Because::Claim)
        );
        for (from, to) in [(mark(4, 1), mark(4, 3)), (mark(4, 2), mark(4, 2)), (String::new(), mark(4, 2))] {
            assert_eq!(said(&claim(&from, &to), &under), Err("other-mark"), "{from} {to}");
        }
        let unsigned = executing(&sealed, false, unknown());
        assert_eq!(said(&claim(&mark(4, 1), &mark(4, 2)), &unsigned), Err("not-approved"));
    }
}

#[test]
fn the_one_request_passes_once_it_is_being_sent_and_is_exactly_what_was_sealed() {
    for (action, after) in patches() {
        let sealed = sealed_as(&action, &live(""), &after);
        let under = executing(&sealed, true, OperationState::Sending);
        assert_eq!(said(&act(&after), &under), Ok(Because::Act), "{action:?}");
        for state in [rechecked(), unknown(), OperationState::NotApplied { why: String::new() }] {
            let under = executing(&sealed, true, state.clone());
            assert_eq!(said(&act(&after), &under), Err("other-state"), "{state:?}");
        }
    }
}

#[test]
fn every_way_in_which_it_is_not_the_approved_one_is_refused() {
    let (action, after) = rollback();
    let sealed = sealed_as(&action, &live(""), &after);
    let under = executing(&sealed, true, OperationState::Sending);
    let changed = |pointer: &str, value: Value| act(&with(&after, &[(pointer, value)]));
    let pod = "/spec/template/spec";
    let sidecar = json!([{"name": "app", "image": "cart:1"}, {"name": "miner", "image": "miner:1"}]);
    let host = json!([{"name": "h", "hostPath": {"path": "/"}}]);
    let table = [
        ("another image", changed(IMAGE, json!("evil:1")), "other-change"),
        (
            "a variable",
            changed("/spec/template/spec/containers/0/env", json!([{"name": "A", "value": "b"}])),
            "other-change",
        ),
        ("a sidecar", changed("/spec/template/spec/containers", sidecar), "other-change"),
        ("replicas", changed("/spec/replicas", json!(9)), "other-field"),
        ("paused", changed("/spec/paused", json!(true)), "other-field"),
        ("a label", changed("/metadata/labels/x", json!("y")), "other-field"),
        ("an annotation", changed("/metadata/annotations/x", json!("y")), "other-field"),
        ("an annotation less", changed("/metadata/annotations/team", Value::Null), "other-field"),
        (
            "the revision's number",
            changed("/metadata/annotations/deployment.kubernetes.io~1revision", json!("9")),
            "other-field",
        ),
        ("a finalizer", changed("/metadata/finalizers", json!(["x"])), "other-field"),
        ("an owner", changed("/metadata/ownerReferences", json!([{"uid": "u"}])), "other-field"),
        ("another account", changed(&format!("{pod}/serviceAccountName"), json!("admin")), "more-power"),
        ("the host's network", changed(&format!("{pod}/hostNetwork"), json!(true)), "more-power"),
        ("a path of the host", changed(&format!("{pod}/volumes"), host), "more-power"),
        ("nothing at all", act(&live("")), "other-change"),
        (
            "an older mark",
            update(live(&mark(3, 1)), marked(&after, &format!("done:{}", op()))),
            "stale-epoch",
        ),
        (
            "another attempt",
            update(live(&mark(4, 2)), marked(&after, &format!("done:{}", op()))),
            "other-mark",
        ),
        ("never claimed", update(live(""), marked(&after, &format!("done:{}", op()))), "other-mark"),
        (
            "done already",
            update(live(&format!("done:{}", op())), marked(&after, &format!("done:{}", op()))),
            "other-mark",
        ),
        (
            "another operation",
            update(live(&mark(4, 1)), marked(&after, "done:pro-other.1")),
            "unknown-operation",
        ),
        ("a dry run", dry(act(&after)), "other-mark"),
    ];
    for (what, asked, answer) in table {
        assert_eq!(said(&asked, &under), Err(answer), "{what}");
    }
    let of = |change: &dyn Fn(&mut Asked)| {
        let mut asked = act(&after);
        change(&mut asked);
        said(&asked, &under)
    };
    assert_eq!(of(&|a| a.name = "till".to_owned()), Err("other-object"));
    assert_eq!(of(&|a| a.old["metadata"]["uid"] = json!("uid-next")), Err("other-field"));
    assert_eq!(of(&|a| a.resource = "statefulsets".to_owned()), Err("other-object"));
    assert_eq!(of(&|a| a.subresource = "scale".to_owned()), Err("not-listed"));
    assert_eq!(of(&|a| a.namespace = "kube-system".to_owned()), Err("namespace"));
    assert_eq!(of(&|a| a.namespace = "nightshift".to_owned()), Err("namespace"));
    assert_eq!(of(&|a| a.namespace = "bank".to_owned()), Err("namespace"));
    assert_eq!(of(&|a| a.namespace = String::new()), Err("namespace"));
    let both = |a: &mut Asked| {
        a.old["metadata"]["uid"] = json!("uid-next");
        a.object["metadata"]["uid"] = json!("uid-next");
    };
    assert_eq!(of(&both), Err("other-object"), "the object was made anew");
    let moved = |a: &mut Asked| {
        a.old["spec"]["replicas"] = json!(3);
        a.object["spec"]["replicas"] = json!(3);
    };
    assert_eq!(of(&moved), Err("other-change"), "it is no longer what people saw");
}

#[test]
fn a_request_passes_on_votes_that_are_counted_now_and_on_nothing_that_was_written_down() {
    let (action, after) = rollback();
    let sealed = sealed_as(&action, &live(""), &after);
    let under = executing(&sealed, true, OperationState::Sending);
    let ask = act(&after);
    let unsigned = executing(&sealed, false, OperationState::Sending);
    assert_eq!(said(&ask, &unsigned), Err("not-approved"), "our own word where a signature is wanted");
    assert_eq!(said_by(&strict(), at(620), &ask, &under), Err("expired"));
    let mut rules = strict();
    rules.standing.kill_switch = KillSwitch::Set { reason: "drill".to_owned() };
    assert_eq!(said_by(&rules, at(30), &ask, &under), Err("stopped"));
    let mut rules = strict();
    rules.standing.cleared_at = Some(at(15));
    assert_eq!(said_by(&rules, at(30), &ask, &under), Err("void"), "a kill switch was cleared since");
    let mut rules = strict();
    rules.policy = Digest([9; 32]);
    assert_eq!(said_by(&rules, at(30), &ask, &under), Err("void"), "another policy");
    let mut rules = strict();
    rules.mode = crate::rules::Mode::Observe;
    assert_eq!(said_by(&rules, at(30), &ask, &under), Err("namespace"), "observe writes nowhere");
    let over = judge(&ask, &Known { incidents: &[], rules: &strict(), epoch: EPOCH, now: at(30) });
    assert_eq!(over, Err(Refusal::UnknownOperation { what: op().to_string() }));
    let known =
        Known { incidents: std::slice::from_ref(&under), rules: &strict(), epoch: Epoch(5), now: at(30) };
    assert_eq!(judge(&ask, &known), Err(Refusal::StaleEpoch { asked: EPOCH, current: Epoch(5) }));
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "cart-1", "namespace": "shop", "uid": "uid-pod", "resourceVersion": "7"},
        "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"},
    })
}

fn delete(options: Value) -> Asked {
    Asked {
        operation: Operation::Delete,
        group: String::new(),
        resource: "pods".to_owned(),
        name: "cart-1".to_owned(),
        options,
        ..update(pod(), Value::Null)
    }
}

#[test]
fn a_pod_goes_only_as_it_was_looked_at_and_in_its_own_time() {
    let action = Action::DeletePod {
        target: ObjectRef::new(Kind::Pod, "shop", "cart-1", "uid-pod"),
        workload: target(),
        alone: false,
    };
    let sealed = sealed_as(&action, &json!({}), &json!({}));
    let under = executing(&sealed, true, OperationState::Sending);
    let exact =
        json!({"preconditions": {"uid": "uid-pod", "resourceVersion": "7"}, "gracePeriodSeconds": 30});
    assert_eq!(said(&delete(exact.clone()), &under), Ok(Because::Act));
    assert_eq!(
        said(&delete(with(&exact, &[("/gracePeriodSeconds", Value::Null)])), &under),
        Ok(Because::Act)
    );
    for (what, options, answer) in [
        ("another version", with(&exact, &[("/preconditions/resourceVersion", json!("8"))]), "unconditional"),
        ("no version", with(&exact, &[("/preconditions/resourceVersion", Value::Null)]), "unconditional"),
        ("another uid", with(&exact, &[("/preconditions/uid", json!("uid-next"))]), "unconditional"),
        ("nothing", json!({}), "unconditional"),
        ("at once", with(&exact, &[("/gracePeriodSeconds", json!(0))]), "other-field"),
    ] {
        assert_eq!(said(&delete(options), &under), Err(answer), "{what}");
    }
    let rehearsal = dry(delete(json!({"preconditions": {"uid": "uid-pod"}, "dryRun": ["All"]})));
    assert_eq!(said(&rehearsal, &drafted(&action)), Ok(Because::Preview));
    assert_eq!(said(&rehearsal, &under), Err("other-state"));
    assert_eq!(said(&delete(exact.clone()), &drafted(&action)), Err("other-state"));
    assert_eq!(
        said(&delete(exact.clone()), &executing(&sealed, false, OperationState::Sending)),
        Err("not-approved")
    );
    let other = Asked { old: with(&pod(), &[("/metadata/uid", json!("uid-next"))]), ..delete(exact.clone()) };
    assert_eq!(said(&other, &under), Err("unknown-operation"));
    let all = Asked { name: String::new(), ..delete(exact.clone()) };
    assert_eq!(said(&all, &under), Err("other-object"));
    let evicted = Asked { operation: Operation::Create, subresource: "eviction".to_owned(), ..delete(exact) };
    assert_eq!(said(&evicted, &under), Err("not-listed"));
}

#[test]
fn a_job_is_made_only_as_the_copy_that_was_approved() {
    let failed = ObjectRef::new(Kind::Job, "shop", "report", "uid-job");
    let job = json!({
        "metadata": {"name": "report", "namespace": "shop", "uid": "uid-job", "resourceVersion": "7"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}}},
    });
    let body = actions::re_run_job::digest(&failed, &job);
    let action = Action::ReRunJob { target: failed.clone(), version: "7".to_owned(), body };
    let made = |mark: &str| {
        json!({
            "metadata": {
                "name": actions::re_run_job::made(&failed).name, "namespace": "shop",
                "labels": {nightshift_model::rerun::RERUN_OF: "uid-job"}, "annotations": {actions::CLAIM: mark},
            },
            "spec": job["spec"],
        })
    };
    let create = |object: Value| Asked {
        operation: Operation::Create,
        group: "batch".to_owned(),
        resource: "jobs".to_owned(),
        name: String::new(),
        ..update(Value::Null, object)
    };
    let done = format!("done:{}", op());
    let sealed = sealed_as(&action, &Value::Null, &made(&done));
    let under = executing(&sealed, true, OperationState::Sending);
    assert_eq!(said(&create(made(&done)), &under), Ok(Because::Act));
    assert_eq!(said(&dry(create(made(&mark(0, 0)))), &drafted(&action)), Ok(Because::Preview));
    for (what, object, answer) in [
        (
            "another image",
            with(
                &made(&done),
                &[(IMAGE, json!("evil:1")), ("/spec/template/spec/containers/0/image", json!("evil:1"))],
            ),
            "other-change",
        ),
        ("another name", with(&made(&done), &[("/metadata/name", json!("other"))]), "other-change"),
        ("an annotation", with(&made(&done), &[("/metadata/annotations/x", json!("y"))]), "other-field"),
        ("an owner", with(&made(&done), &[("/metadata/ownerReferences", json!([]))]), "other-field"),
        ("a preview that is none", made(&mark(0, 0)), "other-mark"),
        ("a claim", made(&mark(4, 1)), "other-mark"),
        ("no mark", with(&made(&done), &[("/metadata/annotations", Value::Null)]), "no-mark"),
    ] {
        assert_eq!(said(&create(object), &under), Err(answer), "{what}");
    }
    assert_eq!(
        said(&create(made(&done)), &executing(&sealed, false, OperationState::Sending)),
        Err("not-approved")
    );
    assert_eq!(said(&create(made(&done)), &executing(&sealed, true, rechecked())), Err("other-state"));
}

#[test]
fn one_event_tells_of_an_operation_under_way_and_of_nothing_else() {
    let (action, after) = rollback();
    let sealed = sealed_as(&action, &live(""), &after);
    let under = executing(&sealed, true, OperationState::Sending);
    let object = json!({
        "reportingController": "nightshift", "reason": "RolledBack", "note": format!("operation {}: because", op()),
        "regarding": {"kind": "Deployment", "namespace": "shop", "name": "cart", "uid": "uid-cart"},
    });
    let tell = |object: Value| Asked {
        operation: Operation::Create,
        group: "events.k8s.io".to_owned(),
        resource: "events".to_owned(),
        ..update(Value::Null, object)
    };
    assert_eq!(said(&tell(object.clone()), &under), Ok(Because::Event));
    for (pointer, value) in [
        ("/reportingController", json!("kubelet")),
        ("/reason", json!("Killing")),
        ("/note", json!("operation pro-other.1: because")),
        ("/regarding/uid", json!("uid-next")),
        ("/regarding/uid", Value::Null),
    ] {
        assert_eq!(said(&tell(with(&object, &[(pointer, value)])), &under), Err("other-event"), "{pointer}");
    }
    assert_eq!(said(&tell(object), &drafted(&action)), Err("other-event"));
}

#[test]
fn whatever_else_is_asked_for_is_nothing_that_the_executor_does() {
    let (action, after) = rollback();
    let under = executing(&sealed_as(&action, &live(""), &after), true, OperationState::Sending);
    for (operation, group, resource, subresource) in [
        (Operation::Create, "apps", "deployments", ""),
        (Operation::Delete, "apps", "deployments", ""),
        (Operation::Update, "apps", "replicasets", ""),
        (Operation::Update, "apps", "deployments", "status"),
        (Operation::Connect, "", "pods", "exec"),
        (Operation::Create, "", "pods", ""),
        (Operation::Update, "", "pods", ""),
        (Operation::Create, "", "secrets", ""),
        (Operation::Create, "", "serviceaccounts", "token"),
        (Operation::Create, "rbac.authorization.k8s.io", "clusterrolebindings", ""),
        (Operation::Update, "admissionregistration.k8s.io", "validatingwebhookconfigurations", ""),
        (Operation::Create, "nightshift.dev", "votes", ""),
        (Operation::Update, "example.org", "deployments", ""),
    ] {
        let asked = Asked {
            operation,
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            ..act(&after)
        };
        assert_eq!(said(&asked, &under), Err("not-listed"), "{operation:?} {group}/{resource}/{subresource}");
    }
}

proptest::proptest! {
    /// Whatever differs from the approved object in one place is not let through as the one request.
    #[test]
    fn one_value_more_or_less_anywhere_is_refused(place in 0_usize..200, value in proptest::prelude::any::<u16>()) {
        let (action, after) = rollback();
        let under = executing(&sealed_as(&action, &live(""), &after), true, OperationState::Sending);
        let mut leaves = Vec::new();
        collect("", &after, &mut leaves);
        // What moves by itself is no difference: the API server counts it up, or puts back what stood there.
        let moves = ["/metadata/resourceVersion", "/metadata/generation", "/status", "/kind", "/apiVersion"];
        leaves.retain(|leaf| !moves.iter().any(|start| leaf.starts_with(start)));
        let pointer = leaves[place % leaves.len()].clone();
        let changed = with(&after, &[(&pointer, json!(format!("x{value}")))]);
        proptest::prop_assert!(said(&act(&changed), &under).is_err(), "{}", pointer);
    }
}

fn collect(at: &str, value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, field)| collect(&format!("{at}/{}", name.replace('/', "~1")), field, leaves)),
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, entry)| collect(&format!("{at}/{index}"), entry, leaves));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => leaves.push(at.to_owned()),
    }
}
