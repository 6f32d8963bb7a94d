//! What can be done to a cluster in a case: one verb a step.

use super::case::{Name, is_kind};
use super::path::Path;
use nightshift_model::Seconds;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// A step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Creates or changes what a manifest of the case's folder says, by server-side apply.
    Apply(File),
    /// Waits until an object is as wanted.
    Until(Until),
    /// Changes an object.
    Patch(Patch),
    /// Deletes objects, and waits until they are gone.
    Delete(Pick),
    /// Lets time pass.
    Wait(Seconds),
    /// Changes the number of replicas.
    Scale(Scale),
    /// `kubectl rollout restart`.
    Restart(Name),
    /// `kubectl rollout undo`.
    Undo(Name),
    /// Asks the Eviction API for each pod. A refusal by a budget (429) is an answer, not an error.
    Evict(Pick),
    /// Runs a command in the first container of a pod.
    Exec(Exec),
    /// Makes a node unschedulable.
    Cordon(Node),
    /// Makes it schedulable.
    Uncordon(Node),
    /// Cordons a node and evicts this case's pods there, as `kubectl drain` does it.
    Drain(Drain),
    /// Stops a node's kubelet (SIGSTOP): its node fails.
    Freeze(Node),
    /// Lets it go on.
    Thaw(Node),
    /// Taints a node.
    Taint(Taint),
    /// Takes the taints away that a case gave to a node.
    Untaint(Node),
}

impl Step {
    /// Whether it changes something: a failure may begin with it.
    pub fn acts(&self) -> bool {
        !matches!(self, Self::Until(_) | Self::Wait(_))
    }

    /// Whether it touches what every case stands on.
    pub fn touches_a_node(&self) -> bool {
        matches!(
            self,
            Self::Cordon(_)
                | Self::Uncordon(_)
                | Self::Drain(_)
                | Self::Freeze(_)
                | Self::Thaw(_)
                | Self::Taint(_)
                | Self::Untaint(_)
        )
    }
}

/// A file of the case's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct File(pub String);

impl TryFrom<String> for File {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let yaml = name.strip_suffix(".yaml").is_some_and(|stem| !stem.is_empty());
        if yaml && !name.contains(['/', '\\']) {
            Ok(Self(name))
        } else {
            Err(format!("`{name}` is not a manifest of this folder, such as objects.yaml"))
        }
    }
}

/// A node of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Node(pub String);

impl TryFrom<String> for Node {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        if ["lab", "node2", "node3"].contains(&name.as_str()) {
            Ok(Self(name))
        } else {
            Err(format!("`{name}` is not a node of the lab: lab, node2, node3"))
        }
    }
}

/// Which objects: one by name, or those of a kind with labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Picked")]
pub struct Pick {
    /// `pod/app-0`, or a kind alone.
    pub object: String,
    /// A label selector; empty for a name.
    pub selector: String,
    /// Whether to wait until they are gone.
    pub wait: bool,
}

#[derive(Clone, Debug)]
enum Picked {
    Text(String),
    Fields(PickFields),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PickFields {
    #[serde(default)]
    object: String,
    #[serde(default)]
    selector: String,
    wait: Option<bool>,
}

impl<'de> Deserialize<'de> for Picked {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> de::Visitor<'de> for Seen {
            type Value = Picked;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object such as pod/app-0, or { object: pods, selector: app=app }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Picked::Text(text.to_owned()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                PickFields::deserialize(de::value::MapAccessDeserializer::new(map)).map(Picked::Fields)
            }
        }
        d.deserialize_any(Seen)
    }
}

impl TryFrom<Picked> for Pick {
    type Error = String;
    fn try_from(picked: Picked) -> Result<Self, String> {
        let fields = match picked {
            Picked::Text(object) => PickFields { object, selector: String::new(), wait: None },
            Picked::Fields(fields) => fields,
        };
        let object = if fields.object.is_empty() { "pods".to_owned() } else { fields.object };
        let pick = Self { object, selector: fields.selector, wait: fields.wait.unwrap_or(true) };
        which(&pick.object, &pick.selector).map(|()| pick)
    }
}

/// A name, or a kind with labels: the kind alone would be everything in the namespace.
fn which(object: &str, selector: &str) -> Result<(), String> {
    match (Name::try_from(object.to_owned()), is_kind(object), selector.is_empty()) {
        (Ok(_), _, true) | (Err(_), true, false) => Ok(()),
        (Ok(_), _, false) => Err(format!("`{object}` has a name already: leave the selector out")),
        (Err(_), true, true) => Err(format!("`{object}` needs a name (`{object}/app`) or a selector")),
        (Err(why), false, _) => Err(why),
    }
}

/// Until something is so.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "UntilFields")]
pub struct Until {
    /// `deployment/app`, or a kind with a selector: then any of them.
    pub object: String,
    /// A label selector; empty for a name.
    pub selector: String,
    /// What.
    pub is: Is,
    /// How long it may take.
    pub within: Seconds,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Is {
    /// One of the values at a path equals this text.
    Equals(Path, String),
    /// One of the values at a path is at least this number.
    AtLeast(Path, i64),
    /// There is none.
    Gone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntilFields {
    object: String,
    #[serde(default)]
    selector: String,
    jsonpath: Option<Path>,
    equals: Option<Scalar>,
    at_least: Option<i64>,
    gone: Option<bool>,
    within: Seconds,
}

impl TryFrom<UntilFields> for Until {
    type Error = String;
    fn try_from(fields: UntilFields) -> Result<Self, String> {
        let UntilFields { object, selector, jsonpath, equals, at_least, gone, within } = fields;
        let is = match (jsonpath, equals, at_least, gone) {
            (Some(path), Some(Scalar(text)), None, None) => Is::Equals(path, text),
            (Some(path), None, Some(number), None) => Is::AtLeast(path, number),
            (None, None, None, Some(true)) => Is::Gone,
            _ => {
                return Err(
                    "`until` needs `jsonpath` with `equals` or `at_least`, or `gone: true`".to_owned()
                );
            }
        };
        which(&object, &selector)?;
        if within == Seconds(0) || within > Seconds(600) {
            return Err(format!("within {within}: 1s to 10m"));
        }
        Ok(Self { object, selector, is, within })
    }
}

/// A value as it is written: `"2"`, `2` and `true` are texts.
#[derive(Clone, Debug)]
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Seen;
        impl de::Visitor<'_> for Seen {
            type Value = Scalar;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, a number, true or false")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        d.deserialize_any(Seen)
    }
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "PatchFields")]
pub struct Patch {
    /// Which.
    pub object: Name,
    /// `application/merge-patch+json` or its strategic sister.
    pub content: String,
    /// The body.
    pub body: Value,
    /// `status` or another subresource; empty for the object itself.
    pub subresource: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchFields {
    object: Name,
    merge: Option<Value>,
    strategic: Option<Value>,
    #[serde(default)]
    subresource: String,
}

impl TryFrom<PatchFields> for Patch {
    type Error = &'static str;
    fn try_from(fields: PatchFields) -> Result<Self, Self::Error> {
        let (content, body) = match (fields.merge, fields.strategic) {
            (Some(body), None) => ("application/merge-patch+json", body),
            (None, Some(body)) => ("application/strategic-merge-patch+json", body),
            (None, None) | (Some(_), Some(_)) => return Err("`patch` needs either `merge` or `strategic`"),
        };
        if !body.is_object() {
            return Err("a patch is a mapping, such as { spec: { replicas: 3 } }");
        }
        Ok(Self { object: fields.object, content: content.to_owned(), body, subresource: fields.subresource })
    }
}

/// Another number of replicas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Which.
    pub object: Name,
    /// How many.
    pub to: u32,
}

/// A command in a pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Which pod, or which workload's first pod.
    pub object: Name,
    /// The command.
    pub command: Vec<String>,
}

/// A drain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// Which node.
    pub node: Node,
    /// How long it may take.
    pub within: Seconds,
    /// Whether it is blocked, and still is after that time.
    #[serde(default)]
    pub blocked: bool,
}

/// A taint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TaintFields")]
pub struct Taint {
    /// Which node.
    pub node: Node,
    /// Key.
    pub key: String,
    /// Value; may be empty.
    pub value: String,
    /// NoSchedule, PreferNoSchedule or NoExecute.
    pub effect: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaintFields {
    node: Node,
    taint: String,
}

impl TryFrom<TaintFields> for Taint {
    type Error = String;
    fn try_from(fields: TaintFields) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a taint, such as key=value:NoSchedule", fields.taint);
        let (pair, effect) = fields.taint.rsplit_once(':').ok_or_else(wrong)?;
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key.is_empty() || !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect) {
            return Err(wrong());
        }
        Ok(Self {
            node: fields.node,
            key: key.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
        })
    }
}
