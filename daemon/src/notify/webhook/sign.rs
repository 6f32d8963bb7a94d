//! Signatures `v1`: HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Fewest bytes of a key, and most, by the specification.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The active key and, while receivers change over, the one before. All sign.
#[derive(Clone)]
pub struct Keys(Vec<Zeroizing<Vec<u8>>>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line is no key.
    #[error("line {line} is not `whsec_` and base64 of 24 to 64 bytes")]
    Form {
        /// The line, from 1.
        line: usize,
    },
    /// Nothing in it, or too much.
    #[error("a key file holds one line, or two while keys change: the active key first; this has {0}")]
    Count(usize),
}

impl Keys {
    /// Keys from a file's text: the active one first, then at most the one before.
    ///
    /// # Errors
    /// [`KeyError`] names the line.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (line, key) in (1..).zip(text.lines()).filter(|(_, key)| !key.trim().is_empty()) {
            let wrong = || KeyError::Form { line };
            let encoded = key.trim().strip_prefix("whsec_").ok_or_else(wrong)?;
            let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| wrong())?);
            if !BYTES.contains(&bytes.len()) {
                return Err(wrong());
            }
            keys.push(bytes);
        }
        if !(1..=2).contains(&keys.len()) {
            return Err(KeyError::Count(keys.len()));
        }
        Ok(Self(keys))
    }

    /// Keys from a file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        Self::parse(&Zeroizing::new(text))
    }

    /// The value of `webhook-signature`: one signature a key.
    pub fn signatures(&self, id: &str, second: i64, body: &[u8]) -> String {
        let signed: Vec<String> = self
            .0
            .iter()
            .filter_map(|key| {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?; // HMAC takes keys of any length
                mac.update(format!("{id}.{second}.").as_bytes());
                mac.update(body);
                Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
            })
            .collect();
        signed.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's reference libraries.
    #[test]
    fn the_reference_vector_holds() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signature =
            keys.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_keys_sign_while_they_change() {
        let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let new = format!("whsec_{}", STANDARD.encode([7_u8; 32]));
        let both = Keys::parse(&format!("{new}\n\n{old}\n")).unwrap().signatures("a", 1, b"{}");
        let alone = |key: &str| Keys::parse(key).unwrap().signatures("a", 1, b"{}");
        assert_eq!(both, format!("{} {}", alone(&new), alone(old)));
        assert_eq!(format!("{:?}", Keys::parse(old).unwrap()), "1 keys", "no key in a log");
    }

    #[test]
    fn other_keys_are_refused_by_line() {
        for (text, says) in [
            ("", "this has 0"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "line 1"),
            ("whsec_short", "line 1"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_%", "line 2"),
        ] {
            let error = Keys::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
