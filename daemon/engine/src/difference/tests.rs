//! Differences as people read them, and what the digest tells apart.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn lines(before: &Value, after: &Value) -> Vec<String> {
    shown(&difference(before, after))
        .into_iter()
        .map(|c| format!("{}: {} -> {}", c.path, c.before, c.after))
        .collect()
}

#[test]
fn containers_env_and_ports_are_addressed_by_name() {
    let before = json!({"spec": {"containers": [{
        "name": "app", "image": "cart:1.4.1", "args": ["--a"],
        "env": [{"name": "DB", "value": "old"}, {"name": "GONE", "value": "x"}],
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
    }]}});
    let after = json!({"spec": {"containers": [{
        "name": "app", "image": "cart:1.4.2", "args": ["--a", "--b"],
        "env": [{"name": "DB", "value": "new"},
                {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "db", "key": "dsn"}}}],
        "ports": [{"containerPort": 80, "protocol": "UDP"}],
    }, {"name": "side", "image": "envoy:1"}]}});
    assert_eq!(
        lines(&before, &after),
        [
            "/spec/containers/app/args: (not shown) -> (not shown)",
            "/spec/containers/app/env/DB/value: (not shown) -> (not shown)",
            "/spec/containers/app/env/GONE/value: (not shown) -> (absent)",
            "/spec/containers/app/env/REF/valueFrom/secretKeyRef/key: (absent) -> dsn",
            "/spec/containers/app/env/REF/valueFrom/secretKeyRef/name: (absent) -> db",
            "/spec/containers/app/image: cart:1.4.1 -> cart:1.4.2",
            "/spec/containers/app/ports/80/protocol: TCP -> UDP",
            "/spec/containers/side/image: (absent) -> envoy:1",
        ]
    );
}

#[test]
fn order_counts_and_lists_without_keys_go_by_index() {
    let order = |names: &[&str]| json!({"env": names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>()});
    assert_eq!(lines(&order(&["A", "B"]), &order(&["B", "A"])), [r#"/env: ["A","B"] -> ["B","A"]"#]);
    assert_eq!(lines(&order(&["A"]), &order(&["A", "B"])), ["/env/B/name: (absent) -> B"]);
    let before = json!({"tolerations": [{"key": "a"}, {"key": "b"}]});
    let after = json!({"tolerations": [{"key": "a"}]});
    assert_eq!(lines(&before, &after), ["/tolerations/1/key: b -> (absent)"]);
    // The same fields differ, at another place of the list: one picture, two digests.
    assert_ne!(
        difference_digest(&order(&["A"]), &order(&["A", "B"])),
        difference_digest(&order(&["A"]), &order(&["B", "A"]))
    );
}

#[test]
fn annotations_headers_and_secrets_are_hidden_wherever_they_stand() {
    let object = |v: &str| {
        json!({
            "metadata": {"annotations": {"example.com/a": v}, "labels": {"password": v}},
            "spec": {"volumes": [{"name": "v", "csi": {"volumeAttributes": {"k": v}}}],
                "containers": [{"name": "c", "image": format!("https://u:{v}@r.example/i"),
                "lifecycle": {"postStart": {"exec": {"command": [v]}}},
                "env": [{"name": "A", "value": v}, {"name": "A", "value": v}],
                "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": v}]}}}]},
        })
    };
    let all = shown(&difference(&object("hunter2x9"), &object("correct-horse-7")));
    assert_eq!(all.len(), 8);
    for change in &all {
        assert_eq!((&change.before, &change.after), (&Shown::Hidden, &Shown::Hidden), "{}", change.path);
    }
}

#[test]
fn values_are_capped_sanitised_and_never_look_equal() {
    let (a, b) = (format!("{}1", "x".repeat(300)), format!("{}2", "x".repeat(300)));
    assert_eq!(lines(&json!({"f": a}), &json!({"f": b})), ["/f: (not shown) -> (not shown)"]);
    assert_eq!(lines(&json!({"f": "\u{1b}[2J"}), &json!({"f": ""})), ["/f: ␛[2J -> \"\""]);
    assert_eq!(lines(&json!({"f": "(absent)"}), &json!({})), ["/f: \"(absent)\" -> (absent)"]);
    let many: Map<String, Value> = (0..130).map(|i| (format!("f{i:03}"), json!(i))).collect();
    let all = shown(&difference(&json!({}), &Value::Object(many)));
    assert_eq!(all.len(), 101);
    assert_eq!(all.last().unwrap().after, Shown::Value("30 more fields differ".into()));
}

#[test]
fn the_digest_ignores_what_has_no_effect() {
    let object = |image: &str, version: &str| json!({"metadata": {"resourceVersion": version}, "spec": {"image": image}, "status": {"v": version}});
    let first = difference_digest(&object("a", "1"), &object("b", "1"));
    assert_eq!(first, difference_digest(&object("a", "7"), &object("b", "9")));
    assert_ne!(first, difference_digest(&object("a", "1"), &object("c", "1")));
    assert_ne!(first, difference_digest(&object("c", "1"), &object("b", "1")));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(name|a|b|env)", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn two_values_differ_exactly_when_a_change_is_found(a in any_json(), b in any_json()) {
        prop_assert_eq!(difference(&a, &b).is_empty(), a == b);
        prop_assert_eq!(difference(&a, &a.clone()), vec![]);
        prop_assert_eq!(difference(&a, &b), difference(&a, &b));
    }
}
