//! Events of `v1`: what controllers and kubelets said about an object.

use super::lenient::{Take, lenient, read_through, take_object};
use super::meta::{Capped, Meta, kind_of};
use super::pool::Pool;
use nightshift_model::{Kind, ObjectRef, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// What is kept of an Event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// Name and uid of the Event itself.
    pub meta: Meta,
    /// `type`.
    pub level: Level,
    /// `reason`, as in `Unhealthy`.
    pub reason: Arc<str>,
    /// `message`, at most [`super::MESSAGE_MAX`] characters. Text of others: quoted, never followed.
    pub message: Arc<str>,
    /// `involvedObject`: whom it is about.
    pub about: About,
    /// How often it was said, from `series` or `count`; at least 1.
    pub count: u32,
    /// When it was said last, from `series`, `lastTimestamp`, `eventTime` or the creation.
    pub last: Option<Timestamp>,
}

/// `type` of an Event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum Level {
    Normal,
    Warning,
    #[default]
    Other,
}

/// `involvedObject` of an Event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct About {
    /// Group and version.
    #[serde(deserialize_with = "lenient")]
    pub api_version: Arc<str>,
    /// The kind.
    #[serde(deserialize_with = "lenient")]
    pub kind: Arc<str>,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "lenient")]
    pub namespace: Arc<str>,
    /// The name.
    #[serde(deserialize_with = "lenient")]
    pub name: Arc<str>,
    /// The uid; for a Node its name, so the kubelet writes it.
    #[serde(deserialize_with = "lenient")]
    pub uid: Arc<str>,
}

impl About {
    /// The object as a reference.
    pub fn object(&self) -> ObjectRef {
        let kind = kind_of(&self.api_version, &self.kind);
        let uid = if kind == Kind::Node { "" } else { &*self.uid };
        ObjectRef::new(kind, &self.namespace, &self.name, uid)
    }
}

impl EventFacts {
    pub(crate) fn share(&mut self, pool: &mut Pool) {
        self.meta.share(pool);
        pool.share(&mut self.reason);
        let about = &mut self.about;
        for text in [&mut about.api_version, &mut about.kind, &mut about.namespace, &mut about.name] {
            pool.share(text);
        }
        pool.share(&mut about.uid);
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EventWire {
    #[serde(deserialize_with = "lenient")]
    metadata: Meta,
    #[serde(rename = "type", deserialize_with = "lenient")]
    level: Level,
    #[serde(deserialize_with = "lenient")]
    reason: Arc<str>,
    #[serde(deserialize_with = "lenient")]
    message: Capped,
    #[serde(deserialize_with = "lenient")]
    involved_object: About,
    #[serde(deserialize_with = "lenient")]
    count: u32,
    #[serde(deserialize_with = "lenient")]
    last_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    event_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    series: SeriesWire,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SeriesWire {
    #[serde(deserialize_with = "lenient")]
    count: u32,
    #[serde(deserialize_with = "lenient")]
    last_observed_time: Option<Timestamp>,
}

impl Take for Level {
    fn text(v: &str) -> Self {
        match v {
            "Normal" => Self::Normal,
            "Warning" => Self::Warning,
            _ => Self::Other,
        }
    }
}

take_object!(EventWire, SeriesWire, About);
read_through!(EventFacts, EventWire);

impl From<EventWire> for EventFacts {
    fn from(wire: EventWire) -> Self {
        let last = wire.series.last_observed_time.or(wire.last_timestamp).or(wire.event_time);
        Self {
            last: last.or(wire.metadata.created),
            meta: wire.metadata,
            level: wire.level,
            reason: wire.reason,
            message: wire.message.0,
            about: wire.involved_object,
            count: wire.series.count.max(wire.count).max(1),
        }
    }
}
