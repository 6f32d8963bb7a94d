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
use super::*;
use crate::notify::outbound::Limits;
use crate::notify::reach::Reach;
use crate::notify::{DigestNotice, Outgoing};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::{LOCATION, RETRY_AFTER};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

type Answers = Arc<Mutex<VecDeque<(u16, Option<String>)>>>;
type Seen = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

struct Double {
    seen: Seen,
    webhook: Webhook,
}

/// A receiver that answers each request with the next of these, then 200.
async fn double(answers: &[(u16, Option<&str>)]) -> Double {
    let owned = answers.iter().map(|(status, after)| (*status, after.map(str::to_owned)));
    let answers: Answers = Arc::new(Mutex::new(owned.collect()));
    let seen: Seen = Seen::default();
    let receive = |State((seen, answers)): State<(Seen, Answers)>, headers: HeaderMap, body: Bytes| async move {
        seen.lock().unwrap().push((headers, body));
        let (status, after) = answers.lock().unwrap().pop_front().unwrap_or((200, None));
        let status = StatusCode::from_u16(status).unwrap();
        let mut response: Response = (status, r#"{"ok":false,"error":"invalid_token"}"#).into_response();
        if status.is_redirection() {
            let inside = HeaderValue::from_static("http://169.254.169.254/latest/meta-data/");
            response.headers_mut().insert(LOCATION, inside);
        }
        if let Some(after) = after {
            response.headers_mut().insert(RETRY_AFTER, after.parse().unwrap());
        }
        response
    };
    let app = Router::new().route("/hook", post(receive)).with_state((seen.clone(), answers));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let outbound = Outbound::new(Limits::default(), &crate::network::Network::default()).unwrap();
    let destination = Destination::new(&url, Reach::Private).unwrap();
    let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    Double { seen, webhook: Webhook::new(outbound, destination, keys) }
}

fn message() -> Outgoing {
    Outgoing::Digest(Box::new(DigestNotice {
        cluster: "prod-1".to_owned(),
        title: "Quiet night.".to_owned(),
        lines: Vec::new(),
        sections: Vec::new(),
        from: at(-43_200),
        to: at(0),
        needs_you: 0,
        link: None,
        command: Some("nightshift digest".to_owned()),
    }))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second)
}

#[tokio::test]
async fn what_arrives_is_signed_and_a_retry_keeps_its_id() {
    let double = double(&[(500, None)]).await;
    let first = double.webhook.send("digest:2026.1", &message(), at(0)).await;
    assert!(matches!(first, Handed::Later { after: None, ref why } if why.contains("500")), "{first:?}");
    assert_eq!(double.webhook.send("digest:2026.1", &message(), at(5)).await, Handed::Delivered);
    let seen = double.seen.lock().unwrap().clone();
    let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    for ((headers, body), second) in seen.iter().zip([1_800_000_000, 1_800_000_005]) {
        let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("webhook-id"), "digest:2026-1");
        assert_eq!(header("webhook-timestamp"), second.to_string());
        assert_eq!(header("webhook-signature"), keys.signatures("digest:2026-1", second, body));
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(json["type"], "digest");
        assert_eq!(json["data"]["title"], "Quiet night.");
        assert!(json["timestamp"].is_string());
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_pause_is_kept_for_every_message_and_410_ends_it() {
    let date = at(3 + 40).get().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let double =
        double(&[(429, Some("30")), (503, Some(&date)), (504, None), (429, Some("999999")), (410, None)])
            .await;
    let send = |second| double.webhook.send("m", &MESSAGE, at(second));
    let after = |handed: Handed| match handed {
        Handed::Later { after, .. } => after.unwrap().0,
        other @ (Handed::Delivered | Handed::Threaded(_) | Handed::Never { .. }) => panic!("{other:?}"),
    };
    assert_eq!(after(send(-30).await), 30);
    assert_eq!(after(send(-20).await), 20, "no request while the pause lasts");
    assert_eq!(double.seen.lock().unwrap().len(), 1);
    assert_eq!(after(send(3).await), 40);
    assert_eq!(after(send(50).await), 60);
    assert_eq!(after(send(200).await), 3600, "capped");
    for second in [5000, 5001] {
        let gone = send(second).await;
        assert!(matches!(gone, Handed::Never { ref why } if why.contains("410")), "{gone:?}");
    }
    assert_eq!(double.seen.lock().unwrap().len(), 5, "nothing after 410");
}

static MESSAGE: std::sync::LazyLock<Outgoing> = std::sync::LazyLock::new(message);

#[tokio::test]
async fn a_redirect_to_the_metadata_address_is_a_failure_and_not_followed() {
    let double = double(&[(302, None)]).await;
    let handed = double.webhook.send("m", &message(), at(0)).await;
    assert!(matches!(handed, Handed::Later { ref why, .. } if why.contains("302")), "{handed:?}");
    assert_eq!(double.seen.lock().unwrap().len(), 1);
}

/// Standard Webhooks knows the status alone: what a receiver writes beside a 200 is its own affair, and is neither read nor
/// kept.
#[tokio::test]
async fn of_a_signed_webhook_the_status_alone_counts() {
    let double = double(&[(200, Some("30")), (204, None), (200, None)]).await;
    for second in 0..3 {
        assert_eq!(double.webhook.send("m", &message(), at(second)).await, Handed::Delivered);
    }
}
