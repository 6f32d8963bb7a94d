//! The detect stage: touched scopes become findings, findings become events.

use crate::machine::{Machine, Responder};
use crate::world::kinds;
use nightshift_detectors::facts::Truth;
use nightshift_detectors::{Leaving, Params, View, detect, healthy};
use nightshift_engine::correlate::causes::{Open, Place};
use nightshift_engine::correlate::{Correlated, correlate_host, leaving};
use nightshift_engine::inventory::Inventory;
use nightshift_engine::{advance, correlate, heals, system};
use nightshift_model::{
    Actor, Append, Appended, Finding, Gap, Incident, IncidentEvent, ObjectRef, Phase, Role, Stream,
    SystemEvent, Timestamp,
};
use std::collections::BTreeSet;

/// What the stage could not finish.
enum Stop {
    /// The process died.
    Died,
    /// The answer was lost, somebody else was faster, or the store is down: look at the scope again.
    Again,
}

impl Machine {
    /// Takes in what the watches say and looks at every scope that was touched or is due. True: something changed.
    pub(crate) fn observe(&mut self) -> bool {
        let now = self.world.now();
        let Some(mut me) = self.responder.take() else { return false };
        let was_synced = me.watching.view.synced();
        me.touched.extend(me.watching.poll(&mut self.world.cluster()));
        if !me.watching.view.synced() {
            self.responder = Some(me);
            return false;
        }
        if !was_synced {
            me.touched.extend(me.watching.view.scopes());
            // What closed or vanished while nobody looked must be seen as gone.
            me.touched.extend(self.world.log().incidents.values().map(|p| p.incident.scope.clone()));
        }
        let due: Vec<ObjectRef> =
            me.due.iter().take_while(|(at, _)| *at <= now).map(|(_, scope)| scope.clone()).collect();
        me.due.retain(|(at, _)| *at > now);
        me.touched.extend(due);
        let mut changed = false;
        if !self.world.log().state.inventory.taken() {
            match self.first_sight(&mut me) {
                Ok(()) => changed = true,
                Err(stop) => return self.stopped(me, &stop),
            }
        }
        while let Some(scope) = me.touched.pop_first() {
            match self.look(&mut me, &scope) {
                Ok(new) => changed |= new,
                Err(stop) => {
                    me.touched.insert(scope);
                    return self.stopped(me, &stop) || changed;
                }
            }
        }
        for host in me.causes.hosts() {
            match self.host(&mut me, &host) {
                Ok(new) => changed |= new,
                Err(stop) => {
                    me.causes.again(&host);
                    return self.stopped(me, &stop) || changed;
                }
            }
        }
        self.responder = Some(me);
        changed
    }

    fn stopped(&mut self, me: Responder, stop: &Stop) -> bool {
        match stop {
            Stop::Died => {
                self.responder = Some(me);
                self.fell();
                false
            }
            Stop::Again => {
                self.responder = Some(me);
                !self.world.log().down
            }
        }
    }

    /// What is broken before nightshift ever looked is listed once.
    fn first_sight(&mut self, me: &mut Responder) -> Result<(), Stop> {
        let now = self.world.now();
        let view = &me.watching.view;
        let entries = view
            .scopes()
            .iter()
            .flat_map(|scope| {
                Inventory::entries(scope, &detect(view, scope, now, &Params::default()).findings)
            })
            .collect();
        self.append_fenced(me, vec![SystemEvent::Inventory { entries }])
    }

    /// One scope: findings, clearing, and whether its revision has proven healthy.
    fn look(&mut self, me: &mut Responder, scope: &ObjectRef) -> Result<bool, Stop> {
        let now = self.world.now();
        let detection = detect(&me.watching.view, scope, now, &Params::default());
        let policy = self.setting.registry.policy.healthy_after;
        let health = healthy(&me.watching.view, scope, now, policy);
        for at in [detection.recheck_at, health.recheck_at].into_iter().flatten() {
            me.due.insert((at, scope.clone()));
        }
        let split = self.world.log().state.inventory.split(scope, detection.findings);
        let mut changed = false;
        if !split.cleared.is_empty() {
            self.append_fenced(me, vec![SystemEvent::InventoryCleared { entries: split.cleared }])?;
            changed = true;
        }
        let leaves = detection.leaving.is_some();
        let fresh = if leaves && !me.causes.is_below(scope) {
            leaving::told(&self.named(scope), scope, &split.fresh)
        } else {
            split.fresh
        };
        match self.place(me, scope, &fresh) {
            Place::Waits(until) => {
                me.due.insert((until, scope.clone()));
            }
            Place::Own | Place::Below(_) if me.causes.is_host(scope) => {}
            Place::Own => {
                changed |= self.correlated(me, scope, &fresh, (&detection.unchecked, detection.leaving))?;
            }
            Place::Below(_) => changed |= self.correlated(me, scope, &[], (&[], detection.leaving))?,
        }
        if let Some(revision) = health.seen {
            // As long as the same template stays, once is enough.
            let log = self.world.log();
            let last = log.healthy().filter(|h| h.workload.uid == revision.workload.uid).last();
            let known = last.is_some_and(|h| h.template_hash == revision.template_hash);
            drop(log);
            if !known {
                self.append_fenced(me, vec![SystemEvent::HealthySeen { revision }])?;
                changed = true;
            }
        }
        Ok(changed)
    }

    fn named(&self, scope: &ObjectRef) -> Vec<Incident> {
        let log = self.world.log();
        let all = log.incidents.values().map(|p| &p.incident);
        all.filter(|i| i.scope.same_name(scope)).cloned().collect()
    }

    fn place(&mut self, me: &mut Responder, scope: &ObjectRef, fresh: &[Finding]) -> Place {
        let now = self.world.now();
        me.touched.extend(me.causes.see(scope, fresh, now));
        let asked = me.causes.asks(scope);
        let open: Vec<Open> = asked.iter().flat_map(|o| self.named(o)).filter_map(|i| Open::of(&i)).collect();
        let (place, again) = me.causes.place(scope, &open, now);
        me.touched.extend(again);
        place
    }

    /// An incident that lists other scopes below it.
    fn host(&mut self, me: &mut Responder, host: &ObjectRef) -> Result<bool, Stop> {
        let known = self.named(host);
        let (own, below) = me.causes.of(host);
        if known.is_empty() && own.is_empty() && below.is_empty() {
            return Ok(false);
        }
        let scope = known.last().map_or(host, |i| &i.scope).clone();
        let now = self.world.now();
        let leaves =
            nightshift_detectors::leaving::leaving(&me.watching.view, &scope, now, &Params::default());
        if leaves.is_some() && known.iter().all(|i| matches!(i.phase, Phase::Closed { .. })) {
            return Ok(false);
        }
        let mut events = correlate_host(&known, &scope, (&own, &below), now, &mut me.ids);
        if let Some(leaves) = leaves {
            leaving::leave(&mut events, &known, &scope, leaves.for_good());
        }
        self.record(me, &scope, &known, events)
    }

    fn correlated(
        &mut self,
        me: &mut Responder,
        scope: &ObjectRef,
        fresh: &[Finding],
        (unchecked, leaving): (&[Gap], Option<Leaving>),
    ) -> Result<bool, Stop> {
        let known = self.named(scope);
        let told = leaving.map_or_else(|| fresh.to_vec(), |_| leaving::told(&known, scope, fresh));
        let mut events = correlate(&known, scope, &told, unchecked, self.world.now(), &mut me.ids);
        if let Some(leaving) = leaving {
            leaving::leave(&mut events, &known, scope, leaving.for_good());
        }
        self.record(me, scope, &known, events)
    }

    fn record(
        &mut self,
        me: &Responder,
        scope: &ObjectRef,
        known: &[Incident],
        events: Vec<Correlated>,
    ) -> Result<bool, Stop> {
        let now = self.world.now();
        let changed = !events.is_empty();
        for mut one in events {
            if let Some(reason) = heals::begins(&one.events) {
                let rate = self.world.log().base_rate(scope, reason, now);
                one.events.extend(rate.map(|rate| IncidentEvent::BaseRate { rate }));
            }
            let before = known.iter().find(|i| i.id == one.id);
            let rules = self.rules();
            let fence = Some((Role::Responder, me.epoch));
            let by = Actor::Nightshift(Role::Responder);
            let append = advance(before, &one.id, one.events, fence, by, now, &rules)
                .expect("correlate makes events that fit");
            self.append(append)?;
        }
        Ok(changed)
    }

    fn append_fenced(&mut self, me: &Responder, events: Vec<SystemEvent>) -> Result<(), Stop> {
        let expect = self.world.log().head(&Stream::System);
        let by = Actor::Nightshift(Role::Responder);
        let fence = Some((Role::Responder, me.epoch));
        self.append(system(events, expect, fence, by, self.world.now()))
    }

    fn append(&mut self, append: Append) -> Result<(), Stop> {
        let kinds = kinds(&append);
        if self.world.points.hit(Role::Responder, &format!("before append {kinds}")) {
            return Err(Stop::Died);
        }
        let appended = self.world.commit(append).map_err(|_| Stop::Again)?;
        if self.world.points.hit(Role::Responder, &format!("after append {kinds}")) {
            return Err(Stop::Died);
        }
        match appended {
            Appended::Committed => Ok(()),
            Appended::Conflict | Appended::Unknown => Err(Stop::Again),
            Appended::Fenced => Err(Stop::Died),
        }
    }

    /// Nodes that are not Ready, as the view has them.
    pub(crate) fn nodes_not_ready(view: &View) -> u32 {
        let nodes = view.scopes().into_iter().filter(|s| s.kind == nightshift_model::Kind::Node);
        let sick = nodes.filter(|s| view.node(&s.name).is_some_and(|n| n.ready.status != Truth::True));
        u32::try_from(sick.count()).unwrap_or(u32::MAX)
    }
}

/// Scopes to look at, by time.
pub(crate) type Due = BTreeSet<(Timestamp, ObjectRef)>;
