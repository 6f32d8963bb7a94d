//! The kubelet's back-off, and what Prometheus makes of it.

use super::*;
use crate::{Behaviour, Live, Program, PromValue, QueryError};

/// State of the only container: waiting reason, `terminated` or `running`, with its restart count.
fn state(sim: &Sim) -> (String, i64) {
    let container = &pod_of(sim, "web:1")["status"]["containerStatuses"][0];
    let word = match container["state"]["waiting"]["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None if container["state"].get("terminated").is_some() => "terminated".to_owned(),
        None => "running".to_owned(),
    };
    (word, container["restartCount"].as_i64().unwrap_or(-1))
}

fn crashing(program: Program) -> Sim {
    let mut sim = Sim::new(1, at(0));
    sim.program("web:1", program);
    sim.apply(deployment("web:1", 1), at(0)).unwrap();
    sim
}

#[test]
fn crash_loop_timeline() {
    let mut sim = crashing(Program::exits(2, 1));
    let mut seen: Vec<(i64, String, i64)> = Vec::new();
    for second in 0..=160 {
        sim.tick(at(second));
        let (word, restarts) = state(&sim);
        if seen.last().is_none_or(|(_, last, count)| (last, *count) != (&word, restarts)) {
            seen.push((second, word, restarts));
        }
    }
    let first = seen.iter().find(|(_, word, _)| word == "CrashLoopBackOff").unwrap();
    assert!((4..=12).contains(&first.0), "{seen:?}");
    let story: Vec<_> =
        seen.iter().map(|(second, word, restarts)| (*second, word.as_str(), *restarts)).collect();
    assert_eq!(
        story.get(..9).unwrap(),
        [
            (0, "ContainerCreating", 0),
            (1, "running", 0),
            (3, "terminated", 0),
            (4, "running", 1),
            (6, "terminated", 1),
            (8, "CrashLoopBackOff", 1),
            (18, "running", 2),
            (20, "terminated", 2),
            (22, "CrashLoopBackOff", 2),
        ]
    );
    assert!(story.iter().filter(|(second, _, _)| *second <= 150).all(|(_, _, restarts)| *restarts <= 4));
    let container = pod_of(&sim, "web:1")["status"]["containerStatuses"][0].clone();
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(container["lastState"]["terminated"]["reason"], "Error");
    assert!(
        container["state"]["waiting"]["message"].as_str().unwrap().starts_with("back-off 1m20s restarting")
    );
    let back_off = sim.get_all("/api/v1/events").into_iter().find(|one| one["reason"] == "BackOff").unwrap();
    assert_eq!((&back_off["type"], back_off["count"].as_i64()), (&json!("Warning"), Some(4)));
    sim.tick(at(3000));
    let message =
        pod_of(&sim, "web:1")["status"]["containerStatuses"][0]["state"]["waiting"]["message"].clone();
    assert!(message.as_str().unwrap().starts_with("back-off 5m0s"), "{message}");
}

#[test]
fn reasons_of_death() {
    for (program, code, reason) in [
        (Program::out_of_memory(1), 137, "OOMKilled"),
        (Program::exits(1, 0), 0, "Completed"),
        (Program::exits(1, 2), 2, "Error"),
        (Program::exits(0, 3), 3, "Error"),
    ] {
        let mut sim = crashing(program);
        sim.tick(at(20));
        let last = &pod_of(&sim, "web:1")["status"]["containerStatuses"][0]["lastState"]["terminated"];
        assert_eq!((&last["exitCode"], &last["reason"]), (&json!(code), &json!(reason)));
    }
}

#[test]
fn a_container_that_recovers() {
    let mut sim = crashing(Program::new(Behaviour::ExitsTimes { times: 2, after: 1, code: 1 }));
    sim.tick(at(60));
    assert_eq!(state(&sim), ("running".to_owned(), 2));
    assert_eq!(web(&sim)["status"]["availableReplicas"], 1);
    assert_eq!(sim.next_due(), None);
}

#[test]
fn a_missing_image_and_its_arrival() {
    let mut sim = crashing(Program::new(Behaviour::MissingImage));
    sim.tick(at(2));
    assert_eq!(state(&sim).0, "ErrImagePull");
    sim.tick(at(6));
    assert_eq!(state(&sim).0, "ImagePullBackOff");
    assert_eq!(pod_of(&sim, "web:1")["status"]["phase"], "Pending");
    sim.program("web:1", Program::serves(1));
    sim.tick(at(60));
    assert_eq!(web(&sim)["status"]["availableReplicas"], 1);
}

#[test]
fn what_needs_memory_is_killed_below_it_and_runs_with_it() {
    let mut sim = Sim::new(1, at(0));
    sim.program("web:1", Program::new(Behaviour::NeedsMemory { mib: 200, after: 1 }));
    for (limit, killed) in [("128Mi", true), ("200Mi", false), ("400Mi", false), ("199Mi", true), ("", false)]
    {
        let mut web = deployment("web:1", 1);
        let resources = if limit.is_empty() { json!({}) } else { json!({"limits": {"memory": limit}}) };
        web["spec"]["template"]["spec"]["containers"][0]["resources"] = resources;
        let begun = sim.now();
        sim.apply(web, begun).unwrap();
        // Long enough for the rollout to leave the new pod alone.
        sim.tick(begun + SignedDuration::from_secs(600));
        let status = pod_of(&sim, "web:1")["status"]["containerStatuses"][0].clone();
        let last = status["lastState"]["terminated"]["reason"].as_str();
        assert_eq!(last == Some("OOMKilled"), killed, "{limit}: {status}");
    }
}

#[test]
fn never_ready_complains_and_a_change_of_program_takes_effect() {
    let mut sim = crashing(Program::new(Behaviour::NeverReady));
    sim.tick(at(40));
    let unhealthy =
        sim.get_all("/api/v1/events").into_iter().find(|one| one["reason"] == "Unhealthy").unwrap();
    assert_eq!(unhealthy["count"], 4);
    let ready = condition(&pod_of(&sim, "web:1"), "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("ContainersNotReady")));
    sim.program("web:1", Program::serves(0));
    sim.tick(at(41));
    assert_eq!(web(&sim)["status"]["availableReplicas"], 1);
    sim.program("web:1", Program::exits(5, 1));
    sim.tick(at(46));
    assert_eq!(state(&sim).0, "terminated");
}

#[test]
fn prometheus_reads_the_cluster() {
    let mut sim = crashing(Program::exits(2, 1));
    let text = |word: &str| word.to_owned();
    let restarts = Live::RestartsIncrease { ns: text("shop"), pod_prefix: text("web-"), window_s: 60 };
    sim.set_prometheus("restarts", PromValue::Live(restarts));
    sim.set_prometheus("up", PromValue::Live(Live::Up));
    sim.set_prometheus("nan", PromValue::Nan);
    sim.set_prometheus("none", PromValue::Empty);
    sim.set_prometheus("down", PromValue::Down);
    sim.set_prometheus("warned", PromValue::Warned(0.5));
    sim.set_prometheus("timestamp(up)", PromValue::Stale(300));
    let available = Live::AvailableReplicas { ns: text("shop"), deployment: text("web") };
    sim.set_prometheus("available", PromValue::Live(available));
    sim.tick(at(40));
    let value = |query: &str| sim.prometheus(query, at(40)).unwrap()["data"]["result"][0]["value"][1].clone();
    assert_eq!((value("restarts"), value("up"), value("nan")), (json!("2"), json!("1"), json!("NaN")));
    assert_eq!((value("available"), value("none")), (json!("0"), Value::Null));
    assert_eq!(value("timestamp(up)"), at(40 - 300).as_second().to_string());
    assert!(sim.prometheus("warned", at(40)).unwrap()["warnings"].is_array());
    assert_eq!(sim.prometheus("down", at(40)), Err(QueryError::Down));
    assert_eq!(sim.prometheus("other", at(40)).map_err(|error| error.status()), Err(422));
}
