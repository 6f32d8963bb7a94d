//! Pods that a controller wants and may not make: who says so, since when, and why as far as the words tell.
//!
//! A refused pod leaves no pod. ReplicaSets keep a condition; StatefulSets, DaemonSets and Jobs only say it in Events.

use crate::facts::{
    CronJobFacts, DaemonSetFacts, EventFacts, Facts, JobFacts, Level, Meta, MutatingFacts, PodFacts,
    QuotaFacts, StatefulSetFacts, Truth, ValidatingFacts, quantity,
};
use crate::look::Look;
use nightshift_model::{Cause, Kind, ObjectRef, Timestamp};

/// One controller that is refused pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    /// The controller: the scope, its ReplicaSet or its Job.
    pub(crate) by: ObjectRef,
    /// `pod-template-hash` of a ReplicaSet.
    pub(crate) template_hash: String,
    /// Pods that are missing.
    pub(crate) missing: u32,
    /// Since when it is refused them.
    pub(crate) since: Timestamp,
    /// Until when this is believed without another word.
    pub(crate) until: Option<Timestamp>,
    /// The cluster's words.
    pub(crate) says: &'a str,
}

/// Whether and why a controller of the scope is refused pods now.
pub(crate) fn refusal<'a>(at: &Look<'a>) -> Option<Refusal<'a>> {
    if let Some(set) = at.facts::<StatefulSetFacts>() {
        let missing = set.wanted.saturating_sub(set.replicas);
        return told(at, &set.meta, Kind::StatefulSet, missing, made(&at.pods));
    }
    if let Some(set) = at.facts::<DaemonSetFacts>() {
        let missing = set.desired.saturating_sub(set.current);
        return told(at, &set.meta, Kind::DaemonSet, missing, made(&at.pods));
    }
    if let Some(job) = at.facts::<JobFacts>() {
        return of_job(at, job);
    }
    if let Some(cron) = at.facts::<CronJobFacts>() {
        let mut jobs: Vec<&JobFacts> = at.view.owned_by(&cron.meta.uid).filter_map(JobFacts::of).collect();
        jobs.sort_by(|a, b| (a.meta.created, &a.meta.name).cmp(&(b.meta.created, &b.meta.name)));
        let run = jobs.iter().filter_map(|job| job.meta.created).max();
        let missing = u32::from(!cron.suspended);
        let refused = told(at, &cron.meta, Kind::CronJob, missing, run);
        return refused.or_else(|| jobs.into_iter().rev().find_map(|job| of_job(at, job)));
    }
    at.sets.iter().find_map(|set| {
        let missing = set.wanted.saturating_sub(set.replicas);
        let refused = set.failure.status == Truth::True && &*set.failure.reason == "FailedCreate";
        (refused && missing > 0 && set.meta.deleting.is_none()).then(|| Refusal {
            by: set.object(),
            template_hash: set.meta.labels.template_hash.to_string(),
            missing,
            since: set.failure.since.or_else(|| at.view.first_seen(&set.meta.uid)).unwrap_or(at.now),
            until: None,
            says: &set.failure.message,
        })
    })
}

fn of_job<'a>(at: &Look<'a>, job: &'a JobFacts) -> Option<Refusal<'a>> {
    let over = [&job.failure, &job.complete].iter().any(|c| c.status == Truth::True);
    // With some at work a quota may be there to hold the others back.
    let missing = if over || job.suspended || job.active > 0 { 0 } else { job.wanted };
    if missing == 0 {
        return None;
    }
    let pods: Vec<&PodFacts> = at.view.owned_by(&job.meta.uid).filter_map(PodFacts::of).collect();
    told(at, &job.meta, Kind::Job, missing, made(&pods))
}

/// When the newest of these pods was made.
fn made(pods: &[&PodFacts]) -> Option<Timestamp> {
    pods.iter().filter_map(|pod| pod.meta.created).max()
}

/// What the controller's Events say, if nothing was made since.
fn told<'a>(
    at: &Look<'a>,
    of: &Meta,
    kind: Kind,
    missing: u32,
    made: Option<Timestamp>,
) -> Option<Refusal<'a>> {
    if missing == 0 || of.deleting.is_some() {
        return None;
    }
    let refused = |event: &&EventFacts| {
        let late = event.last.is_some_and(|last| made.is_none_or(|made| made < last));
        event.level == Level::Warning && &*event.reason == "FailedCreate" && late
    };
    let mut events: Vec<&EventFacts> = at.view.events_about(&of.uid).filter(refused).collect();
    events.sort_by(|a, b| (a.last, &a.meta.name).cmp(&(b.last, &b.meta.name)));
    let newest = *events.last()?;
    let until = newest.last? + at.params.refused_told;
    let began = events.iter().filter_map(|event| event.meta.created.or(event.last)).min();
    let began = began.into_iter().chain(made).max().unwrap_or(at.now);
    (at.now < until).then(|| Refusal {
        by: of.object(kind),
        template_hash: String::new(),
        missing,
        since: began,
        until: Some(until),
        says: &newest.message,
    })
}

/// Why pods are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    /// The class of the words.
    pub(crate) cause: Cause,
    /// What a person would fix, if it is not the scope.
    pub(crate) blames: Option<ObjectRef>,
    /// Whether it may pass without anybody's doing.
    pub(crate) may_heal: bool,
    /// The quota has room again: the controller only has to wake up.
    pub(crate) has_room: bool,
}

/// Reads the words of a refusal. `None` when the namespace is going away, where nothing is wrong.
pub(crate) fn why(at: &Look<'_>, says: &str) -> Option<Why> {
    let why = |cause, blames, may_heal| Some(Why { cause, blames, may_heal, has_room: false });
    if says.contains("because it is being terminated") {
        return None;
    }
    if let Some(hook) = between(says, "admission webhook \"", "\" denied the request") {
        return why(Cause::Webhook, configuration(at, hook), false);
    }
    if let Some(hook) = between(says, "failed calling webhook \"", "\":") {
        return why(Cause::Webhook, configuration(at, hook), true);
    }
    if let Some(name) =
        between(says, "exceeded quota: ", ",").or_else(|| between(says, "failed quota: ", ":"))
    {
        let quota = at.view.by_name::<QuotaFacts>(&at.scope.namespace, name);
        // With the quota gone there is room as well: the controller only has to try again.
        let gone = || at.view.gone_at(Kind::ResourceQuota, &at.scope.namespace, name).is_some();
        let has_room = quota.map_or_else(gone, |quota| fits(quota, says));
        return Some(Why { cause: Cause::Quota, blames: quota.map(Facts::object), may_heal: true, has_room });
    }
    if says.contains("violates PodSecurity \"") {
        return why(Cause::PodSecurity, None, false);
    }
    if let Some(account) = between(says, "error looking up service account ", ": ") {
        let name = account.split_once('/').map(|(_, name)| name).filter(|name| is_name(name));
        let kind = Kind::Other("ServiceAccount".to_owned());
        let account = name.map(|name| ObjectRef::new(kind, &at.scope.namespace, name, ""));
        return why(Cause::MissingServiceAccount, account, true);
    }
    let limits = [" usage per Container is ", " usage per Pod is ", " limit to request ratio per "];
    if limits.iter().any(|words| says.contains(words)) {
        return why(Cause::LimitRange, None, false);
    }
    let refused = [" is forbidden: ", " is invalid: "].iter().any(|words| says.contains(words));
    why(if refused { Cause::Forbidden } else { Cause::Unknown }, None, true)
}

/// The configuration that holds a webhook of this name.
fn configuration(at: &Look<'_>, hook: &str) -> Option<ObjectRef> {
    let mut validating = at.view.all::<ValidatingFacts>("");
    let mut mutating = at.view.all::<MutatingFacts>("");
    let found = validating.find(|all| all.hooks.iter().any(|known| &*known.name == hook)).map(Facts::object);
    let found = found.or_else(|| {
        mutating.find(|all| all.hooks.iter().any(|known| &*known.name == hook)).map(Facts::object)
    });
    found.filter(|_| is_name(hook))
}

/// Whether what the words say was asked for would fit into the quota now.
fn fits(quota: &QuotaFacts, says: &str) -> bool {
    let Some(asked) = between(says, "requested: ", ", used: ") else { return false };
    asked.split(',').all(|pair| {
        let Some((resource, more)) = pair.split_once('=') else { return false };
        let Some(of) = quota.uses.iter().find(|of| &*of.resource == resource) else { return false };
        let [used, hard, more] = [&of.used, &of.hard, more].map(quantity::milli);
        matches!((used, hard, more), (Some(used), Some(hard), Some(more)) if used.saturating_add(more) <= hard)
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (found, _) = rest.split_once(after)?;
    (!found.is_empty() && found.len() <= 300).then_some(found)
}

/// Whether an object may have this name.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= 253 && text.chars().all(plain)
}

#[cfg(test)]
mod tests;
