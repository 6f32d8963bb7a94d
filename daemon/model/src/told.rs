//! How a message reaches a channel, and what is remembered of it there.

use serde::{Deserialize, Serialize};

/// How loud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Somebody is woken.
    Page,
    /// It is written where people look.
    Post,
}

/// By itself or with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// By itself.
    Single,
    /// In the channel's next list: the hour's own messages are used up.
    Listed,
}

/// One channel that a message goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The channel's name.
    pub channel: String,
    /// How loud.
    pub manner: Manner,
    /// By itself or with others.
    pub turn: Turn,
}

/// What stands open at a channel that keeps one thing an incident, as a pager does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thread {
    /// Which key it was opened with, as the first digits of its hash: it can be closed with that key only.
    pub address: String,
    /// Its name there.
    pub key: String,
    /// How it stands.
    pub state: ThreadState,
}

/// How a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadState {
    /// Somebody is woken about it.
    Open,
    /// Somebody has it.
    Acknowledged,
    /// It is over. The same name would begin a new one.
    Resolved,
}
