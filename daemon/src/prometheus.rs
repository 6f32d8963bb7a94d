//! Instant queries at Prometheus: the raw answer, warnings included. Reading it is `engine::accept`'s work.

use crate::network::Network;
use http::HeaderValue;
use nightshift_model::Timestamp;
use nightshift_model::effect::RawPart;
use nightshift_model::evidence::NotChecked;
use prometheus_http_query::Client;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Where Prometheus is and how we present ourselves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Base URL, a path prefix included, such as `https://prometheus.monitoring:9090`.
    pub url: String,
    /// Credentials.
    pub auth: Auth,
    /// PEM file of further authorities.
    pub ca: Option<PathBuf>,
    /// How the connection leaves.
    pub network: Network,
}

/// Credentials. Files are read for every query, so a rotated one is used at once.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// None.
    #[default]
    None,
    /// A bearer token.
    BearerFile(PathBuf),
    /// A user and a file with the password.
    Basic {
        /// The user.
        user: String,
        /// The file.
        password_file: PathBuf,
    },
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The file of authorities cannot be read.
    #[error("cannot read the authorities of Prometheus in {path}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up the client for Prometheus")]
    Build(#[source] reqwest::Error),
    /// The URL is none.
    #[error("`{url}` is not the URL of a Prometheus")]
    Url {
        /// As configured.
        url: String,
        /// The cause.
        #[source]
        source: prometheus_http_query::Error,
    },
}

/// Longer queries are sent as a POST: proxies cut long URLs.
const LONG: usize = 2_000;
/// Bytes of an answer; measures ask for single series.
const CAP: usize = 1 << 20;

/// The client.
#[derive(Clone)]
pub struct Prometheus {
    client: Client,
    auth: Auth,
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prometheus({})", self.client.base_url())
    }
}

impl Prometheus {
    /// Builds the client: no redirects, no retries. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, PrometheusError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("nightshift/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.ca {
            let ca = |source| PrometheusError::Ca { path: path.clone(), source };
            let pem = std::fs::read(path).map_err(ca)?;
            for one in reqwest::Certificate::from_pem_bundle(&pem).map_err(PrometheusError::Build)? {
                builder = builder.add_root_certificate(one);
            }
        }
        let http = settings.network.equip(builder).build().map_err(PrometheusError::Build)?;
        let client = Client::from(http, &settings.url)
            .map_err(|source| PrometheusError::Url { url: settings.url.clone(), source })?;
        Ok(Self { client, auth: settings.auth.clone() })
    }

    /// One instant query, evaluated at `at` or at the server's now. The body is Prometheus' own JSON.
    pub async fn query(&self, promql: &str, at: Option<Timestamp>, deadline: Duration) -> RawPart {
        tokio::time::timeout(deadline, self.ask(promql, at, deadline))
            .await
            .unwrap_or_else(|_| failed(NotChecked::TimedOut, format!("no answer within {deadline:?}")))
    }

    async fn ask(&self, promql: &str, at: Option<Timestamp>, deadline: Duration) -> RawPart {
        let millis = i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX);
        let mut query = self.client.query(promql).timeout(millis);
        if let Some(at) = at {
            let micros = at.micros();
            query = query.query(
                "time",
                format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000)),
            );
        }
        match self.credentials().await {
            Ok(None) => {}
            Ok(Some(value)) => query = query.header(http::header::AUTHORIZATION, value),
            Err(why) => return failed(NotChecked::Unreachable, why),
        }
        let sent = if promql.len() > LONG { query.post_raw().await } else { query.get_raw().await };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => {
                let slow = matches!(&error, prometheus_http_query::Error::Client(_))
                    && std::error::Error::source(&error).is_some_and(timed_out);
                let why = if slow { NotChecked::TimedOut } else { NotChecked::Unreachable };
                return failed(why, root_cause(&error));
            }
        };
        let status = response.status().as_u16();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return RawPart::Body { status, body, cut: false },
                Ok(Some(chunk)) => {
                    let room = CAP - body.len();
                    body.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
                    if chunk.len() > room {
                        return RawPart::Body { status, body, cut: true };
                    }
                }
                Err(error) => {
                    let why = if error.is_timeout() { NotChecked::TimedOut } else { NotChecked::Unreachable };
                    return failed(why, format!("the answer broke off: {}", root_cause(&error)));
                }
            }
        }
    }

    async fn credentials(&self) -> Result<Option<HeaderValue>, String> {
        let read = async |path: &PathBuf| {
            let text = tokio::fs::read_to_string(path).await;
            text.map(|text| text.trim().to_owned())
                .map_err(|error| format!("credentials in {}: {error}", path.display()))
        };
        let text = match &self.auth {
            Auth::None => return Ok(None),
            Auth::BearerFile(path) => format!("Bearer {}", read(path).await?),
            Auth::Basic { user, password_file } => {
                use base64::Engine;
                let pair = format!("{user}:{}", read(password_file).await?);
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
        };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "the credentials hold control characters".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A query when there may be no Prometheus: then it was not checked, because it is not configured.
pub async fn query(
    prometheus: Option<&Prometheus>,
    promql: &str,
    at: Option<Timestamp>,
    deadline: Duration,
) -> RawPart {
    match prometheus {
        Some(prometheus) => prometheus.query(promql, at, deadline).await,
        None => failed(NotChecked::NotConfigured, "no Prometheus is configured"),
    }
}

fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| error.is_timeout() && !error.is_connect())
}

/// The innermost error's text; the outer ones name the URL with the whole query.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.take(16).last().map(ToString::to_string).unwrap_or_default()
}

fn failed(why: NotChecked, detail: impl Into<String>) -> RawPart {
    RawPart::Failed { why, detail: detail.into() }
}
