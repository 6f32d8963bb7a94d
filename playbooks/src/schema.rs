//! What a playbook file holds: closed structures, from which the JSON Schema for editors is made.

use nightshift_model::measure::Comparison;
use nightshift_model::{ActionKind, Kind, Reason, Seconds};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The keyword under which a schema names a form of text that the loader checks; editors ignore it.
pub(crate) const CHECK: &str = "x-nightshift-check";

/// The kinds that a playbook may name.
pub(crate) const KINDS: &[Kind] =
    &[Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Job, Kind::CronJob, Kind::Pod, Kind::Node];

const COMPARISONS: &[Comparison] =
    &[Comparison::Equal, Comparison::AtMost, Comparison::AtLeast, Comparison::Below, Comparison::Above];

/// What may be done about one kind of fault, and how it is proven. It names an action; it holds no code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// The file's name without `.yaml`: lower-case words joined by `-`.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// Raised by whoever changes what the playbook does; shown on its page.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// What it does, in one line.
    #[schemars(length(max = 200))]
    pub summary: String,
    /// When it fits. Empty fits everything.
    pub when: When,
    /// What may be done.
    pub plan: Plan,
    /// Queries whose answers are shown as evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub investigate: Vec<Question>,
    /// How the action is proven. Wanted with an action, refused without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Verify")]
    pub verify: Option<Verify>,
    /// What a person should know, in Markdown.
    pub runbook: String,
}

/// When a playbook fits. A field that is left out fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The finding's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reason")]
    pub reason: Option<Reason>,
    /// The kind of the object that a person would fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kind")]
    pub kind: Option<Kind>,
    /// What brought the fault about.
    #[serde(default)]
    pub cause: WantedCause,
}

/// The cause that a playbook asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "cause")]
pub enum WantedCause {
    /// Whatever it was.
    #[default]
    Any,
    /// A rollout: an earlier revision was healthy, the newest is not.
    Rollout,
    /// A container was killed at its own memory limit, and no rollout brought that.
    MemoryLimit,
    /// One pod of several is broken by what it alone has: its siblings of the same revision serve.
    OnePod,
    /// Every pod was Ready and hangs, and no rollout brought that.
    Hang,
}

/// What a playbook allows: one action, or a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Propose this action; its parameters come from evidence.
    Action(#[schemars(schema_with = "action")] ActionKind),
    /// Propose nothing and say this to a person.
    Escalate(String),
}

/// A read-only query whose answer is shown as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its name, unique within the playbook.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// The query.
    #[schemars(schema_with = "promql")]
    pub query: String,
    /// Label -> parameter of the target: becomes an equality matcher of every selector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bind: BTreeMap<String, Parameter>,
}

/// How an action is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// How long every measure must hold. It only ever raises the policy's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration")]
    pub soak: Option<Seconds>,
    /// What must hold. One at least fails before the action.
    #[schemars(length(min = 1, max = 8))]
    pub measures: Vec<Measure>,
}

/// One measure: a query or a condition of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Measure {
    /// Asked of Prometheus.
    Query(QueryMeasure),
    /// Read from the cluster.
    Cluster(ClusterMeasure),
}

impl Measure {
    /// Its name: of a condition, the condition's.
    pub fn name(&self) -> &str {
        match self {
            Self::Query(m) => &m.name,
            Self::Cluster(m) => m.cluster.as_str(),
        }
    }

    /// Whether it must fail before the action.
    pub fn red_first(&self) -> bool {
        match self {
            Self::Query(m) => m.red_first,
            Self::Cluster(m) => m.red_first,
        }
    }
}

/// A query and the threshold that every sample of its answer must meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryMeasure {
    /// Its name, unique within the playbook.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// What it proves, in one sentence: shown on the playbook's page.
    pub why: String,
    /// The query.
    #[schemars(schema_with = "promql")]
    pub query: String,
    /// Label -> parameter of the target: becomes an equality matcher of every selector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bind: BTreeMap<String, Parameter>,
    /// What every sample must meet.
    pub holds: Holds,
    /// Whether it must fail before the action.
    #[serde(default)]
    pub red_first: bool,
}

/// A comparison with a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// How a sample is compared.
    #[schemars(schema_with = "comparison")]
    pub op: Comparison,
    /// A decimal number, in quotes.
    #[schemars(schema_with = "decimal")]
    pub value: String,
}

/// A condition that the cluster itself can prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterMeasure {
    /// Which.
    pub cluster: Condition,
    /// Whether it must fail before the action.
    #[serde(default)]
    pub red_first: bool,
}

/// A condition of the cluster, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "condition")]
pub enum Condition {
    /// The controller has seen the newest spec; every replica is updated and available.
    RolledOut,
    /// No container of the workload's current pods waits in a crash loop or restarted since the write.
    NoRestarts,
    /// The live template is still the one that was sealed.
    TemplateIs,
    /// The container's memory limit in the live template is still the one that was sealed.
    LimitIs,
    /// The pod that was deleted is gone.
    PodReplaced,
    /// The live template still says that it was restarted then, and is otherwise the one that was sealed.
    RestartIs,
    /// The Job that was made is Complete.
    JobComplete,
}

impl Condition {
    /// Its name in a playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RolledOut => "rolled-out",
            Self::NoRestarts => "no-restarts",
            Self::TemplateIs => "template-is",
            Self::LimitIs => "limit-is",
            Self::PodReplaced => "pod-replaced",
            Self::RestartIs => "restart-is",
            Self::JobComplete => "job-complete",
        }
    }

    /// What it says, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::RolledOut => {
                "The controller has seen the newest spec; every replica is updated and available."
            }
            Self::NoRestarts => {
                "No container of the current pods waits in a crash loop or restarted since the write."
            }
            Self::TemplateIs => "The live template is still the one that was sealed.",
            Self::LimitIs => {
                "The container's memory limit in the live template is still the one that was sealed."
            }
            Self::PodReplaced => "The pod that was deleted is gone.",
            Self::RestartIs => {
                "The live template still says that it was restarted then, and is otherwise the one that was sealed."
            }
            Self::JobComplete => "The Job that was made in place of the failed one is Complete.",
        }
    }
}

/// What of the target a label can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "parameter")]
pub enum Parameter {
    /// The target's namespace.
    Namespace,
    /// The target's name.
    Name,
}

impl Parameter {
    /// Its name in a playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Name => "name",
        }
    }
}

/// The JSON Schema of a playbook file. Editors complete and check with it; the loader checks every file against it.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Playbook).to_value();
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), "nightshift playbook".into());
    }
    schema.sort_all_objects();
    schema
}

fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": 63, CHECK: "name" })
}

fn promql(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": crate::promql::LONGEST, CHECK: "promql" })
}

fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]+[smhd]$", CHECK: "duration" })
}

fn decimal(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$", CHECK: "decimal" })
}

fn reason(_: &mut SchemaGenerator) -> Schema {
    one_of(Reason::ALL.iter().map(|r| r.as_str()))
}

fn kind(_: &mut SchemaGenerator) -> Schema {
    one_of(KINDS.iter().map(Kind::as_str))
}

fn action(_: &mut SchemaGenerator) -> Schema {
    one_of(ActionKind::ALL.iter().map(|a| a.as_str()))
}

fn comparison(_: &mut SchemaGenerator) -> Schema {
    one_of(COMPARISONS.iter().map(|c| c.sign()))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> Schema {
    json_schema!({ "type": "string", "enum": words.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_fresh() {
        let fresh = format!("{:#}\n", json_schema());
        expect_test::expect_file!["../schema.json"].assert_eq(&fresh);
    }

    #[test]
    fn the_words_of_the_schema_are_those_of_the_program() {
        let words = |path: &str| json_schema().pointer(path).unwrap().clone();
        let enumerated: Vec<Reason> =
            serde_json::from_value(words("/$defs/When/properties/reason/enum")).unwrap();
        assert_eq!(enumerated, Reason::ALL);
        let signs: Vec<Comparison> =
            serde_json::from_value(words("/$defs/Holds/properties/op/enum")).unwrap();
        assert_eq!(signs, COMPARISONS);
        for condition in [
            Condition::RolledOut,
            Condition::NoRestarts,
            Condition::TemplateIs,
            Condition::LimitIs,
            Condition::PodReplaced,
            Condition::RestartIs,
            Condition::JobComplete,
        ] {
            assert_eq!(serde_json::to_value(condition).unwrap(), condition.as_str());
        }
        assert!(KINDS.iter().all(|kind| !matches!(kind, Kind::Other(_))));
    }
}
