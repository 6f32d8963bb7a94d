//! What each role must be allowed to do, in RBAC's words: the table of `engine::permissions`, a verb and a namespace
//! at a time, as the API server is asked.

pub use crate::cluster::review::{Right, Verdict, excess};
use nightshift_engine::permissions::{self, Need, RESPONDER, Reach};

/// A right and the API server's word on it.
pub type Asked = (Right, Verdict);

/// A right with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The right.
    pub right: Right,
    /// Whether the work is done without it; what is then not known is told as *not checked*.
    pub optional: bool,
    /// What it is for.
    pub why: &'static str,
}

/// What the responder needs in some namespaces; none means all.
pub fn responder(namespaces: &[String]) -> Vec<Wanted> {
    let everywhere = [String::new()];
    spread(RESPONDER, if namespaces.is_empty() { &everywhere } else { namespaces })
}

/// What the executor needs for every action in each namespace, and beside it.
pub fn executor(namespaces: &[String]) -> Vec<Wanted> {
    spread(&permissions::executor(), namespaces)
}

/// A line a verb and a namespace; the empty namespace is all of them.
fn spread(needs: &[Need], namespaces: &[String]) -> Vec<Wanted> {
    let everywhere = [String::new()];
    let mut wanted: Vec<Wanted> = Vec::new();
    for Need { right, reach, optional, why } in needs.iter().copied() {
        let places = match reach {
            Reach::Namespaces => namespaces,
            Reach::Cluster => &everywhere,
        };
        for (place, verb) in places.iter().flat_map(|place| right.verbs.iter().map(move |verb| (place, verb)))
        {
            let right = Right::new(verb, right.group, right.resource).within(place);
            if !wanted.iter().any(|other| other.right == right) {
                wanted.push(Wanted { right, optional, why });
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::WatchKind;
    use nightshift_detectors::View;

    fn told(wanted: &[Wanted]) -> Vec<String> {
        wanted.iter().map(|one| one.right.to_string()).collect()
    }

    #[test]
    fn nodes_are_asked_for_as_a_whole_and_pods_by_namespace() {
        let told = told(&responder(&["shop".to_owned()]));
        for right in
            ["watch nodes", "list pods in shop", "watch deployments.apps in shop", "get pods/log in shop"]
        {
            assert!(told.iter().any(|one| one == right), "{right}: {told:?}");
        }
        assert!(!told.iter().any(|right| right.contains("secret")), "{told:?}");
    }

    #[test]
    fn whatever_is_watched_is_asked_for_and_what_crash_loops_need_is_not_optional() {
        let wanted = responder(&[]);
        for (kind, verb) in WatchKind::ALL.iter().flat_map(|kind| [(kind, "list"), (kind, "watch")]) {
            let needed = View::NEEDED.contains(&kind.kind());
            let covered = |one: &Wanted| {
                one.right.resource == kind.name() && one.right.verb == verb && !(needed && one.optional)
            };
            assert!(wanted.iter().any(covered), "{verb} {}", kind.name());
        }
    }

    #[test]
    fn the_executor_needs_what_its_actions_need_and_nothing_everywhere() {
        let wanted = executor(&["shop".to_owned(), "bank".to_owned()]);
        let told = told(&wanted);
        let everywhere: Vec<&String> = told.iter().filter(|right| !right.contains(" in ")).collect();
        assert_eq!(everywhere, ["get namespaces", "list nodes"], "it writes nothing everywhere");
        assert!(told.contains(&"patch deployments.apps in bank".to_owned()), "{told:?}");
        let event = wanted.iter().find(|one| one.right.to_string() == "create events.events.k8s.io in shop");
        assert!(event.is_some_and(|one| one.optional), "{told:?}");
        assert_eq!(executor(&[]).len(), 2, "a pattern alone names no namespace to ask about");
    }
}
