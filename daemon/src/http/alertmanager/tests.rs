//! Every way in, and every way to be turned away.
#![allow(clippy::type_complexity, reason = "tables of small cases")]

use super::*;
use crate::clock::Clock;
use crate::config;
use crate::store::{OpenMode, SqliteStore};
use crate::telemetry::IntakeMetrics;
use http::Request;
use nightshift_engine::alert::Told;
use std::path::Path;
use tokio::sync::Notify;
use tower::ServiceExt as _;

const TOKEN: &str = "0123456789abcdef0123456789abcdef-new";
const BEFORE: &str = "0123456789abcdef0123456789abcdef-old";
const GOOD: &str = r#"{"version":"4","receiver":"r","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"X"},"startsAt":"2026-03-01T02:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"0011223344556677"}]}"#;

/// `{"version":"4","alerts":[]}`, which would be taken, as gzip writes it.
const PACKED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x4b\x2d\x2a\xce\xcc\xcf\x53\xb2\x52\x32\x51\xd2\x51\x4a\xcc\x49\
  \x2d\x2a\x29\x56\xb2\x8a\x8e\xad\x05\x00\x29\x54\x57\xd3\x1b\x00\x00\x00";

struct House {
    folder: tempfile::TempDir,
    store: SqliteStore,
    metrics: IntakeMetrics,
    app: Router,
}

async fn house(alerts: impl FnOnce(&Path) -> config::Alerts) -> House {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
    let metrics = IntakeMetrics::default();
    let intake = Intake::new(store.clone(), Clock::wall(), metrics.clone(), Arc::new(Notify::new()));
    let app = router(intake, Lock::of(&alerts(folder.path())));
    House { folder, store, metrics, app }
}

impl House {
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn with(&self, credentials: &[&str]) -> (StatusCode, String) {
        let mut request = json(GOOD);
        for line in credentials {
            request.headers_mut().append("authorization", line.parse().unwrap());
        }
        self.send(request).await
    }

    async fn stored(&self) -> Vec<Told> {
        self.store.alerts_waiting(false, 100).await.unwrap().into_iter().map(|w| w.told).collect()
    }

    fn counted(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }
}

fn json(body: impl Into<Body>) -> Request<Body> {
    Request::post(PATH).header("content-type", "application/json").body(body.into()).unwrap()
}

fn locked(folder: &Path) -> config::Alerts {
    let file = |name: &str| folder.join(name);
    let basic = config::Basic { user: "alertmanager".to_owned(), password_files: vec![file("password")] };
    config::Alerts {
        bearer_token_files: vec![file("token"), file("token.before")],
        basic: Some(basic),
        ..config::Alerts::default()
    }
}

fn open(_: &Path) -> config::Alerts {
    config::Alerts::default()
}

#[tokio::test]
async fn what_is_answered_with_2xx_is_on_the_disk() {
    let house = house(open).await;
    assert_eq!(house.send(json(GOOD)).await.0, StatusCode::ACCEPTED);
    assert_eq!(house.send(json(GOOD)).await.0, StatusCode::ACCEPTED, "a peer's duplicate");
    house.store.close().await;
    let again = SqliteStore::open(house.folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
    assert_eq!(again.alerts_waiting(false, 10).await.unwrap().len(), 1);
    let counted = house.counted();
    for line in [
        "nightshift_alert_messages_total{answer=\"accepted\"} 2",
        "nightshift_alerts_total{news=\"changed\"} 1",
        "nightshift_alerts_total{news=\"repeated\"} 1",
        "nightshift_alerts_flagged_total{flag=\"unknown\"} 2",
    ] {
        assert!(counted.contains(line), "{counted}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_to_be_sent_again() {
    let house = house(open).await;
    house.store.close().await;
    let (status, body) = house.send(json(GOOD)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(body.contains("\"not-stored\""), "{body}");
    assert!(house.counted().contains("{answer=\"not-stored\"} 1"), "{}", house.counted());
}

#[tokio::test]
async fn nobody_comes_in_without_a_secret_of_ours() {
    let house = house(locked).await;
    house.write("token", TOKEN);
    house.write("token.before", &format!("{BEFORE}\n"));
    house.write("password", "password-0123456789-0123456789-01");
    let basic = |pair: &str| {
        format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair))
    };
    let table: &[(&[&str], bool)] = &[
        (&[&format!("Bearer {TOKEN}")], true),
        (&[&format!("bearer {BEFORE}")], true),
        (&[&basic("alertmanager:password-0123456789-0123456789-01")], true),
        (&[], false),
        (&[""], false),
        (&["Bearer"], false),
        (&["Bearer "], false),
        (&[TOKEN], false),
        (&[&format!("Bearer {TOKEN}x")], false),
        (&[&format!("Bearer {}", &TOKEN[1..])], false),
        (&[&format!("Basic {TOKEN}")], false),
        (&[&basic("alertmanager:")], false),
        (&[&basic("alertmanager")], false),
        (&[&basic("other:password-0123456789-0123456789-01")], false),
        (&[&basic(&format!("alertmanager:{TOKEN}"))], false),
        (&["Digest username=\"alertmanager\""], false),
        (&[&format!("Bearer {TOKEN}"), "Bearer other"], false),
    ];
    let mut refusals = std::collections::BTreeSet::new();
    for (credentials, comes_in) in table {
        let (status, body) = house.with(credentials).await;
        assert_eq!(status == StatusCode::ACCEPTED, *comes_in, "{credentials:?}: {body}");
        if !comes_in {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{credentials:?}");
            refusals.insert(body);
        }
    }
    assert_eq!(refusals.len(), 1, "one answer for all: {refusals:?}");
    assert!(!house.counted().contains(TOKEN));
}

#[tokio::test]
async fn a_rotation_needs_no_restart_and_a_lost_secret_loses_no_alert() {
    let house = house(locked).await;
    assert_eq!(
        house.with(&[]).await.0,
        StatusCode::SERVICE_UNAVAILABLE,
        "no file can be read: send it again"
    );
    house.write("token", "short");
    assert_eq!(house.with(&["Bearer short"]).await.0, StatusCode::SERVICE_UNAVAILABLE, "too short to be one");
    house.write("token", BEFORE);
    assert_eq!(house.with(&[&format!("Bearer {BEFORE}")]).await.0, StatusCode::ACCEPTED);
    house.write("token.before", BEFORE);
    house.write("token", TOKEN);
    for token in [TOKEN, BEFORE] {
        assert_eq!(house.with(&[&format!("Bearer {token}")]).await.0, StatusCode::ACCEPTED);
    }
    std::fs::remove_file(house.folder.path().join("token.before")).unwrap();
    assert_eq!(house.with(&[&format!("Bearer {BEFORE}")]).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bad_input_is_named_and_stores_nothing() {
    let grafana = r#"{"version":"1","orgId":1,"alerts":[]}"#;
    let huge = format!("{{\"version\":\"4\",\"alerts\":[],\"x\":\"{}\"}}", "x".repeat(BODY_BYTES));
    let many = format!("{{\"version\":\"4\",\"alerts\":[{}{{}}]}}", "{},".repeat(10_000));
    let with = |body: &str, kind: &str| {
        Request::post(PATH).header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
    };
    let packed =
        Request::post(PATH).header("content-type", "application/json").header("content-encoding", "gzip");
    let packed = packed.body(Body::from(PACKED)).unwrap();
    let no_type = Request::post(PATH).body(Body::from(GOOD)).unwrap();
    let table = [
        (json(""), 400, "not-json"),
        (json("{"), 400, "not-json"),
        (json(grafana), 400, "grafana"),
        (json(r#"{"version":"5","alerts":[]}"#), 400, "version"),
        (json(r#"{"text":"x"}"#), 400, "version"),
        (json(r#"{"version":"4","alerts":7}"#), 400, "alerts"),
        (json(many), 400, "too-many-alerts"),
        (json(huge), 413, "too-large"),
        (json("[".repeat(500_000)), 400, "not-json"),
        (packed, 400, "not-json"), // never opened, so nothing in it can grow
        (with(GOOD, "text/plain"), 400, "content-type"),
        (with(GOOD, "application/x-www-form-urlencoded"), 400, "content-type"),
        (no_type, 400, "content-type"),
        (Request::get(PATH).body(Body::empty()).unwrap(), 405, ""),
        (Request::post("/v1/alertss").body(Body::empty()).unwrap(), 404, ""),
    ];
    let house = house(open).await;
    for (request, status, reason) in table {
        let (got, body) = house.send(request).await;
        assert_eq!(got.as_u16(), status, "{body}");
        assert!(reason.is_empty() || body.contains(&format!("\"reason\":\"{reason}\"")), "{body}");
    }
    assert!(house.stored().await.is_empty());
    let fine = with(GOOD, "application/json; charset=utf-8");
    assert_eq!(house.send(fine).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_storm_is_stored_whole() {
    let alert = |n: usize| {
        format!(
            "{{\"status\":\"firing\",\"labels\":{{\"alertname\":\"A{n}\",\"namespace\":\"shop\"}},\"startsAt\":\"2026-03-01T02:00:00Z\",\"fingerprint\":\"{n:016x}\"}}"
        )
    };
    let all: Vec<String> = (0..10_000).map(alert).collect();
    let house = house(open).await;
    let body = format!("{{\"version\":\"4\",\"alerts\":[{}]}}", all.join(","));
    assert_eq!(house.send(json(body)).await.0, StatusCode::ACCEPTED);
    assert_eq!(house.store.alerts_backlog(20_000).await.unwrap(), 10_000);
}
