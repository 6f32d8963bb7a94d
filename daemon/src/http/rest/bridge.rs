//! A vote that a bridge carries: a Standard Webhooks message on the path of votes. Who sends it is known by its
//! asymmetric signature alone; what it says is read after that.

use super::Rest;
use super::answer::Answer;
use super::votes::{is_json, refused};
use crate::api::problem::{Problem, Refusal};
use crate::api::vote::VoteTaken;
use crate::http::limits::Verdict;
use crate::stages::vote::bridge::{Carried, Outcome, keeps};
use axum::Json;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::HeaderMap;
use nightshift_engine::proof::bridge::{LONGEST, Message, NoSender};
use nightshift_model::ProposalId;
use nightshift_model::vote::{STATEMENT_LASTS, VoteRefusal};

const ID: &str = "webhook-id";
const TIME: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// Digits of a second that no clock of ours will show, and some.
const SECOND_LENGTH: usize = 11;
/// Room for three signatures.
const SIGNATURE_LENGTH: usize = 512;

/// Whether a request wants to be a bridge's message.
pub(super) fn is_message(headers: &HeaderMap) -> bool {
    [ID, TIME, SIGNATURE].iter().any(|name| headers.contains_key(*name))
}

/// Takes one.
pub(super) async fn carry(rest: &Rest, id: &ProposalId, headers: &HeaderMap, body: &Bytes) -> Answer {
    let carried = read(rest, headers, body)?;
    let now = rest.clock.now();
    let away = now.since(carried.at()).max(carried.at().since(now));
    if away > STATEMENT_LASTS {
        // An old message may come from anybody who kept one: it is counted and not written down.
        rest.metrics.refused(VoteRefusal::StaleStatement.as_str());
        return Err(refused(VoteRefusal::StaleStatement));
    }
    if rest.carriers.take(&carried.bridge, now) == Verdict::Wait {
        return Err(Refusal::RateLimited.problem());
    }
    let said = Message::from(&carried).said().ok_or(Refusal::BadBody)?;
    if said.proposal != *id {
        return Err(bad("The message names another proposal than the path."));
    }
    if !keeps(&said.reason) {
        return Err(bad("The reason must be one line of at most 500 characters, with no secret in it."));
    }
    match rest.votes.carry(&carried, &said).await {
        Outcome::Taken { phase } => {
            rest.metrics.voted(said.decision.as_str());
            let taken = VoteTaken { proposal: said.proposal.to_string(), decision: said.decision, phase };
            Ok(Json(taken).into_response())
        }
        Outcome::Refused(why) => {
            rest.metrics.refused(why.as_str());
            Err(refused(why))
        }
        Outcome::NotFound => Err(Refusal::NotFound.problem()),
    }
}

/// The message, if a bridge of the registry signed it.
fn read(rest: &Rest, headers: &HeaderMap, body: &Bytes) -> Result<Carried, Problem> {
    let (Some(id), Some(second), Some(signatures)) =
        (one(headers, ID), one(headers, TIME).and_then(second), one(headers, SIGNATURE))
    else {
        return Err(bad(
            "A bridge's message has `webhook-id`, `webhook-timestamp` and `webhook-signature` once each.",
        ));
    };
    if body.len() > LONGEST {
        return Err(Refusal::TooLarge.problem());
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::BadBody)?;
    if !is_json(headers) || signatures.len() > SIGNATURE_LENGTH {
        return Err(Refusal::BadBody.problem());
    }
    let message = Message { id, second, body: text };
    match message.sender(signatures, &rest.registry) {
        Ok((bridge, signature)) => Ok(Carried {
            bridge: bridge.name.clone(),
            id: id.to_owned(),
            second,
            body: text.to_owned(),
            signature: signature.to_owned(),
        }),
        Err(why) => {
            let why = match why {
                NoSender::Symmetric => Refusal::SymmetricSignature,
                NoSender::Unknown => Refusal::UnknownBridge,
            };
            rest.metrics.anonymous(why.as_str());
            Err(why.problem())
        }
    }
}

/// The one line of a header.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok(),
        _ => None,
    }
}

/// A second as it was signed: digits, and no other way to write them.
fn second(text: &str) -> Option<i64> {
    let number: i64 = if text.len() <= SECOND_LENGTH { text.parse().ok()? } else { return None };
    (number >= 0 && number.to_string() == text).then_some(number)
}

fn bad(detail: &str) -> Problem {
    Problem { detail: detail.to_owned(), ..Refusal::BadBody.problem() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use nightshift_model::Timestamp;

    #[test]
    fn a_second_has_one_form() {
        assert_eq!(second("1772330420"), Some(1_772_330_420));
        for text in ["", "-1", "+1", "01", "1.0", "1e9", " 1", "99999999999999999999", "1772330420000000"] {
            assert_eq!(second(text), None, "{text}");
        }
        assert_eq!(
            second("99999999999").map(Timestamp::from_second).map(|t| t > Timestamp::EPOCH),
            Some(true)
        );
    }

    #[test]
    fn a_header_stands_there_once() {
        let mut headers = HeaderMap::new();
        assert!(!is_message(&headers));
        headers.append(HeaderName::from_static(ID), HeaderValue::from_static("a"));
        assert!(is_message(&headers));
        assert_eq!(one(&headers, ID), Some("a"));
        headers.append(HeaderName::from_static(ID), HeaderValue::from_static("a"));
        assert_eq!(one(&headers, ID), None);
    }
}
