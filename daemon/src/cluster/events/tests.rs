use super::*;
use crate::cluster::tests::{door, writer};
use nightshift_model::object::Kind;
use nightshift_sim::Fault;

fn notice(note: &str) -> Notice {
    Notice {
        about: ObjectRef::new(Kind::Deployment, "default", "web", "u-1"),
        reason: "RolledBack".into(),
        action: "Rollback".into(),
        note: note.into(),
        warning: false,
    }
}

#[tokio::test]
async fn each_action_has_an_event_of_its_own() {
    let (door, _) = door().await;
    let writer = writer(&door.url()).await;
    let deadline = Duration::from_secs(5);
    for note in ["operation 1", "operation 2"] {
        publish(&writer, "nightshift-0", &notice(note), deadline).await.unwrap();
    }
    publish(&writer, "nightshift-0", &notice(&"ä".repeat(2_000)), deadline).await.unwrap();
    let mut events = door.with(|sim| sim.get_all("/api/v1/namespaces/default/events"));
    events.retain(|event| event["reason"] == "RolledBack");
    let notes: Vec<&str> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    assert!(
        notes.contains(&"operation 1") && notes.contains(&"operation 2") && notes.len() == 3,
        "{notes:?}"
    );
    assert!(notes.iter().all(|note| note.len() <= NOTE));
    assert_eq!(events[0]["reportingComponent"], CONTROLLER);
    assert_eq!(events[0]["reportingInstance"], "nightshift-0");
    assert_eq!(events[0]["involvedObject"]["uid"], "u-1");
    assert_eq!(events[0]["involvedObject"]["apiVersion"], "apps/v1");

    let (user, verb, resource) = ("executor".into(), "create".into(), "events".into());
    door.with(|sim| sim.fault(Fault::Forbidden { user, verb, resource }));
    let error = publish(&writer, "nightshift-0", &notice("no"), deadline).await.unwrap_err();
    assert!(
        error.to_string().starts_with("cannot publish the Event about Deployment default/web: "),
        "{error}"
    );
}
