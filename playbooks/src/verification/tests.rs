use super::*;
use crate::catalog::Catalog;
use crate::load::{Source, load};
use nightshift_model::{Digest, Kind};

const ROLLBACK: &str = include_str!("../../catalog/rollback-deployment.yaml");

fn cart() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "cart", "u1")
}

fn template(byte: u8) -> ClusterCondition {
    ClusterCondition::TemplateIs { template: Digest([byte; 32]) }
}

fn of(
    playbook: &Playbook,
    target: &ObjectRef,
    prometheus: bool,
    gap: u64,
) -> Result<VerificationSpec, VerificationError> {
    let policy = Policy::default();
    verification(playbook, &policy, Risk::Medium, target, &template(0), prometheus, Seconds(gap))
}

/// The shipped rollback with a replacement in its text.
fn changed(from: &str, to: &str) -> Playbook {
    let text = ROLLBACK.replacen(from, to, 1);
    let catalog = load(&[Source { file: "rollback-deployment.yaml", text: &text }]).unwrap();
    catalog.get("rollback-deployment").unwrap().clone()
}

#[test]
fn the_largest_soak_is_in_force() {
    for (soak, gap, expected) in [
        ("", 0, 900),
        ("", 450, 900),
        ("", 451, 902),
        ("  soak: 5m\n", 0, 900),
        ("  soak: 20m\n", 0, 1200),
        ("  soak: 20m\n", 1000, 2000),
    ] {
        let playbook = changed("verify:\n", &format!("verify:\n{soak}"));
        let spec = of(&playbook, &cart(), true, gap).unwrap();
        assert_eq!(spec.soak, Seconds(expected), "{soak:?} {gap}");
        assert_eq!(spec.deadline, Seconds(expected + 900));
        assert!(spec.samples >= 2);
    }
}

#[test]
fn without_prometheus_a_red_cluster_check_is_wanted() {
    let shipped = Catalog::embedded();
    let spec = of(shipped.get("rollback-deployment").unwrap(), &cart(), false, 0).unwrap();
    assert_eq!(spec.cluster_only.as_deref(), Some(CLUSTER_ONLY));
    assert!(spec.measures.iter().all(|m| matches!(m.check, Check::Cluster { .. })));
    let blind = changed("    - cluster: rolled-out\n      red_first: true\n", "");
    let error = of(&blind, &cart(), false, 0).unwrap_err();
    assert_eq!(error, VerificationError::NothingProves { playbook: "rollback-deployment".to_owned() });
    assert!(of(&blind, &cart(), true, 0).is_ok());
}

#[test]
fn what_cannot_be_verified_says_why() {
    let shipped = Catalog::embedded();
    let error = of(shipped.fallback(), &cart(), true, 0).unwrap_err();
    assert_eq!(error.to_string(), "the playbook escalate plans no action, so there is nothing to verify");
    let nameless = ObjectRef::new(Kind::Deployment, "shop", "", "u1");
    let error = of(shipped.get("rollback-deployment").unwrap(), &nameless, true, 0).unwrap_err();
    assert_eq!(error.to_string(), "measure unavailable-replicas of the playbook rollback-deployment");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the target Deployment shop/ has no name");
}

/// Nothing is broken before what a person asked for: only the template is red, and alone it proves nothing.
#[test]
fn what_is_asked_for_is_red_by_its_template_and_proven_by_all_the_rest() {
    let shipped = Catalog::embedded();
    let rollback = shipped.get("rollback-deployment").unwrap();
    for (prometheus, rest) in [(true, 6), (false, 2)] {
        let spec = of(rollback, &cart(), prometheus, 0).unwrap();
        let asked = asked_for(spec.clone(), &cart(), template(0));
        let (red, others): (Vec<_>, Vec<_>) = asked.measures.iter().partition(|m| m.red_first);
        assert_eq!(red.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["template-is"]);
        assert_eq!((others.len(), asked.soak), (rest, spec.soak));
    }
    let without = changed("    - cluster: template-is\n", "");
    let spec = of(&without, &cart(), true, 0).unwrap();
    assert!(!spec.measures.iter().any(|m| m.name == "template-is"));
    let asked = asked_for(spec, &cart(), template(7));
    let last = asked.measures.last().unwrap();
    assert!(last.red_first && last.name == "template-is", "a playbook without it gets it");
}

#[test]
fn an_action_has_its_playbook_or_none() {
    let shipped = Catalog::embedded();
    let found =
        crate::for_action(&shipped, nightshift_model::ActionKind::RollbackDeployment, &Kind::Deployment);
    assert_eq!(found.map(|p| p.name.as_str()), Some("rollback-deployment"));
}
