//! A whole night told to a Slack channel and a pager, as a configuration names them.

use nightshift::config::Config;
use nightshift::runtime::tell;
use nightshift_model::{Closure, Outcome, Phase, SystemEvent, ThreadState};
use nightshift_tests::house::House;
use nightshift_tests::voices::{SECRETS, Voices};
use serde_json::json;

/// What became of the pager's alert, as it was written down.
async fn states(house: &House) -> anyhow::Result<Vec<ThreadState>> {
    let changed = house.system(&["thread-changed"]).await?;
    let state =
        |event| if let SystemEvent::ThreadChanged { thread, .. } = event { Some(thread.state) } else { None };
    Ok(changed.into_iter().filter_map(state).collect())
}

#[tokio::test]
async fn a_pager_is_opened_taken_over_and_closed_and_a_restart_in_between_forgets_nothing()
-> anyhow::Result<()> {
    let mut house = House::open().await?;
    // The first event is lost to a 500.
    let heard = Voices::open(1).await?;
    let folder = tempfile::tempdir()?;
    let text = json!({"notify": heard.notify(folder.path(), &["shop"])?}).to_string();
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &text)?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    let (scope, proposal) = house.proposed("cart").await?;
    // What was heard and not yet written down would be said again, and rightly so.
    let both = async || Ok((house.system(&["delivered"]).await?.len() == 2).then_some(()));
    house.within("a page", both).await?;

    // Another process answers for the rest: what the pager has open is in the history.
    house.kill().await;
    house.start().await?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(matches!(over.phase, Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } }));
    house.within("a resolve", async || Ok((heard.actions().len() == 3).then_some(()))).await?;
    assert_eq!(
        heard.actions(),
        ["trigger", "acknowledge", "resolve"],
        "though the first event was lost to a 500"
    );
    let name = format!("nightshift:test:{}", over.id);
    for event in heard.events() {
        assert_eq!(event.body["dedup_key"], name.as_str());
    }
    // Nobody said where the pages are: no link to this machine goes out, but what to type.
    let told = heard.events()[0].body.to_string();
    assert!(!told.contains("127.0.0.1") && !told.contains("\"links\":[{"), "{told}");
    assert!(told.contains(&format!("nightshift proposals show {}", proposal.id())), "{told}");

    house.within("the last post", async || Ok((heard.posts().len() == 3).then_some(()))).await?;
    let titles = heard.posts();
    assert!(titles[0].starts_with("Your decision: ") && titles[2].starts_with("Fixed: "), "{titles:#?}");
    assert!(heard.beats() > 0, "the heart beats");
    assert!(heard.refused().is_empty(), "{:?}", heard.refused());

    let why = house
        .system(&["routed"])
        .await?
        .into_iter()
        .find_map(|event| if let SystemEvent::Routed { why, .. } = event { Some(why) } else { None });
    assert!(why.is_some_and(|why| why.contains("critical") || why.contains("production")));
    let states =
        house.within("the last state", async || Ok(Some(states(&house).await?).filter(|s| s.len() > 2)));
    assert_eq!(states.await?, [ThreadState::Open, ThreadState::Acknowledged, ThreadState::Resolved]);

    let file = house.file();
    house.stop().await;
    for name in ["history.db", "history.db-wal"] {
        let bytes = std::fs::read(file.with_file_name(name)).unwrap_or_default();
        for canary in SECRETS {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in {name}");
        }
    }
    house.finish().await.map(drop)
}
