//! From a raw part to a JSON value, or to the reason why there is none.

use crate::redact::redactor;
use crate::text::visible;
use nightshift_model::{NotChecked, RawPart, Timestamp};
use serde_json::Value;

/// Why a question has no answer, with one clause of detail.
pub(super) type Refusal = (NotChecked, String);

/// Longest detail.
const DETAIL: usize = 200;
/// Longest name, image or other short text.
const WORD: usize = 300;

/// Untrusted text as it may be stored: redacted, on one line, visible, capped.
pub(super) fn clean(text: &str, cap: usize) -> String {
    visible(&redactor().redact(text).text, cap)
}

/// A short text, such as a name or an image.
pub(super) fn word(text: &str) -> String {
    clean(text, WORD)
}

/// The JSON of an answer's part.
pub(super) fn json(parts: &[RawPart], index: usize) -> Result<Value, Refusal> {
    let (body, cut) = body(parts, index)?;
    if cut {
        return Err((NotChecked::Unreadable, format!("the answer was cut at {} bytes", body.len())));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = if html(body) { "the answer is a web page" } else { "the answer is not JSON" };
        (NotChecked::Unreadable, clean(&format!("{what}: {error}"), DETAIL))
    })
}

/// The JSON of an answer that must be one object of that name.
pub(super) fn object(parts: &[RawPart], index: usize, name: &str, uid: &str) -> Result<Value, Refusal> {
    let object = json(parts, index)?;
    if text(&object, "/metadata/name") != name {
        return Err((NotChecked::Unreadable, "the answer is about another object".to_owned()));
    }
    let found = text(&object, "/metadata/uid");
    if !uid.is_empty() && found != uid {
        return Err((NotChecked::NotFound, "an object of that name is there, with another uid".to_owned()));
    }
    Ok(object)
}

/// The entries of an answer that must be a list.
pub(super) fn items(parts: &[RawPart], index: usize) -> Result<Vec<Value>, Refusal> {
    match json(parts, index)?.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) | None => {
            Err((NotChecked::Unreadable, "the answer is not a list".to_owned()))
        }
    }
}

/// The bytes of a 2xx answer and whether they were cut.
pub(super) fn body(parts: &[RawPart], index: usize) -> Result<(&[u8], bool), Refusal> {
    match parts.get(index) {
        Some(RawPart::Body { status, body, cut }) if (200..300).contains(status) => Ok((body, *cut)),
        Some(RawPart::Body { status, body, .. }) => Err(refused(*status, body)),
        Some(RawPart::Failed { why, detail }) => Err((*why, clean(detail, DETAIL))),
        None => Err((NotChecked::Unreadable, "no answer was handed over".to_owned())),
    }
}

fn refused(status: u16, body: &[u8]) -> Refusal {
    let answer = serde_json::from_slice::<Value>(body).ok();
    // `message` is Kubernetes' word, `error` is Prometheus'.
    let message = answer.as_ref().and_then(|a| a.get("message").or_else(|| a.get("error"))?.as_str());
    let why = match status {
        401 | 403 => NotChecked::Forbidden,
        404 | 410 => NotChecked::NotFound,
        429 | 500..=599 => NotChecked::Unreachable,
        // The kubelet's way to say that a container has not ended yet.
        400 if message.is_some_and(|m| m.contains("previous terminated container")) => NotChecked::NotFound,
        _ => NotChecked::Unreadable,
    };
    let detail = match message {
        Some(message) => format!("{status}: {message}"),
        None if html(body) => format!("{status} with a web page"),
        None => format!("{status} without a message"),
    };
    (why, clean(&detail, DETAIL))
}

fn html(body: &[u8]) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<')
}

/// The text at a pointer; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a pointer, 0 when there is none or it does not fit.
pub(super) fn number(value: &Value, pointer: &str) -> u32 {
    value.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// The flag at a pointer.
pub(super) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a pointer.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The instant at a pointer.
pub(super) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok()
}

/// An entry of a map whose keys hold slashes, as labels and annotations do.
pub(super) fn entry<'a>(value: &'a Value, map: &str, key: &str) -> &'a str {
    value.pointer(map).and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default()
}
