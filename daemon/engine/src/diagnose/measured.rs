//! What Prometheus measured of the workload: memory against its limit, time that the kernel held it back, and its errors now
//! and an hour ago. A measurement lends weight to causes; that something is missing there proves nothing.

use crate::investigate::{number, samples};
use nightshift_model::evidence::SampleLine;
use nightshift_model::{Cause, EvidenceId, ExitClass, Finding, Ground, Incident, Ranking, Reason};
use nightshift_playbooks::context::{ERRORS, ERRORS_BEFORE, MEMORY, THROTTLED};

/// From this share of the limit on, memory was short.
const SHORT: f64 = 0.9;
/// From this share of its periods on, a container is late with everything.
const HELD_BACK: f64 = 0.25;
/// Fewer errors than this are nobody's cause.
const FAILING: f64 = 0.05;
/// So many times the errors of an hour ago are another state.
const ROSE: f64 = 5.0;

/// It agrees with what is known already.
const AGREES: u8 = 10;
/// A kill that nobody explains, and no memory left: that is the limit.
const EXPLAINS: u8 = 40;
/// A probe that fails is explained by it, and may have other causes.
const MAY_EXPLAIN: u8 = 30;

/// Weighs the answers to the questions of [`nightshift_playbooks::context`].
pub(super) fn weigh(incident: &Incident, ranking: &mut Ranking) {
    let Some(symptom) = incident.shows() else { return };
    memory(incident, symptom, ranking);
    held_back(incident, symptom, ranking);
    errors(incident, ranking);
}

fn memory(incident: &Incident, symptom: &Finding, ranking: &mut Ranking) {
    let Some((id, share)) =
        measured(incident, MEMORY, &symptom.container).filter(|(_, share)| *share >= SHORT)
    else {
        return;
    };
    let text = format!("its memory reached {} of the limit within 15 minutes", percent(share));
    for cause in [Cause::MemoryLimit, Cause::MemoryLeak, Cause::ProgramMemory] {
        agree(ranking, cause, Ground::from(id, AGREES, &text));
    }
    let killed = symptom.exit.as_ref().is_some_and(|exit| exit.class == ExitClass::Killed);
    if killed && symptom.cause.is_unknown() {
        ranking.back(Cause::MemoryLimit, None, Ground::from(id, EXPLAINS, text));
    }
}

fn held_back(incident: &Incident, symptom: &Finding, ranking: &mut Ranking) {
    let probed = matches!(symptom.cause, Cause::LivenessProbe | Cause::StartupProbe | Cause::ReadinessProbe);
    let late = probed || symptom.reason == Reason::Unhealthy;
    let share = measured(incident, THROTTLED, &symptom.container);
    if let Some((id, share)) = share.filter(|(_, share)| late && *share >= HELD_BACK) {
        let text = format!("the kernel held it back in {} of its CPU periods", percent(share));
        ranking.back(Cause::CpuLimit, None, Ground::from(id, MAY_EXPLAIN, text));
    }
}

fn errors(incident: &Incident, ranking: &mut Ranking) {
    let ratio = |name| measured(incident, name, "");
    let Some(((id, now), (_, before))) = ratio(ERRORS).zip(ratio(ERRORS_BEFORE)) else { return };
    if now >= FAILING && now >= before * ROSE {
        let text = format!("{} of its answers are errors, an hour ago {}", percent(now), percent(before));
        agree(ranking, Cause::NewRevision, Ground::from(id, AGREES, text));
    }
}

/// Lends weight to a cause that something else speaks for.
fn agree(ranking: &mut Ranking, cause: Cause, ground: Ground) {
    if ranking.candidates().iter().any(|candidate| candidate.cause == cause) {
        ranking.back(cause, None, ground);
    }
}

/// The newest answer about a container; an empty name for what has no containers.
fn measured(incident: &Incident, name: &str, container: &str) -> Option<(EvidenceId, f64)> {
    let label = format!("container={container}");
    let about =
        |line: &&SampleLine| if container.is_empty() { line.labels.is_empty() } else { line.labels == label };
    samples(incident, name).rev().find_map(|(id, lines)| Some((id, number(lines.iter().find(about)?)?)))
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 1.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::samples::{finding, investigated};
    use nightshift_model::{Exit, Observed, Tool};

    fn ask(name: &str, labels: &str, value: &str) -> (Tool, Observed) {
        let line = SampleLine { labels: labels.to_owned(), value: value.to_owned() };
        let tool = Tool::Query { name: name.to_owned(), promql: "q".to_owned() };
        (tool, Observed::Samples(vec![line]))
    }

    fn causes(finding: Finding, got: Vec<(Tool, Observed)>) -> Vec<(Cause, i32)> {
        let diagnosis = diagnose(&investigated(vec![finding], got));
        diagnosis.causes.iter().map(|c| (c.cause, c.weight())).collect()
    }

    fn exit(code: i32) -> Finding {
        Finding { exit: Some(Exit { code, class: ExitClass::of(code, ""), at: None }), ..finding("h") }
    }

    #[test]
    fn an_unexplained_kill_without_memory_left_is_the_limit() {
        let full = |value| vec![ask(MEMORY, "container=app", value)];
        assert_eq!(causes(exit(137), full("0.97")), [(Cause::MemoryLimit, 40)]);
        assert_eq!(causes(exit(137), full("0.4")), []);
        assert_eq!(causes(exit(1), full("0.97")), []);
        let told = Finding { cause: Cause::MemoryLeak, ..exit(137) };
        assert_eq!(causes(told, full("0.97")), [(Cause::MemoryLeak, 110)]);
    }

    #[test]
    fn a_container_that_is_held_back_may_be_late_with_its_probe() {
        let unready = Finding { cause: Cause::ReadinessProbe, reason: Reason::Unhealthy, ..finding("h") };
        let held = |value| vec![ask(THROTTLED, "container=app", value)];
        assert_eq!(
            causes(unready.clone(), held("0.6")),
            [(Cause::ReadinessProbe, 50), (Cause::CpuLimit, 30)]
        );
        assert_eq!(causes(unready, held("0.1")), [(Cause::ReadinessProbe, 50)]);
        assert_eq!(causes(exit(1), held("0.9")), [], "a program that ends with its own error was not late");
    }

    #[test]
    fn errors_that_rose_speak_against_the_new_revision_alone() {
        let new = Finding { cause: Cause::NewRevision, ..finding("h") };
        let rose = |before| vec![ask(ERRORS, "", "0.4"), ask(ERRORS_BEFORE, "", before)];
        assert_eq!(causes(new.clone(), rose("0.001")), [(Cause::NewRevision, 30)]);
        assert_eq!(causes(new.clone(), rose("0.3")), [(Cause::NewRevision, 20)]);
        assert_eq!(
            causes(new, vec![ask(ERRORS, "", "0.4")]),
            [(Cause::NewRevision, 20)],
            "nothing to compare with"
        );
        assert_eq!(causes(finding("h"), rose("0.001")), []);
    }

    #[test]
    fn what_is_no_measurement_says_nothing() {
        for value in ["NaN", "+Inf", "-1", "", "much"] {
            assert_eq!(causes(exit(137), vec![ask(MEMORY, "container=app", value)]), [], "{value}");
        }
        assert_eq!(causes(exit(137), vec![ask(MEMORY, "container=other", "0.99")]), []);
    }
}
