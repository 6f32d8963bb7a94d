//! Why a container ended: from its exit, and from what the kubelet said about it in Events.

use crate::facts::{Container, EventFacts, PodFacts, Termination};
use crate::look::Look;
use crate::waiting::{events, newest};
use nightshift_model::{Cause, ExitClass, Kind, Seconds};

/// What an exit means.
#[derive(Debug, Default)]
pub(crate) struct Why {
    /// One word.
    pub cause: Cause,
    /// The runtime's, the kubelet's or the program's own words.
    pub detail: String,
}

/// Failures of a probe that are counted so long before an exit are those of the runs before it.
const FAILED_BEFORE: Seconds = Seconds(330);
/// An Event may come so long after what it tells.
const TOLD_LATE: Seconds = Seconds(60);
/// A kubelet's Event may be counted late; a kill this long before an exit still explains it.
const COUNTED_LATE: Seconds = Seconds(1800);

/// Why a run ended.
pub(crate) fn why(at: &Look<'_>, pod: &PodFacts, c: &Container, end: &Termination) -> Why {
    if is_memory(at, pod, c, end) {
        return memory(at, c, end);
    }
    if let Some(why) = killed(at, pod, c, end).or_else(|| hook(at, pod, end)) {
        return why;
    }
    let cause = match ExitClass::of(end.code, &end.reason) {
        ExitClass::Completed => Cause::CleanExit,
        ExitClass::StartError if end.message.is_empty() => Cause::WrongCommand,
        ExitClass::Runtime | ExitClass::StartError => start_error(&end.message),
        ExitClass::NotExecutable | ExitClass::NotFound => Cause::WrongCommand,
        ExitClass::Aborted | ExitClass::Segfault => Cause::Crash,
        // SIGILL, SIGBUS, SIGFPE.
        ExitClass::Application if matches!(end.code, 132 | 135 | 136) => Cause::Crash,
        ExitClass::Application | ExitClass::OutOfRange => Cause::ProgramError,
        ExitClass::OutOfMemory => Cause::MemoryLimit,
        ExitClass::Interrupted | ExitClass::Killed | ExitClass::Terminated => Cause::Unknown,
    };
    Why { cause, detail: end.message.trim().to_owned() }
}

/// Whether memory ended a run: the runtime says so, or it was killed with a limit on its memory, and neither a probe nor a
/// deletion did it (the runtime forgets to say so in some of a hundred).
pub(crate) fn is_memory(at: &Look<'_>, pod: &PodFacts, c: &Container, end: &Termination) -> bool {
    if &*end.reason == "OOMKilled" {
        return true;
    }
    let limited = end.code == 137 && &*end.reason == "Error" && c.memory_limit > 0;
    // Without Events nobody knows who else has killed it, and a busy kubelet tells of a probe's kill long after the exit.
    let probed = c.probes.liveness || c.probes.startup;
    let told = !probed || end.finished.is_none_or(|exit| at.now.since(exit) >= TOLD_LATE);
    limited
        && told
        && pod.meta.deleting.is_none()
        && at.view.synced_kind(&Kind::Event)
        && killed(at, pod, c, end).is_none()
        && !stopped(at, pod, end)
}

fn memory(at: &Look<'_>, c: &Container, end: &Termination) -> Why {
    let run = end.started.zip(end.finished).map(|(from, to)| to.since(from));
    let cause = match run {
        _ if c.memory_limit == 0 => Cause::NodeMemory,
        Some(run) if run >= at.params.leak_after => Cause::MemoryLeak,
        Some(_) | None => Cause::MemoryLimit,
    };
    let limit = match c.memory_limit {
        0 => "without a memory limit of its own".to_owned(),
        bytes if bytes < 1 << 20 => format!("at its memory limit of {bytes} bytes"),
        bytes => format!("at its memory limit of {} MiB", bytes >> 20),
    };
    let after = run.map_or_else(String::new, |run| format!(" after {run}"));
    Why { cause, detail: format!("killed{after}, {limit}") }
}

/// A probe's kill: the kubelet's Event Killing has a fixed sentence for it.
fn killed(at: &Look<'_>, pod: &PodFacts, c: &Container, end: &Termination) -> Option<Why> {
    let probes = [
        (c.probes.liveness, "liveness", "Liveness probe ", Cause::LivenessProbe),
        (c.probes.startup, "startup", "Startup probe ", Cause::StartupProbe),
    ];
    let mut found = None;
    for (has, word, answer, cause) in probes {
        // A sidecar among the init containers has another sentence.
        let sentences =
            ["Container", "Init container"].map(|what| format!("{what} {} failed {word} probe", c.name));
        let kills = events(at, pod, &["Killing"])
            .filter(|e| sentences.iter().any(|sentence| e.message.starts_with(sentence)));
        let kill = newest(kills).and_then(|event| event.last).filter(|kill| explains(*kill, end));
        let answer = newest(events(at, pod, &["Unhealthy"]).filter(|e| e.message.starts_with(answer)));
        // Killing is a Normal Event, and where only Warnings are watched the probe's failures stand in for it.
        let kill = kill.or_else(|| answer.filter(|event| fails_until(event, end))?.last);
        let Some(kill) = kill.filter(|_| has) else { continue };
        let detail = answer.map(|event| event.message.trim().to_owned()).unwrap_or_default();
        if found.as_ref().is_none_or(|(at, _)| *at < kill) {
            found = Some((kill, Why { cause, detail }));
        }
    }
    found.map(|(_, why)| why)
}

/// Whether a kill at this time explains an exit: it came during the run, or the exit is what a SIGTERM or SIGKILL looks
/// like and there was one not long before.
fn explains(kill: nightshift_model::Timestamp, end: &Termination) -> bool {
    let (Some(from), Some(to)) = (end.started, end.finished) else { return true };
    let within = kill + Seconds(1) >= from && kill <= to + Seconds(2);
    within || (matches!(end.code, 0 | 137 | 143) && kill + COUNTED_LATE >= to)
}

/// Whether a probe failed until the kubelet had enough of it: the exit is what a SIGTERM or SIGKILL looks like, and the
/// failures came during the run, or are counted from the runs before it.
fn fails_until(event: &EventFacts, end: &Termination) -> bool {
    let (Some(from), Some(to), Some(last)) = (end.started, end.finished, event.last) else { return false };
    let within = last + Seconds(1) >= from && last <= to + Seconds(2);
    let again = event.count > 1 && last + FAILED_BEFORE >= to;
    matches!(end.code, 0 | 137 | 143) && (within || again)
}

fn hook(at: &Look<'_>, pod: &PodFacts, end: &Termination) -> Option<Why> {
    let event = newest(events(at, pod, &["FailedPostStartHook"]))?;
    let near = event.last.is_some_and(|last| explains(last, end));
    near.then(|| Why { cause: Cause::PostStartHook, detail: event.message.trim().to_owned() })
}

/// The kubelet stopped it for another reason during that run: a deletion, an eviction.
fn stopped(at: &Look<'_>, pod: &PodFacts, end: &Termination) -> bool {
    let (Some(from), Some(to)) = (end.started, end.finished) else { return false };
    events(at, pod, &["Killing"])
        .filter_map(|event| event.last)
        .any(|kill| kill + Seconds(1) >= from && kill <= to + Seconds(2))
}

/// The class of a runtime's refusal to start a container.
pub(crate) fn start_error(message: &str) -> Cause {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["exec format error"]) {
        Cause::WrongPlatform
    } else if says(&[
        "error mounting",
        "mount_through_procfd",
        "error during container init: error setting cgroup",
    ]) {
        Cause::Unknown
    } else if says(&["exec: ", "executable file not found", "no such file or directory", "permission denied"])
    {
        Cause::WrongCommand
    } else {
        Cause::Unknown
    }
}
