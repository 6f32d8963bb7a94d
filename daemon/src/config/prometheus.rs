//! `prometheus:`.

use super::read::{Document, Problem};
use nightshift_model::Seconds;
use serde::Deserialize;
use std::path::PathBuf;

/// Where measurements come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Base URL, as in `http://prometheus.monitoring:9090`.
    pub url: String,
    /// PEM file of the authority that signed its certificate.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// File that holds a bearer token; read again for every request.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// How long one query may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Seconds,
}

fn ten_seconds() -> Seconds {
    Seconds(10)
}

impl Prometheus {
    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        match url::Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                if !url.username().is_empty() || url.password().is_some() {
                    let what = "a password does not belong into a URL: use `bearer_token_file`";
                    problems.push(file.problem("prometheus.url", what));
                }
                if url.scheme() == "http" && self.bearer_token_file.is_some() {
                    let what = "the token would be sent unencrypted: use an https URL";
                    problems.push(file.problem("prometheus.url", what));
                }
            }
            Ok(_) | Err(_) => {
                let what = format!("`{}` is not a URL such as http://prometheus.monitoring:9090", self.url);
                problems.push(file.problem("prometheus.url", what));
            }
        }
        if !(1..=60).contains(&self.timeout.0) {
            problems.push(file.problem("prometheus.timeout", "write a duration from 1s to 60s"));
        }
    }
}
