//! The page of one incident.

use super::before::{self, ChangedView};
use super::chart::ChartView;
use super::end::EndView;
use super::evidence::{self, EvidenceView};
use super::hold::HoldView;
use super::page::{reasons, sentence};
use super::render::{Frame, LiveView, clock};
use super::trend;
use crate::stages::query::Course;
use askama::Template;
use nightshift_engine::digest::words;
use nightshift_model::incident::PastProposal;
use nightshift_model::{
    Actor, Candidate, Closure, Ending, Ground, HistoryEvent, Incident, IncidentEvent, Operation,
    OperationState, Phase, Role, Sealed, Sent, Timestamp,
};

/// One proposal in a list.
pub(super) struct LineView {
    href: String,
    title: String,
    badge: &'static str,
    tone: &'static str,
    detail: String,
}

#[derive(Template)]
#[template(path = "incident.html")]
pub(super) struct IncidentPage {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) id: String,
    pub(super) badge: &'static str,
    pub(super) tone: &'static str,
    pub(super) state: Vec<String>,
    pub(super) wrong: &'static str,
    pub(super) hold: HoldView,
    pub(super) findings: Vec<String>,
    pub(super) alerts: Vec<String>,
    pub(super) more_alerts: u32,
    /// Scopes that show the same fault.
    pub(super) below: Vec<String>,
    pub(super) more_below: u32,
    pub(super) proposals: Vec<LineView>,
    pub(super) draft: Option<DraftView>,
    pub(super) end: Option<EndView>,
    pub(super) evidence: Vec<EvidenceView>,
    pub(super) coverage: Vec<String>,
    pub(super) cause: String,
    /// Causes, the likeliest first: the line, what speaks for it, what against.
    pub(super) causes: Vec<CauseView>,
    pub(super) changed: Option<ChangedView>,
    pub(super) results: Vec<String>,
    pub(super) charts: Vec<ChartView>,
    pub(super) moments: Vec<MomentView>,
}

/// One cause and its grounds.
pub(super) struct CauseView {
    line: String,
    backing: Vec<String>,
    against: Vec<String>,
}

impl CauseView {
    fn all(incident: &Incident) -> Vec<Self> {
        let grounds = |list: &[Ground]| list.iter().map(|g| words::visible(&g.to_string())).collect();
        let causes = incident.diagnosis.iter().flat_map(|d| &d.causes);
        let view = |c: &Candidate| Self {
            line: words::candidate(c),
            backing: grounds(&c.backing),
            against: grounds(&c.against),
        };
        causes.map(view).collect()
    }
}

/// What would have been proposed, in `mode: observe`.
pub(super) struct DraftView {
    title: String,
    cause: String,
    changes: Vec<(String, String, String)>,
}

/// One event of the history.
pub(super) struct MomentView {
    at: String,
    who: String,
    what: String,
}

/// Why nobody can tell whether the write took effect, if that is so.
pub(super) fn unknown(phase: &Phase) -> Option<&str> {
    match phase {
        Phase::Executing {
            operation: Operation { state: OperationState::Unknown { why, .. }, .. }, ..
        } => Some(why),
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Proposed { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => None,
    }
}

/// The word on a badge.
pub(super) fn badge(phase: &Phase) -> &'static str {
    if unknown(phase).is_some() { "Unknown" } else { phase.word() }
}

pub(super) fn tone(phase: &Phase) -> &'static str {
    match phase {
        Phase::Executing { .. } if unknown(phase).is_some() => "bad",
        Phase::Proposed { .. } => "wait",
        Phase::Investigating { .. }
        | Phase::Drafted { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. } => "run",
        Phase::Escalated { .. } => "bad",
        Phase::Closed { .. } => "good",
    }
}

/// What is wrong with what; what only an alert says is called one.
pub(super) fn titled(incident: &Incident) -> String {
    match (&incident.symptom, incident.alerts.names().first()) {
        (Some(found), _) => format!("{} on {}", found.reason, incident.scope),
        (None, Some(name)) => format!("Alert {name} on {}", incident.scope),
        (None, None) => match &incident.wish {
            Some(wish) => words::asked(wish),
            None => format!("Trouble on {}", incident.scope),
        },
    }
}

/// Why it is over, and what was left behind.
pub(super) fn closure(incident: &Incident, why: &Closure) -> String {
    let left = words::left_behind(incident);
    let all = std::iter::once(words::closure(why)).chain(left);
    all.map(|clause| format!("{}.", capital(&clause))).collect::<Vec<_>>().join(" ")
}

fn wrong(incident: &Incident) -> &'static str {
    let by_person = matches!(&incident.phase, Phase::Closed { why: Closure::ByPerson { .. } });
    if incident.findings.is_empty() || (incident.phase.ending() == Ending::Over && !by_person) {
        "What was wrong"
    } else if by_person {
        "What still stands"
    } else {
        "What is wrong"
    }
}

/// With a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The page of one incident.
pub(super) fn incident(
    frame: Frame,
    hold: HoldView,
    course: &Course,
    end: Option<EndView>,
    now: Timestamp,
    zone: &jiff::tz::TimeZone,
) -> IncidentPage {
    let i = &course.incident;
    let title = titled(i);
    let told_about = if i.findings.is_empty() { i.symptom.as_slice() } else { i.findings.as_slice() };
    let findings = told_about.iter().map(|f| {
        let container =
            if f.container.is_empty() { String::new() } else { format!(", container {}", f.container) };
        let exit = f.exit.as_ref().map(|e| format!(", exit code {}: {}", e.code, e.class.meaning()));
        let began = clock(f.since, now, zone);
        format!(
            "{} ({}) on {}{container}{}, since {began}",
            f.reason,
            f.severity,
            f.object,
            exit.unwrap_or_default()
        )
    });
    let mut state = match &i.phase {
        Phase::Escalated { why } => reasons(why),
        Phase::Closed { why } => vec![closure(i, why)],
        Phase::Investigating { .. } => vec!["Evidence is being gathered.".to_owned()],
        Phase::Drafted { .. } => vec!["This would have been proposed.".to_owned()],
        Phase::Proposed { .. } => vec!["A proposal waits for a person.".to_owned()],
        Phase::Executing {
            operation: Operation { state: OperationState::Unknown { why, .. }, .. }, ..
        } => vec![
            format!("Nobody can tell whether the write took effect: {why}."),
            "Look at the target, then end the incident below.".to_owned(),
        ],
        Phase::Granted { .. } | Phase::Executing { .. } | Phase::Verifying { .. } => {
            vec!["A proposal is being carried out.".to_owned()]
        }
    };
    state.extend(words::habits(i));
    if i.symptom.is_some() && i.base_rate.is_none() {
        state.push("No earlier case of it is known here, so nothing waits for it to heal alone.".to_owned());
    }
    IncidentPage {
        frame: Frame { title: title.clone(), live: LiveView::of(i, format!("/i/{}", i.id)), ..frame },
        title,
        id: i.id.to_string(),
        badge: badge(&i.phase),
        tone: tone(&i.phase),
        state,
        wrong: wrong(i),
        hold,
        findings: findings.collect(),
        below: i.below.shown.iter().map(words::listed).collect(),
        more_below: i.below.more(),
        alerts: i.alerts.shown.iter().map(|a| words::alert(a, |at| clock(at, now, zone))).collect(),
        more_alerts: i.alerts.total.saturating_sub(u32::try_from(i.alerts.shown.len()).unwrap_or(u32::MAX)),
        proposals: i
            .proposals
            .iter()
            .rev()
            .enumerate()
            .map(|(at, p)| past(i, p, at == 0, now, zone))
            .collect(),
        draft: draft(&i.phase),
        end,
        evidence: evidence::views(&i.evidence, now, zone),
        coverage: evidence::gaps(i),
        cause: before::cause(course),
        causes: CauseView::all(i),
        changed: before::changed(i, now, zone),
        results: before::results(course, now, zone),
        charts: trend::charts(course, zone),
        moments: moments(course, now, zone),
    }
}

/// A proposal of an incident: the newest stands where the incident stands.
fn past(i: &Incident, p: &PastProposal, newest: bool, now: Timestamp, zone: &jiff::tz::TimeZone) -> LineView {
    let (badge, tone) = match (&p.withdrawn, newest) {
        (Some(_), _) => ("Withdrawn", "over"),
        (None, true) => (badge(&i.phase), tone(&i.phase)),
        (None, false) => ("Closed", "over"),
    };
    let detail = format!("Sealed {}.", clock(p.at, now, zone));
    LineView { href: format!("/p/{}", p.id), title: p.action.to_string(), badge, tone, detail }
}

fn draft(phase: &Phase) -> Option<DraftView> {
    let Phase::Drafted { draft } = phase else { return None };
    let change =
        |c: &nightshift_model::FieldChange| (c.path.clone(), c.before.to_string(), c.after.to_string());
    Some(DraftView {
        title: sentence(&draft.action),
        cause: draft.cause.clone(),
        changes: draft.shown.iter().map(change).collect(),
    })
}

/// The course in lines; what repeats without a break is one line with its number.
fn moments(course: &Course, now: Timestamp, zone: &jiff::tz::TimeZone) -> Vec<MomentView> {
    let mut moments: Vec<(MomentView, u32)> = Vec::new();
    for row in &course.rows {
        let what = told(&row.event);
        let by_itself = row.actor == Actor::Nightshift(Role::Responder);
        let who = if by_itself { String::new() } else { row.actor.to_string() };
        match moments.last_mut() {
            Some((last, times)) if last.what == what && last.who == who => *times += 1,
            _ => moments.push((MomentView { at: clock(row.at, now, zone), who, what }, 1)),
        }
    }
    let counted = |(mut moment, times): (MomentView, u32)| {
        if times > 1 {
            moment.what = format!("{} ({times} times)", moment.what);
        }
        moment
    };
    moments.into_iter().map(counted).collect()
}

/// One event in a line.
#[expect(clippy::wildcard_enum_match_arm)] // the kind says enough of the others
pub(super) fn told(event: &HistoryEvent) -> String {
    let HistoryEvent::Incident(event) = event else { return event.kind().to_owned() };
    match event {
        IncidentEvent::EvidenceGot { evidence } => format!("evidence {}: {}", evidence.id, evidence.source),
        IncidentEvent::Diagnosed { diagnosis } => {
            format!("likeliest cause: {}", words::causes(diagnosis))
        }
        IncidentEvent::Sealed { proposal } => match &proposal.plan().request.body {
            Sealed::Bytes(_) | Sealed::Reference { .. } => {
                format!("sealed {}, digest {}", proposal.id(), proposal.digest().short())
            }
        },
        IncidentEvent::Wished { wish } => {
            format!("{}: {}", words::asked(wish), words::visible(&wish.because))
        }
        IncidentEvent::Silenced { .. } => "silenced: nobody is told for now".to_owned(),
        IncidentEvent::Acknowledged { person } => format!("{person} has it"),
        IncidentEvent::Voted { vote } => format!("{} voted {}", vote.person, vote.decision.as_str()),
        IncidentEvent::Granted { grant } => {
            let persons: Vec<&str> = grant.persons.iter().map(nightshift_model::PersonId::as_str).collect();
            format!("granted by {}", persons.join(", "))
        }
        IncidentEvent::Sent { sent } => match sent {
            Sent::Applied { .. } => "written".to_owned(),
            Sent::Refused { status, message, .. } => {
                format!("refused by the API server with {status}: {message}")
            }
            Sent::NotSent { why } => format!("not sent: {why}"),
            Sent::Unknown { why } => format!("no answer to the write: {why}"),
        },
        IncidentEvent::Judged { outcome } => format!("judged {} {}", outcome.word(), outcome.why()),
        IncidentEvent::Unchecked { gaps } => {
            format!(
                "could not see: {}",
                gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>().join(", ")
            )
        }
        IncidentEvent::Closed { why } => format!("closed: {}", words::closure(why)),
        IncidentEvent::Escalated { why } => format!("escalated: {}", reasons(why).join(" ")),
        other => other.kind().replace('-', " "),
    }
}
