//! One incident in every phase and one event of every kind, for the matrix and the laws.

use crate::action::{Action, RevisionRef, Risk};
use crate::alert::{Alert, Alerts};
use crate::apply::Place;
use crate::canonical::Digest;
use crate::coverage::Gap;
use crate::evidence::{Evidence, EvidenceRequest, Got, Observed, Tool};
use crate::finding::{Finding, Origin, Reason, Severity};
use crate::flap::BaseRate;
use crate::history::Actor;
use crate::ids::{EvidenceId, IncidentId, OpId, PersonId, ProposalId};
use crate::incident::{Before, Closure, Escalation, Incident, IncidentEvent, Reopening, Withdrawal, Written};
use crate::measure::{Measurement, Outcome, Stage, VerificationSpec};
use crate::object::{Cluster, Kind, ObjectRef};
use crate::operation::{Epoch, LiveFacts, Mark, Recovered, Revision, Role, Sent};
use crate::plan::{Blast, Draft, Inverse, PLAN_VERSION, Plan, Preconditions, Proposal, Request, Sealed};
use crate::time::{Seconds, Timestamp};
use crate::vote::{Grant, Proof, Vote, VoteDecision};
use crate::wish::{Wanted, Wish};

pub(super) fn id() -> IncidentId {
    IncidentId::from("inc-sample")
}

pub(super) fn at(n: u64) -> Timestamp {
    Timestamp::from_second(1_767_232_800) + Seconds(n)
}

pub(super) fn scope() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "cart", "uid-cart")
}

fn revision_ref() -> RevisionRef {
    RevisionRef {
        replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", "cart-1", "uid-rs1"),
        number: 1,
        template: Digest([1; 32]),
        images: Vec::new(),
        healthy_at: Some(at(0)),
    }
}

fn action() -> Action {
    Action::RollbackDeployment { target: scope(), to: revision_ref() }
}

fn spec() -> VerificationSpec {
    VerificationSpec {
        soak: Seconds(60),
        every: Seconds(10),
        samples: 2,
        deadline: Seconds(300),
        max_age: Seconds(120),
        measures: Vec::new(),
        cluster_only: None,
    }
}

fn inverse() -> Inverse {
    Inverse { action: Some(action()), sentence: "back".to_owned() }
}

pub(super) fn draft() -> Draft {
    Draft {
        playbook: "rollback-deployment".to_owned(),
        action: action(),
        cause: "because".to_owned(),
        evidence: vec![EvidenceId(1)],
        hazards: Vec::new(),
        risk: Risk::Medium,
        shown: Vec::new(),
        verification: spec(),
        inverse: inverse(),
        selector: "app=cart".to_owned(),
        blast: Blast { objects: 1, replicas: 2, available: 1 },
    }
}

pub(super) fn proposal() -> Proposal {
    let proposal = ProposalId::of(&id(), 5);
    let op = OpId::of(&proposal, 1);
    let body = Sealed::Reference {
        source: scope(),
        value: Digest([1; 32]),
        pointers: vec!["/spec/template".into()],
    };
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: Cluster { uid: "c".into(), name: "lab".into() },
        incident: id(),
        proposal,
        op,
        playbook: "rollback-deployment".into(),
        action: action(),
        action_version: 1,
        request: Request {
            method: "PATCH".into(),
            path: "/p".into(),
            content_type: "application/json-patch+json".into(),
            field_manager: "nightshift".into(),
            body,
        },
        shown: Vec::new(),
        difference: Digest([2; 32]),
        preconditions: Preconditions {
            uid: "uid-cart".into(),
            spec: Digest([3; 32]),
            generation: 2,
            autoscaled: false,
            selector: "app=cart".into(),
        },
        blast: draft().blast,
        cause: "because".into(),
        hazards: Vec::new(),
        risk: Risk::Medium,
        verification: spec(),
        inverse: inverse(),
        policy: Digest([4; 32]),
        evidence: vec![EvidenceId(1)],
        proposer: Actor::Nightshift(Role::Responder),
        wish: None,
        not_after: at(3600),
    };
    Proposal::seal(plan, at(5))
}

pub(super) fn mark(epoch: u64, attempt: u32) -> Mark {
    Mark { op: proposal().plan().op.clone(), epoch: Epoch(epoch), attempt }
}

fn look(stage: Stage) -> IncidentEvent {
    IncidentEvent::Measured { measurement: Measurement { at: at(9), stage, readings: Vec::new() } }
}

pub(crate) fn finding() -> Finding {
    Finding {
        reason: Reason::CrashLoopBackOff,
        severity: Severity::Warning,
        object: ObjectRef::new(Kind::Pod, "shop", "cart-2-x", "uid-pod"),
        container: "app".into(),
        template_hash: "2".into(),
        exit: None,
        cause: crate::Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 1,
        since: at(0),
        origin: Origin::Seen,
    }
}

pub(super) fn alerts() -> Alerts {
    let alert = Alert {
        fingerprint: "f00d".into(),
        started: at(1),
        since: at(1),
        ended: None,
        name: "KubePodCrashLooping".into(),
        severity: "warning".into(),
        summary: String::new(),
        receiver: "nightshift".into(),
        labels: std::collections::BTreeMap::new(),
        flags: Vec::new(),
    };
    Alerts { shown: vec![alert], firing: 1, total: 1 }
}

pub(super) fn wish() -> Wish {
    Wish {
        person: "carol".into(),
        target: scope(),
        wanted: Wanted::RollbackTo { revision: 1 },
        because: "it is slow".into(),
        at: at(2),
        undoes: None,
    }
}

/// One event of every kind, and where a kind has several effects one of each, with a label for the matrix.
pub(super) fn events() -> Vec<(&'static str, IncidentEvent)> {
    use IncidentEvent as E;
    let request = EvidenceRequest { id: EvidenceId(1), tool: Tool::Workload { target: scope() } };
    let evidence = Evidence {
        id: EvidenceId(1),
        tool: request.tool.clone(),
        source: "GET".into(),
        at: at(2),
        got: Got::Facts(Observed::Samples(Vec::new())),
    };
    let vote = Vote {
        proposal: proposal().id().clone(),
        digest: proposal().digest(),
        decision: VoteDecision::Approve,
        person: PersonId::from("alice"),
        no: 1,
        at: at(6),
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "session".into() },
    };
    let grant = Grant {
        proposal: proposal().id().clone(),
        digest: proposal().digest(),
        persons: vec![PersonId::from("alice")],
        at: at(6),
        until: at(606),
    };
    let live = LiveFacts {
        uid: "uid-cart".into(),
        resource_version: "7".into(),
        difference: Digest([2; 32]),
        at: at(7),
    };
    let applied = Sent::Applied { status: 200, resource_version: "9".into() };
    let refused = Sent::Refused { status: 422, reason: "Invalid".into(), message: String::new() };
    let recovered = |found| E::Recovered { mark: mark(8, 2), found };
    let why = Escalation::SupersededTwice;
    let person = PersonId::from("alice");
    vec![
        ("opened", E::Opened { scope: scope(), cause: "f".into() }),
        ("findings-changed", E::FindingsChanged { findings: vec![finding()] }),
        ("below-changed", E::BelowChanged { below: crate::below::Below::default() }),
        ("alerts-changed", E::AlertsChanged { alerts: alerts() }),
        ("findings-changed: gone", E::FindingsChanged { findings: Vec::new() }),
        ("unchecked", E::Unchecked { gaps: vec![Gap { what: "watch nodes".into(), why: "403".into() }] }),
        ("acknowledged", E::Acknowledged { person: person.clone() }),
        ("wished", E::Wished { wish: wish() }),
        ("silenced", E::Silenced { until: at(90), before: Before::Untold }),
        ("silence-over", E::SilenceOver),
        ("base-rate", E::BaseRate { rate: BaseRate { cases: 5, alone: 4, within: Seconds(60) } }),
        ("flapping", E::Flapping { severity: Severity::Warning }),
        ("steady", E::Steady),
        ("evidence-wanted", E::EvidenceWanted { wanted: vec![request] }),
        ("evidence-got", E::EvidenceGot { evidence }),
        ("diagnosed", E::Diagnosed { diagnosis: crate::diagnosis::Diagnosis::default() }),
        ("planned", E::Planned { draft: draft() }),
        ("sealed", E::Sealed { proposal: proposal() }),
        ("voted", E::Voted { vote }),
        ("granted", E::Granted { grant }),
        ("measured before", look(Stage::Before)),
        ("claimed", E::Claimed { mark: mark(7, 1) }),
        ("claimed again", E::Claimed { mark: mark(8, 2) }),
        ("rechecked", E::Rechecked { live }),
        ("marked", E::Marked { mark: mark(7, 1) }),
        ("sending", E::Sending { mark: mark(7, 1) }),
        ("sent: applied", E::Sent { sent: applied }),
        ("sent: refused", E::Sent { sent: refused }),
        ("sent: not-sent", E::Sent { sent: Sent::NotSent { why: "w".into() } }),
        ("sent: unknown", E::Sent { sent: Sent::Unknown { why: "504".into() } }),
        ("recovered: applied", recovered(Recovered::Applied { resource_version: "9".into() })),
        ("recovered: not-applied", recovered(Recovered::NotApplied)),
        ("recovered: absent", recovered(Recovered::Absent)),
        ("recovered: unknown", recovered(Recovered::Unknown { why: "w".into() })),
        ("measured after", look(Stage::After)),
        ("judged: Successful", E::Judged { outcome: Outcome::Successful }),
        ("judged: Failed", E::Judged { outcome: Outcome::Failed { why: "w".into(), reverted_by: None } }),
        (
            "withdrawn: denied",
            E::Withdrawn { why: Withdrawal::Denied { by: person.clone(), reason: String::new() } },
        ),
        ("withdrawn: expired", E::Withdrawn { why: Withdrawal::Expired }),
        ("withdrawn: others", E::Withdrawn { why: Withdrawal::PolicyChanged }),
        ("escalated", E::Escalated { why }),
        ("reopened", E::Reopened { why: Reopening::Relapse }),
        ("closed: healed", E::Closed { why: Closure::Healed }),
        ("closed: deleted", E::Closed { why: Closure::Deleted }),
        ("closed: resolved", E::Closed { why: Closure::Resolved }),
        (
            "closed: gone-since",
            E::Closed {
                why: Closure::GoneSince {
                    written: Written::Judged {
                        at: at(3),
                        outcome: Outcome::Inconclusive { why: "w".into() },
                    },
                },
            },
        ),
        ("closed: by-person", E::Closed { why: Closure::ByPerson { person, note: String::new() } }),
        ("closed: not-done", E::Closed { why: Closure::NotDone { why: Escalation::GrantExpired } }),
    ]
}

pub(super) fn fold(labels: &[&str]) -> Incident {
    let all = events();
    let event =
        |label: &str| all.iter().find(|(l, _)| *l == label).map(|(_, e)| e).expect("a label of the list");
    let mut incident = None;
    for (n, label) in (1..).zip(labels) {
        let place = Place { id: id(), revision: Revision(n), at: at(n) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event(label)).expect("a legal history"));
    }
    incident.expect("at least one label")
}

/// An incident in every phase and operation state, with its label.
pub(super) fn states() -> Vec<(&'static str, Incident)> {
    const TO_GRANTED: &[&str] = &["opened", "findings-changed", "planned", "sealed", "voted", "granted"];
    const TO_CLAIMED: &[&str] = &["measured before", "claimed"];
    let with = |more: &[&'static str]| fold(&[TO_GRANTED, TO_CLAIMED, more].concat());
    vec![
        ("Investigating", fold(&["opened"])),
        ("Investigating, asked", fold(&["opened", "evidence-wanted"])),
        ("Drafted", fold(&["opened", "planned"])),
        ("Proposed", fold(&["opened", "planned", "sealed"])),
        ("Granted", fold(TO_GRANTED)),
        ("Executing: Claimed", with(&[])),
        ("Executing: Claimed, rechecked", with(&["rechecked"])),
        ("Executing: Claimed, marked", with(&["rechecked", "marked"])),
        ("Executing: Sending", with(&["rechecked", "marked", "sending"])),
        ("Executing: NotApplied", with(&["rechecked", "marked", "sending", "sent: refused"])),
        ("Executing: Unknown", with(&["rechecked", "marked", "sending", "sent: unknown"])),
        ("Verifying", with(&["rechecked", "marked", "sending", "sent: applied"])),
        ("Proposed, silenced", fold(&["opened", "planned", "sealed", "silenced"])),
        ("Escalated", fold(&["opened", "escalated"])),
        ("Closed", fold(&["opened", "closed: healed"])),
        ("Closed by a person while it stood", fold(&["opened", "findings-changed", "closed: by-person"])),
    ]
}
