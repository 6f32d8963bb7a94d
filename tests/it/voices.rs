//! A whole night told to a Slack channel and a pager, as a configuration names them.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use nightshift::config::Config;
use nightshift::runtime::tell;
use nightshift_model::{Closure, Outcome, Phase, SystemEvent, ThreadState};
use nightshift_tests::house::House;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The secrets of the channels: an address' path, a routing key, another address' path.
const CANARIES: [&str; 3] = ["c4nary-slack-4kQ9", "c4naryPagerKeyc4naryPagerKey0000", "c4nary-heart-7bW2"];

#[derive(Clone, Default)]
struct Heard {
    events: Arc<Mutex<Vec<(String, Value)>>>,
    refusals: Arc<Mutex<u32>>,
}

impl Heard {
    fn at(&self, path: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|(at, _)| at.contains(path)).map(|(_, body)| body.clone()).collect()
    }

    fn actions(&self) -> Vec<String> {
        let action = |event: &Value| event["event_action"].as_str().unwrap_or_default().to_owned();
        self.at("enqueue").iter().map(action).collect()
    }
}

/// Slack, PagerDuty and whoever hears the heart, on one port. The first event is lost to a 500.
async fn receivers() -> anyhow::Result<(String, Heard)> {
    let heard = Heard { refusals: Arc::new(Mutex::new(1)), ..Heard::default() };
    let receive = |State(heard): State<Heard>, uri: http::Uri, body: String| async move {
        let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        if uri.path().contains("enqueue") {
            let mut left = heard.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if *left > 0 {
                *left -= 1;
                return (StatusCode::INTERNAL_SERVER_ERROR, CANARIES[1].to_owned());
            }
        }
        let mut events = heard.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((uri.path().to_owned(), body));
        let status = if uri.path().contains("enqueue") { StatusCode::ACCEPTED } else { StatusCode::OK };
        (status, "ok".to_owned())
    };
    let app = Router::new().route("/{*path}", post(receive)).with_state(heard.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, heard))
}

fn configuration(folder: &Path, url: &str) -> anyhow::Result<Config> {
    std::fs::write(folder.join("slack.url"), format!("{url}/services/{}\n", CANARIES[0]))?;
    std::fs::write(folder.join("pager.key"), format!("{}\n", CANARIES[1]))?;
    std::fs::write(folder.join("heart.url"), format!("{url}/ping/{}\n", CANARIES[2]))?;
    let text = format!(
        "notify:
  slack: [{{ name: chat, url_file: slack.url, allow_private: true }}]
  pagerduty: [{{ name: pager, routing_key_file: pager.key, url: \"{url}/v2/enqueue\", allow_private: true }}]
  production: [shop]
  heartbeat: {{ url_file: heart.url, every: 10s, allow_private: true }}
"
    );
    Ok(Config::parse(&folder.join("nightshift.yaml"), &text)?)
}

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
    let (url, heard) = receivers().await?;
    let folder = tempfile::tempdir()?;
    let config = configuration(folder.path(), &url)?;
    house.speak(tell::voices(&config.notify)?)?;
    let (scope, proposal) = house.proposed("cart").await?;
    // What was heard and not yet written down would be said again, and rightly so.
    let both = async || Ok((house.system(&["delivered"]).await?.len() == 2).then_some(()));
    house.within("a page", both).await?;

    // Another process answers for the rest: what the pager has open is in the history.
    house.kill().await;
    house.start().await?;
    house.speak(tell::voices(&config.notify)?)?;
    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(matches!(over.phase, Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } }));
    let asked = heard.clone();
    house.within("a resolve", || async { Ok((asked.actions().len() == 3).then_some(())) }).await?;
    assert_eq!(
        heard.actions(),
        ["trigger", "acknowledge", "resolve"],
        "though the first event was lost to a 500"
    );
    let name = format!("nightshift:test:{}", over.id);
    for event in heard.at("enqueue") {
        assert_eq!(event["dedup_key"], name.as_str());
        assert_eq!(event["routing_key"], CANARIES[1]);
    }
    assert_eq!(heard.at("enqueue")[0]["links"][0]["text"], "Review proposal");

    let asked = heard.clone();
    house.within("the last post", || async { Ok((asked.at("services").len() == 3).then_some(())) }).await?;
    let titles: Vec<String> =
        heard.at("services").iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(titles[0].starts_with("Your decision: ") && titles[2].starts_with("Fixed: "), "{titles:#?}");
    assert!(!heard.at("ping").is_empty(), "the heart beats");

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
        for canary in CANARIES {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in {name}");
        }
    }
    house.finish().await.map(drop)
}
