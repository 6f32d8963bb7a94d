use super::*;
use crate::cluster::tests::{Counter, Then, deployment, door, writer};
use nightshift_sim::{Fault, Scope, Verb};
use serde_json::json;

const LONG: Duration = Duration::from_secs(5);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const GATEWAY: &str = "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
const TORN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"kind\":";

fn write() -> HttpWrite {
    HttpWrite {
        method: "PATCH".into(),
        path: "/apis/apps/v1/namespaces/shop/deployments/web".into(),
        query: vec![("fieldManager".into(), "nightshift".into())],
        content_type: "application/json-patch+json".into(),
        body: br#"[ {"op":"replace", "path":"/spec/replicas","value":2} ]"#.to_vec(),
    }
}

fn why(part: &RawPart) -> Option<NotChecked> {
    match part {
        RawPart::Failed { why, .. } => Some(*why),
        RawPart::Body { .. } => None,
    }
}

/// Long enough for any retry that somebody might have built in: kube's own first one comes after 0.5 s or less.
async fn settle() {
    crate::clock::Clock::wall().sleep(Duration::from_millis(1_500)).await;
}

#[tokio::test]
async fn the_bytes_arrive_as_given() {
    let server = Counter::open(&[Then::Answer(OK)]).await;
    let part = send(&writer(&server.url).await, &write(), LONG).await;
    assert_eq!(part, RawPart::Body { status: 200, body: b"{}".to_vec(), cut: false });
    let text = server.text(0);
    assert!(
        text.starts_with(
            "PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=nightshift HTTP/1.1"
        )
    );
    assert!(text.contains("content-type: application/json-patch+json\r\n"), "{text}");
    assert!(text.contains("authorization: Bearer executor\r\n"), "{text}");
    assert!(
        text.ends_with("\r\n\r\n[ {\"op\":\"replace\", \"path\":\"/spec/replicas\",\"value\":2} ]"),
        "{text}"
    );
}

#[tokio::test]
async fn one_504_one_429_one_reset_and_one_silence_are_one_arrival_each() {
    let quick = Duration::from_millis(300);
    let mut servers = Vec::new();
    for (then, deadline, expected) in [
        (&[Then::Answer(GATEWAY)] as &[Then], LONG, Err(504)),
        (&[Then::Answer(BUSY)], LONG, Err(429)),
        (&[Then::Reset], LONG, Ok(NotChecked::Unreadable)),
        (&[Then::Close("")], LONG, Ok(NotChecked::Unreadable)),
        (&[Then::Nothing], quick, Ok(NotChecked::TimedOut)),
    ] {
        let server = Counter::open(then).await;
        let part = send(&writer(&server.url).await, &write(), deadline).await;
        match expected {
            Err(code) => assert!(matches!(part, RawPart::Body { status, .. } if status == code), "{part:?}"),
            Ok(class) => assert_eq!(why(&part), Some(class), "{part:?}"),
        }
        servers.push((server, then));
    }
    settle().await;
    for (server, then) in servers {
        assert_eq!(server.arrived(), 1, "{then:?}");
    }
}

#[tokio::test]
async fn a_reset_on_a_connection_that_was_used_before_is_not_repeated_either() {
    let server = Counter::open(&[Then::Answer(OK), Then::Reset]).await;
    let writer = writer(&server.url).await;
    assert!(send(&writer, &write(), LONG).await.ok().is_some());
    assert_eq!(why(&send(&writer, &write(), LONG).await), Some(NotChecked::Unreadable));
    settle().await;
    assert_eq!(server.arrived(), 2);
}

#[tokio::test]
async fn a_status_counts_although_its_body_is_lost() {
    let server = Counter::open(&[Then::Close(TORN)]).await;
    let part = send(&writer(&server.url).await, &write(), LONG).await;
    assert!(matches!(part, RawPart::Body { status: 200, cut: true, .. }), "{part:?}");
}

#[tokio::test]
async fn unreachable_means_that_nothing_was_sent() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let part = send(&writer(&format!("http://{free}")).await, &write(), LONG).await;
    assert_eq!(why(&part), Some(NotChecked::Unreachable), "{part:?}");

    let server = Counter::open(&[Then::Answer(OK)]).await;
    let odd = HttpWrite { path: "/apis/../x".into(), ..write() };
    assert_eq!(why(&send(&writer(&server.url).await, &odd, LONG).await), Some(NotChecked::Unreachable));
    assert_eq!(server.arrived(), 0);
}

#[tokio::test]
async fn a_write_that_was_applied_behind_a_504_or_a_lost_reply_is_accepted_once() {
    for (fault, expected) in [
        (Fault::AppliedThenGatewayTimeout { on: Scope::new(Verb::Patch, "/apis/apps") }, Err(504)),
        (Fault::AppliedThenLost { on: Scope::new(Verb::Patch, "/apis/apps") }, Ok(NotChecked::Unreadable)),
    ] {
        let (door, clock) = door().await;
        door.with(|sim| sim.apply(deployment("shop", "web", 1), clock.now().get())).unwrap();
        door.with(|sim| sim.fault(fault));
        let part = send(&writer(&door.url()).await, &write(), LONG).await;
        match expected {
            Err(code) => assert!(matches!(part, RawPart::Body { status, .. } if status == code), "{part:?}"),
            Ok(class) => assert_eq!(why(&part), Some(class), "{part:?}"),
        }
        let ours = door.with(|sim| sim.accepted().iter().filter(|one| one.user == "executor").count());
        assert_eq!(ours, 1);
        let replicas = door.with(|sim| sim.get(&write().path).unwrap()["spec"]["replicas"].clone());
        assert_eq!(replicas, json!(2));
    }
}
