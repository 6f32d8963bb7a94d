//! What each role must be allowed to do, in RBAC's words: the table of `engine::permissions`, a verb and a namespace
//! at a time, as the API server is asked.

use crate::cluster::WatchKind;
pub use crate::cluster::review::{Right, Verdict};
use nightshift_detectors::Params;
pub use nightshift_engine::closed::Look;
pub use nightshift_engine::excess::{Credential, judge, probes, questions};
use nightshift_engine::permissions::{self, Need, RESPONDER, Reach, VISITS, VOTES};
use nightshift_model::ActionKind;

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

/// What the responder needs in some namespaces; none means all. What only detectors need that are off is not among it.
pub fn responder(namespaces: &[String], params: &Params) -> Vec<Wanted> {
    let everywhere = [String::new()];
    let needs: Vec<Need> =
        RESPONDER.iter().filter(|need| need.is_needed(|reason| params.is_off(reason))).copied().collect();
    spread(&needs, if namespaces.is_empty() { &everywhere } else { namespaces })
}

/// What both roles need beside that where people vote by objects of the cluster, and the responder alone.
pub fn objects(namespaces: &[String]) -> (Vec<Wanted>, Vec<Wanted>) {
    let everywhere = [String::new()];
    let places = if namespaces.is_empty() { &everywhere } else { namespaces };
    (spread(VOTES, places), spread(VISITS, places))
}

/// The kinds that are watched: all but those that only detectors need that are off.
pub fn watched(params: &Params) -> Vec<WatchKind> {
    let needed = |kind: &&WatchKind| {
        let mut needs = RESPONDER
            .iter()
            .filter(|need| need.right.resource == kind.name() && need.right.verbs.contains(&"watch"));
        needs.any(|need| need.is_needed(|reason| params.is_off(reason)))
    };
    WatchKind::ALL.iter().filter(needed).copied().collect()
}

/// What the executor needs for every action in each namespace, and beside it; the empty name is all namespaces.
pub fn executor(namespaces: &[String], off: &[ActionKind]) -> Vec<Wanted> {
    spread(&permissions::executor(off), namespaces)
}

/// A line a verb and a namespace; the empty namespace is all of them.
fn spread(needs: &[Need], namespaces: &[String]) -> Vec<Wanted> {
    let everywhere = [String::new()];
    let mut wanted: Vec<Wanted> = Vec::new();
    for Need { right, reach, optional, why, only_for: _ } in needs.iter().copied() {
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
    use nightshift_detectors::View;
    use nightshift_model::Reason;

    fn told(wanted: &[Wanted]) -> Vec<String> {
        wanted.iter().map(|one| one.right.to_string()).collect()
    }

    #[test]
    fn nodes_are_asked_for_as_a_whole_and_pods_by_namespace() {
        let told = told(&responder(&["shop".to_owned()], &Params::default()));
        for right in
            ["watch nodes", "list pods in shop", "watch deployments.apps in shop", "get pods/log in shop"]
        {
            assert!(told.iter().any(|one| one == right), "{right}: {told:?}");
        }
        assert!(!told.iter().any(|right| right.contains("secret")), "{told:?}");
    }

    #[test]
    fn whatever_is_watched_is_asked_for_and_what_crash_loops_need_is_not_optional() {
        let wanted = responder(&[], &Params::default());
        for (kind, verb) in WatchKind::ALL.iter().flat_map(|kind| [(kind, "list"), (kind, "watch")]) {
            let needed = View::NEEDED.contains(&kind.kind());
            let covered = |one: &Wanted| {
                one.right.resource == kind.name() && one.right.verb == verb && !(needed && one.optional)
            };
            assert!(wanted.iter().any(covered), "{verb} {}", kind.name());
        }
    }

    #[test]
    fn what_only_detectors_need_that_are_off_is_neither_watched_nor_asked_for() {
        let mut params = Params::default();
        params.switch_off(Reason::ClaimPending);
        params.switch_off(Reason::QuotaExhausted);
        let told = told(&responder(&[], &params));
        let watched = watched(&params);
        for (kind, name, wanted) in [
            (WatchKind::Classes, "watch storageclasses.storage.k8s.io", false),
            (WatchKind::Quotas, "watch resourcequotas", true), // FailedCreate reads them too
            (WatchKind::Pods, "watch pods", true),
        ] {
            assert_eq!(told.iter().any(|right| right == name), wanted, "{name}: {told:?}");
            assert_eq!(watched.contains(&kind), wanted, "{name}");
        }
        assert_eq!(super::watched(&Params::default()), WatchKind::ALL);
    }

    #[test]
    fn the_executor_needs_what_its_actions_need_and_nothing_everywhere() {
        let wanted = executor(&["shop".to_owned(), "bank".to_owned()], &[]);
        let told = told(&wanted);
        let everywhere: Vec<&String> = told.iter().filter(|right| !right.contains(" in ")).collect();
        assert_eq!(everywhere, ["get namespaces", "list nodes"], "it writes nothing everywhere");
        assert!(told.contains(&"patch deployments.apps in bank".to_owned()), "{told:?}");
        let event = wanted.iter().find(|one| one.right.to_string() == "create events.events.k8s.io in shop");
        assert!(event.is_some_and(|one| one.optional), "{told:?}");
        let fewer = executor(&["shop".to_owned()], &[ActionKind::DeletePod]);
        assert!(!fewer.iter().any(|one| one.right.verb == "delete"), "{fewer:?}");
        assert_eq!(executor(&[], &[]).len(), 2, "a pattern alone names no namespace to ask about");
    }
}
