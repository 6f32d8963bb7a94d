//! `alertmanager:`.

use super::read::{Document, Problem};
use nightshift_model::Seconds;
use serde::Deserialize;
use std::path::PathBuf;

/// Where Alertmanager is asked for its silences and alerts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Base URL, as in `http://alertmanager.monitoring:9093`.
    pub url: String,
    /// PEM file of the authority that signed its certificate.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// File that holds a bearer token; read again for every request.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// A user and the file with its password.
    #[serde(default)]
    pub basic: Option<AskBasic>,
    /// How long one answer may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Seconds,
    /// How often it is asked.
    #[serde(default = "fifteen_seconds")]
    pub every: Seconds,
    /// Its receiver that sends to nightshift: the alerts of this one are compared.
    #[serde(default = "nightshift")]
    pub receiver: String,
    /// Its receivers that wake somebody.
    #[serde(default)]
    pub paging_receivers: Vec<String>,
}

/// `alertmanager.basic:`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskBasic {
    /// The user's name.
    pub user: String,
    /// File with the password, read again for every request.
    pub password_file: PathBuf,
}

fn ten_seconds() -> Seconds {
    Seconds(10)
}

fn fifteen_seconds() -> Seconds {
    Seconds(15)
}

fn nightshift() -> String {
    "nightshift".to_owned()
}

impl Alertmanager {
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let basic = self.basic.iter_mut().map(|b| &mut b.password_file);
        self.ca_file.iter_mut().chain(&mut self.bearer_token_file).chain(basic)
    }

    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        let secret = self.bearer_token_file.is_some() || self.basic.is_some();
        match url::Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                if !url.username().is_empty() || url.password().is_some() {
                    let what = "a password does not belong into a URL: use `bearer_token_file` or `basic`";
                    problems.push(file.problem("alertmanager.url", what));
                }
                if url.query().is_some() || url.fragment().is_some() {
                    let what = "write the base URL alone, without a query";
                    problems.push(file.problem("alertmanager.url", what));
                }
                if url.scheme() == "http" && secret {
                    let what = "the secret would be sent unencrypted: use an https URL";
                    problems.push(file.problem("alertmanager.url", what));
                }
            }
            Ok(_) | Err(_) => {
                let what = "this is not a URL such as http://alertmanager.monitoring:9093";
                problems.push(file.problem("alertmanager.url", what));
            }
        }
        if self.bearer_token_file.is_some() && self.basic.is_some() {
            let what = "name a token or a password, not both";
            problems.push(file.problem("alertmanager.basic", what));
        }
        if let Some(basic) = &self.basic
            && (basic.user.is_empty() || basic.user.contains(':'))
        {
            problems.push(file.problem("alertmanager.basic.user", "write a name without a colon"));
        }
        if !(1..=60).contains(&self.timeout.0) {
            problems.push(file.problem("alertmanager.timeout", "write a duration from 1s to 60s"));
        }
        if !(5..=300).contains(&self.every.0) {
            problems.push(file.problem("alertmanager.every", "write a duration from 5s to 5m"));
        }
        if self.receiver.trim().is_empty() {
            let what = "write the name of the receiver in alertmanager.yaml that posts to nightshift";
            problems.push(file.problem("alertmanager.receiver", what));
        }
        if self.paging_receivers.len() > 50 || self.paging_receivers.iter().any(|r| r.trim().is_empty()) {
            let what = "write names of receivers as alertmanager.yaml has them, 50 at most";
            problems.push(file.problem("alertmanager.paging_receivers", what));
        }
        if self.paging_receivers.contains(&self.receiver) {
            let what = format!("`{}` is nightshift itself: it wakes nobody by itself", self.receiver);
            problems.push(file.problem("alertmanager.paging_receivers", what));
        }
    }
}
