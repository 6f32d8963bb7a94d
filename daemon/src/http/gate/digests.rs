//! Digests: the list by date, and each as a page. Everybody gets the parts that their roles cover.

use super::render::{Frame, Here, page};
use super::{Gate, Visible};
use crate::api::digest::{DigestSheet, DigestShelf};
use crate::stages::vote::anywhere;
use crate::stages::vote::people::Visitor;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use nightshift_engine::rules::Rules;
use nightshift_model::registry::Power;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "digest.html")]
struct DigestPage {
    frame: Frame,
    sheet: DigestSheet,
}

#[derive(Template)]
#[template(path = "digests.html")]
struct ShelfPage {
    frame: Frame,
    shelf: DigestShelf,
    first: bool,
}

/// Which days.
#[derive(Debug, Deserialize)]
pub(super) struct ShelfQuery {
    /// Only days before this one.
    #[serde(default)]
    before: Option<String>,
}

/// The list by date.
pub(super) async fn shelf(
    State(gate): State<Arc<Gate>>,
    Query(query): Query<ShelfQuery>,
    headers: HeaderMap,
) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    let Some(sees) = sees(&rules, &visitor) else { return Gate::nothing_here() };
    let Ok(before) = query.before.as_deref().map(str::parse::<Date>).transpose() else {
        return gate.no_such_place(&visitor, &rules).await;
    };
    match (gate.digests.days)(before, sees).await {
        Ok(shelf) => {
            let frame = Frame { here: Here::Digests, ..gate.frame("Digests", &visitor, &rules).await };
            let shown = ShelfPage { frame, shelf, first: before.is_none() };
            gate.with_page_cookie(page(StatusCode::OK, &shown), &visitor)
        }
        Err(error) => Gate::unavailable(&error),
    }
}

/// The digest of a date.
pub(super) async fn digest(
    State(gate): State<Arc<Gate>>,
    Path(date): Path<String>,
    headers: HeaderMap,
) -> Response {
    let dates = date.parse().ok().into_iter().collect();
    gate.first_digest(&headers, dates).await.unwrap_or_else(Gate::nothing_here)
}

/// The newest one: today's once it is out, until then yesterday's.
pub(super) async fn last(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    let today = gate.clock.now().get().to_zoned(gate.site.zone.clone()).date();
    let dates = [Some(today), today.yesterday().ok()].into_iter().flatten().collect();
    // The list says when there is none yet.
    let none = || Redirect::to("/digests").into_response();
    gate.first_digest(&headers, dates).await.unwrap_or_else(none)
}

/// What a visitor may see of digests; whoever may look nowhere gets none.
fn sees(rules: &Rules, visitor: &Visitor) -> Option<Visible> {
    if !anywhere(&rules.registry, &visitor.person, &[Power::View]) {
        return None;
    }
    let (registry, person) = (Arc::clone(&rules.registry), visitor.person.clone());
    Some(Arc::new(move |namespace| registry.may(&person, Power::View, namespace)))
}

impl Gate {
    /// The first of these days that has a digest, if one has.
    async fn first_digest(&self, headers: &HeaderMap, dates: Vec<Date>) -> Option<Response> {
        let Some(visitor) = self.visitor(headers).await else { return Some(self.sign_in_first()) };
        let rules = self.votes.rules().await;
        let Some(sees) = sees(&rules, &visitor) else { return Some(Self::nothing_here()) };
        for date in dates {
            if let Some(sheet) = (self.digests.of)(date, Arc::clone(&sees)).await {
                let frame = self.frame(&format!("Digest of {date}"), &visitor, &rules).await;
                let shown = page(StatusCode::OK, &DigestPage { frame, sheet });
                return Some(self.with_page_cookie(shown, &visitor));
            }
        }
        None
    }
}
