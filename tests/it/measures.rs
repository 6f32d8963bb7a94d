//! What Prometheus may fail to say, and who may undo us: never "verified".

use nightshift_model::measure::Check;
use nightshift_model::{Outcome, Proposal};
use nightshift_sim::{Fault, PromValue};
use nightshift_tests::house::{House, Plan};

/// The queries of a proposal's measures: the value, and the time of its newest sample.
fn queries(proposal: &Proposal) -> Vec<(String, String)> {
    let measures = &proposal.plan().verification.measures;
    measures
        .iter()
        .filter_map(|measure| match &measure.check {
            Check::Query { promql, fresh, .. } => Some((promql.clone(), fresh.clone())),
            Check::Cluster { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn without_good_data_nothing_is_called_verified() -> anyhow::Result<()> {
    let house = House::build(Plan::default().policy("concurrent", 10)).await?;
    let names = ["down", "slow", "empty", "nan", "stale", "partial"];
    let mut scopes = Vec::new();
    for name in names {
        scopes.push(house.deploy(name, 1)?);
    }
    for (name, scope) in names.iter().zip(&scopes) {
        house.healthy(scope, 1).await?;
        house.deploy(name, 2)?;
    }
    for (name, scope) in names.iter().zip(&scopes) {
        let proposal = house.proposal(scope).await?;
        let queries = queries(&proposal);
        assert!(!queries.is_empty(), "the shipped playbook asks Prometheus");
        for (at, (value, fresh)) in queries.into_iter().enumerate() {
            house.door.with(|sim| match *name {
                "down" => [&value, &fresh].into_iter().for_each(|q| sim.set_prometheus(q, PromValue::Down)),
                "slow" if at == 0 => sim.set_prometheus(&fresh, PromValue::Silent), // one is enough to wait for
                "slow" => {}
                "empty" => sim.set_prometheus(&value, PromValue::Empty),
                "nan" => sim.set_prometheus(&value, PromValue::Nan),
                "stale" => sim.set_prometheus(&fresh, PromValue::Stale(900)),
                _ => sim.set_prometheus(&value, PromValue::Warned(0.0)),
            });
        }
        house.approve("alice", &proposal).await?;
    }
    for (name, scope) in names.iter().zip(&scopes) {
        let Outcome::Inconclusive { why } = house.verdict(scope).await? else {
            anyhow::bail!("{name} was judged")
        };
        assert!(!why.is_empty());
        assert_eq!((house.writes(name), house.image(name).as_str()), (1, "web:1"), "{name}");
    }
    let told = house.finish().await?;
    assert_eq!(told.pages.len(), 2 * names.len(), "a page for the proposal, a page for the verdict");
    Ok(())
}

/// What another controller puts back has failed, and its name is told.
#[tokio::test]
async fn another_controller_that_reverts_us_is_named() -> anyhow::Result<()> {
    let house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let template = house.live("cart").pointer("/spec/template").cloned().unwrap_or_default();
    let (namespace, deployment) = ("shop".to_owned(), "cart".to_owned());
    let manager = "argocd-controller".to_owned();
    house.door.with(|sim| sim.fault(Fault::Revert { namespace, deployment, manager, template, after: 20 }));
    house.approve("alice", &proposal).await?;
    let Outcome::Failed { reverted_by, .. } = house.verdict(&scope).await? else {
        anyhow::bail!("a write that was undone has failed")
    };
    assert_eq!(reverted_by.as_deref(), Some("argocd-controller"));
    house.clock.sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!((house.writes("cart"), house.image("cart").as_str()), (1, "web:2"), "no tug of war");
    house.finish().await?;
    Ok(())
}
