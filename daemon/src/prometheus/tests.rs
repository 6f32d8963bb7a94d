use super::*;
use crate::cluster::tests::{Counter, Then, door};
use nightshift_sim::{Live, PromValue};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(5);

fn plain(url: &str) -> Prometheus {
    Prometheus::new(&Settings { url: url.into(), ..Settings::default() }).unwrap()
}

fn body(part: &RawPart) -> (u16, Value) {
    match part {
        RawPart::Body { status, body, .. } => (*status, serde_json::from_slice(body).unwrap()),
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
async fn answers_come_back_as_prometheus_wrote_them() {
    let (door, clock) = door().await;
    let long = format!("sum(up{{job=~\"{}\"}})", "x|".repeat(2_000));
    door.with(|sim| {
        sim.set_prometheus("up == 1", PromValue::Live(Live::Up));
        sim.set_prometheus(&long, PromValue::Live(Live::Up));
        sim.set_prometheus("warned", PromValue::Warned(3.5));
        sim.set_prometheus("nan", PromValue::Nan);
        sim.set_prometheus("down", PromValue::Down);
        sim.set_prometheus("timestamp(up)", PromValue::Live(Live::SampleTimestamp));
    });
    let prometheus = plain(&door.url());
    let ask = async |promql: &str| body(&prometheus.query(promql, None, LONG).await);
    for promql in ["up == 1", &long] {
        let (status, answer) = ask(promql).await;
        assert_eq!((status, &answer["data"]["result"][0]["value"][1]), (200, &Value::from("1")));
    }
    let (_, warned) = ask("warned").await;
    assert!(warned["warnings"][0].is_string() && warned["status"] == "success", "{warned}");
    assert_eq!(ask("nan").await.1["data"]["result"][0]["value"][1], "NaN");
    let (status, unknown) = ask("never heard of").await;
    assert_eq!((status, unknown["errorType"].as_str()), (422, Some("bad_data")));
    assert_eq!(ask("down").await.0, 503);

    let at = Timestamp::from_micros(clock.now().micros() / 1_000_000 * 1_000_000 + 250_000);
    let (_, answer) = body(&prometheus.query("timestamp(up)", Some(at), LONG).await);
    let told: f64 = answer["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((told.fract() - 0.25).abs() < 1e-6, "{answer}");
}

#[tokio::test]
async fn failures_have_their_class() {
    assert_eq!(why(&query(None, "up", None, LONG).await), NotChecked::NotConfigured);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let part = plain(&format!("http://{free}")).query("up", None, LONG).await;
    assert_eq!(why(&part), NotChecked::Unreachable, "{part:?}");
    let silent = Counter::open(&[Then::Nothing]).await;
    let part = plain(&silent.url).query("up", None, Duration::from_millis(100)).await;
    assert_eq!(why(&part), NotChecked::TimedOut);
    assert!(matches!(Prometheus::new(&Settings::default()), Err(PrometheusError::Url { .. })));
    let ca = Some(PathBuf::from("/nowhere/ca.pem"));
    let settings = Settings { url: silent.url.clone(), ca, ..Settings::default() };
    assert!(matches!(Prometheus::new(&settings), Err(PrometheusError::Ca { .. })));
}

#[tokio::test]
async fn credentials_are_read_anew_and_redirects_are_not_followed() {
    const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\n{}";
    let server = Counter::open(&[Then::Answer(MOVED)]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let url = format!("{}/prefix", server.url);
    for (token, auth, expected) in [
        ("one\n", Auth::BearerFile(path.clone()), "authorization: Bearer one\r\n"),
        (
            "two\n",
            Auth::Basic { user: "u".into(), password_file: path.clone() },
            "authorization: Basic dTp0d28=\r\n",
        ),
    ] {
        std::fs::write(&path, token).unwrap();
        let settings = Settings { url: url.clone(), auth, ..Settings::default() };
        let part = Prometheus::new(&settings).unwrap().query("up", None, LONG).await;
        assert_eq!(body(&part).0, 302);
        let text = server.text(server.arrived() - 1);
        assert!(text.starts_with("GET /prefix/api/v1/query?query=up") && text.contains(expected), "{text}");
    }
    assert_eq!(server.arrived(), 2);
    let settings = Settings { url, auth: Auth::BearerFile("/nowhere".into()), ..Settings::default() };
    let part = Prometheus::new(&settings).unwrap().query("up", None, LONG).await;
    assert_eq!(why(&part), NotChecked::Unreachable);
    assert_eq!(server.arrived(), 2, "never without its credentials");
}
