//! The part of kubectl's JSONPath that cases need: `.a.b`, `.a[0]`, `.a[*].b`, `.a[?(@.type=="Ready")].status`,
//! and `.a\.b` for a name with a dot.

use serde::Deserialize;
use serde_json::Value;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Field(String),
    At(usize),
    All,
    Where(Vec<String>, String),
}

impl TryFrom<String> for Path {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(&text);
        let parts = parse(inner).ok_or_else(|| {
            format!("`{text}` is not a path such as .status.conditions[?(@.type==\"Ready\")].status")
        })?;
        Ok(Self(parts))
    }
}

fn parse(mut text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        if let Some(rest) = text.strip_prefix('.') {
            let (name, rest) = field(rest)?;
            parts.push(Part::Field(name));
            text = rest;
        } else {
            let rest = text.strip_prefix('[')?;
            let (part, rest) = if let Some(rest) = rest.strip_prefix("?(@.") {
                let (condition, rest) = rest.split_once(")]")?;
                let (path, value) = condition.split_once("==")?;
                let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'))?;
                (Part::Where(path.split('.').map(str::to_owned).collect(), value.to_owned()), rest)
            } else {
                let (index, rest) = rest.split_once(']')?;
                (if index == "*" { Part::All } else { Part::At(index.parse().ok()?) }, rest)
            };
            parts.push(part);
            text = rest;
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// A name up to the next dot or bracket.
fn field(text: &str) -> Option<(String, &str)> {
    let (mut name, mut chars) = (String::new(), text.char_indices());
    let mut end = text.len();
    while let Some((at, letter)) = chars.next() {
        match letter {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            ']' | '"' | ' ' => return None,
            other => name.push(other),
        }
    }
    (!name.is_empty()).then(|| (name, text.get(end..).unwrap_or_default()))
}

impl Path {
    /// Every value that it leads to, as kubectl prints them.
    pub fn read(&self, object: &Value) -> Vec<String> {
        let mut found = vec![object];
        for part in &self.0 {
            found = found.into_iter().flat_map(|value| step(part, value)).collect();
        }
        found
            .into_iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect()
    }
}

fn step<'a>(part: &Part, value: &'a Value) -> Vec<&'a Value> {
    let all = || value.as_array().into_iter().flatten();
    match part {
        Part::Field(name) => value.get(name).into_iter().collect(),
        Part::At(index) => value.get(index).into_iter().collect(),
        Part::All => all().collect(),
        Part::Where(path, wanted) => all()
            .filter(|item| {
                let found = path.iter().try_fold(*item, |value, name| value.get(name));
                found.is_some_and(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned) == *wanted)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_where_kubectls_does() {
        let object = json!({
            "status": {
                "readyReplicas": 2,
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}],
            },
            "metadata": {"labels": {"a.b/c": "x"}},
        });
        let table = [
            (".status.readyReplicas", vec!["2"]),
            ("{.status.readyReplicas}", vec!["2"]),
            (".status.conditions[0].type", vec!["Ready"]),
            (".status.conditions[*].status", vec!["True", "False"]),
            (".status.conditions[?(@.type==\"Disk\")].status", vec!["False"]),
            (".metadata.labels.a\\.b/c", vec!["x"]),
            (".status.missing", vec![]),
            (".status.conditions[7]", vec![]),
        ];
        for (path, wanted) in table {
            assert_eq!(Path::try_from(path.to_owned()).unwrap().read(&object), wanted, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "status", ".", ".a..b", ".a[", ".a[x]", ".a[?(@.type=Ready)]", ".a b", "{.a", ".a\\"]
        {
            assert!(Path::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
