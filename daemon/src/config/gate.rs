//! `gate:` and `health:`.

use super::read::{Document, Problem};
use serde::{Deserialize, Deserializer, de};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where people decide.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Address of the gate's listener.
    pub listen: SocketAddr,
    /// What links begin with; without it messages carry the command instead of a link.
    pub public_url: Option<PublicUrl>,
    /// Certificate and key, if the gate serves TLS itself.
    pub tls: Option<Tls>,
    /// States that a proxy in front of a listener that is not loopback serves TLS.
    pub trusted_proxy: bool,
    /// Folder with the keys of links and forms.
    pub keys_dir: PathBuf,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, the gate's own certificate first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where health and metrics are read. Serves no incident's data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Address of the listener.
    pub listen: SocketAddr,
}

/// Scheme, host and port under which people reach the gate: `https`, or `http` on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(url::Url);

impl Default for Gate {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            tls: None,
            trusted_proxy: false,
            keys_dir: PathBuf::from("/var/lib/nightshift/keys"),
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081) }
    }
}

impl Gate {
    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.trusted_proxy {
            let what = format!(
                "{} is reachable from other machines, and sessions would cross the network unencrypted: give \
                 `gate.tls` a certificate, or state `gate.trusted_proxy: true` if a proxy in front serves TLS",
                self.listen
            );
            problems.push(file.problem("gate.listen", what));
        }
        let encrypted = self.tls.is_some() || self.trusted_proxy;
        if self.public_url.as_ref().is_some_and(PublicUrl::is_encrypted) && !encrypted {
            let what = "an https URL needs somebody who serves TLS: `gate.tls`, or a proxy and `gate.trusted_proxy: true`";
            problems.push(file.problem("gate.public_url", what));
        }
    }
}

impl PublicUrl {
    /// Reads a URL without path.
    ///
    /// # Errors
    /// One sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a URL such as https://nightshift.example.com, without a path");
        let url = url::Url::parse(text).map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if !bare || !anonymous || !url.has_host() {
            return Err(wrong());
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if loopback => Ok(Self(url)),
            _ => Err(format!("`{text}` must be https; plain http is for loopback only")),
        }
    }

    /// The value of `Origin` that a browser sends from the gate's own pages.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether the browser's cookies must be `Secure`.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}
