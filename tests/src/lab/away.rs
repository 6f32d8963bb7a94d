//! The world outside as many companies have it: a server whose certificate is of the company's own authority, and a proxy
//! that alone knows the way there.

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Longer requests are not sent here.
const LONGEST: usize = 256 * 1024;

type Heap = Arc<Mutex<Vec<String>>>;

/// The server and the proxy, until this is dropped.
pub struct Away {
    /// Port of the proxy on every address of this machine.
    pub proxy: u16,
    /// The authority's certificate, as PEM.
    pub authority: String,
    heard: Heap,
    asked: Heap,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Away {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Away {
    /// Opens both; the server's certificate is for this name, which no DNS knows.
    pub async fn open(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &authority)?;
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let behind = server.local_addr()?.port();
        let proxy = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let port = proxy.local_addr()?.port();
        let (heard, asked) = (Heap::default(), Heap::default());
        let tasks = [
            tokio::spawn(serve(server, acceptor, Arc::clone(&heard))),
            tokio::spawn(tunnel(proxy, behind, Arc::clone(&asked))),
        ];
        Ok(Self { proxy: port, authority: authority.pem(), heard, asked, tasks })
    }

    /// Every request that the server got, headers and body.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line of everything that the proxy was asked.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn keep(heap: &Heap, text: String) {
    heap.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, heard: Heap) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if let Ok(request) = whole(&mut stream).await {
                keep(&heard, request);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        });
    }
}

/// A request with as many bytes of body as it says.
async fn whole(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await?;
        anyhow::ensure!(read > 0 && bytes.len() < LONGEST, "the request broke off");
        bytes.extend_from_slice(piece.get(..read).context("more than was asked for")?);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or_default() {
            return Ok(text.into_owned());
        }
    }
}

async fn tunnel(listener: TcpListener, behind: u16, asked: Heap) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let asked = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut head = [0; 2048];
            let Ok(read) = stream.read(&mut head).await else { return };
            let text = String::from_utf8_lossy(head.get(..read).unwrap_or_default()).into_owned();
            keep(&asked, text.lines().next().unwrap_or_default().to_owned());
            let Ok(mut away) = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).await else { return };
            if stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut away).await;
            }
        });
    }
}
