//! Places where a process can die: before and after every append and every request that writes.

use nightshift_model::Role;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// What happens to the process that reaches the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It dies: what it was about to do never happens.
    Die,
    /// It is stopped, and goes on when somebody says so, not knowing how much time has passed.
    Stop,
}

/// Which place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The how-manieth place of the run, from 1.
    Number(u64),
    /// The first place whose name contains this text, as in `executor: after write apply`.
    Named(String),
}

/// One blow, struck once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub when: When,
    /// What.
    pub act: Act,
    /// Whether both roles go down, as one process does; else only the one that got there.
    pub both: bool,
}

/// The places passed so far, and the blow that is planned.
#[derive(Debug, Default)]
pub(crate) struct Points {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    passed: u64,
    plan: Option<Plan>,
    struck: Option<(Plan, Role)>,
}

impl Points {
    /// Plans a blow; it replaces an earlier one.
    pub(crate) fn plan(&self, plan: Plan) {
        self.with(|s| s.plan = Some(plan));
    }

    /// How many places were passed.
    pub(crate) fn passed(&self) -> u64 {
        self.with(|s| s.passed)
    }

    /// The blow that has fallen since this was asked last.
    pub(crate) fn struck(&self) -> Option<(Plan, Role)> {
        self.with(|s| s.struck.take())
    }

    /// Passes a place without waiting. True: the caller is dead and must do nothing more.
    pub(crate) fn hit(&self, role: Role, place: &str) -> bool {
        let name = format!("{}: {place}", role.as_str());
        self.with(|s| {
            s.passed += 1;
            let here = s.plan.as_ref().is_some_and(|plan| match &plan.when {
                When::Number(n) => *n == s.passed,
                When::Named(text) => name.contains(text.as_str()),
            });
            if here && let Some(plan) = s.plan.take() {
                s.struck = Some((plan, role));
            }
            here
        })
    }

    /// Passes a place inside a future: it stays pending there when the blow falls.
    pub(crate) async fn pass(&self, role: Role, place: &str) {
        if self.hit(role, place) {
            Pause::default().await;
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no holder of this lock panics"))
    }
}

/// Pending once.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Polls a future up to its next pause. `None`: it has been struck.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
