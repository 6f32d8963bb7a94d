//! Who may send alerts: whoever holds a bearer token or a password of the files that the configuration names. Two of
//! each are valid while one replaces the other; the files are read again for every message.

use crate::config::{self, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use subtle::{Choice, ConstantTimeEq as _};

/// The files. Nothing of them is kept.
#[derive(Clone, Debug)]
pub struct Lock {
    tokens: Vec<PathBuf>,
    user: String,
    passwords: Vec<PathBuf>,
}

/// Whether a message comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It does.
    Open,
    /// Its sender does not show a secret of ours.
    Refused,
    /// No file with a secret can be read, so nobody can show one.
    Unreadable,
}

impl Lock {
    /// The lock of a configuration.
    pub fn of(alerts: &config::Alerts) -> Self {
        let basic = alerts.basic.clone();
        let (user, passwords) = basic.map(|b| (b.user, b.password_files)).unwrap_or_default();
        Self { tokens: alerts.bearer_token_files.clone(), user, passwords }
    }

    /// Whether there is any secret to show. Without one the listener must be loopback.
    pub fn is_locked(&self) -> bool {
        !self.tokens.is_empty() || !self.passwords.is_empty()
    }

    /// Judges a message by its headers. Every secret is compared, whichever fits.
    pub async fn judge(&self, headers: &HeaderMap) -> Entry {
        if !self.is_locked() {
            return Entry::Open;
        }
        let (tokens, passwords) = (self.tokens.clone(), self.passwords.clone());
        let read = tokio::task::spawn_blocking(move || (secrets(&tokens), secrets(&passwords))).await;
        let (tokens, passwords) = read.unwrap_or_default();
        if tokens.is_empty() && passwords.is_empty() {
            return Entry::Unreadable;
        }
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (all.next(), all.next()) else { return Entry::Refused };
        let shown = shown.to_str().unwrap_or_default();
        let (scheme, value) = shown.split_once(' ').unwrap_or_default();
        let fits = if scheme.eq_ignore_ascii_case("bearer") {
            any(&tokens, value.trim().as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(value.trim()).unwrap_or_default();
            let at = pair.iter().position(|b| *b == b':').unwrap_or(pair.len());
            let (user, password) = pair.split_at(at);
            let user = hash(user).ct_eq(&hash(self.user.as_bytes()));
            user & any(&passwords, password.strip_prefix(b":").unwrap_or_default())
        } else {
            Choice::from(0)
        };
        if bool::from(fits) { Entry::Open } else { Entry::Refused }
    }
}

/// Those that can be read; the others are told to the log, by file.
fn secrets(files: &[PathBuf]) -> Vec<[u8; 32]> {
    let mut hashes = Vec::new();
    for file in files {
        match Secret::read(file) {
            Ok(secret) => hashes.push(hash(secret.bytes())),
            Err(error) => tracing::error!(%error, "a secret of the intake is not valid"),
        }
    }
    hashes
}

/// Compares with all of them in a time that does not depend on what they are.
fn any(secrets: &[[u8; 32]], shown: &[u8]) -> Choice {
    let shown = hash(shown);
    secrets.iter().fold(Choice::from(0), |fits, secret| fits | shown.ct_eq(secret))
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
