//! Reads a path.

use crate::failure::Failure;
use crate::kind::Kind;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) kind: Kind,
    /// "" for cluster-scoped objects and lists over all namespaces.
    pub(crate) ns: String,
    /// "" for a collection.
    pub(crate) name: String,
    /// "" for the object itself.
    pub(crate) subresource: String,
}

impl Route {
    /// The resource in RBAC's words: `pods` or `pods/log`.
    pub(crate) fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.kind.plural.into()
        } else {
            format!("{}/{}", self.kind.plural, self.subresource)
        }
    }
}

/// Finds the kind and the object of a path; a kind that is not simulated is 501.
pub(crate) fn parse(kinds: &[Kind], path: &str) -> Result<Route, Failure> {
    let unknown = || Failure::not_simulated(&format!("path {path}"));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Err(unknown()),
    };
    let (ns, rest) = match rest {
        ["namespaces", ns, rest @ ..]
            if rest.first().is_some_and(|part| !matches!(*part, "status" | "finalize")) =>
        {
            (*ns, rest)
        }
        rest => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, subresource] => (*plural, *name, *subresource),
        _ => return Err(unknown()),
    };
    let kind = kinds
        .iter()
        .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
        .ok_or_else(|| Failure::not_simulated(&format!("resource {group}/{version} {plural}")))?;
    if kind.namespaced == ns.is_empty() && !(kind.namespaced && name.is_empty()) {
        return Err(unknown());
    }
    Ok(Route { kind: *kind, ns: ns.into(), name: name.into(), subresource: subresource.into() })
}
