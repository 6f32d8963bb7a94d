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
    Outbound::new(Limits { total, ..Limits::default() }, &crate::network::Network::default()).unwrap()
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

/// A server with a certificate of `authority`'s for `name`; its port.
async fn serve_tls(name: &str, authority: &rcgen::CertifiedIssuer<'_, rcgen::KeyPair>) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let private = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

/// A proxy that knows every name as `port` of this machine; its own port, and what it was asked for.
async fn serve_proxy(port: u16) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (tx, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let read = stream.read(&mut head).await.unwrap();
            let text = String::from_utf8_lossy(head.get(..read).unwrap_or_default()).into_owned();
            let _ = tx.send(text.lines().next().unwrap_or_default().to_owned());
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut away = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut away).await });
        }
    });
    (own, asked)
}

#[tokio::test]
async fn a_message_goes_through_the_proxy_to_a_server_of_a_private_authority() {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let (proxy, mut asked) = serve_proxy(serve_tls("hooks.example.test", &authority).await).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let variable = |name: &str| (name == "HTTPS_PROXY").then(|| format!("http://127.0.0.1:{proxy}"));
    let to = Destination::new("https://hooks.example.test/ok", Reach::Public).unwrap();
    let send = async |network: &Network| {
        let outbound = Outbound::new(Limits::default(), network).unwrap();
        outbound.post(&to, HeaderMap::new(), Bytes::from_static(b"{}")).await
    };

    // The name is the proxy's to look up: here nobody knows it.
    let trusting = Network::of(Some(&ca), variable).unwrap();
    assert_eq!(send(&trusting).await.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(asked.recv().await.unwrap(), "CONNECT hooks.example.test:443 HTTP/1.1");
    // Who signed it is not known without the file.
    let distrusting = Network::of(None, variable).unwrap();
    assert!(matches!(send(&distrusting).await, Err(OutboundError::Unreachable { .. })));
    assert!(asked.recv().await.is_some());
    // And with NO_PROXY nothing reaches the proxy.
    let set =
        |name: &'static str| variable(name).or_else(|| (name == "NO_PROXY").then(|| ".test".to_owned()));
    assert!(send(&Network::of(Some(&ca), set).unwrap()).await.is_err());
    assert!(asked.try_recv().is_err());
}
