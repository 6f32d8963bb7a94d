//! `audit:`, and the keys that sign checkpoints of the history. The executor alone opens them.

use super::keys::{KeyError, Secret, create, exists, make};
use serde::Deserialize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the executor keeps what signs the history.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Folder with the checkpoint keys and the last note. Not the gate's folder, and not the history's.
    pub keys_dir: PathBuf,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keys_dir: PathBuf::from("/var/lib/nightshift-executor/keys") }
    }
}

/// The 32 secret bytes of an Ed25519 key: wiped when dropped, never printed.
#[derive(Debug)]
pub struct Seed(Secret);

impl Seed {
    /// The bytes, for signing and nothing else.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The key that signs, and the one before it, which signs beside it until its file is taken away.
#[derive(Debug)]
pub struct CheckpointKeys {
    /// `checkpoint.key`.
    pub active: Seed,
    /// `checkpoint.previous.key`.
    pub previous: Option<Seed>,
}

/// Name of the active key's file.
pub(crate) const ACTIVE: &str = "checkpoint.key";
/// Name of the previous key's file.
pub(crate) const PREVIOUS: &str = "checkpoint.previous.key";

impl CheckpointKeys {
    /// Reads the keys of a folder; makes the folder and an active key when they are missing, for their owner only.
    ///
    /// # Errors
    /// [`KeyError`] names the file and what to do; nothing is signed with a key that others may read.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        make(folder)?;
        let (active, previous) = (folder.join(ACTIVE), folder.join(PREVIOUS));
        if !exists(&active)? {
            create(&active)?;
        }
        let previous = if exists(&previous)? { Some(read(&previous)?) } else { None };
        Ok(Self { active: read(&active)?, previous })
    }
}

impl CheckpointKeys {
    /// Takes the keys of a folder away for good and makes a new one: what they signed is another history.
    ///
    /// # Errors
    /// [`KeyError`] names the file.
    pub fn retire(folder: &Path) -> Result<(), KeyError> {
        for name in [PREVIOUS, ACTIVE] {
            let path = folder.join(name);
            if exists(&path)? {
                std::fs::remove_file(&path).map_err(|source| KeyError::File {
                    path,
                    operation: "removed",
                    source,
                })?;
            }
        }
        create(&folder.join(ACTIVE)).map(|_| ())
    }
}

fn read(path: &Path) -> Result<Seed, KeyError> {
    let rights = std::fs::metadata(path).map_err(|source| KeyError::File {
        path: path.to_owned(),
        operation: "read",
        source,
    })?;
    let mode = rights.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Readable { path: path.to_owned(), mode });
    }
    let text = Secret::read(path)?;
    let wrong = || KeyError::NotHex { path: path.to_owned() };
    let digits = text.bytes();
    if digits.len() != 64 {
        return Err(wrong());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    for pair in digits.chunks(2) {
        let digit = |at: usize| pair.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(wrong()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    Ok(Seed(Secret::of(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_survives_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("keys");
        let first = CheckpointKeys::load(&place).unwrap();
        assert_eq!(first.active.bytes().len(), 32);
        let mode = |name: &str| std::fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(ACTIVE), 0o600);
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::rename(place.join(ACTIVE), place.join(PREVIOUS)).unwrap();
        let rotated = CheckpointKeys::load(&place).unwrap();
        assert_ne!(rotated.active.bytes(), first.active.bytes());
        assert_eq!(rotated.previous.unwrap().bytes(), first.active.bytes());
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_refused_and_none_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ACTIVE);
        let load = || CheckpointKeys::load(folder.path()).unwrap_err().to_string();
        let put = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        put(&"ab".repeat(32), 0o640);
        assert!(load().contains("may be read by others (mode 640)"), "{}", load());
        put(&"ag".repeat(32), 0o600);
        assert!(load().contains("not 64 hex digits"), "{}", load());
        put(&"ab".repeat(31), 0o600);
        assert!(load().contains("not 64 hex digits"), "{}", load());
        put("short", 0o600);
        assert!(load().contains("5 bytes"), "{}", load());
        put(&"ab".repeat(32), 0o600);
        let keys = CheckpointKeys::load(folder.path()).unwrap();
        assert_eq!(keys.active.bytes(), [0xab; 32]);
        assert!(!format!("{keys:?}").contains("ab"));
    }
}
