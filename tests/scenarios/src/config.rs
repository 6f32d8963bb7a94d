//! Configuration of a run: persons, roles, policy, mode.

use crate::timeline::{PrometheusMode, Timeline};
use nightshift_engine::{Mode, Rules, Standing};
use nightshift_model::registry::{Owner, Person, PersonKind, Power, RoleSpec};
use nightshift_model::{Cluster, Digest, PersonId, Policy, Registry, Timestamp};
use nightshift_playbooks::Catalog;
use std::sync::{Arc, OnceLock};

/// Our own namespace in every run.
const HOME: &str = "nightshift";

/// What the configuration files say.
#[derive(Clone, Debug)]
pub struct Setting {
    pub(crate) mode: Mode,
    pub(crate) registry: Arc<Registry>,
    pub(crate) prometheus: bool,
    /// Digest of what decides; it is made once.
    digest: Digest,
}

impl Setting {
    /// The setting of a timeline: namespace `shop` is owned by team `shop`; alice, bob and dora may approve there,
    /// dora is admin, carol may only look, robot is a service, mallory belongs to another team.
    pub fn of(timeline: &Timeline) -> Self {
        let person = |name: &str, kind, role: &str| Person {
            name: PersonId(name.to_owned()),
            kind,
            roles: vec![role.to_owned()],
            since: None,
            slack: None,
            kubernetes: None,
            keys: Vec::new(),
        };
        let role =
            |owner: &str, may: &[Power]| RoleSpec { owners: vec![owner.to_owned()], may: may.to_vec() };
        let human = PersonKind::Person;
        let known = |p: &Person| timeline.persons.as_ref().is_none_or(|names| names.contains(&p.name.0));
        let registry = Registry {
            persons: [
                person("alice", human, "shop-oncall"),
                person("bob", human, "shop-oncall"),
                person("carol", human, "shop-viewer"),
                person("dora", human, "admin"),
                person("erik", human, "admin"),
                person("mallory", human, "bank-oncall"),
                person("robot", PersonKind::Service, "shop-oncall"),
            ]
            .into_iter()
            .filter(known)
            .collect(),
            roles: [
                ("shop-oncall", role("shop", &[Power::View, Power::Approve])),
                ("shop-viewer", role("shop", &[Power::View])),
                ("bank-oncall", role("bank", &[Power::View, Power::Approve])),
                ("admin", role("*", &[Power::View, Power::Approve, Power::Admin])),
            ]
            .map(|(name, spec)| (name.to_owned(), spec))
            .into(),
            owners: [("shop", "shop"), ("bank", "bank-*")]
                .map(|(name, ns)| Owner { name: name.to_owned(), namespaces: vec![ns.to_owned()] })
                .into(),
            policy: timeline.policy.clone(),
            passkeys: None,
            bridges: Vec::new(),
            tokens: Vec::new(),
        };
        let mode = timeline.mode.into();
        Self {
            digest: Rules::policy_digest(&registry, &catalog(), &mode),
            mode,
            registry: Arc::new(registry),
            prometheus: timeline.prometheus != PrometheusMode::None,
        }
    }

    /// The same with another policy.
    pub(crate) fn with_policy(&self, policy: Policy) -> Self {
        let registry = Registry { policy, ..(*self.registry).clone() };
        let digest = Rules::policy_digest(&registry, &catalog(), &self.mode);
        Self { registry: Arc::new(registry), digest, ..self.clone() }
    }

    /// Everything that `next` may look at.
    pub(crate) fn rules(&self, standing: Standing) -> Rules {
        Rules {
            cluster: Cluster { uid: "cluster-1".to_owned(), name: "sim".to_owned() },
            mode: self.mode.clone(),
            registry: self.registry.clone(),
            policy: self.digest,
            playbooks: catalog(),
            prometheus: self.prometheus,
            noise: nightshift_model::Noise::default(),
            home: HOME.to_owned(),
            standing,
        }
    }
}

/// The shipped playbooks, loaded once.
pub(crate) fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| Arc::new(Catalog::embedded())).clone()
}

/// When every run begins, unless its timeline says otherwise.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_772_323_200) // 2026-03-01T00:00:00Z
}
