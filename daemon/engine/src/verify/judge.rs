//! What all looks together mean.

use super::{Applied, Measurement, Outcome, Seconds, Stage, Timestamp, VerificationSpec};
use nightshift_model::measure::Value as Said;
use nightshift_model::{Finding, Plan, Reading};

/// How verification stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A verdict.
    Judged(Outcome),
    /// Take a look now.
    Look,
    /// Look again then.
    Wait(Timestamp),
}

/// Judges the looks so far. `measured` is the baseline first, then every look since the write, oldest first.
pub fn progress(
    spec: &VerificationSpec,
    applied: &Applied,
    measured: &[Measurement],
    now: Timestamp,
) -> Progress {
    let after: Vec<&Measurement> = measured.iter().filter(|m| m.stage == Stage::After).collect();
    let Some(last) = after.last() else { return Progress::Look };
    if let Some(by) = reverted(last) {
        let why = format!("the write was undone by {by}");
        return Progress::Judged(Outcome::Failed { why, reverted_by: Some(by) });
    }
    let holding = held_since(&after);
    if let Some(since) = holding {
        let long_enough =
            last.at.since(since) >= spec.soak && looks_since(&after, since) >= spec.samples.max(1);
        if long_enough {
            return Progress::Judged(proven(spec, measured));
        }
    }
    let patience = applied.at + spec.deadline + if holding.is_some() { spec.soak } else { Seconds(0) };
    if last.at >= patience {
        return Progress::Judged(given_up(last));
    }
    let due = last.at + spec.every;
    if now >= due { Progress::Look } else { Progress::Wait(due) }
}

/// Nothing was red before what a person asked for, so that everything is quiet afterwards is part of its proof: what
/// nightshift sees to be wrong with the workload when the soak is over is a failure, whatever the measures say.
pub fn while_quiet(outcome: Outcome, plan: &Plan, findings: &[Finding]) -> Outcome {
    match (outcome, findings.first()) {
        (Outcome::Successful, Some(found)) if plan.wish.is_some() => Outcome::Failed {
            why: format!("the measures held, but nightshift sees {} on {}", found.reason, found.object),
            reverted_by: None,
        },
        (outcome, _) => outcome,
    }
}

fn reverted(look: &Measurement) -> Option<String> {
    look.readings.iter().find_map(|r| match &r.value {
        Said::Reverted(by) => Some(by.clone()),
        Said::Holds(_) | Said::Fails(_) | Said::NoData { .. } => None,
    })
}

fn holds(look: &Measurement) -> bool {
    !look.readings.is_empty() && look.readings.iter().all(|r| matches!(r.value, Said::Holds(_)))
}

/// Since when every look has held without a break.
fn held_since(after: &[&Measurement]) -> Option<Timestamp> {
    after.iter().rev().take_while(|m| holds(m)).last().map(|m| m.at)
}

fn looks_since(after: &[&Measurement], since: Timestamp) -> u32 {
    u32::try_from(after.iter().filter(|m| m.at >= since).count()).unwrap_or(u32::MAX)
}

/// Green for the soak is a success only if something was red before the write.
fn proven(spec: &VerificationSpec, measured: &[Measurement]) -> Outcome {
    let Some(before) = measured.iter().rfind(|m| m.stage == Stage::Before) else {
        return Outcome::Inconclusive { why: "nothing was measured before the write".to_owned() };
    };
    let red_first = |r: &&Reading| spec.measures.iter().any(|m| m.red_first && m.name == r.name);
    let was_red = before.readings.iter().filter(red_first).any(|r| matches!(r.value, Said::Fails(_)));
    if was_red {
        Outcome::Successful
    } else {
        Outcome::Inconclusive {
            why: "no measure was failing before the write, so nothing shows that it helped".to_owned(),
        }
    }
}

/// At the end of patience: what failed, or what could not be measured.
fn given_up(last: &Measurement) -> Outcome {
    let failing: Vec<String> = last
        .readings
        .iter()
        .filter_map(|r| match &r.value {
            Said::Fails(value) => Some(format!("{}: {value}", r.name)),
            Said::Holds(_) | Said::Reverted(_) | Said::NoData { .. } => None,
        })
        .collect();
    if !failing.is_empty() {
        return Outcome::Failed { why: failing.join("; "), reverted_by: None };
    }
    let missing: Vec<String> = last
        .readings
        .iter()
        .filter_map(|r| match &r.value {
            Said::NoData { detail, .. } => Some(format!("{}: {detail}", r.name)),
            Said::Holds(_) | Said::Fails(_) | Said::Reverted(_) => None,
        })
        .collect();
    if missing.is_empty() {
        Outcome::Inconclusive { why: "it did not hold long enough".to_owned() }
    } else {
        Outcome::Inconclusive { why: missing.join("; ") }
    }
}
