//! One line of a watch into one event, the object straight into its facts: no tree of values in between.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// One event of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<T> {
    /// ADDED or MODIFIED.
    Put(T),
    /// DELETED, with its last state.
    Gone(T),
    /// A resourceVersion to resume from.
    Bookmark {
        /// The resourceVersion.
        version: String,
        /// Whether the initial list is now complete.
        list_ends: bool,
    },
    /// The stream is over for this reason.
    Error {
        /// As an HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Type {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

#[derive(Deserialize)]
struct TypeOnly {
    r#type: Type,
    #[serde(rename = "object")]
    _object: IgnoredAny,
}

#[derive(Deserialize)]
struct ObjectOnly<T> {
    object: T,
}

#[derive(Deserialize)]
struct Mark {
    metadata: MarkMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    annotations: Option<MarkNotes>,
}

#[derive(Deserialize, Default)]
struct MarkNotes {
    #[serde(rename = "k8s.io/initial-events-end", default)]
    list_ends: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// The type, without decoding the object. The API server writes it first; others may write it last.
fn type_of(line: &[u8]) -> Result<Type, serde_json::Error> {
    const FIRST: &[(&[u8], Type)] = &[
        (br#"{"type":"ADDED","#, Type::Added),
        (br#"{"type":"MODIFIED","#, Type::Modified),
        (br#"{"type":"DELETED","#, Type::Deleted),
        (br#"{"type":"BOOKMARK","#, Type::Bookmark),
    ];
    match FIRST.iter().find(|(prefix, _)| line.starts_with(prefix)) {
        Some((_, found)) => Ok(*found),
        None => serde_json::from_slice::<TypeOnly>(line).map(|line| line.r#type),
    }
}

/// The object of a line.
fn object<O: DeserializeOwned>(line: &[u8]) -> Result<O, serde_json::Error> {
    serde_json::from_slice::<ObjectOnly<O>>(line).map(|line| line.object)
}

/// Reads one line, with the reader of its object.
pub(super) fn read<T>(
    line: &[u8],
    facts: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<Event<T>, serde_json::Error> {
    Ok(match type_of(line)? {
        Type::Added | Type::Modified => Event::Put(facts(line)?),
        Type::Deleted => Event::Gone(facts(line)?),
        Type::Bookmark => {
            let mark: Mark = object(line)?;
            let list_ends = mark.metadata.annotations.unwrap_or_default().list_ends;
            Event::Bookmark {
                version: mark.metadata.resource_version,
                list_ends: list_ends.as_deref() == Some("true"),
            }
        }
        Type::Error => {
            let status: Status = object(line)?;
            Event::Error { code: status.code, message: status.message }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        kind: String,
    }

    fn event(line: &str) -> Event<Thing> {
        read(line.as_bytes(), object).unwrap()
    }

    #[test]
    fn the_type_may_come_first_or_last() {
        let pod = || Thing { kind: "Pod".into() };
        for line in [
            r#"{"type":"ADDED","object":{"kind":"Pod","spec":{"x":[1,2]}}}"#,
            r#"{"object":{"kind":"Pod","spec":{"type":"DELETED"}},"type":"MODIFIED"}"#,
            r#"{ "type" : "ADDED", "object" : {"kind":"Pod"} }"#,
        ] {
            assert_eq!(event(line), Event::Put(pod()), "{line}");
        }
        assert_eq!(event(r#"{"type":"DELETED","object":{"kind":"Pod"}}"#), Event::Gone(pod()));
    }

    #[test]
    fn bookmarks_and_errors_have_forms_of_their_own() {
        let mark = |list_ends| Event::Bookmark { version: "7".into(), list_ends };
        assert_eq!(
            event(r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}"#),
            mark(false)
        );
        let end = r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"7",
            "annotations":{"k8s.io/initial-events-end":"true"}},"spec":{"containers":null}}}"#;
        assert_eq!(event(&end.replace('\n', "")), mark(true));
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        assert_eq!(event(gone), Event::Error { code: 410, message: "too old".into() });
    }

    #[test]
    fn broken_lines_are_errors() {
        for line in
            ["", "{", r#"{"type":"ADDED","object":"#, r#"{"type":"WHAT","object":{}}"#, "404 page not found"]
        {
            assert!(read(line.as_bytes(), object::<Thing>).is_err(), "{line}");
        }
    }
}
