//! What containers said before they ended, weighed: each class of last words, and the Service behind what could not be
//! reached.

use super::log::{self, Clue, Reading, Target, Trouble, service_of};
use crate::investigate::workload;
use crate::text::visible;
use nightshift_model::evidence::ServiceFacts;
use nightshift_model::{
    Cause, Evidence, EvidenceId, Got, Ground, Incident, Kind, ObjectRef, Observed, Ranking, Tool,
};

/// Longest quotation of a line.
const QUOTED: usize = 220;
/// What a stack trace adds to a program's own error.
const TRACED: u8 = 15;
/// Nobody answers for the Service that was named.
const NOBODY: u8 = 40;
/// The Service, or its port, is not there.
const ABSENT: u8 = 30;
/// The Service answers now: what was refused may have been over by then.
const ANSWERS: u8 = 10;
/// Services that are asked about.
const ASKED: usize = 3;

/// Weighs every log of the round, and the program's own word on its end.
pub(super) fn weigh(incident: &Incident, ranking: &mut Ranking) {
    for (id, reading) in readings(incident) {
        for clue in &reading.clues {
            clued(incident, ranking, id, clue);
        }
        if let Some(trace) = &reading.trace {
            let text = format!("the log ends with a stack trace of {}: {}", trace.runtime, trace.headline);
            ranking.back(Cause::ProgramError, None, ground(id, TRACED, &text));
        }
    }
}

/// Logs with the answers they come from; last the termination message of the first finding.
fn readings(incident: &Incident) -> Vec<(Option<EvidenceId>, Reading)> {
    let logs = incident.evidence.iter().filter_map(|e| match &e.got {
        Got::Facts(Observed::Log(excerpt)) => Some((Some(e.id), log::read(&excerpt.lines))),
        Got::Facts(_) | Got::NotChecked { .. } => None,
    });
    let ended = incident.shows().filter(|f| f.exit.is_some());
    let message = ended.map(|f| {
        let lines: Vec<&str> = f.detail.lines().collect();
        (None, log::read(&lines))
    });
    logs.chain(message).collect()
}

fn clued(incident: &Incident, ranking: &mut Ranking, id: Option<EvidenceId>, clue: &Clue) {
    let ended = format!("the log ends with: {}", clue.line);
    let Some(trouble) = clue.trouble else {
        ranking.back(clue.cause, None, ground(id, clue.weight, &ended));
        return;
    };
    let behind = behind(incident, clue);
    let blames = behind.as_ref().and_then(|b| b.blames.clone());
    let Some(candidate) = ranking.back(clue.cause, blames.as_ref(), ground(id, clue.weight, &ended)) else {
        return;
    };
    let what = clue.target.as_ref().map_or_else(|| "something that it needs".to_owned(), ToString::to_string);
    let mut says = trouble.clause(&what);
    if let Some(behind) = behind {
        if blames.is_some() {
            says = format!("{says}: {}", behind.text);
        }
        let side = if behind.speaks_for { &mut candidate.backing } else { &mut candidate.against };
        side.push(Ground::from(behind.evidence, behind.weight, behind.text));
    }
    // The weightiest line was said first.
    if candidate.says.is_empty() || blames.is_some() {
        candidate.says = visible(&says, QUOTED);
    }
}

fn ground(id: Option<EvidenceId>, weight: u8, text: &str) -> Ground {
    Ground { evidence: id, ..Ground::new(weight, visible(text, QUOTED)) }
}

/// What stands behind a name that could not be reached.
struct Behind {
    evidence: EvidenceId,
    blames: Option<ObjectRef>,
    speaks_for: bool,
    weight: u8,
    text: String,
}

impl Behind {
    fn blaming(id: EvidenceId, service: ObjectRef, weight: u8, text: String) -> Self {
        Self { evidence: id, blames: Some(service), speaks_for: true, weight, text }
    }
}

/// The Service that a line means: the one it names, or, when it names none, one of those that the template names and that
/// nobody answers for.
fn behind(incident: &Incident, clue: &Clue) -> Option<Behind> {
    let Some(target) = &clue.target else {
        return asked(incident).find_map(|(id, _, facts)| {
            let facts = facts.filter(|f| f.ready == 0 && f.external.is_none())?;
            let text = format!("{}, and the template names it", facts.sentence());
            Some(Behind::blaming(id, facts.service.clone(), NOBODY / 2, text))
        });
    };
    let namespace = &incident.scope.namespace;
    let host = meant(target, namespace)?;
    let (id, _, facts) = asked(incident).find(|(_, name, _)| *name == host)?;
    let Some(facts) = facts else {
        // An address may be anything: that no Service has it says nothing.
        return (!log::is_address(host)).then(|| {
            let service = ObjectRef::new(Kind::Service, namespace, host, "");
            let text = format!("there is no Service {host} in namespace {namespace}");
            Behind::blaming(id, service, ABSENT, text)
        });
    };
    let service = facts.service.clone();
    if facts.external.is_some() {
        let text = facts.sentence();
        return Some(Behind { evidence: id, blames: None, speaks_for: true, weight: 0, text });
    }
    if facts.ready == 0 {
        return Some(Behind::blaming(id, service, NOBODY, facts.sentence()));
    }
    let listens = target.port.is_none_or(|port| facts.ports.contains(&port));
    if !listens && clue.trouble != Some(Trouble::Unresolved) {
        let ports: Vec<String> = facts.ports.iter().map(ToString::to_string).collect();
        let port = target.port.unwrap_or_default();
        let text = format!("Service {} has no port {port}, but {}", service.name, ports.join(", "));
        return Some(Behind::blaming(id, service, ABSENT, text));
    }
    let text = format!("{} now", facts.sentence());
    Some(Behind { evidence: id, blames: None, speaks_for: false, weight: ANSWERS, text })
}

/// Questions about Services and their answers.
fn asked(incident: &Incident) -> impl Iterator<Item = (EvidenceId, &str, Option<&ServiceFacts>)> {
    let one = |e: &'_ Evidence| -> Option<EvidenceId> {
        matches!((&e.tool, &e.got), (Tool::Service { .. }, Got::Facts(Observed::Service(_)))).then_some(e.id)
    };
    incident.evidence.iter().filter(move |e| one(e).is_some()).filter_map(|e| match (&e.tool, &e.got) {
        (Tool::Service { host, .. }, Got::Facts(Observed::Service(facts))) => {
            Some((e.id, host.as_str(), facts.as_ref()))
        }
        (_, Got::Facts(_) | Got::NotChecked { .. }) => None,
    })
}

/// The Service's name or the address that a target may mean in a namespace.
fn meant<'a>(target: &'a Target, namespace: &str) -> Option<&'a str> {
    if log::is_address(&target.host) { Some(&target.host) } else { service_of(&target.host, namespace) }
}

/// Services worth asking about: what the logs name as unreachable; when they name nothing, what the template names.
/// Always of the incident's own namespace.
pub(crate) fn needed(incident: &Incident) -> Vec<Tool> {
    let namespace = &incident.scope.namespace;
    let readings = readings(incident);
    let clues: Vec<&Clue> = readings
        .iter()
        .flat_map(|(_, reading)| &reading.clues)
        .filter(|clue| clue.trouble.is_some())
        .collect();
    if clues.is_empty() || namespace.is_empty() {
        return Vec::new();
    }
    let mut hosts: Vec<String> =
        clues.iter().filter_map(|clue| meant(clue.target.as_ref()?, namespace)).map(str::to_owned).collect();
    if clues.iter().any(|clue| clue.target.is_none()) {
        let named = workload(incident).map(|w| w.depends_on.as_slice()).unwrap_or_default();
        hosts.extend(named.iter().filter_map(|d| service_of(&d.host, namespace)).map(str::to_owned));
    }
    let mut tools: Vec<Tool> = Vec::new();
    for host in hosts {
        let tool = Tool::Service { namespace: namespace.clone(), host };
        if tools.len() < ASKED && !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    tools
}

#[cfg(test)]
mod tests;
