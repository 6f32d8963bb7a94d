//! Links show, and what is wrong with one is never told to whoever holds it.

use crate::fixture::{Night, start};
use nightshift::http::gate::link::LinkToken;
use nightshift_model::{Proposal, ProposalId, Seconds};
use reqwest::StatusCode;

async fn night() -> (Night, Proposal, String) {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let link = night.gate.link("webhook:oncall", &proposal).await.unwrap().unwrap();
    let path = link.strip_prefix(&format!("http://{}", night.address)).unwrap().to_owned();
    (night, proposal, path)
}

#[tokio::test]
async fn a_link_shows_strangers_little_and_the_right_people_everything() {
    let (night, proposal, path) = night().await;
    let mut stranger = night.stranger();
    let shown = stranger.get(&path).await;
    assert_eq!(shown.status, StatusCode::OK);
    for told in ["production", "shop/cart", "CrashLoopBackOff", "medium", &proposal.digest().short()] {
        assert!(shown.text.contains(told), "{told}");
    }
    for kept in ["2.15.0", "CART_CURRENCIES", "fatal: cannot start", "/votes", "alice", "kubectl"] {
        assert!(!shown.text.contains(kept), "{kept} is for people with a role");
    }
    assert!(shown.headers.get("set-cookie").is_none());

    let mut dave = night.signed_in("dave").await;
    let foreign = dave.get(&path).await;
    assert!(
        foreign.text.contains("Your roles do not cover this namespace") && !foreign.text.contains("2.15.0")
    );
    let mut alice = night.signed_in("alice").await;
    let whole = alice.get(&path).await;
    assert!(whole.text.contains("2.15.0") && whole.text.contains("fatal: cannot start"));
    assert!(whole.text.contains(&format!("action=\"/p/{}/votes\"", proposal.id())));
}

#[tokio::test]
async fn every_bad_link_gets_the_same_page_and_is_counted() {
    let (night, proposal, path) = night().await;
    let token = path.rsplit('/').next().unwrap();
    let key = &night.keys.links.active;
    let mint = |digest, expires, nonce| {
        let token = LinkToken {
            recipient: "webhook:oncall".to_owned(),
            proposal: proposal.id().clone(),
            digest,
            expires,
            nonce,
        };
        token.mint(key)
    };
    let head = LinkToken::head(proposal.digest());
    let later = start() + Seconds(600);
    night.people.link_make(&[1; 16], "x", proposal.id(), later).await.unwrap();
    night.people.link_make(&[2; 16], "x", proposal.id(), later).await.unwrap();
    let other = ProposalId::from("pro-0000000000");
    let id = proposal.id();
    let cases = [
        ("forged", format!("/p/{id}/{}", token.replace(['A', 'Q'], "B"))),
        ("not a token", format!("/p/{id}/hello")),
        ("foreign", format!("/p/{other}/{token}")),
        ("expired", format!("/p/{id}/{}", mint(head, start() - Seconds(1), [1; 16]))),
        ("unknown to the store", format!("/p/{id}/{}", mint(head, later, [9; 16]))),
        ("other digest", format!("/p/{id}/{}", mint([3; 16], later, [2; 16]))),
        ("no such page", "/nothing".to_owned()),
    ];
    let rows = night.store_rows().await;
    let mut stranger = night.stranger();
    let mut pages = Vec::new();
    for (what, path) in &cases {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
        pages.push(answer.text);
    }
    night.store.links_revoke(id, start()).await.unwrap();
    pages.push(stranger.get(&path).await.text);
    pages.dedup();
    assert_eq!(pages.len(), 1, "one page for all of them");
    assert_eq!(night.store_rows().await, rows, "nothing was recorded yet");
    night.gate.write_counts().await;
    let kinds = night.system().await;
    assert_eq!(kinds.iter().filter(|k| *k == "anonymous-refused").count(), 5, "one row a reason: {kinds:?}");
}

#[tokio::test]
async fn without_a_session_every_id_looks_the_same() {
    let (night, proposal, _) = night().await;
    let mut stranger = night.stranger();
    let known = stranger.get(&format!("/p/{}", proposal.id())).await;
    let unknown = stranger.get("/p/pro-0000000000").await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    let mut dave = night.signed_in("dave").await;
    let foreign = dave.get(&format!("/p/{}", proposal.id())).await;
    let unknown = dave.get("/p/pro-0000000000").await;
    assert_eq!((foreign.status, &foreign.text), (unknown.status, &unknown.text));
    let incident = dave.get(&format!("/i/{}", night.incident)).await;
    assert_eq!((incident.status, &incident.text), (unknown.status, &unknown.text));
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_wrong_ones_look_alike() {
    let (night, ..) = night().await;
    let mut alice = night.signed_in("alice").await;
    assert!(alice.get("/").await.text.contains("waits for your vote"));
    let person = nightshift_model::PersonId::from("bob");
    let token = night.people.invite(&person, &nightshift_model::Actor::Operator).await.unwrap();
    let mut bob = night.stranger();
    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let refused = bob.post_from("/signin", &[("token", &token)], &foreign).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.post("/signin", &[("token", &token)]).await.status, StatusCode::SEE_OTHER);
    let used = bob.post("/signin", &[("token", &token)]).await;
    let forged = bob.get("/signin/abc").await;
    assert_eq!((used.status, &used.text), (forged.status, &forged.text));
    let home = bob.get("/").await;
    let csrf =
        home.text.rsplit("name=\"csrf\" value=\"").next().unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(bob.post("/signout", &[("csrf", &csrf)]).await.status, StatusCode::OK);
    assert_eq!(bob.get("/").await.status, StatusCode::UNAUTHORIZED);
}
