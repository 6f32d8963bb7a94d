use super::*;
use crate::samples::{at, nightshift, proposal};
use nightshift_model::{Epoch, Risk, Timestamp};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A cluster that counts what reaches it.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wire for Counting {
    async fn read(&self, _: &Read) -> RawPart {
        self.0.fetch_add(1, Ordering::Relaxed);
        RawPart::Body { status: 200, body: b"{}".to_vec(), cut: false }
    }
    async fn write(&self, _: &HttpWrite) -> RawPart {
        self.0.fetch_add(1, Ordering::Relaxed);
        RawPart::Body { status: 200, body: b"{}".to_vec(), cut: false }
    }
    fn now(&self) -> Timestamp {
        at(0)
    }
}

/// The sample's request has stored bytes, as somebody who can write the history would plant them.
#[test]
fn a_stored_request_that_the_action_does_not_yield_is_never_sent() {
    let plan = proposal(Risk::Medium, nightshift()).plan().clone();
    let mark = Mark::first(plan.op.clone(), Epoch(1));
    let wire = Counting::default();
    let write = Write { mark: mark.clone(), version: "7".to_owned(), plan: Box::new(plan.clone()) };
    let (mut sent, mut claimed) = (Box::pin(send(&wire, &write)), Box::pin(claim(&wire, &plan, &mark)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for answer in [sent.as_mut().poll(&mut context), claimed.as_mut().poll(&mut context)] {
        assert!(matches!(answer, std::task::Poll::Ready(Sent::NotSent { .. })));
    }
    assert_eq!(wire.0.load(Ordering::Relaxed), 0, "nothing reached the cluster");
}

/// A cluster with one failed Job, in which the name of the next one is taken, by whoever the mark says.
struct Taken {
    job: Value,
    mark: Option<&'static str>,
    /// Bodies that were sent.
    sent: std::sync::Mutex<Vec<Value>>,
}

impl Wire for Taken {
    async fn read(&self, read: &Read) -> RawPart {
        let Read::Get { path, .. } = read else { panic!("{read:?}") };
        let told =
            |value: &Value| RawPart::Body { status: 200, body: value.to_string().into_bytes(), cut: false };
        if path.ends_with("/jobs/sync") {
            return told(&self.job);
        }
        match self.mark {
            Some(mark) => told(&json!({"metadata": {
                "name": "sync-rerun", "resourceVersion": "9", "annotations": {"nightshift.dev/claim": mark},
            }})),
            None => RawPart::Body { status: 404, body: b"{}".to_vec(), cut: false },
        }
    }
    async fn write(&self, write: &HttpWrite) -> RawPart {
        assert_eq!(
            (write.method.as_str(), write.path.as_str()),
            ("POST", "/apis/batch/v1/namespaces/shop/jobs")
        );
        self.sent.lock().unwrap().push(serde_json::from_slice(&write.body).unwrap());
        RawPart::Body { status: 409, body: br#"{"reason": "AlreadyExists"}"#.to_vec(), cut: false }
    }
    fn now(&self) -> Timestamp {
        at(0)
    }
}

#[test]
fn a_name_that_is_taken_is_ours_only_with_the_mark_of_this_operation() {
    let target = ObjectRef::new(nightshift_model::Kind::Job, "shop", "sync", "uid-1");
    let job = json!({"metadata": {"name": "sync", "namespace": "shop", "uid": "uid-1", "resourceVersion": "7"}, "spec": {}});
    let body = re_run_job::digest(&target, &job);
    let mut plan = proposal(Risk::Medium, nightshift()).plan().clone();
    plan.action = Action::ReRunJob { target, version: "7".to_owned(), body };
    plan.request = crate::seal::request(&plan.action).unwrap();
    let done = re_run_job::done(&plan.op);
    assert_eq!(done, format!("done:{}", plan.op));
    let once = |mark: Option<&'static str>, job: &Value| {
        let wire = Taken { job: job.clone(), mark, sent: std::sync::Mutex::default() };
        let mark = Mark::first(plan.op.clone(), Epoch(1));
        let write = Write { mark, version: "7".to_owned(), plan: Box::new(plan.clone()) };
        let mut sending = Box::pin(send(&wire, &write));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(sent) = sending.as_mut().poll(&mut context) else { panic!("it waits") };
        drop(sending);
        (sent, wire.sent.into_inner().unwrap())
    };
    let ours: &'static str = done.leak();
    let (sent, bodies) = once(Some(ours), &job);
    assert_eq!(sent, Sent::Applied { status: 409, resource_version: "9".to_owned() });
    assert!(bodies.len() == 1 && re_run_job::is_sealed(&bodies[0], body), "{bodies:?}");
    for foreign in [Some("done:pro-other.1"), Some(""), None] {
        let (sent, bodies) = once(foreign, &job);
        assert!(
            matches!(sent, Sent::Refused { status: 409, .. }) && bodies.len() == 1,
            "{foreign:?}: {sent:?}"
        );
    }
    for (field, value) in [("/metadata/resourceVersion", "8"), ("/metadata/uid", "uid-2")] {
        let mut other = job.clone();
        *other.pointer_mut(field).unwrap() = json!(value);
        let (sent, bodies) = once(Some(ours), &other);
        assert!(matches!(sent, Sent::NotSent { .. }) && bodies.is_empty(), "{field}: {sent:?}");
    }
    let mut other = job.clone();
    other["spec"]["parallelism"] = json!(9);
    assert!(once(Some(ours), &other).1.is_empty(), "another copy than the approved one is never sent");
}
