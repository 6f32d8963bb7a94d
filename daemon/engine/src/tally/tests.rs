//! The table of who counts.

use super::*;
use crate::proof::make::{File, Hook};
use crate::samples::{at, nightshift, proposal, registry, rules};
use nightshift_model::{Proof, VoteDecision as D};
use std::sync::Arc;

fn vote(proposal: &Proposal, person: &str, decision: D, no: u32, second: u64) -> Vote {
    Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision,
        person: PersonId::from(person),
        no,
        at: at(second),
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "session".to_owned() },
    }
}

fn count(votes: &[Vote], proposal: &Proposal) -> Tally {
    tally(proposal, votes, &rules())
}

/// The rules with a key file for alice and bob.
fn keyed() -> (Rules, File, File) {
    let (alice, bob) = (File::new("a", 1), File::new("b", 2));
    let mut registry = registry();
    registry.persons[0].keys.push(alice.entry());
    registry.persons[1].keys.push(bob.entry());
    (Rules { registry: Arc::new(registry), ..rules() }, alice, bob)
}

fn signed(proposal: &Proposal, key: &File, person: &str, decision: D, no: u32, second: u64) -> Vote {
    let mut vote = vote(proposal, person, decision, no, second);
    key.sign(&mut vote, "c");
    vote
}

#[test]
fn only_eligible_votes_on_these_bytes_count() {
    let p = proposal(Risk::Medium, nightshift());
    assert!(matches!(count(&[], &p), Tally::Waiting { needed: 1, .. }));
    for person in ["guest", "robot", "late", "stranger"] {
        let votes = [vote(&p, person, D::Approve, 1, 20), vote(&p, person, D::Deny, 2, 21)];
        assert!(matches!(count(&votes, &p), Tally::Waiting { .. }), "{person} counts for nothing");
    }
    let Tally::Approved(grant) = count(&[vote(&p, "alice", D::Approve, 1, 20)], &p) else {
        unreachable!("alice may approve")
    };
    assert_eq!((grant.at, grant.until), (at(20), at(620)), "ten minutes after the last vote");
    let mut other = vote(&p, "alice", D::Approve, 1, 20);
    other.digest = Digest([9; 32]);
    assert!(matches!(count(&[other], &p), Tally::Waiting { .. }), "another digest is another plan");
    let late = vote(&p, "alice", D::Approve, 1, 3600);
    assert!(matches!(count(&[late], &p), Tally::Waiting { .. }), "after the end nothing counts");
}

#[test]
fn one_deny_ends_it_and_the_latest_vote_of_a_person_counts() {
    let p = proposal(Risk::Low, nightshift());
    let both = [vote(&p, "alice", D::Approve, 1, 20), vote(&p, "bob", D::Deny, 1, 21)];
    assert!(matches!(count(&both, &p), Tally::Denied { by, .. } if by.as_str() == "bob"));
    let back = [vote(&p, "alice", D::Approve, 1, 20), vote(&p, "alice", D::Withdraw, 2, 21)];
    assert!(matches!(count(&back, &p), Tally::Waiting { .. }));
    let replayed = [back[1].clone(), back[0].clone()];
    assert!(matches!(count(&replayed, &p), Tally::Waiting { .. }), "a replay is always older");
}

#[test]
fn high_risk_never_rests_on_one_person_or_on_our_word() {
    let p = proposal(Risk::High, nightshift());
    let both = [vote(&p, "alice", D::Approve, 1, 20), vote(&p, "bob", D::Approve, 1, 21)];
    assert!(matches!(count(&both, &p), Tally::Waiting { needed: 2, .. }), "attested is not enough");
    let forged = both.clone().map(|mut v| {
        v.proof = Proof::Ed25519 { key: "a".to_owned(), signature: "s".to_owned() };
        v
    });
    let (rules, alice, bob) = keyed();
    assert!(
        matches!(tally(&p, &forged, &rules), Tally::Waiting { .. }),
        "a proof that does not verify counts for nothing"
    );
    let real = [signed(&p, &alice, "alice", D::Approve, 1, 20), signed(&p, &bob, "bob", D::Approve, 1, 21)];
    assert!(matches!(tally(&p, &real, &rules), Tally::Approved(_)));
    let mixed = [real[0].clone(), both[1].clone()];
    assert!(matches!(tally(&p, &mixed, &rules), Tally::Waiting { .. }), "one of two is our word");
    let twice = [real[0].clone(), Vote { person: "bob".into(), ..real[0].clone() }];
    assert!(matches!(tally(&p, &twice, &rules), Tally::Waiting { .. }), "alice's key speaks for alice");
    assert!(decidable(&registry(), "shop", Risk::High, None, at(30)).is_err());
    assert!(decidable(&rules.registry, "shop", Risk::High, None, at(30)).is_ok());
    assert!(decidable(&registry(), "bank", Risk::Low, None, at(30)).is_err(), "nobody may decide there");
    assert!(decidable(&registry(), "shop", Risk::Medium, None, at(30)).is_ok());
}

#[test]
fn whoever_asked_is_nobody_who_can_decide() {
    let (bob, mut registry) = (PersonId::from("bob"), registry());
    let ask = |registry: &Registry, risk, by| decidable(registry, "shop", risk, by, at(30));
    assert!(ask(&registry, Risk::Medium, Some(&bob)).is_ok(), "alice can");
    registry.persons.retain(|p| p.name == bob);
    assert!(ask(&registry, Risk::Medium, None).is_ok(), "nightshift proposes, bob decides");
    let why = ask(&registry, Risk::Medium, Some(&bob)).unwrap_err();
    assert!(why.contains("besides bob, who asked") && why.ends_with("the registry has 0"), "{why}");
    assert!(ask(&registry, Risk::Low, Some(&bob)).is_err());
    registry.policy.proposer_may_vote_low = true;
    assert!(ask(&registry, Risk::Low, Some(&bob)).is_ok(), "policy says so for Low");
    assert!(ask(&registry, Risk::Medium, Some(&bob)).is_err(), "and for nothing above");
    let (rules, ..) = keyed();
    let mut signing = (*rules.registry).clone();
    signing.persons.retain(|p| !p.keys.is_empty());
    assert!(ask(&signing, Risk::High, None).is_ok());
    assert!(ask(&signing, Risk::High, Some(&bob)).is_err(), "two sign, and neither of them asked");
}

/// What somebody could write who has the history and our word, but nobody's key.
#[test]
fn our_word_never_undoes_what_a_person_signed_but_towards_nothing() {
    let p = proposal(Risk::Low, nightshift());
    let (rules, alice, _) = keyed();
    let yes = signed(&p, &alice, "alice", D::Approve, 1, 20);
    let no = signed(&p, &alice, "alice", D::Deny, 1, 20);
    let word = |decision| vote(&p, "alice", decision, 2, 21);
    let table = [
        (&yes, D::Withdraw, false),
        (&yes, D::Deny, false),
        (&no, D::Withdraw, false),
        (&no, D::Approve, false),
        (&yes, D::Approve, true),
    ];
    for (first, then, approved) in table {
        let counted = tally(&p, &[first.clone(), word(then)], &rules);
        assert_eq!(matches!(counted, Tally::Approved(_)), approved, "{:?} then {then:?}", first.decision);
        let denied = matches!(counted, Tally::Denied { .. });
        let kept = first.decision == D::Deny || then == D::Deny;
        assert_eq!(denied, kept, "{:?} then {then:?}", first.decision);
    }
    let mut unattended = yes.clone();
    unattended.interactive = false;
    assert!(matches!(tally(&p, &[unattended.clone()], &rules), Tally::Waiting { .. }));
    let mut registry = (*rules.registry).clone();
    registry.policy.accept_non_interactive = true;
    let rules = Rules { registry: Arc::new(registry), ..rules };
    assert!(matches!(tally(&p, &[unattended], &rules), Tally::Approved(_)));
}

fn carried(hook: &Hook, id: &str, vote: Vote) -> Vote {
    let mut vote = vote;
    hook.carry(&mut vote, id);
    vote
}

/// The rules with two bridges, and a third that carries nothing here.
fn bridged() -> (Rules, [Hook; 3]) {
    let hooks = [Hook::new("chatbot", 1), Hook::new("pager", 2), Hook::new("bank", 3)];
    let mut registry = registry();
    registry.bridges = hooks.iter().map(Hook::entry).collect();
    registry.bridges[2].roles = vec!["guest".to_owned()];
    registry.policy.approvals.medium.approve = 2;
    (Rules { registry: Arc::new(registry), ..rules() }, hooks)
}

#[test]
fn a_bridge_approves_once_whoever_it_names() {
    let p = proposal(Risk::Medium, nightshift());
    let (rules, [chat, pager, bank]) = bridged();
    let yes =
        |hook: &Hook, id: &str, person, second| carried(hook, id, vote(&p, person, D::Approve, 1, second));
    let approved = |votes: &[Vote]| matches!(tally(&p, votes, &rules), Tally::Approved(_));
    let (alice, bob) = (yes(&chat, "m-1", "alice", 20), yes(&chat, "m-2", "bob", 21));
    let Tally::Waiting { approved: who, needed: 2 } = tally(&p, &[bob.clone(), alice.clone()], &rules) else {
        unreachable!("two names by one bridge are one")
    };
    assert_eq!(who, [PersonId::from("alice")]);
    assert!(approved(&[alice.clone(), yes(&pager, "m-2", "bob", 21)]), "two bridges are two");
    assert!(approved(&[alice.clone(), vote(&p, "bob", D::Approve, 1, 21)]), "and a session is another");
    assert!(!approved(&[alice.clone(), yes(&bank, "m-2", "bob", 21)]), "its roles do not approve here");
    assert!(
        !approved(&[yes(&chat, "m-1", "alice", 20), yes(&pager, "m-2", "alice", 21)]),
        "one vote a person"
    );
    for person in ["guest", "robot", "late", "stranger"] {
        assert!(!approved(&[alice.clone(), yes(&pager, "m-2", person, 21)]), "{person}");
    }
    let back = carried(&chat, "m-3", vote(&p, "alice", D::Withdraw, 2, 22));
    let replayed = Vote { no: 3, ..alice.clone() };
    let pagers = yes(&pager, "m-2", "bob", 21);
    assert!(!approved(&[alice.clone(), back.clone(), replayed, pagers.clone()]), "one message is one vote");
    assert!(approved(&[
        alice.clone(),
        back,
        yes(&chat, "m-4", "bob", 23),
        vote(&p, "alice", D::Approve, 3, 24)
    ]));
    let no = carried(&chat, "m-5", vote(&p, "bob", D::Deny, 1, 22));
    assert!(matches!(tally(&p, &[alice, no], &rules), Tally::Denied { .. }), "a no is not counted off");
    let high = proposal(Risk::High, nightshift());
    let yes = |hook: &Hook, id: &str, person| carried(hook, id, vote(&high, person, D::Approve, 1, 20));
    let both = [yes(&chat, "m-1", "alice"), yes(&pager, "m-2", "bob")];
    assert!(matches!(tally(&high, &both, &rules), Tally::Waiting { .. }), "never at high risk");
}

#[test]
fn what_a_bridge_may_not_carry_says_why() {
    let p = proposal(Risk::Medium, nightshift());
    let (mut rules, [chat, ..]) = bridged();
    let ballot = |rules: &Rules, bridge: &str, who: &str, decision, votes: &[Vote]| {
        let (bridge, person) = (PersonId::from(bridge), PersonId::from(who));
        let bridge = rules.registry.bridge(&bridge.as_str().into()).unwrap();
        let person = rules.registry.person(&person).unwrap();
        let digest = p.digest();
        let ballot = Ballot { person, decision, digest, strength: Strength::Attested, interactive: true };
        admit_carried(bridge, &p, votes, &ballot, rules, at(30))
    };
    let yes = [carried(&chat, "m-1", vote(&p, "alice", D::Approve, 1, 20))];
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Approve, &[]), Ok(1));
    assert_eq!(ballot(&rules, "bank", "alice", D::Approve, &[]), Err(VoteRefusal::NoRole));
    assert_eq!(ballot(&rules, "bank", "alice", D::Deny, &[]), Err(VoteRefusal::NoRole));
    assert_eq!(ballot(&rules, "chatbot", "robot", D::Deny, &[]), Err(VoteRefusal::Service));
    assert_eq!(ballot(&rules, "chatbot", "bob", D::Approve, &yes), Err(VoteRefusal::BridgeCounted));
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Approve, &yes), Err(VoteRefusal::AlreadyVoted));
    assert_eq!(ballot(&rules, "pager", "bob", D::Approve, &yes), Ok(1));
    assert_eq!(ballot(&rules, "chatbot", "bob", D::Deny, &yes), Ok(1));
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Deny, &yes), Ok(2), "a no takes the place of a yes");
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Withdraw, &yes), Ok(2));
    let back = [yes[0].clone(), vote(&p, "alice", D::Withdraw, 2, 21)];
    assert_eq!(
        ballot(&rules, "chatbot", "bob", D::Approve, &back),
        Ok(1),
        "what was taken back counts no more"
    );
    let no = [vote(&p, "alice", D::Deny, 1, 20)];
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Deny, &no), Err(VoteRefusal::AlreadyVoted));
    let mut strict = (*rules.registry).clone();
    strict.policy.approvals.medium.min_proof = Strength::Signed;
    rules.registry = Arc::new(strict);
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Approve, &[]), Err(VoteRefusal::ControlsMissing));
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Deny, &[]), Ok(1));
    rules.standing.kill_switch = crate::rules::KillSwitch::Set { reason: "drill".to_owned() };
    assert_eq!(ballot(&rules, "chatbot", "alice", D::Deny, &[]), Ok(1), "a no is always possible");
}

#[test]
fn every_attempt_that_is_not_taken_says_why() {
    let p = proposal(Risk::Medium, Actor::Person(PersonId::from("bob")));
    let mut rules = rules();
    let voted = [vote(&p, "alice", D::Approve, 1, 20)];
    let try_at = |rules: &crate::Rules, who: &str, decision, digest, votes: &[Vote], second| {
        let person = rules.registry.person(&PersonId::from(who)).unwrap();
        let ballot = Ballot { person, decision, digest, strength: Strength::Attested, interactive: true };
        admit(&p, votes, &ballot, rules, at(second))
    };
    let d = p.digest();
    let table = [
        ("alice", D::Approve, d, 3600, VoteRefusal::Expired),
        ("alice", D::Approve, Digest([9; 32]), 30, VoteRefusal::OtherDigest),
        ("robot", D::Approve, d, 30, VoteRefusal::Service),
        ("guest", D::Deny, d, 30, VoteRefusal::NoRole),
        ("bob", D::Approve, d, 30, VoteRefusal::Proposer),
        ("late", D::Approve, d, 30, VoteRefusal::AddedLater),
        ("alice", D::Withdraw, d, 30, VoteRefusal::NotOpen),
    ];
    for (who, decision, digest, second, why) in table {
        assert_eq!(try_at(&rules, who, decision, digest, &[], second), Err(why), "{who}");
    }
    assert_eq!(try_at(&rules, "alice", D::Approve, d, &voted, 30), Err(VoteRefusal::AlreadyVoted));
    assert_eq!(try_at(&rules, "alice", D::Withdraw, d, &voted, 30), Ok(2));
    rules.standing.kill_switch = crate::rules::KillSwitch::Set { reason: "drill".to_owned() };
    assert_eq!(try_at(&rules, "alice", D::Approve, d, &[], 30), Err(VoteRefusal::KillSwitch));
    assert_eq!(try_at(&rules, "alice", D::Deny, d, &[], 30), Ok(1), "a no is always possible");
    rules.standing.kill_switch = crate::rules::KillSwitch::Clear;
    let alice = rules.registry.person(&PersonId::from("alice")).unwrap();
    let ballot = Ballot {
        person: alice,
        decision: D::Approve,
        digest: d,
        strength: Strength::Signed,
        interactive: false,
    };
    assert_eq!(admit(&p, &[], &ballot, &rules, at(30)), Err(VoteRefusal::NotInteractive));
    let deny = Ballot { decision: D::Deny, ..ballot };
    assert_eq!(admit(&p, &[], &deny, &rules, at(30)), Ok(1), "a script may say no");
    let mut strict = (*rules.registry).clone();
    strict.policy.approvals.medium.min_proof = Strength::Signed;
    let rules = Rules { registry: Arc::new(strict), ..rules };
    let alice = rules.registry.person(&PersonId::from("alice")).unwrap();
    let word = Ballot { person: alice, strength: Strength::Attested, interactive: true, ..ballot };
    assert_eq!(admit(&p, &[], &word, &rules, at(30)), Err(VoteRefusal::ControlsMissing));
}
