//! What makes a form ours: tokens and typed codes, derived from the session, so that nothing is kept.

use crate::config::{Key, Keys};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, ORIGIN};
use nightshift_model::{Digest, IncidentId, ProposalId, SilenceId, Timestamp, VoteDecision};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

/// Letters and digits of a code: none looks like another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What a form does.
#[derive(Clone, Debug)]
pub enum Purpose<'a> {
    /// One decision on one proposal's bytes.
    Vote(&'a ProposalId, Digest, VoteDecision),
    /// A fresh look after this proposal.
    Again(&'a ProposalId),
    /// The end of an incident whose findings last changed then.
    End(&'a IncidentId, Timestamp),
    /// An incident becomes the person's.
    Have(&'a IncidentId),
    /// An incident's workload is silenced.
    Silence(&'a IncidentId),
    /// The inverse of this proposal is asked for.
    Inverse(&'a ProposalId),
    /// A new silence.
    AddSilence,
    /// The end of a silence.
    EndSilence(&'a SilenceId),
    /// The end of a session, by SHA-256 of its secret.
    EndSession(Digest),
    /// The kill switch.
    Switch,
    /// A new passkey, on a page of that time.
    Enrol(Timestamp),
    /// The end of the session.
    SignOut,
    /// The page's own cookie.
    Page,
}

/// The form's token for a session.
pub fn token(keys: &Keys, session: Digest, purpose: &Purpose<'_>) -> String {
    sign(&keys.forms.active, session, purpose)
}

/// Whether a token was made for this session and purpose, with the key in force or the one before it.
pub fn fits(keys: &Keys, session: Digest, purpose: &Purpose<'_>, token: &str) -> bool {
    keys.forms.all().any(|key| bool::from(sign(key, session, purpose).as_bytes().ct_eq(token.as_bytes())))
}

fn sign(key: &Key, session: Digest, purpose: &Purpose<'_>) -> String {
    const DOMAIN: &str = "nightshift/form/v1";
    let mac = match purpose {
        Purpose::Vote(proposal, digest, decision) => {
            let parts: [&[u8]; 5] =
                [&session.0, b"vote", proposal.as_str().as_bytes(), &digest.0, decision.as_str().as_bytes()];
            key.mac(DOMAIN, &parts)
        }
        Purpose::Again(proposal) => key.mac(DOMAIN, &[&session.0, b"again", proposal.as_str().as_bytes()]),
        Purpose::Inverse(proposal) => {
            key.mac(DOMAIN, &[&session.0, b"inverse", proposal.as_str().as_bytes()])
        }
        Purpose::Enrol(at) => key.mac(DOMAIN, &[&session.0, b"enrol", &at.micros().to_be_bytes()]),
        Purpose::End(incident, seen) => {
            let seen = seen.to_string();
            key.mac(DOMAIN, &[&session.0, b"end", incident.as_str().as_bytes(), seen.as_bytes()])
        }
        Purpose::Have(incident) => key.mac(DOMAIN, &[&session.0, b"have", incident.as_str().as_bytes()]),
        Purpose::Silence(incident) => {
            key.mac(DOMAIN, &[&session.0, b"silence", incident.as_str().as_bytes()])
        }
        Purpose::AddSilence => key.mac(DOMAIN, &[&session.0, b"add-silence"]),
        Purpose::EndSilence(silence) => {
            key.mac(DOMAIN, &[&session.0, b"end-silence", silence.as_str().as_bytes()])
        }
        Purpose::EndSession(other) => key.mac(DOMAIN, &[&session.0, b"end-session", &other.0]),
        Purpose::Switch => key.mac(DOMAIN, &[&session.0, b"switch"]),
        Purpose::SignOut => key.mac(DOMAIN, &[&session.0, b"signout"]),
        Purpose::Page => key.mac(DOMAIN, &[&session.0, b"page"]),
    };
    URL_SAFE_NO_PAD.encode(mac)
}

/// The four characters that stand beside the change, for one session and one digest. They stop reflexes and robots
/// and prove nobody's identity.
pub fn code(keys: &Keys, session: Digest, digest: Digest) -> String {
    code_with(&keys.forms.active, session, digest)
}

fn code_with(key: &Key, session: Digest, digest: Digest) -> String {
    let mac = key.mac("nightshift/code/v1", &[&digest.0, &session.0]);
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'0');
    mac.iter().take(4).map(letter).map(char::from).collect()
}

/// Whether a person typed the code: case, spaces and look-alikes do not matter.
pub fn code_fits(keys: &Keys, session: Digest, digest: Digest, typed: &str) -> bool {
    let typed: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    keys.forms.all().any(|key| bool::from(code_with(key, session, digest).as_bytes().ct_eq(typed.as_bytes())))
}

/// Whether a browser says that one of our own pages sent the request. `Origin: null` is nobody's.
pub fn own_origin(headers: &HeaderMap, own: &[String]) -> bool {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let origin = one(ORIGIN.as_str()).is_some_and(|origin| own.iter().any(|o| o == origin));
    origin && one("sec-fetch-site") == Some("same-origin")
}

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// From a page: answered with a page.
    Page,
    /// From a program: answered with JSON.
    Json,
}

impl Form {
    /// From `Content-Type`.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        match kind.split(';').next().unwrap_or(kind).trim() {
            "application/x-www-form-urlencoded" => Some(Self::Page),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Reads a body; unknown and repeated fields are refused.
    pub fn read<T: DeserializeOwned>(self, body: &[u8]) -> Option<T> {
        match self {
            Self::Page => {
                let mut fields = serde_json::Map::new();
                for (name, value) in url::form_urlencoded::parse(body) {
                    let twice = fields.insert(name.into_owned(), value.into_owned().into());
                    if twice.is_some() {
                        return None;
                    }
                }
                serde_json::from_value(fields.into()).ok()
            }
            Self::Json => serde_json::from_slice(body).ok(),
        }
    }
}

#[cfg(test)]
mod tests;
