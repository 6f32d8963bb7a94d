//! Mail, by SMTP: text and HTML, one thread an incident, encrypted or not sent at all.

mod letter;
mod smtp;

pub use letter::Addresses;
pub use smtp::{Credential, Server, ServerError};

use super::{Handed, Outgoing};
use nightshift_model::Timestamp;
use smtp::Failed;

/// A mail server, and who gets the mail.
#[derive(Debug)]
pub struct Mail {
    server: Server,
    addresses: Addresses,
}

impl Mail {
    /// Mail through a server.
    pub fn new(server: Server, addresses: Addresses) -> Self {
        Self { server, addresses }
    }

    /// One attempt. A repeat has the same `Message-ID`, by which receivers drop it.
    pub async fn send(&self, message: &Outgoing, key: &str, now: Timestamp) -> Handed {
        let letter = match letter::write(message, key, &self.addresses, now) {
            Ok(letter) => letter,
            Err(error) => return Handed::Never { why: format!("the mail cannot be written: {error}") },
        };
        match self.server.send(&letter, self.addresses.domain()).await {
            Ok(()) => Handed::Delivered,
            Err(Failed::Refused(why)) => Handed::Never { why },
            Err(Failed::Later(why)) => Handed::Later { after: None, why },
        }
    }
}

#[cfg(test)]
mod tests;
