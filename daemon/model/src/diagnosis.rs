//! Why an incident is there: causes, likeliest first, each with what speaks for it and what against.

use crate::cause::Cause;
use crate::ids::EvidenceId;
use crate::object::ObjectRef;
use serde::{Deserialize, Serialize};

/// As many causes a diagnosis lists.
pub const CAUSES: usize = 8;
/// As many grounds a cause lists on each side: the weightiest.
pub const GROUNDS: usize = 8;

/// Who put the causes in their order. It explains, and decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RankedBy {
    /// The rules of this program, by weight.
    #[default]
    Rules,
}

/// Causes of one incident, the likeliest first. Only [`Ranking`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Who ranked them.
    pub by: RankedBy,
    /// At most [`CAUSES`].
    pub causes: Vec<Candidate>,
}

/// One cause that may be it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The cause as one word.
    pub cause: Cause,
    /// One clause about this very case, redacted, visible and capped; empty where the word's own clause says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// The object that a person would fix, when it is not the incident's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blames: Option<ObjectRef>,
    /// What speaks for it, the weightiest first.
    #[serde(rename = "for")]
    pub backing: Vec<Ground>,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Ground>,
}

/// One reason for or against a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// One short sentence without its full stop, redacted, visible and capped.
    pub text: String,
    /// How much it counts: 1 is next to nothing, 100 settles it.
    pub weight: u8,
    /// The answer that it comes from; `None` for what the cluster's own state says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceId>,
}

impl Ground {
    /// A ground from the cluster's own state.
    pub fn new(weight: u8, text: impl Into<String>) -> Self {
        Self { text: text.into(), weight, evidence: None }
    }

    /// A ground from an answer.
    pub fn from(evidence: EvidenceId, weight: u8, text: impl Into<String>) -> Self {
        Self { evidence: Some(evidence), ..Self::new(weight, text) }
    }
}

impl std::fmt::Display for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        self.evidence.map_or(Ok(()), |id| write!(f, " ({id})"))
    }
}

impl Candidate {
    /// What speaks for it less what speaks against it.
    pub fn weight(&self) -> i32 {
        let sum = |grounds: &[Ground]| grounds.iter().map(|g| i32::from(g.weight)).sum::<i32>();
        sum(&self.backing) - sum(&self.against)
    }

    /// One clause for a person, to stand after a colon. It names the blamed object, unless what is said does: as
    /// `Service db`.
    pub fn sentence(&self) -> String {
        let says = if self.says.is_empty() { self.cause.clause() } else { &self.says };
        match &self.blames {
            Some(object) if !says.contains(&format!("{} {}", object.kind, object.name)) => {
                format!("{says} ({object})")
            }
            Some(_) | None => says.to_owned(),
        }
    }
}

impl Diagnosis {
    /// The likeliest cause.
    pub fn first(&self) -> Option<&Candidate> {
        self.causes.first()
    }

    /// Whether nothing names a cause.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }
}

/// A diagnosis in the making: every rule adds its grounds, in any order.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    candidates: Vec<Candidate>,
}

impl Ranking {
    /// Something speaks for a cause. Without an object it speaks for the cause whatever it blames; a cause that blames
    /// another object is another one. [`Cause::Unknown`] is no cause.
    pub fn back(
        &mut self,
        cause: Cause,
        blames: Option<&ObjectRef>,
        ground: Ground,
    ) -> Option<&mut Candidate> {
        let candidate = self.candidate(cause, blames)?;
        candidate.backing.push(ground);
        Some(candidate)
    }

    /// Something speaks against a cause, as far as anything speaks for it.
    pub fn oppose(&mut self, cause: Cause, ground: &Ground) {
        for candidate in self.candidates.iter_mut().filter(|c| c.cause == cause) {
            candidate.against.push(ground.clone());
        }
    }

    /// The causes so far.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    fn candidate(&mut self, cause: Cause, blames: Option<&ObjectRef>) -> Option<&mut Candidate> {
        if cause.is_unknown() {
            return None;
        }
        let fits = |c: &Candidate| {
            let same = c.blames.as_ref().zip(blames).is_none_or(|(of, object)| of.same_name(object));
            c.cause == cause && same
        };
        let place = self.candidates.iter().position(fits).unwrap_or_else(|| {
            self.candidates.push(Candidate {
                cause,
                says: String::new(),
                blames: None,
                backing: Vec::new(),
                against: Vec::new(),
            });
            self.candidates.len() - 1
        });
        let candidate = self.candidates.get_mut(place)?;
        candidate.blames = candidate.blames.take().or_else(|| blames.cloned());
        Some(candidate)
    }

    /// The causes in order: by weight, then as they were named. What more speaks against than for is left out.
    pub fn ranked(self, by: RankedBy) -> Diagnosis {
        let mut causes = self.candidates;
        causes.retain(|c| c.weight() > 0);
        for candidate in &mut causes {
            for side in [&mut candidate.backing, &mut candidate.against] {
                side.sort_by_key(|g| std::cmp::Reverse(g.weight));
                side.truncate(GROUNDS);
            }
        }
        causes.sort_by_key(|c| std::cmp::Reverse(c.weight()));
        causes.truncate(CAUSES);
        Diagnosis { by, causes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;

    fn service(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Service, "shop", name, "")
    }

    #[test]
    fn the_weightiest_stands_first_and_grounds_add_up() {
        let mut ranking = Ranking::default();
        ranking.back(Cause::ProgramError, None, Ground::new(20, "exit code 1"));
        ranking.back(Cause::Dependency, None, Ground::from(EvidenceId(3), 15, "connection refused"));
        let db = service("db");
        let found =
            ranking.back(Cause::Dependency, Some(&db), Ground::from(EvidenceId(5), 10, "no endpoints"));
        assert_eq!(found.unwrap().blames, Some(db));
        ranking.back(Cause::Unknown, None, Ground::new(100, "never"));
        let diagnosis = ranking.ranked(RankedBy::Rules);
        let words: Vec<&str> = diagnosis.causes.iter().map(|c| c.cause.as_str()).collect();
        assert_eq!(words, ["Dependency", "ProgramError"]);
        let first = diagnosis.first().unwrap();
        assert_eq!(first.weight(), 25);
        assert_eq!(first.sentence(), "something that it needs does not answer (Service shop/db)");
        assert_eq!(first.backing[0].to_string(), "connection refused (e3)");
    }

    #[test]
    fn two_objects_are_two_causes_and_what_is_refuted_goes() {
        let mut ranking = Ranking::default();
        ranking.back(Cause::Dependency, Some(&service("db")), Ground::new(10, "a"));
        ranking.back(Cause::Dependency, Some(&service("cache")), Ground::new(11, "b"));
        ranking.back(Cause::Crash, None, Ground::new(5, "c"));
        ranking.oppose(Cause::Crash, &Ground::new(5, "d"));
        ranking.oppose(Cause::Quota, &Ground::new(5, "e"));
        let causes = ranking.ranked(RankedBy::Rules).causes;
        let names: Vec<_> =
            causes.iter().filter_map(|c| c.blames.as_ref()).map(|o| o.name.as_str()).collect();
        assert_eq!((causes.len(), names), (2, vec!["cache", "db"]));
    }

    #[test]
    fn a_list_is_bounded_and_reads_back() {
        let mut ranking = Ranking::default();
        for n in 0..40 {
            ranking.back(Cause::Dependency, Some(&service(&format!("s{n}"))), Ground::new(1, "x"));
            ranking.back(Cause::Quota, None, Ground::new(2, format!("y{n}")));
        }
        let diagnosis = ranking.ranked(RankedBy::Rules);
        assert_eq!((diagnosis.causes.len(), diagnosis.causes[0].backing.len()), (CAUSES, GROUNDS));
        let json = serde_json::to_string(&diagnosis).unwrap();
        assert!(json.contains(r#""by":"rules""#) && json.contains(r#""for":["#), "{json}");
        assert_eq!(serde_json::from_str::<Diagnosis>(&json).unwrap(), diagnosis);
    }
}
