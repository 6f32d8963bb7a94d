//! Streaming lists, resuming, 410.

use super::*;
use crate::Fault;

const STREAM: &str =
    "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn initial_events_end_with_a_bookmark() {
    let mut sim = healthy(2);
    let id = open(&mut sim, &format!("{PODS}?{STREAM}"), 31);
    let events = lines(&mut sim, id, 31);
    assert_eq!(kinds(&events), ["ADDED", "ADDED", "BOOKMARK"]);
    let mark = &events[2]["object"];
    assert_eq!(mark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(mark["kind"], "Pod");
    assert!(lines(&mut sim, id, 32).is_empty());
    assert_eq!(kinds(&lines(&mut sim, id, 95)), ["BOOKMARK"]);
    let body = json!({"metadata": {"labels": {"a": "b"}}});
    let name = events[0]["object"]["metadata"]["name"].as_str().unwrap().to_owned();
    patch(&mut sim, &format!("{PODS}/{name}"), MERGE, &body, 96);
    assert_eq!(kinds(&lines(&mut sim, id, 96)), ["MODIFIED"]);
}

#[test]
fn resuming_sees_no_gap() {
    let mut sim = healthy(1);
    let all = open(&mut sim, &format!("{PODS}?{STREAM}"), 31);
    let from = version(&lines(&mut sim, all, 31)[1]["object"]);
    sim.apply(deployment("web:2", 2), at(32)).unwrap();
    sim.tick(at(60));
    let whole = lines(&mut sim, all, 61);
    assert!(kinds(&whole).contains(&"DELETED"));
    let half = version(&whole[whole.len() / 2]["object"]);
    for (rv, expect) in [(from, &whole[..]), (half, &whole[whole.len() / 2 + 1..])] {
        let id = open(&mut sim, &format!("{PODS}?watch=1&resourceVersion={rv}"), 61);
        assert_eq!(lines(&mut sim, id, 61), expect);
    }
}

#[test]
fn a_selector_sees_objects_enter_and_leave() {
    let mut sim = healthy(1);
    let id = open(&mut sim, &format!("{PODS}?watch=1&labelSelector=color"), 31);
    assert!(lines(&mut sim, id, 31).is_empty());
    let path = format!("{PODS}/{}", pod_of(&sim, "web:1")["metadata"]["name"].as_str().unwrap());
    for color in [json!("red"), json!("blue"), Value::Null] {
        patch(&mut sim, &path, MERGE, &json!({"metadata": {"labels": {"color": color}}}), 32);
    }
    assert_eq!(kinds(&lines(&mut sim, id, 33)), ["ADDED", "MODIFIED", "DELETED"]);
}

#[test]
fn an_old_version_is_410_in_the_stream() {
    let mut sim = healthy(1);
    let rv = version(&web(&sim));
    let running = open(&mut sim, &format!("{PODS}?watch=1&resourceVersion={rv}"), 31);
    sim.fault(Fault::CompactAll);
    let late = open(&mut sim, &format!("{PODS}?watch=1&resourceVersion={rv}"), 31);
    for id in [running, late] {
        let events = lines(&mut sim, id, 31);
        assert_eq!(kinds(&events), ["ERROR"]);
        assert_eq!(
            (&events[0]["object"]["code"], &events[0]["object"]["reason"]),
            (&json!(410), &json!("Expired"))
        );
        assert_eq!(sim.poll_watch(id, at(31)), WatchPoll::Closed);
    }
    let fresh = get(&mut sim, PODS, 31).value();
    let id = open(&mut sim, &format!("{PODS}?watch=1&resourceVersion={}", version(&fresh)), 31);
    assert!(lines(&mut sim, id, 31).is_empty());
}

#[test]
fn a_watch_ends_at_its_timeout() {
    let mut sim = healthy(1);
    let id = open(&mut sim, &format!("{PODS}?{STREAM}&timeoutSeconds=20"), 31);
    assert_eq!(kinds(&lines(&mut sim, id, 50)), ["ADDED", "BOOKMARK"]);
    assert_eq!(kinds(&lines(&mut sim, id, 51)), ["BOOKMARK"]);
    assert_eq!(sim.poll_watch(id, at(51)), WatchPoll::Closed);
}

#[test]
fn options_that_do_not_go_together() {
    let mut sim = healthy(1);
    let code = |sim: &mut Sim, query: &str| get(sim, &format!("{PODS}?{query}"), 31).status;
    assert_eq!(code(&mut sim, "watch=1&sendInitialEvents=true"), 422);
    assert_eq!(code(&mut sim, "watch=1&resourceVersionMatch=NotOlderThan"), 422);
    assert_eq!(code(&mut sim, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), 422);
    sim.fault(Fault::NoWatchList);
    let answer = get(&mut sim, &format!("{PODS}?{STREAM}"), 31);
    assert_eq!((answer.status, answer.value()["reason"].as_str()), (422, Some("Invalid")));
}
