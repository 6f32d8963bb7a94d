//! A refusal as an answer.

use crate::api::problem::{PROBLEM, Problem, Refusal};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, axum::Json(self)).into_response();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nightshift\""));
        }
        answer
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

/// Every refusal under `/v1` is a problem, also one that a layer made: its own text is dropped, its headers stay.
pub(super) fn always(answer: Response) -> Response {
    let status = answer.status();
    let told = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM);
    if told || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let why = Refusal::ALL.into_iter().find(|why| why.status() == status.as_u16());
    let mut problem = why.unwrap_or(Refusal::Failed).into_response();
    if let Some(allow) = answer.headers().get(http::header::ALLOW) {
        problem.headers_mut().insert(http::header::ALLOW, allow.clone());
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_layer_refuses_is_told_as_a_problem() {
        let kind = |answer: &Response| answer.headers().get(CONTENT_TYPE).cloned();
        for status in [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT, StatusCode::BAD_GATEWAY] {
            let answer = always((status, "plain text").into_response());
            assert_eq!(kind(&answer).unwrap(), PROBLEM, "{status}");
        }
        let fine = always("fine".into_response());
        assert_ne!(kind(&fine).unwrap(), PROBLEM);
        let other = always((StatusCode::BAD_GATEWAY, "").into_response());
        assert_eq!(other.status(), StatusCode::INTERNAL_SERVER_ERROR, "no status that is not ours");
        assert!(Refusal::NoSession.into_response().headers().contains_key(WWW_AUTHENTICATE));
    }
}
