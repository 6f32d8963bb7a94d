//! The write protocol: marks, frames, and what an answer of the API server means. Pure; the bytes are the API.

use crate::actions::{CLAIM, CLAIM_POINTER};
use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::effect::RawPart;
use nightshift_model::{Mark, NotChecked, Plan, Sent};
use serde_json::{Value, json};

/// Frames a patch: after the first operation (the uid's test) the test of the mark, at the end its replacement.
pub fn frame(operations: &[Value], mark: &Mark) -> Vec<Value> {
    let test = json!({"op": "test", "path": CLAIM_POINTER, "value": mark.to_string()});
    let done = json!({"op": "replace", "path": CLAIM_POINTER, "value": mark.done()});
    let mut framed: Vec<Value> = operations.to_vec();
    framed.insert(framed.len().min(1), test);
    framed.push(done);
    framed
}

/// Takes the frame off again.
pub fn unframe(framed: &[Value]) -> Vec<Value> {
    let ours = |op: &&Value| op.get("path").and_then(Value::as_str) == Some(CLAIM_POINTER);
    framed.iter().filter(|op| !ours(op)).cloned().collect()
}

/// The patch of a preview: the same change under the mark `op:0.0`, without a test of an earlier mark. A dry run
/// stores nothing.
pub fn preview(operations: &[Value], live: &Value, op: &nightshift_model::OpId) -> Vec<u8> {
    let mark = Mark { op: op.clone(), epoch: nightshift_model::Epoch(0), attempt: 0 };
    let mut patch = operations.to_vec();
    patch.extend(set_mark(live, &mark.to_string()));
    bytes(&patch)
}

/// The patch that sets a mark: tests of the uid and of the version that was looked at, then the annotation.
pub fn claim(plan: &Plan, live: &Value, mark: &Mark) -> Vec<u8> {
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": plan.preconditions.uid})];
    if let Some(version) = live.pointer("/metadata/resourceVersion") {
        patch.push(json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
    }
    patch.extend(set_mark(live, &mark.to_string()));
    bytes(&patch)
}

/// Whether what stands on a target bars an attempt: the same operation is done, or a newer attempt of it was there.
pub fn outranks(stands: &str, mark: &Mark) -> bool {
    stands == mark.done() || Mark::parse(stands).is_ok_and(|other| other.op == mark.op && other > *mark)
}

/// The patch that takes a target back after a lost request: it passes only while the stale mark and every old
/// value stand there, and from then on the lost request can no longer pass.
pub fn reclaim(plan: &Plan, live: &Value, stale: &Mark, fresh: &Mark) -> Vec<u8> {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": plan.preconditions.uid}),
        json!({"op": "test", "path": CLAIM_POINTER, "value": stale.to_string()}),
    ];
    for pointer in crate::actions::pointers(&plan.action) {
        if let Some(old) = live.pointer(pointer) {
            patch.push(json!({"op": "test", "path": pointer, "value": old}));
        }
    }
    patch.push(json!({"op": "replace", "path": CLAIM_POINTER, "value": fresh.to_string()}));
    bytes(&patch)
}

/// `add` of the annotation, and of the map when the object has none.
fn set_mark(live: &Value, mark: &str) -> Vec<Value> {
    let mut operations = Vec::new();
    if !live.pointer("/metadata/annotations").is_some_and(Value::is_object) {
        operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    operations.push(json!({"op": "add", "path": CLAIM_POINTER, "value": mark}));
    operations
}

/// The bytes that are sent.
pub fn bytes(operations: &[Value]) -> Vec<u8> {
    serde_json::to_vec(operations).unwrap_or_default()
}

/// The mark that stands on an object.
pub fn mark_on(live: &Value) -> Option<&str> {
    live.pointer("/metadata/annotations")?.get(CLAIM)?.as_str()
}

/// Whether our field manager owns the field that the action writes: the second witness of a write.
pub fn written_by_us(plan: &Plan, live: &Value) -> bool {
    let path = crate::actions::managed(&plan.action);
    let owns = |entry: &Value| {
        let fields = entry.get("fieldsV1");
        entry.get("manager").and_then(Value::as_str) == Some(plan.request.field_manager.as_str())
            && path.iter().fold(fields, |at, part| at.and_then(|at| at.get(part))).is_some()
    };
    live.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(|m| m.iter().any(owns))
}

/// A `Status` object, as far as people and the protocol need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// HTTP status.
    pub code: u16,
    /// `reason`.
    pub reason: String,
    /// `message`, redacted, capped, with control characters made visible.
    pub message: String,
}

impl Status {
    /// One clause for people.
    pub fn sentence(&self) -> String {
        match (self.reason.is_empty(), self.message.is_empty()) {
            (true, true) => format!("HTTP {}", self.code),
            (false, true) => format!("HTTP {} {}", self.code, self.reason),
            (true, false) => format!("HTTP {}: {}", self.code, self.message),
            (false, false) => format!("HTTP {} {}: {}", self.code, self.reason, self.message),
        }
    }
}

/// Reads the body of a refusal.
pub fn status(code: u16, body: &[u8]) -> Status {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = redactor().redact(field("message")).text;
    Status { code, reason: visible(field("reason"), 60), message: visible(&message, 300) }
}

/// What the answer to a write means. A 5xx or a lost answer may have been written; a 4xx was not.
pub fn sent(part: &RawPart) -> Sent {
    match part {
        RawPart::Body { status, body, .. } if (200..300).contains(status) => {
            let object: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
            let version =
                object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
            Sent::Applied { status: *status, resource_version: version.to_owned() }
        }
        RawPart::Body { status, body, .. } if (400..500).contains(status) => {
            let said = self::status(*status, body);
            Sent::Refused { status: *status, reason: said.reason, message: said.message }
        }
        RawPart::Body { status, body, .. } => Sent::Unknown { why: self::status(*status, body).sentence() },
        RawPart::Failed { why: NotChecked::Unreachable, detail } => {
            Sent::NotSent { why: format!("the API server could not be reached ({detail})") }
        }
        RawPart::Failed { why, detail } => Sent::Unknown { why: format!("{} ({detail})", why.clause()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::{Epoch, OpId};

    #[test]
    fn a_frame_adds_the_mark_and_nothing_else() {
        let mark = Mark::first(OpId::from("pro-x.1"), Epoch(3));
        let operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": "u"}),
            json!({"op": "replace", "path": "/spec/x", "value": 1}),
        ];
        let framed = frame(&operations, &mark);
        assert_eq!(framed.len(), operations.len() + 2);
        assert_eq!(framed[1]["value"], "pro-x.1:3.1");
        assert_eq!(framed[3]["value"], "done:pro-x.1");
        assert_eq!(unframe(&framed), operations);
    }

    #[test]
    fn answers_mean_what_the_protocol_says() {
        let body = |status| RawPart::Body {
            status,
            body: b"{\"reason\":\"R\",\"message\":\"m\"}".to_vec(),
            cut: false,
        };
        assert!(matches!(sent(&body(200)), Sent::Applied { .. }));
        for status in [400, 403, 404, 409, 422, 429] {
            assert!(matches!(sent(&body(status)), Sent::Refused { .. }), "{status}");
        }
        for status in [500, 502, 503, 504] {
            assert!(matches!(sent(&body(status)), Sent::Unknown { .. }), "{status}");
        }
        let failed = |why| RawPart::Failed { why, detail: String::new() };
        assert!(matches!(sent(&failed(NotChecked::Unreachable)), Sent::NotSent { .. }));
        assert!(matches!(sent(&failed(NotChecked::TimedOut)), Sent::Unknown { .. }));
        assert!(matches!(sent(&failed(NotChecked::Unreadable)), Sent::Unknown { .. }));
    }
}
