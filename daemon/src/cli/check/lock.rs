//! The lock at the API server: whether the webhook is in order, and whether the executor's writes are refused.

use super::Finding;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::runtime::offline::access;
use crate::runtime::offline::lock::{self, LockMode, Locks, UNASKED};

const WHAT: &str = "lock at the API server";

pub(super) async fn look(config: &Config, clock: Clock) -> Vec<Finding> {
    if config.mode == Mode::Observe {
        return Vec::new();
    }
    let Some(wanted) = lock::wanted(config) else {
        let said = "none: nobody but nightshift itself refuses what was not approved";
        return vec![Finding::ok(WHAT, said).hint("docs/rbac/lock.yaml and `countersign:` add it")];
    };
    let access = access(&config.cluster);
    let mut found = Vec::new();
    if wanted.mode != LockMode::Policy {
        found.push(match lock::webhook(config, &access).await {
            Ok(()) => Finding::ok("countersign", format!("{} is as it was installed", wanted.name)),
            Err(why) => Finding::not_checked("countersign", why, "ask with the responder's account"),
        });
    }
    found.push(match lock::tried(config, &access, wanted, clock).await {
        Ok(answer) if is_unreached(&answer) => judged(answer).hint(lock::unreached(config, &access).await),
        Ok(answer) => judged(answer),
        Err(error) => Finding::not_checked(
            WHAT,
            crate::cli::failure::causes(&error),
            "see the line about the API server",
        ),
    });
    found
}

/// Whether the API server has no way to the responder.
fn is_unreached(answer: &Result<Locks, String>) -> bool {
    answer.as_ref().is_err_and(|why| why.starts_with(UNASKED))
}

fn judged(answer: Result<Locks, String>) -> Finding {
    match answer {
        Ok(Locks::Three) => Finding::ok(WHAT, "three locks hold: roles, policy, countersign"),
        Ok(locks @ Locks::Two) => Finding::ok(WHAT, locks.short().unwrap_or_default()),
        Err(why) if why.contains("could not be tried") => {
            Finding::not_checked(WHAT, why, "ask with the executor's account")
        }
        Err(why) => Finding::missing(WHAT, format!("the executor is closed: {why}"), "docs/rbac/lock.yaml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::State;

    #[test]
    fn a_lock_that_does_not_hold_is_missing_and_one_that_could_not_be_tried_is_not() {
        let of = |answer| judged(answer);
        assert_eq!(of(Ok(Locks::Three)).state, State::Ok);
        let two = of(Ok(Locks::Two));
        assert!(two.state == State::Ok && two.detail.contains("two of three locks"), "{two:?}");
        assert_eq!(of(Err("the lock could not be tried: x".to_owned())).state, State::NotChecked);
        let weak = of(Err("the policy did not refuse no mark".to_owned()));
        assert!(weak.state == State::Missing && weak.detail.contains("closed"), "{weak:?}");
        let unreached = |said: &str| is_unreached(&Err(lock::cause(said)));
        assert!(unreached("context deadline exceeded") && unreached("connection refused"));
        assert!(
            !is_unreached(&Ok(Locks::Two)) && !is_unreached(&Err("the policy did not refuse".to_owned()))
        );
    }
}
