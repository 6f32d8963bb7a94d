//! Votes with Kubernetes identity: whether they would count, where the registry names users of the cluster.

use super::Finding;
use crate::config::{Config, Mode};
use crate::runtime::offline::access;
use crate::runtime::offline::votes::{self, Standing};

const WHAT: &str = "votes with Kubernetes identity";

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    if config.mode == Mode::Observe || !config.registry.takes_objects() {
        return Vec::new();
    }
    let place = config.cluster.namespaces.first().map_or("", String::as_str);
    vec![told(votes::standing(&access(&config.cluster), place).await)]
}

fn told(standing: Standing) -> Finding {
    match standing {
        Standing::Since(since) => {
            let said =
                format!("the policy holds each to its user; those count that were created after {since}");
            Finding::ok(WHAT, said)
        }
        Standing::No(why) => Finding::missing(
            WHAT,
            format!("none counts: {why}"),
            "kubectl apply -f docs/rbac/votes.yaml, or `kubernetesVotes.install` of the chart",
        ),
        Standing::Unasked(why) => Finding::not_checked(WHAT, why, "see the line about the API server"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::State;

    #[test]
    fn votes_that_count_for_nothing_are_missed() {
        let since = "2026-03-01T08:00:10Z".parse().unwrap();
        let good = told(Standing::Since(since));
        assert!(good.state == State::Ok && good.detail.contains("after 2026-03-01"), "{good:?}");
        let none = told(Standing::No("the policy is not there".to_owned()));
        assert!(none.state == State::Missing && none.detail.contains("none counts: the policy"), "{none:?}");
        assert_eq!(told(Standing::Unasked("it is silent".to_owned())).state, State::NotChecked);
    }
}
