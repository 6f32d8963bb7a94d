//! Charts on the pages: drawn from the history, told in words, and never in the way.

use crate::fixture::{Night, start};
use crate::screens::{grant, look, write};
use nightshift_model::measure::{NoData, Stage, Value};
use nightshift_model::{IncidentEvent, Seconds};

/// A proposal that was written and looked at, with a gap in the middle, and its pods healed.
pub(crate) async fn measured(night: &Night) -> nightshift_model::Proposal {
    let proposal = night.propose(|_| ()).await;
    night.record(grant(&proposal), start() - Seconds(120)).await;
    night.record(write(&proposal), start() - Seconds(110)).await;
    let looks = (2..8).map(|n| match look(Stage::After, n * 15, n < 4) {
        IncidentEvent::Measured { mut measurement } if n == 5 => {
            for reading in &mut measurement.readings {
                reading.value = Value::NoData { why: NoData::Unreachable, detail: "timeout".to_owned() };
            }
            IncidentEvent::Measured { measurement }
        }
        event => event,
    });
    night.record(looks.collect(), start() - Seconds(1)).await;
    night.record(vec![IncidentEvent::FindingsChanged { findings: Vec::new() }], start()).await;
    proposal
}

#[tokio::test]
async fn measures_and_pods_are_drawn_and_told_in_words() {
    let night = Night::quiet().await;
    let mut alice = night.signed_in("alice").await;
    let proposal = night.propose(|_| ()).await;
    let page = alice.get(&format!("/p/{}", proposal.id())).await.text;
    assert!(!page.contains("<svg"), "nothing was measured yet");
    let page = alice.get(&format!("/i/{}", night.incident)).await.text;
    assert!(!page.contains("<svg"), "one look is no chart");

    let night = Night::quiet().await;
    let proposal = measured(&night).await;
    let mut alice = night.signed_in("alice").await;
    let page = alice.get(&format!("/p/{}", proposal.id())).await.text;
    assert_eq!(page.matches("<svg").count(), 3, "one a measure");
    for part in [
        "aria-label=\"Chart: unavailable-replicas\" aria-describedby=\"measure-0\"",
        "<figcaption id=\"measure-0\"",
        "3 (fails) at",
        "0 (holds) at",
        "7 looks, 1 without data; threshold 0; the write took effect at",
        "class=\"threshold\"",
        "class=\"write\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let first = page.split("</svg>").next().unwrap();
    assert_eq!(first.matches("<polyline").count(), 2, "the line breaks where there is no data");
    let page = alice.get(&format!("/i/{}", night.incident)).await.text;
    assert!(page.contains("How it went") && page.contains("3 (fails) at") && page.contains("0 (holds) at"));
}
