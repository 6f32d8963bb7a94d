//! The annotation with which a workload or a namespace asks for a silence: read from the object itself, and compared
//! with what the history holds.

use crate::standing::System;
use crate::text::visible;
use crate::wire::Wire;
use nightshift_model::effect::{Accept, RawPart, Read};
use nightshift_model::silence::{LONGEST, MOST};
use nightshift_model::{Actor, Kind, ObjectRef, Silence, Source, SystemEvent, Timestamp};
use serde_json::Value;

/// Its name. The value is the time at which the silence is over.
pub const ANNOTATION: &str = "nightshift.dev/silence-until";

/// What one object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It asks for nothing, or for what is over, or it is not there.
    Nothing,
    /// Silence until then.
    Until(Timestamp),
    /// Something that is no silence, and why.
    Unread(String),
}

/// The objects whose annotation silences a scope: the workload itself, if it is one, and its namespace. Pods and
/// templates say nothing: who may change a workload decides for it.
pub fn places(scope: &ObjectRef) -> Vec<ObjectRef> {
    let own = match &scope.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => Some(scope.clone()),
        Kind::Pod
        | Kind::ReplicaSet
        | Kind::ControllerRevision
        | Kind::Job
        | Kind::CronJob
        | Kind::Node
        | Kind::Namespace
        | Kind::Event
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::ResourceQuota
        | Kind::EndpointSlice
        | Kind::Ingress
        | Kind::HorizontalPodAutoscaler
        | Kind::PodDisruptionBudget
        | Kind::StorageClass
        | Kind::ValidatingWebhookConfiguration
        | Kind::MutatingWebhookConfiguration
        | Kind::APIService
        | Kind::Other(_) => None,
    };
    let namespace = scope.owned_in();
    let around = (!namespace.is_empty()).then(|| ObjectRef::new(Kind::Namespace, "", namespace, ""));
    own.into_iter().chain(around).collect()
}

/// Asks an object. `None` when it cannot be read: then nothing is known, and nothing changes.
pub async fn ask<W: Wire>(wire: &W, object: &ObjectRef) -> Option<Said> {
    let read = Read::Get { path: object.path()?, query: Vec::new(), accept: Accept::Json };
    let part = wire.read(&read).await;
    if let RawPart::Body { status: 404, .. } = part {
        return Some(Said::Nothing);
    }
    let live: Value = serde_json::from_slice(part.ok()?).ok()?;
    Some(said(&live, wire.now()))
}

/// What an object's annotation says.
pub fn said(live: &Value, now: Timestamp) -> Said {
    let Some(value) = live.pointer("/metadata/annotations").and_then(|all| all.get(ANNOTATION)) else {
        return Said::Nothing;
    };
    let text = value.as_str().unwrap_or_default();
    match text.trim().parse::<Timestamp>() {
        Ok(until) if until <= now => Said::Nothing,
        Ok(until) if until.since(now) > LONGEST => {
            Said::Unread(format!("`{}` is more than 30 days away", visible(text, 60)))
        }
        Ok(until) => Said::Until(until),
        Err(_) => Said::Unread(format!("`{}` is not a time such as 2026-03-01T06:00:00Z", visible(text, 60))),
    }
}

/// What is to be recorded so that the history says what the object says. What a person ended stays ended until the
/// annotation names another time.
pub fn changes(
    object: &ObjectRef,
    said: &Said,
    known: &System,
    by: &Actor,
    now: Timestamp,
) -> Vec<SystemEvent> {
    let object = &ObjectRef { uid: String::new(), ..object.clone() };
    let (mut wanted, mut why) = (None, None);
    match said {
        Said::Nothing => {}
        Said::Until(until) => {
            let because = format!("annotation {ANNOTATION} of {object}");
            match Silence::annotated(object, now, *until, &because, by.clone()) {
                Ok(silence) => wanted = Some(silence),
                Err(error) => why = Some(error.to_string()),
            }
        }
        Said::Unread(what) => why = Some(what.clone()),
    }
    let in_force = |s: &&Silence| s.until > now;
    let of = nightshift_model::Selector::object(object);
    let here = |s: &&Silence| s.source == Source::Annotation && s.of == of;
    let same = |s: &Silence| wanted.as_ref().is_some_and(|w| w.id == s.id);
    let mut events: Vec<SystemEvent> = known
        .silences
        .iter()
        .filter(in_force)
        .filter(here)
        .filter(|s| !same(s))
        .map(|s| SystemEvent::SilenceEnded { silence: s.id.clone(), by: by.clone() })
        .collect();
    let stands = known.silences.iter().filter(here).any(same) || known.lifted.iter().any(same);
    if let Some(silence) = wanted.filter(|_| !stands) {
        if known.silences.iter().filter(in_force).count() >= MOST {
            why = Some(format!("{MOST} silences are in force already"));
        } else {
            events.push(SystemEvent::SilenceAdded { silence });
        }
    }
    if known.unread.get(object) != why.as_ref() {
        events.push(SystemEvent::SilenceUnread { object: object.clone(), why });
    }
    events
}

#[cfg(test)]
mod tests;
