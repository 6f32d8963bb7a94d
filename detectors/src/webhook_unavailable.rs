//! WebhookUnavailable: an admission webhook has nobody who answers.
//!
//! # Meaning
//! A ValidatingWebhookConfiguration or MutatingWebhookConfiguration calls a Service that is not there, or that has had no
//! ready endpoint for a minute; for an hour, if it may be ignored. Webhooks that are called by URL cannot be judged from here,
//! nor those whose Service is in a namespace that is not watched.
//!
//! # Impact
//! With `failurePolicy: Fail` every request that it guards is refused: pods are not created, rollouts stand still, nodes
//! cannot replace what they lose; nothing that runs is touched, so it is noticed late. That is critical. With `Ignore` each
//! request waits for the timeout and passes unchecked or unchanged: what it adds or forbids is missing, a line in the digest.
//!
//! # Diagnosis
//! The Events FailedCreate of ReplicaSets name the webhook: "failed calling webhook". Look at the Service in `clientConfig` and at
//! the pods behind it: uninstalled with the configuration left behind, scaled to zero, crashing, or waiting for the very webhook
//! that they serve.
//!
//! # Mitigation
//! Bring its pods back. If what it belonged to is uninstalled, delete the configuration. In need, delete or relax the configuration
//! for the time of the repair, with whoever owns that policy; a namespaceSelector that leaves out the webhook's own
//! namespace breaks the circle for good.

use crate::behind::{endpoints, explained, selected, unseen};
use crate::catalog::{Detector, Looked};
use crate::earliest;
use crate::facts::{Hook, Meta, MutatingFacts, PodFacts, ServiceFacts, ValidatingFacts};
use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Cause, Finding, Kind, ObjectRef, Reason, Severity, Timestamp};

/// The detector.
#[derive(Debug)]
pub struct WebhookUnavailable;

impl Detector for WebhookUnavailable {
    fn reason(&self) -> Reason {
        Reason::WebhookUnavailable
    }

    fn source(&self) -> &'static str {
        include_str!("webhook_unavailable.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Time that nobody may answer", params.no_answer.to_string()),
            ("The same where the webhook may be ignored", params.ignored_hook.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let validating = at.facts::<ValidatingFacts>().map(|all| (&all.meta, &all.hooks));
        let mutating = || at.facts::<MutatingFacts>().map(|all| (&all.meta, &all.hooks));
        let Some((meta, hooks)) = validating.or_else(mutating) else { return Looked::default() };
        if meta.deleting.is_some() || hooks.iter().all(|hook| hook.service.is_none()) {
            return Looked::default();
        }
        let unchecked = unseen(at.view, &[Kind::Service, Kind::EndpointSlice]);
        if !unchecked.is_empty() {
            return Looked { unchecked, ..Looked::default() };
        }
        let mut down: Vec<Down<'_>> = hooks.iter().filter_map(|hook| unanswered(at, meta, hook)).collect();
        down.sort_by_key(|one| !one.hook.fails_closed); // those that refuse first; stable
        let due = |one: &Down<'_>| {
            one.since + if one.hook.fails_closed { at.params.no_answer } else { at.params.ignored_hook }
        };
        let later = down.iter().map(due).filter(|due| *due > at.now).min();
        down.retain(|one| due(one) <= at.now);
        let Some(first) = down.first() else { return Looked { recheck_at: later, ..Looked::default() } };
        let severity = if first.hook.fails_closed { Severity::Critical } else { Severity::Info };
        let since = down.iter().map(|one| one.since).min().unwrap_or(first.since);
        let finding = Finding {
            cause: first.cause,
            detail: first.detail.clone(),
            blames: first.blames.clone(),
            affected: u32::try_from(down.len()).unwrap_or(u32::MAX),
            ..at.finding(Reason::WebhookUnavailable, severity, since)
        };
        Looked { recheck_at: earliest(None, later), ..Looked::found(finding) }
    }
}

/// A webhook that nobody answers.
struct Down<'a> {
    hook: &'a Hook,
    cause: Cause,
    detail: String,
    /// Whose finding tells why, when its pods have one.
    blames: Option<ObjectRef>,
    since: Timestamp,
}

fn unanswered<'a>(at: &Look<'_>, meta: &Meta, hook: &'a Hook) -> Option<Down<'a>> {
    // Whether anybody answers in a namespace that is not watched is not seen.
    let (namespace, name) = hook.service.as_ref().filter(|(namespace, _)| at.view.watches(namespace))?;
    let own = at.view.changed(&meta.uid).or(meta.created).or(at.view.first_seen(&meta.uid)).unwrap_or(at.now);
    let Some(service) = at.view.by_name::<ServiceFacts>(namespace, name) else {
        let since = at.view.gone_at(Kind::Service, namespace, name).max(Some(own)).unwrap_or(own);
        let detail = format!("webhook {} calls Service {namespace}/{name}, which is not there", hook.name);
        return Some(Down { hook, cause: Cause::MissingService, detail, blames: None, since });
    };
    let ends = endpoints(at.view, namespace, name);
    if ends.ready > 0 || &*service.kind == "ExternalName" {
        return None;
    }
    let since = ends.since.or(service.meta.created).max(Some(own)).unwrap_or(own);
    let pods = selected(at.view, service);
    let pods: Vec<&PodFacts> = pods.into_iter().filter(|pod| !pod.is_leaving()).collect();
    let detail =
        format!("webhook {} calls Service {namespace}/{name}, which has no ready endpoint", hook.name);
    let blames = explained(at, &pods);
    Some(Down { hook, cause: Cause::PodsNotReady, detail, blames, since })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use crate::tests::make::at;
    use crate::view::{Delta, View};

    /// A cluster in which a webhook calls a Service that nobody has seen, looked at by who watches these namespaces.
    fn looked(namespaces: &[&str]) -> Looked {
        let named: Vec<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
        let mut view = View::of(&named);
        let hook = Hook {
            name: "policy.example.com".into(),
            service: Some(("policies".into(), "controller".into())),
            fails_closed: true,
        };
        let meta = Meta { name: "policy".into(), uid: "u".into(), created: Some(at(0)), ..Meta::default() };
        view.apply(Delta::Applied(Fact::from(ValidatingFacts { meta, hooks: Box::new([hook]) })), at(0));
        for kind in [Kind::Service, Kind::EndpointSlice] {
            view.apply(Delta::Synced { kind }, at(0));
        }
        let (scope, params) =
            (ObjectRef::new(Kind::ValidatingWebhookConfiguration, "", "policy", "u"), Params::default());
        WebhookUnavailable.look(&Look::new(&view, &scope, at(600), &params))
    }

    #[test]
    fn a_service_in_a_namespace_that_is_not_watched_is_not_missing() {
        for watched in [&[][..], &["policies"], &["shop", "policies"]] {
            let seen = looked(watched);
            assert_eq!(seen.finding.map(|finding| finding.cause), Some(Cause::MissingService), "{watched:?}");
        }
        let unseen = looked(&["shop"]);
        assert!(unseen.finding.is_none() && unseen.recheck_at.is_none());
    }
}
