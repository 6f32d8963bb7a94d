//! Who may decide by a button, and about what.

use super::*;
use crate::clock::Clock;
use crate::store::SqliteStore;
use crate::store::testing::{at, proposed, store};
use nightshift_engine::drive::Store as _;
use nightshift_engine::rules::{Mode, Rules, Standing};
use nightshift_model::{
    Cluster, Digest, IncidentId, Phase, Proof, Proposal, ProposalId, Registry, Risk, Vote, VoteDecision as D,
};
use nightshift_playbooks::Catalog;
use std::sync::Arc;

fn registry(low: &str) -> Registry {
    serde_json::from_value(serde_json::json!({
        "persons": [
            {"name": "ann", "roles": ["shop"], "slack": "U0ANN"},
            {"name": "ben", "roles": ["bank"], "slack": "U0BEN"},
            {"name": "bot", "kind": "service", "roles": ["shop"], "slack": "U0BOT"},
            {"name": "una", "roles": ["shop"]},
        ],
        "roles": {"shop": {"owners": ["shop"]}, "bank": {"owners": ["bank"]}},
        "owners": [{"name": "shop", "namespaces": ["shop"]}, {"name": "bank", "namespaces": ["bank"]}],
        "policy": {"approvals": {"low": {"approve": 1, "min_proof": low}}},
    }))
    .unwrap()
}

async fn desk(risk: Risk, low: &str) -> (tempfile::TempDir, SqliteStore, Votes, IncidentId, Proposal) {
    let (folder, store) = store().await;
    let id = IncidentId::from("inc-0123456789");
    let incident = proposed(&store, &id, risk).await;
    let proposal = incident.phase.proposal().unwrap().clone();
    let (registry, playbooks, mode) = (registry(low), Catalog::embedded(), Mode::Observe);
    let rules = Rules {
        cluster: Cluster { uid: "c1".to_owned(), name: "test".to_owned() },
        policy: Rules::policy_digest(&registry, &playbooks, &mode),
        mode,
        registry: Arc::new(registry),
        playbooks: Arc::new(playbooks),
        prometheus: true,
        noise: nightshift_model::Noise::default(),
        home: "nightshift".to_owned(),
        standing: Standing::default(),
    };
    let rules: crate::stages::RulesNow = Arc::new(move || {
        let rules = rules.clone();
        Box::pin(async move { rules })
    });
    let votes = Votes::new(store.clone(), rules, Clock::scaled(at(10), 1), Arc::new(|_| ()));
    (folder, store, votes, id, proposal)
}

fn vote(user: &str, proposal: &Proposal, decision: D) -> Press {
    let wish = Wish::Vote(proposal.id().clone(), proposal.digest(), decision);
    Press { user: user.to_owned(), wish }
}

async fn votes(store: &SqliteStore, id: &IncidentId) -> Vec<Vote> {
    let phase = store.load(id).await.unwrap().phase;
    if let Phase::Proposed { votes, .. } = phase { votes } else { Vec::new() }
}

#[tokio::test]
async fn a_button_is_pressed_by_who_the_registry_says_and_counts_at_low_risk() {
    let (_folder, store, desk, id, proposal) = desk(Risk::Low, "attested").await;
    let refused = |why| Err(NotPressed::Refused(why));
    let yes = |user| vote(user, &proposal, D::Approve);
    for user in ["U0UNA", "una", "", "U0ANN "] {
        assert_eq!(desk.press(&yes(user)).await, Err(NotPressed::Nobody), "{user:?}");
    }
    assert_eq!(desk.press(&yes("U0BEN")).await, refused(VoteRefusal::NoRole));
    assert_eq!(desk.press(&yes("U0BOT")).await, refused(VoteRefusal::Service));
    let mut other = yes("U0ANN");
    other.wish = Wish::Vote(proposal.id().clone(), Digest([7; 32]), D::Approve);
    assert_eq!(desk.press(&other).await, refused(VoteRefusal::OtherDigest));
    other.wish = Wish::Vote(ProposalId::from("pro-0000000000"), proposal.digest(), D::Approve);
    assert_eq!(desk.press(&other).await, refused(VoteRefusal::NoRole), "as one of another owner");
    assert!(votes(&store, &id).await.is_empty(), "nothing was decided so far");
    assert_eq!(desk.press(&yes("U0ANN")).await, Ok(Pressed::Voted(D::Approve)));
    assert_eq!(desk.press(&yes("U0ANN")).await, refused(VoteRefusal::AlreadyVoted));
    let taken = votes(&store, &id).await;
    assert!(
        matches!(taken.as_slice(), [Vote { proof: Proof::Attested { by }, .. }] if by == "slack U0ANN"),
        "{taken:?}"
    );
}

#[tokio::test]
async fn above_low_risk_and_where_signatures_are_wanted_a_button_only_denies() {
    for (risk, low) in [(Risk::Medium, "attested"), (Risk::High, "attested"), (Risk::Low, "signed")] {
        let (_folder, store, desk, id, proposal) = desk(risk, low).await;
        let yes = desk.press(&vote("U0ANN", &proposal, D::Approve)).await;
        assert_eq!(yes, Err(NotPressed::Refused(VoteRefusal::ControlsMissing)), "{risk} {low}");
        assert!(votes(&store, &id).await.is_empty());
        assert_eq!(desk.press(&vote("U0ANN", &proposal, D::Deny)).await, Ok(Pressed::Voted(D::Deny)));
    }
}

#[tokio::test]
async fn whoever_has_it_may_approve_there() {
    let (_folder, store, desk, id, _) = desk(Risk::Medium, "attested").await;
    let have = |user: &str, id: &IncidentId| Press { user: user.to_owned(), wish: Wish::Have(id.clone()) };
    assert_eq!(desk.press(&have("U0BEN", &id)).await, Err(NotPressed::Refused(VoteRefusal::NoRole)));
    assert_eq!(desk.press(&have("U0EVE", &id)).await, Err(NotPressed::Nobody));
    assert_eq!(desk.press(&have("U0ANN", &id)).await, Ok(Pressed::Had(Had::Yours)));
    let holder = store.load(&id).await.unwrap().held_by.map(|holder| holder.person);
    assert_eq!(holder.as_ref().map(PersonId::as_str), Some("ann"));
    assert!(desk.press(&have("U0ANN", &IncidentId::from("inc-none"))).await.is_err());
}
