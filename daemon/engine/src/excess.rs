//! Rights that the executor must not hold: which are asked for, and what the API server's answers close.
//!
//! A SelfSubjectRulesReview may be incomplete and proves nothing, so each right is asked for by itself
//! (SelfSubjectAccessReview). One that was not answered is not proven, which closes like one that is held.

use crate::closed::Look;
use crate::permissions::{self, Need, Reach};
use crate::rules::Mode;
use nightshift_model::{ActionKind, ClosedPlace, Within};
use std::collections::{BTreeMap, BTreeSet};

/// A right, in RBAC's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// Verb, or `*`.
    pub verb: String,
    /// API group; empty is the core.
    pub group: String,
    /// Plural resource, or `*`.
    pub resource: String,
    /// Subresource; empty is the object itself.
    pub subresource: String,
    /// Namespace; empty is all of them.
    pub namespace: String,
}

impl Right {
    /// A right in all namespaces. `resource` may carry a subresource: `pods/exec`.
    pub fn new(verb: &str, group: &str, resource: &str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Self {
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: String::new(),
        }
    }

    /// The same right in one namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// Whether it is the same right, wherever.
    fn is(&self, other: &Self) -> bool {
        (&self.verb, &self.group, &self.resource, &self.subresource)
            == (&other.verb, &other.group, &other.resource, &other.subresource)
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verb, group, resource, subresource, namespace } = self;
        write!(f, "{verb} {resource}")?;
        for (sign, part) in [("/", subresource), (".", group)] {
            if !part.is_empty() {
                write!(f, "{sign}{part}")?;
            }
        }
        write!(f, "{}", Within(namespace))
    }
}

/// The API server's word on one right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is granted.
    Allowed,
    /// It is not.
    Denied,
    /// It could not be asked; never to be taken for either.
    Unknown(String),
}

/// Whose credential the executor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An account of its own: a right too many closes it.
    Own,
    /// A person's, outside a cluster: it may do what the person may, which is told and closes nothing.
    Persons,
}

const READ: &[&str] = &["get", "list", "watch"];
const MAKE: &[&str] = &["create", "patch"];
const CHANGE: &[&str] = &["create", "update", "patch", "delete"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// What is asked for of things that stand in a namespace: verbs, group, resource. What an enabled action needs is left out.
const INSIDE: &[(&[&str], &str, &str)] = &[
    (&["*"], "*", "*"),
    (READ, "", "secrets"),
    (MAKE, "", "secrets"),
    (&["create", "get"], "", "pods/exec"),
    (&["create", "get"], "", "pods/attach"),
    (&["create", "get"], "", "pods/portforward"),
    (&["create", "get"], "", "pods/proxy"),
    (&["create", "get"], "", "services/proxy"),
    (&["patch"], "", "pods/ephemeralcontainers"),
    (&["create"], "", "serviceaccounts/token"),
    (&["impersonate"], "", "serviceaccounts"),
    (&["escalate", "bind"], RBAC, "roles"),
    (MAKE, RBAC, "roles"),
    (MAKE, RBAC, "rolebindings"),
    (MAKE, "", "serviceaccounts"),
    (MAKE, "", "configmaps"),
    (CHANGE, "", "pods"),
    (&["create"], "", "pods/eviction"),
    (CHANGE, "apps", "deployments"),
    (CHANGE, "apps", "statefulsets"),
    (CHANGE, "apps", "daemonsets"),
    (MAKE, "apps", "replicasets"),
    (&["patch"], "apps", "deployments/scale"),
    (&["patch"], "apps", "statefulsets/scale"),
    (CHANGE, "batch", "jobs"),
    (MAKE, "batch", "cronjobs"),
    (&["create", "delete"], "nightshift.dev", "votes"),
    (&["create"], "nightshift.dev", "visits"),
];

/// The same of what has no namespace: asked for in the whole cluster only.
const AT_LARGE: &[(&[&str], &str, &str)] = &[
    (&["create", "get"], "", "nodes/proxy"),
    (&["impersonate"], "", "users"),
    (&["impersonate"], "", "groups"),
    (&["escalate", "bind"], RBAC, "clusterroles"),
    (MAKE, RBAC, "clusterroles"),
    (MAKE, RBAC, "clusterrolebindings"),
    (CHANGE, "", "namespaces"),
    (&["patch", "delete"], "", "nodes"),
    (&["patch", "delete"], ADMISSION, "validatingwebhookconfigurations"),
    (MAKE, ADMISSION, "mutatingwebhookconfigurations"),
    (&["patch", "delete"], ADMISSION, "validatingadmissionpolicies"),
    (&["patch", "delete"], ADMISSION, "validatingadmissionpolicybindings"),
    (MAKE, "apiextensions.k8s.io", "customresourcedefinitions"),
    (&["create"], "certificates.k8s.io", "certificatesigningrequests"),
];

/// Rights that nobody of us should have, less those that are needed, which are compared without their namespace.
pub fn probes(needed: &[Right]) -> Vec<Right> {
    less(INSIDE.iter().chain(AT_LARGE), needed)
}

fn less<'a>(
    probes: impl Iterator<Item = &'a (&'static [&'static str], &'static str, &'static str)>,
    needed: &[Right],
) -> Vec<Right> {
    let each = probes
        .flat_map(|(verbs, group, resource)| verbs.iter().map(move |verb| Right::new(verb, group, resource)));
    each.filter(|right| !needed.iter().any(|need| need.is(right))).collect()
}

/// Namespaces that nothing is ever written in: a right there is one too many wherever it is.
fn never(home: &str) -> BTreeSet<&str> {
    [home, "kube-system"].into_iter().filter(|name| !name.is_empty()).collect()
}

/// What is asked about the executor: in the whole cluster, where it never acts, and in each namespace that it may act in. `seen`
/// are namespaces that incidents name: a pattern alone cannot be asked for.
pub fn questions(mode: &Mode, off: &[ActionKind], seen: &BTreeSet<String>, home: &str) -> Vec<Right> {
    let needs = permissions::executor(off);
    let wide = mode.writes_everywhere();
    let at_large = rights(needs.iter().filter(|need| wide || need.reach == Reach::Cluster));
    let inside = rights(needs.iter());
    let never = never(home);
    let mut asked = probes(&at_large);
    for place in &never {
        asked.extend(less(INSIDE.iter(), &at_large).into_iter().map(|right| right.within(place)));
    }
    for place in acting(mode, seen).iter().filter(|place| !never.contains(place.as_str())) {
        asked.extend(less(INSIDE.iter(), &inside).into_iter().map(|right| right.within(place)));
    }
    asked
}

/// The namespaces that it may act in, as far as they are known by name.
fn acting(mode: &Mode, seen: &BTreeSet<String>) -> BTreeSet<String> {
    let seen = seen.iter().filter(|name| mode.writes_in(name)).cloned();
    mode.named().map(str::to_owned).chain(seen).collect()
}

fn rights<'a>(needs: impl Iterator<Item = &'a Need>) -> Vec<Right> {
    let each = needs.flat_map(|need| {
        let right = need.right;
        right.verbs.iter().map(move |verb| Right::new(verb, right.group, right.resource))
    });
    each.collect()
}

/// Rights that are named before the rest is counted.
const NAMED: usize = 6;

fn listed(mut rights: Vec<String>) -> String {
    let more = rights.len().saturating_sub(NAMED);
    rights.truncate(NAMED);
    let named = rights.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// What the answers close. A right in the whole cluster, or where nothing is ever written, closes everything; one inside a
/// namespace closes that namespace.
pub fn judge(
    asked: &[(Right, Verdict)],
    mode: &Mode,
    seen: &BTreeSet<String>,
    home: &str,
    whose: Credential,
) -> Look {
    let never = never(home);
    let mut held: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut unproven: BTreeMap<&str, &Right> = BTreeMap::new();
    for (right, verdict) in asked {
        let elsewhere = never.contains(right.namespace.as_str());
        let place = if elsewhere { "" } else { right.namespace.as_str() };
        match verdict {
            // Said once: what is granted in the whole cluster is granted in each namespace.
            Verdict::Allowed if right.namespace.is_empty() || !everywhere(asked, right) => {
                held.entry(place).or_default().push(if elsewhere {
                    right.to_string()
                } else {
                    right.clone().within("").to_string()
                });
            }
            Verdict::Allowed | Verdict::Denied => {}
            Verdict::Unknown(_) => {
                unproven.entry(place).or_insert(right);
            }
        }
    }
    if whose == Credential::Persons {
        let each = held.into_iter().flat_map(|(place, rights)| {
            let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
            rights.into_iter().map(move |right| format!("{right}{place}"))
        });
        let each: Vec<String> = each.collect();
        let despite = if each.is_empty() { Vec::new() } else { vec![listed(each)] };
        return Look { despite, ..Look::default() };
    }
    let mut places: Vec<ClosedPlace> = Vec::new();
    let all: BTreeSet<&str> = held.keys().chain(unproven.keys()).copied().collect();
    for place in all {
        let why = match (held.remove(place), unproven.get(place)) {
            (Some(rights), _) => {
                format!("its account has rights that it must not have: {}", listed(rights))
            }
            (None, Some(right)) => {
                format!("the API server did not say whether its account may {right}")
            }
            (None, None) => continue,
        };
        places.push(ClosedPlace { namespace: place.to_owned(), why });
    }
    Look { places, despite: Vec::new(), reached: Some(acting(mode, seen)) }
}

/// Whether the same right is granted in the whole cluster.
fn everywhere(asked: &[(Right, Verdict)], right: &Right) -> bool {
    asked
        .iter()
        .any(|(one, verdict)| one.namespace.is_empty() && *verdict == Verdict::Allowed && one.is(right))
}

#[cfg(test)]
mod tests;
