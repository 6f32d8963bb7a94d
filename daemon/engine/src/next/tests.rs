//! What the executor does about a history that somebody else wrote: nothing.

use super::*;
use crate::closed::Look;
use crate::proof::make::{File, Hook};
use crate::samples::{at, draft, finding, nightshift, proposal, rules, target};
use nightshift_model::vote::Strength;
use nightshift_model::{
    Applied, ClosedBy, ClosedPlace, Finding, IncidentId, LiveFacts, Proof, Reason, Risk, VoteDecision,
};
use std::sync::Arc;

/// Signed votes wanted at every risk; alice has a key file.
fn strict(alice: &File) -> Rules {
    let rules = rules();
    let mut registry = (*rules.registry).clone();
    registry.persons[0].keys.push(alice.entry());
    registry.policy.approvals.medium.min_proof = Strength::Signed;
    Rules { registry: Arc::new(registry), ..rules }
}

fn vote(proof: Proof) -> Vote {
    let p = proposal(Risk::Medium, nightshift());
    Vote {
        proposal: p.id().clone(),
        digest: p.digest(),
        decision: VoteDecision::Approve,
        person: "alice".into(),
        no: 1,
        at: at(20),
        reason: String::new(),
        interactive: true,
        proof,
    }
}

fn incident(votes: Vec<Vote>, mark: &Mark, state: OperationState) -> Incident {
    let p = proposal(Risk::Medium, nightshift());
    let grant = Grant {
        proposal: p.id().clone(),
        digest: p.digest(),
        persons: vec!["alice".into()],
        at: at(20),
        until: at(620),
    };
    let operation = Operation { mark: mark.clone(), state };
    Incident {
        id: IncidentId::from("inc-a"),
        revision: nightshift_model::Revision(9),
        scope: target(),
        cause: Finding::fingerprint(&target(), Reason::CrashLoopBackOff),
        findings: vec![finding("h")],
        symptom: Some(finding("h")),
        evidence: Vec::new(),
        diagnosis: None,
        below: nightshift_model::Below::default(),
        alerts: nightshift_model::Alerts::default(),
        coverage: Vec::new(),
        unchecked: Vec::new(),
        written: None,
        proposals: Vec::new(),
        asked_by: None,
        wish: None,
        held_by: None,
        relapses: Vec::new(),
        flap: None,
        base_rate: None,
        was_held: false,
        hush: None,
        opened_at: at(0),
        changed_at: at(20),
        findings_at: at(1),
        began: None,
        phase: Phase::Executing { proposal: p, votes, grant, baseline: None, operation },
    }
}

fn states() -> Vec<(&'static str, OperationState)> {
    let live = LiveFacts {
        uid: "uid-cart".to_owned(),
        resource_version: "7".to_owned(),
        difference: proposal(Risk::Medium, nightshift()).plan().difference,
        at: at(25),
    };
    let claimed = |live, marked| OperationState::Claimed { live, marked };
    vec![
        ("claimed", claimed(None, false)),
        ("rechecked", claimed(Some(live.clone()), false)),
        ("marked", claimed(Some(live), true)),
        ("sending", OperationState::Sending),
        ("unknown", OperationState::Unknown { why: "lost".to_owned(), tried: Epoch(1) }),
        (
            "applied",
            OperationState::Applied(Applied {
                at: at(30),
                resource_version: "8".to_owned(),
                recovered: false,
            }),
        ),
    ]
}

fn touches(next: &Next) -> bool {
    let ask = |ask: &Ask| matches!(ask, Ask::Recheck(..) | Ask::Claim(..) | Ask::Recover { .. });
    matches!(next, Next::Send(..)) || matches!(next, Next::Ask(_, a) if ask(a))
}

#[test]
fn a_claim_in_the_history_without_votes_that_verify_touches_nothing() {
    let alice = File::new("a", 1);
    let rules = strict(&alice);
    let first = |epoch| Mark::first(proposal(Risk::Medium, nightshift()).plan().op.clone(), Epoch(epoch));
    let word = vote(Proof::Attested { by: "session".to_owned() });
    let forged = vote(Proof::Ed25519 { key: "a".to_owned(), signature: "AAAA".to_owned() });
    let mut stranger = vote(Proof::Attested { by: String::new() });
    File::new("a", 9).sign(&mut stranger, "c");
    let mut real = vote(Proof::Attested { by: String::new() });
    alice.sign(&mut real, "c");
    let mut swapped = real.clone();
    swapped.digest = nightshift_model::Digest([9; 32]);
    for (name, state) in states() {
        for me in [1, 2] {
            for (what, votes) in [
                ("no vote", vec![]),
                ("our word", vec![word.clone()]),
                ("a made-up signature", vec![forged.clone()]),
                ("another's key", vec![stranger.clone()]),
                ("bytes swapped afterwards", vec![swapped.clone()]),
            ] {
                let i = incident(votes, &first(1), state.clone());
                let next = next(&i, &rules, Epoch(me), at(30));
                assert!(!touches(&next), "{name}, epoch {me}, {what}: {next:?}");
            }
            let i = incident(vec![real.clone()], &first(1), state.clone());
            let next = next(&i, &rules, Epoch(me), at(30));
            let goes_on = touches(&next)
                || matches!(&next, Next::Record(Role::Executor, e) if matches!(e.as_slice(), [IncidentEvent::Claimed { .. }]));
            let waits = matches!(state, OperationState::Applied(_)) || (name == "unknown" && me == 1);
            assert_eq!(goes_on, !waits, "{name}, epoch {me}: {next:?}");
        }
    }
}

#[test]
fn a_bridge_counts_for_the_executor_by_the_executors_own_registry() {
    let (chat, eve) = (Hook::new("chatbot", 1), Hook::new("chatbot", 9));
    let mark = Mark::first(proposal(Risk::Medium, nightshift()).plan().op.clone(), Epoch(1));
    let carried = |hook: &Hook| {
        let mut vote = vote(Proof::Attested { by: String::new() });
        hook.carry(&mut vote, "m-1");
        vote
    };
    let with = |change: &dyn Fn(&mut nightshift_model::Registry)| {
        let rules = rules();
        let mut registry = (*rules.registry).clone();
        registry.bridges.push(chat.entry());
        change(&mut registry);
        Rules { registry: Arc::new(registry), ..rules }
    };
    let goes_on = |rules: &Rules, vote: Vote| {
        let live = states().remove(1).1;
        touches(&next(&incident(vec![vote], &mark, live), rules, Epoch(1), at(30)))
    };
    assert!(goes_on(&with(&|_| ()), carried(&chat)));
    assert!(!goes_on(&with(&|_| ()), carried(&eve)), "another key under its name");
    assert!(
        !goes_on(&with(&|r| r.bridges.clear()), carried(&chat)),
        "a bridge that only the responder knows"
    );
    assert!(!goes_on(&with(&|r| r.bridges[0].keys[0].revoked = Some(at(25))), carried(&chat)));
    assert!(!goes_on(&with(&|r| r.bridges[0].roles.clear()), carried(&chat)));
    assert!(!goes_on(&with(&|r| r.policy.approvals.medium.min_proof = Strength::Signed), carried(&chat)));
}

#[test]
fn a_grant_that_the_history_calls_longer_is_not() {
    let alice = File::new("a", 1);
    let rules = strict(&alice);
    let mark = Mark::first(proposal(Risk::Medium, nightshift()).plan().op.clone(), Epoch(1));
    let mut real = vote(Proof::Attested { by: String::new() });
    alice.sign(&mut real, "c");
    let mut i = incident(vec![real], &mark, OperationState::Claimed { live: None, marked: false });
    if let Phase::Executing { grant, .. } = &mut i.phase {
        grant.until = at(3_500);
    }
    let late = next(&i, &rules, Epoch(1), at(700));
    assert!(
        matches!(&late, Next::Record(_, e) if matches!(e.as_slice(), [IncidentEvent::Escalated { why: Escalation::GrantExpired }])),
        "{late:?}"
    );
}

#[test]
fn a_closed_namespace_is_touched_by_nothing_and_waits_until_it_opens() {
    let alice = File::new("a", 1);
    let closed = |namespace: &str| {
        let mut rules = strict(&alice);
        let place = ClosedPlace { namespace: namespace.to_owned(), why: "it may get secrets".to_owned() };
        rules.standing.closings.set(ClosedBy::Rights, Look { places: vec![place], ..Look::default() });
        rules
    };
    let first = Mark::first(proposal(Risk::Medium, nightshift()).plan().op.clone(), Epoch(1));
    let mut real = vote(Proof::Attested { by: String::new() });
    alice.sign(&mut real, "c");
    for (name, state) in states() {
        let i = incident(vec![real.clone()], &first, state.clone());
        for me in [1, 2] {
            let here = next(&i, &closed("shop"), Epoch(me), at(30));
            assert!(!touches(&here), "{name}: {here:?}");
            let begins = matches!(&here, Next::Record(_, e) if matches!(e.as_slice(), [IncidentEvent::Claimed { .. }]));
            assert!(!begins, "{name}: {here:?}");
            let elsewhere = next(&i, &closed("bank"), Epoch(me), at(30));
            assert_eq!(elsewhere, next(&i, &strict(&alice), Epoch(me), at(30)), "{name}");
        }
    }
    let lost = incident(vec![real.clone()], &first, OperationState::Sending);
    assert_eq!(
        next(&lost, &closed("shop"), Epoch(1), at(30)),
        Next::At(at(90)),
        "it is found out once it opens"
    );

    // A draft waits a while, then a person hears why; a grant waits until it expires.
    let drafted = Incident { phase: Phase::Drafted { draft: draft(Risk::Medium) }, ..lost.clone() };
    assert_eq!(next(&drafted, &closed("shop"), Epoch(1), at(30)), Next::At(at(170)));
    let given_up = next(&drafted, &closed("shop"), Epoch(1), at(170));
    let told = |reasons: &[String]| reasons == ["the executor is closed in shop: it may get secrets"];
    assert!(
        matches!(&given_up, Next::Record(Role::Responder, e)
            if matches!(e.as_slice(), [IncidentEvent::Escalated { why: Escalation::Refused { reasons } }] if told(reasons))),
        "{given_up:?}"
    );
    let Phase::Executing { proposal, votes, grant, .. } = lost.phase.clone() else { unreachable!() };
    let granted = Incident { phase: Phase::Granted { proposal, votes, grant, baseline: None }, ..lost };
    assert_eq!(next(&granted, &closed("shop"), Epoch(1), at(30)), Next::At(at(620)));
    assert!(matches!(next(&granted, &strict(&alice), Epoch(1), at(30)), Next::Ask(Role::Responder, _)));
}

/// What was asked for and not done closes where nothing is wrong; it does not heal away while it is on its way.
#[test]
fn a_wish_ends_by_an_answer_and_not_by_a_symptom() {
    let mark = Mark::first(proposal(Risk::Medium, nightshift()).plan().op.clone(), Epoch(1));
    let wish = nightshift_model::Wish {
        person: "alice".into(),
        target: target(),
        wanted: nightshift_model::Wanted::RollbackTo { revision: 1 },
        because: "slow".to_owned(),
        at: at(0),
        undoes: None,
    };
    let asked = |phase, symptom| Incident {
        wish: Some(wish.clone()),
        asked_by: Some("alice".into()),
        findings: Vec::new(),
        symptom,
        phase,
        ..incident(Vec::new(), &mark, OperationState::Sending)
    };
    let closes = |i: &Incident| {
        let Next::Record(Role::Responder, events) = next(i, &rules(), Epoch(1), at(30)) else { return None };
        if let [IncidentEvent::Closed { why }] = events.as_slice() { Some(why.clone()) } else { None }
    };
    let denied = || Phase::Escalated { why: Escalation::GrantExpired };
    let why = Escalation::GrantExpired;
    assert_eq!(closes(&asked(denied(), None)), Some(Closure::NotDone { why }));
    let outcome = nightshift_model::Outcome::Inconclusive { why: "no data".to_owned() };
    let unproven = Phase::Escalated { why: Escalation::NotVerified { outcome } };
    assert_eq!(closes(&asked(unproven, None)), None, "what was written waits for a person");
    let waiting = Phase::Proposed { proposal: proposal(Risk::Medium, nightshift()), votes: Vec::new() };
    assert_eq!(closes(&asked(waiting.clone(), Some(finding("h")))), None, "the wish stands");
    let plain = Incident { wish: None, ..asked(waiting, Some(finding("h"))) };
    assert_eq!(closes(&plain), Some(Closure::Healed));
}

#[test]
fn votes_that_cannot_be_counted_now_are_waited_for_and_none_is_taken_back() {
    let mut rules = strict(&File::new("a", 1));
    let mut registry = (*rules.registry).clone();
    registry.persons[0].kubernetes = Some("alice@example.com".to_owned());
    rules.registry = Arc::new(registry);
    let p = proposal(Risk::Medium, nightshift());
    let cast = vote(Proof::Kubernetes { uid: "u".to_owned(), resource_version: "1".to_owned() });
    let mark = Mark::first(p.plan().op.clone(), Epoch(1));
    for (name, state) in states() {
        let i = incident(vec![cast.clone()], &mark, state.clone());
        for me in [1, 2] {
            let dark = next(&i, &rules, Epoch(me), at(30));
            assert!(!touches(&dark), "{name}, epoch {me}: {dark:?}");
            if name == "claimed" {
                let told = format!("{dark:?}");
                assert!(told.contains("votes as Kubernetes objects do not count"), "{told}");
            }
            if name == "sending" {
                assert_eq!(dark, Next::At(at(35)), "what became of it is found out later");
            }
        }
    }
    let claimed = incident(vec![cast], &mark, OperationState::Sending);
    let Phase::Executing { proposal, votes, grant, .. } = claimed.phase.clone() else { unreachable!() };
    let granted = Incident { phase: Phase::Granted { proposal, votes, grant, baseline: None }, ..claimed };
    assert_eq!(next(&granted, &rules, Epoch(1), at(30)), Next::At(at(35)));
    let over = next(&granted, &rules, Epoch(1), at(620));
    assert!(matches!(&over, Next::Record(_, e) if matches!(e.as_slice(), [IncidentEvent::Escalated { .. }])));
    rules.standing.looks =
        crate::vote_object::Looks::default().with(p.id().clone(), crate::vote_object::Look::Read(Vec::new()));
    let gone = next(&granted, &rules, Epoch(1), at(30));
    assert!(matches!(&gone, Next::Record(_, e) if matches!(e.as_slice(), [IncidentEvent::Withdrawn { .. }])));
}
