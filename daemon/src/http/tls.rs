//! A listener's certificate: read at start, read again when its files change, and never given up for a worse one.

use crate::clock::Clock;
use crate::config::Tls;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// How often the files are looked at: a renewed certificate is served within this time.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Bytes of a PEM file; a long chain has a tenth of it.
const FILE_BYTES: u64 = 256 * 1024;

/// Why a pair of files is not served. At start nothing is served then, later the pair before goes on.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It is not there, or not ours to read.
    #[error("the PEM file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Nobody's certificate is that long.
    #[error("the PEM file {path} is longer than {FILE_BYTES} bytes")]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("the PEM file {path} holds no {what}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// They are of no kind that TLS knows, or not of one pair.
    #[error("the key {key} and the certificate {cert} are not a pair")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// The library takes none of our settings.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// What a look at the files found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What was there before, good or bad.
    Same,
    /// A new pair, which is served from now on.
    Fresh,
}

/// The certificate that is served. Clones share it.
#[derive(Clone, Debug)]
pub struct Certificate {
    files: Tls,
    served: Arc<Served>,
    /// What was looked at last, so that a bad pair is told once and not every ten seconds.
    seen: Arc<Mutex<[u8; 32]>>,
}

#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn read(files: &Tls) -> Result<Self, TlsError> {
        let texts = Texts::read(files)?;
        let served = Arc::new(Served(RwLock::new(Arc::new(texts.pair(files)?))));
        Ok(Self { files: files.clone(), served, seen: Arc::new(Mutex::new(texts.digest())) })
    }

    /// TLS 1.2 and 1.3, HTTP/1.1, with whatever certificate is served at the time.
    ///
    /// # Errors
    /// [`TlsError::Setup`].
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        acceptor(&self.served)
    }

    /// Looks at the files once; a new pair is served from now on, a bad one never.
    ///
    /// # Errors
    /// [`TlsError`], once for each bad state of the files.
    pub fn look(&self) -> Result<Look, TlsError> {
        let texts = Texts::read(&self.files);
        let digest = match &texts {
            Ok(texts) => texts.digest(),
            Err(error) => Sha256::digest(format!("{error:?}")).into(),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == digest {
            return Ok(Look::Same);
        }
        *seen = digest;
        let fresh = Arc::new(texts?.pair(&self.files)?);
        *self.served.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(Look::Fresh)
    }

    /// Looks at the files now and then, for ever; `count` hears of each change whether it was taken.
    pub async fn follow(self, clock: Clock, count: impl Fn(&'static str)) {
        self.follow_every(LOOK_EVERY, clock, count).await;
    }

    async fn follow_every(self, period: Duration, clock: Clock, count: impl Fn(&'static str)) {
        loop {
            clock.sleep_real(period).await;
            let this = self.clone();
            let Ok(look) = tokio::task::spawn_blocking(move || this.look()).await else { return };
            let cert = self.files.cert.display();
            match look {
                Ok(Look::Same) => {}
                Ok(Look::Fresh) => {
                    count("taken");
                    tracing::info!(%cert, "a new certificate is served");
                }
                Err(error) => {
                    count("refused");
                    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(%cert, %error, why, "the certificate before is still served");
                }
            }
        }
    }
}

fn acceptor(served: &Arc<Served>) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(served) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A certificate that this program made itself, until it serves the next one. Clones share it.
#[derive(Clone, Debug)]
pub struct OwnCertificate(Arc<Served>);

impl OwnCertificate {
    /// Serves a pair that a file of ours holds.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn new(file: &Path, cert: &str, key: &str) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Served(RwLock::new(own(file, cert, key)?)))))
    }

    /// Serves another pair from now on.
    ///
    /// # Errors
    /// [`TlsError`]: the pair before goes on.
    pub fn serve(&self, file: &Path, cert: &str, key: &str) -> Result<(), TlsError> {
        let fresh = own(file, cert, key)?;
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// As [`Certificate::acceptor`].
    ///
    /// # Errors
    /// [`TlsError::Setup`].
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        acceptor(&self.0)
    }
}

fn own(file: &Path, cert: &str, key: &str) -> Result<Arc<CertifiedKey>, TlsError> {
    let files = Tls { cert: file.to_owned(), key: file.to_owned() };
    let texts = Texts { cert: cert.as_bytes().to_vec(), key: Zeroizing::new(key.as_bytes().to_vec()) };
    texts.pair(&files).map(Arc::new)
}

/// Both files as they stand.
struct Texts {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Texts {
    fn read(files: &Tls) -> Result<Self, TlsError> {
        Ok(Self { cert: text(&files.cert)?, key: Zeroizing::new(text(&files.key)?) })
    }

    /// Of the certificate's digest and the key's, so that nothing can move from one to the other.
    fn digest(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(Sha256::digest(&self.cert))
            .chain_update(Sha256::digest(&self.key))
            .finalize()
            .into()
    }

    fn pair(&self, files: &Tls) -> Result<CertifiedKey, TlsError> {
        let wrong = |path: &Path, what| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, what, source }
        };
        let chain = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(wrong(&files.cert, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(wrong(&files.key, "private key"))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        CertifiedKey::from_der(chain, key, &provider).map_err(|source| TlsError::Pair {
            cert: files.cert.clone(),
            key: files.key.clone(),
            source,
        })
    }
}

fn text(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES { Err(TlsError::Long { path: path.to_owned() }) } else { Ok(text) }
}

#[cfg(test)]
mod tests;
