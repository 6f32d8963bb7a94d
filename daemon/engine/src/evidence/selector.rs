//! Label selectors: as a query parameter, and matched against labels.

use super::answer::{list, text};
use serde_json::Value;

/// A `LabelSelector` as the parameter `labelSelector`; empty when it selects by nothing.
pub(super) fn query(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut terms: Vec<String> =
        labels.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    terms.sort();
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let values: Vec<&str> = list(expression, "/values").iter().filter_map(Value::as_str).collect();
        terms.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

/// Whether labels match. A selector that is not there matches nothing, an empty one everything.
pub(crate) fn matches(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(selector) = selector.filter(|s| s.is_object()) else { return false };
    let label = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
    let wanted = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let equal = wanted.into_iter().all(|(key, value)| label(key) == value.as_str());
    equal
        && list(selector, "/matchExpressions").iter().all(|expression| {
            let found = label(text(expression, "/key"));
            let within = list(expression, "/values").iter().any(|v| v.as_str() == found);
            match text(expression, "/operator") {
                "In" => found.is_some() && within,
                "NotIn" => !within,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_are_written_and_matched_as_kubernetes_does() {
        let selector = json!({"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["web", "api"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "zone", "operator": "NotIn", "values": ["x"]},
            {"key": "live", "operator": "Exists"},
        ]});
        assert_eq!(query(&selector), "a=1,b=2,tier in (web,api),!old,zone notin (x),live");
        let labels = json!({"a": "1", "b": "2", "tier": "api", "live": ""});
        assert!(matches(Some(&selector), Some(&labels)));
        for (key, value) in [("a", "2"), ("tier", "db"), ("old", "1"), ("zone", "x")] {
            let mut other = labels.clone();
            other[key] = json!(value);
            assert!(!matches(Some(&selector), Some(&other)), "{key}");
        }
        assert!(matches(Some(&json!({})), Some(&labels)));
        assert!(!matches(None, Some(&labels)));
        assert!(!matches(Some(&json!({"matchLabels": {"a": "1"}})), None));
    }
}
