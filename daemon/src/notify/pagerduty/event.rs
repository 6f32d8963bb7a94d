//! A message as an event: what it does to the alert, and what it says, within PagerDuty's limits.

use crate::notify::{Kind, Outgoing, Stand};
use nightshift_engine::text::visible;
use nightshift_model::{Severity, Thread, ThreadState};
use serde_json::{Value, json};

/// What PagerDuty takes at most, and what we send at most of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters of the summary.
    pub summary: usize,
    /// Characters of a `dedup_key`.
    pub name: usize,
    /// Characters of all details together; PagerDuty takes events of 512 KB, and nobody reads them on a phone.
    pub details: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { summary: 1024, name: 255, details: 6000 }
    }
}

/// What an event does to the alert of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Opens it, or adds a note to it.
    Trigger(String),
    /// Somebody has it.
    Acknowledge(String),
    /// It is over.
    Resolve(String),
    /// Nothing stands there, and nothing need.
    Nothing,
}

impl Step {
    /// The alert's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Trigger(name) | Self::Acknowledge(name) | Self::Resolve(name) => name,
            Self::Nothing => "",
        }
    }

    /// How the alert stands after it. A note leaves an acknowledged alert acknowledged.
    pub(super) fn leaves(&self, before: Option<&Thread>) -> ThreadState {
        match self {
            Self::Trigger(_) | Self::Nothing => before.map_or(ThreadState::Open, |thread| thread.state),
            Self::Acknowledge(_) => ThreadState::Acknowledged,
            Self::Resolve(_) => ThreadState::Resolved,
        }
    }
}

/// What a message does, given how the incident's alert stands. A message that comes late says what is true now, so a
/// page for what is over meanwhile wakes nobody.
pub(super) fn step(message: &Outgoing, key: &str, thread: Option<&Thread>) -> Step {
    let notice = match message {
        Outgoing::Incident(notice) => notice,
        Outgoing::List(list) => return Step::Trigger(named(&["nightshift", &list.cluster, key])),
        Outgoing::Policy(_) | Outgoing::Digest(_) => return Step::Nothing,
    };
    let name = named(&["nightshift", &notice.cluster, notice.incident.as_str()]);
    let standing = thread.map(|thread| thread.state).filter(|state| *state != ThreadState::Resolved);
    match (notice.stand, standing) {
        (Stand::Over, Some(_)) => Step::Resolve(name),
        (Stand::Over | Stand::UnderWay | Stand::Ended, None)
        | (Stand::UnderWay, Some(ThreadState::Acknowledged)) => Step::Nothing,
        (Stand::UnderWay, Some(ThreadState::Open | ThreadState::Resolved)) => Step::Acknowledge(name),
        (Stand::Ended, Some(_)) => Step::Trigger(name),
        // A note belongs to an alert that stands; only a page opens one.
        (Stand::Open, standing) => match (notice.kind, standing) {
            (Kind::Page, _) | (Kind::Post | Kind::Update | Kind::Progress, Some(_)) => Step::Trigger(name),
            (Kind::Post | Kind::Update | Kind::Progress, None) => Step::Nothing,
        },
    }
}

/// At most 255 characters, whatever the cluster is called: what tells incidents apart stands at the end.
fn named(parts: &[&str; 3]) -> String {
    let [head, cluster, end] = parts;
    let room = Limits::default().name.saturating_sub(head.len() + end.chars().count() + 2);
    format!("{head}:{}:{end}", visible(cluster, room))
}

/// The body of the request.
pub(super) fn render(step: &Step, message: &Outgoing, routing: &str, limits: &Limits) -> Value {
    let name = step.name();
    match step {
        Step::Trigger(_) | Step::Nothing => trigger(name, message, routing, limits),
        Step::Acknowledge(_) => {
            json!({"routing_key": routing, "event_action": "acknowledge", "dedup_key": name})
        }
        Step::Resolve(_) => json!({"routing_key": routing, "event_action": "resolve", "dedup_key": name}),
    }
}

fn trigger(name: &str, message: &Outgoing, routing: &str, limits: &Limits) -> Value {
    let (cluster, title, lines, link, command) = match message {
        Outgoing::Incident(n) => (&n.cluster, &n.title, &n.lines, &n.link, &n.command),
        Outgoing::List(l) => (&l.cluster, &l.title, &l.lines, &l.link, &l.command),
        Outgoing::Policy(p) => (&p.cluster, &p.title, &p.lines, &p.link, &p.command),
        Outgoing::Digest(d) => (&d.cluster, &d.title, &d.lines, &d.link, &d.command),
    };
    let mut payload = json!({
        "summary": visible(&format!("[{cluster}] {title}"), limits.summary),
        "source": visible(source(message, cluster), limits.summary),
        "severity": severity(message),
        "custom_details": details(message, lines, command.as_deref(), limits),
    });
    if let (Outgoing::Incident(n), Some(fields)) = (message, payload.as_object_mut()) {
        fields.insert("timestamp".to_owned(), json!(n.since));
        fields.insert("component".to_owned(), json!(visible(&n.scope, limits.summary)));
        if let Some(reason) = n.reason {
            fields.insert("class".to_owned(), json!(reason));
        }
    }
    let mut event = json!({
        "routing_key": routing,
        "event_action": "trigger",
        "dedup_key": name,
        "client": "nightshift",
        "payload": payload,
    });
    if let (Some(link), Some(fields)) = (link, event.as_object_mut()) {
        fields.insert("client_url".to_owned(), json!(link));
        fields.insert("links".to_owned(), json!([{"href": link, "text": label(message)}]));
    }
    event
}

fn source<'m>(message: &'m Outgoing, cluster: &'m str) -> &'m str {
    match message {
        Outgoing::Incident(notice) if !notice.scope.is_empty() => &notice.scope,
        _ if cluster.is_empty() => "nightshift",
        Outgoing::Incident(_) | Outgoing::List(_) | Outgoing::Policy(_) | Outgoing::Digest(_) => cluster,
    }
}

fn label(message: &Outgoing) -> &'static str {
    match message {
        Outgoing::Incident(notice) if notice.proposal.is_some() => "Review proposal",
        Outgoing::Incident(_) => "Open incident",
        Outgoing::List(_) | Outgoing::Policy(_) | Outgoing::Digest(_) => "Open nightshift",
    }
}

fn severity(message: &Outgoing) -> &'static str {
    match message {
        Outgoing::Incident(notice) => match notice.severity {
            Some(Severity::Critical) => "critical",
            Some(Severity::Warning) | None => "warning",
            Some(Severity::Info) => "info",
        },
        Outgoing::List(_) => "critical",
        Outgoing::Policy(_) | Outgoing::Digest(_) => "info",
    }
}

/// What is said goes in as lines; what did not fit is said to be missing.
fn details(message: &Outgoing, lines: &[String], command: Option<&str>, limits: &Limits) -> Value {
    let mut room = limits.details;
    let mut said: Vec<&str> = Vec::new();
    for line in lines {
        let length = line.chars().count();
        if length > room {
            break;
        }
        room -= length;
        said.push(line);
    }
    let mut details = json!({ "what": said });
    let Some(fields) = details.as_object_mut() else { return details };
    if said.len() < lines.len() {
        let cut = format!("{} more lines stand on the page", lines.len() - said.len());
        fields.insert("cut".to_owned(), json!(cut));
    }
    if let Outgoing::Incident(n) = message {
        fields.insert("incident".to_owned(), json!(n.incident));
        fields.insert("phase".to_owned(), json!(n.phase));
        if let Some(digest) = &n.digest {
            fields.insert("digest".to_owned(), json!(digest));
        }
        if let Some(at) = &n.expires_at {
            fields.insert("expires".to_owned(), json!(at));
        }
    }
    if let Outgoing::List(l) = message {
        fields.insert("incidents".to_owned(), json!(l.count));
        fields.insert("closing".to_owned(), json!("nightshift does not close a list: close it by hand"));
    }
    if let Some(command) = command {
        fields.insert("command".to_owned(), json!(command));
    }
    details
}
