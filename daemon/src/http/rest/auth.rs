//! Who asks: exactly one bearer token of the registry, a request that a person's key file or a visit's key signed, or the
//! session of a signed-in person. All of them only read.

use super::Rest;
use crate::api::problem::{Problem, Refusal};
use crate::http::limits::Verdict;
use crate::stages::query::Reader;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use nightshift_engine::proof::request;
use nightshift_engine::vote_object::visit;
use nightshift_model::registry::{Person, Token};
use nightshift_model::{Digest, Timestamp};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Longer than any token of ours.
const LENGTH: usize = 256;
/// The header of a signed request.
const SIGNATURE: &str = "signature";

/// Somebody known, and what that shows.
pub(super) struct Caller {
    /// What may be seen.
    pub(super) reader: Reader,
    /// Whose limits count.
    pub(super) key: Digest,
    /// How long that holds.
    pub(super) holds: Holds,
}

/// How long a caller is who it is.
#[derive(Clone, Debug)]
pub(super) enum Holds {
    /// For this request: it was signed.
    Request,
    /// Until the token runs out.
    Until(Timestamp),
    /// While the session with this secret is open.
    Session(String),
}

impl FromRequestParts<Arc<Rest>> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, Problem> {
        match rest.caller(parts).await {
            Ok(caller) => Ok(caller),
            Err(why) => {
                if matches!(why, Refusal::NoSession | Refusal::BadToken) {
                    rest.metrics.anonymous(why.as_str());
                }
                Err(why.problem())
            }
        }
    }
}

impl Rest {
    async fn caller(&self, parts: &Parts) -> Result<Caller, Refusal> {
        let (headers, now) = (&parts.headers, self.clock.now());
        let (key, roles, holds) = if headers.contains_key(SIGNATURE) && !headers.contains_key(AUTHORIZATION) {
            let person = self.signer(parts, now).await?.ok_or(Refusal::BadToken)?;
            let key = Digest(Sha256::digest(person.name.as_str()).into());
            (key, person.roles.clone(), Holds::Request)
        } else if headers.contains_key(AUTHORIZATION) {
            let presented = presented(headers).ok_or(Refusal::BadToken)?;
            let token = valid(&self.registry.tokens, &presented, now).ok_or(Refusal::BadToken)?;
            self.people.token_used(&token.name, presented).await;
            (presented, token.roles.clone(), Holds::Until(token.expires))
        } else {
            let secret = self.cookies.session(headers).ok_or(Refusal::NoSession)?;
            let visitor = self.people.visitor(&secret).await.map_err(|error| {
                tracing::error!(%error, "sessions cannot be read, so nobody is signed in");
                Refusal::StoreFailed
            })?;
            let visitor = visitor.ok_or(Refusal::NoSession)?;
            (visitor.session, visitor.person.roles, Holds::Session(secret))
        };
        match self.callers.take(&key, now) {
            Verdict::Go => Ok(Caller { reader: Reader::with(Arc::clone(&self.registry), roles), key, holds }),
            Verdict::Wait => Err(Refusal::RateLimited),
        }
    }
}

impl Rest {
    /// Who signed a request with a key file of the registry (RFC 9421, the form of [`request`]). What stands behind a
    /// question mark is not signed, so it must not be there.
    async fn signer(&self, parts: &Parts, now: Timestamp) -> Result<Option<Person>, Refusal> {
        let one = |name: &str| {
            let mut lines = parts.headers.get_all(name).iter();
            match (lines.next(), lines.next()) {
                (Some(line), None) => line.to_str().ok(),
                _ => None,
            }
        };
        let (Some(input), Some(signature)) = (one("signature-input"), one(SIGNATURE)) else {
            return Ok(None);
        };
        let signed =
            request::Signed { method: parts.method.as_str(), path: parts.uri.path(), input, signature };
        if parts.uri.query().is_some() {
            return Ok(None);
        }
        match request::named(&signed).as_deref().and_then(visit::place) {
            Some(place) => self.visitor(&signed, place, now).await,
            None => Ok(request::signer(&signed, &self.registry, now).cloned()),
        }
    }

    /// Whose visit a request names, if the visit's key signed it. The API server is asked about it, whoever asks us: so no
    /// more often than it can bear.
    async fn visitor(
        &self,
        signed: &request::Signed<'_>,
        (namespace, name): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Person>, Refusal> {
        let Some(look) = &self.visit else { return Ok(None) };
        if self.looks.take(&(), now) == Verdict::Wait {
            return Err(Refusal::RateLimited);
        }
        let Some(visit) = look(namespace.to_owned(), name.to_owned()).await else { return Ok(None) };
        let fits = request::fits(signed, &visit.key, now) == Some(true);
        Ok(self.registry.in_kubernetes(&visit.user).filter(|_| fits).cloned())
    }
}

/// SHA-256 of the one token that was sent; `None` for none, several, or another form.
fn presented(headers: &HeaderMap) -> Option<Digest> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= LENGTH;
    fits.then(|| Digest(Sha256::digest(token.as_bytes()).into()))
}

/// The token of a hash, if it has not run out. Every token is compared, each in constant time.
fn valid<'a>(tokens: &'a [Token], presented: &Digest, now: Timestamp) -> Option<&'a Token> {
    let mut found = None;
    for token in tokens {
        if bool::from(token.sha256.0.ct_eq(&presented.0)) {
            found = Some(token);
        }
    }
    found.filter(|token| now < token.expires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn one_bearer_line_is_a_token_and_nothing_else_is() {
        let hash = Digest(Sha256::digest(b"abc").into());
        assert_eq!(presented(&sent(&["Bearer abc"])), Some(hash));
        assert_eq!(presented(&sent(&["bearer abc"])), Some(hash));
        let many: &[&[&str]] =
            &[&[], &["Bearer abc", "Bearer abc"], &["Basic abc"], &["Bearer"], &["Bearer "], &["abc"]];
        for lines in many {
            assert_eq!(presented(&sent(lines)), None, "{lines:?}");
        }
        let long: &'static str = Box::leak(format!("Bearer {}", "a".repeat(LENGTH + 1)).into_boxed_str());
        assert_eq!(presented(&sent(&[long])), None);
        assert_ne!(presented(&sent(&["Bearer  abc"])), Some(hash), "a blank is part of the token");
    }

    #[test]
    fn a_token_works_until_it_runs_out() {
        let end = Timestamp::from_second(1_800_000_000);
        let hash = |text: &[u8]| Digest(Sha256::digest(text).into());
        let token = |name: &str, text: &[u8]| Token {
            name: name.to_owned(),
            sha256: hash(text),
            roles: Vec::new(),
            expires: end,
        };
        let tokens = [token("a", b"a"), token("b", b"b")];
        let before = end - nightshift_model::Seconds(1);
        assert_eq!(valid(&tokens, &hash(b"b"), before).map(|t| t.name.as_str()), Some("b"));
        assert_eq!(valid(&tokens, &hash(b"b"), end), None);
        assert_eq!(valid(&tokens, &hash(b"c"), before), None);
    }
}
