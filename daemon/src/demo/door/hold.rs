//! Requests that are kept waiting: where a test stops the world between two steps.

use nightshift_sim::ApiRequest;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// What is kept waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The request: the cluster has not seen it yet.
    Request,
    /// The answer: the cluster has done what was asked.
    Answer,
}

type Matches = Box<dyn Fn(&ApiRequest) -> bool + Send>;

/// Where one request waits. Dropped without [`Hold::release`], the request never arrives or its answer is lost.
#[derive(Debug)]
pub struct Hold {
    reached: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

impl Hold {
    /// Waits until a request stands there.
    pub async fn reached(&mut self) {
        let _ = self.reached.wait_for(|reached| *reached).await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.open.send_replace(true);
    }
}

/// The other side of a [`Hold`].
pub(super) struct Place {
    keep: Keep,
    matches: Matches,
    reached: watch::Sender<bool>,
    open: watch::Receiver<bool>,
}

impl Place {
    /// Waits here if this is what is kept; `false` when nobody will ever open.
    pub(super) async fn pass(&mut self, keep: Keep) -> bool {
        if keep != self.keep {
            return true;
        }
        self.reached.send_replace(true);
        self.open.wait_for(|open| *open).await.is_ok()
    }
}

/// The places that wait for their request.
#[derive(Default)]
pub(super) struct Holds(Mutex<Vec<Place>>);

impl Holds {
    /// A place for the next request that matches.
    pub(super) fn add(&self, keep: Keep, matches: Matches) -> Hold {
        let ((reached, arrived), (open, opened)) = (watch::channel(false), watch::channel(false));
        let place = Place { keep, matches, reached, open: opened };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        Hold { reached: arrived, open }
    }

    /// The place where this request waits, if there is one.
    pub(super) fn of(&self, request: &ApiRequest) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = places.iter().position(|place| (place.matches)(request))?;
        Some(places.remove(at))
    }
}
