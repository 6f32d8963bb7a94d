//! Keys of the gate: one for links, one for forms, each with its predecessor. From files, never printed.

use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest as _, Sha256};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Fewer bytes than this are refused.
const LEAST: usize = 32;

/// Bytes that are wiped when dropped and never printed.
pub struct Secret(SecretSlice<u8>);

/// One key with the short name that travels in what it signed.
pub struct Key {
    kid: [u8; 4],
    secret: Secret,
}

/// The key that signs, and the one before it, which still verifies.
#[derive(Debug)]
pub struct KeyRing {
    /// Signs.
    pub active: Key,
    /// Verifies until what it signed has expired.
    pub previous: Option<Key>,
}

/// The gate's keys. No key serves two purposes.
#[derive(Debug)]
pub struct Keys {
    /// For links: `links.key` and `links.previous.key`.
    pub links: KeyRing,
    /// For form tokens and typed codes: `forms.key` and `forms.previous.key`.
    pub forms: KeyRing,
}

/// Why there is no key. Nothing starts then.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, and it cannot be made.
    #[error(
        "the key {path} cannot be {operation}: put at least 32 random bytes there, readable by nightshift only"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Too short to be a key.
    #[error("the key {path} has {length} bytes, at least 32 are needed: put 32 random bytes there")]
    Short {
        /// The file.
        path: PathBuf,
        /// How many it has.
        length: usize,
    },
    /// `whsec_` is followed by something else than base64.
    #[error("the key {path} begins with whsec_ but is not base64 after it")]
    NotBase64 {
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint key is written as 64 hex digits.
    #[error("the key {path} is not 64 hex digits: remove it, and a new one is made; notes name it then")]
    NotHex {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error(
        "the key {path} may be read by others (mode {mode:o}): chmod 600, and make a new one if they did"
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoChance,
}

impl Secret {
    /// Reads a secret of at least 32 bytes from a file; `whsec_` and base64 are taken off.
    ///
    /// # Errors
    /// [`KeyError`] names the file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let read = |source| KeyError::File { path: path.to_owned(), operation: "read", source };
        let bytes = Zeroizing::new(std::fs::read(path).map_err(read)?);
        let trimmed = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let bytes = match trimmed.strip_prefix(b"whsec_") {
            Some(text) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text)
                .map_err(|_| KeyError::NotBase64 { path: path.to_owned() })?,
            None => trimmed.to_vec(),
        };
        if bytes.len() < LEAST {
            return Err(KeyError::Short { path: path.to_owned(), length: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// A secret from bytes that were read elsewhere, and found long enough there.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec().into())
    }

    /// 32 fresh bytes.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0_u8; LEAST]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::NoChance)?;
        Ok(Self(bytes.to_vec().into()))
    }

    /// The bytes, for a MAC and nothing else.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Key {
    /// A key from its bytes.
    pub fn new(secret: Secret) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"nightshift/kid/v1\0");
        hash.update(secret.bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = hash;
        Self { kid: [a, b, c, d], secret }
    }

    /// Its short name.
    pub fn kid(&self) -> [u8; 4] {
        self.kid
    }

    /// HMAC-SHA256 over a domain tag and parts, each with its length, so that no two lists of parts look alike.
    pub fn mac(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut text = Zeroizing::new(Vec::new());
        for part in [domain.as_bytes()].iter().chain(parts) {
            text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            text.extend_from_slice(part);
        }
        hmac_sha256(self.secret.bytes(), &text)
    }
}

/// HMAC-SHA256 as RFC 2104 has it; any key length is a key.
fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Sha256::digest([key, text].concat()).into(); // HMAC takes any length, so this is never reached
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:08x})", u32::from_be_bytes(self.kid))
    }
}

impl KeyRing {
    /// The key of a short name, if it still verifies.
    pub fn by_kid(&self, kid: [u8; 4]) -> Option<&Key> {
        self.all().find(|key| key.kid == kid)
    }

    /// The active key first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.previous)
    }

    fn load(folder: &Path, name: &str) -> Result<Self, KeyError> {
        let previous = folder.join(format!("{name}.previous.key"));
        let active = folder.join(format!("{name}.key"));
        let active = if exists(&active)? { Secret::read(&active)? } else { create(&active)? };
        let previous = if exists(&previous)? { Some(Key::new(Secret::read(&previous)?)) } else { None };
        Ok(Self { active: Key::new(active), previous })
    }

    fn random() -> Result<Self, KeyError> {
        Ok(Self { active: Key::new(Secret::random()?), previous: None })
    }
}

impl Keys {
    /// Reads the keys of a folder; makes the folder and what is missing in it, for its owner only.
    ///
    /// # Errors
    /// [`KeyError`] names the file and what to put there.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        make(folder)?;
        Ok(Self { links: KeyRing::load(folder, "links")?, forms: KeyRing::load(folder, "forms")? })
    }

    /// Keys that live as long as the process: the demo's and the tests'.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, KeyError> {
        Ok(Self { links: KeyRing::random()?, forms: KeyRing::random()? })
    }
}

/// Makes a folder of keys, for its owner only.
pub(super) fn make(folder: &Path) -> Result<(), KeyError> {
    if !exists(folder)? {
        let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(folder);
        made.map_err(|source| KeyError::File { path: folder.to_owned(), operation: "made", source })?;
    }
    Ok(())
}

pub(super) fn exists(path: &Path) -> Result<bool, KeyError> {
    path.try_exists().map_err(|source| KeyError::File { path: path.to_owned(), operation: "read", source })
}

/// Makes a key of 64 hex digits: 32 random bytes that survive an editor.
pub(super) fn create(path: &Path) -> Result<Secret, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), operation: "made", source };
    let fresh = Secret::random()?;
    let mut hex = Zeroizing::new(String::with_capacity(2 * LEAST));
    for byte in fresh.bytes() {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(hex.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Secret::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_their_owner_and_read_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let first = Keys::load(&path).unwrap();
        let again = Keys::load(&path).unwrap();
        assert_eq!(first.links.active.kid(), again.links.active.kid());
        assert_ne!(first.links.active.kid(), first.forms.active.kid());
        let mode = std::fs::metadata(path.join("links.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::rename(path.join("links.key"), path.join("links.previous.key")).unwrap();
        let rotated = Keys::load(&path).unwrap();
        assert_ne!(rotated.links.active.kid(), first.links.active.kid());
        assert!(rotated.links.by_kid(first.links.active.kid()).is_some());
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("links.key"), "short").unwrap();
        let error = Keys::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("5 bytes"), "{error}");
        std::fs::write(folder.path().join("links.key"), "x".repeat(40)).unwrap();
        let keys = Keys::load(folder.path()).unwrap();
        assert!(!format!("{keys:?}").contains("xxxx"));
        let hook = folder.path().join("hook");
        std::fs::write(&hook, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
        assert_eq!(Secret::read(&hook).unwrap().bytes(), b"01234567890123456789012345678901");
    }

    #[test]
    fn the_mac_keeps_parts_apart() {
        let key = Key::new(Secret::random().unwrap());
        assert_ne!(key.mac("d", &[b"ab", b"c"]), key.mac("d", &[b"a", b"bc"]));
        assert_ne!(key.mac("d", &[b"ab"]), key.mac("da", &[b"b"]));
        // RFC 4231, case 2
        let known = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let hex = nightshift_model::Digest(known).to_string();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
