//! The story of a run, for people: every event, message and accepted write, with its time.

use crate::machine::phase;
use crate::wire::step;
use nightshift_model::history::Row;
use nightshift_model::measure::Value;
use nightshift_model::{HistoryEvent, Incident, Measurement, Message, MessageBody, Timestamp};
use nightshift_sim::Accepted;

mod events;

/// Length of an id: its kind, a dash, ten characters.
const ID: usize = 14;

/// Lines so far.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    lines: Vec<String>,
    begins: Option<Timestamp>,
    /// Ids in the order of their appearance: they read as `inc-1`, `pro-2`.
    names: Vec<String>,
    /// The last look's text, and how many more have said the same.
    same: Option<(String, u32)>,
}

impl Transcript {
    /// One line.
    pub(crate) fn line(&mut self, at: Timestamp, text: &str) {
        if let Some((_, more @ 1..)) = self.same.take() {
            self.lines.push(format!("            ({more} more looks say the same)"));
        }
        let begins = *self.begins.get_or_insert(at);
        let seconds = at.since(begins).0;
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest % 3_600 / 60, rest % 60);
        let day = if days == 0 { String::new() } else { format!("{days}d ") };
        let text = self.named(text);
        self.lines.extend(text.lines().enumerate().map(|(n, line)| {
            let head = if n == 0 { format!("{day}{clock}") } else { String::new() };
            format!("{head:<8}  {line}").trim_end().to_owned()
        }));
    }

    /// One row of the history, and the phase that the incident is in after its append.
    pub(crate) fn row(&mut self, row: &Row, incident: Option<&Incident>) {
        let text = match &row.event {
            HistoryEvent::Incident(event) => {
                let last = incident.filter(|i| i.revision == row.revision);
                let phase = last.map_or_else(String::new, phase);
                format!(
                    "{} {:<14} {:<19} {}",
                    row.stream.as_str(),
                    row_actor(row),
                    phase,
                    events::incident(event)
                )
            }
            HistoryEvent::System(event) => match events::system(event) {
                Some(text) => format!("system {:<14} {text}", row_actor(row)),
                None => return,
            },
        };
        let bare = timeless(&text);
        if let Some((_, more)) = self.same.as_mut().filter(|(last, _)| *last == bare) {
            *more += 1;
            return;
        }
        self.line(row.at, text.trim_end());
        if row.event.kind() == "measured" {
            self.same = Some((bare, 0));
        }
    }

    /// One message to people; wake-ups between the roles are not told.
    pub(crate) fn message(&mut self, at: Timestamp, message: &Message) {
        let text = match &message.body {
            MessageBody::Wake { .. }
            | MessageBody::Progress { .. }
            | MessageBody::List { .. }
            | MessageBody::Instead { .. } => return,
            MessageBody::Page { incident } => format!("  => page: {incident}"),
            MessageBody::Update { incident } => format!("  => update: {incident}"),
            MessageBody::PolicyChanged { .. } => "  => policy changed".to_owned(),
            MessageBody::Digest { .. } => "  => digest".to_owned(),
        };
        self.line(at, &text);
    }

    /// One request that the API server accepted from us.
    pub(crate) fn write(&mut self, at: Timestamp, write: &Accepted) {
        let effect = if write.changed { "" } else { ", nothing changed" };
        let text = format!(
            "  ** {}: {} of {}{effect}",
            write.user,
            step(Some(write.method), &write.body),
            write.path
        );
        self.line(at, &text);
    }

    /// Replaces ids by the order of their appearance: hashes say nothing to a reader.
    pub(crate) fn named(&mut self, text: &str) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !word(c)) {
            let id = part.trim_end_matches(|c: char| !word(c));
            let head = ["inc-", "pro-"].into_iter().find(|head| id.starts_with(head) && id.len() == ID);
            let Some(head) = head else {
                out.push_str(part);
                continue;
            };
            if !self.names.iter().any(|known| known == id) {
                self.names.push(id.to_owned());
            }
            let alike = self.names.iter().filter(|known| known.starts_with(head));
            let place = alike.take_while(|known| *known != id).count() + 1;
            out.push_str(head);
            out.push_str(&place.to_string());
            out.push_str(part.strip_prefix(id).unwrap_or_default());
        }
        out
    }

    /// What was told.
    pub(crate) fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}

/// Without the times in it.
fn timeless(text: &str) -> String {
    text.split(' ')
        .filter(|word| !word.starts_with("20") || !word.contains('T'))
        .collect::<Vec<_>>()
        .join(" ")
}

fn row_actor(row: &Row) -> String {
    let actor = row.actor.to_string();
    let word = actor.rsplit(':').next().unwrap_or_default().to_owned();
    match row.epoch {
        Some(epoch) => format!("{word}/{}", epoch.0),
        None => word,
    }
}

/// A look in one clause: what holds and what does not.
fn look(measurement: &Measurement) -> String {
    let reading = |r: &nightshift_model::Reading| match &r.value {
        Value::Holds(text) => format!("{} ok ({text})", r.name),
        Value::Fails(text) => format!("{} FAILS ({text})", r.name),
        Value::Reverted(by) => format!("{} REVERTED by {by}", r.name),
        Value::NoData { detail, .. } => format!("{} NO DATA ({detail})", r.name),
    };
    let bad = |r: &&nightshift_model::Reading| !matches!(r.value, Value::Holds(_));
    let all: Vec<String> = measurement.readings.iter().filter(bad).map(reading).collect();
    if all.is_empty() { format!("all {} hold", measurement.readings.len()) } else { all.join("; ") }
}
