use super::*;
use crate::cluster::tests::{deployment, door, until};
use nightshift_sim::{Fault, Program};

#[tokio::test]
async fn time_passes_behind_the_door_and_users_are_told_apart() {
    let (door, clock) = door().await;
    door.with(|sim| {
        sim.program("web:1", Program::serves(5));
        sim.apply(deployment("shop", "web", 2), clock.now().get()).unwrap();
    });
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    until("two ready pods", || door.with(|sim| sim.get(path).unwrap()["status"]["readyReplicas"] == 2)).await;

    let (user, verb, resource) = ("mallory".into(), "*".into(), "*".into());
    door.with(|sim| sim.fault(Fault::Forbidden { user, verb, resource }));
    let get = async |user: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", door.url())).bearer_auth(user);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((get("mallory").await, get("alice").await), (403, 200));
    let version = reqwest::get(format!("{}/version", door.url())).await.unwrap();
    assert_eq!(version.json::<Value>().await.unwrap()["minor"], "35");
    let url = door.url();
    door.shutdown().await;
    assert!(reqwest::get(url).await.is_err());
}

#[tokio::test]
async fn an_idle_watch_gets_bookmarks_and_ends_in_time() {
    let (door, _) = door().await;
    let url = format!("{}/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds=300", door.url());
    let lines = reqwest::get(url).await.unwrap().text().await.unwrap();
    let types: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(types.first().unwrap()["type"], "ADDED");
    let marks = types.iter().filter(|line| line["type"] == "BOOKMARK").count();
    assert!((3..=6).contains(&marks), "{marks} bookmarks in 300 s");
}

#[tokio::test]
async fn somebody_else_may_be_faster_once() {
    let (door, clock) = door().await;
    let (object, now) = (deployment("shop", "web", 1), clock.now().get());
    door.before("late", move |sim| {
        let _ = sim.apply(object, now);
    });
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    let get = async |user: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", door.url())).bearer_auth(user);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(get("early").await, 404, "it waits for the user that it is meant for");
    assert_eq!((get("late").await, get("early").await), (200, 200));
}
