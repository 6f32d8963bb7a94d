//! A Slack app in Socket Mode, against a double that has Slack's limits: messages that are kept up to date, buttons, and a
//! connection that goes out and comes back.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::config::Config;
use nightshift::notify::outbound::{Limits, Outbound};
use nightshift::notify::reach::Reach;
use nightshift::notify::slack::socket::{Answer, Patience, Socket};
use nightshift::notify::slack::{App, Press, Tokens, Wish};
use nightshift::notify::{Handed, Kind, Notice, Outgoing, Stand};
use nightshift::runtime::tell;
use nightshift_model::{IncidentId, Phase, Seconds, Severity, Thread, ThreadState, Timestamp};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::slack::{APP, BOT, CHANNEL, Slack, configuration};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_772_330_400) + Seconds(second)
}

fn notice(kind: Kind, stand: Stand) -> Notice {
    Notice {
        kind,
        stand,
        since: at(0),
        incident: IncidentId::from("inc-0123456789"),
        cluster: "prod-1".to_owned(),
        scope: "Deployment shop/cart".to_owned(),
        reason: Some("CrashLoopBackOff"),
        severity: Some(Severity::Critical),
        phase: "Escalated",
        title: "Needs you: <!channel> & friends".to_owned(),
        lines: vec!["No safe action: nothing fits".to_owned(); 3],
        cause: None,
        risk: None,
        proposal: None,
        digest: None,
        ballot: None,
        expires_at: None,
        link: Some("https://nightshift.example.com/i/inc-0123456789".to_owned()),
        command: None,
    }
}

fn app(slack: &Slack) -> anyhow::Result<App> {
    let tokens = Tokens { bot: BOT.into(), app: APP.into() };
    let outbound = Outbound::new(Limits::default(), &nightshift::network::Network::default())?;
    Ok(App::new(outbound, (&slack.api, Reach::Private), &tokens, CHANNEL, None)?)
}

#[tokio::test]
async fn one_incident_is_one_message_that_is_kept_up_to_date() -> anyhow::Result<()> {
    let slack = Slack::open().await?;
    let app = app(&slack)?;
    let say = |kind, stand| Outgoing::Incident(Box::new(notice(kind, stand)));
    let Handed::Threaded(thread) = app.send(&say(Kind::Post, Stand::Open), None, at(0)).await else {
        anyhow::bail!("the first message was not taken")
    };
    assert_eq!((thread.address.as_str(), thread.state), (CHANNEL, ThreadState::Open));
    let had = app.send(&say(Kind::Progress, Stand::UnderWay), Some(&thread), at(1)).await;
    assert_eq!(had, Handed::Threaded(Thread { state: ThreadState::Acknowledged, ..thread.clone() }));
    assert!(slack.thread(&thread.key).is_empty(), "who has it is said in the message alone");
    app.send(&say(Kind::Page, Stand::Open), Some(&thread), at(2)).await;
    let over = app.send(&say(Kind::Update, Stand::Over), Some(&thread), at(3)).await;
    assert_eq!(over, Handed::Threaded(Thread { state: ThreadState::Resolved, ..thread.clone() }));
    let [message] = slack.messages().try_into().map_err(|m| anyhow::anyhow!("{m:?}"))?;
    assert_eq!(
        (message.changes, Slack::button(&message, "nightshift-have")),
        (3, None),
        "nothing to press any more"
    );
    let below = slack.thread(&thread.key);
    let loud: Vec<bool> = below.iter().map(|m| m.body["reply_broadcast"] == true).collect();
    assert_eq!(loud, [true, false], "a page is seen in the channel too");
    assert!(!message.body.to_string().contains("<!channel>"), "{}", message.body);

    // Somebody took it away, or another channel is configured: it is written anew.
    slack.take_away(&thread.key);
    let anew = app.send(&say(Kind::Update, Stand::Open), Some(&thread), at(4)).await;
    assert!(matches!(&anew, Handed::Threaded(other) if other.key != thread.key), "{anew:?}");
    let elsewhere = Thread { address: "C0OTHER".to_owned(), ..thread.clone() };
    app.send(&say(Kind::Update, Stand::Open), Some(&elsewhere), at(5)).await;
    assert_eq!(slack.messages().len(), 2);

    // What is too long is cut, and keeps its buttons.
    let mut long = notice(Kind::Post, Stand::Open);
    long.lines = vec!["é".repeat(2_500); 40];
    long.title = "x".repeat(400);
    let handed = app.send(&Outgoing::Incident(Box::new(long)), None, at(6)).await;
    assert!(matches!(handed, Handed::Threaded(_)), "{handed:?}");
    let last = slack.messages().pop().context("a message")?;
    assert_eq!(Slack::button(&last, "nightshift-have").as_deref(), Some("inc-0123456789"));
    assert!(last.body.to_string().contains("was cut at Slack's limit"));
    assert_eq!(slack.broken(), [] as [String; 0]);
    Ok(())
}

#[tokio::test]
async fn what_slack_refuses_means_what_slack_means_by_it() -> anyhow::Result<()> {
    let slack = Slack::open().await?;
    let app = app(&slack)?;
    let message = Outgoing::Incident(Box::new(notice(Kind::Post, Stand::Open)));
    let error = |name: &str| (200, None, json!({"ok": false, "error": name}));
    let table = [
        (error("invalid_blocks"), "never"),
        (error("msg_too_long"), "never"),
        (error("channel_not_found"), "later"),
        (error("not_in_channel"), "later"),
        (error("invalid_auth"), "later"),
        ((200, None, json!("not what was asked for")), "later"),
        ((200, None, json!({"ok": true})), "later"),
        ((500, None, Value::Null), "later"),
        ((302, None, Value::Null), "later"),
    ];
    for (answer, word) in table {
        slack.instead("chat.postMessage", [answer.clone()]);
        let handed = app.send(&message, None, at(0)).await;
        assert_eq!(handed.word(), word, "{answer:?}: {handed:?}");
        assert!(!format!("{handed:?} {app:?}").contains("c4nary"), "{handed:?}");
    }
    slack.instead("chat.postMessage", [(429, Some(7), json!({"ok": false, "error": "ratelimited"}))]);
    let paused = |handed: Handed| if let Handed::Later { after, .. } = handed { after } else { None };
    assert_eq!(paused(app.send(&message, None, at(0)).await), Some(Seconds(7)));
    let calls = slack.calls("chat.postMessage");
    assert_eq!(paused(app.send(&message, None, at(2)).await), Some(Seconds(5)));
    assert_eq!(slack.calls("chat.postMessage"), calls, "nobody is asked during a pause");
    assert_eq!(app.send(&message, None, at(8)).await.word(), "delivered");
    Ok(())
}

#[tokio::test]
async fn tokens_that_are_swapped_or_broken_are_named_by_file_and_never_said() -> anyhow::Result<()> {
    let slack = Slack::open().await?;
    let folder = tempfile::tempdir()?;
    let text = configuration(folder.path(), &slack)?;
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &text)?;
    assert!(tell::voices(&config.notify, &config.network).is_ok());
    for (file, token) in [
        ("bot.token", APP),
        ("app.token", BOT),
        ("bot.token", ""),
        ("app.token", "xapp-c4nary\r\nx: y"),
        ("app.token", &format!("xapp-c4nary{}", "a".repeat(300))),
    ] {
        configuration(folder.path(), &slack)?;
        std::fs::write(folder.path().join(file), token)?;
        let Err(error) = tell::voices(&config.notify, &config.network) else {
            anyhow::bail!("{file} was taken")
        };
        let said = format!("{error} {error:?}");
        assert!(said.contains(file) && said.contains("chat") && !said.contains("c4nary"), "{said}");
    }
    Ok(())
}

/// A socket that runs, with what it was told; each press waits for leave.
struct Held {
    slack: Slack,
    told: Arc<Mutex<Vec<Press>>>,
    leave: Arc<Semaphore>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Held {
    fn open(slack: Slack) -> anyhow::Result<Self> {
        let (told, leave): (Arc<Mutex<Vec<Press>>>, _) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let (hears, waits) = (Arc::clone(&told), Arc::clone(&leave));
        let answer: Answer = Arc::new(move |press: Press| {
            let (hears, waits) = (Arc::clone(&hears), Arc::clone(&waits));
            Box::pin(async move {
                if let Ok(permit) = waits.acquire().await {
                    permit.forget();
                }
                let said = format!("heard {}", press.user);
                hears.lock().unwrap_or_else(PoisonError::into_inner).push(press);
                said
            })
        });
        let patience = Patience {
            idle: Duration::from_millis(1_500),
            first: Duration::from_millis(20),
            longest: Duration::from_millis(200),
        };
        let socket = Socket::new(Arc::new(app(&slack)?), answer, Clock::wall(), patience);
        let stop = CancellationToken::new();
        let until = stop.clone();
        let task = tokio::spawn(async move { socket.run(&until).await });
        Ok(Self { slack, told, leave, stop, task })
    }

    fn told(&self) -> Vec<Press> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let clock = Clock::wall();
        let start = clock.monotonic();
        while !done(self) {
            let waited = clock.monotonic().saturating_sub(start);
            ensure!(waited < Duration::from_secs(20), "{what} did not happen");
            clock.sleep_real(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn end(self) -> anyhow::Result<()> {
        self.leave.add_permits(100);
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.context("it stops")??;
        assert_eq!(self.slack.broken(), [] as [String; 0]);
        Ok(())
    }
}

const HAVE: (&str, &str) = ("nightshift-have", "inc-0123456789");

#[tokio::test]
async fn a_press_is_acknowledged_at_once_dealt_with_once_and_answered() -> anyhow::Result<()> {
    let held = Held::open(Slack::open().await?)?;
    held.until("a connection", |h| h.slack.lines() == 1).await?;
    let slack = held.slack.clone();
    assert!(slack.press("e1", "U0ANN", HAVE, "1.1").await, "before it is dealt with");
    assert!(held.told().is_empty());
    held.leave.add_permits(100);
    held.until("an answer", |h| h.slack.whispers().len() == 1).await?;
    let wish = Wish::Have(IncidentId::from("inc-0123456789"));
    assert_eq!(held.told(), [Press { user: "U0ANN".to_owned(), wish }]);
    assert_eq!(slack.whispers(), [("U0ANN".to_owned(), "heard U0ANN".to_owned())]);

    // Told twice, in the same envelope or in another one: acknowledged each time, and one press.
    assert!(slack.press("e1", "U0ANN", HAVE, "1.1").await);
    assert!(slack.press("e2", "U0ANN", HAVE, "1.1").await);
    // Not of our making: acknowledged, so that Slack does not repeat it, and nothing.
    assert!(slack.press("e3", "U0ANN", ("delete", "all"), "1.2").await);
    assert!(slack.tell("e4", &json!({"type": "block_actions"})).await);
    assert!(slack.tell("e5", &Value::Null).await);
    for noise in ["", "null", "{", "[]", "{\"type\":7}", "{\"type\":\"interactive\"}"] {
        assert!(slack.say(noise));
    }
    assert!(slack.press("e6", "U0BEN", HAVE, "1.3").await, "it goes on");
    held.until("the next", |h| h.told().len() == 2).await?;
    assert_eq!(slack.lines(), 1, "over one connection all the time");
    held.end().await
}

#[tokio::test]
async fn presses_that_find_no_room_are_not_acknowledged() -> anyhow::Result<()> {
    let held = Held::open(Slack::open().await?)?;
    held.until("a connection", |h| h.slack.lines() == 1).await?;
    // One is being dealt with, 64 wait.
    for n in 0..65 {
        assert!(held.slack.press(&format!("e{n}"), "U0ANN", HAVE, &format!("1.{n}")).await, "{n}");
    }
    assert!(!held.slack.press("full", "U0ANN", HAVE, "2.0").await, "Slack tells whoever pressed");
    held.leave.add_permits(1_000);
    held.until("room", |h| h.told().len() == 65).await?;
    held.until("a connection", |h| h.slack.lines() > 0).await?;
    assert!(
        held.slack.press("full", "U0ANN", HAVE, "2.0").await,
        "it was not dealt with, so it is taken now"
    );
    held.until("the last", |h| h.told().len() == 66).await?;
    held.end().await
}

#[tokio::test]
async fn a_connection_that_ends_is_made_anew() -> anyhow::Result<()> {
    let slack = Slack::open().await?;
    let open = "apps.connections.open";
    let gone = json!({"ok": true, "url": "ws://127.0.0.1:9/link/?ticket=gone"});
    slack.instead(
        open,
        [
            (200, None, json!({"ok": false, "error": "internal_error"})),
            (500, None, Value::Null),
            (200, None, json!({"ok": true, "url": "wss://evil.example/link"})),
            (200, None, gone),
        ],
    );
    let held = Held::open(slack.clone())?;
    held.leave.add_permits(1_000);
    let mut stamp = 0;
    let mut works = async |what: &str, calls: usize| {
        held.until(what, |h| h.slack.calls(open) >= calls && h.slack.lines() == 1).await?;
        stamp += 1;
        ensure!(slack.press(&format!("e{stamp}"), "U0ANN", HAVE, &format!("1.{stamp}")).await, "{what}");
        held.until(what, |h| h.told().len() == stamp).await
    };
    works("a connection after four failures", 5).await?;
    let say = |reason: &str| slack.say(json!({"type": "disconnect", "reason": reason}).to_string());
    assert!(say("warning"));
    works("another one after a warning", 6).await?;
    assert!(say("refresh_requested"));
    works("another one when Slack asks", 7).await?;
    slack.cut();
    works("another one after a cut", 8).await?;
    slack.say("x".repeat(300 * 1024));
    works("another one after too much at once", 9).await?;
    let clock = Clock::wall();
    clock.sleep_real(Duration::from_millis(1_600)).await;
    works("another one after a silence", 10).await?;

    // An address that has run out, and a pause that Slack asks for.
    let expired = slack.api.replace("http", "ws").replace("/api", "/link/?ticket=used");
    slack.instead(open, [(200, None, json!({"ok": true, "url": expired})), (429, Some(1), Value::Null)]);
    let start = clock.monotonic();
    assert!(say("link_disabled"));
    works("another one after all that", 13).await?;
    ensure!(clock.monotonic().saturating_sub(start) >= Duration::from_secs(1), "the pause was kept");
    held.end().await
}

/// The whole house: a crash, a message with buttons, who has it, a button that must not approve, and the end.
#[tokio::test]
async fn a_night_is_told_and_taken_over_in_slack() -> anyhow::Result<()> {
    let slack = Slack::open().await?;
    let mut plan = Plan::default();
    let alice = plan.registry.pointer_mut("/persons/0").and_then(Value::as_object_mut).context("alice")?;
    alice.insert("slack".to_owned(), json!("U0ALICE"));
    let mut house = House::build(plan).await?;
    let folder = tempfile::tempdir()?;
    let text = configuration(folder.path(), &slack)?;
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &text)?;
    house.speak(tell::voices(&config.notify, &config.network)?)?;
    let (scope, proposal) = house.proposed("cart").await?;
    let asked = slack.clone();
    house
        .within("a message and a connection", || async {
            Ok((asked.lines() == 1 && asked.messages().len() == 1).then_some(()))
        })
        .await?;
    let message = slack.messages().pop().context("the message")?;
    let incident = Slack::button(&message, "nightshift-have").context("I have it")?;
    assert_eq!(Slack::button(&message, "nightshift-approve"), None, "medium risk is read first");

    // A stranger, and a button that was never shown.
    assert!(slack.press("e1", "U0EVE", ("nightshift-have", &incident), "1.1").await);
    let forged = format!("{}:{}", proposal.id(), proposal.digest());
    assert!(slack.press("e2", "U0ALICE", ("nightshift-approve", &forged), "1.2").await);
    assert!(slack.press("e3", "U0ALICE", ("nightshift-have", &incident), "1.3").await);
    let asked = slack.clone();
    house.within("three answers", || async { Ok((asked.whispers().len() == 3).then_some(())) }).await?;
    let whispers = slack.whispers();
    for (user, part) in [("U0EVE", "slack: U0EVE"), ("U0ALICE", "Open the link"), ("U0ALICE", "It is yours")]
    {
        assert!(
            whispers.iter().any(|(who, said)| who == user && said.contains(part)),
            "{part}: {whispers:?}"
        );
    }
    assert_eq!(house.touches("cart"), 0);
    let held = house.incident("somebody has it", &scope, |i| i.held_by.is_some()).await?;
    assert_eq!(held.held_by.map(|h| h.person.to_string()).as_deref(), Some("alice"));

    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(matches!(over.phase, Phase::Closed { .. }));
    let asked = slack.clone();
    house
        .within("the last change, and the thread that follows it", || async {
            let last = asked.messages().pop().filter(|m| Slack::button(m, "nightshift-have").is_none());
            Ok(last.filter(|_| !asked.thread(&message.ts).is_empty()))
        })
        .await?;
    assert_eq!(slack.messages().len(), 1, "one incident is one message");
    assert_eq!(slack.broken(), [] as [String; 0]);
    house.stop().await;
    let bytes = std::fs::read(house.file())?;
    for token in [BOT, APP] {
        assert!(!bytes.windows(token.len()).any(|w| w == token.as_bytes()), "no token is in the history");
    }
    house.finish().await.map(drop)
}
