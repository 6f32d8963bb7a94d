//! What every resource needs: checked parameters, JSON with a tag, refusals of the stages.

use crate::api::problem::{Problem, Refusal};
use crate::stages::query::QueryError;
use axum::extract::{FromRequestParts, Path, Query};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use nightshift_engine::drive::StoreError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// An answer, or the problem that stands for it.
pub(super) type Answer = Result<Response, Problem>;

/// Of no parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Parameters behind the question mark: unknown ones, repeated ones and those of another form are refused.
pub(super) struct Checked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Checked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(bad_query(&error.body_text())),
        }
    }
}

/// The part of the path that names one thing. What cannot be a name names nothing.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Refusal::NotFound.problem()),
        }
    }
}

/// A parameter that means nothing.
pub(super) fn bad_query(what: &str) -> Problem {
    Problem { detail: what.to_owned(), ..Refusal::BadQuery.problem() }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Self {
        why.problem()
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Parameter(what) => bad_query(&what),
            QueryError::Store(error) => unreadable(&error),
        }
    }
}

/// The store did not answer.
pub(super) fn unreadable(error: &StoreError) -> Problem {
    tracing::error!(%error, "a request under /v1 could not be answered from the history");
    Refusal::StoreFailed.problem()
}

/// JSON whose tag is its hash; nothing when the caller has it already.
pub(super) fn json<T: serde::Serialize>(headers: &HeaderMap, value: &T) -> Answer {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let hash = nightshift_model::Digest(Sha256::digest(&bytes).into());
            Ok(tagged(headers, &hash.to_string(), "application/json", bytes.into()))
        }
        Err(error) => {
            tracing::error!(%error, "an answer under /v1 cannot be written");
            Err(Refusal::Failed.problem())
        }
    }
}

/// Bytes with a tag; nothing when the caller has them already.
pub(super) fn tagged(headers: &HeaderMap, tag: &str, kind: &'static str, bytes: Bytes) -> Response {
    let tag = format!("\"{tag}\"");
    let status = if has(headers, &tag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = if status == StatusCode::OK { bytes } else { Bytes::new() };
    let mut answer = (status, body).into_response();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

/// Whether `If-None-Match` names the tag.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Lines of JSON, with one header more.
pub(super) fn lines(bytes: Vec<u8>, name: &'static str, value: Option<u64>) -> Response {
    let mut answer = bytes.into_response();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    if let Some(value) = value {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    answer
}
