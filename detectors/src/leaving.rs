//! Scopes that are on their way out: their namespace or they themselves are being deleted, or have just gone while some of
//! what they owned is still there. What looks wrong there is no fault: nothing new opens.

use crate::facts::{ApiServiceFacts, Fact, Facts, MutatingFacts, NamespaceFacts, ValidatingFacts};
use crate::params::Params;
use crate::view::View;
use nightshift_model::{Kind, ObjectRef, Timestamp};

/// A scope that is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// What goes.
    pub what: Going,
    /// Until when that counts; `None`: as long as it is so.
    pub until: Option<Timestamp>,
}

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// Its namespace.
    Namespace,
    /// The object itself.
    Itself,
    /// The object has gone; what it owned follows.
    Gone,
    /// The namespace of the Service that it calls.
    Service,
}

impl Going {
    /// Why nothing opens, in a clause.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Namespace => "its namespace is being deleted",
            Self::Itself => "it is being deleted",
            Self::Gone => "it was deleted",
            Self::Service => "the namespace of the Service that it calls is being deleted",
        }
    }
}

impl Leaving {
    /// Why nothing may be written there any more, if that is for good: what is being deleted does not come back.
    pub fn for_good(self) -> Option<&'static str> {
        let goes = match self.what {
            Going::Namespace | Going::Itself => self.until.is_none(),
            Going::Gone | Going::Service => false,
        };
        goes.then(|| self.what.clause())
    }
}

/// Whether a scope is on its way out now.
pub fn leaving(view: &View, scope: &ObjectRef, now: Timestamp, params: &Params) -> Option<Leaving> {
    if !scope.namespace.is_empty()
        && let Some(leaving) = namespace_goes(view, &scope.namespace, now, params)
    {
        return Some(leaving);
    }
    let Some(fact) = view.get(scope) else { return gone(view, scope, now, params) };
    if fact.meta().deleting.is_some() || matches!(fact, Fact::Namespace(namespace) if namespace.is_going()) {
        return Some(Leaving { what: Going::Itself, until: None });
    }
    let bounds = called(fact).filter_map(|namespace| service_goes(view, namespace, now, params));
    bounds.max().map(|until| Leaving { what: Going::Service, until: Some(until) })
}

/// Whether a namespace is being deleted (no bound), or went a moment ago (until then): its objects are told of later.
fn namespace_goes(view: &View, name: &str, now: Timestamp, params: &Params) -> Option<Leaving> {
    let leaving = |until| Leaving { what: Going::Namespace, until };
    if let Some(namespace) = view.by_name::<NamespaceFacts>("", name) {
        return namespace.is_going().then_some(leaving(None));
    }
    let until = view.gone_at(Kind::Namespace, "", name)? + params.left_behind;
    (now < until).then_some(leaving(Some(until)))
}

/// For who calls a Service of that namespace the wait has an end: with the namespace stuck, every other one suffers.
fn service_goes(view: &View, name: &str, now: Timestamp, params: &Params) -> Option<Timestamp> {
    let until = match view.by_name::<NamespaceFacts>("", name) {
        Some(namespace) if namespace.is_going() => {
            let since = namespace.meta.deleting.or_else(|| view.changed(&namespace.meta.uid));
            since.or_else(|| view.first_seen(&namespace.meta.uid))? + params.deletion
        }
        Some(_) => return None,
        None => view.gone_at(Kind::Namespace, "", name)? + params.left_behind,
    };
    (now < until).then_some(until)
}

/// Namespaces of the Services that an object outside of any namespace calls.
fn called(fact: &Fact) -> impl Iterator<Item = &str> {
    let validating = ValidatingFacts::of(fact).map(|all| &all.hooks);
    let hooks = validating.or_else(|| MutatingFacts::of(fact).map(|all| &all.hooks));
    let hooks = hooks.into_iter().flatten().filter_map(|hook| hook.service.as_ref());
    let api = ApiServiceFacts::of(fact).and_then(|api| api.service.as_ref());
    hooks.chain(api).map(|(namespace, _)| &**namespace)
}

/// A scope that is not there though all of its kind are known: it went, or another one of its name took its place. What it owned
/// is given a moment to follow.
fn gone(view: &View, scope: &ObjectRef, now: Timestamp, params: &Params) -> Option<Leaving> {
    if scope.uid.is_empty() || !Fact::KINDS.contains(&scope.kind) || !view.synced_kind(&scope.kind) {
        return None;
    }
    let another = || {
        let named = ObjectRef { uid: String::new(), ..scope.clone() };
        view.get(&named).and_then(|fact| view.first_seen(&fact.meta().uid))
    };
    let went = view.gone_at(scope.kind.clone(), &scope.namespace, &scope.name).or_else(another);
    let until = went.map(|went| went + params.left_behind).filter(|until| now < *until);
    let alone = until.is_none() && view.pods_of(scope).is_empty();
    (until.is_some() || alone).then_some(Leaving { what: Going::Gone, until })
}

#[cfg(test)]
mod tests;
