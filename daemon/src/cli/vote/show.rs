//! The change as this program reads it from the sealed bytes: nothing here was said by the gate.

use crate::cli::evidence;
use crate::cli::output::{Screen, section, wrapped};
use nightshift_engine::digest::words;
use nightshift_model::{Action, Proposal, Sealed};
use std::fmt::Write as _;

pub(in crate::cli) fn page(screen: &Screen, proposal: &Proposal) -> String {
    let plan = proposal.plan();
    let mut out = screen.style.title(&words::action(&plan.action));
    let _ = writeln!(out, "\n{} · cluster {} · {} risk", proposal.id(), plan.cluster.name, plan.risk);
    out.push_str(&wrapped(screen, 0, &format!("Void from {} on.", screen.time(plan.not_after))));
    section(screen, &mut out, "Why", &wrapped(screen, 2, &plan.cause));
    section(screen, &mut out, "What will change", &evidence::difference(&plan.shown));
    let request = format!("{} {}", plan.request.method, plan.request.path);
    let body = match &plan.request.body {
        Sealed::Bytes(bytes) => format!("with these bytes: {bytes}"),
        Sealed::Reference { source, value, .. } if matches!(plan.action, Action::Restart { .. }) => {
            format!(
                "with the annotation above, on the template of {source} whose SHA-256 without it is {value}; another one is refused"
            )
        }
        Sealed::Reference { source, value, .. } if matches!(plan.action, Action::ReRunJob { .. }) => {
            format!("with the copy of {source} whose SHA-256 is {value}; another one is refused")
        }
        Sealed::Reference { source, value, .. } => {
            format!("with the value of {source} whose SHA-256 is {value}; another one is refused")
        }
    };
    let blast = format!(
        "{} with {} wanted replicas, {} available",
        plan.action.target(),
        plan.blast.replicas,
        plan.blast.available
    );
    let lines: String = [request, body, blast].iter().map(|line| wrapped(screen, 2, line)).collect();
    section(screen, &mut out, "The one request", &lines);
    let hazards: String = plan.hazards.iter().map(|hazard| wrapped(screen, 2, hazard)).collect();
    section(screen, &mut out, "What could go wrong", &hazards);
    section(screen, &mut out, "How it is undone", &wrapped(screen, 2, &plan.inverse.sentence));
    out
}
