//! Checkpoints as signed notes, to the letter of C2SP `tlog-checkpoint` and `signed-note`, so that programs of others
//! verify them.
//!
//! ```text
//! nightshift/<cluster>/<log>
//! 1234
//! <base64 of the root>
//!
//! — nightshift/<cluster>/<log> <base64 of the key's id and the signature>
//! ```

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_model::Digest;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Longer notes are not read.
const NOTE_BYTES: usize = 64 << 10;
/// Signatures that are read of one note.
const SIGNATURES: usize = 32;
/// What stands before an Ed25519 key and in its id.
const ED25519_KIND: u8 = 1;

/// A size and a root, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `nightshift/<cluster>/<log>`.
    pub origin: String,
    /// Rows that the root covers.
    pub size: u64,
    /// Root of the tree over their hashes.
    pub root: Digest,
}

/// A text with signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was signed, with its last line feed.
    pub text: String,
    /// By whom.
    pub signatures: Vec<Signature>,
}

/// One signature of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: KeyId,
    /// Its bytes; of what length, the key's kind says.
    pub bytes: Vec<u8>,
}

/// Four bytes that name a key, written as eight hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

/// The public half of a key: what verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    /// Its name; for ours, the origin.
    pub name: String,
    public: [u8; 32],
}

/// The secret half: what signs. Never printed.
pub struct Signer {
    vkey: Vkey,
    pair: Ed25519KeyPair,
}

/// What a key says about a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Its signature is there and holds.
    Good,
    /// A signature under its name and id is there and does not hold.
    Bad,
    /// It did not sign.
    Absent,
}

/// Why a text is no note, no checkpoint or no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoteError(String);

fn wrong<T>(what: impl Into<String>) -> Result<T, NoteError> {
    Err(NoteError(what.into()))
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// Reads them; lines that follow are extensions, which say nothing here.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return wrong("a checkpoint has three lines: origin, size, root");
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return wrong("a line of a checkpoint is empty");
        }
        let plain = size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
        let Some(size) = size.parse().ok().filter(|_| plain) else {
            return wrong(format!("`{size}` is not a size"));
        };
        let root: Option<[u8; 32]> = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let Some(root) = root else { return wrong("the root is not the base64 of 32 bytes") };
        Ok(Self { origin: origin.to_owned(), size, root: Digest(root) })
    }

    /// Whether the origin names a log, whatever the cluster.
    pub fn is_of(&self, log_id: &str) -> bool {
        self.origin.starts_with("nightshift/") && self.origin.rsplit('/').next() == Some(log_id)
    }
}

/// Which log a history is: the name of its keys and the first line of its notes.
pub fn origin(cluster_uid: &str, log_id: &str) -> String {
    // A name of a key has no space and no plus; an uid of Kubernetes has neither.
    let clean: String = cluster_uid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("nightshift/{clean}/{log_id}")
}

impl Note {
    /// A checkpoint, signed by each key.
    pub fn sign(checkpoint: &Checkpoint, signers: &[&Signer]) -> Self {
        let text = checkpoint.text();
        let signatures = signers.iter().map(|signer| signer.sign(&text)).collect();
        Self { text, signatures }
    }

    /// Reads a note. Signatures of kinds that are not known here are kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES {
            return wrong(format!("a note of more than {NOTE_BYTES} bytes"));
        }
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return wrong("a note holds no control characters");
        }
        let Some((text, below)) = note.rsplit_once("\n\n") else {
            return wrong("no empty line stands before the signatures");
        };
        let Some(below) = below.strip_suffix('\n').filter(|below| !below.is_empty()) else {
            return wrong("no signature, or the last line does not end");
        };
        let lines: Vec<&str> = below.split('\n').collect();
        if lines.len() > SIGNATURES {
            return wrong(format!("more than {SIGNATURES} signatures"));
        }
        let signatures = lines.into_iter().map(Signature::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// What a key says about it.
    pub fn signed_by(&self, key: &Vkey) -> Signed {
        let id = key.id();
        let mut theirs = self.signatures.iter().filter(|s| s.name == key.name && s.id == id).peekable();
        if theirs.peek().is_none() {
            return Signed::Absent;
        }
        if theirs.all(|s| key.verifies(self.text.as_bytes(), &s.bytes)) { Signed::Good } else { Signed::Bad }
    }

    /// What was signed, as a checkpoint.
    ///
    /// # Errors
    /// When it is none.
    pub fn checkpoint(&self) -> Result<Checkpoint, NoteError> {
        Checkpoint::parse(&self.text)
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let bytes = [signature.id.0.as_slice(), &signature.bytes].concat();
            writeln!(f, "— {} {}", signature.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let parts = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
        let Some((name, base64)) = parts.filter(|(name, _)| is_name(name)) else {
            return wrong("a line below the empty one is no signature");
        };
        let bytes = STANDARD.decode(base64).ok();
        match bytes.as_ref().and_then(|bytes| bytes.split_first_chunk::<4>()) {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), id: KeyId(*id), bytes: bytes.to_vec() })
            }
            Some(_) | None => {
                wrong(format!("the signature of {name} is not the base64 of a key's id and more"))
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl Vkey {
    /// Reads `name+id+base64`, as `nightshift audit keys` prints it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(base64)) = (parts.next(), parts.next(), parts.next()) else {
            return wrong(format!("`{text}` is no key of a note: it is written NAME+ID+KEY"));
        };
        if !is_name(name) {
            return wrong(format!("`{name}` is no name of a key"));
        }
        let bytes = STANDARD.decode(base64).ok();
        let Some((kind, public)) = bytes.as_ref().and_then(|bytes| bytes.split_first()) else {
            return wrong(format!("the key of {name} is not base64"));
        };
        let public: Option<[u8; 32]> = public.try_into().ok();
        let Some(public) = public.filter(|_| *kind == ED25519_KIND) else {
            return wrong(format!("the key of {name} is no Ed25519 key"));
        };
        let key = Self { name: name.to_owned(), public };
        if key.id().to_string() != id {
            return wrong(format!(
                "the key of {name} has the id {}, not {id}: was it copied whole?",
                key.id()
            ));
        }
        Ok(key)
    }

    /// The first four bytes of SHA-256 over name, line feed, kind and key.
    pub fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', ED25519_KIND]);
        hash.update(self.public);
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = hash;
        KeyId([a, b, c, d])
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl std::fmt::Display for Vkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [[ED25519_KIND].as_slice(), &self.public].concat();
        let mut text = format!("{}+{}+", self.name, self.id());
        let _ = write!(text, "{}", STANDARD.encode(key));
        f.write_str(&text)
    }
}

impl Signer {
    /// A key from its 32 secret bytes.
    ///
    /// # Errors
    /// When they are no key.
    pub fn new(name: &str, seed: &[u8]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return wrong(format!("`{name}` is no name of a key"));
        }
        let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(seed) else {
            return wrong("an Ed25519 key has 32 secret bytes");
        };
        let Ok(public) = pair.public_key().as_ref().try_into() else {
            return wrong("an Ed25519 key has 32 public bytes");
        };
        Ok(Self { vkey: Vkey { name: name.to_owned(), public }, pair })
    }

    /// Its public half.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    fn sign(&self, text: &str) -> Signature {
        let bytes = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        Signature { name: self.vkey.name.clone(), id: self.vkey.id(), bytes }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.vkey.id())
    }
}

#[cfg(test)]
mod tests;
