//! `/v1/incidents/{id}/events`.

use super::answer::{Answer, Checked, Id, bad_query, unreadable};
use super::auth::{Caller, Holds};
use super::openapi::Refused;
use super::{LAST, Rest};
use crate::api::incident::{EventsQuery, HistoryLine, StreamedEvent};
use crate::api::problem::Refusal;
use crate::http::stream::{Feed, May, NoStream, known};
use crate::stages::query::Reader;
use axum::extract::State;
use http::HeaderMap;
use nightshift_model::IncidentId;
use nightshift_model::history::Row;
use std::sync::Arc;

/// One event by its kind, in the form in which an incident's history has it.
fn say(row: &Row) -> (Option<&'static str>, String) {
    let line = HistoryLine {
        seq: row.seq,
        revision: row.revision.0,
        at: row.at,
        actor: row.actor.clone(),
        event: row.event.clone(),
    };
    (Some(row.event.kind()), serde_json::to_string(&line).unwrap_or_default())
}

/// What happens to one incident, as it happens
///
/// Server-sent events: `id` is the revision, `event` the kind, `data` one line of the incident's history. `event: reset`
/// tells that what the caller claims to know means nothing here, and to ask for the incident anew. A line with a colon
/// alone comes every 15 seconds. The stream ends after half an hour, with the caller's token or session, and with the program;
/// come again with `Last-Event-ID`.
#[utoipa::path(get, path = "/v1/incidents/{id}/events", tag = "incidents",
    params(("id" = String, Path, description = "The incident's id"), EventsQuery), responses(
    (status = 200, description = "The stream", body = StreamedEvent, content_type = "text/event-stream"),
    Refused,
))]
pub(super) async fn follow(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Id(id): Id,
    Checked(query): Checked<EventsQuery>,
    headers: HeaderMap,
) -> Answer {
    if query.after.is_some_and(|after| after > LAST) {
        return Err(bad_query("`after` is larger than any revision."));
    }
    let id = IncidentId(id);
    let course = rest.reads.incident(&id).await.map_err(|e| unreadable(&e))?.ok_or(Refusal::NotFound)?;
    let namespace = course.incident.scope.namespace;
    if !caller.reader.sees(&namespace) {
        return Err(Refusal::NotFound.problem());
    }
    let seat = rest.streams.take(caller.key).map_err(|why| match why {
        NoStream::Yours => Refusal::TooManyStreams.problem(),
        NoStream::All => Refusal::NoRoom.problem(),
    })?;
    let after = known(&headers, None).unwrap_or(Some(query.after.unwrap_or(0)));
    let may = rest.may_go_on(caller.holds, namespace);
    Ok(rest.streams.open(seat, Feed { incident: id, after, may, say }))
}

impl Rest {
    /// Whether the caller is still who it was, and still sees the namespace.
    fn may_go_on(self: &Arc<Self>, holds: Holds, namespace: String) -> May {
        let rest = Arc::clone(self);
        Box::new(move || {
            let (rest, holds, namespace) = (Arc::clone(&rest), holds.clone(), namespace.clone());
            Box::pin(async move {
                match holds {
                    Holds::Request => true,
                    Holds::Until(end) => rest.clock.now() < end,
                    Holds::Session(secret) => match rest.people.visitor(&secret).await {
                        Ok(Some(visitor)) => {
                            Reader::with(Arc::clone(&rest.registry), visitor.person.roles).sees(&namespace)
                        }
                        Ok(None) | Err(_) => false,
                    },
                }
            })
        })
    }
}
