//! What a container's last words say: which closed class they belong to, and what they could not reach.
//!
//! Text of others. It may raise a class of [`signs::SIGNS`] and nothing else: it chooses no action, and what it names as
//! unreachable is looked for in the incident's own namespace only. Linear in the excerpt, which is redacted and capped.
//! The last words before the exit count, not the first warning: what was retried, told as a notice, or followed by much
//! else, weighs little.

mod mood;
mod signs;
mod target;
mod trace;

pub(crate) use signs::Trouble;
pub(crate) use target::{Target, host, is_address, service_of};
pub(crate) use trace::Trace;

use nightshift_model::Cause;

/// Statements before the end that are its last words.
const LAST: usize = 4;
/// Statements before the end that still belong to it.
const NEAR: usize = 12;
/// Clues kept: the weightiest.
const CLUES: usize = 4;

/// One line that belongs to a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clue {
    /// The class.
    pub cause: Cause,
    /// What is wrong with what it could not reach, for that class.
    pub trouble: Option<Trouble>,
    /// What it could not reach, as far as the line names it.
    pub target: Option<Target>,
    /// The line.
    pub line: String,
    /// How much it counts.
    pub weight: u8,
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The weightiest first, each class and target once.
    pub clues: Vec<Clue>,
    /// The last stack trace, if it ends with one.
    pub trace: Option<Trace>,
}

/// Reads the last words of a log.
pub(crate) fn read<S: AsRef<str>>(lines: &[S]) -> Reading {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let mut reading = Reading { clues: Vec::new(), trace: trace::last(&lines) };
    // Statements that follow: frames of a stack trace and empty lines are none.
    let mut after = 0_usize;
    for line in lines.iter().rev() {
        if line.trim().is_empty() || trace::is_frame(line) {
            continue;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(sign) = signs::of(line, &lower) {
            let weight = weight(sign.weight, after, mood::of(&lower));
            let target = sign.trouble.and_then(|_| target::named(line));
            reading.take(Clue {
                cause: sign.cause,
                trouble: sign.trouble,
                target,
                line: (*line).trim().to_owned(),
                weight,
            });
        }
        after += 1;
    }
    reading.clues.retain(|clue| clue.weight > 0);
    reading.clues.sort_by_key(|clue| std::cmp::Reverse(clue.weight));
    reading.clues.truncate(CLUES);
    reading
}

impl Reading {
    /// Keeps the weightiest line of a class about one target; of two the later one, for lines come last first. A line
    /// without a target is the echo of one that names it.
    fn take(&mut self, clue: Clue) {
        let one = |c: &Clue| match (&c.target, &clue.target) {
            (Some(known), Some(new)) => known.host == new.host,
            (None, _) | (_, None) => true,
        };
        match self.clues.iter_mut().find(|c| c.cause == clue.cause && one(c)) {
            Some(known) if known.target.is_none() && clue.target.is_some() && clue.weight > 0 => {
                *known = Clue { weight: known.weight.max(clue.weight), ..clue };
            }
            Some(known) if known.weight < clue.weight && known.target.is_none() == clue.target.is_none() => {
                *known = clue;
            }
            Some(_) => {}
            None => self.clues.push(clue),
        }
    }
}

/// How much a line counts, by what follows it and how it was told.
fn weight(full: u8, after: usize, mood: mood::Mood) -> u8 {
    use mood::Mood;
    match (mood, after) {
        (Mood::Fatal | Mood::Plain, 0..LAST) | (Mood::Fatal, LAST..NEAR) => full,
        // Of a mild one nothing may come any more: the last words of many a program are a warning.
        (Mood::Plain, LAST..NEAR) | (Mood::Mild, 0..=1) => full - full / 4,
        (Mood::Mild, 2..NEAR) | (Mood::Fatal, NEAR..) => full / 3,
        (Mood::Plain | Mood::Mild | Mood::Over, _) => 0,
    }
}

#[cfg(test)]
mod tests;
