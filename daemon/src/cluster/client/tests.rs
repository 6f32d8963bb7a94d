use super::*;
use crate::cluster::identity::cluster_uid;
use crate::cluster::tests::{Counter, Then, deployment, door, reader};
use nightshift_sim::{Fault, Scope, Verb};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(5);
const CAP: usize = 1 << 20;
const PODS: &str = "/api/v1/namespaces/shop/pods";

fn body(part: &RawPart) -> (u16, Value, bool) {
    match part {
        RawPart::Body { status, body, cut } => {
            (*status, serde_json::from_slice(body).unwrap_or_default(), *cut)
        }
        RawPart::Failed { .. } => panic!("{part:?}"),
    }
}

fn why(part: &RawPart) -> NotChecked {
    match part {
        RawPart::Failed { why, .. } => *why,
        RawPart::Body { .. } => panic!("{part:?}"),
    }
}

#[tokio::test]
async fn a_get_answers_status_and_bytes_and_reads_neither() {
    let (door, clock) = door().await;
    for name in ["cart", "web"] {
        door.with(|sim| sim.apply(deployment("shop", name, 2), clock.now().get())).unwrap();
    }
    let reader = reader(&door.url()).await;
    let deployments = "/apis/apps/v1/namespaces/shop/deployments";
    let (status, cart, cut) =
        body(&reader.get(&format!("{deployments}/cart"), &[], Accept::Json, CAP, LONG).await);
    assert_eq!((status, cart["metadata"]["name"].as_str(), cut), (200, Some("cart"), false));
    let (status, gone, _) =
        body(&reader.get(&format!("{deployments}/none"), &[], Accept::Json, CAP, LONG).await);
    assert_eq!((status, gone["reason"].as_str()), (404, Some("NotFound")));

    crate::cluster::tests::until("pods", || door.with(|sim| sim.get_all(PODS).len() == 4)).await;
    let selector = [("labelSelector".to_owned(), "app in (cart)".to_owned())];
    let (_, pods, _) = body(&reader.get(PODS, &selector, Accept::Json, CAP, LONG).await);
    assert_eq!(pods["items"].as_array().unwrap().len(), 2);
    let (_, pods, _) = body(&reader.get(PODS, &selector, Accept::Metadata, CAP, LONG).await);
    assert_eq!(pods["kind"], "PartialObjectMetadataList");
    assert!(pods["items"][0]["metadata"]["uid"].is_string() && pods["items"][0]["spec"].is_null());

    let part = reader.get(PODS, &[], Accept::Json, 100, LONG).await;
    assert!(matches!(&part, RawPart::Body { status: 200, body, cut: true } if body.len() == 100), "{part:?}");
    let uid = cluster_uid(&reader, LONG).await.unwrap();
    let system = door.with(|sim| sim.get("/api/v1/namespaces/kube-system")).unwrap();
    assert_eq!(system["metadata"]["uid"], uid.as_str());
}

#[tokio::test]
async fn what_is_never_read_is_not_even_asked_for() {
    let server = Counter::open(&[Then::Nothing]).await;
    let reader = reader(&server.url).await;
    for (path, accept) in [
        ("/api/v1/namespaces/shop/secrets/token", Accept::Metadata),
        ("/api/v1/namespaces/shop/configmaps/env", Accept::Json),
        ("/api/v1/namespaces/shop/pods/cart/exec", Accept::Json),
    ] {
        assert_eq!(why(&reader.get(path, &[], accept, CAP, LONG).await), NotChecked::Forbidden, "{path}");
    }
    assert_eq!(why(&reader.get("/api//pods", &[], Accept::Json, CAP, LONG).await), NotChecked::Unreadable);
    assert_eq!(server.arrived(), 0);
}

#[tokio::test]
async fn a_storm_of_questions_opens_few_connections_and_keeps_their_deadline() {
    let server = Counter::open(&[Then::Nothing]).await;
    let reader = reader(&server.url).await;
    let short = Duration::from_millis(500);
    let asked = (0..200).map(|_| reader.get(PODS, &[], Accept::Json, CAP, short));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|part| why(part) == NotChecked::TimedOut));
    assert_eq!(server.arrived(), AT_ONCE);
}

#[tokio::test]
async fn failures_have_their_class_and_nothing_is_repeated() {
    let (door, _) = door().await;
    let to_door = reader(&door.url()).await;
    door.with(|sim| sim.fault(Fault::Lost { on: Scope::new(Verb::Any, PODS) }));
    assert_eq!(why(&to_door.get(PODS, &[], Accept::Json, CAP, LONG).await), NotChecked::Unreachable);
    door.with(|sim| {
        let (on, reason) = (Scope::new(Verb::Any, PODS), "ServiceUnavailable".to_owned());
        sim.fault(Fault::Status { on, code: 503, reason, retry_after: Some(1) });
    });
    assert_eq!(body(&to_door.get(PODS, &[], Accept::Json, CAP, LONG).await).0, 503, "told, not tried again");
    door.slow(Duration::from_secs(3));
    let quick = Duration::from_millis(200);
    assert_eq!(why(&to_door.get(PODS, &[], Accept::Json, CAP, quick).await), NotChecked::TimedOut);

    let url = door.url();
    door.shutdown().await;
    assert_eq!(
        why(&reader(&url).await.get(PODS, &[], Accept::Json, CAP, LONG).await),
        NotChecked::Unreachable
    );

    let torn = Counter::open(&[Then::Close("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")]).await;
    let part = reader(&torn.url).await.get(PODS, &[], Accept::Json, CAP, LONG).await;
    assert_eq!(why(&part), NotChecked::Unreachable, "half an answer is none");
}

#[tokio::test]
async fn the_accept_header_fits_the_path() {
    let server = Counter::open(&[Then::Answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")]).await;
    let reader = reader(&server.url).await;
    for (path, accept, expected) in [
        (PODS, Accept::Metadata, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        (
            "/api/v1/nodes/n1",
            Accept::Metadata,
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        ),
        ("/api/v1/namespaces/shop/pods/x/log", Accept::Text, "text/plain, application/json, */*"),
    ] {
        reader.get(path, &[], accept, CAP, LONG).await;
        let text = server.text(server.arrived() - 1);
        assert!(text.contains(&format!("accept: {expected}\r\n")), "{text}");
    }
}

#[tokio::test]
async fn a_kubeconfig_names_its_context() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
        contexts: [{name: a, context: {cluster: c, user: u}}]\n\
        clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    std::fs::write(file.path(), text).unwrap();
    let access = |context: Option<&str>| Access::Kubeconfig {
        path: Some(file.path().to_owned()),
        context: context.map(str::to_owned),
    };
    assert!(Reader::connect(&access(None)).await.is_ok());
    assert!(matches!(Reader::connect(&access(Some("b"))).await, Err(ClientError::Kubeconfig(_))));
    assert!(matches!(
        Reader::connect(&Access::Url { url: "no url".into(), token: None }).await,
        Err(ClientError::Url(_))
    ));
}
