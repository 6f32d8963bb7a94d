//! Detect and correlate: what is true of a scope now becomes events of its incidents.

mod alerts;
mod causes;
mod expected;

use super::RulesNow;
use crate::clock::Clock;
use crate::store::{Filter, HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_detectors::plane::Plane;
use nightshift_detectors::rollout::{healthy, rollout_state};
use nightshift_detectors::{Detection, Leaving, Params, View, detect};
use nightshift_engine::correlate::causes::{Causes, Open, Place};
use nightshift_engine::correlate::{Correlated, correlate, leaving, remembered};
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_engine::inventory::Inventory;
use nightshift_engine::{Rules, advance, heals};
use nightshift_model::effect::Me;
use nightshift_model::history::QuietNight;
use nightshift_model::{
    Appended, Finding, Gap, Ids, Ignore, Incident, IncidentEvent, IncidentId, ObjectRef, Phase, Reason,
    Seconds, SystemEvent, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// How often an append that lost a race is tried again before the sweep comes back to the scope.
const TRIES: u32 = 8;

/// The stage, with what it remembers of the history.
pub struct Detect {
    store: SqliteStore,
    clock: Clock,
    me: Me,
    ids: Ids,
    params: Params,
    healthy_after: Seconds,
    inventory: Inventory,
    /// Incidents of a scope, open or recently closed.
    known: BTreeMap<ObjectRef, BTreeSet<IncidentId>>,
    /// The revision of each workload that was recorded healthy last.
    recorded: BTreeMap<String, String>,
    /// `cluster.name`: the scope of alerts about no single object.
    cluster: String,
    openings: alerts::Openings,
    /// Scopes that look bad and are no finding yet.
    worried: BTreeSet<ObjectRef>,
    quiet: QuietNight,
    ignore: Ignore,
    causes: Causes,
    /// A control plane that is not there as pods, as the nodes tell.
    plane: Option<Plane>,
    /// Whether the nodes were looked at for it since they changed.
    plane_seen: bool,
    /// Namespaces that are being deleted.
    going: BTreeSet<String>,
    /// Scopes to look at again for what was seen of another.
    again: BTreeSet<ObjectRef>,
    /// Findings there that were counted and stand still.
    ignoring: BTreeSet<(ObjectRef, Reason)>,
}

/// What the stage needs besides the store.
pub struct Setup {
    /// Who appends.
    pub me: Me,
    /// `cluster.name`.
    pub cluster: String,
    /// Seed of incident ids.
    pub seed: u64,
    /// Thresholds.
    pub params: Params,
    /// When a revision counts as healthy.
    pub healthy_after: Seconds,
    /// What opens nothing.
    pub ignore: Ignore,
}

impl Detect {
    /// Reads what the history knows.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(store: SqliteStore, clock: Clock, setup: Setup) -> Result<Self, StoreError> {
        let mut inventory = Inventory::default();
        let mut recorded = BTreeMap::new();
        for row in store.system_events(&["inventory", "inventory-cleared", "healthy-seen"]).await? {
            if let nightshift_model::HistoryEvent::System(event) = &row.event {
                inventory.fold(event);
                if let SystemEvent::HealthySeen { revision } = event {
                    recorded.insert(revision.workload.uid.clone(), revision.template_hash.clone());
                }
            }
        }
        let now = clock.now();
        let mut causes = Causes::default();
        let mut known: BTreeMap<ObjectRef, BTreeSet<IncidentId>> = BTreeMap::new();
        let file = |incident: Incident| {
            if !incident.below.is_empty() && Open::of(&incident).is_some() {
                causes.again(&incident.scope);
            }
            // What was seen of a namespace is looked for under its own name, what was told of it by cause.
            let seen = incident.symptom.is_some();
            let filed = alerts::filed(&incident.scope, &incident.cause);
            remembered(&incident, now).then_some((if seen { incident.scope } else { filed }, incident.id))
        };
        for (filed, id) in store.each(&Filter::newest(10_000), file).await? {
            known.entry(filed).or_default().insert(id);
        }
        Ok(Self {
            store,
            clock,
            me: setup.me,
            ids: Ids::new(setup.seed),
            params: setup.params,
            healthy_after: setup.healthy_after,
            inventory,
            known,
            recorded,
            cluster: setup.cluster,
            openings: alerts::Openings::default(),
            worried: BTreeSet::new(),
            quiet: QuietNight::default(),
            ignore: setup.ignore,
            ignoring: BTreeSet::new(),
            causes,
            plane: None,
            plane_seen: false,
            going: BTreeSet::new(),
            again: BTreeSet::new(),
        })
    }

    /// The first look at a whole cluster, once every watch has listed. What is broken at the very first sight goes
    /// into one inventory; what is broken at a later start and stands nowhere broke while nobody watched.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn first_sight(&mut self, view: &View) -> Result<(), StoreError> {
        if self.inventory.taken() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut entries = Vec::new();
        for scope in view.scopes() {
            if self.known.contains_key(&scope) {
                continue;
            }
            let seen = detect(view, &scope, now, &self.params);
            if seen.leaving.is_none() {
                entries.extend(Inventory::entries(&scope, &seen.findings));
            }
        }
        tracing::info!(broken = entries.len(), "first sight: what is broken already is listed, not paged");
        self.record(SystemEvent::Inventory { entries }).await
    }

    /// One look at a scope; says when to look again.
    ///
    /// # Errors
    /// Those of the store: the scope is looked at again later.
    pub async fn look(
        &mut self,
        view: &View,
        scope: &ObjectRef,
        rules: &RulesNow,
    ) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let Detection { findings, recheck_at, unchecked, leaving } = detect(view, scope, now, &self.params);
        self.count_self_healed(view, scope, &findings, recheck_at);
        self.count_ignored(scope, &findings);
        let split = self.inventory.split(scope, findings);
        if !split.cleared.is_empty() {
            self.record(SystemEvent::InventoryCleared { entries: split.cleared }).await?;
        }
        let fresh = self.expected(scope, split.fresh, leaving).await?;
        let place = self.place_of(scope, &fresh, now).await?;
        let settles = if let Place::Waits(until) = place { Some(until) } else { None };
        let own = if place == Place::Own { fresh.as_slice() } else { &[] };
        let here = settles.is_none() && !self.causes.is_host(scope);
        if here && (!own.is_empty() || self.known.contains_key(scope)) {
            self.correlate(scope, own, (&unchecked, leaving), rules).await?;
        }
        let healthy = self.healthy(view, scope, now).await?;
        Ok([recheck_at, healthy, settles].into_iter().flatten().min())
    }

    async fn correlate(
        &mut self,
        scope: &ObjectRef,
        findings: &[Finding],
        (unchecked, leaving): (&[Gap], Option<Leaving>),
        rules: &RulesNow,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let incidents = self.incidents(scope).await?;
            let told = leaving.map(|_| leaving::told(&incidents, scope, findings));
            let found = told.as_deref().unwrap_or(findings);
            let mut changes = correlate(&incidents, scope, found, unchecked, now, &mut self.ids);
            if let Some(leaving) = leaving {
                leaving::leave(&mut changes, &incidents, scope, leaving.for_good());
            }
            if self.ignore.of(scope).is_some() {
                changes.retain(|change| goes_on(change, &incidents));
            }
            if changes.is_empty() {
                return Ok(());
            }
            let (mut again, rules) = (false, rules().await);
            for change in changes {
                let before = incidents.iter().find(|i| i.id == change.id);
                let events = self.rated(scope, change.events, now).await?;
                again |= !self.append(before, &change.id, events, &rules, now).await?;
                self.known.entry(scope.clone()).or_default().insert(change.id);
            }
            if !again {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What begins a case says how such cases ended before.
    async fn rated(
        &self,
        scope: &ObjectRef,
        mut events: Vec<IncidentEvent>,
        now: Timestamp,
    ) -> Result<Vec<IncidentEvent>, StoreError> {
        if let Some(reason) = heals::begins(&events) {
            let rate = self.store.base_rate(scope, reason, now).await?;
            events.extend(rate.map(|rate| IncidentEvent::BaseRate { rate }));
        }
        Ok(events)
    }

    /// Whether the append took; a lost race is looked at again.
    async fn append(
        &self,
        before: Option<&Incident>,
        id: &IncidentId,
        events: Vec<IncidentEvent>,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let fence = Some((self.me.role, self.me.epoch));
        let append = advance(before, id, events, fence, self.me.actor.clone(), now, rules)?;
        Ok(matches!(self.store.append(append).await?, Appended::Committed | Appended::Fenced))
    }

    /// Records a revision once all its wanted replicas were available for long enough.
    async fn healthy(
        &mut self,
        view: &View,
        scope: &ObjectRef,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        if let Some(state) = rollout_state(view, scope)
            && self.recorded.get(&scope.uid) == Some(&state.template_hash)
        {
            return Ok(None);
        }
        let health = healthy(view, scope, now, self.healthy_after);
        if let Some(revision) = health.seen {
            let before = self.recorded.insert(scope.uid.clone(), revision.template_hash.clone());
            if before.is_some() {
                self.quiet.rollouts += 1;
            }
            tracing::info!(workload = %scope, revision = %revision.replica_set.name, "a revision was seen healthy");
            self.record(SystemEvent::HealthySeen { revision }).await?;
        }
        Ok(health.recheck_at)
    }

    /// A scope that looked bad and is well again without ever having been a finding.
    fn count_self_healed(
        &mut self,
        view: &View,
        scope: &ObjectRef,
        findings: &[Finding],
        recheck_at: Option<Timestamp>,
    ) {
        let restarted =
            || view.pods_of(scope).iter().any(|pod| pod.containers.iter().any(|c| c.restarts > 0));
        if !findings.is_empty() {
            self.worried.remove(scope);
        } else if recheck_at.is_some() && restarted() {
            self.worried.insert(scope.clone());
        } else if recheck_at.is_none() && self.worried.remove(scope) {
            self.quiet.self_healed += 1;
        }
    }

    /// Counts what opens nothing because it is ignored, once as long as it stands.
    fn count_ignored(&mut self, scope: &ObjectRef, findings: &[Finding]) {
        if self.ignore.of(scope).is_none() {
            return;
        }
        let now: BTreeSet<Reason> = findings.iter().map(|f| f.reason).collect();
        self.ignoring.retain(|(known, reason)| known != scope || now.contains(reason));
        for reason in now {
            if self.ignoring.insert((scope.clone(), reason)) {
                tracing::info!(%scope, %reason, "a finding opens nothing: the configuration ignores it");
                self.quiet.ignored = self.quiet.ignored.saturating_add(1);
            }
        }
    }

    /// Records what needed nobody since the last call, for the digest.
    ///
    /// # Errors
    /// Those of the store; then it is counted on.
    pub async fn flush_quiet(&mut self) -> Result<(), StoreError> {
        if self.quiet == QuietNight::default() {
            return Ok(());
        }
        self.record(SystemEvent::Quiet { seen: self.quiet.clone() }).await?;
        self.quiet = QuietNight::default();
        Ok(())
    }

    async fn record(&mut self, event: SystemEvent) -> Result<(), StoreError> {
        self.inventory.fold(&event);
        let append = SystemAppend::by(&self.me, self.clock.now(), event);
        self.store.append_system(append).await.map(drop)
    }
}

/// Whether a change is about an incident that is open: where nothing may open, that one goes on until it is over.
fn goes_on(change: &Correlated, known: &[Incident]) -> bool {
    let closed = |i: &&Incident| i.id == change.id && matches!(i.phase, Phase::Closed { .. });
    let again = matches!(change.events.first(), Some(IncidentEvent::Reopened { .. }));
    known.iter().any(|i| i.id == change.id) && !(again && known.iter().any(|i| closed(&i)))
}
