//! Telling people: channels as configured, one file each, over one outbound client.
//!
//! A message is rendered when it is sent, from what is true then. Every attempt at one message carries the same key,
//! so a receiver drops repeats.

#[cfg(test)]
pub(crate) mod double;
pub mod heartbeat;
pub mod mail;
pub mod notice;
pub mod outbound;
pub mod pace;
pub mod pagerduty;
pub mod reach;
pub mod slack;
pub mod webhook;

pub use notice::{Ballot, DigestNotice, Kind, ListNotice, Notice, Outgoing, PolicyNotice, Stand};

use mail::Mail;
use nightshift_model::{Seconds, Thread, Timestamp};
use pagerduty::PagerDuty;
use slack::{App, Slack};
use std::sync::Arc;
use webhook::Webhook;

/// What became of one attempt at one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The channel took it.
    Delivered,
    /// The channel took it, and the incident's thread stands so now.
    Threaded(Thread),
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

impl Handed {
    /// Its word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered | Self::Threaded(_) => "delivered",
            Self::Later { .. } => "later",
            Self::Never { .. } => "never",
        }
    }
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

/// What a channel may hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A person must look.
    Page,
    /// It is written where people look.
    Post,
    /// What was told changed.
    Update,
    /// Somebody has it.
    Progress,
    /// The morning's digest.
    Digest,
}

/// How a channel is reached.
pub enum Way {
    /// A signed POST.
    Webhook(Box<Webhook>),
    /// A Slack channel.
    Slack(Box<Slack>),
    /// A Slack channel whose messages are kept up to date.
    SlackApp(Arc<App>),
    /// A pager.
    PagerDuty(Box<PagerDuty>),
    /// A mail server.
    Mail(Box<Mail>),
    /// A callback of this process.
    Print(Print),
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every configured channel.
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
    /// What kind of channel it is, in metrics.
    pub fn way(&self) -> &'static str {
        match &self.way {
            Way::Webhook(_) => "webhook",
            Way::Slack(_) => "slack",
            Way::SlackApp(_) => "slack-app",
            Way::PagerDuty(_) => "pagerduty",
            Way::Mail(_) => "mail",
            Way::Print(_) => "print",
        }
    }

    /// Whether a message means anything here: a digest never pages, and only threads are told of progress.
    pub fn hears(&self, kind: Heard) -> bool {
        match (&self.way, kind) {
            (Way::PagerDuty(_), Heard::Digest | Heard::Post)
            | (Way::Webhook(_) | Way::Print(_), Heard::Progress) => false,
            (Way::PagerDuty(_), Heard::Page | Heard::Update | Heard::Progress)
            | (Way::Slack(_) | Way::SlackApp(_) | Way::Mail(_), _)
            | (Way::Webhook(_) | Way::Print(_), Heard::Page | Heard::Post | Heard::Update | Heard::Digest) => {
                true
            }
        }
    }

    /// Whether links lead to incidents too, not only to proposals.
    pub fn links_incidents(&self) -> bool {
        match &self.way {
            Way::Slack(_) | Way::SlackApp(_) | Way::PagerDuty(_) | Way::Mail(_) => true,
            Way::Webhook(_) | Way::Print(_) => false,
        }
    }

    /// One attempt. `key` is the same for every attempt at one message; `thread` is how the incident stands here.
    pub async fn hand(
        &self,
        key: &str,
        message: &Outgoing,
        thread: Option<&Thread>,
        now: Timestamp,
    ) -> Handed {
        match &self.way {
            Way::Webhook(webhook) => webhook.send(key, message, now).await,
            Way::Slack(slack) => slack.send(message, now).await,
            Way::SlackApp(app) => app.send(message, thread, now).await,
            Way::PagerDuty(pager) => pager.send(message, key, thread, now).await,
            Way::Mail(mail) => mail.send(message, key, now).await,
            Way::Print(print) => {
                print(message);
                Handed::Delivered
            }
        }
    }
}
