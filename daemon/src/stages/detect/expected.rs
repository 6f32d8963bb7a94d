//! What looks wrong because somebody takes it away: it opens nothing.

use super::Detect;
use nightshift_detectors::plane::{Plane, plane};
use nightshift_detectors::{Going, Leaving, View};
use nightshift_engine::correlate::leaving::told;
use nightshift_engine::drive::StoreError;
use nightshift_model::{Finding, Kind, ObjectRef};

impl Detect {
    /// Looks whose control plane it is, once nodes were seen anew.
    pub(super) fn see_plane(&mut self, view: &View) {
        if self.plane_seen {
            return;
        }
        let seen = plane(view);
        if seen != self.plane {
            let name = seen.map_or("its own, or not known", Plane::name);
            tracing::info!(control_plane = name, "as the nodes tell");
        }
        (self.plane, self.plane_seen) = (seen, true);
    }

    /// Why an alert of this name opens nothing: what it misses is never there in a cluster of this kind.
    pub(super) fn muted(&self, alert: &str) -> Option<String> {
        self.plane.and_then(|plane| plane.mutes(alert))
    }

    /// What is left of a scope's findings when those are taken away that it shows on its way out. One that is listed below
    /// another stays there as it is.
    pub(super) async fn expected(
        &mut self,
        scope: &ObjectRef,
        fresh: Vec<Finding>,
        leaving: Option<Leaving>,
    ) -> Result<Vec<Finding>, StoreError> {
        if scope.kind == Kind::Node {
            self.plane_seen = false;
        }
        if scope.kind == Kind::Namespace {
            // One that has gone is remembered until nothing of it can follow.
            let over = leaving.is_none_or(|l| l.what == Going::Gone && l.until.is_none());
            if over {
                self.going.remove(&scope.name);
            } else {
                self.going.insert(scope.name.clone());
            }
        }
        let Some(leaving) = leaving.filter(|_| !fresh.is_empty() && !self.causes.is_below(scope)) else {
            return Ok(fresh);
        };
        let stays = told(&self.incidents(scope).await?, scope, &fresh);
        for finding in fresh.iter().filter(|f| !stays.iter().any(|s| s.reason == f.reason)) {
            let (reason, why) = (finding.reason, leaving.what.clause());
            tracing::debug!(%scope, %reason, why, "a finding opens nothing");
        }
        Ok(stays)
    }

    /// Whether alerts about a scope open nothing, because its namespace is being deleted.
    pub(super) fn is_going(&self, scope: &ObjectRef) -> bool {
        self.going.contains(&scope.namespace)
            || (scope.kind == Kind::Namespace && self.going.contains(&scope.name))
    }
}
