//! Answers of an API server, and what follows from them.

use super::*;
use nightshift_model::NotChecked;

const LOCK: &str = "nightshift-lock";

fn status(code: u16, message: &str) -> RawPart {
    let body = json!({"kind": "Status", "message": message}).to_string().into_bytes();
    RawPart::Body { status: code, body, cut: false }
}

fn unanswered(why: &str) -> Met {
    let said = format!(
        "Internal error occurred: failed calling webhook \"{WEBHOOK}\": failed to call webhook: Post \"https://x.svc:10250/countersign?timeout=5s\": {why}"
    );
    met(LOCK, &status(500, &said))
}

/// The answers of a cluster in which each layer answers so.
fn answers(policy: &Met, countersign: &Met) -> Vec<(Probe, Met)> {
    let cart = ObjectRef::new(Kind::Deployment, "shop", "cart", "u");
    probes("shop", Some(&cart), Epoch(4), Timestamp::EPOCH)
        .into_iter()
        .map(|probe| {
            let met = match probe.by {
                Layer::RolesOrPolicy => Met::Roles,
                Layer::Policy => policy.clone(),
                Layer::Countersign => countersign.clone(),
            };
            (probe, met)
        })
        .collect()
}

#[test]
fn every_probe_is_a_dry_run() {
    let cart = ObjectRef::new(Kind::DaemonSet, "shop", "cart", "u");
    let all = probes("shop", Some(&cart), Epoch(1), Timestamp::EPOCH);
    assert_eq!(all.len(), 7);
    let bodies = all.iter().map(|probe| serde_json::from_slice::<Value>(&probe.write.body).unwrap());
    let times: Vec<String> = bodies.filter_map(|b| Some(b.get("eventTime")?.as_str()?.to_owned())).collect();
    assert!(times.iter().all(|time| time == "1970-01-01T00:00:00.000000Z") && !times.is_empty(), "{times:?}");
    for probe in all {
        let dry = ("dryRun".to_owned(), "All".to_owned());
        assert!(probe.write.query.contains(&dry) && probe.write.method != "DELETE", "{}", probe.name);
    }
    assert_eq!(probes("shop", None, Epoch(1), Timestamp::EPOCH).len(), 3);
}

#[test]
fn an_answer_is_told_by_its_layer() {
    let policy = "deployments.apps \"cart\" is forbidden: ValidatingAdmissionPolicy 'nightshift-lock' with binding \
                  'nightshift-lock' denied request: nightshift: it bears no mark of an operation";
    assert_eq!(met(LOCK, &status(422, policy)), Met::Policy);
    assert!(matches!(met("another", &status(422, policy)), Met::Else { .. }));
    let webhook = format!("admission webhook \"{WEBHOOK}\" denied the request: x");
    assert_eq!(met(LOCK, &status(403, &webhook)), Met::Countersign);
    let foreign = "admission webhook \"other.example\" denied the request: x";
    assert!(matches!(met(LOCK, &status(403, foreign)), Met::Else { .. }));
    let roles = "events.events.k8s.io is forbidden: User \"x\" cannot create resource \"events\"";
    assert_eq!(met(LOCK, &status(403, roles)), Met::Roles);
    assert_eq!(met(LOCK, &status(201, "")), Met::Nobody);
    assert!(matches!(unanswered("EOF"), Met::Unanswered { .. }));
    let failed = RawPart::Failed { why: NotChecked::Unreachable, detail: "no".to_owned() };
    assert!(matches!(met(LOCK, &failed), Met::Else { .. }));
    assert!(matches!(met(LOCK, &status(404, "not found")), Met::Else { .. }));
}

#[test]
fn only_what_each_layer_refused_itself_counts_for_it() {
    use LockMode::{Auto, Policy, Webhook};
    let down = unanswered("context deadline exceeded");
    let odd = Met::Else { why: "odd".to_owned() };
    let table = [
        (Webhook, &Met::Policy, &Met::Countersign, Ok(Locks::Three)),
        (Auto, &Met::Policy, &Met::Countersign, Ok(Locks::Three)),
        (Policy, &Met::Policy, &Met::Countersign, Ok(Locks::Two)),
        (Policy, &Met::Policy, &Met::Nobody, Ok(Locks::Two)),
        (Auto, &Met::Policy, &Met::Nobody, Ok(Locks::Two)),
        (Webhook, &Met::Policy, &Met::Nobody, Err("nobody refused it")),
        (Webhook, &Met::Countersign, &Met::Countersign, Err("only the countersign did")),
        (Auto, &Met::Countersign, &Met::Countersign, Err("only the countersign did")),
        (Policy, &Met::Nobody, &Met::Nobody, Err("nobody refused it")),
        (Policy, &down, &down, Err("it did not answer")),
        (Auto, &Met::Nobody, &Met::Nobody, Err("nobody refused it")),
        (Webhook, &Met::Policy, &down, Err("a firewall is the usual reason")),
        (Auto, &Met::Policy, &down, Err("a firewall is the usual reason")),
        (Webhook, &Met::Policy, &Met::Policy, Err("the policy refused it first")),
        (Webhook, &odd, &Met::Countersign, Err("could not be tried")),
        (Webhook, &Met::Policy, &odd, Err("could not be tried")),
        (Webhook, &Met::Roles, &Met::Roles, Err("could not be tried")),
        (Webhook, &Met::Policy, &Met::Roles, Err("could not be tried")),
    ];
    for (mode, policy, countersign, wanted) in table {
        let told = verdict(mode, LOCK, &answers(policy, countersign));
        match (&told, wanted) {
            (Ok(locks), Ok(wanted)) => assert_eq!(*locks, wanted, "{mode:?} {policy:?} {countersign:?}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{mode:?}: {why}"),
            _ => panic!("{mode:?} {policy:?} {countersign:?}: {told:?}"),
        }
    }
    assert!(verdict(Webhook, LOCK, &[]).is_err());
}

#[test]
fn one_write_that_gets_through_where_others_do_not_is_no_lock() {
    let mut some = answers(&Met::Policy, &Met::Countersign);
    for (probe, met) in some.iter_mut().filter(|(probe, _)| probe.name == "an epoch that is over") {
        assert_eq!(probe.by, Layer::Countersign);
        *met = Met::Nobody;
    }
    assert!(verdict(LockMode::Auto, LOCK, &some).unwrap_err().contains("let an epoch that is over through"));
    assert!(verdict(LockMode::Webhook, LOCK, &some).is_err());
    let mut forbidden = answers(&Met::Policy, &Met::Countersign);
    for (_, met) in forbidden.iter_mut().filter(|(probe, _)| probe.by == Layer::RolesOrPolicy) {
        *met = Met::Nobody;
    }
    assert!(verdict(LockMode::Webhook, LOCK, &forbidden).unwrap_err().contains("a forbidden namespace"));
}

#[test]
fn the_usual_reason_is_named() {
    for (why, names) in [
        ("context deadline exceeded", "firewall"),
        ("dial tcp 10.0.0.1:10250: i/o timeout", "firewall"),
        ("error dialing backend: No agent available", "konnectivity-agent"),
        ("dial tcp 10.0.0.1:10250: connect: connection refused", "nothing listens there"),
        ("no endpoints available for service \"x\"", "no Pod that is ready"),
        ("service \"x\" not found", "the Service is not there"),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "certificate is not known",
        ),
        ("EOF", "responder's log"),
    ] {
        let Met::Unanswered { why: said } = unanswered(why) else { panic!("{why}") };
        assert!(cause(&said).contains(names), "{why}: {}", cause(&said));
    }
}
