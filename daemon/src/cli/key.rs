//! A person's key file: made on the person's machine, read only there. The private part never leaves it.

use super::Failure;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_engine::proof::base64;
use nightshift_model::{Digest, KeyAlgorithm, KeyKind, PersonId, PersonKey, Timestamp};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How a key file begins, before its PEM block.
const HEAD: &str = "nightshift key of ";
/// A key file is a few hundred bytes.
const LONGEST: u64 = 8_192;

/// A key that signs.
pub(super) struct Key {
    /// Whose.
    pub(super) person: PersonId,
    /// Its id in the registry.
    pub(super) id: String,
    pair: Ed25519KeyPair,
}

/// Where a key lies when nobody says where.
pub(super) fn default_path() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    home.join(".config/nightshift/key.pem")
}

impl Key {
    /// Makes a key and writes its file, for its owner only. A file that is there stays as it is.
    pub(super) fn make(person: &PersonId, path: &Path) -> Result<Self, Failure> {
        let failed = || Failure::io("this system cannot make a key");
        let pair = Ed25519KeyPair::generate().map_err(|_| failed())?;
        let der = pair.to_pkcs8v1().map_err(|_| failed())?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let id = id(&pair);
        let text = Zeroizing::new(format!(
            "{HEAD}{person}, id {id}\n-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            body.as_str()
        ));
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.exists()) {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|e| Failure::io(format!("{} cannot be made: {e}", folder.display())))?;
        }
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = opened.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                let what = format!("{} is there already: a key is never overwritten", path.display());
                return Failure::usage(what, "name another file with --out");
            }
            Failure::io(format!("{} cannot be written: {error}", path.display()))
        })?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|e| Failure::io(format!("{} cannot be written: {e}", path.display())))?;
        Ok(Self { person: person.clone(), id, pair })
    }

    /// A key for one call. It is written nowhere.
    pub(super) fn fleeting() -> Result<Self, Failure> {
        let pair = Ed25519KeyPair::generate().map_err(|_| Failure::io("this system cannot make a key"))?;
        Ok(Self { person: PersonId::from(""), id: id(&pair), pair })
    }

    /// The same key under another id.
    pub(super) fn named(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// The public part.
    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Reads a key file that nobody else can read.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let told = |what: String| {
            Failure::usage(what, "name your key with --key, or make one: nightshift person key new YOUR-NAME")
        };
        let meta = std::fs::metadata(path)
            .map_err(|e| told(format!("the key {} cannot be read: {e}", path.display())))?;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(Failure::usage(
                format!("others can read the key {}, so it proves nothing", path.display()),
                format!("chmod 600 {}, and make a new key if somebody may have read it", path.display()),
            ));
        }
        let no_key = || told(format!("{} is no key that nightshift made", path.display()));
        if meta.len() > LONGEST {
            return Err(no_key());
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|_| no_key())?);
        let head = text.lines().next().and_then(|line| line.strip_prefix(HEAD)).ok_or_else(no_key)?;
        let (person, _) = head.rsplit_once(", id ").ok_or_else(no_key)?;
        let person = PersonId::from(person);
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| no_key())?;
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| no_key())?;
        Ok(Self { person, id: id(&pair), pair })
    }

    /// The public part, as the registry takes it.
    pub(super) fn entry(&self, since: Timestamp) -> PersonKey {
        PersonKey {
            kind: KeyKind::Ed25519,
            id: self.id.clone(),
            public: base64(self.pair.public_key().as_ref()),
            alg: KeyAlgorithm::EdDSA,
            since: Some(since),
            revoked: None,
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// Names a key by its public part.
fn id(pair: &Ed25519KeyPair) -> String {
    let hash = Digest(Sha256::digest(pair.public_key().as_ref()).into()).to_string();
    format!("ed-{}", hash.get(..16).unwrap_or(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_engine::proof::PublicKey;

    #[test]
    fn a_key_is_its_owners_alone_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/key.pem");
        let alice = PersonId::from("alice");
        let made = Key::make(&alice, &path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let read = Key::read(&path).unwrap();
        assert_eq!((&read.person, &read.id), (&alice, &made.id));
        let public = PublicKey::of(&made.entry(Timestamp::EPOCH)).unwrap();
        assert!(public.signed(b"x", &read.sign(b"x")));
        let line = nightshift_engine::proof::enrol::line(&made.entry(Timestamp::EPOCH));
        let text = std::fs::read_to_string(&path).unwrap();
        let secret = text.lines().nth(2).unwrap();
        assert!(!line.contains(secret.get(20..).unwrap()), "the line is public");

        let before = std::fs::read(&path).unwrap();
        let again = Key::make(&alice, &path).err().unwrap();
        assert!(again.what.contains("never overwritten"), "{again:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::read(&path).err().unwrap().what.contains("others can read"));
        for bad in
            ["", "nightshift key of alice", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
        {
            let path = folder.path().join("bad.pem");
            std::fs::write(&path, bad).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(Key::read(&path).err().unwrap().what.contains("is no key"), "{bad}");
        }
    }
}
