//! Alertmanager's API, version 2: two reads, nothing else. No redirects, no retries, a deadline and a cap on each.

use crate::network::Network;
use http::HeaderValue;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of an answer: ten thousand alerts are a few megabytes.
const CAP: usize = 16 << 20;

/// Where Alertmanager is and how we present ourselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base URL, a path prefix included.
    pub url: String,
    /// PEM file of a further authority.
    pub ca: Option<PathBuf>,
    /// How the connection leaves.
    pub network: Network,
    /// Credentials.
    pub auth: Auth,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Credentials. Files are read for every request, so a rotated one is used at once.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// None.
    #[default]
    None,
    /// A bearer token.
    Bearer(PathBuf),
    /// A user and a file with the password.
    Basic {
        /// The user.
        user: String,
        /// The file.
        password: PathBuf,
    },
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum AlertmanagerError {
    /// The file of authorities cannot be read.
    #[error("cannot read the authorities of Alertmanager in {path}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up the client for Alertmanager")]
    Build(#[source] reqwest::Error),
    /// The URL is none.
    #[error("`{0}` is not the URL of an Alertmanager")]
    Url(String),
}

/// The client.
#[derive(Clone)]
pub struct Alertmanager {
    http: reqwest::Client,
    base: url::Url,
    auth: Auth,
    timeout: Duration,
}

impl std::fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Alertmanager({})", self.base)
    }
}

impl Alertmanager {
    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`AlertmanagerError`] names the file or the URL.
    pub fn new(settings: &Settings) -> Result<Self, AlertmanagerError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("nightshift/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.ca {
            let ca = |source| AlertmanagerError::Ca { path: path.clone(), source };
            let pem = std::fs::read(path).map_err(ca)?;
            for one in reqwest::Certificate::from_pem_bundle(&pem).map_err(AlertmanagerError::Build)? {
                builder = builder.add_root_certificate(one);
            }
        }
        let http = settings.network.equip(builder).build().map_err(AlertmanagerError::Build)?;
        let base = format!("{}/api/v2/", settings.url.trim_end_matches('/'));
        let base = url::Url::parse(&base).map_err(|_| AlertmanagerError::Url(settings.url.clone()))?;
        Ok(Self { http, base, auth: settings.auth.clone(), timeout: settings.timeout })
    }

    /// Its silences, as it writes them.
    ///
    /// # Errors
    /// One clause that says why there is no answer.
    pub async fn silences(&self) -> Result<Vec<u8>, String> {
        self.get("silences").await
    }

    /// Its alerts that are not resolved, as it writes them.
    ///
    /// # Errors
    /// One clause that says why there is no answer.
    pub async fn alerts(&self) -> Result<Vec<u8>, String> {
        self.get("alerts").await
    }

    async fn get(&self, what: &str) -> Result<Vec<u8>, String> {
        let asked = tokio::time::timeout(self.timeout, self.ask(what)).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))
    }

    async fn ask(&self, what: &str) -> Result<Vec<u8>, String> {
        let url = self.base.join(what).map_err(|_| "the URL cannot be used".to_owned())?;
        let mut request = self.http.get(url);
        if let Some(value) = self.credentials()? {
            request = request.header(http::header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(|error| root_cause(&error))?;
        let status = response.status();
        if status != http::StatusCode::OK {
            return Err(format!("it answers {} to GET /api/v2/{what}", status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| root_cause(&error))? {
            if body.len() + chunk.len() > CAP {
                return Err(format!("its {what} are more than {} MiB", CAP >> 20));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn credentials(&self) -> Result<Option<HeaderValue>, String> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            text.map(|text| text.trim().to_owned())
                .map_err(|error| format!("credentials in {}: {error}", path.display()))
        };
        let text = match &self.auth {
            Auth::None => return Ok(None),
            Auth::Bearer(path) => format!("Bearer {}", read(path)?),
            Auth::Basic { user, password } => {
                use base64::Engine as _;
                let pair = format!("{user}:{}", read(password)?);
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
        };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "the credentials hold control characters".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The innermost error's text; the outer ones name the URL.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.take(16).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
