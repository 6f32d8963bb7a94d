//! Questions as the API server puts them, and as nobody should.

use super::*;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const EXECUTOR: &str = "system:serviceaccount:nightshift:nightshift-executor";

fn door(judge: Judge) -> (Router, Arc<Anonymous>) {
    let refused = Arc::new(Anonymous::default());
    let door = Countersign::new(judge, EXECUTOR, CountersignMetrics::default(), Arc::clone(&refused));
    (door.router(), refused)
}

fn refusing() -> Judge {
    Arc::new(|_| Box::pin(async { Err(Refusal::NoMark) }))
}

fn review(user: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0b0c", "operation": "UPDATE", "namespace": "shop", "name": "cart",
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "userInfo": {"username": user}, "object": {"metadata": {}}, "oldObject": {"metadata": {}},
        },
    })
}

async fn ask(door: &Router, body: String) -> (StatusCode, Value) {
    let request = Request::post(PATH).body(Body::from(body)).unwrap();
    let answer = door.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn the_executor_hears_why_and_nobody_else_is_judged() {
    let (door, refused) = door(refusing());
    let (status, said) = ask(&door, review(EXECUTOR).to_string()).await;
    assert_eq!((status, &said["response"]["allowed"]), (StatusCode::OK, &json!(false)));
    assert!(said["response"]["status"]["message"].as_str().unwrap().contains("no mark"), "{said}");
    for user in ["alice", "system:serviceaccount:kube-system:deployment-controller", ""] {
        let (status, said) = ask(&door, review(user).to_string()).await;
        assert_eq!((status, &said["response"]["allowed"]), (StatusCode::OK, &json!(true)), "{user}");
    }
    assert_eq!(refused.take().into_iter().collect::<Vec<_>>(), [("no-mark", 1)]);
}

#[tokio::test]
async fn a_self_test_is_refused_and_is_no_news() {
    let (door, refused) = door(refusing());
    let mut review = review(EXECUTOR);
    review["request"]["dryRun"] = json!(true);
    review["request"]["object"] = json!({"reportingInstance": "self-test"});
    assert_eq!(ask(&door, review.to_string()).await.1["response"]["allowed"], json!(false));
    assert!(refused.take().is_empty());
    review["request"]["dryRun"] = json!(false);
    assert_eq!(ask(&door, review.to_string()).await.1["response"]["allowed"], json!(false));
    assert_eq!(refused.take().len(), 1, "what would be stored is news whatever it calls itself");
}

#[tokio::test]
async fn what_is_no_question_is_never_allowed() {
    let (door, _) = door(Arc::new(|_| Box::pin(async { Ok(Because::Act) })));
    assert_eq!(ask(&door, review(EXECUTOR).to_string()).await.1["response"]["allowed"], json!(true));
    for (body, wanted) in [
        (String::new(), StatusCode::BAD_REQUEST),
        ("{}".to_owned(), StatusCode::BAD_REQUEST),
        ("x".repeat(BODY_BYTES + 1), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, said) = ask(&door, body).await;
        assert_eq!((status, said), (wanted, Value::Null));
    }
    let get = Request::get(PATH).body(Body::empty()).unwrap();
    assert_eq!(door.clone().oneshot(get).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn one_question_too_many_is_turned_away() {
    let never: Judge = Arc::new(|_| Box::pin(std::future::pending()));
    let (door, _) = door(never);
    let waiting: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let door = door.clone();
            tokio::spawn(async move { ask(&door, review(EXECUTOR).to_string()).await })
        })
        .collect();
    while ask(&door, "x".to_owned()).await.0 != StatusCode::SERVICE_UNAVAILABLE {
        tokio::task::yield_now().await;
    }
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}
