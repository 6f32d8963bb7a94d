use super::*;
use crate::load::{Source, load};

const CRASH: Situation =
    Situation { reason: Reason::CrashLoopBackOff, kind: Kind::Deployment, cause: Cause::Rollout };

/// A catalog of escalations: name and `when`.
fn catalog(playbooks: &[(&str, &str)]) -> Catalog {
    let text = |(name, when): &(&str, &str)| {
        format!(
            "name: {name}\nversion: 1\nsummary: A test.\nwhen: {when}\nplan: {{ escalate: Look. }}\nrunbook: None.\n"
        )
    };
    let texts: Vec<(String, String)> = playbooks.iter().map(|p| (format!("{}.yaml", p.0), text(p))).collect();
    let sources: Vec<Source<'_>> = texts.iter().map(|(file, text)| Source { file, text }).collect();
    load(&sources).unwrap()
}

#[test]
fn the_most_specific_wins_and_of_equals_the_first_by_name() {
    let all = [
        ("z-all", "{ reason: CrashLoopBackOff, kind: Deployment, cause: rollout }"),
        ("m-kind", "{ kind: Deployment }"),
        ("b-two", "{ reason: CrashLoopBackOff, kind: Deployment }"),
        ("a-two", "{ kind: Deployment, cause: rollout }"),
    ];
    for (left_out, expected) in [(0, "z-all"), (1, "a-two"), (2, "m-kind"), (4, "escalate")] {
        let mut rest = all.to_vec();
        match left_out {
            0 => {}
            1 => rest.retain(|p| p.0 != "z-all"),
            2 => rest.retain(|p| p.0 == "m-kind"),
            _ => rest.clear(),
        }
        let forward = catalog(&rest);
        rest.reverse();
        let backward = catalog(&rest);
        assert_eq!(select(&forward, &CRASH).playbook.name, expected);
        assert_eq!(select(&forward, &CRASH), select(&backward, &CRASH), "the order of files does not matter");
    }
}

#[test]
fn what_was_passed_over_is_said_with_its_reason() {
    let catalog = catalog(&[
        ("kind", "{ kind: StatefulSet }"),
        ("rollout", "{ kind: Deployment, cause: rollout }"),
        ("reason", "{ reason: CrashLoopBackOff }"),
    ]);
    let unknown = Situation { cause: Cause::Unknown, ..CRASH };
    let selected = select(&catalog, &unknown);
    assert_eq!(selected.playbook.name, "reason");
    let said: Vec<(&str, &str)> =
        selected.passed_over.iter().map(|(name, why)| (*name, why.as_str())).collect();
    assert_eq!(said, [("rollout", "no-rollout"), ("kind", "other-kind"), ("escalate", "less-specific")]);
    assert_eq!(selected.passed_over[1].1.to_string(), "it is for a StatefulSet");
    assert_eq!(WhyNot::OtherReason(Reason::CrashLoopBackOff).to_string(), "it is for CrashLoopBackOff");
}
