//! Where a message about an incident goes: chosen once, counted against the hour, written down.

use super::Outbox;
use super::ledger::Asked;
use crate::notify::{Channel, Heard, Kind};
use nightshift_engine::StoreError;
use nightshift_engine::route::{Because, Choice, Situation};
use nightshift_model::{Incident, Manner, Message, MessageBody, SystemEvent, Timestamp, Told, Turn};

impl Outbox {
    /// The channels that hear of it by itself now. What the budget holds back is written down for the next list.
    pub(super) async fn routed(
        &self,
        message: &str,
        incident: &Incident,
    ) -> Result<Vec<(String, Kind)>, StoreError> {
        let now = self.clock.now();
        let mut choice = self.table.choose(&Situation::of(incident, now));
        if !incident.phase.is_unproven()
            && let Some(receiver) = (self.paged)(incident)
        {
            tracing::info!(incident = %incident.id, receiver, "Alertmanager pages somebody about it already");
            let posts =
                |name: &str| self.notifier.channels().iter().any(|c| c.name == name && c.hears(Heard::Post));
            choice = choice.posted(posts);
        }
        self.routed_as(message, incident, choice, now).await
    }

    /// The channel that pages about it where another did not take it: the first that can, pagers before chats as the
    /// configuration has them.
    pub(super) async fn routed_instead(
        &self,
        message: &str,
        incident: &Incident,
        of: &str,
    ) -> Result<Vec<(String, Kind)>, StoreError> {
        let able = |channel: &&Channel| channel.name != of && channel.hears(Heard::Page);
        let pager = |channel: &&Channel| !channel.hears(Heard::Post);
        let channels = self.notifier.channels();
        let other = channels.iter().filter(able).find(pager).or_else(|| channels.iter().find(able));
        let to = other.map(|channel| (channel.name.clone(), Manner::Page)).into_iter().collect();
        self.routed_as(message, incident, Choice { to, because: Because::Instead }, self.clock.now()).await
    }

    async fn routed_as(
        &self,
        message: &str,
        incident: &Incident,
        choice: Choice,
        now: Timestamp,
    ) -> Result<Vec<(String, Kind)>, StoreError> {
        let about = Situation::of(incident, now);
        let namespace = &incident.scope.namespace;
        let owner = self.registry.owner_of(namespace).map_or(namespace, |owner| &owner.name);
        let (severity, incident) = (about.severity, &incident.id);
        let asked = Asked { message, incident, owner, severity };
        // Chosen and taken in under one lock, so that two messages never take the same place of the hour.
        let (told, fresh) = self
            .ledger(|ledger| match ledger.route(&asked, &choice, now) {
                Ok(told) => (told, None),
                Err(told) => {
                    let lists = told.iter().filter(|t| t.turn == Turn::Listed);
                    let lists = lists.filter(|t| ledger.opens_list(&t.channel, t.manner));
                    let rows = lists.map(|t| list_row(t, message)).collect::<Vec<_>>();
                    let event = SystemEvent::Routed {
                        message: message.to_owned(),
                        incident: incident.clone(),
                        owner: owner.clone(),
                        severity,
                        to: told.clone(),
                        why: choice.because.to_string(),
                    };
                    ledger.hear(now, &event);
                    (told, Some((event, rows)))
                }
            })
            .await?;
        if let Some((event, rows)) = fresh
            && let Err(error) = self.write(now, vec![event], rows).await
        {
            self.ledger(|ledger| ledger.take_back(message)).await?;
            return Err(error);
        }
        for one in told.iter().filter(|t| t.turn == Turn::Listed) {
            self.metrics.held(match one.manner {
                Manner::Page => "page",
                Manner::Post => "post",
            });
        }
        let singles = told.into_iter().filter(|told| told.turn == Turn::Single);
        Ok(singles.map(|told| (told.channel, kind(told.manner))).collect())
    }

    /// The channels that were told of an incident. One of whom nothing is known was told by an earlier program, which
    /// told everybody.
    pub(super) async fn told(&self, incident: &Incident) -> Result<Vec<String>, StoreError> {
        let known = self.ledger(|ledger| ledger.told(&incident.id)).await?;
        Ok(known.unwrap_or_else(|| {
            let choice = self.table.choose(&Situation::of(incident, self.clock.now()));
            choice.to.into_iter().map(|(channel, _)| channel).collect()
        }))
    }
}

pub(super) fn kind(manner: Manner) -> Kind {
    match manner {
        Manner::Page => Kind::Page,
        Manner::Post => Kind::Post,
    }
}

/// The row of a list, brought by the first message that waits for it.
fn list_row(told: &Told, message: &str) -> Message {
    let manner = match told.manner {
        Manner::Page => "page",
        Manner::Post => "post",
    };
    let body = MessageBody::List { channel: told.channel.clone(), manner: told.manner };
    Message { key: format!("list:{}:{manner}:{message}", told.channel), body }
}
