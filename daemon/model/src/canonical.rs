//! Canonical JSON (RFC 8785) and the digests over it: one way to turn a value into the bytes that people approve.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// A SHA-256, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The first 20 hex digits in groups of four: what a person compares between two screens.
    pub fn short(&self) -> String {
        let hex = self.to_string();
        let head: Vec<char> = hex.chars().take(20).collect();
        head.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    }

    /// Reads 64 hex digits, in either case.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(format!("a digest is 64 hex digits, this has {} characters", text.chars().count()));
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(i * 2..i * 2 + 2).unwrap_or_default();
            // `from_str_radix` alone would take `+f` for a number too.
            let digits = Some(pair).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
            let read = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = read.ok_or_else(|| format!("`{pair}` is not a hex digit pair"))?;
        }
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// A value as canonical JSON. Our own types always serialise; a failure is said in the bytes themselves, so that
/// two failures never look like one approved plan.
pub fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value)
        .unwrap_or_else(|error| format!("\"not canonical: {error}\"").into_bytes())
}

/// SHA-256 over a domain tag, a zero byte and the bytes.
pub fn digest(domain: &str, bytes: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    hash.update([0]);
    hash.update(bytes);
    Digest(hash.finalize().into())
}

/// SHA-256 over a domain tag and the canonical JSON of a value.
pub fn digest_of<T: Serialize>(domain: &str, value: &T) -> Digest {
    digest(domain, &canonical(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_does_not_change_a_digest() {
        let a = serde_json::json!({"b": 1, "a": [1, 2]});
        let b: serde_json::Value = serde_json::from_str(r#"{"a":[1,2],"b":1}"#).unwrap();
        assert_eq!(digest_of("t", &a), digest_of("t", &b));
        assert_ne!(digest_of("t", &a), digest_of("u", &a));
    }

    #[test]
    fn a_digest_reads_back_and_refuses_other_text() {
        let d = digest("t", b"x");
        assert_eq!(Digest::parse(&d.to_string()).unwrap(), d);
        assert_eq!(d.short().replace(' ', ""), d.to_string()[..20]);
        assert!(Digest::parse("abc").is_err());
        assert!(Digest::parse(&"zz".repeat(32)).is_err());
        assert!(Digest::parse(&"+5".repeat(32)).is_err(), "a sign is no digit");
    }
}
