//! GET `/i/<id>/events`: what happens to an incident, for the page that shows it.

use super::render::{Frame, message};
use super::{Gate, course};
use crate::http::stream::{Feed, May, NoStream, known};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use nightshift_model::IncidentId;
use nightshift_model::history::Row;
use nightshift_model::registry::Power;
use std::sync::Arc;

/// One line, as it is read aloud.
fn say(row: &Row) -> (Option<&'static str>, String) {
    let what = nightshift_engine::text::visible(&course::told(&row.event), 300);
    (None, serde_json::json!({ "what": what }).to_string())
}

/// The stream, for a person who may see the incident's page; everybody else gets what that page would answer.
pub(super) async fn events(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Response {
    let id = IncidentId(id);
    let (Some(visitor), Some(secret)) = (gate.visitor(&headers).await, gate.cookies.session(&headers)) else {
        return gate.sign_in_first();
    };
    let registry = Arc::clone(&gate.votes.rules().await.registry);
    let namespace = match gate.reads.incident(&id).await {
        Ok(Some(course)) => course.incident.scope.owned_in().to_owned(),
        Ok(None) => return Gate::nothing_here(),
        Err(error) => return Gate::unavailable(&error),
    };
    if !registry.may(&visitor.person, Power::View, &namespace) {
        return Gate::nothing_here();
    }
    let seat = match gate.streams.take(visitor.session) {
        Ok(seat) => seat,
        Err(why) => return no_stream(why),
    };
    let asked = asked.as_deref().map(|query| query.strip_prefix("after=").unwrap_or("?"));
    let after = known(&headers, asked).unwrap_or(Some(0));
    let streams = gate.streams.clone();
    streams.open(seat, Feed { incident: id, after, may: gate.may_go_on(secret, namespace), say })
}

impl Gate {
    /// Whether the session is still open, and its person still sees the namespace.
    fn may_go_on(self: &Arc<Self>, secret: String, namespace: String) -> May {
        let gate = Arc::clone(self);
        Box::new(move || {
            let (gate, secret, namespace) = (Arc::clone(&gate), secret.clone(), namespace.clone());
            Box::pin(async move {
                let Ok(Some(visitor)) = gate.people.visitor(&secret).await else { return false };
                gate.votes.rules().await.registry.may(&visitor.person, Power::View, &namespace)
            })
        })
    }
}

fn no_stream(why: NoStream) -> Response {
    let (status, text) = match why {
        NoStream::Yours => (StatusCode::TOO_MANY_REQUESTS, "Too many of your pages are open at once."),
        NoStream::All => (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open at once."),
    };
    let next = ["This page is not kept up to date. Reload it to see how it goes on."];
    message(status, &Frame::anonymous("Not live"), text, &next, None)
}
