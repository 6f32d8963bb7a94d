//! Persons, roles, owners and policy: read from configuration files, never from the database.

use crate::action::{ActionKind, Risk};
use crate::bridge::Bridge;
use crate::canonical::{Digest, digest_of};
use crate::ids::{BridgeId, PersonId};
use crate::key::{PasskeySite, PersonKey};
use crate::time::{Seconds, Timestamp};
use crate::vote::Strength;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The registry as configured, with the digest of everything that decides who may do what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Who is known.
    #[serde(default)]
    pub persons: Vec<Person>,
    /// Roles: which owners they cover and what they may do.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleSpec>,
    /// Owners: which namespaces they have. The first that matches counts.
    #[serde(default)]
    pub owners: Vec<Owner>,
    /// Numbers and rules of the gate.
    #[serde(default)]
    pub policy: Policy,
    /// Where passkeys are used; without it none can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkeys: Option<PasskeySite>,
    /// Programs that carry votes; none unless named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<Bridge>,
    /// Credentials that read. They decide nothing, so they are no part of the digest: a new one voids no vote.
    #[serde(default, skip_serializing)]
    pub tokens: Vec<Token>,
}

/// A bearer credential of a program: it reads what its roles may view, and never votes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What it is for: logged, never secret.
    pub name: String,
    /// SHA-256 of the token's text. The text itself is written nowhere.
    pub sha256: Digest,
    /// Roles by name; of their powers only `view` counts.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Until when it works.
    pub expires: Timestamp,
}

/// One person or service identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name, as in votes.
    pub name: PersonId,
    /// Whether it is a person at all. A service never votes.
    #[serde(default)]
    pub kind: PersonKind,
    /// Roles by name.
    #[serde(default)]
    pub roles: Vec<String>,
    /// When the person was added: a person added after a proposal cannot vote on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The member id in Slack, `U…` or `W…`: who presses a button there is looked up by it and by nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// The user name by which the API server knows the person: who creates a `Vote` object as this user votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// Public keys with which the person proves votes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<PersonKey>,
}

/// Person or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum PersonKind {
    /// A human being.
    #[default]
    Person,
    /// A machine identity.
    Service,
}

/// What a role covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Owners by name; `*` is all.
    pub owners: Vec<String>,
    /// What it may do there.
    #[serde(default = "approve")]
    pub may: Vec<Power>,
}

fn approve() -> Vec<Power> {
    vec![Power::View, Power::Approve]
}

/// What a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// See evidence, difference and logs.
    View,
    /// Vote; set the kill switch.
    Approve,
    /// Clear the kill switch (two of them).
    Admin,
}

/// Who owns namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The team's name.
    pub name: String,
    /// Namespaces by name; a trailing `*` matches any ending.
    pub namespaces: Vec<String>,
}

/// The numbers of the gate. All of them are hashed into every proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Who must approve, by risk.
    pub approvals: Approvals,
    /// Whether the person who asked for a Low proposal may vote on it.
    pub proposer_may_vote_low: bool,
    /// Whether an approval counts that was signed without a person at a terminal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_non_interactive: bool,
    /// How long a proposal stays open, by risk.
    pub open_for: ByRisk,
    /// How long a grant may be used after the last vote.
    pub grant_valid: Seconds,
    /// How long a revision must be wholly available before it counts as healthy.
    pub healthy_after: Seconds,
    /// How long a fix must hold, by risk.
    pub soak: ByRisk,
    /// The floor of the soak for crash loops.
    pub soak_crash_loop: Seconds,
    /// How long after the write the verification gives up, on top of the soak.
    pub settle: Seconds,
    /// Time between two looks of the verification.
    pub measure_every: Seconds,
    /// How recent the symptom must be when the write is sent.
    pub symptom_within: Seconds,
    /// Time between two executions on one workload.
    pub cool_down: Seconds,
    /// Executions on one workload in 24 h.
    pub executions_a_day: u32,
    /// Executions at a time in the cluster, verification included.
    pub concurrent: u32,
    /// The highest memory limit that is proposed, in MiB.
    #[serde(skip_serializing_if = "is_default_memory")]
    pub memory_limit_max_mib: u32,
    /// A denied action for a cause is not proposed again for this long, unless a person asks.
    pub denied_for: Seconds,
    /// Namespaces in which nightshift never writes.
    pub forbidden_namespaces: Vec<String>,
    /// Actions that are never proposed. What only they need is then a right too many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled_actions: Vec<ActionKind>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            approvals: Approvals::default(),
            proposer_may_vote_low: false,
            accept_non_interactive: false,
            open_for: ByRisk { low: Seconds(4 * 3600), medium: Seconds(3600), high: Seconds(1800) },
            grant_valid: Seconds(600),
            healthy_after: Seconds(300),
            soak: ByRisk { low: Seconds(300), medium: Seconds(900), high: Seconds(1800) },
            soak_crash_loop: Seconds(600),
            settle: Seconds(900),
            measure_every: Seconds(15),
            symptom_within: Seconds(600),
            cool_down: Seconds(900),
            executions_a_day: 3,
            concurrent: 2,
            memory_limit_max_mib: MEMORY_LIMIT_MAX_MIB,
            denied_for: Seconds(86_400),
            forbidden_namespaces: vec!["kube-system".to_owned()],
            disabled_actions: Vec::new(),
        }
    }
}

/// 16 GiB.
const MEMORY_LIMIT_MAX_MIB: u32 = 16 * 1024;

/// The default is left out of the digest, as before there was the field.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_default_memory(mib: &u32) -> bool {
    *mib == MEMORY_LIMIT_MAX_MIB
}

/// A duration for each risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByRisk {
    /// For low risk.
    pub low: Seconds,
    /// For medium risk.
    pub medium: Seconds,
    /// For high risk.
    pub high: Seconds,
}

impl ByRisk {
    /// The value for a risk.
    pub fn get(&self, risk: Risk) -> Seconds {
        match risk {
            Risk::Low => self.low,
            Risk::Medium => self.medium,
            Risk::High => self.high,
        }
    }
}

/// Approval rules by risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// For low risk.
    pub low: Approval,
    /// For medium risk.
    pub medium: Approval,
    /// For high risk.
    pub high: Approval,
}

impl Default for Approvals {
    fn default() -> Self {
        let one = |min_proof| Approval { approve: 1, min_proof };
        Self {
            low: one(Strength::Attested),
            medium: one(Strength::Attested),
            high: Approval { approve: 2, min_proof: Strength::Signed },
        }
    }
}

impl Policy {
    /// Whether the responder's word alone can approve anything: then it can decide by itself whoever takes it over.
    pub fn counts_our_word(&self) -> bool {
        [self.approvals.low, self.approvals.medium].iter().any(|rule| rule.min_proof == Strength::Attested)
    }
}

impl Approvals {
    /// The rule for a risk.
    pub fn get(&self, risk: Risk) -> Approval {
        match risk {
            Risk::Low => self.low,
            Risk::Medium => self.medium,
            Risk::High => self.high,
        }
    }
}

/// How many distinct persons, with which proof at least. One deny always ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Distinct persons; at least 1, whatever the file says.
    pub approve: u32,
    /// The weakest proof that counts.
    pub min_proof: Strength,
}

impl Registry {
    /// A person by name.
    pub fn person(&self, name: &PersonId) -> Option<&Person> {
        self.persons.iter().find(|p| &p.name == name)
    }

    /// Who somebody in Slack is here. Ids are unique in a registry that was read from a file.
    pub fn in_slack(&self, user: &str) -> Option<&Person> {
        self.persons.iter().find(|p| p.slack.as_deref() == Some(user))
    }

    /// Who a user of the cluster is here. Names are unique in a registry that was read from a file.
    pub fn in_kubernetes(&self, user: &str) -> Option<&Person> {
        self.persons.iter().find(|p| p.kubernetes.as_deref() == Some(user))
    }

    /// Whether anybody may vote by an object of the cluster.
    pub fn takes_objects(&self) -> bool {
        self.persons.iter().any(|p| p.kubernetes.is_some())
    }

    /// Whose key it is, by the key's id. Ids are unique in a registry that was read from a file.
    pub fn key(&self, id: &str) -> Option<(&Person, &PersonKey)> {
        self.persons.iter().find_map(|p| p.keys.iter().find(|k| k.id == id).map(|k| (p, k)))
    }

    /// A bridge by name.
    pub fn bridge(&self, name: &BridgeId) -> Option<&Bridge> {
        self.bridges.iter().find(|b| &b.name == name)
    }

    /// The owner of a namespace: the first in the list whose pattern matches.
    pub fn owner_of(&self, namespace: &str) -> Option<&Owner> {
        self.owners.iter().find(|o| o.namespaces.iter().any(|pattern| matches(pattern, namespace)))
    }

    /// Whether a person has a power over a namespace. Unknown persons, roles and unowned namespaces have none,
    /// except that a role over `*` covers namespaces that nobody owns.
    pub fn may(&self, person: &Person, power: Power, namespace: &str) -> bool {
        self.roles_may(&person.roles, power, namespace)
    }

    /// The same for roles by name, whoever has them.
    pub fn roles_may(&self, roles: &[String], power: Power, namespace: &str) -> bool {
        let owner = self.owner_of(namespace).map(|o| o.name.as_str());
        self.powers(roles, power)
            .any(|role| role.owners.iter().any(|o| o == "*" || Some(o.as_str()) == owner))
    }

    /// Whether roles have a power over everything, now and whatever comes.
    pub fn roles_may_all(&self, roles: &[String], power: Power) -> bool {
        self.powers(roles, power).any(|role| role.owners.iter().any(|o| o == "*"))
    }

    fn powers<'a>(&'a self, roles: &'a [String], power: Power) -> impl Iterator<Item = &'a RoleSpec> {
        roles.iter().filter_map(|r| self.roles.get(r)).filter(move |role| role.may.contains(&power))
    }

    /// Persons, not services, who may approve in a namespace, in the registry's order.
    pub fn approvers(&self, namespace: &str) -> Vec<&Person> {
        self.persons
            .iter()
            .filter(|p| p.kind == PersonKind::Person && self.may(p, Power::Approve, namespace))
            .collect()
    }

    /// Digest over persons, roles, owners, policy and whatever else decides (the playbooks' digest).
    pub fn digest(&self, playbooks: Digest) -> Digest {
        digest_of("nightshift/policy/v1", &(self, playbooks))
    }
}

/// Whether a namespace matches a name or a pattern with a trailing `*`.
pub fn matches(pattern: &str, namespace: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == namespace, |head| namespace.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        serde_json::from_value(serde_json::json!({
            "persons": [
                {"name": "alice", "roles": ["shop-oncall"]},
                {"name": "bot", "kind": "service", "roles": ["all"]},
                {"name": "root", "roles": ["all"]},
            ],
            "roles": {
                "shop-oncall": {"owners": ["shop"]},
                "all": {"owners": ["*"], "may": ["view", "approve", "admin"]},
            },
            "owners": [{"name": "shop", "namespaces": ["shop", "shop-*"]}],
        }))
        .unwrap()
    }

    #[test]
    fn a_role_covers_its_owners_namespaces_and_no_others() {
        let r = registry();
        let alice = r.person(&PersonId::from("alice")).unwrap();
        for (namespace, allowed) in [("shop", true), ("shop-eu", true), ("bank", false), ("sho", false)] {
            assert_eq!(r.may(alice, Power::Approve, namespace), allowed, "{namespace}");
        }
        assert!(!r.may(alice, Power::Admin, "shop"));
        let names: Vec<_> = r.approvers("bank").iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["root"], "a service never approves");
    }

    #[test]
    fn every_change_of_the_registry_changes_its_digest() {
        let playbooks = Digest([0; 32]);
        let before = registry().digest(playbooks);
        let mut changed = registry();
        changed.policy.cool_down = Seconds(1);
        assert_ne!(before, changed.digest(playbooks));
        let mut changed = registry();
        changed.persons.pop();
        assert_ne!(before, changed.digest(playbooks));
        let mut changed = registry();
        let bridge = serde_json::json!({"name": "chatbot", "keys": [{"public": "whpk_"}]});
        changed.bridges.push(serde_json::from_value(bridge).unwrap());
        assert_ne!(before, changed.digest(playbooks), "a bridge decides who decides");
        assert_ne!(before, registry().digest(Digest([1; 32])));
    }

    #[test]
    fn a_token_decides_nothing_so_it_moves_no_digest_and_its_hash_is_never_written() {
        let mut with = registry();
        with.tokens = serde_json::from_value(serde_json::json!([
            {"name": "ci", "sha256": "ab".repeat(32), "roles": ["shop-oncall"], "expires": "2027-01-01T00:00:00Z"}
        ]))
        .unwrap();
        let playbooks = Digest([0; 32]);
        assert_eq!(with.digest(playbooks), registry().digest(playbooks));
        assert!(!serde_json::to_string(&with).unwrap().contains("abab"));
        let wrong = serde_json::json!([{"name": "ci", "sha256": "short", "expires": "2027-01-01T00:00:00Z"}]);
        assert!(serde_json::from_value::<Vec<Token>>(wrong).is_err());
        let endless = serde_json::json!([{"name": "ci", "sha256": "ab".repeat(32)}]);
        assert!(serde_json::from_value::<Vec<Token>>(endless).is_err(), "every token ends");
    }

    #[test]
    fn only_a_role_over_everything_has_a_power_over_everything() {
        let r = registry();
        assert!(r.roles_may_all(&["all".to_owned()], Power::View));
        assert!(!r.roles_may_all(&["shop-oncall".to_owned(), "unknown".to_owned()], Power::View));
        assert!(r.roles_may(&["all".to_owned()], Power::View, ""), "cluster-scoped objects are nobody's");
        assert!(!r.roles_may(&["shop-oncall".to_owned()], Power::View, ""));
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_value::<Registry>(serde_json::json!({"gate": "off"})).is_err());
        assert!(serde_json::from_value::<Policy>(serde_json::json!({"coolDown": "5m"})).is_err());
    }
}
