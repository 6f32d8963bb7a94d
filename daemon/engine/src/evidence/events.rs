//! Events about one object: Warnings first, then the newest.

use super::answer::{Refusal, clean, items, number, text, time, word};
use super::{get, list_of};
use nightshift_model::effect::Accept;
use nightshift_model::evidence::EventLine;
use nightshift_model::{ObjectRef, Observed, RawPart, Read, Timestamp};
use serde_json::Value;

/// Events asked for.
const LIMIT: &str = "50";
/// Events kept.
const KEPT: usize = 20;
/// Longest message.
const MESSAGE: usize = 400;

pub(super) fn reads(about: &ObjectRef) -> Vec<Read> {
    // Events about cluster-scoped objects stand in `default`, and a Node's carry its name as uid.
    let (namespace, field) = if about.namespace.is_empty() || about.uid.is_empty() {
        let namespace = if about.namespace.is_empty() { "default" } else { about.namespace.as_str() };
        (namespace, format!("involvedObject.kind={},involvedObject.name={}", about.kind, about.name))
    } else {
        (about.namespace.as_str(), format!("involvedObject.uid={}", about.uid))
    };
    let plain = !field.contains(|c: char| !(c.is_ascii_alphanumeric() || "=.,-_".contains(c)));
    let path = list_of("/api/v1", namespace, "events").filter(|_| plain);
    get(path, &[("fieldSelector", field.as_str()), ("limit", LIMIT)], Accept::Json)
}

pub(super) fn observe(parts: &[RawPart]) -> Result<Observed, Refusal> {
    let mut lines: Vec<EventLine> = items(parts, 0)?.iter().map(line).collect();
    lines.sort_by_key(|line| (line.kind != "Warning", std::cmp::Reverse(line.at)));
    lines.truncate(KEPT);
    Ok(Observed::Events(lines))
}

fn line(event: &Value) -> EventLine {
    EventLine {
        at: seen(event),
        kind: word(text(event, "/type")),
        reason: word(text(event, "/reason")),
        message: clean(text(event, "/message"), MESSAGE),
        count: number(event, "/count").max(number(event, "/series/count")).max(1),
    }
}

/// When it was last seen, by whichever of the two event interfaces wrote it.
pub(super) fn seen(event: &Value) -> Option<Timestamp> {
    [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/firstTimestamp",
        "/metadata/creationTimestamp",
    ]
    .iter()
    .find_map(|pointer| time(event, pointer))
}
