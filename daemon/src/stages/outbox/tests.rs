#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here
mod policy;

use super::*;
use crate::notify::Way;
use crate::store::OpenMode;
use nightshift_engine::digest::{Acting, Audit, Window};
use nightshift_engine::route::{Default as Fallback, Route};
use nightshift_model::apply::Place;
use nightshift_model::{
    Append, Finding, HistoryEvent, IncidentEvent, Kind as Kinds, Manner, Message, ObjectRef, Reason,
    Registry, Revision, Stream, Told, Turn,
};
use std::sync::Mutex;

type Printed = Arc<Mutex<Vec<String>>>;

struct Bench {
    _folder: tempfile::TempDir,
    outbox: Outbox,
    printed: Printed,
    woken: Printed,
}

/// Channels beside the printing one `term`: endpoints that cannot be reached.
async fn bench(dead: &[&str]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
    let (printed, woken) = (Printed::default(), Printed::default());
    let (print, wake) = (printed.clone(), woken.clone());
    let mut channels = vec![Channel {
        name: "term".to_owned(),
        way: Way::Print(Arc::new(move |message| {
            print.lock().unwrap().push(format!("{} {}", message.kind(), message.text()));
        })),
    }];
    for name in dead {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener); // nobody listens there now
        let outbound = crate::notify::outbound::Outbound::new(
            crate::notify::outbound::Limits::default(),
            &crate::network::Network::default(),
        );
        let reach = crate::notify::reach::Reach::Private;
        let destination = crate::notify::outbound::Destination::new(&url, reach).unwrap();
        let keys = crate::notify::webhook::Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let webhook = crate::notify::webhook::Webhook::new(outbound.unwrap(), destination, keys);
        channels.push(Channel { name: (*name).to_owned(), way: Way::Webhook(Box::new(webhook)) });
    }
    let names = channels.iter().map(|channel| channel.name.clone()).collect();
    let table = Table { routes: vec![], default: Fallback::Everyone { channels: names } };
    let outbox = Outbox {
        store,
        notifier: Notifier::new(channels),
        table,
        registry: Arc::new(Registry::default()),
        wake: Arc::new(move |role, id| wake.lock().unwrap().push(format!("{} {id}", role.as_str()))),
        mint: Arc::new(|_, _| Box::pin(async { None })),
        paged: Arc::new(|_| None),
        tell: Arc::new(|from, to| {
            Box::pin(async move {
                let zone = jiff::tz::TimeZone::UTC;
                let window = Window {
                    from,
                    to,
                    zone,
                    cluster: "c".to_owned(),
                    mode: Acting::Observe,
                    known_from: from,
                };
                let audit = Audit::NotChecked { why: "test".to_owned() };
                Ok(nightshift_engine::digest(&[], &[], &window, &Registry::default(), audit))
            })
        }),
        clock: Clock::scaled(Timestamp::from_second(1_800_000_000), 100_000),
        cluster: "prod-1".to_owned(),
        zone: jiff::tz::TimeZone::UTC,
        fence: None,
        metrics: Metrics::default(),
        book: Book::default(),
    };
    Bench { _folder: folder, outbox, printed, woken }
}

impl Bench {
    /// Opens an incident whose first event queues this.
    async fn queue(&self, key: &str, body: MessageBody) {
        let scope = ObjectRef::new(Kinds::Deployment, "shop", "cart", "u1");
        let cause = Finding::fingerprint(&scope, Reason::CrashLoopBackOff);
        let id = IncidentId(format!("inc-{key}"));
        let at = self.outbox.clock.now();
        let event = IncidentEvent::Opened { scope, cause };
        let place = Place { id: id.clone(), revision: Revision(1), at };
        let append = Append {
            stream: Stream::Incident(id),
            expect: Revision(0),
            fence: None,
            actor: Actor::Operator,
            at,
            snapshot: Some(Incident::apply(None, &place, &event).unwrap()),
            events: vec![HistoryEvent::Incident(event)],
            wake_at: None,
            outbox: vec![Message { key: key.to_owned(), body }],
        };
        self.outbox.store.append(append).await.unwrap();
    }

    async fn told(&self) -> Vec<String> {
        let rows =
            self.outbox.store.system_events(&["delivered", "undelivered", "digest-sent"]).await.unwrap();
        rows.into_iter()
            .map(|row| match row.event {
                HistoryEvent::System(SystemEvent::Delivered { message, channel }) => {
                    format!("{message}>{channel}")
                }
                HistoryEvent::System(SystemEvent::Undelivered { message, channel, .. }) => {
                    format!("{message}>{channel} lost")
                }
                other @ (HistoryEvent::System(_) | HistoryEvent::Incident(_)) => other.kind().to_owned(),
            })
            .collect()
    }
}

fn page(key: &str) -> MessageBody {
    MessageBody::Page { incident: IncidentId(format!("inc-{key}")) }
}

#[tokio::test]
async fn a_row_is_handed_on_once_and_the_history_says_so() {
    let bench = bench(&[]).await;
    bench.queue("a", page("a")).await;
    bench.queue("b", MessageBody::Wake { role: Role::Executor, incident: IncidentId::from("inc-b") }).await;
    let (from, to) = (Timestamp::from_second(0), Timestamp::from_second(9));
    bench.queue("c", MessageBody::Digest { from, to }).await;
    assert_eq!(bench.outbox.turn().await.unwrap(), None);
    bench.outbox.turn().await.unwrap();
    let mut kinds: Vec<String> =
        bench.printed.lock().unwrap().iter().map(|p| p.split(' ').next().unwrap().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["digest", "incident.page"]);
    assert_eq!(*bench.woken.lock().unwrap(), ["executor inc-b"]);
    let mut told = bench.told().await;
    told.sort();
    assert_eq!(told, ["a>term", "c>term", "digest-sent"]);
}

#[tokio::test]
async fn a_dead_channel_is_tried_again_alone_and_given_up_after_a_day() {
    let bench = bench(&["hook"]).await;
    bench.queue("a", page("a")).await;
    bench.queue("b", page("gone")).await; // no such incident: a row of its own trouble
    let begun = bench.outbox.clock.now();
    while let Some(due) = bench.outbox.turn().await.unwrap() {
        bench.outbox.clock.sleep_until(due).await;
    }
    let took = bench.outbox.clock.now().since(begun);
    let mut told = bench.told().await;
    told.sort();
    assert_eq!(told, ["a>hook lost", "a>term", "b>every channel lost"]);
    assert_eq!(bench.printed.lock().unwrap().len(), 1, "the channel that has it is not told again");
    assert!(took >= Seconds(23 * 3600), "{took}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_holds_nothing_up() {
    let bench = bench(&[]).await;
    for key in ["a", "b", "c"] {
        bench.queue(key, page(key)).await;
    }
    crate::store::testing::damage_message(&bench.outbox.store, "b").await;
    assert_eq!(bench.outbox.turn().await.unwrap(), None, "nothing waits any more, the bad row neither");
    let mut told = bench.told().await;
    told.sort();
    assert_eq!(told, ["a>term", "b>every channel lost", "c>term"]);
    let mut registry = prometheus_client::registry::Registry::default();
    bench.outbox.metrics.register(&mut registry, crate::telemetry::Caps { READ_BYTES_CAP: 1 });
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("nightshift_messages_set_aside_total 1"), "{text}");
}

#[test]
fn attempts_grow_apart_and_end_within_a_day() {
    let waits: Vec<u64> = (1..).map_while(again).map(|s| s.0).collect();
    assert_eq!(waits[..7], [5, 30, 120, 600, 1800, 3600, 3600]);
    let sum: u64 = waits.iter().sum();
    assert!((23 * 3600..=24 * 3600).contains(&sum), "{sum}");
}

/// A table that pages `pager` about what is critical and posts the rest to `term`.
fn careful() -> Table {
    let one = |name: &str| vec![name.to_owned()];
    let default = Fallback::Careful { production: vec![], pagers: one("pager"), posts: one("term") };
    Table { routes: vec![], default }
}

impl Bench {
    async fn kinds(&self, kinds: &[&str]) -> Vec<SystemEvent> {
        let rows = self.outbox.store.system_events(kinds).await.unwrap();
        let event = |row: nightshift_model::history::Row| match row.event {
            HistoryEvent::System(event) => Some(event),
            HistoryEvent::Incident(_) => None,
        };
        rows.into_iter().filter_map(event).collect()
    }

    /// Turns until nothing is due any more.
    async fn settle(&self) {
        while let Some(due) = self.outbox.turn().await.unwrap() {
            self.outbox.clock.jump(due);
        }
    }
}

#[tokio::test]
async fn where_a_message_goes_is_written_down_with_its_reason_before_it_goes() {
    let mut bench = bench(&["pager"]).await;
    bench.outbox.table = careful();
    bench.queue("a", page("a")).await;
    bench.outbox.turn().await.unwrap();
    let printed = bench.printed.lock().unwrap().clone();
    assert!(printed.len() == 1 && printed[0].starts_with("incident.post "), "{printed:?}");
    let [SystemEvent::Routed { message, owner, to, why, .. }] = &bench.kinds(&["routed"]).await[..] else {
        panic!()
    };
    assert_eq!((message.as_str(), owner.as_str()), ("a", "shop"));
    let told = Told { channel: "term".to_owned(), manner: Manner::Post, turn: Turn::Single };
    assert_eq!(to, &[told]);
    assert!(why.starts_with("no row matches"), "{why}");
    // An update goes to whoever was told, and to nobody else.
    bench.queue("b", MessageBody::Update { incident: IncidentId::from("inc-a") }).await;
    bench.queue("c", MessageBody::Progress { incident: IncidentId::from("inc-a") }).await;
    bench.settle().await;
    assert_eq!(bench.told().await, ["a>term", "b>term"], "a terminal hears of no progress");
}

#[tokio::test]
async fn a_storm_is_five_pages_and_everything_is_in_one_of_them() {
    let bench = bench(&[]).await;
    bench.outbox.clock.run_at(1);
    for number in 0..60 {
        let key = format!("s{number}");
        bench.queue(&key, page(&key)).await;
    }
    bench.settle().await;
    let printed = bench.printed.lock().unwrap().clone();
    // One owner, warnings: two by themselves and one list.
    assert_eq!(printed.len(), 3, "{printed:#?}");
    let list = printed.iter().find(|p| p.starts_with("incident.list ")).unwrap();
    assert!(list.contains("58 more incidents need you") && list.contains("and 48 more"), "{list}");
    let routed = bench.kinds(&["routed"]).await;
    let listed = |event: &&SystemEvent| match event {
        SystemEvent::Routed { to, .. } => to.iter().all(|told| told.turn == Turn::Listed),
        _ => false,
    };
    assert_eq!((routed.len(), routed.iter().filter(listed).count()), (60, 58));
    let [SystemEvent::Listed { count: 58, channel, .. }] = &bench.kinds(&["listed"]).await[..] else {
        panic!()
    };
    assert_eq!(channel, "term");
}

#[tokio::test]
#[ignore = "a measurement"]
async fn ten_thousand_pages_are_gone_through() {
    let bench = bench(&[]).await;
    bench.outbox.clock.run_at(1);
    for number in 0..10_000 {
        let key = format!("s{number}");
        bench.queue(&key, page(&key)).await;
    }
    let begun = bench.outbox.clock.monotonic();
    while bench.kinds(&["routed"]).await.len() < 10_000 {
        for _ in 0..50 {
            bench.outbox.turn().await.unwrap();
        }
    }
    let all = bench.outbox.clock.monotonic().saturating_sub(begun);
    bench.settle().await;
    let printed = bench.printed.lock().unwrap().clone();
    println!("10000 messages routed in {all:?}, {} told: {printed:#?}", printed.len());
    assert!(printed.len() <= 5, "{printed:#?}");
}

#[tokio::test]
async fn a_restart_between_a_storm_and_its_list_loses_and_repeats_nothing() {
    let mut bench = bench(&[]).await;
    bench.outbox.clock.run_at(1);
    for number in 0..5 {
        let key = format!("s{number}");
        bench.queue(&key, page(&key)).await;
    }
    bench.outbox.turn().await.unwrap();
    bench.outbox.book = Book::default(); // what a new process knows
    bench.settle().await;
    let printed = bench.printed.lock().unwrap().clone();
    assert_eq!(printed.len(), 3, "{printed:#?}");
    assert!(printed[2].contains("3 more incidents need you"), "{printed:#?}");
}

#[tokio::test]
async fn rows_about_one_incident_go_out_in_their_order() {
    let bench = bench(&[]).await;
    bench.queue("a", page("a")).await;
    for key in ["u1", "u2"] {
        bench.queue(key, MessageBody::Update { incident: IncidentId::from("inc-a") }).await;
    }
    let taken = bench.outbox.store.outbox_take(bench.outbox.clock.now(), HOLD, ROWS).await.unwrap();
    let groups: Vec<usize> = in_order(taken.rows).iter().map(Vec::len).collect();
    assert_eq!(groups, [3]);
}

#[tokio::test]
async fn a_pager_that_does_not_answer_is_stood_in_for_once() {
    let mut bench = bench(&["pager"]).await;
    let one = |name: &str| vec![name.to_owned()];
    let default = Fallback::Careful { production: vec![], pagers: one("pager"), posts: vec![] };
    let everything = Route {
        severity: None,
        namespaces: vec![],
        proposal: None,
        hours: None,
        page: one("pager"),
        post: vec![],
    };
    bench.outbox.table = Table { routes: vec![everything], default };
    bench.queue("a", page("a")).await;
    let begun = bench.outbox.clock.now();
    while bench.printed.lock().unwrap().is_empty() {
        let due = bench.outbox.turn().await.unwrap().unwrap();
        bench.outbox.clock.sleep_until(due).await;
    }
    assert!(bench.outbox.clock.now().since(begun) >= Seconds(35), "two more attempts first");
    bench.settle().await;
    let printed = bench.printed.lock().unwrap().clone();
    assert!(printed.len() == 1 && printed[0].starts_with("incident.page "), "{printed:?}");
    assert_eq!(bench.told().await, ["a:instead>term", "a>pager lost"]);
    let why =
        |event: SystemEvent| if let SystemEvent::Routed { why, .. } = event { why } else { String::new() };
    let whys: Vec<String> = bench.kinds(&["routed"]).await.into_iter().map(why).collect();
    assert!(whys[0].starts_with("row 1") && whys[1].contains("did not take it"), "{whys:?}");
}

#[tokio::test]
async fn a_page_that_was_on_its_way_when_a_silence_began_wakes_nobody_and_is_owed() {
    let bench = bench(&[]).await;
    bench.queue("late", page("late")).await;
    let id = IncidentId("inc-late".to_owned());
    let before = bench.outbox.store.load(&id).await.unwrap();
    let now = bench.outbox.clock.now();
    let before_it = nightshift_model::incident::Before::Told;
    let told = IncidentEvent::Escalated { why: nightshift_model::Escalation::SupersededTwice };
    let silenced = IncidentEvent::Silenced { until: now + Seconds(3_600), before: before_it };
    let place = |revision| Place { id: id.clone(), revision: Revision(revision), at: now };
    let escalated = Incident::apply(Some(&before), &place(2), &told).unwrap();
    let quiet = Incident::apply(Some(&escalated), &place(3), &silenced).unwrap();
    let append = Append {
        stream: Stream::Incident(id.clone()),
        expect: Revision(1),
        fence: None,
        actor: Actor::Operator,
        at: now,
        snapshot: Some(quiet),
        events: [told, silenced].map(HistoryEvent::Incident).to_vec(),
        wake_at: None,
        outbox: Vec::new(),
    };
    bench.outbox.store.append(append).await.unwrap();
    bench.outbox.turn().await.unwrap();
    assert_eq!(*bench.printed.lock().unwrap(), Vec::<String>::new());
    assert_eq!(bench.told().await, Vec::<String>::new());
    assert_eq!(bench.outbox.store.outbox_next().await.unwrap(), None, "it does not come again by itself");
}

#[tokio::test]
async fn what_alertmanager_paged_already_is_posted_with_the_reason() {
    let mut bench = bench(&[]).await;
    bench.outbox.paged =
        Arc::new(|incident| (incident.id.as_str() == "inc-known").then(|| "pager".to_owned()));
    bench.queue("known", page("known")).await;
    bench.queue("new", page("new")).await;
    bench.outbox.turn().await.unwrap();
    let mut printed = bench.printed.lock().unwrap().clone();
    printed.sort();
    assert!(printed[0].starts_with("incident.page ") && printed[0].contains("inc-new"), "{printed:?}");
    assert!(printed[1].starts_with("incident.post ") && printed[1].contains("inc-known"), "{printed:?}");
    let whys: Vec<SystemEvent> = bench.kinds(&["routed"]).await;
    let paged = |event: &SystemEvent| matches!(event, SystemEvent::Routed { message, why, .. } if message == "known" && why.contains("through Alertmanager"));
    assert!(whys.iter().any(paged), "{whys:?}");
}
