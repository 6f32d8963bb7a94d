//! Buttons: what is written into a message, and what comes back when one is pressed. What comes back is untrusted: it
//! names what somebody wants, and who decides is looked up in the registry.

use super::blocks::plain;
use crate::notify::{Notice, Stand};
use nightshift_model::{Digest, IncidentId, ProposalId, VoteDecision};
use serde::Deserialize;
use serde_json::{Value, json};

/// Who pressed what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// The member's id in Slack.
    pub user: String,
    /// What the member wants.
    pub wish: Wish,
}

/// What a button stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// *I have it*.
    Have(IncidentId),
    /// A vote on exactly these bytes.
    Vote(ProposalId, Digest, VoteDecision),
}

const HAVE: &str = "nightshift-have";
const APPROVE: &str = "nightshift-approve";
const DENY: &str = "nightshift-deny";
const OPEN: &str = "nightshift-open";
/// Characters of a button's address.
const ADDRESS: usize = 3_000;

/// The row of buttons below a message about an incident, if there is anything to press.
pub(super) fn buttons(notice: &Notice) -> Option<Value> {
    let mut row = Vec::new();
    match notice.stand {
        Stand::Open | Stand::UnderWay => row.push(button(HAVE, "I have it", notice.incident.as_str())),
        Stand::Over | Stand::Ended => return None,
    }
    match (&notice.ballot, &notice.link) {
        (Some(ballot), _) => {
            let value = format!("{}:{}", ballot.proposal, ballot.digest);
            for (action, text, style, word) in
                [(APPROVE, "Approve", "primary", "Approve"), (DENY, "Deny", "danger", "Deny")]
            {
                let asked = format!("{word} exactly the plan with digest {}?", ballot.digest.short());
                let mut made = button(action, text, &value);
                if let Some(made) = made.as_object_mut() {
                    made.insert("style".to_owned(), style.into());
                    made.insert(
                        "confirm".to_owned(),
                        json!({
                            "title": plain(&format!("{word}?")), "text": plain(&asked),
                            "confirm": plain(word), "deny": plain("Not now"),
                        }),
                    );
                }
                row.push(made);
            }
        }
        (None, Some(link)) if notice.expires_at.is_some() && link.chars().count() <= ADDRESS => {
            row.push(
                json!({"type": "button", "action_id": OPEN, "text": plain("Read and decide"), "url": link}),
            );
        }
        (None, _) => {}
    }
    Some(json!({"type": "actions", "elements": row}))
}

fn button(action: &str, text: &str, value: &str) -> Value {
    json!({"type": "button", "action_id": action, "text": plain(text), "value": value})
}

#[derive(Deserialize)]
struct Payload {
    r#type: String,
    user: Named,
    channel: Named,
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    #[serde(default)]
    value: String,
    action_ts: String,
}

/// Reads a payload: the press, and what tells it from every other. `None`: nothing of ours, or not in our channel.
pub(super) fn read(payload: &Value, channel: &str) -> Option<(Press, String)> {
    let payload = Payload::deserialize(payload).ok()?;
    let [action] = payload.actions.as_slice() else { return None };
    let user = payload.user.id;
    let plain = user.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if payload.r#type != "block_actions" || payload.channel.id != channel || !plain || user.len() > 32 {
        return None;
    }
    let wish = wish(&action.action_id, &action.value)?;
    let once = format!("{user} {} {} {}", action.action_id, action.value, action.action_ts);
    Some((Press { user, wish }, once))
}

fn wish(action: &str, value: &str) -> Option<Wish> {
    let vote = |decision| {
        let (proposal, digest) = value.split_once(':')?;
        let digest = Digest::parse(digest).ok()?;
        is_id(proposal).then(|| Wish::Vote(ProposalId::from(proposal), digest, decision))
    };
    match action {
        HAVE if is_id(value) => Some(Wish::Have(IncidentId::from(value))),
        APPROVE => vote(VoteDecision::Approve),
        DENY => vote(VoteDecision::Deny),
        _ => None,
    }
}

fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests;
