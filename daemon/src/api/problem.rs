//! A refusal as JSON, in the form of RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of every refusal.
pub const PROBLEM: &str = "application/problem+json";

/// Why there is no answer, as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The same for the same reason, as in `urn:nightshift:problem:not-found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason in words, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The reason, as in metrics and history.
    pub reason: String,
    /// One sentence for a person.
    pub detail: String,
    /// What to do next.
    pub next: String,
}

impl Problem {
    /// A refusal for a reason of the history or of [`Refusal`].
    pub fn new(status: u16, reason: &str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        let mut title = reason.replace('-', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            kind: format!("urn:nightshift:problem:{reason}"),
            title,
            status,
            reason: reason.to_owned(),
            detail: detail.into(),
            next: next.into(),
        }
    }
}

/// Why a request is not answered, beside what refuses a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Nobody known asks: neither a token nor an open session.
    NoSession,
    /// A credential that is not ours, has run out, or came in another form.
    BadToken,
    /// Not there, or not for whoever asks: never told apart.
    NotFound,
    /// Only for who may view everything.
    NoRole,
    /// Parameters that mean nothing.
    BadQuery,
    /// A body that is not of its form.
    BadBody,
    /// A vote whose proof shows nobody.
    BadProof,
    /// A bridge's message with a shared secret only.
    SymmetricSignature,
    /// A bridge's message that no key of the registry signed.
    UnknownBridge,
    /// The path is there, the method is not.
    BadMethod,
    /// A bearer credential reads and never decides.
    TokenNeverVotes,
    /// Too many requests.
    RateLimited,
    /// This caller has enough streams open.
    TooManyStreams,
    /// All places for streams are taken.
    NoRoom,
    /// The request is larger than any of ours.
    TooLarge,
    /// The answer took too long.
    TooSlow,
    /// The history cannot be read.
    StoreFailed,
    /// A fault of nightshift.
    Failed,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::NoSession,
        Self::BadToken,
        Self::NotFound,
        Self::NoRole,
        Self::BadQuery,
        Self::BadBody,
        Self::BadProof,
        Self::SymmetricSignature,
        Self::UnknownBridge,
        Self::BadMethod,
        Self::TokenNeverVotes,
        Self::RateLimited,
        Self::TooLarge,
        Self::TooSlow,
        Self::StoreFailed,
        Self::Failed,
        Self::TooManyStreams,
        Self::NoRoom,
    ];

    /// The reason as log field and metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSession => "no-session",
            Self::BadToken => "bad-token",
            Self::NotFound => "not-found",
            Self::NoRole => "no-role",
            Self::BadQuery => "bad-query",
            Self::BadBody => "bad-body",
            Self::BadProof => "bad-proof",
            Self::SymmetricSignature => "symmetric-signature",
            Self::UnknownBridge => "unknown-bridge",
            Self::BadMethod => "bad-method",
            Self::TokenNeverVotes => "token-never-votes",
            Self::RateLimited => "rate-limited",
            Self::TooManyStreams => "too-many-streams",
            Self::NoRoom => "no-room",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::StoreFailed => "store-failed",
            Self::Failed => "failed",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::BadQuery | Self::BadBody => 400,
            Self::NoSession
            | Self::BadToken
            | Self::BadProof
            | Self::SymmetricSignature
            | Self::UnknownBridge => 401,
            Self::NoRole | Self::TokenNeverVotes => 403,
            Self::NotFound => 404,
            Self::BadMethod => 405,
            Self::TooSlow => 408,
            Self::TooLarge => 413,
            Self::RateLimited | Self::TooManyStreams => 429,
            Self::Failed => 500,
            Self::StoreFailed | Self::NoRoom => 503,
        }
    }

    /// One sentence, and what to do.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::NoSession => (
                "Nobody known asks.",
                "Send `Authorization: Bearer TOKEN`; `nightshift person token new NAME` makes a token.",
            ),
            Self::BadToken => (
                "This token is not known, has run out, or did not come as exactly one `Authorization: Bearer TOKEN`.",
                "Make a new one with `nightshift person token new NAME`, and put its line into the registry.",
            ),
            Self::NotFound => (
                "There is nothing here, or nothing for you.",
                "Look at /v1/incidents or /v1/proposals for what you may see, or at /v1/openapi.json for the paths.",
            ),
            Self::NoRole => (
                "This is about every namespace, and your roles do not cover all of them.",
                "Use a token or a person whose role has `owners: [\"*\"]`.",
            ),
            Self::BadQuery => ("A parameter of this request means nothing.", "See /v1/openapi.json."),
            Self::BadBody => ("The body is not a vote as this path takes it.", "See /v1/openapi.json."),
            Self::BadProof => (
                "The vote does not prove who votes.",
                "Vote with `nightshift approve`, `deny` or `withdraw` and a key that the registry has.",
            ),
            Self::SymmetricSignature => (
                "A signature `v1` is made with a shared secret: whoever can check it can make it, so it carries no vote.",
                "Sign with an Ed25519 key as `v1a`, and put its `whpk_` line under `bridges` in the registry.",
            ),
            Self::UnknownBridge => (
                "No bridge of the registry signed this message.",
                "Compare the key with its line under `bridges` in the registry: not revoked, and the same id, time and body signed.",
            ),
            Self::BadMethod => ("This path has no such method.", "See the header `Allow`."),
            Self::TokenNeverVotes => (
                "A token reads and never decides. Nothing was done.",
                "Decide on the proposal's page as a signed-in person, or with your own key.",
            ),
            Self::RateLimited => ("Too many requests came from you.", "Wait a minute and try again."),
            Self::TooManyStreams => {
                ("Too many streams of yours are open.", "Close one, or ask for the incident again instead.")
            }
            Self::NoRoom => (
                "Too many streams are open.",
                "Ask for the incident again instead, or try the stream again in a minute.",
            ),
            Self::TooLarge => ("The request is too large.", "Nothing here takes a body of that size."),
            Self::TooSlow => ("The answer took too long.", "Ask for less, with `limit`."),
            Self::StoreFailed => (
                "The history cannot be read now.",
                "Try again in a minute. If it stays so, look at nightshift's log.",
            ),
            Self::Failed => ("nightshift failed at this request.", "Look at nightshift's log."),
        }
    }

    /// As it is sent.
    pub fn problem(self) -> Problem {
        let (detail, next) = self.told();
        Problem::new(self.status(), self.as_str(), detail, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_and_what_next() {
        let mut seen = std::collections::BTreeSet::new();
        for why in Refusal::ALL {
            let problem = why.problem();
            assert!(seen.insert(problem.reason.clone()), "{} twice", problem.reason);
            assert!((400..600).contains(&problem.status), "{problem:?}");
            assert!(problem.detail.ends_with('.') && problem.next.ends_with('.'), "{problem:?}");
        }
        let json = serde_json::to_string(&Refusal::NotFound.problem()).unwrap();
        let start = r#"{"type":"urn:nightshift:problem:not-found","title":"Not found","status":404,"reason":"not-found""#;
        assert!(json.starts_with(start), "{json}");
    }
}
