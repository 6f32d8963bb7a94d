//! *What changed since*: what a look at the cluster adds to a proposal that waits, and that it never blocks the page.

use crate::fixture::{Night, start};
use crate::screens::grant;
use nightshift::clock::Clock;
use nightshift_engine::since::Look;
use nightshift_model::effect::RawPart;
use nightshift_model::{IncidentEvent, NotChecked, Seconds, Withdrawal};
use serde_json::{Value, json};
use std::time::Duration;

/// The Deployment as it was sealed.
pub(crate) fn target() -> Value {
    json!({
        "metadata": {"uid": "9d3f0c1e", "generation": 57, "resourceVersion": "5",
            "annotations": {"deployment.kubernetes.io/revision": "42"}},
        "spec": {"replicas": 4, "template": {"spec": {"containers": [{"name": "app", "image": "cart:2.15.0"}]}}},
    })
}

/// The earlier revision as it was sealed.
pub(crate) fn source() -> Value {
    let template = json!({"spec": {"containers": [{"name": "app", "image": "cart:2.14.3"}]}});
    json!({"metadata": {"uid": "b7716d02"}, "spec": {"template": template}})
}

fn body(value: &Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn pods(state: &Value) -> RawPart {
    body(
        &json!({"kind": "PodList", "items": [{"status": {"containerStatuses": [{"restartCount": 5, "state": state}]}}]}),
    )
}

/// A cluster in which nothing has moved.
pub(crate) fn as_sealed() -> Look {
    Look {
        target: body(&target()),
        source: Some(body(&source())),
        pods: pods(&json!({"waiting": {"reason": "CrashLoopBackOff"}})),
        at: start(),
    }
}

/// What stands in the strip; nothing where there is none.
fn strip(page: &str) -> &str {
    let rest = page.split_once("<h2>What changed since</h2>").map_or("", |(_, rest)| rest);
    rest.split_once("</section>").map_or("", |(strip, _)| strip)
}

#[tokio::test]
async fn a_proposal_that_waits_says_what_changed_or_nothing() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let page = format!("/p/{}", proposal.id());
    let mut carol = night.signed_in("carol").await;
    let shown = carol.get(&page).await.text;
    assert!(strip(&shown).contains(">Nothing<") && !strip(&shown).contains("<li>"), "{}", strip(&shown));

    let mut rolled = target();
    rolled["metadata"]["generation"] = json!(58);
    rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("43");
    rolled["spec"]["template"]["spec"]["containers"][0]["image"] = json!("<b>cart:2.16.0");
    let healed = pods(&json!({"running": {}}));
    *night.cluster.lock().unwrap() = Some(Look { target: body(&rolled), pods: healed, ..as_sealed() });
    night.record(grant(&proposal)[..1].to_vec(), start()).await;
    night.rules.lock().unwrap().policy = nightshift_model::digest("x", b"other");
    let rows = night.store_rows().await;
    let shown = carol.get(&page).await.text;
    for line in [
        "Revision 43 was rolled out; revision 42 was current",
        "generation 57 became 58",
        "The symptom is gone",
        "votes on this are void",
        "alice approved 2 min ago",
    ] {
        assert!(strip(&shown).contains(line), "{line}: {}", strip(&shown));
    }
    assert!(!strip(&shown).contains(">Nothing<"));
    assert!(night.store_rows().await <= rows + 1, "it was looked at, and nothing else was written");
    assert_eq!(night.fold().await.proposals.len(), 1, "a look decides nothing");
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_said_and_does_not_block_the_page() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let page = format!("/p/{}", proposal.id());
    let mut alice = night.signed_in("alice").await;
    let refused = RawPart::Failed { why: NotChecked::Unreachable, detail: "refused".to_owned() };
    let look = Look { target: refused.clone(), source: Some(refused.clone()), pods: refused, at: start() };
    *night.cluster.lock().unwrap() = Some(look);
    let shown = alice.get(&page).await.text;
    assert!(strip(&shown).contains("Could not be read") && !strip(&shown).contains(">Nothing<"), "{shown}");

    *night.cluster.lock().unwrap() = None;
    let clock = Clock::wall();
    let began = clock.monotonic();
    let asks = (0..6).map(|_| {
        let (mut alice, page) = (alice.clone(), page.clone());
        async move { alice.get(&page).await.text }
    });
    let pages = futures::future::join_all(asks).await;
    assert!(clock.monotonic().saturating_sub(began) < Duration::from_secs(5), "two seconds, and the page");
    let late = pages.iter().filter(|p| strip(p).contains("did not answer within 2 s")).count();
    let busy = pages.iter().filter(|p| strip(p).contains("too many pages ask")).count();
    assert_eq!((late, busy), (4, 2), "so many looks at a time, the others say so");
    assert!(pages.iter().all(|p| p.contains("Approve: do exactly this")), "the page is whole without a look");
}

#[tokio::test]
async fn what_is_decided_or_over_is_not_looked_at() {
    let night = Night::quiet().await;
    let proposal = night.propose(|plan| plan.not_after = start() + Seconds(300)).await;
    let page = format!("/p/{}", proposal.id());
    let mut alice = night.signed_in("alice").await;
    assert!(!strip(&alice.get(&page).await.text).contains("expires in"), "half of its time is left");
    *night.cluster.lock().unwrap() = None;
    night.record(vec![IncidentEvent::Withdrawn { why: Withdrawal::Expired }], start()).await;
    assert_eq!(strip(&alice.get(&page).await.text), "");

    let late = Night::quiet().await;
    let proposal = late.propose(|plan| plan.not_after = start() + Seconds(60)).await;
    let mut alice = late.signed_in("alice").await;
    let shown = alice.get(&format!("/p/{}", proposal.id())).await.text;
    assert!(strip(&shown).contains("Most of its time is over: it expires in 5"), "{}", strip(&shown));
}
