//! Whether a namespace stays: in one that is being deleted nothing is proposed and nothing is written.

use crate::seal::object;
use nightshift_model::effect::{Accept, RawPart, Read};
use serde_json::Value;

/// GET of the namespace.
pub fn read(namespace: &str) -> Read {
    Read::Get { path: format!("/api/v1/namespaces/{namespace}"), query: Vec::new(), accept: Accept::Json }
}

/// Says why nothing may be written in it. Not knowing counts as being deleted.
///
/// # Errors
/// One sentence.
pub fn stays(part: &RawPart, namespace: &str) -> Result<(), String> {
    let live = object(part, &format!("namespace {namespace}"))?;
    let ending = live.pointer("/status/phase").and_then(Value::as_str) == Some("Terminating");
    let leaving = live.pointer("/metadata/deletionTimestamp").is_some();
    if ending || leaving { Err(format!("namespace {namespace} is being deleted")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::NotChecked;

    #[test]
    fn only_a_namespace_that_is_seen_to_stay_is_written_in() {
        let body = |status, body: &str| RawPart::Body { status, body: body.into(), cut: false };
        assert_eq!(stays(&body(200, r#"{"metadata":{},"status":{"phase":"Active"}}"#), "shop"), Ok(()));
        let leaving = r#"{"metadata":{"deletionTimestamp":"2026-03-01T00:00:00Z"}}"#;
        for gone in [leaving, r#"{"status":{"phase":"Terminating"}}"#] {
            assert!(stays(&body(200, gone), "shop").unwrap_err().contains("being deleted"));
        }
        let failed = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
        for unseen in [body(403, "{}"), body(404, "{}"), body(200, "no"), failed] {
            assert!(stays(&unseen, "shop").unwrap_err().contains("namespace shop"), "{unseen:?}");
        }
    }
}
