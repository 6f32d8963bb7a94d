//! What every answer carries, what looking changes, and what untrusted text becomes.

use crate::fixture::{Night, start};
use nightshift::http::headers::ALWAYS;
use nightshift_model::evidence::LogExcerpt;
use nightshift_model::{Got, IncidentEvent, Observed, Phase, Seconds, Shown};
use reqwest::StatusCode;

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let mut stranger = night.stranger();
    let large = "x".repeat(20_000);
    let answers = [
        alice.get("/").await,
        alice.get(&format!("/p/{id}")).await,
        alice.get(&format!("/i/{}", night.incident)).await,
        alice.get("/digest/2026-03-03").await,
        alice.get("/digest").await,
        alice.get("/digest/never").await,
        stranger.get("/").await,
        stranger.get("/p/a/b").await,
        stranger.get("/signin/a").await,
        stranger.get("/assets/nightshift.css").await,
        stranger.get("/nothing/at/all").await,
        stranger.post("/killswitch", &[]).await,
        stranger.post("/", &[]).await,
        alice.post("/signin", &[("token", &large)]).await,
        alice.get("/?after=x").await,
        alice.get("/digests").await,
        alice.get("/digests?before=x").await,
        alice.get("/silences").await,
        alice.post("/silences", &[("of", "x")]).await,
        alice.get("/people").await,
        stranger.post("/people/sessions/x/end", &[]).await,
        stranger.post("/silences/x/end", &[]).await,
    ];
    for answer in &answers {
        for (name, value) in ALWAYS {
            assert_eq!(answer.headers.get_all(*name).iter().collect::<Vec<_>>(), [*value], "{name}");
        }
    }
    assert_eq!(answers[13].status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        answers.iter().all(|a| {
            let scripts = a.text.matches("<script").count();
            scripts == a.text.matches("<script src=\"/assets/").count() && !a.text.contains("style=")
        }),
        "no script but our own files, no inline style"
    );
    assert!(
        !answers.iter().any(|a| a.text.contains("http://") || a.text.contains("https://")),
        "nothing from elsewhere"
    );
}

#[tokio::test]
async fn looking_decides_nothing() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let link = night.gate.link("x", &proposal).await.unwrap().unwrap();
    let link = link.strip_prefix(&format!("http://{}", night.address)).unwrap().to_owned();
    let token = night.people.invite(&"bob".into(), &nightshift_model::Actor::Operator).await.unwrap();
    let mut alice = night.signed_in("alice").await;
    let (before, rows) = (night.fold().await, night.store_rows().await);
    let page = format!("/p/{}", proposal.id());
    for path in [
        &page,
        &format!("{page}/votes"),
        &format!("{page}/again"),
        &link,
        &format!("/signin/{token}"),
        &"/killswitch".to_owned(),
        &"/".to_owned(),
        &"/digests".to_owned(),
        &"/silences".to_owned(),
        &"/silences/x/end".to_owned(),
        &"/people".to_owned(),
        &"/people/sessions/x/end".to_owned(),
    ] {
        alice.head(path).await;
        night.stranger().get(path).await;
        night.stranger().head(path).await;
    }
    assert_eq!(night.store_rows().await, rows, "HEAD and strangers leave nothing");
    for path in [&page, &format!("{page}/votes?decision=approve"), &link] {
        alice.get(path).await;
    }
    assert_eq!(night.fold().await, before, "the incident is as it was");
    assert_eq!(night.store_rows().await, rows + 1, "that alice looked is written down once");
    let mut bob = night.stranger();
    assert_eq!(
        bob.post("/signin", &[("token", &token)]).await.status,
        StatusCode::SEE_OTHER,
        "looking used nothing up"
    );
}

#[tokio::test]
async fn untrusted_text_stays_text() {
    let night = Night::quiet().await;
    let hostile = "<script>alert(1)</script> \u{202e}evorppa\u{202c} \u{1b}[31mred\u{200b}\" onload=\"x";
    let proposal = night
        .propose(|plan| {
            plan.hazards.push(hostile.to_owned());
            plan.cause = hostile.to_owned();
            plan.shown[0].after = Shown::Value(hostile.to_owned());
        })
        .await;
    let mut alice = night.signed_in("alice").await;
    let shown = alice.get(&format!("/p/{}", proposal.id())).await.text;
    assert!(!shown.contains("<script>") && !shown.contains("onload=\"x"));
    for hidden in ['\u{202e}', '\u{202c}', '\u{1b}', '\u{200b}'] {
        assert!(!shown.contains(hidden), "{hidden:?} reached the page");
    }
    assert!(
        shown.contains("\\u{202e}evorppa") && shown.contains("&#60;script&#62;"),
        "it is shown as what it is"
    );

    let night = Night::quiet().await;
    let at = start() - Seconds(240);
    let mut evidence = crate::fixture::evidence(at).remove(2);
    evidence.got =
        Got::Facts(Observed::Log(LogExcerpt { lines: vec![hostile.to_owned()], cut: None, redacted: 0 }));
    let wanted = vec![nightshift_model::EvidenceRequest { id: evidence.id, tool: evidence.tool.clone() }];
    let scope = crate::fixture::deployment();
    night
        .record(
            vec![
                IncidentEvent::Opened { scope, cause: "f".into() },
                IncidentEvent::EvidenceWanted { wanted },
                IncidentEvent::EvidenceGot { evidence },
            ],
            at,
        )
        .await;
    assert!(matches!(night.fold().await.phase, Phase::Investigating { .. }));
    let mut alice = night.signed_in("alice").await;
    let shown = alice.get(&format!("/i/{}", night.incident)).await.text;
    assert!(shown.contains("&#60;script&#62;") && !shown.contains("<script>") && !shown.contains('\u{202e}'));
}

#[tokio::test]
async fn the_digest_page_shows_what_the_roles_cover_and_how_much_it_leaves_out() {
    let night = Night::proposed().await;
    let path = "/digest/2026-03-03";
    let mut root = night.signed_in("root").await;
    let whole = root.get(path).await.text;
    assert!(whole.contains("Deployment shop/cart") && !whole.contains("Left out"), "{whole}");
    let mut carol = night.signed_in("carol").await;
    assert!(carol.get(path).await.text.contains("Deployment shop/cart"), "a looker of the owner");
    let mut dave = night.signed_in("dave").await;
    let part = dave.get(path).await;
    assert_eq!(part.status, StatusCode::OK);
    assert!(part.text.contains("Left out, because your roles do not cover their owners: 1 incident"));
    let id = night.fold().await.proposals[0].id.clone();
    for name in ["shop", "cart", "CrashLoopBackOff", night.incident.as_str(), id.as_str()] {
        assert!(!part.text.contains(name), "{name} leaks: {}", part.text);
    }
}
