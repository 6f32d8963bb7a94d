//! The table of who counts.

use super::*;
use crate::samples::{at, nightshift, proposal, registry, rules};
use nightshift_model::{Proof, VoteDecision as D};

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
    tally(proposal, votes, &registry(), Strength::Attested)
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
    let signed = both.clone().map(|mut v| {
        v.proof = Proof::Ed25519 { key: "k".to_owned(), signature: "s".to_owned() };
        v
    });
    assert!(
        matches!(count(&signed, &p), Tally::Waiting { .. }),
        "a proof that nobody can verify counts for nothing"
    );
    assert!(decidable(&registry(), "shop", Risk::High, Strength::Attested).is_err());
    assert!(
        decidable(&registry(), "bank", Risk::Low, Strength::Attested).is_err(),
        "nobody may decide there"
    );
    assert!(decidable(&registry(), "shop", Risk::Medium, Strength::Attested).is_ok());
}

#[test]
fn every_attempt_that_is_not_taken_says_why() {
    let p = proposal(Risk::Medium, Actor::Person(PersonId::from("bob")));
    let mut rules = rules();
    let voted = [vote(&p, "alice", D::Approve, 1, 20)];
    let try_at = |rules: &crate::Rules, who: &str, decision, digest, votes: &[Vote], second| {
        let person = rules.registry.person(&PersonId::from(who)).unwrap().clone();
        admit(&p, votes, &person, decision, digest, rules, at(second))
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
}
