//! The language of `timeline.yaml`: typed steps on a virtual clock. Unknown fields and wrong values are refused with
//! their line.

use nightshift_model::{Policy, Seconds, Timestamp, VoteDecision};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Timeline {
    /// One sentence: what this case shows.
    pub about: String,
    /// `approve` in namespace `shop` (the default), or `observe`.
    #[serde(default)]
    pub mode: ModeWord,
    /// What Prometheus does; `none` means that none is configured.
    #[serde(default)]
    pub prometheus: PrometheusMode,
    /// Fields of the policy that differ from the defaults.
    #[serde(default)]
    pub policy: Policy,
    /// The persons of the registry, by name; all of them when it is left out.
    #[serde(default)]
    pub persons: Option<Vec<String>>,
    /// Seed of ids and of the cluster's own names.
    #[serde(default)]
    pub seed: u64,
    /// When the clock begins; 2026-03-01T00:00:00Z by default.
    #[serde(default)]
    pub begins: Option<Timestamp>,
    /// What happens.
    pub steps: Vec<Step>,
    /// What must be true at the end, whatever the transcript says.
    pub expect: Expect,
}

/// `mode:` of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModeWord {
    /// Propose and execute, in namespace `shop` only.
    #[default]
    Approve,
    /// Watch only.
    Observe,
}

impl From<ModeWord> for nightshift_engine::Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Approve => Self::Approve { namespaces: vec!["shop".to_owned()] },
            ModeWord::Observe => Self::Observe,
        }
    }
}

/// How Prometheus answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrometheusMode {
    /// The truth about the cluster, with fresh samples.
    #[default]
    Live,
    /// Not configured.
    None,
    /// No series.
    Empty,
    /// NaN.
    Nan,
    /// Truth, with samples that are ten minutes old.
    Stale,
    /// 503.
    Down,
    /// No answer in time.
    Slow,
    /// Truth, with a warning beside it.
    Warned,
}

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Step {
    /// A line for the reader.
    Note(String),
    /// Creates or replaces a Deployment, or another workload.
    Deploy(Deploy),
    /// Creates as many Deployments, named `<name>-1` and so on.
    DeployMany(DeployMany),
    /// Creates or replaces any object, as `kubectl apply` would.
    Apply(Value),
    /// What containers of an image do.
    Program(Program),
    /// What the containers of one pod do from now on; a pod that is made in its place has nothing of it.
    Afflict(Afflict),
    /// `kubectl set image`.
    SetImage(SetImage),
    /// A JSON Patch by hand.
    Patch(Patch),
    /// `kubectl rollout undo`.
    RolloutUndo(Undo),
    /// Deletes an object by path.
    Delete(Path),
    /// nightshift starts: `all`, `responder` or `executor`. Each gets a new epoch.
    Start(Who),
    /// The process is killed between two steps.
    Kill(Who),
    /// The process will be killed or stopped when it reaches a place.
    CrashAt(CrashAt),
    /// The stopped process goes on.
    Resume(Nothing),
    /// Time passes.
    Advance(Seconds),
    /// Time passes until it is so, at most for a while.
    WaitFor(WaitFor),
    /// A person votes on the open proposal.
    Vote(Vote),
    /// A person asks to look again at an escalated or closed incident.
    CheckAgain(Ask),
    /// A person asks for a proposal, and may then not vote on it.
    AskFor(Ask),
    /// A person asks to delete the afflicted pod, or another one of its workload.
    ProposeDeletePod(ProposeDeletePod),
    /// A person asks for a rollback or a restart, at the door that commands and pages use.
    Propose(Propose),
    /// A person asks to take the newest write back.
    ProposeInverse(Ask),
    /// A person says *I have it*.
    HaveIt(Ask),
    /// A silence of namespace `shop`.
    Silence(Silence),
    /// The newest silence is ended before its time.
    EndSilence(Ask),
    /// A person ends an incident.
    Close(Ask),
    /// The kill switch.
    KillSwitch(KillSwitch),
    /// Another policy: only the fields that differ from the defaults.
    Policy(Policy),
    /// Prometheus behaves otherwise from now on.
    Prometheus(PrometheusStep),
    /// Something breaks at the API server.
    Fault(Fault),
    /// Faults of the API server end.
    ClearFaults(Nothing),
    /// Whether connections to the API server can be made.
    ApiServer(Link),
    /// Whether the store answers.
    Store(Link),
    /// An append's answer is lost.
    TearAppend(Tear),
}

/// `{}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

fn shop() -> String {
    "shop".to_owned()
}

fn three() -> u32 {
    3
}

/// A workload of one container, `app`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Deploy {
    /// Its name; `sts/name` is a StatefulSet, `ds/name` a DaemonSet.
    pub name: String,
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
    /// The image of its container.
    pub image: String,
    /// `podManagementPolicy: Parallel` of a StatefulSet.
    #[serde(default)]
    pub parallel: bool,
    /// Replicas, 3 by default.
    #[serde(default = "three")]
    pub replicas: u32,
    /// `spec.strategy`.
    #[serde(default)]
    pub strategy: Option<Value>,
    /// Whether the container has a readiness probe: with one, a rollout stops at the first pod that does not get ready.
    #[serde(default)]
    pub probe: bool,
    /// `spec.paused`.
    #[serde(default)]
    pub paused: bool,
    /// `resources` of the container.
    #[serde(default)]
    pub resources: Option<Value>,
    /// ServiceAccount of the pods.
    #[serde(default)]
    pub service_account: Option<String>,
    /// Volumes of the pods.
    #[serde(default)]
    pub volumes: Vec<Value>,
    /// Annotations of the Deployment.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Labels of the Deployment.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Many alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeployMany {
    /// How many.
    pub count: u32,
    /// Start of their names.
    pub name: String,
    /// The image of all.
    pub image: String,
    /// Replicas of each.
    pub replicas: u32,
}

/// What an image does; exactly one of the behaviours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// The image.
    pub image: String,
    /// Its behaviour.
    pub does: Does,
    /// What every run logs.
    #[serde(default)]
    pub log: String,
}

/// One pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Afflict {
    /// Its workload, as in `deploy`: the last of its pods by name.
    pub pod_of: String,
    /// What it does.
    pub does: Does,
    /// What every run logs.
    #[serde(default)]
    pub log: String,
}

/// Behaviour of a container from its start; times in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Does {
    /// Runs, and is ready after that time.
    Serves(i64),
    /// Exits every time.
    Exits {
        /// After that time.
        after: i64,
        /// With this code.
        code: i32,
    },
    /// Exits some times, then serves.
    ExitsTimes {
        /// How often.
        times: i64,
        /// After that time.
        after: i64,
        /// With this code.
        code: i32,
    },
    /// Is killed for its memory every time.
    OutOfMemory(i64),
    /// Is killed for its memory every time, unless its limit is as high as what it needs.
    NeedsMemory {
        /// What it needs.
        mib: i64,
        /// After that time.
        after: i64,
    },
    /// Never becomes ready.
    NeverReady,
    /// What runs hangs from now on; what starts later serves.
    Hangs,
}

/// `kubectl set image deployment/<deployment> app=<image>`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetImage {
    /// The workload, as in `deploy`.
    #[serde(alias = "workload")]
    pub deployment: String,
    /// The image.
    pub image: String,
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
}

/// A JSON Patch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Path of the object.
    pub path: String,
    /// Who.
    pub by: String,
    /// The operations.
    pub operations: Value,
}

/// `kubectl rollout undo --to-revision`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The Deployment.
    pub deployment: String,
    /// The revision that returns.
    pub to: u64,
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
}

/// A path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// It.
    pub path: String,
}

/// Which processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Both roles.
    All,
    /// One.
    Responder,
    /// One.
    Executor,
}

/// A blow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashAt {
    /// Part of the place's name, as in `executor: after write apply`.
    pub place: String,
    /// Stopped instead of killed.
    #[serde(default)]
    pub stop: bool,
    /// Whether only the role that gets there goes down.
    #[serde(default)]
    pub alone: bool,
}

/// What to wait for; everything named must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WaitFor {
    /// Phase of the newest incident; `Executing/Unknown` names the operation's state too.
    #[serde(default)]
    pub phase: Option<String>,
    /// Whether a process is down.
    #[serde(default)]
    pub down: Option<Who>,
    /// State of the first pod's container, as in `running` or `waiting`.
    #[serde(default)]
    pub container: Option<ContainerState>,
    /// At most this long.
    pub within: Seconds,
}

/// A container's state, in any pod of a Deployment in namespace `shop`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerState {
    /// The image of the container.
    pub image: String,
    /// `running`, `waiting` or `terminated`: every container of that image is.
    pub state: String,
    /// How often each of them has restarted at least.
    #[serde(default)]
    pub restarts: i64,
}

/// A vote.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vote {
    /// Who.
    pub person: String,
    /// `approve`, `deny` or `withdraw`.
    pub decision: VoteDecision,
    /// What the person writes.
    #[serde(default)]
    pub reason: String,
    /// Whether the person posts the digest of other bytes.
    #[serde(default)]
    pub other_digest: bool,
}

/// A wish.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// Who.
    pub person: String,
    /// The workload, as in `deploy`.
    #[serde(alias = "workload")]
    pub deployment: String,
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
    /// The revision that is to return; without one, a restart is asked for.
    #[serde(default)]
    pub to: Option<u64>,
    /// Why.
    pub because: String,
}

/// A wish to delete a pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposeDeletePod {
    /// Who.
    pub person: String,
    /// The workload, as in `deploy`: the last of its pods by name.
    pub pod_of: String,
    /// Another name instead.
    #[serde(default)]
    pub pod: Option<String>,
    /// Why.
    pub because: String,
}

/// A person and a reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Who.
    pub person: String,
}

/// A silence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Silence {
    /// Who.
    pub person: String,
    /// How long.
    pub lasts: Seconds,
    /// Why.
    pub because: String,
}

/// The kill switch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum KillSwitch {
    /// Set by a person.
    Set {
        /// Who.
        person: String,
    },
    /// Cleared by two admins.
    Clear {
        /// Who.
        persons: Vec<String>,
    },
}

/// Prometheus, from now on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusStep {
    /// How it answers.
    pub answers: PrometheusMode,
    /// To the queries of one measure only; else to all.
    #[serde(default)]
    pub measure: Option<String>,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// A torn append.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tear {
    /// The how-manieth append from now.
    pub after: u64,
    /// Whether it takes effect.
    pub effect: bool,
}

/// A fault of the API server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Fault {
    /// A status before anything is applied.
    Status {
        /// Which requests.
        on: On,
        /// HTTP status.
        code: u16,
        /// Reason of the Status object.
        reason: String,
    },
    /// Applied, then 504.
    AppliedThenTimeout {
        /// Which writes.
        on: On,
    },
    /// Applied, then the connection drops.
    AppliedThenLost {
        /// Which writes.
        on: On,
    },
    /// Nothing applied, the connection drops.
    Lost {
        /// Which requests.
        on: On,
    },
    /// 403.
    Forbidden {
        /// User.
        user: String,
        /// RBAC verb.
        verb: String,
        /// Plural resource.
        resource: String,
    },
    /// Another controller puts the template that stands now back after any change of it.
    Revert {
        /// The Deployment.
        deployment: String,
        /// Its field manager.
        manager: String,
        /// Seconds after the change.
        after: i64,
    },
    /// Every resourceVersion is too old.
    Compact(Nothing),
}

/// Which requests a fault strikes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// Start of the path.
    pub path: String,
    /// Text in the body: `done:` stands in the one write of an operation only.
    #[serde(default)]
    pub containing: String,
    /// How many requests.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// What must be true at the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Incidents, by their phases in the order in which they were opened.
    pub phases: Vec<String>,
    /// Pages that went out.
    pub pages: usize,
    /// Updates that went out.
    pub updates: usize,
    /// Writes of an approved request that had an effect.
    pub writes: usize,
}
