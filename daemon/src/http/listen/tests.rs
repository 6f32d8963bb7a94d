use super::*;
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn served() -> (SocketAddr, CancellationToken) {
    patient(HEAD_WITHIN).await
}

async fn patient(head: Duration) -> (SocketAddr, CancellationToken) {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let app = Router::new().route("/", post(|body: axum::body::Bytes| async move { body.len().to_string() }));
    tokio::spawn(serve_within(
        Patience { head, ..Patience::SHIPPED },
        listener,
        None,
        bounded(app),
        Clock::wall(),
        stop.clone(),
    ));
    (address, stop)
}

async fn talk(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has seen enough may close while we still write.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn bodies_and_heads_have_a_largest_size() {
    let (address, stop) = served().await;
    let post = |length: usize| {
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ";
        format!("{head}{length}\r\n\r\n{}", "a".repeat(length))
    };
    assert!(talk(address, &post(BODY_BYTES)).await.starts_with("HTTP/1.1 200"));
    assert!(talk(address, &post(BODY_BYTES + 1)).await.starts_with("HTTP/1.1 413"));
    let long = format!("POST / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(2 * HEAD_BYTES));
    let answer = talk(address, &long).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = format!("POST / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
    assert!(talk(address, &many).await.starts_with("HTTP/1.1 431"));
    stop.cancel();
}

#[tokio::test]
async fn a_peer_that_sends_no_head_is_let_go() {
    let (address, stop) = patient(Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    stop.cancel();
}

#[tokio::test]
async fn connections_have_a_cap_and_the_end_waits_for_nobody_idle() {
    let (address, stop) = served().await;
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    let mut extra = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), extra.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "one too many is closed at once");
    stop.cancel();
    for mut stream in open {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "an idle connection is closed at the end");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_let_go() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = crate::config::Tls { cert: folder.path().join("a.pem"), key: folder.path().join("a.key") };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = crate::http::tls::Certificate::read(&files).unwrap().acceptor().unwrap();
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let short = Patience { handshake: Duration::from_millis(200), ..Patience::SHIPPED };
    tokio::spawn(serve_within(short, listener, Some(tls), Router::new(), Clock::wall(), stop.clone()));
    // Nothing at all, and a hello that stops after its first bytes.
    for begun in [&b""[..], &[22, 3, 1, 0, 200, 1]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(5), read).await;
        assert!(read.is_ok(), "a silent handshake keeps its connection");
        assert!(answer.is_empty(), "{answer:?}");
    }
    stop.cancel();
}
