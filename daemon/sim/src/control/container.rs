//! One container on the kubelet: creating, running, dead, backing off.
//!
//! The first exit is followed by a restart at once; each later one by 10, 20, 40 ... 300 s of back-off, counted
//! from the exit, forgotten after a run of 600 s. Source: kubelet `doBackOff`, client-go `flowcontrol.Backoff`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::Note;
use crate::program::{Behaviour, Program};
use crate::value::{after, digest, stamp, text};

/// Seconds of sandbox and image work before a first start.
const CREATING: i64 = 1;
/// Seconds until the kubelet sees a death and restarts or backs off.
const SEEN: i64 = 1;
/// Seconds that a death is visible before CrashLoopBackOff.
const SHOWN: i64 = 2;
/// Seconds that ErrImagePull is visible before ImagePullBackOff.
const PULLING: i64 = 3;
const FIRST_DELAY: i64 = 10;
const MAX_DELAY: i64 = 300;
/// A run of that many seconds ends the series of back-offs.
const FORGIVEN: i64 = 2 * MAX_DELAY;

#[derive(Clone)]
struct Ended {
    code: i32,
    reason: &'static str,
    started: Timestamp,
    finished: Timestamp,
    id: String,
}

#[derive(Clone)]
enum State {
    Creating {
        until: Timestamp,
    },
    PullError {
        until: Timestamp,
    },
    PullBackOff {
        until: Timestamp,
    },
    Running {
        since: Timestamp,
    },
    /// `until` is `None` when the restart policy lets it rest.
    Dead {
        ended: Ended,
        until: Option<Timestamp>,
    },
    BackOff {
        until: Timestamp,
    },
}

/// The kubelet's memory of one container.
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) ready: bool,
    pub(crate) restarts: i64,
    state: State,
    probed: bool,
    /// Its memory limit, where that is written in Mi.
    mib: Option<i64>,
    /// The next back-off in seconds; 0 before the first exit.
    delay: i64,
    pull_delay: i64,
    last: Option<Ended>,
    log: Option<(String, Timestamp)>,
    last_log: Option<(String, Timestamp)>,
    complain_at: Option<Timestamp>,
    complaints: u32,
    id: String,
}

/// What became of a running container.
enum Ran {
    /// It exited just now.
    Died,
    /// It runs on; `due` is when to look again.
    On { due: Option<Timestamp> },
}

/// What a step may look at.
pub(crate) struct Around<'a> {
    pub(crate) program: &'a Program,
    /// When the program was set.
    pub(crate) programmed: Timestamp,
    pub(crate) now: Timestamp,
    /// The pod's restartPolicy.
    pub(crate) policy: &'a str,
    /// `name_namespace(uid)`.
    pub(crate) pod: &'a str,
}

impl Container {
    pub(crate) fn new(spec: &Value, now: Timestamp) -> Self {
        let probed = spec.get("readinessProbe").is_some();
        Self {
            name: text(spec, "/name").into(),
            image: text(spec, "/image").into(),
            mib: text(spec, "/resources/limits/memory").strip_suffix("Mi").and_then(|n| n.parse().ok()),
            ready: false,
            restarts: 0,
            state: State::Creating { until: after(now, CREATING) },
            probed,
            delay: 0,
            pull_delay: FIRST_DELAY,
            last: None,
            log: None,
            last_log: None,
            complain_at: None,
            complaints: 0,
            id: String::new(),
        }
    }

    /// Does everything that is due; answers when the next thing is.
    pub(crate) fn step(&mut self, around: &Around<'_>, notes: &mut Vec<Note>) -> Option<Timestamp> {
        let now = around.now;
        let field = format!("spec.containers{{{}}}", self.name);
        let mut say =
            |warning, reason, message| notes.push(Note { warning, reason, message, field: field.clone() });
        loop {
            match self.state.clone() {
                State::Creating { until }
                | State::PullError { until }
                | State::PullBackOff { until }
                | State::BackOff { until }
                | State::Dead { until: Some(until), .. }
                    if now < until =>
                {
                    return Some(until);
                }
                State::Creating { .. } | State::PullBackOff { .. } => self.start(around, &mut say),
                State::BackOff { .. } => {
                    self.delay = (self.delay * 2).min(MAX_DELAY);
                    self.restarts += 1;
                    self.start(around, &mut say);
                }
                State::PullError { .. } => {
                    say(false, "BackOff", format!("Back-off pulling image \"{}\"", self.image));
                    say(true, "Failed", "Error: ImagePullBackOff".into());
                    self.state = State::PullBackOff { until: after(now, self.pull_delay) };
                    self.pull_delay = (self.pull_delay * 2).min(MAX_DELAY);
                }
                State::Running { since } => {
                    if let Ran::On { due } = self.run(around, since, &mut say) {
                        return due;
                    }
                }
                State::Dead { until: None, .. } => return None,
                State::Dead { ended, until: Some(_) } => {
                    let finished = ended.finished;
                    self.last = Some(ended);
                    self.last_log = self.log.clone();
                    if self.delay == 0 {
                        self.delay = FIRST_DELAY;
                        self.restarts += 1;
                        self.start(around, &mut say);
                    } else {
                        let message = format!(
                            "Back-off restarting failed container {} in pod {}",
                            self.name, around.pod
                        );
                        say(true, "BackOff", message);
                        self.state = State::BackOff { until: after(finished, SHOWN + self.delay) };
                    }
                }
            }
        }
    }

    /// Looks at a running container.
    fn run(
        &mut self,
        around: &Around<'_>,
        since: Timestamp,
        say: &mut impl FnMut(bool, &'static str, String),
    ) -> Ran {
        let now = around.now;
        let from = since.max(around.programmed);
        let served = if self.probed { None } else { Some(since) };
        let (exit, ready_at) = match around.program.behaviour {
            Behaviour::Serves { ready_after } => (None, Some(after(from, ready_after))),
            Behaviour::Exits { after: run, code, oom } => (Some((after(from, run), code, oom)), served),
            Behaviour::NeedsMemory { mib, after: run } if self.mib.is_some_and(|limit| limit < mib) => {
                (Some((after(from, run), 137, true)), served)
            }
            Behaviour::ExitsTimes { times, after: run, code } if self.restarts < times => {
                (Some((after(from, run), code, false)), served)
            }
            Behaviour::ExitsTimes { .. } | Behaviour::NeedsMemory { .. } => (None, Some(since)),
            Behaviour::NeverReady => (None, None),
            Behaviour::Hangs => (None, (since >= around.programmed).then_some(after(since, 1))),
            Behaviour::MissingImage => (None, self.ready.then_some(since)),
        };
        if let Some((_, code, oom)) = exit.filter(|(at, _, _)| now >= *at) {
            self.die(around, since, code, oom);
            return Ran::Died;
        }
        self.ready = ready_at.is_some_and(|at| now >= at);
        let hangs = around.program.behaviour == Behaviour::Hangs;
        let probed = self.probed || hangs || around.program.behaviour == Behaviour::NeverReady;
        if self.ready || !probed {
            self.complain_at = None;
        } else {
            let first = self.complain_at.is_none();
            let at = self.complain_at.unwrap_or_else(|| after(since, 1).max(now));
            self.complain_at = Some(at);
            if now >= at && !(first && now < after(since, 1)) {
                let why = if hangs {
                    "Readiness probe failed: Get \"http://10.0.0.1:8080/ready\": context deadline exceeded"
                } else {
                    "Readiness probe failed: HTTP probe failed with statuscode: 503"
                };
                say(true, "Unhealthy", why.into());
                self.complaints += 1;
                // The real recorder's spam filter lets about 25 through, then one in five minutes.
                self.complain_at = Some(after(now, if self.complaints < 25 { 10 } else { 300 }));
            }
        }
        let exit_at = exit.map(|(at, _, _)| at);
        let due = [exit_at, ready_at.filter(|at| *at > now), self.complain_at];
        Ran::On { due: due.into_iter().flatten().min() }
    }

    fn start(&mut self, around: &Around<'_>, say: &mut impl FnMut(bool, &'static str, String)) {
        let now = around.now;
        if around.program.behaviour == Behaviour::MissingImage {
            let image = &self.image;
            say(false, "Pulling", format!("Pulling image \"{image}\""));
            say(true, "Failed", format!("Failed to pull image \"{image}\": {}", not_found(image)));
            say(true, "Failed", "Error: ErrImagePull".into());
            self.state = State::PullError { until: after(now, PULLING) };
            return;
        }
        say(false, "Pulled", format!("Container image \"{}\" already present on machine", self.image));
        say(false, "Created", format!("Created container: {}", self.name));
        say(false, "Started", format!("Started container {}", self.name));
        self.id = format!("containerd://{}", digest(&[around.pod, &self.name, &self.restarts.to_string()]));
        self.log = Some((around.program.log.clone(), now));
        self.complain_at = None;
        self.state = State::Running { since: now };
    }

    fn die(&mut self, around: &Around<'_>, since: Timestamp, code: i32, oom: bool) {
        let now = around.now;
        let reason = match (oom, code) {
            (true, _) => "OOMKilled",
            (false, 0) => "Completed",
            (false, _) => "Error",
        };
        if now.duration_since(since).as_secs() > FORGIVEN {
            self.delay = 0;
        }
        let rests = around.policy == "Never" || (around.policy == "OnFailure" && code == 0);
        let seen = if self.delay == 0 { SEEN } else { SHOWN };
        self.ready = false;
        let ended = Ended { code, reason, started: since, finished: now, id: self.id.clone() };
        self.state = State::Dead { ended, until: (!rests).then(|| after(now, seen)) };
    }

    /// True once a first container was started.
    pub(crate) fn has_run(&self) -> bool {
        self.log.is_some()
    }

    /// Exit code, when it is dead and stays so.
    pub(crate) fn rests(&self) -> Option<i32> {
        if let State::Dead { ended, until: None } = &self.state { Some(ended.code) } else { None }
    }

    /// Log of the present or latest run with its start.
    pub(crate) fn log(&self) -> Option<(&str, Timestamp)> {
        self.log.as_ref().map(|(text, at)| (text.as_str(), *at))
    }

    /// Log of the run that `lastState` tells of.
    pub(crate) fn previous_log(&self) -> Option<(&str, Timestamp)> {
        self.last_log.as_ref().map(|(text, at)| (text.as_str(), *at))
    }

    /// The waiting reason, "" when it does not wait.
    pub(crate) fn waiting(&self) -> &'static str {
        match self.state {
            State::Creating { .. } => "ContainerCreating",
            State::PullError { .. } => "ErrImagePull",
            State::PullBackOff { .. } => "ImagePullBackOff",
            State::BackOff { .. } => "CrashLoopBackOff",
            State::Running { .. } | State::Dead { .. } => "",
        }
    }

    /// The entry of `status.containerStatuses`.
    pub(crate) fn status(&self, pod: &str) -> Value {
        let reason = self.waiting();
        let state = match &self.state {
            State::Creating { .. } => json!({"waiting": {"reason": reason}}),
            State::PullError { .. } => {
                json!({"waiting": {"reason": reason, "message": not_found(&self.image)}})
            }
            State::PullBackOff { .. } => {
                let message = format!(
                    "Back-off pulling image \"{}\": ErrImagePull: {}",
                    self.image,
                    not_found(&self.image)
                );
                json!({"waiting": {"reason": reason, "message": message}})
            }
            State::Running { since } => json!({"running": {"startedAt": stamp(*since)}}),
            State::Dead { ended, .. } => terminated(ended),
            State::BackOff { .. } => {
                let (minutes, seconds) = (self.delay / 60, self.delay % 60);
                let delay = if minutes > 0 { format!("{minutes}m{seconds}s") } else { format!("{seconds}s") };
                let message = format!("back-off {delay} restarting failed container={} pod={pod}", self.name);
                json!({"waiting": {"reason": reason, "message": message}})
            }
        };
        let running = matches!(self.state, State::Running { .. });
        let image_id = if self.has_run() { image_id(&self.image) } else { String::new() };
        let mut status = json!({"name": self.name, "image": self.image, "imageID": image_id, "ready": self.ready,
            "started": running, "restartCount": self.restarts, "state": state,
            "lastState": self.last.as_ref().map_or_else(|| json!({}), terminated)});
        if self.has_run() {
            crate::value::put(&mut status, &["containerID"], self.id.as_str());
        }
        status
    }
}

fn terminated(ended: &Ended) -> Value {
    json!({"terminated": {"exitCode": ended.code, "reason": ended.reason, "startedAt": stamp(ended.started),
        "finishedAt": stamp(ended.finished), "containerID": ended.id}})
}

fn not_found(image: &str) -> String {
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": \
         failed to resolve reference \"{image}\": {image}: not found"
    )
}

/// `repository@sha256:...`, the digest derived from the image name.
fn image_id(image: &str) -> String {
    if image.contains('@') {
        return image.into();
    }
    let tag = image.rfind(':').filter(|at| image.rfind('/').is_none_or(|slash| slash < *at));
    let repository = tag.and_then(|at| image.get(..at)).unwrap_or(image);
    format!("{repository}@sha256:{}", digest(&[image]))
}
