//! How nightshift's own connections leave: the proxy that the environment names, and authorities of one's own that are
//! trusted beside the public ones.
//!
//! The API server is not reached this way: kube reads the same variables where a kubeconfig is used, and in a Pod the
//! API server is an address of the cluster itself. Mail takes the authorities; SMTP knows no such proxy.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Certificate, ClientBuilder, Proxy};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::{Host, Url};

/// The variables that are read, the large ones and the small ones alike; the first of a line that is set counts.
const VARIABLES: [[&str; 2]; 4] = [
    ["https_proxy", "HTTPS_PROXY"],
    ["http_proxy", "HTTP_PROXY"],
    ["all_proxy", "ALL_PROXY"],
    ["no_proxy", "NO_PROXY"],
];

/// How connections leave. The default: directly, to whom the public authorities vouch for.
#[derive(Clone, Default)]
pub struct Network {
    proxies: Option<Arc<Matcher>>,
    authorities: Vec<Certificate>,
    pem: Option<Arc<Vec<u8>>>,
}

/// Why connections cannot be made as asked for.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file of authorities cannot be read.
    #[error("cannot read the authorities in {path}, which `network.ca_file` names")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Something in it is no certificate.
    #[error("{path}, which `network.ca_file` names, is not a PEM file of certificates")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing in it is one.
    #[error("{path}, which `network.ca_file` names, holds no certificate")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A proxy with a password. It is not said.
    #[error(
        "{0} holds a user or a password, and the environment is no place for one: name a proxy that asks for none"
    )]
    Password(&'static str),
    /// A proxy that is none.
    #[error("{0} is not the URL of a proxy such as http://proxy.example.com:3128")]
    NotAProxy(&'static str),
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("proxies", &self.proxies)
            .field("authorities", &self.authorities.len())
            .finish_non_exhaustive()
    }
}

impl Network {
    /// As the environment and the file of authorities say.
    ///
    /// # Errors
    /// [`NetworkError`] names the variable or the file.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, NetworkError> {
        Self::of(ca_file, |name| std::env::var(name).ok())
    }

    /// As [`Self::load`], from other variables than the environment's.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of(
        ca_file: Option<&Path>,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, NetworkError> {
        let mut network = Self::default();
        if let Some(path) = ca_file {
            let unreadable = |source| NetworkError::Unreadable { path: path.to_owned(), source };
            let pem = std::fs::read(path).map_err(unreadable)?;
            network.authorities = Certificate::from_pem_bundle(&pem)
                .map_err(|source| NetworkError::NotPem { path: path.to_owned(), source })?;
            if network.authorities.is_empty() {
                return Err(NetworkError::Empty { path: path.to_owned() });
            }
            network.pem = Some(Arc::new(pem));
        }
        let set = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((name, value))
            })
        };
        let [https, http, all, no] = VARIABLES.map(set);
        for (name, value) in [&https, &http, &all].into_iter().flatten() {
            usable(name, value)?;
        }
        if https.is_some() || http.is_some() || all.is_some() {
            let text = |set: Option<(&'static str, String)>| set.map(|(_, value)| value).unwrap_or_default();
            let matcher = Matcher::builder().https(text(https)).http(text(http)).all(text(all)).no(text(no));
            network.proxies = Some(Arc::new(matcher.build()));
        }
        Ok(network)
    }

    /// The proxy that a request to this URL goes through; none for this machine itself.
    pub fn proxy(&self, to: &Url) -> Option<Url> {
        proxy(self.proxies.as_ref()?, to)
    }

    /// Whether no proxy is named.
    pub fn is_direct(&self) -> bool {
        self.proxies.is_none()
    }

    /// A builder that goes through the proxy where one is named, and trusts the authorities too.
    pub fn equip(&self, builder: ClientBuilder) -> ClientBuilder {
        let trusting = self.trust(builder);
        match self.proxies.clone() {
            None => trusting.no_proxy(),
            Some(proxies) => trusting.proxy(Proxy::custom(move |to| proxy(&proxies, to))),
        }
    }

    /// A builder that trusts the authorities too.
    pub fn trust(&self, builder: ClientBuilder) -> ClientBuilder {
        builder.tls_certs_merge(self.authorities.iter().cloned())
    }

    /// The authorities as the file has them.
    pub fn pem(&self) -> Option<&[u8]> {
        self.pem.as_deref().map(Vec::as_slice)
    }
}

fn proxy(proxies: &Matcher, to: &Url) -> Option<Url> {
    let own = match to.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(v4) => v4.is_loopback(),
        Host::Ipv6(v6) => v6.is_loopback(),
    };
    if own {
        return None;
    }
    let through = proxies.intercept(&to.as_str().parse().ok()?)?;
    Url::parse(&through.uri().to_string()).ok()
}

/// A proxy may be written without its scheme, as curl takes it.
fn usable(name: &'static str, value: &str) -> Result<(), NetworkError> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&text).map_err(|_| NetworkError::NotAProxy(name))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NetworkError::Password(name));
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(NetworkError::NotAProxy(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
