//! One Kubernetes Event per action, so that `kubectl describe` of the target tells what was done and why.

use super::client::Writer;
use super::exchange::root_cause;
use k8s_openapi::api::core::v1::ObjectReference;
use kube_runtime::events::{Event, EventType, Recorder, Reporter};
use nightshift_model::object::ObjectRef;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// `reportingController` of our Events.
pub const CONTROLLER: &str = "nightshift";
/// The API server takes at most 1,024 bytes of note.
const NOTE: usize = 1_024;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The object that was acted on.
    pub about: ObjectRef,
    /// CamelCase, such as `RolledBack`.
    pub reason: String,
    /// What was done: the action's name.
    pub action: String,
    /// One sentence with the operation's id.
    pub note: String,
    /// Whether people should look at it.
    pub warning: bool,
}

/// The Event could not be published; the history holds the same facts.
#[derive(Debug, thiserror::Error)]
#[error("cannot publish the Event about {about}: {why}")]
pub struct EventError {
    /// The object.
    about: ObjectRef,
    /// The cause.
    why: String,
}

/// Publishes one Event. `instance` is this process: the Pod's name.
///
/// Each call has a recorder of its own: a shared one would fold the Events of two operations of the same kind on
/// one object into one, with the first one's note, and would need `events: patch`.
pub async fn publish(
    writer: &Writer,
    instance: &str,
    notice: &Notice,
    deadline: Duration,
) -> Result<(), EventError> {
    let reporter = Reporter { controller: CONTROLLER.into(), instance: Some(instance.to_owned()) };
    let event = Event {
        type_: if notice.warning { EventType::Warning } else { EventType::Normal },
        reason: notice.reason.clone(),
        note: Some(notice.note.get(..notice.note.floor_char_boundary(NOTE)).unwrap_or_default().to_owned()),
        action: notice.action.clone(),
        secondary: None,
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let about = ObjectReference {
        api_version: notice.about.kind.api_version().map(str::to_owned),
        kind: Some(notice.about.kind.as_str().to_owned()),
        namespace: some(&notice.about.namespace),
        name: some(&notice.about.name),
        uid: some(&notice.about.uid),
        ..ObjectReference::default()
    };
    let recorder = Recorder::new(writer.client().clone(), reporter);
    let failed = |why: String| EventError { about: notice.about.clone(), why };
    match tokio::time::timeout(deadline, recorder.publish(&event, &about)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(root_cause(&error))),
        Err(_) => Err(failed(format!("no answer within {deadline:?}"))),
    }
}
