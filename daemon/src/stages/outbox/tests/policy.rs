use super::*;
use nightshift_model::PolicyFacts;

/// Two starts that noted different numbers of the policy, and the second one's message.
async fn changed(bench: &Bench) {
    let noted = |number: &str| {
        let facts = serde_json::json!({"policy": {"cool_down": [number]}});
        let facts: PolicyFacts = serde_json::from_value(facts).unwrap();
        SystemEvent::PolicyNoted { policy: nightshift_model::digest("t", number.as_bytes()), facts }
    };
    for number in ["15m", "1m\u{1b}[2J"] {
        let epoch = bench.outbox.store.take(Role::Responder, "test", Epoch(0)).await.unwrap();
        let key = format!("policy-changed:epoch-{}", epoch.0);
        let append = SystemAppend {
            fence: Some((Role::Responder, epoch)),
            actor: Actor::Operator,
            at: bench.outbox.clock.now(),
            events: vec![noted(number)],
            outbox: (number != "15m")
                .then_some(Message { key, body: MessageBody::PolicyChanged { epoch } })
                .into_iter()
                .collect(),
        };
        bench.outbox.store.append_system(append).await.unwrap();
    }
}

fn route(page: &[&str], post: &[&str]) -> Table {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let everyone = Fallback::Everyone { channels: vec!["term".to_owned()] };
    let row = Route {
        severity: None,
        namespaces: Vec::new(),
        proposal: None,
        hours: None,
        page: names(page),
        post: names(post),
    };
    Table { routes: vec![row], default: everyone }
}

#[tokio::test]
async fn a_changed_policy_is_posted_once_where_the_table_posts() {
    let mut bench = bench(&["dead"]).await;
    bench.outbox.table = route(&[], &["term"]);
    changed(&bench).await;
    bench.outbox.turn().await.unwrap();
    bench.outbox.turn().await.unwrap();
    let printed = bench.printed.lock().unwrap().clone();
    let [said] = printed.as_slice() else { panic!("{printed:#?}") };
    assert!(said.starts_with("policy.changed Persons, policy, playbooks or mode changed\n"), "{said}");
    assert!(said.contains("policy cool_down: 15m -> 1m") && !said.contains('\u{1b}'), "{said}");
    assert_eq!(bench.told().await, ["policy-changed:epoch-2>term"]);
}

#[tokio::test]
async fn where_only_a_pager_would_hear_of_a_changed_policy_everybody_else_does() {
    let mut bench = bench(&[]).await;
    bench.outbox.table = route(&["pager-that-is-none"], &[]);
    changed(&bench).await;
    bench.outbox.turn().await.unwrap();
    assert_eq!(bench.printed.lock().unwrap().len(), 1);
    assert_eq!(bench.told().await, ["policy-changed:epoch-2>term"]);
}
