//! Alerts that were looked up join the incident of their scope, or open one. It is the same stage that opens incidents
//! for findings, so the two never open one each.

use super::{Detect, TRIES};
use crate::stages::RulesNow;
use crate::store::alerts::Waiting;
use nightshift_engine::alert::Effect;
use nightshift_engine::correlate::alerts::{
    Belongs, CLUSTER, OPENED, OPENED_WITHIN, belongs, cause_of, hears, is_wide, opens, standing,
};
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_model::alert::Alert;
use nightshift_model::{Fingerprint, Incident, IncidentId, Kind, ObjectRef, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Alerts that are dealt with in one go: detection waits meanwhile.
const TAKEN: u32 = 500;
/// What alerts are called together when too many incidents would open.
const STORM: &str = "AlertStorm";

/// When alerts opened incidents, within the last [`OPENED_WITHIN`].
#[derive(Debug, Default)]
pub(super) struct Openings(VecDeque<Timestamp>);

impl Openings {
    fn full(&mut self, now: Timestamp) -> bool {
        while self.0.front().is_some_and(|at| now.since(*at) > OPENED_WITHIN) {
            self.0.pop_front();
        }
        self.0.len() >= OPENED
    }
}

/// What is one incident: of an object all alerts, of a namespace or the cluster those of one name.
type Group = (ObjectRef, String);

/// Under what incidents of a scope are kept: of a namespace or the cluster there may be many.
pub(super) fn filed(scope: &ObjectRef, cause: &Fingerprint) -> ObjectRef {
    if is_wide(scope) { ObjectRef { uid: cause.to_string(), ..scope.clone() } } else { scope.clone() }
}

impl Detect {
    /// Deals with alerts that wait; says whether there may be more.
    ///
    /// # Errors
    /// Those of the store: what is not dealt with waits on.
    pub async fn alerts(&mut self, rules: &RulesNow) -> Result<bool, StoreError> {
        let waiting = self.store.alerts_waiting(true, TAKEN).await?;
        let mut of: BTreeMap<IncidentId, Vec<&Waiting>> = BTreeMap::new();
        let mut new: BTreeMap<Group, Vec<&Waiting>> = BTreeMap::new();
        for one in &waiting {
            match &one.incident {
                Some(incident) => of.entry(incident.clone()).or_default().push(one),
                None => new.entry(self.group(one)).or_default().push(one),
            }
        }
        for (incident, changed) in of {
            match self.tell(&incident, None, false, rules).await {
                Ok(()) => self.store.alerts_heard(&changed).await?,
                // It was chosen, and this program ended before it was opened.
                Err(StoreError::NotFound(_)) => {
                    for one in changed {
                        new.entry(self.group(one)).or_default().push(one);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        for ((scope, name), told) in new {
            self.place(&scope, &name, &told, rules).await?;
        }
        Ok(waiting.len() >= usize::try_from(TAKEN).unwrap_or(usize::MAX))
    }

    fn cluster_scope(&self) -> ObjectRef {
        ObjectRef::new(Kind::Other(CLUSTER.to_owned()), "", &self.cluster, "")
    }

    fn group(&self, one: &Waiting) -> Group {
        let scope = one.found.as_ref().and_then(|f| f.scope.clone()).unwrap_or_else(|| self.cluster_scope());
        let storm = one.told.alert.flags.contains(&nightshift_model::alert::Flag::Storm);
        let name = match (is_wide(&scope), storm) {
            (true, true) => STORM.to_owned(),
            (true, false) => one.told.alert.name.clone(),
            (false, _) => String::new(),
        };
        (scope, name)
    }

    /// Occurrences of one scope that have no incident yet.
    async fn place(
        &mut self,
        scope: &ObjectRef,
        name: &str,
        told: &[&Waiting],
        rules: &RulesNow,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let fires = |w: &&&Waiting| w.told.alert.fires();
        let newest = |opens: bool| {
            let list = told.iter().filter(fires).filter(|w| !opens || w.told.effect == Effect::Opens);
            list.map(|w| &w.told.alert).max_by_key(|a| a.since)
        };
        // What was resolved before anybody heard of it needs no incident.
        let Some(any) = newest(false) else { return self.store.alerts_heard(told).await };
        let named = |alert: &Alert| Alert {
            name: if name.is_empty() { alert.name.clone() } else { name.to_owned() },
            ..alert.clone()
        };
        let first = named(newest(true).unwrap_or(any));
        let ignored = self.ignore.of(scope).is_some();
        let going = self.is_going(scope);
        let muted = self.muted(&first.name);
        let known = self.incidents(&filed(scope, &cause_of(scope, &first.name))).await?;
        let opening = newest(true).is_some();
        match belongs(&known, scope, &first, now) {
            Belongs::Joins(id) => self.join(&id, told, false, rules).await,
            Belongs::Opens | Belongs::Reopens(_) if ignored && opening => {
                tracing::info!(%scope, alert = first.name, "an alert opens nothing: the configuration ignores it");
                self.quiet.ignored = self.quiet.ignored.saturating_add(1);
                self.store.alerts_heard(told).await
            }
            Belongs::Opens | Belongs::Reopens(_) if opening && muted.is_some() => {
                let why = muted.unwrap_or_default();
                tracing::info!(alert = first.name, why, "an alert opens nothing");
                self.quiet.ignored = self.quiet.ignored.saturating_add(1);
                self.store.alerts_heard(told).await
            }
            Belongs::Opens | Belongs::Reopens(_) if going && opening => {
                tracing::info!(%scope, alert = first.name, "an alert opens nothing: its namespace is being deleted");
                self.store.alerts_heard(told).await
            }
            Belongs::Reopens(id) if opening => self.join(&id, told, true, rules).await,
            Belongs::Opens | Belongs::Reopens(_) if !opening => self.store.alerts_heard(told).await,
            Belongs::Opens | Belongs::Reopens(_) => self.open(scope, &first, told, rules).await,
        }
    }

    async fn join(
        &mut self,
        id: &IncidentId,
        told: &[&Waiting],
        again: bool,
        rules: &RulesNow,
    ) -> Result<(), StoreError> {
        self.store.alerts_assign(told, id).await?;
        self.tell(id, None, again, rules).await?;
        self.store.alerts_heard(told).await
    }

    /// A new incident, unless alerts opened too many just now: then one for all.
    async fn open(
        &mut self,
        scope: &ObjectRef,
        first: &Alert,
        told: &[&Waiting],
        rules: &RulesNow,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let storm = self.cluster_scope();
        let (mut scope, mut name) = (scope, first.name.as_str());
        if self.openings.full(now) {
            (scope, name) = (&storm, STORM);
            let known = self.incidents(&filed(scope, &cause_of(scope, name))).await?;
            let of_all = Alert { name: name.to_owned(), ..first.clone() };
            if let Belongs::Joins(id) = belongs(&known, scope, &of_all, now) {
                return self.join(&id, told, false, rules).await;
            }
            tracing::error!("too many incidents were opened by alerts: the rest becomes one");
        } else {
            self.openings.0.push_back(now);
        }
        let id = self.ids.incident();
        self.store.alerts_assign(told, &id).await?;
        self.tell(&id, Some((scope, name)), false, rules).await?;
        self.known.entry(filed(scope, &cause_of(scope, name))).or_default().insert(id);
        self.store.alerts_heard(told).await
    }

    /// Lets an incident hear of its alerts as they stand in the store; `new` opens it.
    async fn tell(
        &mut self,
        id: &IncidentId,
        new: Option<(&ObjectRef, &str)>,
        again: bool,
        rules: &RulesNow,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let (shown, firing, total) = self.store.alerts_of(id).await?;
            let alerts = standing(shown, firing, total);
            let (before, events) = match (self.store.load(id).await, new) {
                (Ok(incident), _) => {
                    let events = hears(&incident, alerts, again);
                    (Some(incident), events)
                }
                (Err(StoreError::NotFound(_)), Some((scope, name))) => (None, opens(scope, name, alerts)),
                (Err(error), _) => return Err(error),
            };
            // Only a look that finds nothing more to say ends this: a lost race and a lost epoch do not.
            if events.is_empty() {
                return Ok(());
            }
            let now = self.clock.now();
            self.append(before.as_ref(), id, events, &rules().await, now).await?;
        }
        let source = "it does not take them".into();
        Err(StoreError::Unavailable { operation: "tell an incident of its alerts", source })
    }

    /// The incidents that are kept under a scope.
    pub(super) async fn incidents(&self, filed: &ObjectRef) -> Result<Vec<Incident>, StoreError> {
        let mut incidents = Vec::new();
        for id in self.known.get(filed).into_iter().flatten() {
            incidents.push(self.store.load(id).await?);
        }
        // What a person asked for is opened at the door; what is seen or told of the same object joins it.
        let asked = if is_wide(filed) { Vec::new() } else { self.store.open_about(filed).await? };
        for id in asked {
            if !incidents.iter().any(|known: &Incident| known.id == id) {
                let incident = self.store.load(&id).await?;
                incidents.extend(incident.scope.uid.is_empty().then_some(incident));
            }
        }
        Ok(incidents)
    }
}
