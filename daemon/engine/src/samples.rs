//! What unit tables start from: a registry, rules, a draft, a proposal.

use crate::rules::{Mode, Rules, Standing};
use nightshift_model::apply::Place;
use nightshift_model::measure::{Check, ClusterCondition, Comparison};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Preconditions};
use nightshift_model::{
    Action, Actor, Cluster, Digest, Draft, Evidence, EvidenceId, EvidenceRequest, Finding, Got, Incident,
    IncidentEvent, IncidentId, Kind, Measure, ObjectRef, Observed, OpId, Plan, Proposal, ProposalId,
    Registry, Request, Revision, RevisionRef, Risk, Role, Sealed, Seconds, Severity, Timestamp,
    VerificationSpec,
};
use nightshift_playbooks::Catalog;
use std::sync::Arc;

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_772_330_400) + Seconds(second)
}

pub(crate) fn target() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "cart", "uid-cart")
}

pub(crate) fn registry() -> Registry {
    serde_json::from_value(serde_json::json!({
        "persons": [
            {"name": "alice", "roles": ["on-call"]},
            {"name": "bob", "roles": ["on-call"]},
            {"name": "late", "roles": ["on-call"], "since": at(100).to_string()},
            {"name": "guest", "roles": ["guest"]},
            {"name": "robot", "kind": "service", "roles": ["on-call"]},
        ],
        "roles": {
            "on-call": {"owners": ["shop"]},
            "guest": {"owners": ["*"], "may": ["view"]},
        },
        "owners": [{"name": "shop", "namespaces": ["shop"]}],
    }))
    .expect("the sample registry")
}

pub(crate) fn rules() -> Rules {
    let (registry, playbooks) = (registry(), Catalog::embedded());
    let mode = Mode::Approve { namespaces: vec!["shop".to_owned()] };
    Rules {
        cluster: Cluster { uid: "c".to_owned(), name: "lab".to_owned() },
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

pub(crate) fn action() -> Action {
    Action::RollbackDeployment {
        target: target(),
        to: RevisionRef {
            replica_set: ObjectRef::new(Kind::ReplicaSet, "shop", "cart-1", "uid-rs1"),
            number: 1,
            template: Digest([1; 32]),
            images: Vec::new(),
            healthy_at: Some(at(0)),
        },
    }
}

pub(crate) fn spec() -> VerificationSpec {
    let query = Check::Query {
        promql: "q".to_owned(),
        holds: Comparison::Equal,
        threshold: "0".to_owned(),
        fresh: "f".to_owned(),
    };
    let cluster = |condition| Check::Cluster { condition, target: target() };
    let measure = |name: &str, check, red_first| Measure { name: name.to_owned(), check, red_first };
    VerificationSpec {
        soak: Seconds(60),
        every: Seconds(10),
        samples: 2,
        deadline: Seconds(300),
        max_age: Seconds(120),
        measures: vec![
            measure("unavailable", query, true),
            measure("rolled-out", cluster(ClusterCondition::RolledOut), true),
            measure(
                "template-is",
                cluster(ClusterCondition::TemplateIs { template: Digest([1; 32]) }),
                false,
            ),
        ],
        cluster_only: None,
    }
}

pub(crate) fn draft(risk: Risk) -> Draft {
    Draft {
        playbook: "rollback-deployment".to_owned(),
        action: action(),
        cause: "because".to_owned(),
        evidence: Vec::new(),
        hazards: Vec::new(),
        risk,
        shown: Vec::new(),
        verification: spec(),
        inverse: Inverse { action: Some(action()), sentence: "back".to_owned() },
        selector: "app=cart".to_owned(),
        blast: Blast { objects: 1, replicas: 2, available: 1 },
    }
}

pub(crate) fn proposal(risk: Risk, proposer: Actor) -> Proposal {
    let id = ProposalId::of(&IncidentId::from("inc-a"), 7);
    let draft = draft(risk);
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: rules().cluster,
        incident: IncidentId::from("inc-a"),
        op: OpId::of(&id, 1),
        proposal: id,
        playbook: draft.playbook,
        action: draft.action,
        action_version: 1,
        request: Request {
            method: "PATCH".to_owned(),
            path: "/apis/apps/v1/namespaces/shop/deployments/cart".to_owned(),
            content_type: "application/json-patch+json".to_owned(),
            field_manager: "nightshift".to_owned(),
            body: Sealed::Bytes("[]".to_owned()),
        },
        shown: Vec::new(),
        difference: Digest([2; 32]),
        preconditions: Preconditions {
            uid: "uid-cart".to_owned(),
            spec: Digest([3; 32]),
            generation: 2,
            autoscaled: false,
            selector: draft.selector,
        },
        blast: draft.blast,
        cause: draft.cause,
        hazards: Vec::new(),
        risk,
        verification: draft.verification,
        inverse: draft.inverse,
        policy: rules().policy,
        evidence: Vec::new(),
        proposer,
        wish: None,
        not_after: at(3600),
    };
    Proposal::seal(plan, at(10))
}

pub(crate) fn nightshift() -> Actor {
    Actor::Nightshift(Role::Responder)
}

pub(crate) fn finding(template_hash: &str) -> Finding {
    Finding {
        reason: nightshift_model::Reason::CrashLoopBackOff,
        severity: Severity::Warning,
        object: ObjectRef::new(Kind::Pod, "shop", "cart-2-x", "uid-pod"),
        container: "app".to_owned(),
        template_hash: template_hash.to_owned(),
        exit: None,
        cause: nightshift_model::Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 1,
        since: at(0),
        origin: nightshift_model::Origin::Seen,
    }
}

/// An incident of these findings whose questions are answered.
pub(crate) fn investigated(findings: Vec<Finding>, got: Vec<(nightshift_model::Tool, Observed)>) -> Incident {
    let cause = Finding::fingerprint(&target(), nightshift_model::Reason::CrashLoopBackOff);
    let mut events =
        vec![IncidentEvent::Opened { scope: target(), cause }, IncidentEvent::FindingsChanged { findings }];
    let requests: Vec<EvidenceRequest> = (1..)
        .zip(&got)
        .map(|(n, (tool, _))| EvidenceRequest { id: EvidenceId(n), tool: tool.clone() })
        .collect();
    events.push(IncidentEvent::EvidenceWanted { wanted: requests.clone() });
    events.extend(requests.into_iter().zip(got).map(|(request, (tool, observed))| {
        IncidentEvent::EvidenceGot {
            evidence: Evidence {
                id: request.id,
                source: tool.name().to_owned(),
                tool,
                at: at(10),
                got: Got::Facts(observed),
            },
        }
    }));
    let id = IncidentId::from("inc-a");
    let mut incident: Option<Incident> = None;
    for (revision, event) in (1..).zip(&events) {
        let place = Place { id: id.clone(), revision: Revision(revision), at: at(revision) };
        incident = Some(Incident::apply(incident.as_ref(), &place, event).expect("a legal sample"));
    }
    incident.expect("events")
}
