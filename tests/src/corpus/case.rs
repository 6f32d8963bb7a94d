//! What a case file says.

use super::step::Step;
use nightshift_model::Seconds;
use serde::{Deserialize, Deserializer, de};
use std::path::PathBuf;

/// The folders in which cases stand: what is broken, or nothing.
pub const GROUPS: &[&str] =
    &["containers", "scheduling", "workloads", "storage", "network", "nodes", "healthy", SOAK];
/// The folder of what is repeated for long, all side by side.
pub const SOAK: &str = "soak";
/// A case that is watched longer belongs into the soak.
const LONGEST: Seconds = Seconds(900);

/// A case as it was read, with everything that it needs.
#[derive(Clone, Debug)]
pub struct Case {
    /// `<group>/<name>`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it says.
    pub told: Told,
}

impl Case {
    /// Whether it belongs to the soak.
    pub fn soaks(&self) -> bool {
        !self.told.rounds.is_empty()
    }

    /// How long it takes at least, without what its steps wait for.
    pub fn length(&self) -> Seconds {
        let waits = self.told.steps.iter().map(|step| {
            if let Step::Wait(length) = &step.value {
                *length
            } else if let Step::Drain(drain) = &step.value
                && drain.blocked
            {
                drain.within
            } else {
                Seconds(0)
            }
        });
        waits.fold(self.told.watch.0, |sum, length| Seconds(sum.0.saturating_add(length.0)))
    }
}

/// `case.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// What happens, in a sentence.
    pub about: Text,
    /// The public report or page that it is drawn from.
    pub source: Source,
    /// Whether it touches something that other cases would feel.
    #[serde(default)]
    pub alone: bool,
    /// How many nodes it needs.
    #[serde(default = "one")]
    pub nodes: Nodes,
    /// What is done, in order.
    pub steps: Vec<serde_saphyr::Spanned<Step>>,
    /// What a soak does after them, over and over.
    #[serde(default)]
    pub rounds: Vec<serde_saphyr::Spanned<Step>>,
    /// How long nightshift is watched after the last step.
    pub watch: Watch,
    /// What it must say.
    pub expect: Expect,
}

fn one() -> Nodes {
    Nodes(1)
}

/// Exactly one of the two.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Either")]
pub enum Expect {
    /// One incident, and this one.
    Failure(Failure),
    /// None.
    Silence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Either {
    failure: Option<Failure>,
    silence: Option<bool>,
}

impl TryFrom<Either> for Expect {
    type Error = &'static str;
    fn try_from(said: Either) -> Result<Self, Self::Error> {
        match said {
            Either { failure: Some(failure), silence: None } => Ok(Self::Failure(failure)),
            Either { failure: None, silence: Some(true) } => Ok(Self::Silence),
            Either { .. } => Err("`expect` is either `failure: {…}` or `silence: true`"),
        }
    }
}

/// What the one incident must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Reasons of its first finding that count as right.
    pub reason: Any<Reason>,
    /// The object that a person would fix, as `deployment/app`.
    pub scope: Any<Name>,
    /// The first cause's word, where the case tells it.
    pub cause: Option<Any<Reason>>,
    /// A text that the cause's sentence must contain.
    pub says: Option<Text>,
    /// `escalate`, or the action that is proposed first.
    pub action: Any<ActionWord>,
    /// Reasons of further findings of the same incident that are right too.
    #[serde(default)]
    pub others: Vec<Reason>,
}

/// One, or several of which each is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Any<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Any<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Seen<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Seen<T> {
            type Value = Any<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a word, or a list of words")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| Any(vec![one]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                if all.is_empty() {
                    Err(de::Error::custom("an empty list: nothing would be right"))
                } else {
                    Ok(Any(all))
                }
            }
        }
        d.deserialize_any(Seen(std::marker::PhantomData))
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Any<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(T::to_string).collect();
        f.write_str(&all.join("|"))
    }
}

/// A string that is held to a rule when it is read.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(pub String);

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                let rule: fn(&str) -> bool = $rule;
                if rule(&text) { Ok(Self(text)) } else { Err(format!("`{text}` is not {}", $what)) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// A sentence or a part of one.
    Text, |t| !t.trim().is_empty() && t.len() <= 2000, "a text of 1 to 2000 letters"
);
word!(
    /// A public page.
    Source, |t| t.starts_with("https://") && !t.contains(char::is_whitespace), "an https address of a public page"
);
word!(
    /// A reason or a cause, in Kubernetes' own CamelCase.
    Reason, |t| t.starts_with(|c: char| c.is_ascii_uppercase()) && t.chars().all(|c| c.is_ascii_alphanumeric()),
    "a word in CamelCase, such as CrashLoopBackOff"
);
word!(
    /// `escalate`, or an action's name.
    ActionWord, |t| !t.is_empty() && t.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
    "`escalate` or an action's name, such as rollback-deployment"
);
word!(
    /// An object, `kind/name`.
    Name, |t| t.split_once('/').is_some_and(|(kind, name)| is_kind(kind) && is_name(name)),
    "an object, such as deployment/app"
);

/// Lower case letters and the dots of a group.
pub(super) fn is_kind(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-')
}

fn is_name(text: &str) -> bool {
    let text = text.replace("{{ns}}", "ns");
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c))
}

impl Name {
    /// Kind and name.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or_default()
    }
}

/// One to three: what the lab can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct Nodes(pub u8);

impl TryFrom<u8> for Nodes {
    type Error = String;
    fn try_from(count: u8) -> Result<Self, String> {
        if (1..=3).contains(&count) {
            Ok(Self(count))
        } else {
            Err(format!("{count} nodes: the lab has one to three"))
        }
    }
}

/// How long nightshift is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Seconds")]
pub struct Watch(pub Seconds);

impl TryFrom<Seconds> for Watch {
    type Error = String;
    fn try_from(length: Seconds) -> Result<Self, String> {
        if length > Seconds(0) && length <= LONGEST {
            Ok(Self(length))
        } else {
            Err(format!("{length} of watching: 1s to {LONGEST}"))
        }
    }
}
