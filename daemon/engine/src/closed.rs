//! What closes the executor without a person, and where. Whatever looks at something hands in a [`Look`]; what was never
//! looked at is closed, and so is a namespace that a look did not reach.

use nightshift_model::{ClosedBy, ClosedPlace, SystemEvent};
use std::collections::{BTreeMap, BTreeSet};

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Where nothing is executed because of it.
    pub places: Vec<ClosedPlace>,
    /// What stands against it and closes nothing, for it is a person's own credential.
    pub despite: Vec<String>,
    /// The namespaces that were looked at, where each has to be; `None` is all of them.
    pub reached: Option<BTreeSet<String>>,
}

impl Look {
    /// Nothing is executed anywhere.
    pub fn closed(why: impl Into<String>) -> Self {
        let place = ClosedPlace { namespace: String::new(), why: why.into() };
        Self { places: vec![place], ..Self::default() }
    }
}

/// What closes the executor now, by what was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closings(BTreeMap<ClosedBy, Look>);

impl Closings {
    /// Before anything was looked at: each closes.
    pub fn unseen(of: impl IntoIterator<Item = ClosedBy>) -> Self {
        let unseen = || Look::closed("it was not looked at yet whether it may act");
        Self(of.into_iter().map(|by| (by, unseen())).collect())
    }

    /// Takes the newest look for the last one.
    pub fn set(&mut self, by: ClosedBy, look: Look) {
        self.0.insert(by, look);
    }

    /// Folds what the history says of another process.
    #[expect(clippy::wildcard_enum_match_arm)] // two kinds out of a growing list
    pub fn fold(&mut self, event: &SystemEvent) {
        match event {
            SystemEvent::ExecutorClosed { by, places } => {
                self.set(*by, Look { places: places.clone(), ..Look::default() });
            }
            SystemEvent::ExecutorOpened { by, despite } => {
                self.set(*by, Look { despite: despite.clone(), ..Look::default() });
            }
            _ => {}
        }
    }

    /// Why nothing is executed anywhere, if so.
    pub fn everywhere(&self) -> Option<String> {
        let mut places = self.0.values().flat_map(|look| &look.places);
        places
            .find(|place| place.namespace.is_empty())
            .map(|place| format!("the executor is closed: {}", place.why))
    }

    /// Why nothing is executed in a namespace, if so.
    pub fn within(&self, namespace: &str) -> Option<String> {
        let told = |why: &str| format!("the executor is closed in {namespace}: {why}");
        self.everywhere().or_else(|| {
            self.0.values().find_map(|look| {
                let here = look.places.iter().find(|place| place.namespace == namespace);
                let unreached = look.reached.as_ref().is_some_and(|reached| !reached.contains(namespace));
                match here {
                    Some(place) => Some(told(&place.why)),
                    None => unreached.then(|| told("it was not looked at yet whether it may act there")),
                }
            })
        })
    }

    /// Every place that is closed, with what closes it.
    pub fn places(&self) -> impl Iterator<Item = (ClosedBy, &ClosedPlace)> {
        self.0.iter().flat_map(|(by, look)| look.places.iter().map(|place| (*by, place)))
    }

    /// Whether something is open that was closed before.
    pub fn opens(&self, before: &Self) -> bool {
        if self.everywhere().is_some() {
            return false;
        }
        let now: BTreeSet<&str> = self.places().map(|(_, place)| place.namespace.as_str()).collect();
        let reached = |of: &Self| -> BTreeSet<String> {
            of.0.values().flat_map(|look| look.reached.iter().flatten().cloned()).collect()
        };
        before.places().any(|(_, place)| !now.contains(place.namespace.as_str()))
            || !reached(self).is_subset(&reached(before))
    }

    /// What one look found against the executor that closes nothing.
    pub fn despite(&self, by: ClosedBy) -> impl Iterator<Item = &str> {
        self.0.get(&by).into_iter().flat_map(|look| look.despite.iter().map(String::as_str))
    }

    /// What a look adds to a history that says this, if anything.
    pub fn news(&self, by: ClosedBy, look: &Look) -> Option<SystemEvent> {
        let unsaid = Look::default();
        let said = self.0.get(&by).unwrap_or(&unsaid);
        if (&said.places, &said.despite) == (&look.places, &look.despite) {
            return None;
        }
        Some(if look.places.is_empty() {
            SystemEvent::ExecutorOpened { by, despite: look.despite.clone() }
        } else {
            SystemEvent::ExecutorClosed { by, places: look.places.clone() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHTS: ClosedBy = ClosedBy::Rights;

    fn place(namespace: &str, why: &str) -> ClosedPlace {
        ClosedPlace { namespace: namespace.to_owned(), why: why.to_owned() }
    }

    #[test]
    fn what_was_never_looked_at_is_closed_and_a_namespace_closes_alone() {
        let mut closings = Closings::unseen([RIGHTS]);
        assert!(closings.everywhere().is_some_and(|why| why.contains("not looked at yet")));
        let reached = Some(["shop", "bank"].map(str::to_owned).into());
        let before = closings.clone();
        closings.set(RIGHTS, Look { places: vec![place("bank", "x")], reached, ..Look::default() });
        assert!(closings.opens(&before) && !closings.opens(&closings.clone()) && !before.opens(&closings));
        assert_eq!(closings.everywhere(), None);
        assert_eq!(closings.within("shop"), None);
        assert_eq!(closings.within("bank").as_deref(), Some("the executor is closed in bank: x"));
        assert!(closings.within("new").is_some_and(|why| why.contains("in new: it was not looked at yet")));
        closings.set(RIGHTS, Look::closed("it may get secrets"));
        assert_eq!(closings.within("shop").as_deref(), Some("the executor is closed: it may get secrets"));
        closings.set(RIGHTS, Look::default());
        assert_eq!(closings, Closings(BTreeMap::from([(RIGHTS, Look::default())])));
        assert_eq!(closings.within("new"), None, "what the history says reaches everywhere");
    }

    #[test]
    fn each_closing_and_opening_is_told_once_and_read_again() {
        let mut history = Closings::default();
        let (closed, open) = (Look::closed("it may get secrets"), Look::default());
        assert_eq!(history.news(RIGHTS, &open), None, "a first look that finds nothing is no news");
        let event = history.news(RIGHTS, &closed).unwrap();
        history.fold(&event);
        assert_eq!(history.everywhere().as_deref(), Some("the executor is closed: it may get secrets"));
        assert_eq!(history.news(RIGHTS, &closed), None);
        let event = history.news(RIGHTS, &open).unwrap();
        assert_eq!(event, SystemEvent::ExecutorOpened { by: RIGHTS, despite: Vec::new() });
        history.fold(&event);
        assert_eq!((history.everywhere(), history.places().count()), (None, 0));
        let told = Look { despite: vec!["get secrets".to_owned()], ..Look::default() };
        history.fold(&history.news(RIGHTS, &told).unwrap());
        assert_eq!(history.despite(RIGHTS).collect::<Vec<_>>(), ["get secrets"]);
        assert_eq!(history.within("shop"), None, "a person's own credential closes nothing");
    }
}
