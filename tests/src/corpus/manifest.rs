//! The objects that a case applies.

use nightshift_model::{Seconds, Timestamp};
use serde::Deserialize as _;
use serde_json::Value;

/// Stands for the case's namespace in every text of its folder.
pub const PLACE: &str = "{{ns}}";

/// What a case that is alone may put beside its own namespace: the cluster's DNS.
pub const SYSTEM: &str = "kube-system";

/// Reads the objects of a manifest for a namespace. An error says its line where it has one.
pub fn read(text: &str, namespace: &str) -> Result<Vec<Value>, (u64, String)> {
    let text = text.replace(PLACE, namespace);
    let mut objects = Vec::new();
    for (first, document) in documents(&text) {
        let value: Value = serde_saphyr::with_deserializer_from_str(&document, |d| Value::deserialize(d))
            .map_err(|error| (first + error.location().map_or(1, |at| at.line()) - 1, said(&error)))?;
        if value.is_null() {
            continue;
        }
        object(&value, namespace).map_err(|what| (first, what))?;
        objects.push(value);
    }
    if objects.is_empty() { Err((1, "no object in it".to_owned())) } else { Ok(objects) }
}

/// Puts times of the past for `{{5h ago}}`: what stands for longer than a case can wait.
pub fn past(text: &str, now: Timestamp) -> String {
    let mut parts = text.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ago = part.split_once(" ago}}").and_then(|(length, rest)| {
            let length: Seconds = length.parse().ok()?;
            Some((now - length, rest))
        });
        match ago {
            Some((time, rest)) => out.extend([time.to_string().as_str(), rest]),
            None => out.extend(["{{", part]),
        }
    }
    out
}

/// The documents of a stream and the line on which each begins.
fn documents(text: &str) -> Vec<(u64, String)> {
    let mut found = vec![(1, String::new())];
    for (line, number) in text.lines().zip(1_u64..) {
        if line.trim_end() == "---" {
            found.push((number + 1, String::new()));
        } else if let Some((_, document)) = found.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    found.retain(|(_, document)| {
        document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    found
}

/// What a parser says, without the piece of the file.
pub(super) fn said(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let what = first.split_once(" at line ").map_or(first, |(what, _)| what);
    what.strip_prefix("error: ").unwrap_or(what).to_owned()
}

fn object(value: &Value, namespace: &str) -> Result<(), String> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    for field in ["/apiVersion", "/kind", "/metadata/name"] {
        if text(field).is_none_or(str::is_empty) {
            return Err(format!("an object without {}", field.trim_start_matches('/').replace('/', ".")));
        }
    }
    let elsewhere = |said: &str| !said.starts_with(namespace) && said != SYSTEM;
    if text("/metadata/namespace").is_some_and(elsewhere) {
        return Err("metadata.namespace: leave it out, the case gets a namespace of its own".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_one_or_more_objects_in_the_cases_namespace() {
        let text = "# two\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: a }\n---\n\
                    apiVersion: v1\nkind: PriorityClass\nmetadata: { name: \"{{ns}}-high\" }\n";
        let objects = read(text, "c1").unwrap();
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[1]["metadata"]["name"], "c1-high");
    }

    #[test]
    fn a_time_of_the_past_stands_for_its_distance() {
        let now = Timestamp::from_second(7200);
        assert_eq!(past("{{ns}} \"{{1h ago}}\"", now), "{{ns}} \"1970-01-01T01:00:00Z\"");
        for text in ["{{ ago}}", "{{soon ago}}", "{{1h}} ago", "{{"] {
            assert_eq!(past(text, now), text);
        }
    }

    #[test]
    fn what_is_wrong_in_a_manifest_is_said_with_its_line() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: a";
        let table = [
            (String::new(), 1, "no object"),
            ("# nothing\n".to_owned(), 1, "no object"),
            (format!("{pod} }}\n---\nkind: Pod\nmetadata: {{ name: b }}\n"), 5, "apiVersion"),
            (format!("{pod}, namespace: shop }}\n"), 1, "metadata.namespace"),
            (format!("{pod} }}\n---\napiVersion: v1\nkind: [\n"), 6, "bracket"),
            (format!("{pod} }}\nkind: Job\n"), 4, "duplicate"),
        ];
        for (text, line, what) in table {
            let (at, said) = read(&text, "c1").unwrap_err();
            assert!(at == line && said.contains(what), "{text:?}: line {at}: {said}");
        }
    }
}
