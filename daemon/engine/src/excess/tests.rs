//! What is asked for, and what the answers close.

use super::*;
use crate::closed::Closings;
use nightshift_model::ClosedBy;

fn mode(namespaces: &[&str]) -> Mode {
    Mode::Approve { namespaces: namespaces.iter().map(|&name| name.to_owned()).collect() }
}

fn seen(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The look at an account that may do what `may` says.
fn look(mode: &Mode, off: &[ActionKind], may: impl Fn(&str) -> Verdict, whose: Credential) -> Look {
    let seen = seen(&["shop-1", "other"]);
    let asked = questions(mode, off, &seen, "nightshift");
    assert!(asked.len() < 1_000, "{}", asked.len());
    let asked: Vec<(Right, Verdict)> = asked.into_iter().map(|r| (r.clone(), may(&r.to_string()))).collect();
    judge(&asked, mode, &seen, "nightshift", whose)
}

fn closings(look: Look) -> Closings {
    let mut closings = Closings::default();
    closings.set(ClosedBy::Rights, look);
    closings
}

fn grants<'a>(rights: &'a [&'a str]) -> impl Fn(&str) -> Verdict + 'a {
    |asked| if rights.contains(&asked) { Verdict::Allowed } else { Verdict::Denied }
}

#[test]
fn what_the_enabled_actions_need_is_no_excess_and_nothing_else_is_needed() {
    let named = mode(&["shop", "bank"]);
    let asked: Vec<String> =
        questions(&named, &[], &BTreeSet::new(), "nightshift").iter().map(ToString::to_string).collect();
    for never in [
        "get secrets",
        "get secrets in shop",
        "create pods/exec in bank",
        "* *.*",
        "create serviceaccounts/token",
        "impersonate users",
        "patch deployments/scale.apps in shop",
        "update deployments.apps in shop",
        "patch deployments.apps", // in the whole cluster
        "patch deployments.apps in nightshift",
        "patch deployments.apps in kube-system",
        "create votes.nightshift.dev in shop",
        "delete votes.nightshift.dev in shop",
        "create visits.nightshift.dev in nightshift",
        "delete validatingadmissionpolicies.admissionregistration.k8s.io",
    ] {
        assert!(asked.iter().any(|one| one == never), "{never}");
    }
    for needed in ["patch deployments.apps in shop", "delete pods in bank", "create jobs.batch in shop"] {
        assert!(!asked.iter().any(|one| one == needed), "{needed}");
    }
    let off = [ActionKind::DeletePod, ActionKind::ReRunJob];
    let asked: Vec<String> =
        questions(&named, &off, &BTreeSet::new(), "").iter().map(ToString::to_string).collect();
    assert!(asked.contains(&"delete pods in shop".to_owned()), "switched off, it is one too many");
    assert!(asked.contains(&"create jobs.batch in bank".to_owned()));
}

#[test]
fn an_account_with_no_more_than_it_needs_opens() {
    let closings = closings(look(&mode(&["shop"]), &[], grants(&[]), Credential::Own));
    assert_eq!((closings.within("shop"), closings.places().count()), (None, 0));
}

#[test]
fn a_right_inside_a_namespace_closes_that_namespace_and_names_the_right() {
    let mode = mode(&["shop", "bank"]);
    let closings =
        closings(look(&mode, &[], grants(&["get secrets in shop", "list secrets in shop"]), Credential::Own));
    assert_eq!(
        closings.within("shop").as_deref(),
        Some(
            "the executor is closed in shop: its account has rights that it must not have: get secrets, list secrets"
        )
    );
    assert_eq!((closings.within("bank"), closings.everywhere()), (None, None));
}

#[test]
fn a_right_in_the_whole_cluster_or_where_nothing_is_written_closes_everything() {
    let mode = mode(&["shop"]);
    let all = closings(look(
        &mode,
        &[],
        |asked| if asked.starts_with("get secrets") { Verdict::Allowed } else { Verdict::Denied },
        Credential::Own,
    ));
    assert_eq!(
        all.everywhere().as_deref(),
        Some("the executor is closed: its account has rights that it must not have: get secrets")
    );
    assert_eq!(all.places().count(), 1, "said once");
    for own in ["patch deployments.apps in nightshift", "get secrets in kube-system"] {
        let closings = closings(look(&mode, &[], grants(&[own]), Credential::Own));
        assert!(closings.everywhere().is_some_and(|why| why.contains(own)), "{own}");
    }
}

#[test]
fn what_was_not_answered_is_not_proven() {
    let mode = mode(&["shop", "bank"]);
    let silent = |asked: &str| {
        if asked.ends_with(" in bank") { Verdict::Unknown("500".to_owned()) } else { Verdict::Denied }
    };
    let one = closings(look(&mode, &[], silent, Credential::Own));
    assert!(one.within("bank").is_some_and(|why| why.contains("did not say whether its account may * *.*")));
    assert_eq!(one.within("shop"), None);
    let none = closings(look(&mode, &[], |_| Verdict::Unknown("down".to_owned()), Credential::Own));
    assert!(none.everywhere().is_some_and(|why| why.contains("did not say")));
    // What is held is told before what is not known.
    let both = |asked: &str| match asked {
        "get secrets" => Verdict::Allowed,
        _ => Verdict::Unknown(String::new()),
    };
    let both = closings(look(&mode, &[], both, Credential::Own));
    assert!(both.everywhere().is_some_and(|why| why.ends_with("must not have: get secrets")));
}

#[test]
fn a_pattern_is_asked_for_by_the_namespaces_that_incidents_name() {
    let pattern = mode(&["shop-*"]);
    let held = closings(look(&pattern, &[], grants(&["get secrets in shop-1"]), Credential::Own));
    assert!(held.within("shop-1").is_some_and(|why| why.contains("get secrets")));
    assert!(held.within("shop-2").is_some_and(|why| why.contains("not looked at yet")), "not seen so far");
    // Everywhere by a switch of its own: what the actions need is then needed in the whole cluster.
    let wide = mode(&["*"]);
    let asked = questions(&wide, &[], &BTreeSet::new(), "nightshift");
    assert!(!asked.iter().any(|right| right.to_string() == "patch deployments.apps"));
    assert!(asked.iter().any(|right| right.to_string() == "get secrets"));
}

#[test]
fn a_persons_own_credential_is_told_and_closes_nothing() {
    let all = |_: &str| Verdict::Allowed;
    let look = look(&mode(&["shop"]), &[], all, Credential::Persons);
    assert!(look.places.is_empty() && look.reached.is_none(), "{look:?}");
    let [told] = look.despite.as_slice() else { unreachable!("{look:?}") };
    assert!(told.starts_with("* *.*, get secrets, ") && told.contains(" more"), "{told}");
    assert_eq!(closings(look).within("shop"), None);
}
