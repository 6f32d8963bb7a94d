//! `/v1/digest`: the last one, one of a date, one of any window.

use super::answer::{Answer, Checked, Id, Nothing, bad_query, json, unreadable};
use super::auth::Caller;
use super::openapi::Refused;
use super::{Rest, Wanted};
use crate::api::digest::DigestQuery;
use crate::api::problem::Refusal;
use axum::extract::State;
use http::HeaderMap;
use nightshift_model::Seconds;
use std::sync::Arc;

/// The longest window that is told.
const LONGEST: Seconds = Seconds(31 * 86_400);

/// The last digest that is out, or that of a window
#[utoipa::path(get, path = "/v1/digest", tag = "digest", params(DigestQuery), responses(
    (status = 200, description = "The digest, of what you may see", body = Object),
    Refused,
))]
pub(super) async fn window(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(query): Checked<DigestQuery>,
    headers: HeaderMap,
) -> Answer {
    let wanted = match (query.from, query.to) {
        (None, None) => Wanted::Last,
        (Some(from), Some(to)) if from < to && to.since(from) <= LONGEST => Wanted::Between(from, to),
        (Some(_), Some(_)) => return Err(bad_query("`from` must lie before `to`, at most 31 days.")),
        (Some(_), None) | (None, Some(_)) => return Err(bad_query("`from` and `to` come together.")),
    };
    rest.digest(&caller, wanted, &headers).await
}

/// The digest of the window that ended on a date
#[utoipa::path(get, path = "/v1/digest/{date}", tag = "digest",
    params(("date" = String, Path, format = Date, description = "The date in nightshift's zone")), responses(
    (status = 200, description = "The digest, of what you may see", body = Object),
    Refused,
))]
pub(super) async fn of(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(date): Id,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    let date = date.parse().map_err(|_| Refusal::NotFound)?;
    rest.digest(&caller, Wanted::Of(date), &headers).await
}

impl Rest {
    async fn digest(&self, caller: &Caller, wanted: Wanted, headers: &HeaderMap) -> Answer {
        let told = (self.tell)(wanted, caller.reader.clone()).await.map_err(|e| unreadable(&e))?;
        json(headers, &told.ok_or(Refusal::NotFound)?)
    }
}
