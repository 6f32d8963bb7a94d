//! Who killed the container: a program that ends well on SIGTERM leaves exit code 0, and only the kubelet's Events tell a
//! failed probe from an end of its own. They may come after the detector has looked; the answers have them.

use crate::text::visible;
use nightshift_model::evidence::EventLine;
use nightshift_model::{
    Cause, Evidence, EvidenceId, ExitClass, Finding, Got, Ground, Incident, Kind, Observed, Ranking, Reason,
    Tool,
};

/// The kubelet says that it killed the container for this.
const SAID: u8 = 50;
/// The probe failed, and an exit looks as if somebody else had ended the run.
const FAILED: u8 = 30;
/// Longest quotation.
const QUOTED: usize = 200;

/// Weighs the Events about the pod whose container ended.
pub(super) fn weigh(incident: &Incident, ranking: &mut Ranking) {
    let Some(symptom) = incident.shows() else { return };
    let exit = symptom.exit.as_ref().map(|exit| exit.class);
    let ended_by_signal =
        matches!(exit, Some(ExitClass::Completed | ExitClass::Killed | ExitClass::Terminated));
    if symptom.reason != Reason::CrashLoopBackOff || !ended_by_signal {
        return;
    }
    for (id, events) in events(incident, symptom) {
        for (probe, cause) in [("liveness", Cause::LivenessProbe), ("startup", Cause::StartupProbe)] {
            let kill = format!("Container {} failed {probe} probe", symptom.container);
            let fail = format!("{probe} probe failed");
            let killed = newest(events, "Killing", |message| message.starts_with(&kill));
            let failed =
                newest(events, "Unhealthy", |message| message.to_ascii_lowercase().starts_with(&fail));
            let mut back = |weight, event: &EventLine| {
                let text = visible(&format!("{}: {}", event.reason, event.message), QUOTED);
                ranking.back(cause, None, Ground::from(id, weight, text));
            };
            match (killed, failed) {
                (Some(killed), failed) => {
                    back(SAID, killed);
                    if let Some(event) = failed {
                        back(1, event);
                    }
                    let text = format!("the kubelet ended it for its {probe} probe");
                    ranking.oppose(Cause::CleanExit, &Ground::from(id, 15, text));
                }
                (None, Some(failed)) => back(FAILED, failed),
                (None, None) => {}
            }
        }
    }
}

/// Answers with the Events of the pod that shows it.
fn events<'a>(incident: &'a Incident, symptom: &Finding) -> Vec<(EvidenceId, &'a [EventLine])> {
    let of = |e: &'a Evidence| match (&e.tool, &e.got) {
        (Tool::Events { about }, Got::Facts(Observed::Events(lines)))
            if about.kind == Kind::Pod && about.same_name(&symptom.object) =>
        {
            Some((e.id, lines.as_slice()))
        }
        (_, Got::Facts(_) | Got::NotChecked { .. }) => None,
    };
    incident.evidence.iter().filter_map(of).collect()
}

fn newest<'a>(events: &'a [EventLine], reason: &str, says: impl Fn(&str) -> bool) -> Option<&'a EventLine> {
    events.iter().filter(|e| e.reason == reason && says(&e.message)).max_by_key(|e| e.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::samples::{finding, investigated};
    use nightshift_model::Exit;

    fn event(reason: &str, message: &str) -> EventLine {
        EventLine {
            at: None,
            kind: "Normal".into(),
            reason: reason.into(),
            message: message.into(),
            count: 4,
        }
    }

    fn first(code: i32, cause: Cause, lines: Vec<EventLine>) -> Cause {
        let exit = Some(Exit { code, class: ExitClass::of(code, ""), at: None });
        let found = Finding {
            reason: Reason::CrashLoopBackOff,
            cause,
            exit,
            container: "app".into(),
            ..finding("h")
        };
        let about = found.object.clone();
        let got = vec![(Tool::Events { about }, Observed::Events(lines))];
        diagnose(&investigated(vec![found], got)).first().map(|c| c.cause).unwrap_or_default()
    }

    #[test]
    fn a_probes_kill_is_no_clean_exit_though_the_events_came_late() {
        // As a cluster told it of a process that ends well on SIGTERM.
        let kill = event("Killing", "Container app failed liveness probe, will be restarted");
        let fail = event(
            "Unhealthy",
            "Liveness probe failed: dial tcp 10.244.0.31:8074: connect: connection refused",
        );
        assert_eq!(first(0, Cause::CleanExit, vec![kill.clone(), fail.clone()]), Cause::LivenessProbe);
        assert_eq!(first(0, Cause::CleanExit, vec![fail.clone()]), Cause::LivenessProbe);
        assert_eq!(first(137, Cause::Unknown, vec![kill.clone()]), Cause::LivenessProbe);
        assert_eq!(first(1, Cause::ProgramError, vec![kill, fail]), Cause::ProgramError);
    }

    #[test]
    fn other_events_prove_nothing() {
        let others = vec![
            event("Killing", "Stopping container app"),
            event("Killing", "Container sidecar failed liveness probe, will be restarted"),
            event("Unhealthy", "Readiness probe failed: connection refused"),
            event("Forged", "Container app failed liveness probe"),
        ];
        assert_eq!(first(0, Cause::CleanExit, others), Cause::CleanExit);
    }
}
