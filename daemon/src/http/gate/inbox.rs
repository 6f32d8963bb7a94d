//! The inbox: what needs this person now, first.

use super::Gate;
use super::course::{badge, closure, titled, tone, unknown};
use super::hold::HoldView;
use super::page::{reasons, sentence};
use super::render::{Frame, Here, NextStep, ago, message, page, span};
use crate::stages::query::{InboxPage, Need, QueryError};
use crate::stages::vote::people::Visitor;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use nightshift_engine::rules::Rules;
use nightshift_model::{Incident, Phase, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxView {
    frame: Frame,
    heading: String,
    groups: Vec<GroupView>,
    over: Vec<LineView>,
    next: Option<String>,
    first: bool,
}

struct GroupView {
    id: &'static str,
    title: &'static str,
    lines: Vec<LineView>,
}

/// One incident.
struct LineView {
    href: String,
    title: String,
    badge: &'static str,
    tone: &'static str,
    detail: String,
    hold: Option<HoldView>,
}

/// Where the page begins.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    after: Option<String>,
}

pub(super) async fn list(
    State(gate): State<Arc<Gate>>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    let inbox = match gate.reads.inbox(&visitor.person, &rules, query.after.as_deref()).await {
        Ok(inbox) => inbox,
        Err(QueryError::Parameter(_)) => return gate.no_such_place(&visitor, &rules).await,
        Err(QueryError::Store(error)) => return Gate::unavailable(&error),
    };
    let frame = Frame { here: Here::Inbox, ..gate.frame("Inbox", &visitor, &rules).await };
    let shown = gate.inbox(frame, &visitor, &rules, inbox, query.after.is_none());
    gate.with_page_cookie(page(StatusCode::OK, &shown), &visitor)
}

impl Gate {
    /// A list is asked for behind something that is no place of it.
    pub(super) async fn no_such_place(&self, visitor: &Visitor, rules: &Rules) -> Response {
        let frame = self.frame("No such page", visitor, rules).await;
        let text = "This list has no such page.";
        message(StatusCode::BAD_REQUEST, &frame, text, &[], Some(NextStep::to("/", "To the inbox")))
    }

    fn inbox(
        &self,
        frame: Frame,
        visitor: &Visitor,
        rules: &Rules,
        inbox: InboxPage,
        first: bool,
    ) -> InboxView {
        let now = self.clock.now();
        let hold = |i: &Incident| HoldView::of(i, visitor, rules, &self.keys, (now, &self.site.zone));
        let group = |need, id, title| {
            let those = inbox.open.iter().filter(|(found, _)| *found == need);
            let lines: Vec<LineView> = those.map(|(_, i)| line(i, Some(hold(i)), now)).collect();
            GroupView { id, title, lines }
        };
        let groups = [
            group(Need::Vote, "votes", "Waiting for your vote"),
            group(Need::Nobody, "nobody", "Needs a person, and nobody has it"),
            group(Need::Somebody, "somebody", "Somebody has it"),
            group(Need::UnderWay, "under-way", "Under way"),
        ];
        let [votes, nobody, ..] = &groups;
        let heading = heading(votes.lines.len(), nobody.lines.len(), first);
        let groups = groups.into_iter().filter(|group| !group.lines.is_empty()).collect();
        let over = inbox.over.iter().map(|i| line(i, None, now)).collect();
        let next = inbox.next.map(|place| format!("/?after={place}"));
        InboxView { frame, heading, groups, over, next, first }
    }
}

fn heading(votes: usize, nobody: usize, first: bool) -> String {
    match (votes, nobody) {
        (0, 0) if first => "Nothing waits for you".to_owned(),
        (0, 0) => "Further down the inbox".to_owned(),
        (1, _) => "1 proposal waits for your vote".to_owned(),
        (0, 1) => "1 thing waits for a person".to_owned(),
        (0, n) => format!("{n} things wait for a person"),
        (n, _) => format!("{n} proposals wait for your vote"),
    }
}

/// One line of a list.
fn line(incident: &Incident, hold: Option<HoldView>, now: Timestamp) -> LineView {
    let proposal = incident.phase.proposal();
    let href = proposal.map_or_else(|| format!("/i/{}", incident.id), |p| format!("/p/{}", p.id()));
    let detail = match &incident.phase {
        Phase::Proposed { proposal, .. } => {
            let plan = proposal.plan();
            let left = span(plan.not_after.since(now));
            let (sealed, risk) = (ago(proposal.sealed_at, now), plan.risk);
            format!("{}. Risk {risk}. Sealed {sealed}, expires in {left}.", sentence(&plan.action))
        }
        Phase::Escalated { why } => reasons(why).first().cloned().unwrap_or_default(),
        Phase::Executing { .. } if unknown(&incident.phase).is_some() => {
            "Nobody can tell whether the write took effect.".to_owned()
        }
        Phase::Drafted { draft } => format!("{} would be proposed.", sentence(&draft.action)),
        Phase::Closed { why } => closure(incident, why),
        Phase::Investigating { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. } => String::new(),
    };
    let holder = incident.held_by.as_ref().map(|holder| format!("{} has it.", holder.person));
    // How long a proposal waits counts, not how long ago it began.
    let waits = matches!(incident.phase, Phase::Proposed { .. });
    let opened = (!waits).then(|| format!("Opened {}.", ago(incident.opened_at, now)));
    let detail = if detail.is_empty() || detail.ends_with('.') { detail } else { format!("{detail}.") };
    let parts = [Some(detail).filter(|d| !d.is_empty()), holder, opened];
    LineView {
        href,
        title: titled(incident),
        badge: badge(&incident.phase),
        tone: tone(&incident.phase),
        detail: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
        hold: hold.filter(HoldView::offers),
    }
}

#[cfg(test)]
mod tests {
    use super::heading;

    #[test]
    fn the_heading_counts_what_waits_for_the_reader_first() {
        assert_eq!(heading(0, 0, true), "Nothing waits for you");
        assert_eq!(heading(1, 3, true), "1 proposal waits for your vote");
        assert_eq!(heading(2, 0, false), "2 proposals wait for your vote");
        assert_eq!(heading(0, 1, true), "1 thing waits for a person");
        assert_eq!(heading(0, 4, true), "4 things wait for a person");
        assert_eq!(heading(0, 0, false), "Further down the inbox");
    }
}
