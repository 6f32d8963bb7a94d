use super::*;
use expect_test::expect_file;
use nightshift_model::incident::{Closure, Escalation, Written};
use nightshift_model::plan::{Blast, Inverse, PLAN_VERSION, Plan, Preconditions, Request, Sealed};
use nightshift_model::vote::Grant;
use nightshift_model::{
    Action, Actor, Applied, Cluster, Epoch, Finding, Kind as Kinds, Mark, ObjectRef, OpId, Operation, Origin,
    PersonId, Reason, Revision, RevisionRef, Role, Seconds, VerificationSpec, digest,
};
use std::fmt::Write as _;

fn at(second: u64) -> Timestamp {
    "2026-03-01T02:00:00Z".parse::<Timestamp>().unwrap() + Seconds(second)
}

fn scope() -> ObjectRef {
    ObjectRef::new(Kinds::Deployment, "shop", "cart", "u1")
}

fn draft() -> Draft {
    let hash = digest("test", b"template");
    let to = |number| RevisionRef {
        replica_set: ObjectRef::new(Kinds::ReplicaSet, "shop", "cart-5c4", "r1"),
        number,
        template: hash,
        images: Vec::new(),
        healthy_at: Some(at(0)),
    };
    Draft {
        playbook: "rollback".to_owned(),
        action: Action::RollbackDeployment { target: scope(), to: to(4) },
        cause: "revision 5 exits with code 1; revision 4 was healthy".to_owned(),
        evidence: Vec::new(),
        hazards: Vec::new(),
        risk: Risk::Medium,
        shown: Vec::new(),
        verification: VerificationSpec {
            soak: Seconds(600),
            every: Seconds(15),
            samples: 5,
            deadline: Seconds(1500),
            max_age: Seconds(60),
            measures: Vec::new(),
            cluster_only: None,
        },
        inverse: Inverse {
            action: Some(Action::RollbackDeployment { target: scope(), to: to(5) }),
            sentence: "roll forward again".to_owned(),
        },
        selector: String::new(),
        blast: Blast { objects: 1, replicas: 3, available: 1 },
    }
}

fn proposal() -> Proposal {
    let draft = draft();
    let incident = IncidentId::from("inc-0123456789");
    let id = ProposalId::of(&incident, 7);
    let hash = digest("test", b"x");
    let plan = Plan {
        version: PLAN_VERSION,
        cluster: Cluster { uid: "c".to_owned(), name: "prod-1".to_owned() },
        incident,
        op: OpId::of(&id, 1),
        proposal: id,
        playbook: draft.playbook,
        action: draft.action,
        action_version: 1,
        request: Request {
            method: "PATCH".to_owned(),
            path: "/x".to_owned(),
            content_type: String::new(),
            field_manager: String::new(),
            body: Sealed::Bytes(String::new()),
        },
        shown: Vec::new(),
        difference: hash,
        preconditions: Preconditions {
            uid: String::new(),
            spec: hash,
            generation: 1,
            autoscaled: false,
            selector: String::new(),
        },
        blast: draft.blast,
        cause: draft.cause,
        hazards: Vec::new(),
        risk: draft.risk,
        verification: draft.verification,
        inverse: draft.inverse,
        policy: hash,
        evidence: Vec::new(),
        proposer: Actor::Nightshift(Role::Responder),
        wish: None,
        not_after: at(3600),
    };
    Proposal::seal(plan, at(0))
}

fn incident(phase: Phase) -> Incident {
    let symptom = Finding {
        reason: Reason::CrashLoopBackOff,
        severity: Severity::Critical,
        object: scope(),
        container: "app".to_owned(),
        template_hash: String::new(),
        exit: None,
        cause: nightshift_model::Cause::Unknown,
        detail: String::new(),
        blames: None,
        affected: 2,
        since: at(0),
        origin: Origin::Seen,
    };
    Incident {
        id: IncidentId::from("inc-0123456789"),
        revision: Revision(9),
        opened_at: at(20),
        changed_at: at(60),
        cause: Finding::fingerprint(&scope(), Reason::CrashLoopBackOff),
        scope: scope(),
        findings: vec![symptom.clone()],
        below: nightshift_model::Below::default(),
        alerts: nightshift_model::Alerts::default(),
        symptom: Some(symptom),
        findings_at: at(20),
        began: None,
        unchecked: Vec::new(),
        coverage: Vec::new(),
        written: None,
        evidence: Vec::new(),
        diagnosis: None,
        proposals: Vec::new(),
        asked_by: None,
        wish: None,
        held_by: None,
        relapses: Vec::new(),
        flap: None,
        base_rate: None,
        was_held: false,
        hush: None,
        phase,
    }
}

#[test]
fn what_somebody_has_is_under_way_for_a_pager_until_a_write_cannot_be_proven() {
    let held = |phase| Incident {
        held_by: Some(nightshift_model::incident::Holder { person: "alice".into(), at: at(70) }),
        ..incident(phase)
    };
    let escalated = |why| Phase::Escalated { why };
    let told = notice(&held(escalated(Escalation::SupersededTwice)), Kind::Progress, &around(None));
    assert_eq!(told.stand, Stand::UnderWay);
    assert!(told.title.starts_with("alice has it: CrashLoopBackOff"), "{}", told.title);
    assert!(told.lines.iter().any(|line| line == "alice has it; nobody else is woken about it."));
    let outcome = Outcome::Failed { why: "it crashes".to_owned(), reverted_by: None };
    let failed = notice(&held(escalated(Escalation::NotVerified { outcome })), Kind::Page, &around(None));
    assert_eq!(failed.stand, Stand::Open);
}

fn around(link: Option<&str>) -> Around {
    Around {
        cluster: "prod-1".to_owned(),
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
        now: at(120),
        link: link.map(str::to_owned),
    }
}

fn grant() -> Grant {
    Grant {
        proposal: proposal().id().clone(),
        digest: proposal().digest(),
        persons: vec![PersonId::from("alice")],
        at: at(60),
        until: at(660),
    }
}

fn states() -> Vec<(&'static str, Phase)> {
    let no = |text: &str| text.to_owned();
    let escalated = |why| Phase::Escalated { why };
    let not_verified = |outcome| Phase::Escalated { why: Escalation::NotVerified { outcome } };
    let executing = |state| Phase::Executing {
        proposal: proposal(),
        votes: Vec::new(),
        grant: grant(),
        baseline: None,
        operation: Operation { mark: Mark::first(OpId::from("op.1"), Epoch(1)), state },
    };
    let id = proposal().id().clone();
    let (by, person) = (PersonId::from("bob"), PersonId::from("bob"));
    vec![
        ("a proposal waits", Phase::Proposed { proposal: proposal(), votes: Vec::new() }),
        ("observe: would have proposed", Phase::Drafted { draft: draft() }),
        (
            "no plan",
            escalated(Escalation::NoPlan {
                reasons: vec![no("no healthy revision is known")],
                handover: None,
            }),
        ),
        (
            "handed over",
            escalated(Escalation::NoPlan {
                reasons: vec![no("Argo CD owns it")],
                handover: Some(no("revert apps/cart in shop.git at abc123\n- image: b\n+ image: a")),
            }),
        ),
        ("refused", escalated(Escalation::Refused { reasons: vec![no("cool-down"), no("freeze")] })),
        ("not sealed", escalated(Escalation::NotSealed { why: no("422 Invalid") })),
        (
            "denied",
            escalated(Escalation::Denied { proposal: id.clone(), by, reason: no("not tonight\u{1b}[2J") }),
        ),
        ("expired", escalated(Escalation::Expired { proposal: id })),
        ("superseded twice", escalated(Escalation::SupersededTwice)),
        ("grant expired", escalated(Escalation::GrantExpired)),
        ("recheck failed", escalated(Escalation::RecheckFailed { why: no("spec differs") })),
        ("not applied", escalated(Escalation::NotApplied { why: no("403 Forbidden") })),
        ("broken", escalated(Escalation::Broken { why: no("the executor broke 3 times in a row") })),
        ("failed", not_verified(Outcome::Failed { why: no("2 of 3 available"), reverted_by: None })),
        ("inconclusive", not_verified(Outcome::Inconclusive { why: no("no data") })),
        ("error", not_verified(Outcome::Error { why: no("bad query") })),
        ("unknown outcome", executing(OperationState::Unknown { why: no("504"), tried: Epoch(1) })),
        ("under way", executing(OperationState::Sending)),
        (
            "verifying",
            Phase::Verifying {
                proposal: proposal(),
                applied: Applied { at: at(70), resource_version: String::new(), recovered: false },
                measured: Vec::new(),
            },
        ),
        ("verified", Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } }),
        ("healed", Phase::Closed { why: Closure::Healed }),
        (
            "gone, and what was written was not proven",
            Phase::Closed {
                why: Closure::GoneSince {
                    written: Written::Judged {
                        at: at(90),
                        outcome: Outcome::Inconclusive { why: no("no data") },
                    },
                },
            },
        ),
        ("ended", Phase::Closed { why: Closure::ByPerson { person, note: no("fixed by hand") } }),
    ]
}

#[test]
fn every_state_says_what_is_the_matter_and_what_to_do() {
    let mut said = String::new();
    for (name, phase) in states() {
        let notice = notice(&incident(phase), Kind::Page, &around(None));
        assert!(notice.lines.len() <= 6, "{name}: fits a phone");
        let outgoing = Outgoing::Incident(Box::new(notice));
        assert!(serde_json::to_vec(&outgoing).unwrap().len() < 4096, "{name}");
        writeln!(said, "== {name}\n{}\n", outgoing.text()).unwrap();
    }
    expect_file!["testdata/notices.txt"].assert_eq(&said);
}

#[test]
fn a_link_replaces_the_command_and_the_wire_form_is_fixed() {
    let waiting = incident(Phase::Proposed { proposal: proposal(), votes: Vec::new() });
    let link = "https://night.example.com/p/pro-1/token";
    let outgoing = Outgoing::Incident(Box::new(notice(&waiting, Kind::Page, &around(Some(link)))));
    assert_eq!(outgoing.kind(), "incident.page");
    let json = serde_json::to_string_pretty(&outgoing).unwrap();
    assert!(json.contains(link) && !json.contains("command"));
    expect_file!["testdata/page.json"].assert_eq(&format!("{json}\n"));
}

#[test]
fn hostile_text_cannot_make_a_message_too_large() {
    let mut night = draft();
    night.cause = "\u{202e}".repeat(100_000);
    let mut incident = incident(Phase::Drafted { draft: night });
    incident.scope.name = "é".repeat(100_000);
    let outgoing = Outgoing::Incident(Box::new(notice(&incident, Kind::Update, &around(None))));
    assert!(serde_json::to_vec(&outgoing).unwrap().len() < 19_000);
}

fn registry(approvers: &[&str]) -> Registry {
    let persons: Vec<_> =
        approvers.iter().map(|name| serde_json::json!({"name": name, "roles": ["all"]})).collect();
    let roles = serde_json::json!({"all": {"owners": ["*"]}});
    serde_json::from_value(serde_json::json!({"persons": persons, "roles": roles})).unwrap()
}

/// An incident whose first proposal these had said yes to when the policy changed.
fn void(phase: Phase, approved: &[&str]) -> Incident {
    let past = nightshift_model::incident::PastProposal {
        id: ProposalId::of(&IncidentId::from("inc-0123456789"), 3),
        digest: digest("test", b"old"),
        action: nightshift_model::ActionKind::RollbackDeployment,
        at: at(30),
        withdrawn: Some(nightshift_model::Withdrawal::PolicyChanged),
        withdrawn_at: Some(at(40)),
        written_at: None,
        approved_by: approved.iter().map(|name| PersonId::from(*name)).collect(),
    };
    Incident { proposals: vec![past], ..incident(phase) }
}

fn proposed() -> Phase {
    Phase::Proposed { proposal: proposal(), votes: Vec::new() }
}

#[test]
fn whoever_said_yes_before_the_policy_changed_is_told_to_say_it_again() {
    let all = registry(&["alice", "bob", "carol"]);
    let told = vote_again(&void(proposed(), &["alice", "zoe"]), &all);
    assert!(told[0].ends_with("The yes of alice and zoe counts no more."), "{told:#?}");
    assert_eq!(told[1], "To vote again on what is proposed next: alice.");
    assert_eq!(told[2], "Not asked any more, by the registry of now: zoe.");
    let nobody = vote_again(&void(proposed(), &[]), &all);
    assert!(nobody[0].ends_with("Nobody had said yes to it."), "{nobody:#?}");
    assert_eq!(nobody[1], "Who may approve it now: alice, bob and carol.");
    let left = vote_again(&void(proposed(), &["zoe"]), &registry(&[]));
    assert_eq!(left.last().unwrap(), "Nobody may approve it now.");
    let many: Vec<String> = (0..40).map(|n| format!("p{n}\u{202e}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let told = vote_again(&void(proposed(), &many), &all).join("\n");
    assert!(told.contains("34 more") && !told.contains('\u{202e}') && told.len() < 2_000, "{told}");
}

#[test]
fn nobody_is_told_to_vote_again_where_no_vote_was_voided_or_none_is_wanted() {
    let all = registry(&["alice"]);
    assert!(vote_again(&incident(proposed()), &all).is_empty());
    let mut denied = void(proposed(), &["alice"]);
    denied.proposals[0].withdrawn = Some(nightshift_model::Withdrawal::Superseded);
    assert!(vote_again(&denied, &all).is_empty());
    let over = Phase::Closed { why: Closure::Healed };
    assert!(vote_again(&void(over, &["alice"]), &all).is_empty());
    // The one that waits now is not the one that was voided.
    let mut standing = void(proposed(), &["alice"]);
    standing.proposals[0].id = proposal().id().clone();
    assert!(vote_again(&standing, &all).is_empty());
}

#[test]
fn a_long_list_of_changes_is_cut_and_says_so() {
    let changes: Vec<String> = (0..50).map(|n| format!("person p{n} removed")).collect();
    let told = policy_notice("prod-1\u{1b}", changes, None);
    assert_eq!((told.count, told.lines.len()), (50, 23));
    assert_eq!(told.lines[20], "and 30 more");
    assert!(!told.cluster.contains('\u{1b}') && told.command.is_some());
    let order = policy_notice("prod-1", Vec::new(), Some("https://night.example.com".to_owned()));
    assert_eq!((order.lines[0].as_str(), order.command), ("No more than the order of entries.", None));
}
