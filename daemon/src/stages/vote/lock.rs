//! Ten wrong codes in ten minutes lock a person out of voting, never a proposal: a stranger can lock nobody.

use nightshift_model::{PersonId, Seconds, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

/// Wrong codes that are too many.
const WRONG_CODES: usize = 10;
/// Within this time.
const WITHIN: Seconds = Seconds(600);

/// When persons typed a wrong code. Only persons of the registry get here, so the map is bounded by it.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<BTreeMap<PersonId, VecDeque<Timestamp>>>);

impl Locks {
    /// Counts one wrong code.
    pub(super) fn count(&self, person: &PersonId, now: Timestamp) {
        let mut wrong = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mine = wrong.entry(person.clone()).or_default();
        mine.push_back(now);
        if mine.len() > WRONG_CODES {
            mine.pop_front();
        }
    }

    /// Whether the last ten were within ten minutes.
    pub(super) fn is_locked(&self, person: &PersonId, now: Timestamp) -> bool {
        let wrong = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let recent = |times: &VecDeque<Timestamp>| times.iter().filter(|t| now.since(**t) < WITHIN).count();
        wrong.get(person).is_some_and(|times| recent(times) >= WRONG_CODES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_codes_lock_their_person_for_ten_minutes() {
        let locks = Locks::default();
        let (ann, bob) = (PersonId::from("ann"), PersonId::from("bob"));
        let start = Timestamp::from_second(1_800_000_000);
        for second in 0..10 {
            assert!(!locks.is_locked(&ann, start + Seconds(second)));
            locks.count(&ann, start + Seconds(second));
        }
        assert!(locks.is_locked(&ann, start + Seconds(10)));
        assert!(!locks.is_locked(&bob, start + Seconds(10)));
        assert!(!locks.is_locked(&ann, start + Seconds(600)));
    }
}
