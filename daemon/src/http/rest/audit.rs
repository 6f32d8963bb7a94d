//! `/v1/audit`: the history row by row, for who may see everything.

use super::answer::{Answer, Checked, Nothing, bad_query, json, lines, unreadable};
use super::auth::Caller;
use super::openapi::{ForAll, Refused};
use super::{LAST, Rest};
use crate::api::audit::{AuditPage, AuditQuery, AuditTip, ExportQuery, NEXT_ROW};
use crate::api::problem::Refusal;
use axum::extract::State;
use http::HeaderMap;
use std::sync::Arc;

/// Rows of the history, oldest first
#[utoipa::path(get, path = "/v1/audit/rows", tag = "audit", params(AuditQuery), responses(
    (status = 200, description = "One page", body = AuditPage),
    Refused, ForAll,
))]
pub(super) async fn rows(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(query): Checked<AuditQuery>,
    headers: HeaderMap,
) -> Answer {
    json(&headers, &rest.reads.audit_rows(&caller.reader, &query).await?.ok_or(Refusal::NoRole)?)
}

/// The end of the history
#[utoipa::path(get, path = "/v1/audit/tip", tag = "audit", responses(
    (status = 200, description = "The last row's number and hash", body = AuditTip),
    Refused, ForAll,
))]
pub(super) async fn tip(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(Nothing {}): Checked<Nothing>,
    headers: HeaderMap,
) -> Answer {
    let found = rest.reads.audit_tip(&caller.reader).await.map_err(|e| unreadable(&e))?;
    json(&headers, &found.ok_or(Refusal::NoRole)?)
}

/// The history as lines of JSON that prove themselves, in pieces
///
/// The first line is a header, each other line a row. A piece holds about a megabyte; its header
/// `nightshift-next-row` says where the next one begins, and is absent at the history's end.
#[utoipa::path(get, path = "/v1/audit/export", tag = "audit", params(ExportQuery), responses(
    (status = 200, description = "One piece", content_type = "application/jsonl", body = String,
        headers(("nightshift-next-row" = u64, description = "The first row of the next piece"))),
    Refused, ForAll,
))]
pub(super) async fn export(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Checked(query): Checked<ExportQuery>,
) -> Answer {
    let from = query.from.unwrap_or(0);
    if from > LAST {
        return Err(bad_query("`from` is larger than any row's number."));
    }
    let piece = rest.reads.audit_export(&caller.reader, from).await;
    let piece = piece.map_err(|error| {
        tracing::error!(%error, "the history cannot be exported");
        Refusal::StoreFailed
    })?;
    let piece = piece.ok_or(Refusal::NoRole)?;
    Ok(lines(piece.text, NEXT_ROW, piece.next))
}
