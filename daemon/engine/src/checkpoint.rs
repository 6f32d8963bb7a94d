//! When a checkpoint is due, and whether the history is still the one that was signed last.

use crate::note::Checkpoint;
use nightshift_model::{Digest, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// A checkpoint is signed after so many rows.
pub const ROWS: u64 = 100;
/// And after so long, when there are rows that none covers.
pub const LASTS: Seconds = Seconds(300);

/// What the executor keeps outside the history about what it signed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which log.
    pub origin: String,
    /// Rows that were signed.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The hash of the last of them.
    pub tip: Digest,
}

/// What the history shows about the same rows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which log it is.
    pub origin: String,
    /// How many rows it has.
    pub rows: u64,
    /// The root over as many rows as were signed; `None` when it has fewer.
    pub root: Option<Digest>,
}

/// Why the executor does nothing until a person has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Doubt {
    /// It is shorter than what was signed.
    Shrunk {
        /// Rows it has.
        rows: u64,
        /// Rows that were signed.
        signed: u64,
    },
    /// The signed rows are others now.
    Forked {
        /// How many rows were signed.
        signed: u64,
        /// The root that was signed.
        root: Digest,
        /// The root that stands there now.
        found: Digest,
    },
    /// It is another history altogether.
    OtherLog {
        /// The origin that was signed.
        signed: String,
        /// The origin of what is there.
        found: String,
    },
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shrunk { rows, signed } => {
                write!(f, "the history shrank: it has {rows} rows, {signed} were signed")
            }
            Self::Forked { signed, root, found } => write!(
                f,
                "the history forked: its first {signed} rows had the root {}, now they have {}",
                root.short(),
                found.short()
            ),
            Self::OtherLog { signed, found } => {
                write!(f, "it is another history: {signed} was signed, {found} is there")
            }
        }
    }
}

impl Kept {
    /// What was signed, in the words of a note.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size, root: self.root }
    }

    /// Whether the history extends what was signed.
    ///
    /// # Errors
    /// What stands against it: nothing is signed and nothing is executed then.
    pub fn compare(&self, found: &Found) -> Result<(), Doubt> {
        if self.origin != found.origin {
            return Err(Doubt::OtherLog { signed: self.origin.clone(), found: found.origin.clone() });
        }
        match found.root {
            Some(root) if found.rows >= self.size && root == self.root => Ok(()),
            Some(root) if found.rows >= self.size => {
                Err(Doubt::Forked { signed: self.size, root: self.root, found: root })
            }
            Some(_) | None => Err(Doubt::Shrunk { rows: found.rows, signed: self.size }),
        }
    }
}

/// Whether rows that no checkpoint covers are many enough, or have waited long enough. `since` is when the last
/// checkpoint was signed, or when this process began.
pub fn due(signed: u64, rows: u64, since: Timestamp, now: Timestamp) -> bool {
    rows > signed && (rows - signed >= ROWS || now.since(since) >= LASTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::digest;

    fn kept() -> Kept {
        let of = |name: &[u8]| digest("test", name);
        Kept { origin: "nightshift/c/l".to_owned(), size: 7, root: of(b"root"), tip: of(b"tip") }
    }

    fn found(rows: u64, root: Option<Digest>) -> Found {
        Found { origin: "nightshift/c/l".to_owned(), rows, root }
    }

    #[test]
    fn only_a_history_that_extends_what_was_signed_is_the_same() {
        let (kept, other) = (kept(), digest("test", b"other"));
        assert_eq!(kept.compare(&found(7, Some(kept.root))), Ok(()));
        assert_eq!(kept.compare(&found(99, Some(kept.root))), Ok(()));
        let told = |found: &Found| kept.compare(found).unwrap_err().to_string();
        assert_eq!(told(&found(6, None)), "the history shrank: it has 6 rows, 7 were signed");
        assert_eq!(told(&found(6, Some(kept.root))), "the history shrank: it has 6 rows, 7 were signed");
        assert!(told(&found(7, Some(other))).starts_with("the history forked: its first 7 rows"));
        let elsewhere = Found { origin: "nightshift/c/m".to_owned(), ..found(99, Some(kept.root)) };
        assert!(told(&elsewhere).starts_with("it is another history"));
    }

    #[test]
    fn a_checkpoint_is_due_by_rows_or_by_time_and_never_for_nothing() {
        let at = Timestamp::from_second;
        for (signed, rows, now, expected) in [
            (0, 0, 999, false),
            (5, 5, 999, false),
            (5, 6, 299, false),
            (5, 6, 300, true),
            (5, 104, 1, false),
            (5, 105, 1, true),
        ] {
            assert_eq!(due(signed, rows, at(0), at(now)), expected, "{signed} {rows} {now}");
        }
    }
}
