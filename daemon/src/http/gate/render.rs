//! Templates to answers: one place where text becomes a page.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use nightshift_engine::text::visible;
use nightshift_model::{Incident, Phase, Seconds, Timestamp};

/// What stands around every page.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Its title.
    pub title: String,
    /// Where in the navigation one is.
    pub here: Here,
    /// The cluster's name; empty for strangers.
    pub cluster: String,
    /// What holds nightshift back, most important first.
    pub banners: Vec<BannerView>,
    /// Who is signed in.
    pub visitor: Option<VisitorView>,
    /// The kill switch; absent for strangers.
    pub switch: Option<SwitchView>,
    /// Whether votes are proven by the session alone.
    pub one_identity: bool,
    /// Whether passkeys are used here.
    pub passkeys: bool,
    /// What keeps the page up to date, while something can still happen.
    pub live: Option<LiveView>,
}

/// Where a page looks again. It never loads itself anew: who reads it, or has it read, would lose the place.
#[derive(Clone, Debug)]
pub struct LiveView {
    /// The page.
    pub page: String,
    /// Its events, behind what the page shows.
    pub events: String,
}

impl LiveView {
    /// Of an incident's page, or of a proposal's; nothing once the incident is over.
    pub(super) fn of(incident: &Incident, page: String) -> Option<Self> {
        let over = matches!(incident.phase, Phase::Closed { .. });
        let events = format!("/i/{}/events?after={}", incident.id, incident.revision.0);
        (!over).then_some(Self { page, events })
    }
}

/// Places of the navigation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Here {
    /// What needs this person now.
    Inbox,
    /// The digests by date.
    Digests,
    /// What nobody is told of.
    Silences,
    /// Persons, keys, sessions.
    People,
    /// A page below one of them, or apart.
    #[default]
    Elsewhere,
}

impl Here {
    /// The links, in order, and where one is.
    pub fn links(self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        [
            (Self::Inbox, "/", "Inbox"),
            (Self::Digests, "/digests", "Digests"),
            (Self::Silences, "/silences", "Silences"),
            (Self::People, "/people", "People"),
        ]
        .into_iter()
        .map(move |(place, href, name)| (href, name, place == self))
    }
}

/// One line above every page.
#[derive(Clone, Debug)]
pub struct BannerView {
    /// How it looks.
    pub tone: &'static str,
    /// What is so.
    pub what: String,
    /// Why, or what it means.
    pub more: String,
}

/// The person at the page.
#[derive(Clone, Debug)]
pub struct VisitorView {
    /// The name.
    pub name: String,
    /// Token of the sign-out form.
    pub signout: String,
}

/// The kill switch as the visitor sees it.
#[derive(Clone, Debug)]
pub struct SwitchView {
    /// Why it is set; absent when it is clear.
    pub set: Option<String>,
    /// Who wants it cleared.
    pub clearing: Vec<String>,
    /// Whether the visitor may set it.
    pub may_set: bool,
    /// Whether the visitor may clear it.
    pub may_clear: bool,
    /// Token of its forms.
    pub csrf: String,
}

impl Frame {
    /// The frame for somebody who is not known: it tells nothing.
    pub fn anonymous(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }
}

/// One thing to press on a message.
#[derive(Clone, Debug)]
pub(super) struct NextStep {
    /// Where it leads to.
    pub(super) href: String,
    /// What it says.
    pub(super) text: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    frame: &'a Frame,
    text: &'a str,
    more: &'a [&'a str],
    next: Option<NextStep>,
}

/// A page with one sentence and one next step.
pub(super) fn message(
    status: StatusCode,
    frame: &Frame,
    text: &str,
    more: &[&str],
    next: Option<NextStep>,
) -> Response {
    page(status, &MessagePage { frame, text, more, next })
}

/// A template as an answer.
pub(super) fn page<T: Template>(status: StatusCode, template: &T) -> Response {
    match html(template) {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
        }
    }
}

/// A template as text. Values were escaped by the template; here whatever is left that shows nothing, or turns the
/// direction of text around, is made visible, wherever it came from.
pub(super) fn html<T: Template>(template: &T) -> Result<String, askama::Error> {
    let text = template.render()?;
    let mut out = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        out.push_str(&visible(line, usize::MAX));
        out.push('\n');
    }
    Ok(out)
}

/// A time of day, with the date when it is not today's.
pub(super) fn clock(at: Timestamp, now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let (at, now) = (at.get().to_zoned(zone.clone()), now.get().to_zoned(zone.clone()));
    let format = if at.date() == now.date() { "%H:%M %Z" } else { "%a %-d %b, %H:%M %Z" };
    at.strftime(format).to_string()
}

/// The same with seconds, for what is measured.
pub(super) fn to_the_second(at: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    at.get().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// A length of time as people say it, rounded down to two units at most.
pub(super) fn span(length: Seconds) -> String {
    let s = length.0;
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 if s % 3_600 / 60 == 0 => format!("{} h", s / 3_600),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d", s / 86_400),
    }
}

/// How long ago.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let passed = now.since(at);
    if passed.0 < 5 { "just now".to_owned() } else { format!("{} ago", span(passed)) }
}

/// With a capital first letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
