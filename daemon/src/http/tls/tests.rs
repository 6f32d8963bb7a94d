use super::*;
use crate::http::listen;
use crate::http::metrics::GateMetrics;
use prometheus_client::registry::Registry;
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version,
};
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// A certificate for `localhost` that signs itself, with its key.
struct Made {
    cert: CertificateDer<'static>,
    pem: String,
    key: String,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Made { cert: made.cert.der().clone(), pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(cert: &str, key: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put(cert, key);
        folder
    }

    fn put(&self, cert: &str, key: &str) {
        let Tls { cert: cert_file, key: key_file } = self.files();
        std::fs::write(cert_file, cert).unwrap();
        std::fs::write(key_file, key).unwrap();
    }

    fn files(&self) -> Tls {
        Tls { cert: self.0.path().join("gate.pem"), key: self.0.path().join("gate.key") }
    }
}

async fn served(certificate: &Certificate) -> (SocketAddr, CancellationToken) {
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
    let tls = Some(certificate.acceptor().unwrap());
    tokio::spawn(listen::serve(listener, tls, app, Clock::wall(), stop.clone()));
    (address, stop)
}

async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// The page, as far as it comes.
async fn page(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut stream = connect(address, trusted, rustls::ALL_VERSIONS).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// Everything that comes back for raw bytes, until the other end closes.
async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open");
    answer
}

#[tokio::test]
async fn pages_come_over_tls_1_2_and_1_3_to_whoever_trusts_the_certificate() {
    let (own, other) = (made(), made());
    let folder = Folder::with(&own.pem, &own.key);
    let (address, stop) = served(&Certificate::read(&folder.files()).unwrap()).await;
    let text = page(address, &own.cert).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello"), "{text}");
    for (wanted, named) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let stream = connect(address, &own.cert, &[wanted]).await.unwrap();
        let session: &ClientConnection = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(named));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let refused = page(address, &other.cert).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    stop.cancel();
}

/// A hello of TLS 1.`minor - 1`, without the extension in which newer versions say theirs.
fn hello(minor: u8) -> Vec<u8> {
    let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 23]; // supported_groups: secp256r1
    extensions.extend([0, 11, 0, 2, 1, 0]); // ec_point_formats: uncompressed
    extensions.extend([0, 13, 0, 4, 0, 2, 4, 3]); // signature_algorithms: ecdsa_secp256r1_sha256
    let mut body = vec![3, minor];
    body.extend([7; 32]); // random
    body.push(0); // no session
    body.extend([0, 2, 0xc0, 0x2b]); // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    body.extend([1, 0]); // no compression
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let mut record = vec![22, 3, minor, 0, u8::try_from(body.len() + 4).unwrap()];
    record.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    record.extend(body);
    record
}

/// The first record that comes back.
async fn first_record(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut head = vec![0; 7];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut head)).await.unwrap().unwrap();
    head
}

#[tokio::test]
async fn older_versions_and_plain_http_get_nothing_and_harm_nobody() {
    let own = made();
    let folder = Folder::with(&own.pem, &own.key);
    let (address, stop) = served(&Certificate::read(&folder.files()).unwrap()).await;
    let answer = first_record(address, &hello(3)).await;
    assert!(matches!(answer.as_slice(), [22, 3, 3, ..]), "TLS 1.2 goes on: {answer:?}");
    // The same of TLS 1.1 gets an alert (21), fatal (2): protocol_version (70).
    let answer = raw(address, &hello(2)).await;
    assert!(matches!(answer.as_slice(), [21, 3, _, 0, 2, 2, 70]), "{answer:?}");
    let answer = raw(address, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(!String::from_utf8_lossy(&answer).contains("hello"), "{answer:?}");
    assert!(page(address, &own.cert).await.unwrap().ends_with("hello"));
    stop.cancel();
}

#[test]
fn files_that_are_no_pair_are_refused_by_name() {
    let (one, two) = (made(), made());
    let folder = Folder::with(&one.pem, &two.key);
    let files = folder.files();
    let told = |error: TlsError| {
        let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {why}")
    };
    let refused = |cert: &str, key: &str| {
        folder.put(cert, key);
        told(Certificate::read(&files).unwrap_err())
    };
    let mixed = refused(&one.pem, &two.key);
    let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
    assert!(mixed.contains(&cert) && mixed.contains(&key) && mixed.contains("not a pair"), "{mixed}");
    for (cert_text, key_text, named, what) in [
        ("", one.key.as_str(), &cert, "holds no certificate"),
        ("no PEM at all", &one.key, &cert, "holds no certificate"),
        (&one.key, &one.key, &cert, "holds no certificate"),
        (&one.pem, "", &key, "holds no private key"),
        (&one.pem, &one.pem, &key, "holds no private key"),
        (&one.pem.replace("MII", "MI!"), &one.key, &cert, "holds no certificate"),
        (&"x".repeat(300_000), &one.key, &cert, "longer than"),
    ] {
        let told = refused(cert_text, key_text);
        assert!(told.contains(named.as_str()) && told.contains(what), "{told}");
        assert!(!told.contains("BEGIN") && !told.contains(one.key.lines().nth(1).unwrap()), "{told}");
    }
    folder.put(&one.pem, &one.key);
    std::fs::remove_file(&files.key).unwrap();
    let gone = told(Certificate::read(&files).unwrap_err());
    assert!(gone.contains(&key) && gone.contains("cannot be read"), "{gone}");
}

#[tokio::test]
async fn a_new_pair_is_served_and_a_bad_one_never_is() {
    let (old, new) = (made(), made());
    let folder = Folder::with(&old.pem, &old.key);
    let certificate = Certificate::read(&folder.files()).unwrap();
    let (address, stop) = served(&certificate).await;
    assert_eq!(certificate.look().unwrap(), Look::Same);

    // Half of the renewal, as it may be met between two writes; then nothing at all.
    folder.put(&new.pem, &old.key);
    assert!(matches!(certificate.look().unwrap_err(), TlsError::Pair { .. }));
    assert_eq!(certificate.look().unwrap(), Look::Same, "it is told once");
    std::fs::remove_file(folder.files().cert).unwrap();
    assert!(matches!(certificate.look().unwrap_err(), TlsError::Read { .. }));
    assert!(page(address, &old.cert).await.unwrap().ends_with("hello"), "the old one is still served");

    folder.put(&new.pem, &new.key);
    assert_eq!(certificate.look().unwrap(), Look::Fresh);
    assert!(page(address, &new.cert).await.unwrap().ends_with("hello"));
    assert!(page(address, &old.cert).await.is_err(), "nobody is shown the old one any more");
    stop.cancel();
}

#[tokio::test]
async fn the_files_are_followed_and_what_became_of_them_is_counted() {
    let (old, new) = (made(), made());
    let folder = Folder::with(&old.pem, &old.key);
    let certificate = Certificate::read(&folder.files()).unwrap();
    let (metrics, mut registry) = (GateMetrics::default(), Registry::default());
    metrics.register(&mut registry);
    let period = Duration::from_millis(20);
    let count = move |result| metrics.certificate(result);
    let following = tokio::spawn(certificate.clone().follow_every(period, Clock::wall(), count));
    let counted = async |line: &str| {
        for _ in 0..250 {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            if text.contains(line) {
                return;
            }
            Clock::wall().sleep_real(period).await;
        }
        panic!("{line} is not counted");
    };
    folder.put(&old.pem, &new.key);
    counted("nightshift_gate_certificates_total{result=\"refused\"} 1").await;
    folder.put(&new.pem, &new.key);
    counted("nightshift_gate_certificates_total{result=\"taken\"} 1").await;
    assert!(!following.is_finished());
    following.abort();
}
