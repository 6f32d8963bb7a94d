use super::*;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;

/// A server on loopback; its port.
async fn serve() -> u16 {
    let app = Router::new()
        .route(
            "/ok",
            post(|headers: HeaderMap| async move {
                headers.get("authorization").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
            }),
        )
        .route("/away", post(|| async { Redirect::temporary("http://169.254.169.254/latest/meta-data") }))
        .route("/big", post(|| async { "x".repeat(100_000) }))
        .route("/slow", post(|| async { std::future::pending::<StatusCode>().await }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

fn outbound() -> Outbound {
    let total = Duration::from_millis(400);
    Outbound::new(Limits { total, ..Limits::default() }, None).unwrap()
}

async fn post_to(url: &str, reach: Reach) -> Result<Incoming, OutboundError> {
    let to = Destination::new(url, reach).unwrap();
    outbound().post(&to, HeaderMap::new(), Bytes::from_static(b"{}")).await
}

#[test]
fn destinations_are_refused_when_they_are_read() {
    let table = [
        ("nonsense", Reach::Public, "is not a URL"),
        ("http://hooks.example.com/", Reach::Public, "must begin with https"),
        ("ftp://hooks.example.com/", Reach::Private, "must begin with https"),
        ("https://user:pw@hooks.example.com/", Reach::Public, "user or password"),
        ("https://127.0.0.1/", Reach::Public, "loopback"),
        ("https://2130706433/", Reach::Public, "loopback"),
        ("https://0x7f.1/", Reach::Public, "loopback"),
        ("https://[::ffff:7f00:1]/", Reach::Public, "loopback"),
        ("https://10.0.0.8/", Reach::Public, "private"),
        ("https://169.254.169.254/", Reach::Private, "metadata"),
        ("http://[fe80::1]/", Reach::Private, "link-local"),
        ("http://0.0.0.0/", Reach::Private, "not the address of a host"),
    ];
    for (url, reach, says) in table {
        let error = Destination::new(url, reach).unwrap_err().to_string();
        assert!(error.contains(says), "{url}: {error}");
        assert!(!error.contains("pw"), "{error}");
    }
    assert!(Destination::new("https://hooks.example.com/x", Reach::Public).is_ok());
    assert!(Destination::new("http://10.0.0.8/x", Reach::Private).is_ok());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_where_the_connection_is_made() {
    let port = serve().await;
    let error = post_to(&format!("https://localhost:{port}/ok"), Reach::Public).await.unwrap_err();
    assert!(matches!(error, OutboundError::Refused { why: Refused::Loopback, .. }), "{error:?}");
    let answer = post_to(&format!("http://localhost:{port}/ok"), Reach::Private).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_more() {
    let port = serve().await;
    let answer = post_to(&format!("http://127.0.0.1:{port}/away"), Reach::Private).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn sizes_and_times_are_capped() {
    let port = serve().await;
    let big = post_to(&format!("http://127.0.0.1:{port}/big"), Reach::Private).await.unwrap_err();
    assert!(matches!(big, OutboundError::ResponseTooLarge { .. }), "{big:?}");
    let slow = post_to(&format!("http://127.0.0.1:{port}/slow"), Reach::Private).await.unwrap_err();
    assert!(matches!(slow, OutboundError::TimedOut { .. }), "{slow:?}");
    let to = Destination::new(&format!("http://127.0.0.1:{port}/ok"), Reach::Private).unwrap();
    let body = Bytes::from(vec![b'x'; 30_000]);
    let large = outbound().post(&to, HeaderMap::new(), body).await.unwrap_err();
    assert!(matches!(large, OutboundError::RequestTooLarge { size: 30_000, .. }), "{large:?}");
}

#[tokio::test]
async fn a_credential_goes_to_its_destination_and_to_no_log() {
    let port = serve().await;
    let url = format!("http://127.0.0.1:{port}/ok");
    let secret = SecretString::from("Bearer canary".to_owned());
    let with =
        Destination::new(&url, Reach::Private).unwrap().with_credential(http::header::AUTHORIZATION, secret);
    assert!(!format!("{with:?}").contains("canary"));
    let answer = outbound().post(&with, HeaderMap::new(), Bytes::new()).await.unwrap();
    assert_eq!(answer.body, "Bearer canary");
    assert_eq!(post_to(&url, Reach::Private).await.unwrap().body, "");
}
