//! Signature counters of passkeys. One that goes back, or stands still, was copied: its votes count for nothing.

use nightshift_model::history::Row;
use nightshift_model::{HistoryEvent, IncidentEvent, PersonId, Proof, ProposalId, Vote};
use std::collections::{BTreeMap, VecDeque};

/// Votes of one credential that are remembered one by one; of older ones only the highest counter is.
const REMEMBERED: usize = 64;

/// The counters that votes in the history have shown, by credential. Authenticators without one always send zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, Seen>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    older: u32,
    votes: VecDeque<(Name, u32)>,
}

/// (proposal, person, number) is unique for ever.
type Name = (ProposalId, PersonId, u32);

fn name(vote: &Vote) -> Name {
    (vote.proposal.clone(), vote.person.clone(), vote.no)
}

impl Counters {
    /// Takes note of a row, if it is a vote with a passkey. Rows come in the history's order.
    pub fn fold(&mut self, row: &Row) {
        let HistoryEvent::Incident(IncidentEvent::Voted { vote }) = &row.event else { return };
        let Proof::Webauthn { credential, authenticator_data, .. } = &vote.proof else { return };
        let count = super::assertion::counter(authenticator_data).unwrap_or(0);
        if count > 0 {
            self.note(credential, vote, count);
        }
    }

    fn note(&mut self, credential: &str, vote: &Vote, count: u32) {
        let seen = self.0.entry(credential.to_owned()).or_default();
        if seen.votes.iter().any(|(known, _)| *known == name(vote)) {
            return;
        }
        seen.votes.push_back((name(vote), count));
        if seen.votes.len() > REMEMBERED
            && let Some((_, oldest)) = seen.votes.pop_front()
        {
            seen.older = seen.older.max(oldest);
        }
    }

    /// Whether a vote's counter lies above that of every vote before it. A vote that stands in the history already is
    /// compared with those before it only.
    pub fn rises(&self, credential: &str, vote: &Vote, count: u32) -> bool {
        let Some(seen) = self.0.get(credential) else { return true };
        let before = seen.votes.iter().take_while(|(known, _)| *known != name(vote)).map(|(_, count)| *count);
        let highest = before.max().unwrap_or(0).max(seen.older);
        (highest == 0 && count == 0) || count > highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::{Digest, Timestamp, VoteDecision};

    fn vote(no: u32) -> Vote {
        Vote {
            proposal: ProposalId::from("pro-1"),
            digest: Digest([1; 32]),
            decision: VoteDecision::Approve,
            person: PersonId::from("alice"),
            no,
            at: Timestamp::EPOCH,
            reason: String::new(),
            interactive: true,
            proof: Proof::Attested { by: String::new() },
        }
    }

    #[test]
    fn a_counter_rises_or_was_never_there() {
        let mut counters = Counters::default();
        assert!(counters.rises("c", &vote(1), 0) && counters.rises("c", &vote(1), 7));
        counters.note("c", &vote(1), 7);
        for (count, rises) in [(0, false), (6, false), (7, false), (8, true)] {
            assert_eq!(counters.rises("c", &vote(2), count), rises, "{count}");
        }
        assert!(counters.rises("c", &vote(1), 7), "the vote itself, recounted");
        assert!(counters.rises("d", &vote(2), 1), "another credential");
        counters.note("c", &vote(2), 9);
        assert!(counters.rises("c", &vote(1), 7), "what came later does not make it false");
        assert!(!counters.rises("c", &vote(3), 9));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_never_forgets_the_highest() {
        let mut counters = Counters::default();
        for no in 1..=500 {
            counters.note("c", &vote(no), no);
        }
        assert_eq!(counters.0["c"].votes.len(), REMEMBERED);
        assert!(!counters.rises("c", &vote(501), 400) && counters.rises("c", &vote(501), 501));
        assert!(!counters.rises("c", &vote(3), 3), "too old to be recounted: refused, never taken");
    }
}
