//! Evidence in lines: where it comes from, what it said, or why it was not checked.

use super::output::{Screen, cut, wrapped};
use nightshift_engine::text::visible;
use nightshift_model::evidence::{ChangeLine, PodLine, Rollouts, WorkloadFacts};
use nightshift_model::{Evidence, FieldChange, Got, Observed};
use std::fmt::Write as _;

/// Lines of one answer; `-o json` has all of them.
const SHOWN: usize = 12;

/// What was answered, each with its source.
pub(super) fn answered(screen: &Screen, evidence: &[Evidence]) -> String {
    let mut out = String::new();
    for piece in evidence {
        let Got::Facts(facts) = &piece.got else { continue };
        let head = format!("{} {} · {}", piece.id, visible(&piece.source, 200), screen.clock(piece.at));
        let _ = writeln!(out, "  {}", cut(&head, screen.width.saturating_sub(2)));
        let lines = lines(screen, facts);
        for line in lines.iter().take(SHOWN) {
            out.push_str(&wrapped(screen, 5, line));
        }
        if lines.len() > SHOWN {
            let _ = writeln!(out, "     and {} more lines (-o json)", lines.len() - SHOWN);
        }
    }
    out
}

/// What was asked and not answered.
pub(super) fn not_checked(screen: &Screen, evidence: &[Evidence]) -> String {
    let mut out = String::new();
    for piece in evidence {
        let Got::NotChecked { why, detail } = &piece.got else { continue };
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        let line = format!("{} {}: not checked, because {}{detail}", piece.id, piece.source, why.clause());
        out.push_str(&wrapped(screen, 2, &line));
    }
    out
}

/// A difference, field by field.
pub(super) fn difference(changes: &[FieldChange]) -> String {
    let mut out = String::new();
    for change in changes {
        let (path, before, after) = (&change.path, change.before.to_string(), change.after.to_string());
        let _ = writeln!(
            out,
            "  {}\n    - {}\n    + {}",
            visible(path, 400),
            visible(&before, 2_000),
            visible(&after, 2_000)
        );
    }
    out
}

fn lines(screen: &Screen, facts: &Observed) -> Vec<String> {
    match facts {
        Observed::Workload(facts) => workload(facts),
        Observed::Pods(pods) => pods.iter().flat_map(pod).collect(),
        Observed::Log(log) => {
            let last = log.lines.len().saturating_sub(SHOWN - 1);
            let mut lines: Vec<String> =
                log.lines.iter().skip(last).map(|line| format!("| {line}")).collect();
            lines.extend(log.cut.clone());
            lines
        }
        Observed::Service(None) => vec!["there is no such Service".to_owned()],
        Observed::Service(Some(facts)) => vec![facts.sentence()],
        Observed::Events(events) => events
            .iter()
            .map(|e| {
                let at = e.at.map(|at| format!("{} ", screen.clock(at))).unwrap_or_default();
                let times = if e.count > 1 { format!(" ({} times)", e.count) } else { String::new() };
                format!("{at}{} {}: {}{times}", e.kind, e.reason, e.message)
            })
            .collect(),
        Observed::Rollouts(rollouts) => revisions(screen, rollouts),
        Observed::Node(node) => {
            let ready = if node.ready { "Ready" } else { "not Ready" };
            let mut lines =
                vec![format!("{} is {ready}{}", node.name, if node.cordoned { ", cordoned" } else { "" })];
            lines.extend(node.problems.iter().cloned());
            lines
        }
        Observed::Job(facts) => std::iter::once(facts.sentence()).chain(facts.lines()).collect(),
        Observed::Disruption(d) if d.autoscalers.is_empty() && d.budgets.is_empty() => {
            vec!["no autoscaler, no disruption budget".to_owned()]
        }
        Observed::Disruption(d) => {
            let scalers = d.autoscalers.iter().map(|a| format!("autoscaler {a}"));
            scalers.chain(d.budgets.iter().map(|b| format!("budget {b}"))).collect()
        }
        Observed::Memory(facts) => std::iter::once(facts.sentence()).chain(facts.bounds()).collect(),
        Observed::GitOps(git) => {
            let reverts = if git.reverts { "reverts live edits" } else { "does not revert live edits" };
            vec![
                format!("{} {reverts}", git.owner),
                format!("repository {}, path {}, revision {}", git.repository, git.path, git.revision),
            ]
        }
        Observed::Changes(c) if c.lines.is_empty() && c.unread.is_empty() => {
            vec!["nothing changed".to_owned()]
        }
        Observed::Changes(c) => {
            let line = |l: &ChangeLine| {
                let by = l.by.as_ref().map_or_else(String::new, |by| format!(", by {by}"));
                format!("{} {} {}{by}", screen.clock(l.at), l.object, l.what)
            };
            let unread = c.unread.iter().map(|what| format!("not seen: {what}"));
            c.lines.iter().map(line).chain(unread).collect()
        }
        Observed::Healthy(seen) if seen.is_empty() => vec!["no revision was seen healthy".to_owned()],
        Observed::Healthy(seen) => seen
            .iter()
            .map(|r| {
                format!(
                    "revision {} was healthy from {} to {}",
                    r.named(),
                    screen.clock(r.since),
                    screen.clock(r.at)
                )
            })
            .collect(),
        Observed::Samples(samples) if samples.is_empty() => vec!["no data".to_owned()],
        Observed::Samples(samples) => samples.iter().map(|s| format!("{} = {}", s.labels, s.value)).collect(),
    }
}

fn workload(facts: &WorkloadFacts) -> Vec<String> {
    let paused = if facts.paused { ", paused" } else { "" };
    let mut lines = vec![format!(
        "revision {}, {} of {} replicas available, {} updated, strategy {}{paused}",
        facts.revision, facts.available, facts.replicas, facts.updated, facts.strategy
    )];
    lines.extend(facts.gitops.as_ref().map(|owner| format!("owned by {owner}")));
    lines.extend(facts.helm.as_ref().map(|release| format!("Helm release {release}")));
    lines.extend(facts.operator.as_ref().map(|operator| format!("controlled by {operator}")));
    lines.extend(facts.depends_on.iter().map(|needs| format!("depends on {needs}")));
    lines.extend(facts.written_by.as_ref().map(|w| format!("template last written by {}", w.manager)));
    lines
}

fn pod(pod: &PodLine) -> Vec<String> {
    let ready = if pod.ready { "ready" } else { "not ready" };
    let mut lines = vec![format!("{}: {}, {ready}", pod.pod.name, pod.phase)];
    lines.extend(pod.containers.iter().map(|c| {
        let exit =
            c.last_exit.map(|code| format!(", last exit {code} {}", c.last_reason)).unwrap_or_default();
        format!("container {}: {}, {} restarts{}, {}", c.name, c.state, c.restarts, exit.trim_end(), c.image)
    }));
    lines
}

fn revisions(screen: &Screen, rollouts: &Rollouts) -> Vec<String> {
    let mut lines: Vec<String> = rollouts
        .revisions
        .iter()
        .map(|r| {
            let created = r.created.map(|at| format!(", created {}", screen.clock(at))).unwrap_or_default();
            format!(
                "revision {}: {} of {} ready, {}{created}",
                r.number,
                r.ready,
                r.replicas,
                r.images.join(", ")
            )
        })
        .collect();
    for change in &rollouts.changes {
        let fields = change.changes.iter().map(|c| format!("{}: {} -> {}", c.path, c.before, c.after));
        lines.extend(fields.map(|field| format!("back to revision {}: {field}", change.number)));
    }
    lines
}
