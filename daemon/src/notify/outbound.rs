//! The one client for everything that leaves but for the API server and Prometheus.
//!
//! Destinations come from the configuration only. No redirect is followed, a proxy is used only where one is named, and
//! addresses inside are refused where the connection is made: a name is checked after it was resolved, so a name that
//! changes its address gains nothing. A credential belongs to its destination and goes nowhere else.

use super::reach::{Reach, Refused};
use crate::network::Network;
use aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};

/// Caps of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Duration,
    /// For everything, name lookup and answer included.
    pub total: Duration,
    /// Bytes of a request's body.
    pub request: usize,
    /// Bytes of an answer's body.
    pub response: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            request: 20 * 1024,
            response: 64 * 1024,
        }
    }
}

/// Where messages may go, as configured.
#[derive(Clone)]
pub struct Destination {
    url: Url,
    reach: Reach,
    credential: Option<(HeaderName, SecretString)>,
}

/// Host only: path and query may be the secret.
impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination")
            .field("host", &self.host())
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// Why a destination cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// Not a URL.
    #[error("`{url}` is not a URL such as https://hooks.example.com/path")]
    NotAUrl {
        /// What was written.
        url: String,
        /// What the parser said.
        #[source]
        source: url::ParseError,
    },
    /// A secret address that is not a URL; it is not said.
    #[error("the address in the file is not a URL such as https://hooks.example.com/path")]
    NotASecretUrl,
    /// Neither https nor, on a private network, http.
    #[error("{0} must begin with https; http needs `allow_private: true`")]
    Scheme(String),
    /// User and password in the URL.
    #[error("the URL for {0} holds a user or password: put them in a file")]
    Userinfo(String),
    /// No host.
    #[error("`{0}` names no host")]
    NoHost(String),
    /// The URL is an address that is never sent to.
    #[error("{host} is refused: the address is {}", why.clause())]
    Refused {
        /// The host as written.
        host: String,
        /// Why.
        why: Refused,
    },
}

impl Destination {
    /// A destination from the configuration.
    ///
    /// # Errors
    /// [`DestinationError`] says what to write instead.
    pub fn new(url: &str, reach: Reach) -> Result<Self, DestinationError> {
        let parsed =
            Url::parse(url).map_err(|source| DestinationError::NotAUrl { url: url.to_owned(), source })?;
        let host = parsed.host().ok_or_else(|| DestinationError::NoHost(url.to_owned()))?;
        let said = host.to_string();
        if !(parsed.scheme() == "https" || parsed.scheme() == "http" && reach == Reach::Private) {
            return Err(DestinationError::Scheme(said));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(DestinationError::Userinfo(said));
        }
        if let Some(address) = literal(&host) {
            reach.check(address).map_err(|why| DestinationError::Refused { host: said, why })?;
        }
        Ok(Self { url: parsed, reach, credential: None })
    }

    /// A destination whose whole address is a secret: errors say its host at most.
    ///
    /// # Errors
    /// [`DestinationError`] without path and query.
    pub fn secret(url: &str, reach: Reach) -> Result<Self, DestinationError> {
        match Self::new(url, reach) {
            Err(DestinationError::NotAUrl { .. } | DestinationError::NoHost(_)) => {
                Err(DestinationError::NotASecretUrl)
            }
            made => made,
        }
    }

    /// With a header that only this destination ever sees.
    #[must_use]
    pub fn with_credential(self, header: HeaderName, value: SecretString) -> Self {
        Self { credential: Some((header, value)), ..self }
    }

    /// The host, for logs: never path or query, which may hold a secret.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => Some(IpAddr::V4(*v4)),
        Host::Ipv6(v6) => Some(IpAddr::V6(*v6)),
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the cap.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// No client could be made: TLS roots or the proxy are not usable.
    #[error("no client for outgoing messages can be made")]
    Client(#[source] reqwest::Error),
    /// The request is over its cap: a bug of the caller.
    #[error("a message of {size} bytes is over the cap of {cap}")]
    RequestTooLarge {
        /// Its size.
        size: usize,
        /// The cap.
        cap: usize,
    },
    /// The answer is over its cap.
    #[error("the answer from {host} is over the cap of {cap} bytes")]
    ResponseTooLarge {
        /// Who answered.
        host: String,
        /// The cap.
        cap: usize,
    },
    /// The credential is no header value.
    #[error("the credential for {0} holds characters that no header may hold")]
    Credential(String),
    /// It does not speak as a websocket.
    #[error("{host} answered {status} in place of a websocket")]
    NoSocket {
        /// The host.
        host: String,
        /// What it answered.
        status: http::StatusCode,
    },
    /// Every address of the name is refused.
    #[error("{host} is refused: the address is {}", why.clause())]
    Refused {
        /// The host.
        host: String,
        /// Why.
        why: Refused,
    },
    /// No answer in time.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// The host.
        host: String,
    },
    /// No connection, TLS failed, or it broke.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// What the client said, without the URL.
        #[source]
        source: reqwest::Error,
    },
}

/// The one client. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    public: reqwest::Client,
    private: reqwest::Client,
    /// For connections that stay: HTTP/1.1, which alone can be upgraded, and no end by time.
    sockets: (reqwest::Client, reqwest::Client),
    /// The same two ways through the proxy, where one is named.
    proxied: Option<(reqwest::Client, reqwest::Client)>,
    network: Network,
    limits: Limits,
}

impl Outbound {
    /// A client. A proxy resolves names itself, so behind one only addresses written in the configuration are
    /// checked here.
    ///
    /// # Errors
    /// [`OutboundError::Client`].
    pub fn new(limits: Limits, network: &Network) -> Result<Self, OutboundError> {
        let build = |reach: Option<Reach>, stays: Stays| {
            let builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_gzip()
                .referer(false)
                .user_agent(concat!("nightshift/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(limits.connect)
                .pool_idle_timeout(Duration::from_secs(30));
            let builder = match stays {
                Stays::No => builder.timeout(limits.total),
                Stays::Yes => builder.http1_only(),
            };
            let builder = match reach {
                Some(reach) => {
                    let checked = std::sync::Arc::new(Checked(reach));
                    network.trust(builder).no_proxy().dns_resolver(checked)
                }
                None => network.equip(builder),
            };
            builder.build().map_err(OutboundError::Client)
        };
        let make = |reach, stays| build(Some(reach), stays);
        let proxied = if network.is_direct() {
            None
        } else {
            Some((build(None, Stays::No)?, build(None, Stays::Yes)?))
        };
        Ok(Self {
            public: make(Reach::Public, Stays::No)?,
            private: make(Reach::Private, Stays::No)?,
            sockets: (make(Reach::Public, Stays::Yes)?, make(Reach::Private, Stays::Yes)?),
            proxied,
            network: network.clone(),
            limits,
        })
    }

    /// Posts a body. Any status is an answer.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn post(
        &self,
        to: &Destination,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Incoming, OutboundError> {
        if body.len() > self.limits.request {
            return Err(OutboundError::RequestTooLarge { size: body.len(), cap: self.limits.request });
        }
        if let Some((name, value)) = &to.credential {
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| OutboundError::Credential(to.host().to_owned()))?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        let client = self.client(to, Stays::No);
        let sent = client.post(to.url.clone()).headers(headers).body(body).send().await;
        let response = sent.map_err(|e| failed(to, e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut read = BytesMut::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| failed(to, e))?;
            if read.len() + chunk.len() > self.limits.response {
                let host = to.host().to_owned();
                return Err(OutboundError::ResponseTooLarge { host, cap: self.limits.response });
            }
            read.extend_from_slice(&chunk);
        }
        Ok(Incoming { status, headers, body: read.freeze() })
    }
}

impl Outbound {
    fn client(&self, to: &Destination, stays: Stays) -> &reqwest::Client {
        let proxied = self.proxied.as_ref().filter(|_| self.network.proxy(&to.url).is_some());
        match (proxied, stays, to.reach) {
            (Some((client, _)), Stays::No, _) | (Some((_, client)), Stays::Yes, _) => client,
            (None, Stays::No, Reach::Public) => &self.public,
            (None, Stays::No, Reach::Private) => &self.private,
            (None, Stays::Yes, Reach::Public) => &self.sockets.0,
            (None, Stays::Yes, Reach::Private) => &self.sockets.1,
        }
    }

    /// Opens a websocket (RFC 6455, 4.1): the connection, once the other side agreed. `key` is 16 bytes of chance.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn socket(&self, to: &Destination, key: [u8; 16]) -> Result<reqwest::Upgraded, OutboundError> {
        let client = self.client(to, Stays::Yes);
        let key = STANDARD.encode(key);
        let request = client
            .get(to.url.clone())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let timed_out = |_| OutboundError::TimedOut { host: to.host().to_owned() };
        let opening = async {
            let answer = request.send().await.map_err(|e| failed(to, e))?;
            let agreed =
                answer.headers().get(SEC_WEBSOCKET_ACCEPT).is_some_and(|said| *said == accepts(&key));
            if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS || !agreed {
                return Err(OutboundError::NoSocket { host: to.host().to_owned(), status: answer.status() });
            }
            answer.upgrade().await.map_err(|e| failed(to, e))
        };
        tokio::time::timeout(self.limits.total, opening).await.map_err(timed_out)?
    }
}

/// What the other side says to a key. Not a secret: it shows that a websocket answered and no cache.
pub(super) fn accepts(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// Whether a connection outlasts its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    No,
    Yes,
}

fn failed(to: &Destination, error: reqwest::Error) -> OutboundError {
    let host = to.host().to_owned();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(NoneLeft(why)) = inner.downcast_ref() {
            return OutboundError::Refused { host, why: *why };
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        return OutboundError::TimedOut { host };
    }
    OutboundError::Unreachable { host, source: error.without_url() }
}

/// Looks a name up and drops the addresses that may not be connected to.
#[derive(Clone, Copy, Debug)]
struct Checked(Reach);

#[derive(Debug, thiserror::Error)]
#[error("the address is {}", .0.clause())]
struct NoneLeft(Refused);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match reach.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if allowed.is_empty() => Err(NoneLeft(why).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests;
