//! What stands around every page of a signed-in person: where one is, who one is, and what holds nightshift back.

use super::Gate;
use super::forms::{self, Purpose};
use super::render::{BannerView, Frame, Here, SwitchView, VisitorView};
use crate::api::ready::Readiness;
use crate::stages::query::Reader;
use crate::stages::vote::anywhere;
use crate::stages::vote::people::Visitor;
use nightshift_engine::rules::{KillSwitch, Mode, Rules};
use nightshift_model::registry::Power;
use nightshift_model::{Actor, ClosedBy};
use std::sync::Arc;

/// Gaps that a banner names; the digest and `/v1/status` have all of them.
const GAPS: usize = 3;

impl Gate {
    /// What stands around a page for a signed-in person.
    pub(super) async fn frame(&self, title: &str, visitor: &Visitor, rules: &Rules) -> Frame {
        let set = match &rules.standing.kill_switch {
            KillSwitch::Clear => None,
            KillSwitch::Set { reason } => Some(reason.clone()),
        };
        let clearing = match (&set, self.votes.switch().await) {
            (Some(_), Ok(system)) => system.clearing.iter().map(person).collect(),
            (None, _) | (_, Err(_)) => Vec::new(),
        };
        let may = |powers| anywhere(&rules.registry, &visitor.person, powers);
        let token = |purpose| forms::token(&self.keys, visitor.session, &purpose);
        let reader = Reader::with(Arc::clone(&rules.registry), visitor.person.roles.clone());
        Frame {
            title: title.to_owned(),
            here: Here::Elsewhere,
            cluster: rules.cluster.name.clone(),
            banners: banners(rules, &(self.ready)(), reader.sees_all(), |namespace| reader.sees(namespace)),
            visitor: Some(VisitorView {
                name: visitor.person.name.to_string(),
                signout: token(Purpose::SignOut),
            }),
            switch: Some(SwitchView {
                set,
                clearing,
                may_set: may(&[Power::Approve, Power::Admin]),
                may_clear: may(&[Power::Admin]),
                csrf: token(Purpose::Switch),
            }),
            one_identity: rules.registry.policy.counts_our_word(),
            passkeys: rules.registry.passkeys.is_some(),
            live: None,
        }
    }
}

/// What a person must know before anything else on a page.
fn banners(
    rules: &Rules,
    readiness: &Readiness,
    sees_all: bool,
    sees: impl Fn(&str) -> bool,
) -> Vec<BannerView> {
    let banner = |tone, what: &str, more: String| BannerView { tone, what: what.to_owned(), more };
    let mut banners = Vec::new();
    if let KillSwitch::Set { reason } = &rules.standing.kill_switch {
        // A closed executor counts as a kill switch that is set, and says itself what it is.
        let what = if reason.starts_with("the executor is closed") {
            "Nothing is executed:"
        } else {
            "The kill switch is set. Nothing is executed."
        };
        banners.push(banner("bad", what, reason.clone()));
    }
    let closings = &rules.standing.closings;
    let within = closings.places().filter(|(_, place)| !place.namespace.is_empty() && sees(&place.namespace));
    for (_, place) in within.take(GAPS) {
        banners.push(banner(
            "bad",
            &format!("Nothing is executed in {}:", place.namespace),
            place.why.clone(),
        ));
    }
    for by in ClosedBy::ALL {
        let what = match by {
            ClosedBy::Rights => "One identity, more rights than needed:",
            ClosedBy::Lock => "Less than the whole lock at the API server:",
        };
        let despite: Vec<&str> = closings.despite(*by).collect();
        if !despite.is_empty() {
            banners.push(banner("run", what, despite.join("; ")));
        }
    }
    if !readiness.ready {
        let gaps = readiness.gaps.iter().filter(|gap| !gap.what.starts_with("execution"));
        let named: Vec<String> = gaps.take(GAPS).map(|gap| format!("{}: {}", gap.what, gap.why)).collect();
        // What is not seen may name a namespace that is not this visitor's.
        let more = if sees_all { named.join("; ") } else { "Ask an admin what is missing.".to_owned() };
        banners.push(banner("bad", "Not ready: not everything is seen, or written down.", more));
    }
    if rules.mode == Mode::Observe {
        let more = "It looks and explains, and changes nothing.".to_owned();
        banners.push(banner("run", "nightshift runs in mode observe.", more));
    }
    banners
}

fn person(actor: &Actor) -> String {
    match actor {
        Actor::Person(name) => name.to_string(),
        Actor::Nightshift(_) | Actor::Operator => actor.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_engine::closed::Look;
    use nightshift_engine::rules::Standing;
    use nightshift_model::{ClosedPlace, Cluster, Gap, Registry};
    use nightshift_playbooks::Catalog;

    fn rules(mode: Mode, kill_switch: KillSwitch) -> Rules {
        let (registry, playbooks) = (Registry::default(), Catalog::embedded());
        Rules {
            cluster: Cluster { uid: "u".to_owned(), name: "production".to_owned() },
            policy: Rules::policy_digest(&registry, &playbooks, &mode),
            mode,
            registry: Arc::new(registry),
            playbooks: Arc::new(playbooks),
            prometheus: true,
            noise: nightshift_model::Noise::default(),
            home: "nightshift".to_owned(),
            standing: Standing { kill_switch, ..Standing::default() },
        }
    }

    #[test]
    fn what_holds_nightshift_back_stands_on_every_page_and_names_nothing_foreign() {
        let approve = || Mode::Approve { namespaces: Vec::new() };
        let gap = Gap { what: "watch Pod in bank".to_owned(), why: "403 Forbidden".to_owned() };
        let ready = Readiness { ready: true, gaps: vec![gap.clone()] };
        let blind = Readiness { ready: false, gaps: vec![gap] };
        let told = |rules: &Rules, ready: &Readiness, all| -> Vec<String> {
            banners(rules, ready, all, |name| all || name == "shop")
                .iter()
                .map(|b| format!("{} {}", b.what, b.more))
                .collect()
        };
        assert_eq!(told(&rules(approve(), KillSwitch::Clear), &ready, true), Vec::<String>::new());
        let set = |reason: &str| KillSwitch::Set { reason: reason.to_owned() };
        let all = told(&rules(Mode::Observe, set("drill (alice)")), &blind, true);
        assert_eq!(
            all,
            [
                "The kill switch is set. Nothing is executed. drill (alice)",
                "Not ready: not everything is seen, or written down. watch Pod in bank: 403 Forbidden",
                "nightshift runs in mode observe. It looks and explains, and changes nothing.",
            ]
        );
        let mut open = rules(approve(), KillSwitch::Clear);
        let place = |namespace: &str| ClosedPlace {
            namespace: namespace.to_owned(),
            why: "its account may get secrets".to_owned(),
        };
        let look = Look { places: vec![place("bank"), place("shop")], ..Look::default() };
        open.standing.closings.set(ClosedBy::Rights, look);
        let ready = Readiness { ready: true, gaps: Vec::new() };
        assert_eq!(told(&open, &ready, false), ["Nothing is executed in shop: its account may get secrets"]);
        let look = Look { despite: vec!["get secrets".to_owned()], ..Look::default() };
        open.standing.closings.set(ClosedBy::Rights, look);
        assert_eq!(told(&open, &ready, true), ["One identity, more rights than needed: get secrets"]);
        let mut open = rules(approve(), KillSwitch::Clear);
        let look = Look { despite: vec!["two of three locks".to_owned()], ..Look::default() };
        open.standing.closings.set(ClosedBy::Lock, look);
        assert_eq!(
            told(&open, &ready, false),
            ["Less than the whole lock at the API server: two of three locks"]
        );
        let closed = told(&rules(approve(), set("the executor is closed: x")), &blind, false);
        assert_eq!(closed[0], "Nothing is executed: the executor is closed: x");
        assert!(!closed[1].contains("bank"), "{}", closed[1]);
    }
}
