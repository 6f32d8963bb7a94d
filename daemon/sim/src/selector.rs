//! Label and field selectors.

use serde_json::Value;

use crate::failure::Failure;
use crate::value::{list, text};

/// A parsed pair of `labelSelector` and `fieldSelector`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Rule>,
    fields: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    key: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Rule {
    fn holds(&self, value: Option<&str>) -> bool {
        match &self.test {
            Test::In(set) => value.is_some_and(|value| set.iter().any(|one| one == value)),
            Test::NotIn(set) => value.is_none_or(|value| set.iter().all(|one| one != value)),
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
        }
    }
}

/// Fields that a selector may name, with where they stand.
const FIELDS: &[(&str, &str)] = &[
    ("metadata.name", "/metadata/name"),
    ("metadata.namespace", "/metadata/namespace"),
    ("involvedObject.uid", "/involvedObject/uid"),
    ("involvedObject.name", "/involvedObject/name"),
    ("involvedObject.namespace", "/involvedObject/namespace"),
    ("involvedObject.kind", "/involvedObject/kind"),
    ("regarding.uid", "/involvedObject/uid"),
    ("regarding.name", "/involvedObject/name"),
    ("regarding.namespace", "/involvedObject/namespace"),
    ("regarding.kind", "/involvedObject/kind"),
    ("reason", "/reason"),
    ("type", "/type"),
    ("spec.nodeName", "/spec/nodeName"),
    ("status.phase", "/status/phase"),
];

impl Selector {
    /// Reads both parameters; a bad one is 400.
    pub(crate) fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, Failure> {
        let mut selector = Self::default();
        for part in split(labels.unwrap_or("")) {
            selector.labels.push(
                rule(&part)
                    .ok_or_else(|| Failure::bad_request(format!("unable to parse requirement: {part}")))?,
            );
        }
        for part in split(fields.unwrap_or("")) {
            let rule = rule(&part).filter(|r| FIELDS.iter().any(|(name, _)| *name == r.key));
            let unknown = || Failure::bad_request(format!("field label not supported: {part}"));
            selector.fields.push(rule.ok_or_else(unknown)?);
        }
        Ok(selector)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        let field = |key: &str| {
            let pointer = FIELDS.iter().find(|(name, _)| *name == key).map_or("", |(_, pointer)| pointer);
            text(object, pointer)
        };
        self.labels.iter().all(|rule| rule.holds(label(&rule.key)))
            && self.fields.iter().all(|rule| rule.holds(Some(field(&rule.key))))
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn rule(part: &str) -> Option<Rule> {
    let set = |text: &str| -> Option<Vec<String>> {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|one| one.trim().to_owned()).collect())
    };
    let (key, test) = if let Some((key, values)) = part.split_once(" notin ") {
        (key, Test::NotIn(set(values)?))
    } else if let Some((key, values)) = part.split_once(" in ") {
        (key, Test::In(set(values)?))
    } else if let Some((key, value)) = part.split_once("!=") {
        (key, Test::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Test::In(vec![value.trim().to_owned()]))
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Test::Missing)
    } else {
        (part, Test::Exists)
    };
    let key = key.trim();
    let clean = !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || c == '(' || c == ')');
    clean.then(|| Rule { key: key.to_owned(), test })
}

/// `metav1.LabelSelector` against a set of labels. An empty selector matches everything, an absent one nothing.
pub(crate) fn selects(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(selector) = selector else { return false };
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let equal = selector.get("matchLabels").and_then(Value::as_object).is_none_or(|wanted| {
        wanted.iter().all(|(key, value)| label(key).is_some_and(|have| Some(have) == value.as_str()))
    });
    equal
        && list(selector, "/matchExpressions").iter().all(|one| {
            let values = list(one, "/values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let test = match text(one, "/operator") {
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                _ => Test::Missing,
            };
            let key = text(one, "/key").to_owned();
            let found = label(&key);
            Rule { key: String::new(), test }.holds(found)
        })
}
