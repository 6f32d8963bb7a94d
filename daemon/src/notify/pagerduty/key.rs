//! The routing key: which integration an event belongs to. A secret: whoever has it can wake people.

use nightshift_model::digest;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};

/// The key in force, and the one before while it changes.
#[derive(Debug)]
pub struct Keys {
    keys: Vec<(String, SecretString)>,
}

/// Why a key cannot be used. The key itself is never said.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not a key.
    #[error("a routing key is 32 letters and digits; line {line} is not one")]
    NotAKey {
        /// The line, from 1.
        line: usize,
    },
    /// No key, or more than two.
    #[error("the file must hold one routing key, or two while it changes")]
    Count,
}

impl Keys {
    /// Reads a file: the key, and on a second line the one before.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The keys in a text.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (line, key) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let key = key.trim();
            if key.len() != 32 || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(KeyError::NotAKey { line });
            }
            keys.push((address(key), SecretString::from(key.to_owned())));
        }
        if (1..=2).contains(&keys.len()) { Ok(Self { keys }) } else { Err(KeyError::Count) }
    }

    /// The key with an address, or the one in force.
    pub(super) fn find(&self, opened: Option<&str>) -> Option<(&str, &str)> {
        let mut keys = self.keys.iter();
        let found = keys.find(|(address, _)| opened.is_none_or(|opened| address == opened));
        found.map(|(address, key)| (address.as_str(), key.expose_secret()))
    }

    /// A text that a receiver sent, without the keys that it may have put into it.
    pub(super) fn without(&self, text: &str) -> String {
        self.keys
            .iter()
            .fold(text.to_owned(), |text, (_, key)| text.replace(key.expose_secret(), "(routing key)"))
    }
}

/// Names a key without saying it.
fn address(key: &str) -> String {
    digest("nightshift/routing-key/v1", key.as_bytes()).to_string().chars().take(12).collect()
}
