//! An occurrence is one row, ends once, and waits until it was heard of.

use super::*;
use crate::store::testing::{at, store};
use nightshift_engine::alert::Candidate;
use nightshift_model::Kind;
use std::collections::BTreeMap;

fn told(fingerprint: &str, started: i64, ended: Option<i64>) -> Told {
    Told {
        alert: Alert {
            fingerprint: format!("{fingerprint:0>16}"),
            started: at(started),
            since: at(started),
            ended: ended.map(at),
            name: "KubePodCrashLooping".to_owned(),
            severity: String::new(),
            summary: "it's \"odd\" \u{1F41B}".to_owned(),
            receiver: String::new(),
            labels: BTreeMap::new(),
            flags: Vec::new(),
        },
        candidate: Candidate::Cluster,
        effect: Effect::Opens,
    }
}

#[tokio::test]
async fn a_repeat_and_a_duplicate_of_a_peer_change_nothing() {
    let (_folder, store) = store().await;
    let both = [told("a", 0, None), told("b", 0, None)];
    assert_eq!(store.alerts_tell(&both, at(1)).await.unwrap(), Brought { changed: 2, repeated: 0 });
    let (one, two) = tokio::join!(store.alerts_tell(&both, at(2)), store.alerts_tell(&both, at(3)));
    assert_eq!((one.unwrap().changed, two.unwrap().changed), (0, 0));
    let waiting = store.alerts_waiting(false, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].changed_at, &waiting[0].told), (2, at(1), &both[0]));
    assert_eq!(store.alerts_backlog(10).await.unwrap(), 2);
    // The same alert again at another time is another occurrence, and the same twice in a message is one.
    let again = [told("a", 50, None), told("a", 50, None)];
    store.alerts_tell(&again, at(60)).await.unwrap();
    assert_eq!(store.alerts_waiting(false, 10).await.unwrap().len(), 3);
    assert_eq!(store.alerts_tell(&[], at(60)).await.unwrap(), Brought::default());
}

#[tokio::test]
async fn what_ended_never_fires_again_also_when_its_end_was_told_first() {
    let (_folder, store) = store().await;
    store.alerts_tell(&[told("a", 0, Some(30))], at(40)).await.unwrap();
    store.alerts_tell(&[told("a", 0, None)], at(50)).await.unwrap();
    let waiting = store.alerts_waiting(false, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].told.alert.ended), (1, Some(at(30))));
    store.alerts_tell(&[told("a", 0, Some(99))], at(99)).await.unwrap();
    assert_eq!(store.alerts_waiting(false, 10).await.unwrap()[0].told.alert.ended, Some(at(30)));
}

#[tokio::test]
async fn a_change_that_came_meanwhile_goes_on_waiting() {
    let (_folder, store) = store().await;
    let incident = IncidentId::from("inc-1");
    store.alerts_tell(&[told("a", 0, None)], at(1)).await.unwrap();
    let scope = ObjectRef::new(Kind::Deployment, "shop", "cart", "u");
    let found = Found { scope: Some(scope), flag: Some(Flag::NotOwned) };
    let looked = store.alerts_waiting(false, 10).await.unwrap();
    store.alerts_found(&[(&looked[0].told.alert, &found)]).await.unwrap();
    assert!(store.alerts_waiting(false, 10).await.unwrap().is_empty());
    let placed = store.alerts_waiting(true, 10).await.unwrap();
    assert_eq!(
        (placed[0].found.as_ref(), placed[0].told.alert.flags.as_slice()),
        (Some(&found), &[Flag::NotOwned][..])
    );
    store.alerts_assign(&[&placed[0]], &incident).await.unwrap();

    store.alerts_tell(&[told("a", 0, Some(5))], at(6)).await.unwrap();
    store.alerts_heard(&[&placed[0]]).await.unwrap();
    let rest = store.alerts_waiting(true, 10).await.unwrap();
    assert_eq!(
        (rest.len(), rest[0].told.alert.ended, rest[0].incident.as_ref()),
        (1, Some(at(5)), Some(&incident))
    );
    store.alerts_heard(&[&rest[0]]).await.unwrap();
    assert_eq!(store.alerts_backlog(10).await.unwrap(), 0);
    let (shown, firing, total) = store.alerts_of(&incident).await.unwrap();
    assert_eq!((shown.len(), firing, total), (1, 0, 1));
}

#[tokio::test]
async fn silence_is_an_end_and_what_is_over_is_forgotten() {
    let (_folder, store) = store().await;
    let watchdog = Told { effect: Effect::Watchdog, ..told("w", 0, None) };
    store.alerts_tell(&[told("a", 0, None), told("b", 0, None), watchdog], at(1)).await.unwrap();
    store.alerts_tell(&[told("b", 0, None)], at(90)).await.unwrap();
    assert_eq!(
        store.alerts_age(at(100), Seconds(50), Seconds(1000)).await.unwrap(),
        1,
        "the watchdog has a watch of its own"
    );
    let over = store
        .alerts_waiting(false, 10)
        .await
        .unwrap()
        .into_iter()
        .find(|w| w.told.alert.ended.is_some())
        .unwrap();
    assert_eq!(
        (over.told.alert.ended, over.told.alert.flags.as_slice()),
        (Some(at(100)), &[Flag::Silent][..])
    );
    store.alerts_heard(&[&over]).await.unwrap();
    store.alerts_age(at(2000), Seconds(5000), Seconds(1000)).await.unwrap();
    assert_eq!(store.alerts_backlog(10).await.unwrap(), 1, "what fires is kept");
    assert_eq!(store.alert_last_heard("KubePodCrashLooping").await.unwrap(), Some(at(90)));
    assert_eq!(store.alert_last_heard("other").await.unwrap(), None);
}

#[tokio::test]
async fn a_storm_is_one_statement() {
    let (_folder, store) = store().await;
    let many: Vec<Told> = (0..10_000).map(|n| told(&n.to_string(), 0, None)).collect();
    assert_eq!(store.alerts_tell(&many, at(1)).await.unwrap().changed, 10_000);
    assert_eq!(store.alerts_backlog(20_000).await.unwrap(), 10_000);
    assert_eq!(store.alerts_backlog(500).await.unwrap(), 500);
}
