//! The table and the numbers. Pure.

use super::case::{Case, Expect};
use super::judge::{Played, Told, Verdict, Wrong};
use nightshift_model::Timestamp;
use std::fmt::Write as _;

/// A case with its outcome.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// Its number: its namespaces begin with it.
    pub number: usize,
    /// When it began.
    pub from: Timestamp,
    /// What was played.
    pub played: Played,
    /// How it is judged.
    pub verdict: Verdict,
    /// What it was first, if it was wrong then and played once more by itself.
    pub first: Option<(Played, Verdict)>,
}

/// The whole run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One row a case.
    pub rows: Vec<Row>,
    /// Incidents that belong to no case.
    pub strays: Vec<String>,
}

impl Report {
    /// Whether everything was as it should be.
    pub fn is_right(&self) -> bool {
        self.strays.is_empty() && self.rows.iter().all(|row| row.verdict.wrong.is_empty())
    }

    /// As Markdown: what was wrong first, then all of it, then the numbers.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let wrong = self.rows.iter().filter(|row| !row.verdict.wrong.is_empty()).count();
        let again = self.rows.iter().filter(|row| row.first.is_some()).count();
        let _ = writeln!(text, "{} cases, {wrong} wrong, {again} played twice\n", self.rows.len());
        text.push_str("| case | expected | got | wrong | s |\n|---|---|---|---|---|\n");
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| (row.verdict.wrong.is_empty(), row.case.name.clone()));
        for row in rows {
            if let Some((played, verdict)) = &row.first {
                let (played, verdict) = (played.clone(), verdict.clone());
                text.push_str(&line(&Row { played, verdict, first: None, ..row.clone() }));
            }
            text.push_str(&line(row));
        }
        for stray in &self.strays {
            let _ = writeln!(text, "| (none) | silence | {stray} | false incident | |");
        }
        text.push('\n');
        text.push_str(&self.numbers());
        text
    }

    /// The numbers.
    pub fn numbers(&self) -> String {
        let verdicts = || self.rows.iter().map(|row| &row.verdict);
        let failures = verdicts().filter(|v| v.found.is_some()).count();
        let found: Vec<&Verdict> = verdicts().filter(|v| v.found == Some(true)).collect();
        let incidents: usize = verdicts().map(|v| v.incidents).sum::<usize>() + self.strays.len();
        let right: usize = verdicts().map(|v| v.right).sum();
        let in_failures: usize = found.iter().map(|v| v.incidents).sum();
        let without = |kind: Wrong| found.iter().filter(|v| !v.wrong.contains(&kind)).count();
        let told_cause = |row: &&Row| {
            row.verdict.found == Some(true)
                && matches!(&row.case.told.expect, Expect::Failure(f) if f.cause.is_some() || f.says.is_some())
        };
        let causes: Vec<&Row> = self.rows.iter().filter(told_cause).collect();
        let right_causes = causes
            .iter()
            .filter(|row| {
                !row.verdict.wrong.contains(&Wrong::Cause) && !row.verdict.wrong.contains(&Wrong::Says)
            })
            .count();
        let noisy = verdicts().filter(|v| v.found.is_none() && v.incidents > 0).count();
        let healthy = verdicts().filter(|v| v.found.is_none()).count();
        let proposals = verdicts().filter(|v| v.wrong.contains(&Wrong::WrongProposal)).count();
        let mut times: Vec<f64> = verdicts().filter_map(|v| v.seconds).collect();
        times.sort_by(f64::total_cmp);
        let lines = [
            ("recall", share(found.len(), failures)),
            ("precision", format!("{} ({} false incidents)", share(right, incidents), incidents - right)),
            ("disturbances that made noise", share(noisy, healthy)),
            ("incidents per fault", ratio(in_failures, found.len())),
            ("right scope", share(without(Wrong::Scope), found.len())),
            ("right reason", share(without(Wrong::Reason), found.len())),
            ("right cause", share(right_causes, causes.len())),
            ("right first action", share(without(Wrong::Action), found.len())),
            ("wrong proposals", proposals.to_string()),
            ("time to incident", format!("median {}, p90 {}", at(&times, 50), at(&times, 90))),
        ];
        lines.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "corpus: {name}: {value}");
            text
        })
    }
}

/// One row of the table.
pub fn line(row: &Row) -> String {
    let expected = match &row.case.told.expect {
        Expect::Silence => "silence".to_owned(),
        Expect::Failure(f) => {
            let cause = f.cause.as_ref().map(|c| format!(" ({c})")).unwrap_or_default();
            format!("{} {}{cause} -> {}", f.scope, f.reason, f.action)
        }
    };
    let incidents: Vec<String> = row.played.incidents.iter().map(Told::to_string).collect();
    let mut got = if incidents.is_empty() { "nothing".to_owned() } else { incidents.join("; ") };
    if let Some(why) = &row.played.broken {
        let _ = write!(got, " (not played: {why})");
    }
    let wrong: Vec<&str> = row.verdict.wrong.iter().map(|w| w.word()).collect();
    let seconds = row.verdict.seconds.map(|s| format!("{s:.1}")).unwrap_or_default();
    let cell = |text: &str| text.replace('|', "/").replace('\n', " ");
    let (expected, got, wrong) = (cell(&expected), cell(&got), cell(&wrong.join(", ")));
    let again = if row.first.is_some() { ", once more by itself" } else { "" };
    format!("| {}{again} | {expected} | {got} | {wrong} | {seconds} |\n", row.case.name)
}

fn share(part: usize, whole: usize) -> String {
    format!("{part} of {whole} ({})", percent(part, whole))
}

#[allow(clippy::cast_precision_loss)] // some hundred cases at most
fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "none".to_owned() } else { format!("{:.0} %", part as f64 * 100.0 / whole as f64) }
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> String {
    if whole == 0 { "none".to_owned() } else { format!("{:.2}", part as f64 / whole as f64) }
}

/// The value that so many percent of the sorted times do not exceed.
fn at(times: &[f64], percent: usize) -> String {
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).map_or_else(|| "none".to_owned(), |s| format!("{s:.1} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = [1.0, 2.0, 3.0, 4.0, 10.0];
        assert_eq!(
            (at(&times, 50), at(&times, 90), at(&[], 50)),
            ("3.0 s".into(), "10.0 s".into(), "none".into())
        );
        assert_eq!((at(&[5.0], 50), at(&[5.0], 90)), ("5.0 s".into(), "5.0 s".into()));
    }

    #[test]
    fn a_share_of_nothing_is_no_share() {
        assert_eq!((share(0, 0), share(1, 3)), ("0 of 0 (none)".into(), "1 of 3 (33 %)".into()));
        assert_eq!((ratio(3, 2), ratio(0, 0)), ("1.50".into(), "none".into()));
    }
}
