//! Telling people: channels as configured, one file each, over one outbound client.
//!
//! A message is rendered when it is sent, from what is true then. Every attempt at one message carries the same key,
//! so a receiver drops repeats.

pub mod notice;
pub mod outbound;
pub mod reach;
pub mod webhook;

pub use notice::{DigestNotice, Kind, Notice, Outgoing};

use nightshift_model::{Seconds, Timestamp};
use std::sync::Arc;
use webhook::Webhook;

/// What became of one attempt at one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The channel took it.
    Delivered,
    /// Try again, not before `after` if the channel named a time.
    Later {
        /// What the channel asked for.
        after: Option<Seconds>,
        /// Why it was not taken.
        why: String,
    },
    /// It will never be taken.
    Never {
        /// Why.
        why: String,
    },
}

/// Prints a message: the demo's terminal.
pub type Print = Arc<dyn Fn(&Outgoing) + Send + Sync>;

/// Prints to standard output: title, lines, link.
pub fn stdout() -> Print {
    Arc::new(|message| println!("{}", message.text()))
}

/// One channel.
pub struct Channel {
    /// Its name in logs, metrics and the history.
    pub name: String,
    /// How it is reached.
    pub way: Way,
}

/// How a channel is reached.
pub enum Way {
    /// A signed POST.
    Webhook(Box<Webhook>),
    /// A callback of this process.
    Print(Print),
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every configured channel. Each gets every message.
#[derive(Debug, Default)]
pub struct Notifier {
    channels: Vec<Channel>,
}

impl Notifier {
    /// Over these channels.
    pub fn new(channels: Vec<Channel>) -> Self {
        Self { channels }
    }

    /// The channels, in the configuration's order.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }
}

impl Channel {
    /// One attempt. `key` is the same for every attempt at one message.
    pub async fn hand(&self, key: &str, message: &Outgoing, now: Timestamp) -> Handed {
        match &self.way {
            Way::Webhook(webhook) => webhook.send(key, message, now).await,
            Way::Print(print) => {
                print(message);
                Handed::Delivered
            }
        }
    }
}
