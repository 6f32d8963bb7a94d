//! Scopes with one cause: where what is wrong at a scope is told, and the incidents that list others below them.

use super::{Detect, TRIES};
use crate::stages::RulesNow;
use nightshift_detectors::View;
use nightshift_detectors::leaving::leaving;
use nightshift_engine::correlate::causes::{Open, Place};
use nightshift_engine::correlate::correlate_host;
use nightshift_engine::correlate::leaving::leave;
use nightshift_engine::drive::{Store as _, StoreError};
use nightshift_model::{Finding, Incident, ObjectRef, Phase, Timestamp};
use std::collections::BTreeSet;

impl Detect {
    /// Where what is true of a scope now belongs. What is ignored is nobody's cause.
    pub(super) async fn place_of(
        &mut self,
        scope: &ObjectRef,
        findings: &[Finding],
        now: Timestamp,
    ) -> Result<Place, StoreError> {
        let findings = if self.ignore.of(scope).is_some() { &[] } else { findings };
        let again = self.causes.see(scope, findings, now);
        self.again.extend(again);
        let mut open = Vec::new();
        if findings.iter().any(|f| f.blames.is_some()) {
            for asked in self.causes.asks(scope) {
                open.extend(self.of_name(&asked).await?.iter().filter_map(Open::of));
            }
        }
        let (place, again) = self.causes.place(scope, &open, now);
        self.again.extend(again);
        Ok(place)
    }

    /// Scopes that must be looked at again, each once.
    pub fn again(&mut self) -> BTreeSet<ObjectRef> {
        std::mem::take(&mut self.again)
    }

    /// Scopes with incidents that are kept in mind: what vanished while nobody looked is seen as gone.
    pub fn remembers(&self) -> Vec<ObjectRef> {
        self.known.keys().cloned().collect()
    }

    /// Brings the incidents up to date that list others below them, once all scopes of a turn were looked at.
    ///
    /// # Errors
    /// Those of the store: the rest is tried again with the next turn.
    pub async fn settle(&mut self, view: &View, rules: &RulesNow) -> Result<(), StoreError> {
        self.see_plane(view);
        let hosts = self.causes.hosts();
        for (place, host) in hosts.iter().enumerate() {
            if let Err(error) = self.host(view, host, rules).await {
                hosts.iter().skip(place).for_each(|host| self.causes.again(host));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn host(&mut self, view: &View, host: &ObjectRef, rules: &RulesNow) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let known = self.of_name(host).await?;
            let (own, below) = self.causes.of(host);
            if known.is_empty() && own.is_empty() && below.is_empty() {
                return Ok(());
            }
            let scope = known.last().map_or(host, |incident| &incident.scope).clone();
            let leaves = leaving(view, &scope, now, &self.params);
            if leaves.is_some() && known.iter().all(|i| matches!(i.phase, Phase::Closed { .. })) {
                return Ok(());
            }
            let mut changes = correlate_host(&known, &scope, (&own, &below), now, &mut self.ids);
            if let Some(leaves) = leaves {
                leave(&mut changes, &known, &scope, leaves.for_good());
            }
            let (mut again, rules) = (false, rules().await);
            for change in changes {
                let before = known.iter().find(|i| i.id == change.id);
                let events = self.rated(&scope, change.events, now).await?;
                again |= !self.append(before, &change.id, events, &rules, now).await?;
                self.known.entry(scope.clone()).or_default().insert(change.id);
            }
            if !again {
                return Ok(());
            }
        }
        self.causes.again(host);
        Ok(())
    }

    /// The incidents of a name, whatever uid it was seen with: who blames an object often knows none.
    async fn of_name(&self, object: &ObjectRef) -> Result<Vec<Incident>, StoreError> {
        let from = ObjectRef { uid: String::new(), ..object.clone() };
        let same = self.known.range(from..).take_while(|(scope, _)| scope.same_name(object));
        let ids: Vec<_> = same.flat_map(|(_, ids)| ids.iter().cloned()).collect();
        let mut incidents = Vec::with_capacity(ids.len());
        for id in ids {
            incidents.push(self.store.load(&id).await?);
        }
        incidents.sort_by_key(|incident| incident.opened_at);
        Ok(incidents)
    }
}
