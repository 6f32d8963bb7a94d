//! Evidence as a person reads it: the source, when, and what it said or why it could not be asked.

use super::render::clock;
use nightshift_model::evidence::{
    ContainerLine, Disruption, EventLine, GitSource, NodeFacts, PodLine, RevisionLine, Rollouts,
    ServiceFacts, WorkloadFacts,
};
use nightshift_model::{Evidence, Got, Incident, Observed, Timestamp};

/// One piece of evidence.
#[derive(Clone, Debug, Default)]
pub(super) struct EvidenceView {
    pub(super) id: String,
    pub(super) title: &'static str,
    pub(super) source: String,
    pub(super) at: String,
    /// The first thing to know, in one line.
    pub(super) gist: String,
    pub(super) lines: Vec<String>,
    /// A log's lines, in the order in which they were written.
    pub(super) log: Vec<String>,
    pub(super) note: String,
    /// Why it was not checked; empty when it was.
    pub(super) not_checked: String,
}

/// One view a piece, in the order of asking.
pub(super) fn views(evidence: &[Evidence], now: Timestamp, zone: &jiff::tz::TimeZone) -> Vec<EvidenceView> {
    let mut views: Vec<EvidenceView> = evidence.iter().map(|piece| view(piece, now, zone)).collect();
    views.sort_by_key(|view| !view.not_checked.is_empty());
    views
}

/// What was not checked and has no piece of evidence that says so.
pub(super) fn gaps(incident: &Incident) -> Vec<String> {
    let said = |what: &str| incident.evidence.iter().any(|piece| piece.source == what);
    incident.gaps().filter(|gap| !said(&gap.what)).map(ToString::to_string).collect()
}

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn view(piece: &Evidence, now: Timestamp, zone: &jiff::tz::TimeZone) -> EvidenceView {
    let mut view = EvidenceView {
        id: piece.id.to_string(),
        title: title(piece),
        source: piece.source.clone(),
        at: clock(piece.at, now, zone),
        ..EvidenceView::default()
    };
    match &piece.got {
        Got::NotChecked { why, detail } => {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
            view.not_checked = format!("not checked, because {}{detail}", why.clause());
        }
        Got::Facts(facts) => tell(&mut view, facts, now, zone),
    }
    view
}

fn title(piece: &Evidence) -> &'static str {
    match piece.tool.name() {
        "workload" => "The workload",
        "pods" => "Its pods",
        "previous-log" => "Last words of the container",
        "log" => "Log of the container",
        "service" => "What it needs",
        "events" => "Events",
        "rollouts" => "Revisions and what changed",
        "node" => "The node",
        "job" => "The Job",
        "disruption" => "Autoscalers and disruption budgets",
        "gitops" => "Who owns it in Git",
        "changes" => "What changed around it",
        "healthy" => "Revisions seen healthy",
        "query" => "Prometheus",
        _ => "Evidence",
    }
}

fn tell(view: &mut EvidenceView, facts: &Observed, now: Timestamp, zone: &jiff::tz::TimeZone) {
    match facts {
        Observed::Workload(facts) => workload(view, facts),
        Observed::Pods(pods) => {
            let ready = pods.iter().filter(|pod| pod.ready).count();
            view.gist = format!("{ready} of {} pods ready", pods.len());
            view.lines = pods.iter().flat_map(pod).collect();
        }
        Observed::Log(log) => {
            view.gist = log.lines.last().cloned().unwrap_or_else(|| "the log is empty".to_owned());
            view.log.clone_from(&log.lines);
            let redacted =
                (log.redacted > 0).then(|| count(log.redacted, "place redacted", "places redacted"));
            view.note = [log.cut.clone(), redacted].into_iter().flatten().collect::<Vec<_>>().join("; ");
        }
        Observed::Service(facts) => {
            let none = || "there is no such Service".to_owned();
            view.gist = facts.as_ref().map_or_else(none, ServiceFacts::sentence);
        }
        Observed::Events(events) => {
            let warnings = events.iter().filter(|e| e.kind == "Warning").count();
            let events_seen = u32::try_from(events.len()).unwrap_or(u32::MAX);
            view.gist = format!("{}, {warnings} of them a warning", count(events_seen, "event", "events"));
            view.lines = events.iter().map(|e| event(e, now, zone)).collect();
        }
        Observed::Rollouts(rollouts) => revisions(view, rollouts, now, zone),
        Observed::Node(facts) => node(view, facts),
        Observed::Job(facts) => {
            view.gist = facts.sentence();
            view.lines = facts.lines();
        }
        Observed::Disruption(facts) => disruption(view, facts),
        Observed::Memory(facts) => {
            view.gist = facts.sentence();
            view.lines = facts.bounds();
        }
        Observed::GitOps(source) => gitops(view, source),
        Observed::Changes(changes) => {
            let lines = u32::try_from(changes.lines.len()).unwrap_or(u32::MAX);
            view.gist = match lines {
                0 => "none seen".to_owned(),
                lines => count(lines, "change", "changes"),
            };
            view.lines = changes
                .lines
                .iter()
                .map(|l| {
                    let by = l.by.as_ref().map_or_else(String::new, |by| format!(", by {by}"));
                    format!("{} {} {}{by}", clock(l.at, now, zone), l.object, l.what)
                })
                .collect();
            view.lines.extend(changes.unread.iter().map(|what| format!("not seen: {what}")));
        }
        Observed::Healthy(seen) => {
            view.gist = seen.first().map_or_else(
                || "none recorded".to_owned(),
                |r| format!("revision {} was healthy at {}", r.named(), clock(r.at, now, zone)),
            );
            view.lines = seen
                .iter()
                .map(|r| {
                    let (since, at) = (clock(r.since, now, zone), clock(r.at, now, zone));
                    format!(
                        "revision {} ({}): healthy since {since}, recorded {at}",
                        r.named(),
                        r.template_hash
                    )
                })
                .collect();
        }
        Observed::Samples(samples) => {
            view.gist = match samples.as_slice() {
                [] => "no series".to_owned(),
                [one] => one.value.clone(),
                more => format!("{} series", more.len()),
            };
            view.lines = samples.iter().map(|s| format!("{} = {}", s.labels, s.value)).collect();
        }
    }
}

fn workload(view: &mut EvidenceView, facts: &WorkloadFacts) {
    view.gist = format!("{} of {} replicas available", facts.available, facts.replicas);
    view.lines.push(format!(
        "revision {}, {} updated, strategy {}{}",
        facts.revision,
        facts.updated,
        facts.strategy,
        if facts.paused { ", paused" } else { "" }
    ));
    view.lines.extend(facts.conditions.iter().cloned());
    let owner = |what: &str, who: &Option<String>| who.as_ref().map(|who| format!("{what} {who}"));
    view.lines.extend(facts.gitops.as_ref().map(|owner| format!("owned by {owner}")));
    view.lines.extend(owner("Helm release", &facts.helm));
    view.lines.extend(owner("controlled by", &facts.operator));
    view.lines.extend(owner("rollback floor: revision", &facts.rollback_floor));
    view.lines.extend(owner("change cause:", &facts.change_cause));
    view.lines.extend(facts.depends_on.iter().map(|needs| format!("depends on {needs}")));
    view.lines.extend(facts.written_by.as_ref().map(|w| format!("template last written by {}", w.manager)));
}

fn pod(line: &PodLine) -> Vec<String> {
    let head = format!(
        "{}: {}{}{}",
        line.pod.name,
        line.phase,
        if line.ready { ", ready" } else { ", not ready" },
        if line.node.is_empty() { String::new() } else { format!(", on {}", line.node) }
    );
    std::iter::once(head).chain(line.containers.iter().map(container)).collect()
}

fn container(line: &ContainerLine) -> String {
    let exit = line.last_exit.map(|code| format!(", last exit code {code} {}", line.last_reason));
    let kind = if line.init { "init container" } else { "container" };
    format!(
        "  {kind} {}: {}, {} restarts{}, image {}",
        line.name,
        line.state,
        line.restarts,
        exit.unwrap_or_default().trim_end(),
        line.image
    )
}

fn event(line: &EventLine, now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let at = line.at.map(|at| format!("{} ", clock(at, now, zone))).unwrap_or_default();
    let times = if line.count > 1 { format!(" ({} times)", line.count) } else { String::new() };
    format!("{at}{} {}: {}{times}", line.kind, line.reason, line.message)
}

fn revisions(view: &mut EvidenceView, rollouts: &Rollouts, now: Timestamp, zone: &jiff::tz::TimeZone) {
    view.gist = match rollouts.revisions.as_slice() {
        [] => "no revision found".to_owned(),
        [only] => format!("only revision {}", only.number),
        [newest, ..] => format!("current revision {}, {} in all", newest.number, rollouts.revisions.len()),
    };
    view.lines = rollouts.revisions.iter().map(|r| revision(r, now, zone)).collect();
    for change in &rollouts.changes {
        let fields = change.changes.iter().map(|c| format!("  {}: {} -> {}", c.path, c.before, c.after));
        view.lines.push(format!("back to revision {} would change:", change.number));
        view.lines.extend(fields);
    }
}

fn revision(line: &RevisionLine, now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let created = line.created.map(|at| format!(", created {}", clock(at, now, zone))).unwrap_or_default();
    let hints = line.migration_hints.iter().map(|hint| format!(", migration hint: {hint}"));
    format!(
        "revision {}: {} of {} ready, {}{created}{}",
        line.number,
        line.ready,
        line.replicas,
        line.images.join(", "),
        hints.collect::<String>()
    )
}

fn node(view: &mut EvidenceView, facts: &NodeFacts) {
    let ready = if facts.ready { "Ready" } else { "not Ready" };
    view.gist = format!("{} is {ready}{}", facts.name, if facts.cordoned { ", cordoned" } else { "" });
    view.lines.clone_from(&facts.problems);
}

fn disruption(view: &mut EvidenceView, facts: &Disruption) {
    let count = facts.autoscalers.len() + facts.budgets.len();
    view.gist = if count == 0 { "none".to_owned() } else { format!("{count} found") };
    view.lines = facts.autoscalers.iter().map(|a| format!("autoscaler {a}")).collect();
    view.lines.extend(facts.budgets.iter().map(|b| format!("budget {b}")));
}

fn gitops(view: &mut EvidenceView, source: &GitSource) {
    let reverts = if source.reverts { "reverts live edits" } else { "does not revert live edits" };
    view.gist = format!("{} {reverts}", source.owner);
    view.lines = vec![format!("{} at {}, path {}", source.repository, source.revision, source.path)];
}
