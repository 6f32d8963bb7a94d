//! `alerts:`.

use super::gate::Tls;
use super::read::{Document, Problem};
use nightshift_model::Seconds;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where Alertmanager delivers. Without a secret the listener is loopback; no setting changes that.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// Files of bearer tokens that are accepted: one, and during a rotation two. Read again for every message.
    pub bearer_token_files: Vec<PathBuf>,
    /// A user and the files of passwords that are accepted.
    pub basic: Option<Basic>,
    /// Certificate and key, if the listener serves TLS itself.
    pub tls: Option<Tls>,
    /// How long the alert `Watchdog` may be silent before that is an incident.
    pub watchdog: Option<Seconds>,
}

/// `alerts.basic:`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user's name.
    pub user: String,
    /// Files of passwords, read again for every message.
    pub password_files: Vec<PathBuf>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8082),
            bearer_token_files: Vec::new(),
            basic: None,
            tls: None,
            watchdog: None,
        }
    }
}

impl Alerts {
    /// Every file with a secret.
    pub fn secret_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.bearer_token_files.iter().chain(self.basic.iter().flat_map(|b| &b.password_files))
    }

    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let basic = self.basic.iter_mut().flat_map(|b| &mut b.password_files);
        let tls = self.tls.iter_mut().flat_map(|t| [&mut t.cert, &mut t.key]);
        self.bearer_token_files.iter_mut().chain(basic).chain(tls)
    }

    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if !self.listen.ip().is_loopback() && self.secret_files().next().is_none() {
            let what = format!(
                "{} is reachable from other machines, and anybody could send alerts: name the file of a token in \
                 `alerts.bearer_token_files`, or of a password in `alerts.basic`",
                self.listen
            );
            problems.push(file.problem("alerts.listen", what));
        }
        if self.bearer_token_files.len() > 2 {
            let what = "two tokens are enough for a rotation: the new one and the one before";
            problems.push(file.problem("alerts.bearer_token_files", what));
        }
        if let Some(basic) = &self.basic {
            if basic.user.is_empty() || basic.user.contains(':') {
                problems.push(file.problem("alerts.basic.user", "write a name without a colon"));
            }
            if !(1..=2).contains(&basic.password_files.len()) {
                let what = "name the file of the password, and during a rotation also the one before";
                problems.push(file.problem("alerts.basic.password_files", what));
            }
        }
        if self.watchdog.is_some_and(|period| !(60..=86_400).contains(&period.0)) {
            problems.push(file.problem("alerts.watchdog", "write a duration from 1m to 1d"));
        }
    }
}
