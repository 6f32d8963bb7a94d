//! `notify.routes`: read, checked with the row that is wrong, and handed to whoever decides.

use super::{At, Notify};
use crate::config::read::{Document, Problem};
use jiff::tz::TimeZone;
use nightshift_engine::route::{Default as Fallback, Hours, Route, Table, Waiting};
use nightshift_model::Severity;
use serde::Deserialize;

/// One row. What is absent matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteRow {
    /// `info`, `warning` or `critical`: this severe, or more.
    pub severity: Option<Severity>,
    /// Namespaces by name; a trailing `*` matches any ending.
    pub namespaces: Vec<String>,
    /// Whether a proposal must wait, or must not.
    pub has_proposal: Option<bool>,
    /// The time of day.
    pub hours: Option<Window>,
    /// Channels that wake somebody.
    pub page: Vec<String>,
    /// Channels where it is written.
    pub post: Vec<String>,
    /// `only`: nobody is told before the morning. The digest tells everything anyway.
    pub digest: Option<DigestOnly>,
}

/// A time of day. `until` before `from` lies on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From then on, as in `22:00`.
    pub from: At,
    /// Until then, which is not part of it.
    pub until: At,
    /// The IANA time zone.
    pub zone: String,
}

/// The one thing that `digest:` of a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestOnly {
    /// Nowhere else.
    Only,
}

impl Notify {
    /// The table as decisions take it. Without routes and with webhooks only, every webhook is paged about everything;
    /// else PagerDuty and webhooks page, and Slack and mail stand in for them where there is neither.
    pub fn table(&self) -> Table {
        let names = |all: &mut dyn Iterator<Item = &String>| all.cloned().collect::<Vec<String>>();
        let hooks = names(&mut self.webhooks.iter().map(|c| &c.name));
        let slack = self.slack.iter().map(|c| &c.name).chain(self.slack_apps.iter().map(|c| &c.name));
        let chats = names(&mut slack.chain(self.mail.iter().map(|c| &c.name)));
        let pagers = names(&mut self.pagerduty.iter().map(|c| &c.name));
        let plain = self.routes.is_empty() && self.production.is_empty();
        let default = if plain && chats.is_empty() && pagers.is_empty() {
            Fallback::Everyone { channels: hooks }
        } else {
            let pagers = [pagers, hooks.clone()].concat();
            Fallback::Careful {
                production: self.production.clone(),
                pagers: if pagers.is_empty() { chats.clone() } else { pagers },
                posts: [chats, hooks].concat(),
            }
        };
        Table { routes: self.routes.iter().map(RouteRow::route).collect(), default }
    }

    pub(super) fn check_routes(&self, file: &Document, problems: &mut Vec<Problem>) {
        for pattern in self.production.iter().filter(|p| !is_pattern(p)) {
            problems.push(file.problem("notify.production", not_a_pattern(pattern)));
        }
        let known: Vec<&str> = self.names().collect();
        for (row, route) in self.routes.iter().enumerate() {
            let mut wrong = |field: &str, what: String| problems.push(at(file, row + 1, field, what));
            for pattern in route.namespaces.iter().filter(|p| !is_pattern(p)) {
                wrong("namespaces", not_a_pattern(pattern));
            }
            for (field, names) in [("page", &route.page), ("post", &route.post)] {
                for name in names.iter().filter(|n| !known.contains(&n.as_str())) {
                    wrong(field, format!("`{name}` is no channel; known are {}", known.join(", ")));
                }
            }
            for pager in route.post.iter().filter(|n| self.pagerduty.iter().any(|p| p.name == **n)) {
                wrong(
                    "post",
                    format!("`{pager}` is a pager: it wakes somebody or nobody; name it in `page`"),
                );
            }
            let told = !route.page.is_empty() || !route.post.is_empty();
            match (told, route.digest) {
                (false, None) => {
                    wrong("", "tells nobody: add `page` or `post`, or say `digest: only`".to_owned());
                }
                (true, Some(DigestOnly::Only)) => {
                    wrong("digest", "`only` and a channel contradict each other: take one out".to_owned());
                }
                (true, None) | (false, Some(DigestOnly::Only)) => {}
            }
            if let Some(hours) = &route.hours {
                if TimeZone::get(&hours.zone).is_err() {
                    let what = format!("`{}` is not an IANA time zone such as Europe/Berlin", hours.zone);
                    wrong("hours.zone", what);
                }
                if hours.from == hours.until {
                    wrong(
                        "hours",
                        "begins and ends at the same time: leave it out for the whole day".to_owned(),
                    );
                }
            }
        }
        for covered in self.table().covered() {
            let what = format!("is never reached: row {} matches whatever it matches", covered.by);
            problems.push(at(file, covered.row, "", what));
        }
    }
}

impl RouteRow {
    fn route(&self) -> Route {
        Route {
            severity: self.severity,
            namespaces: self.namespaces.clone(),
            proposal: self.has_proposal.map(|has| if has { Waiting::Proposal } else { Waiting::Nothing }),
            hours: self.hours.as_ref().map(|hours| Hours {
                from: hours.from.0,
                until: hours.until.0,
                zone: TimeZone::get(&hours.zone).unwrap_or(TimeZone::UTC),
            }),
            page: self.page.clone(),
            post: self.post.clone(),
        }
    }
}

/// A problem of one row, counted from 1 as people count.
fn at(file: &Document, row: usize, field: &str, what: String) -> Problem {
    let dot = if field.is_empty() { "" } else { "." };
    Problem { field: format!("notify.routes row {row}{dot}{field}"), ..file.problem("notify.routes", what) }
}

/// What a namespace may be called, with an optional `*` at the end.
fn is_pattern(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 63 && name.bytes().all(letters) && !name.starts_with('-')
}

fn not_a_pattern(pattern: &str) -> String {
    format!("`{pattern}` is not a namespace such as shop, or a pattern such as shop-*")
}
