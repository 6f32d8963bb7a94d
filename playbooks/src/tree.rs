//! The YAML of one file as a tree in which every key and value knows its line and column.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Place {
    /// The first character of a file.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

impl From<serde_saphyr::Location> for Place {
    fn from(at: serde_saphyr::Location) -> Self {
        Self { line: at.line().max(1), column: at.column().max(1) }
    }
}

/// One value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A value as YAML reads it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Nothing,
    Flag,
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

impl Value {
    /// What it is, for a message.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Flag => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(d)?;
        Ok(Self { place: spanned.referenced.into(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Flag)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key { place: key.referenced.into(), name: key.value };
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

/// Where every path of a file stands: of a mapping's entry the key, of a list's element the element.
pub(crate) struct Places(BTreeMap<String, Place>);

impl Places {
    /// All paths of a tree.
    pub(crate) fn of(root: &Node) -> Self {
        let mut places = BTreeMap::new();
        collect(root, "", &mut places);
        Self(places)
    }

    /// Where a path stands, or the nearest thing around it.
    pub(crate) fn get(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(parent) => path = parent,
                None => return Place::START,
            }
        }
    }
}

fn collect(node: &Node, path: &str, places: &mut BTreeMap<String, Place>) {
    match &node.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                let path = under(path, &key.name);
                places.insert(path.clone(), key.place);
                collect(node, &path, places);
            }
        }
        Value::List(nodes) => {
            for (at, node) in nodes.iter().enumerate() {
                let path = format!("{path}[{at}]");
                places.insert(path.clone(), node.place);
                collect(node, &path, places);
            }
        }
        Value::Nothing | Value::Flag | Value::Number(_) | Value::Text(_) => {}
    }
}

/// The path of a key under a path.
pub(crate) fn under(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_knows_its_line_and_column() {
        let text = "# why\nname: a\nverify:\n  soak: 10m\n  measures:\n    - name: x\n      holds: { op: \"==\", value: \"0\" }\n    - {cluster: y}\n";
        let node: Node = serde_saphyr::from_str(text).unwrap();
        let places = Places::of(&node);
        for (path, line, column) in [
            ("name", 2, 1),
            ("verify.soak", 4, 3),
            ("verify.measures[0].name", 6, 7),
            ("verify.measures[0].holds.value", 7, 26),
            ("verify.measures[0].bind.job", 6, 7),
            ("verify.measures[1].cluster", 8, 8),
            ("nowhere", 1, 1),
        ] {
            assert_eq!(places.get(path), Place { line, column }, "{path}");
        }
    }
}
