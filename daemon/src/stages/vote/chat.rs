//! Buttons that were pressed in a chat. Who pressed is whoever the registry says; a vote is our word, and only at low risk.

use super::{By, Code, Had, Posted, Votes};
use crate::notify::slack::{Press, Wish};
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{PersonId, VoteDecision};

/// What became of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// *I have it*.
    Had(Had),
    /// A vote.
    Voted(VoteDecision),
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPressed {
    /// The registry knows nobody of this id.
    Nobody,
    /// The person may not, or not now.
    Refused(VoteRefusal),
}

impl Votes {
    /// Takes a press.
    ///
    /// # Errors
    /// Nothing changed then.
    pub async fn press(&self, press: &Press) -> Result<Pressed, NotPressed> {
        let rules = self.rules().await;
        let person = rules.registry.in_slack(&press.user).ok_or(NotPressed::Nobody)?;
        let name: &PersonId = &person.name;
        match &press.wish {
            Wish::Have(incident) => {
                self.have(name, incident).await.map(Pressed::Had).map_err(NotPressed::Refused)
            }
            Wish::Vote(proposal, digest, decision) => {
                let posted = Posted {
                    proposal: proposal.clone(),
                    digest: *digest,
                    decision: *decision,
                    reason: String::new(),
                    // The message's own question stands in for the typed code: both are against reflexes.
                    code: Code::Right,
                    by: By::Chat(press.user.clone()),
                };
                let cast = self.cast(name, &posted).await;
                cast.map(|()| Pressed::Voted(*decision)).map_err(NotPressed::Refused)
            }
        }
    }
}

#[cfg(test)]
mod tests;
