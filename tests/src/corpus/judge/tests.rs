use super::*;
use std::path::PathBuf;

fn case(expect: &str) -> Case {
    let text = format!(
        "about: A.\nsource: https://example.org/1\nsteps: [{{ wait: 1s }}]\nwatch: 60s\nexpect:\n{expect}"
    );
    let told = serde_saphyr::from_str(&text).unwrap();
    Case { name: "containers/a".to_owned(), folder: PathBuf::new(), told }
}

fn told(scope: &str, reason: &str, action: &str) -> Told {
    Told {
        scope: scope.to_owned(),
        namespace: "c1-a".to_owned(),
        reason: reason.to_owned(),
        further: Vec::new(),
        cause: "NotFound".to_owned(),
        says: "the tag no-such-tag is not there".to_owned(),
        action: action.to_owned(),
        at: Timestamp::from_second(110),
    }
}

fn verdict(expect: &str, incidents: Vec<Told>) -> Verdict {
    let acts = vec![Timestamp::from_second(50), Timestamp::from_second(100), Timestamp::from_second(120)];
    judge(&case(expect), &Played { namespace: "c1-a".to_owned(), acts, broken: None, incidents })
}

const FAILURE: &str = "  failure: { reason: [ImagePullBackOff, ErrImagePull], scope: deployment/a, cause: NotFound, \
                       says: No-such-tag, action: rollback-deployment }\n";

#[test]
fn a_failure_wants_exactly_one_incident_that_is_right_in_everything() {
    let right = || told("deployment/a", "ErrImagePull", "rollback-deployment");
    assert_eq!(
        verdict(FAILURE, vec![right()]),
        Verdict { found: Some(true), incidents: 1, right: 1, wrong: vec![], seconds: Some(10.0) }
    );
    let but = |change: fn(&mut Told)| {
        let mut other = right();
        change(&mut other);
        other
    };
    let table = [
        (vec![], vec![Wrong::Missed]),
        (vec![right(), right()], vec![Wrong::FalseIncident, Wrong::WrongProposal]),
        (vec![told("node/x", "NotReady", "escalate"), right()], vec![Wrong::FalseIncident]),
        (vec![told("node/x", "NotReady", "escalate")], vec![Wrong::FalseIncident, Wrong::Missed]),
        (vec![but(|t| t.scope = "pod/a-1".to_owned())], vec![Wrong::Scope]),
        (vec![but(|t| t.reason = "Unknown".to_owned())], vec![Wrong::Reason]),
        (vec![but(|t| t.cause = "Denied".to_owned())], vec![Wrong::Cause]),
        (vec![but(|t| t.says = String::new())], vec![Wrong::Says]),
        (vec![but(|t| t.action = "escalate".to_owned())], vec![Wrong::Action]),
        (vec![but(|t| t.action = "restart".to_owned())], vec![Wrong::Action, Wrong::WrongProposal]),
    ];
    for (incidents, wrong) in table {
        let said = format!("{incidents:?}");
        assert_eq!(verdict(FAILURE, incidents).wrong, wrong, "{said}");
    }
}

#[test]
fn silence_wants_none() {
    let silence = "  silence: true\n";
    assert_eq!(verdict(silence, vec![]).wrong, vec![]);
    assert_eq!(verdict(silence, vec![told("pod/a", "Failed", "escalate")]).wrong, vec![Wrong::FalseIncident]);
    assert_eq!(
        verdict(silence, vec![told("deployment/a", "CrashLoopBackOff", "rollback-deployment")]).wrong,
        vec![Wrong::FalseIncident, Wrong::WrongProposal]
    );
}

#[test]
fn a_case_that_could_not_be_played_is_never_right() {
    let played = Played {
        namespace: "c1-a".to_owned(),
        acts: vec![],
        broken: Some("step 1: no such kind".to_owned()),
        incidents: vec![],
    };
    assert_eq!(judge(&case("  silence: true\n"), &played).wrong, vec![Wrong::NotPlayed]);
}

#[test]
fn short_names_and_the_cases_namespace_count() {
    let expect =
        "  failure: { reason: Pending, scope: [pvc/data, \"namespace/{{ns}}\"], action: escalate }\n";
    assert_eq!(
        verdict(expect, vec![told("persistentvolumeclaim/data", "Pending", "escalate")]).wrong,
        vec![]
    );
    assert_eq!(verdict(expect, vec![told("namespace/c1-a", "Pending", "escalate")]).wrong, vec![]);
}
