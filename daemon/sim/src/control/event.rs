//! Events of controllers and kubelet, repeats counted as the real recorder does.

use serde_json::{Value, json};

use crate::Sim;
use crate::kind::EVENT;
use crate::managed::By;
use crate::value::{int, put, stamp, text};

/// One thing worth an event.
pub(crate) struct Note {
    pub(crate) warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// `spec.containers{web}`, or "".
    pub(crate) field: String,
}

impl Note {
    pub(crate) fn normal(reason: &'static str, message: String) -> Self {
        Self { warning: false, reason, message, field: String::new() }
    }

    pub(crate) fn warning(reason: &'static str, message: String) -> Self {
        Self { warning: true, reason, message, field: String::new() }
    }
}

impl Sim {
    /// Records an event about an object.
    pub(crate) fn note(&mut self, about: &Value, component: &str, note: &Note) {
        let identity =
            (text(about, "/metadata/uid").to_owned(), note.reason.to_owned(), note.message.clone());
        let now = stamp(self.clock);
        let by = By::controller(component);
        if let Some(key) = self.events.get(&identity).cloned() {
            let counted = self.edit(&EVENT, &key, &by, |event| {
                let count = int(event, "/count").unwrap_or(0);
                put(event, &["count"], count + 1);
                put(event, &["lastTimestamp"], now.as_str());
            });
            if counted {
                return;
            }
        }
        let (ns, name) = (text(about, "/metadata/namespace"), text(about, "/metadata/name"));
        let ns = if ns.is_empty() { "default" } else { ns };
        let unique = self.clock.as_nanosecond() + i128::from(self.store.rv);
        let event_name = format!("{name}.{unique:x}");
        let mut object = json!({
            "metadata": {"name": event_name, "namespace": ns},
            "involvedObject": {"kind": text(about, "/kind"), "name": name, "uid": text(about, "/metadata/uid"),
                "apiVersion": text(about, "/apiVersion"), "resourceVersion": text(about, "/metadata/resourceVersion")},
            "reason": note.reason, "message": note.message, "type": if note.warning { "Warning" } else { "Normal" },
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        });
        if !text(about, "/metadata/namespace").is_empty() {
            put(&mut object, &["involvedObject", "namespace"], ns);
        }
        if !note.field.is_empty() {
            put(&mut object, &["involvedObject", "fieldPath"], note.field.as_str());
        }
        if component == "kubelet" {
            let node = text(about, "/spec/nodeName");
            put(&mut object, &["source", "host"], node);
            put(&mut object, &["reportingInstance"], node);
        }
        if self.create(&EVENT, object, &by).is_ok() {
            self.events.insert(identity, EVENT.key(ns, &event_name));
        }
    }
}
