//! What an object must be to count, and everything that it must not be.

use super::policy::{binding, spec};
use super::*;
use crate::proof::Counters;
use crate::rules::Rules;
use crate::samples::{at, nightshift, proposal, registry, rules};
use crate::tally::{Tally, tally};
use crate::wire::{HttpWrite, Wire};
use nightshift_model::effect::{RawPart, Read};
use nightshift_model::{NotChecked, PersonId, Risk};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

/// Answers by the last word of the path.
struct Table(Vec<(&'static str, RawPart)>);

impl Wire for Table {
    async fn read(&self, read: &Read) -> RawPart {
        let Read::Get { path, query, .. } = read else { unreachable!("{read:?}") };
        let (_, answer) = self.0.iter().find(|(name, _)| path.contains(name)).unwrap();
        if path.ends_with("/votes") {
            assert_eq!(path, "/apis/nightshift.dev/v1/namespaces/shop/votes");
            assert!(query.contains(&(
                "labelSelector".to_owned(),
                format!("nightshift.dev/proposal={}", sealed().id())
            )));
        }
        answer.clone()
    }
    async fn write(&self, write: &HttpWrite) -> RawPart {
        unreachable!("{write:?}")
    }
    fn now(&self) -> Timestamp {
        at(0)
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the table answers at once"),
    }
}

fn sealed() -> Proposal {
    proposal(Risk::High, nightshift())
}

fn body(value: &Value) -> RawPart {
    RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false }
}

fn part(spec: &Value, made: u64) -> Value {
    json!({"metadata": {"name": "votes.nightshift.dev", "creationTimestamp": at(made).to_string()}, "spec": spec})
}

fn item(uid: &str, user: &str, decision: &str, no: u32, second: u64) -> Value {
    let p = sealed();
    json!({
        "metadata": {"name": uid, "uid": uid, "resourceVersion": "7", "creationTimestamp": at(second).to_string()},
        "spec": {"user": user, "clusterUid": "c", "proposal": p.id(), "digest": p.digest(), "decision": decision,
                 "voteNo": no, "interactive": true, "reason": "because"},
    })
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "VoteList", "metadata": {"resourceVersion": "9"}, "items": items})
}

fn cluster(policy: &Value, binding: &Value, votes: &Value) -> Table {
    Table(vec![
        ("/validatingadmissionpolicies/", body(policy)),
        ("/validatingadmissionpolicybindings/", body(binding)),
        ("/votes", body(votes)),
    ])
}

fn locked(votes: &[Value]) -> Table {
    cluster(&part(&spec(), 0), &part(&binding(), 1), &list(votes))
}

fn see(table: &Table) -> Look {
    ready(look(table, "shop", sealed().id()))
}

/// alice and bob by their user names.
fn known() -> Rules {
    let mut registry = registry();
    for (at, user) in [(0, "alice@example.com"), (1, "bob@example.com")] {
        registry.persons[at].kubernetes = Some(user.to_owned());
    }
    Rules { registry: Arc::new(registry), ..rules() }
}

fn with(look: Look) -> Rules {
    let mut rules = known();
    rules.standing.looks = Looks::default().with(sealed().id().clone(), look);
    rules
}

fn recorded(look: &Look, rules: &Rules) -> Vec<Vote> {
    let person = |o: &VoteObject| rules.registry.in_kubernetes(&o.user).cloned().unwrap();
    look.objects().iter().map(|o| o.vote(&person(o))).collect()
}

#[test]
fn the_manifest_holds_the_policy_that_is_read_back() {
    let spec = spec();
    for rule in spec["validations"].as_array().unwrap() {
        for field in ["expression", "message"] {
            assert!(MANIFEST.contains(rule[field].as_str().unwrap()), "{rule}");
        }
    }
    assert!(!MANIFEST.contains("paramKind") && !MANIFEST.contains("matchConditions"));
}

#[test]
fn only_votes_under_the_policy_are_seen() {
    let early = item("early", "alice@example.com", "approve", 1, 11);
    let mut leaving = item("leaving", "alice@example.com", "approve", 2, 20);
    leaving["metadata"]["deletionTimestamp"] = json!(at(21).to_string());
    let good = item("good", "bob@example.com", "deny", 1, 20);
    let Look::Read(objects) = see(&locked(&[early, leaving, good])) else { unreachable!() };
    let [object] = objects.as_slice() else { unreachable!("{objects:?}") };
    assert_eq!((object.uid.as_str(), object.decision, object.at), ("good", VoteDecision::Deny, at(20)));
    let mut told = item("told", "bob@example.com", "deny", 1, 20);
    told["spec"]["reason"] = json!("\u{1b}[2Jpassword=hunter2hunter2");
    let Look::Read(objects) = see(&locked(&[told])) else { unreachable!() };
    assert!(!objects[0].reason.contains('\u{1b}') && !objects[0].reason.contains("hunter2"), "{objects:?}");
    let none = json!({"kind": "VoteList", "metadata": {}, "items": null});
    assert_eq!(see(&cluster(&part(&spec(), 0), &part(&binding(), 0), &none)), Look::Read(Vec::new()));
}

#[test]
fn without_exactly_this_policy_nobody_is_believed() {
    type Bend = fn(&mut Value, &mut Value);
    let bends: [(&str, Bend); 9] = [
        ("ignores failures", |p, _| p["spec"]["failurePolicy"] = json!("Ignore")),
        ("has a condition", |p, _| {
            p["spec"]["matchConditions"] = json!([{"name": "a", "expression": "false"}]);
        }),
        ("has a parameter", |p, _| p["spec"]["paramKind"] = json!({"apiVersion": "v1", "kind": "ConfigMap"})),
        ("says less", |p, _| drop(p["spec"]["validations"].as_array_mut().unwrap().remove(0))),
        ("says yes", |p, _| p["spec"]["validations"][0]["expression"] = json!("true")),
        ("leaves namespaces out", |p, _| {
            p["spec"]["matchConstraints"]["namespaceSelector"] = json!({"matchLabels": {"a": "b"}});
        }),
        ("only warns", |_, b| b["spec"]["validationActions"] = json!(["Warn"])),
        ("is bound elsewhere", |_, b| b["spec"]["matchResources"] = json!({"namespaceSelector": {}})),
        ("is going", |p, _| p["metadata"]["deletionTimestamp"] = json!(at(2).to_string())),
    ];
    let votes = list(&[item("a", "alice@example.com", "approve", 1, 20)]);
    for (what, bend) in bends {
        let (mut policy, mut binding) = (part(&spec(), 0), part(&binding(), 0));
        bend(&mut policy, &mut binding);
        let look = see(&cluster(&policy, &binding, &votes));
        assert!(matches!(look, Look::Unlocked { .. }), "{what}: {look:?}");
    }
    let whole = [body(&part(&spec(), 0)), body(&part(&binding(), 1))];
    assert_eq!(policy::since(&whole), Ok(at(1)), "as check reads it");
    assert!(policy::since(&whole[..1]).is_err() && policy::since(&[]).is_err());
    for missing in 0..2 {
        let mut table = locked(&[item("a", "alice@example.com", "approve", 1, 20)]);
        table.0[missing].1 = RawPart::Body { status: 404, body: b"{}".to_vec(), cut: false };
        let look = see(&table);
        assert!(look.why_not().unwrap().contains("votes.nightshift.dev"), "{look:?}");
        assert!(matches!(look, Look::Unlocked { .. }), "{look:?}");
    }
}

#[test]
fn what_cannot_be_read_whole_is_not_read() {
    let (mut many, mut odd) = (list(&[]), item("a", "alice@example.com", "approve", 1, 20));
    many["metadata"]["continue"] = json!("more");
    odd["spec"]["decision"] = json!("perhaps");
    let failed = RawPart::Failed { why: NotChecked::TimedOut, detail: String::new() };
    for (what, part) in [
        ("more than anybody casts", body(&many)),
        ("an odd one", body(&list(&[odd]))),
        ("no kind", RawPart::Body { status: 404, body: b"404 page not found".to_vec(), cut: false }),
        ("no right", RawPart::Body { status: 403, body: b"{}".to_vec(), cut: false }),
        ("no list", body(&json!({"kind": "Status"}))),
        ("no answer", failed),
    ] {
        let mut table = locked(&[]);
        table.0[2].1 = part;
        assert!(matches!(see(&table), Look::Unread { .. }), "{what}");
    }
}

#[test]
fn an_object_proves_the_vote_that_it_is_and_no_other() {
    type Bend = fn(&mut Vote);
    let look = see(&locked(&[item("a", "alice@example.com", "approve", 1, 20)]));
    let rules = with(look.clone());
    let good = recorded(&look, &rules).remove(0);
    let counters = Counters::default();
    let judge = |vote: &Vote, registry: &Registry, cluster: &str, sealed_at| {
        let context = Context { registry, cluster_uid: cluster, sealed_at, counters: &counters, look: &look };
        crate::proof::verify(vote, &context)
    };
    assert_eq!(judge(&good, &rules.registry, "c", at(10)), Ok(Strength::Signed));
    assert_eq!(judge(&good, &rules.registry, "d", at(10)), Err(BadProof::OtherObject), "another cluster");
    assert_eq!(judge(&good, &rules.registry, "c", at(400)), Err(BadProof::OtherObject), "before the sealing");
    assert_eq!(judge(&good, &registry(), "c", at(10)), Err(BadProof::UnknownUser));
    let bends: [(BadProof, Bend); 8] = [
        (BadProof::OtherUser, |v| v.person = PersonId::from("bob")),
        (BadProof::UnknownUser, |v| v.person = PersonId::from("guest")),
        (BadProof::OtherObject, |v| v.digest = Digest([9; 32])),
        (BadProof::OtherObject, |v| v.no = 2),
        (BadProof::OtherObject, |v| v.at = at(21)),
        (BadProof::OtherObject, |v| v.interactive = false),
        (BadProof::OtherObject, |v| v.proposal = ProposalId("pro-other".to_owned())),
        (BadProof::ObjectGone, |v| {
            v.proof = Proof::Kubernetes { uid: "a".to_owned(), resource_version: "8".to_owned() };
        }),
    ];
    for (bad, bend) in bends {
        let mut vote = good.clone();
        bend(&mut vote);
        assert_eq!(judge(&vote, &rules.registry, "c", at(10)), Err(bad), "{vote:?}");
    }
}

#[test]
fn two_objects_decide_a_high_risk_and_only_while_they_stand() {
    let both =
        [item("a", "alice@example.com", "approve", 1, 20), item("b", "bob@example.com", "approve", 1, 21)];
    let look = see(&locked(&both));
    let votes = recorded(&look, &with(look.clone()));
    let Tally::Approved(grant) = tally(&sealed(), &votes, &with(look)) else { unreachable!("both count") };
    assert_eq!((grant.at, grant.persons.len()), (at(21), 2));
    let gone = see(&locked(&both[..1]));
    for look in [
        gone,
        Look::NotAsked,
        Look::Unread { why: String::new() },
        Look::Unlocked { why: String::new() },
        Look::Read(Vec::new()),
    ] {
        let counted = tally(&sealed(), &votes, &with(look.clone()));
        assert!(matches!(counted, Tally::Waiting { needed: 2, .. }), "{look:?}: {counted:?}");
    }
}

#[test]
fn a_no_counts_before_it_is_recorded_and_a_yes_does_not() {
    let yes = see(&locked(&[item("a", "alice@example.com", "approve", 1, 20)]));
    assert!(
        matches!(tally(&sealed(), &[], &with(yes)), Tally::Waiting { approved, .. } if approved.is_empty())
    );
    let no = see(&locked(&[item("b", "bob@example.com", "deny", 1, 20)]));
    assert!(matches!(tally(&sealed(), &[], &with(no)), Tally::Denied { by, .. } if by.as_str() == "bob"));
    let strangers = see(&locked(&[item("m", "mallory@example.com", "deny", 1, 20)]));
    assert!(
        matches!(tally(&sealed(), &[], &with(strangers)), Tally::Waiting { .. }),
        "nobody of the registry"
    );
}

#[test]
fn deleting_a_taken_back_vote_brings_no_approval_back() {
    let all = [
        item("a", "alice@example.com", "approve", 1, 20),
        item("b", "bob@example.com", "approve", 1, 21),
        item("w", "alice@example.com", "withdraw", 2, 22),
    ];
    let whole = see(&locked(&all));
    let votes = recorded(&whole, &with(whole.clone()));
    for look in [whole, see(&locked(&all[..2]))] {
        let counted = tally(&sealed(), &votes, &with(look));
        assert!(matches!(counted, Tally::Waiting { .. }), "{counted:?}");
    }
}

#[test]
fn a_user_name_is_a_persons() {
    for good in ["alice", "alice@example.com", "oidc:alice", "https://issuer.example#1234"] {
        assert_eq!(is_user(good), Ok(()), "{good}");
    }
    let long = "a".repeat(257);
    for bad in ["", "a b", "a\n", "system:serviceaccount:shop:robot", "system:admin", long.as_str()] {
        assert!(is_user(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_visit_is_its_users_for_a_quarter_of_an_hour() {
    let good = json!({
        "metadata": {"name": "v", "creationTimestamp": at(20).to_string()},
        "spec": {"user": "alice@example.com", "key": "A".repeat(43)},
    });
    let open = |visit: &Value, policy: Value, now: u64| {
        let table = Table(vec![
            ("/validatingadmissionpolicies/", body(&part(&policy, 0))),
            ("/validatingadmissionpolicybindings/", body(&part(&binding(), 0))),
            ("/visits/v", body(visit)),
        ]);
        ready(visit::visit(&table, "nightshift", "v", at(now)))
    };
    let found = open(&good, spec(), 920).unwrap();
    assert_eq!((found.user.as_str(), found.key.public.len()), ("alice@example.com", 43));
    let mut leaving = good.clone();
    leaving["metadata"]["deletionTimestamp"] = json!(at(21).to_string());
    let mut early = good.clone();
    early["metadata"]["creationTimestamp"] = json!(at(10).to_string());
    let mut weak = spec();
    weak["failurePolicy"] = json!("Ignore");
    for (what, got) in [
        ("over", open(&good, spec(), 921)),
        ("being deleted", open(&leaving, spec(), 30)),
        ("older than the policy", open(&early, spec(), 30)),
        ("without the policy", open(&good, weak, 30)),
        ("something else", open(&json!({"kind": "Status"}), spec(), 30)),
    ] {
        assert!(got.is_err(), "{what}: {got:?}");
    }
}

#[test]
fn the_id_of_a_visit_names_one_object() {
    let id = visit::id("nightshift", "v-1.a");
    assert_eq!(visit::place(&id), Some(("nightshift", "v-1.a")));
    for other in [
        "a1",
        "visit:",
        "visit:a",
        "visit:a/",
        "visit:/b",
        "visit:a/b/c",
        "visit:a/../b",
        "visit:A/b",
        "visit:a/b?c",
    ] {
        assert_eq!(visit::place(other), None, "{other}");
    }
}
