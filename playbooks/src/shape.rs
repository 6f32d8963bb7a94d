//! Checks a file's tree against the JSON Schema of playbooks and finds all that is wrong, not only the first thing.
//!
//! Only the keywords that our own schema uses are known here; the structures of `schema.rs` stay the one source.

use crate::promql;
use crate::schema::CHECK;
use crate::tree::{Key, Node, Place, Value, under};
use nightshift_model::Seconds;
use serde_json::Value as Json;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) next: String,
}

/// Everything about the tree that does not fit the schema.
pub(crate) fn faults(root: &Node, schema: &Json) -> Vec<Fault> {
    let mut check = Checking { schema, found: Vec::new() };
    // An empty file has its value behind its last line.
    let place = if matches!(root.value, Value::Nothing) { Place::START } else { root.place };
    check.node(root, schema, "", place);
    check.found
}

struct Checking<'a> {
    schema: &'a Json,
    found: Vec<Fault>,
}

impl<'a> Checking<'a> {
    fn fault(&mut self, place: Place, path: &str, what: impl Into<String>, next: impl Into<String>) {
        self.found.push(Fault { place, path: path.to_owned(), what: what.into(), next: next.into() });
    }

    /// `place` is where a person looks for this value: at its key, if it has one.
    fn node(&mut self, node: &Node, schema: &'a Json, path: &str, place: Place) {
        let schema = self.resolved(schema);
        if let Some(branches) = list(schema, "oneOf").or_else(|| list(schema, "anyOf")) {
            let branches: Vec<&Json> = branches.iter().map(|b| self.resolved(b)).collect();
            let words: Vec<&str> = branches.iter().filter_map(|b| b.get("const")?.as_str()).collect();
            let wanted = if words.is_empty() { "object" } else { "string" };
            match (wanted, &node.value) {
                ("object", Value::Map(entries)) => self.choice(entries, &branches, path, place),
                ("string", Value::Text(text)) => {
                    self.one_of(text, &words, word(schema, "title"), path, place);
                }
                (_, value) => self.other(wanted, value, path, place),
            }
            return;
        }
        match (word(schema, "type"), &node.value) {
            ("object", Value::Map(entries)) => self.mapping(entries, schema, &[], path, place),
            ("array", Value::List(nodes)) => self.list(nodes, schema, path, place),
            ("string", Value::Text(text)) => self.text(text, schema, path, place),
            ("integer", Value::Number(number)) => {
                let least = schema.get("minimum").and_then(Json::as_u64).unwrap_or(0);
                if number.parse::<u32>().map_or(true, |n| u64::from(n) < least) {
                    self.fault(
                        place,
                        path,
                        format!("{number} is out of range"),
                        format!("write a whole number from {least}"),
                    );
                }
            }
            ("boolean", Value::Flag) => {}
            (wanted, value) => self.other(wanted, value, path, place),
        }
    }

    fn other(&mut self, wanted: &str, value: &Value, path: &str, place: Place) {
        let (wanted, next) = match wanted {
            "object" => ("a mapping", "write `key: value` lines below it"),
            "array" => ("a list", "write `- ` lines below it"),
            "integer" => ("a whole number", "write digits only, without quotes"),
            "boolean" => ("true or false", "write true or false, without quotes"),
            _ if matches!(value, Value::Number(_) | Value::Flag) => ("text", "put it in quotes"),
            _ => ("text", "write text"),
        };
        self.fault(place, path, format!("{} where {wanted} is wanted", value.word()), next);
    }

    /// `elsewhere` are fields that another form of this mapping has.
    fn mapping(
        &mut self,
        entries: &[(Key, Node)],
        schema: &'a Json,
        elsewhere: &[&str],
        path: &str,
        place: Place,
    ) {
        let known = schema.get("properties").and_then(Json::as_object);
        for (key, node) in entries {
            let inner = under(path, &key.name);
            if let Some(property) = known.and_then(|k| k.get(&key.name)) {
                self.node(node, property, &inner, key.place);
            } else if let Some(every) = schema.get("additionalProperties").filter(|s| s.is_object()) {
                self.node(node, every, &inner, key.place);
            } else {
                let what = if elsewhere.contains(&key.name.as_str()) {
                    format!("`{}` does not go with the other fields here", key.name)
                } else {
                    format!("unknown field `{}`", key.name)
                };
                let next = format!("remove it; known here: {}", fields(schema).join(", "));
                self.fault(key.place, &inner, what, next);
            }
        }
        for field in list(schema, "required").into_iter().flatten().filter_map(Json::as_str) {
            if !entries.iter().any(|(key, _)| key.name == field) {
                let about = known.and_then(|k| k.get(field)).map_or("", |s| word(s, "description"));
                let next = format!("add it: {}", about.lines().next().unwrap_or_default());
                self.fault(place, &under(path, field), format!("the field `{field}` is missing"), next);
            }
        }
    }

    fn list(&mut self, nodes: &[Node], schema: &'a Json, path: &str, place: Place) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
        if let Some(most) = bound("maxItems").filter(|most| nodes.len() > *most) {
            let what = format!("{} entries, at most {most} are taken", nodes.len());
            self.fault(place, path, what, "keep those that tell the most");
        }
        if let Some(least) = bound("minItems").filter(|least| nodes.len() < *least) {
            let what = format!("{} entries, {least} at least are wanted", nodes.len());
            self.fault(place, path, what, "write `- ` lines below it");
        }
        if let Some(items) = schema.get("items") {
            for (at, node) in nodes.iter().enumerate() {
                self.node(node, items, &format!("{path}[{at}]"), node.place);
            }
        }
    }

    fn text(&mut self, text: &str, schema: &Json, path: &str, place: Place) {
        if let Some(words) = list(schema, "enum") {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            return self.one_of(text, &words, word(schema, "title"), path, place);
        }
        let most = schema.get("maxLength").and_then(Json::as_u64);
        if let Some(most) = most.filter(|most| text.chars().count() as u64 > *most) {
            return self.fault(place, path, format!("longer than {most} characters"), "shorten it");
        }
        if text.trim().is_empty() {
            return self.fault(place, path, "empty text", "write something, or remove the field");
        }
        if let Err((what, next)) = form(word(schema, CHECK), text) {
            self.fault(place, path, what, next);
        }
    }

    fn one_of(&mut self, text: &str, words: &[&str], title: &str, path: &str, place: Place) {
        if !words.contains(&text) {
            let field = if title.is_empty() { path.rsplit('.').next().unwrap_or_default() } else { title };
            let next = format!("write one of: {}", words.join(", "));
            self.fault(place, path, format!("unknown {field} `{text}`"), next);
        }
    }

    /// Of several forms of a mapping the one is meant that knows the most of the fields written; of equals the first.
    fn choice(&mut self, entries: &[(Key, Node)], forms: &[&'a Json], path: &str, place: Place) {
        let knows = |form: &&Json| {
            let fields = fields(form);
            entries.iter().filter(|(key, _)| fields.contains(&key.name.as_str())).count()
        };
        let most = forms.iter().map(knows).max().unwrap_or(0);
        match forms.iter().find(|form| knows(form) == most) {
            Some(meant) if most > 0 => {
                let elsewhere: Vec<&str> = forms.iter().flat_map(|form| fields(form)).collect();
                self.mapping(entries, meant, &elsewhere, path, place);
            }
            _ => {
                let required = |form: &&Json| {
                    let names = list(form, "required").into_iter().flatten().filter_map(Json::as_str);
                    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
                };
                let wanted: Vec<String> = forms.iter().map(required).collect();
                self.fault(place, path, "nothing known here", format!("write {}", wanted.join(", or ")));
            }
        }
    }

    fn resolved(&self, schema: &'a Json) -> &'a Json {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#'));
        target.and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }
}

/// Checks a text of a form that JSON Schema cannot say.
fn form(check: &str, text: &str) -> Result<(), (String, String)> {
    let wrong = |what: String, next: &str| Err((what, next.to_owned()));
    match check {
        "name" if !is_name(text) => wrong(
            format!("`{text}` is not a name"),
            "write lower-case words joined by `-`, as in missing-replicas",
        ),
        "decimal" if !is_decimal(text) => wrong(
            format!("`{text}` is not a decimal number"),
            "write digits in quotes, as in \"0\" or \"0.05\"",
        ),
        "duration" => match text.parse::<Seconds>() {
            Ok(Seconds(0)) => {
                wrong("a soak of nothing proves nothing".to_owned(), "leave it out: policy has a floor")
            }
            Ok(_) => Ok(()),
            Err(said) => {
                let (what, next) = said.split_once(": ").unwrap_or((&said, "write a shorter one"));
                wrong(what.to_owned(), next)
            }
        },
        "promql" => promql::read(text).map(drop).map_err(|refused| (refused.what, refused.next)),
        _ => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split_once('.').map_or_else(|| digits(text), |(whole, rest)| digits(whole) && digits(rest))
}

fn fields(schema: &Json) -> Vec<&str> {
    schema
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

fn word<'a>(schema: &'a Json, key: &str) -> &'a str {
    schema.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn list<'a>(schema: &'a Json, key: &str) -> Option<&'a [Json]> {
    schema.get(key).and_then(Json::as_array).map(Vec::as_slice)
}
