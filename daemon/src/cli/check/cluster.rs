//! The API server: whether it answers, what time it is there, and what we may do, verb by verb.

use super::Finding;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::runtime::offline::probe::Cluster;
use crate::runtime::offline::rights::{self, Asked, Right, Wanted};
use crate::runtime::offline::{RoleArg, access, home, in_cluster, mode};
use nightshift_model::{Seconds, Timestamp, Within};
use std::collections::BTreeSet;

/// Two clocks further apart make expiries and ages wrong.
const APART: Seconds = Seconds(5);

pub(super) async fn look(config: &Config, role: RoleArg, clock: Clock) -> Vec<Finding> {
    let next = "name a kubeconfig in `cluster.kubeconfig`, or run in the cluster";
    let cluster = match Cluster::connect(&access(&config.cluster)).await {
        Ok(cluster) => cluster,
        Err(error) => {
            return vec![
                Finding::missing("API server", crate::cli::failure::causes(&error), next),
                unasked(),
            ];
        }
    };
    let told = cluster.time().await;
    if let Err(why) = &told {
        let next = "see that the address of the kubeconfig can be reached from here";
        return vec![Finding::missing("API server", format!("it cannot be reached: {why}"), next), unasked()];
    }
    let mut found = vec![match cluster.uid().await {
        Ok(uid) => Finding::ok("API server", format!("cluster {} ({uid})", config.cluster.name)),
        Err(why) => Finding::missing(
            "API server",
            why,
            "let the account get the namespace kube-system: it names the cluster",
        ),
    }];
    found.push(clocks(told, clock.now()));
    // What only the responder looks at is for its account.
    if role != RoleArg::Executor {
        found.push(control_plane(
            cluster.plane().await.map(|plane| plane.map(|p| (p.name(), p.mutes(SCHEDULER)))),
        ));
    }
    found.extend(permissions(config, role, &cluster).await);
    found
}

/// An alert that a control plane without pods of its own raises for ever.
const SCHEDULER: &str = "KubeSchedulerDown";

/// Whose control plane it is, as its name and why its rules are muted.
fn control_plane(seen: Result<Option<(&'static str, Option<String>)>, String>) -> Finding {
    match seen {
        Ok(Some((name, muted))) => {
            let why = muted.unwrap_or_default();
            let told =
                format!("{name}; alerts like {SCHEDULER} and KubeControllerManagerDown open nothing: {why}");
            Finding::ok("control plane", told)
        }
        Ok(None) => {
            Finding::ok("control plane", "its own, or of an unknown kind: no alert about it is muted")
        }
        Err(why) => {
            Finding::not_checked("control plane", why, "let the account list nodes, and pods in kube-system")
        }
    }
}

fn unasked() -> Finding {
    Finding::not_checked("clock, permissions", "the API server did not answer", "mend the line above first")
}

fn clocks(there: Result<Timestamp, String>, here: Timestamp) -> Finding {
    match there {
        Err(why) => Finding::not_checked("clock", why, "compare the clocks by hand"),
        Ok(there) => {
            let apart = here.since(there).max(there.since(here));
            if apart <= APART {
                Finding::ok("clock", format!("{apart} from the API server's"))
            } else {
                let told = format!("{apart} from the API server's: expiries and ages would be wrong");
                Finding::missing("clock", told, "set this machine's clock by NTP")
            }
        }
    }
}

async fn permissions(config: &Config, role: RoleArg, cluster: &Cluster) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut needed = Vec::new();
    let votes = config.registry.takes_objects() && config.mode == Mode::Approve;
    if role != RoleArg::Executor {
        needed = rights::responder(&config.cluster.namespaces, &config.detectors);
        if votes {
            let (both, visits) = rights::objects(&config.cluster.namespaces);
            needed.extend(both.into_iter().chain(visits));
        }
        found.extend(asked("the responder", &needed, cluster).await);
    }
    let acts = config.mode == Mode::Approve && role != RoleArg::Responder;
    if !acts {
        let needed: Vec<Right> = needed.into_iter().map(|wanted| wanted.right).collect();
        found.push(beside(&cluster.review(&rights::probes(&needed)).await));
        return found;
    }
    let (patterns, names): (Vec<String>, Vec<String>) =
        config.actions.namespaces.iter().cloned().partition(|name| name.ends_with('*'));
    let names = if config.actions.cluster_wide { vec![String::new()] } else { names };
    let off = &config.registry.policy.disabled_actions;
    let mut acting = rights::executor(&names, off);
    if votes && !names.is_empty() {
        acting.extend(rights::objects(&names).0);
    }
    found.extend(asked("the executor", &acting, cluster).await);
    for pattern in patterns {
        let next = format!("name the namespaces of {pattern} one by one, to have each checked");
        found.push(Finding::not_checked(
            format!("rights of the executor in {pattern}"),
            "a pattern cannot be asked for",
            next,
        ));
    }
    found.extend(excess(config, cluster).await);
    found
}

async fn asked(who: &str, wanted: &[Wanted], cluster: &Cluster) -> Vec<Finding> {
    let rights: Vec<Right> = wanted.iter().map(|one| one.right.clone()).collect();
    told(who, wanted, cluster.review(&rights).await)
}

/// One line a right that is not granted; one for all that are. A right that may be left out is not missed.
fn told(who: &str, wanted: &[Wanted], verdicts: Vec<Asked>) -> Vec<Finding> {
    let granted = verdicts.iter().filter(|(_, v)| *v == rights::Verdict::Allowed).count();
    let mut found = Vec::new();
    if granted > 0 {
        found.push(Finding::ok(
            format!("rights of {who}"),
            format!("{granted} of {} granted", verdicts.len()),
        ));
    }
    for ((right, verdict), Wanted { optional, why, .. }) in verdicts.into_iter().zip(wanted) {
        match verdict {
            rights::Verdict::Allowed => {}
            rights::Verdict::Denied if *optional => found.push(
                Finding::ok(format!("rights of {who}"), format!("does without {right}: {why}"))
                    .hint(format!("grant {right} to its account, if you want that")),
            ),
            rights::Verdict::Denied => found.push(Finding::missing(
                format!("rights of {who}"),
                right.to_string(),
                format!("grant {right} to its account"),
            )),
            rights::Verdict::Unknown(why) => {
                let next = "kubectl auth can-i --list";
                found.push(Finding::not_checked(format!("rights of {who}"), format!("{right}: {why}"), next));
            }
        }
    }
    found
}

/// What to do about a right too many.
const FEWER: &str = "give nightshift an account of its own with the rights above and no others";

/// Rights that an account has beside what it reads: no executor holds it, so they are said and nothing more.
fn beside(verdicts: &[Asked]) -> Finding {
    let unknown = verdicts.iter().find(|(_, v)| matches!(v, rights::Verdict::Unknown(_)));
    let extra: Vec<String> = verdicts
        .iter()
        .filter(|(_, v)| *v == rights::Verdict::Allowed)
        .map(|(right, _)| right.to_string())
        .collect();
    match (extra.is_empty(), unknown) {
        (true, None) => Finding::ok("excess rights", "none"),
        (true, Some((right, _))) => {
            Finding::not_checked("excess rights", format!("{right} could not be asked"), FEWER)
        }
        (false, _) => {
            Finding::ok("excess rights", format!("more than needed: {}", extra.join(", "))).hint(FEWER)
        }
    }
}

/// What the executor itself asks: in a cluster an excess closes it; with a person's kubeconfig it is said and nothing more.
async fn excess(config: &Config, cluster: &Cluster) -> Vec<Finding> {
    let (mode, home, seen) = (mode(config), home(), BTreeSet::new());
    let whose = if in_cluster() { rights::Credential::Own } else { rights::Credential::Persons };
    let questions = rights::questions(&mode, &config.registry.policy.disabled_actions, &seen, &home);
    let verdicts = cluster.review(&questions).await;
    closing(&rights::judge(&verdicts, &mode, &seen, &home, whose))
}

/// One line a place that it closes.
fn closing(look: &rights::Look) -> Vec<Finding> {
    let mut found: Vec<Finding> = look
        .places
        .iter()
        .map(|place| {
            let within = Within(&place.namespace);
            Finding::missing("excess rights", format!("the executor is closed{within}: {}", place.why), FEWER)
        })
        .collect();
    found.extend(look.despite.iter().map(|rights| {
        Finding::ok("excess rights", format!("one identity, more rights than needed: {rights}")).hint(FEWER)
    }));
    if found.is_empty() {
        found.push(Finding::ok("excess rights", "none"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::State;
    use crate::runtime::offline::rights::Verdict;

    #[test]
    fn a_right_too_many_is_missed_where_it_closes_and_told_where_it_is_a_persons_own() {
        let place = |namespace: &str| nightshift_model::ClosedPlace {
            namespace: namespace.to_owned(),
            why: "its account may get secrets".to_owned(),
        };
        let closed = rights::Look { places: vec![place(""), place("shop")], ..rights::Look::default() };
        let lines: Vec<(State, String)> =
            closing(&closed).into_iter().map(|one| (one.state, one.detail)).collect();
        let told = |within: &str| format!("the executor is closed{within}: its account may get secrets");
        assert_eq!(lines, [(State::Missing, told("")), (State::Missing, told(" in shop"))]);
        let despite = rights::Look { despite: vec!["get secrets".to_owned()], ..rights::Look::default() };
        let lines = closing(&despite);
        assert!(
            matches!(lines.as_slice(), [one] if one.state == State::Ok && one.detail.contains("one identity")),
            "{lines:?}"
        );
        assert_eq!(closing(&rights::Look::default())[0].detail, "none");
    }

    #[test]
    fn a_right_that_may_be_left_out_is_told_and_not_missed() {
        let wanted = rights::responder(&["shop".to_owned()], &nightshift_detectors::Params::default());
        let verdicts = wanted.iter().map(|one| {
            let denied = one.right.resource == "pods" || one.right.group == "argoproj.io";
            (one.right.clone(), if denied { Verdict::Denied } else { Verdict::Allowed })
        });
        let found = told("the responder", &wanted, verdicts.collect());
        let of = |state: State, text: &str| {
            found.iter().any(|f| f.state == state && f.detail.contains(text) && !f.next.is_empty())
        };
        assert!(of(State::Missing, "list pods in shop"), "{found:?}");
        assert!(of(State::Ok, "does without get pods/log in shop: the last words"), "{found:?}");
        assert!(of(State::Ok, "does without get applications.argoproj.io: whether Argo CD"), "{found:?}");
        assert!(!found.iter().any(|f| f.state == State::NotChecked), "{found:?}");
    }
}
