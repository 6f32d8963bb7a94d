//! Why something is wrong, one word, and the clause that says it.

use serde::{Deserialize, Serialize};

/// One line a cause: its name, what it means, and the clause for a person.
macro_rules! causes {
    ($($(#[doc = $doc:literal])* $name:ident $clause:literal,)*) => {
        /// Why, as far as it is known. Causes are only ever added.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Cause {
            /// Nothing names it.
            #[default]
            Unknown,
            $($(#[doc = $doc])* $name,)*
        }

        impl Cause {
            /// The cause as one word.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::Unknown => "Unknown",
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// One clause, to stand after a colon.
            pub fn clause(self) -> &'static str {
                match self {
                    Self::Unknown => "nothing names the cause",
                    $(Self::$name => $clause,)*
                }
            }
        }
    };
}

causes! {
    /// The registry has no such image or tag.
    ImageNotFound "the registry has no such image or tag",
    /// The registry refuses the credentials, or there are none.
    Unauthorized "the registry refuses the credentials, or there are none",
    /// The registry does not answer.
    RegistryUnreachable "the registry does not answer",
    /// The image is not made for the node's platform.
    WrongPlatform "the image is not made for this platform",
    /// The registry refuses more requests for now.
    RateLimited "the registry refuses more requests for now",
    /// A ConfigMap is not there.
    MissingConfigMap "a ConfigMap is not there",
    /// A Secret is not there.
    MissingSecret "a Secret is not there",
    /// A ConfigMap or Secret does not have the key.
    MissingKey "a ConfigMap or Secret does not have the key",
    /// The ServiceAccount is not there.
    MissingServiceAccount "the ServiceAccount is not there",
    /// The image runs as root and the pod forbids it.
    RunAsRoot "the image runs as root and the pod forbids it",
    /// The command cannot be started.
    WrongCommand "the command cannot be started",
    /// The program ends with its own error.
    ProgramError "the program ends with its own error",
    /// The program ends by itself without an error.
    CleanExit "the program ends by itself without an error",
    /// The container wants more memory than its limit.
    MemoryLimit "the container wants more memory than its limit",
    /// Memory grows from start to kill, each time.
    MemoryLeak "memory grows from each start to each kill",
    /// The node ran out of memory.
    NodeMemory "the node ran out of memory",
    /// The kubelet kills the container because its liveness probe fails.
    LivenessProbe "the kubelet kills it because its liveness probe fails",
    /// The kubelet kills the container because its startup probe fails.
    StartupProbe "the kubelet kills it because its startup probe fails",
    /// The readiness probe fails.
    ReadinessProbe "the readiness probe fails",
    /// Nothing listens on the probed port.
    PortRefused "nothing listens on the port that is probed",
    /// A signal ended the program: a bug in it or its runtime.
    Crash "a signal ended the program: a bug in it or in its runtime",
    /// More ephemeral storage was used than is allowed.
    EphemeralStorage "more ephemeral storage was used than is allowed",
    /// No node has enough free cpu.
    InsufficientCpu "no node has enough free cpu",
    /// No node has enough free memory.
    InsufficientMemory "no node has enough free memory",
    /// No node has enough of another resource.
    InsufficientResource "no node has enough of another resource",
    /// No node has the labels that are asked for.
    NodeSelector "no node has the labels that are asked for",
    /// No node fits the affinity rules.
    Affinity "no node fits the affinity rules",
    /// Every fitting node has a taint that is not tolerated.
    Taint "every fitting node has a taint that is not tolerated",
    /// No node fits the spread constraints.
    TopologySpread "no node fits the spread constraints",
    /// The host port is taken on every node.
    HostPort "the host port is taken on every node",
    /// No node can reach the volume.
    VolumeZone "no node can reach the volume",
    /// A volume claim is not bound.
    UnboundClaim "a volume claim is not bound",
    /// A volume claim is not there.
    MissingClaim "a volume claim is not there",
    /// Every fitting node is cordoned.
    Cordoned "every fitting node is cordoned",
    /// Every fitting node has as many pods as it may.
    TooManyPods "every fitting node has as many pods as it may",
    /// There is no node to choose from.
    NoNode "there is no node to choose from",
    /// A quota does not allow it.
    Quota "a quota does not allow it",
    /// A LimitRange does not allow it.
    LimitRange "a LimitRange does not allow it",
    /// Pod Security does not allow it.
    PodSecurity "Pod Security does not allow it",
    /// An admission webhook refuses it or does not answer.
    Webhook "an admission webhook refuses it or does not answer",
    /// Something else in admission refuses it.
    Forbidden "admission refuses it",
    /// The storage class is not there, or there is no default.
    NoStorageClass "the storage class is not there, or there is no default one",
    /// Nobody provisions volumes of this class.
    NoProvisioner "nobody provisions volumes of this class",
    /// The volume could not be provisioned.
    ProvisioningFailed "the volume could not be provisioned",
    /// The volume is attached to another node.
    MultiAttach "the volume is attached to another node",
    /// The selector matches no pod.
    SelectorMatchesNothing "the selector matches no pod",
    /// Pods are there and none is ready.
    PodsNotReady "pods are there and none is ready",
    /// The Service is not there.
    MissingService "the Service is not there",
    /// The port is not there.
    MissingPort "the port is not there",
    /// The metrics are not there.
    NoMetrics "the metrics are not there",
    /// What it scales is not there.
    MissingTarget "what it scales is not there",
    /// A finalizer is not removed.
    Finalizer "a finalizer is not removed",
    /// The kubelet does not report.
    KubeletSilent "the kubelet does not report",
    /// The kubelet reports that it cannot work.
    RuntimeDown "the kubelet reports that it cannot work",
    /// The Job has used up its retries.
    BackoffLimit "the Job has used up its retries",
    /// The Job did not end in time.
    Deadline "it did not end in time",
    /// The pod's network or sandbox cannot be made.
    Sandbox "the pod's network or sandbox cannot be made",
    /// Something that it needs does not answer.
    Dependency "something that it needs does not answer",
    /// The newest revision brought it.
    NewRevision "the newest revision brought it",
    /// The Job's own policy gives up at such a failure.
    FailurePolicy "the Job's own policy gives up at such a failure",
    /// The node ran out of disk.
    NodeDisk "the node ran out of disk",
    /// The node ran out of process ids.
    NodePids "the node ran out of process ids",
    /// The node's network is not set up.
    NodeNetwork "the node's network is not set up",
    /// The hook after a container's start fails.
    PostStartHook "the hook after the container's start fails",
    /// No such scheduler runs.
    NoScheduler "the scheduler that is asked for does not run",
    /// The run before has not ended.
    StillRunning "the run before has not ended",
    /// Something that the program does is not permitted to it.
    PermissionDenied "something that the program does is not permitted to it",
    /// The program has no memory left within its own bounds.
    ProgramMemory "the program has no memory left within its own bounds",
    /// A file or module that the program needs is not there.
    MissingFile "a file or module that the program needs is not there",
    /// An environment variable or setting that the program needs is not there.
    MissingVariable "an environment variable or setting that the program needs is not there",
    /// A setting or argument cannot be read.
    BadSetting "a setting or argument of the program cannot be read",
    /// Something else listens on its port.
    PortInUse "something else listens on the port that it wants",
    /// A certificate has expired.
    CertificateExpired "a certificate has expired",
    /// A certificate does not come from an authority that is trusted, or names another host.
    CertificateUntrusted "a certificate is not trusted, or names another host",
    /// A migration of its data fails.
    MigrationFailed "a migration of its data fails",
    /// A disk that it writes to is full.
    DiskFull "a disk that it writes to is full",
    /// The database or broker refuses its user or password.
    LoginRefused "what it logs in to refuses its user or password",
    /// What it connects to takes no more connections.
    TooManyConnections "what it connects to takes no more connections",
    /// A ConfigMap that it is configured from was written shortly before.
    ConfigChanged "what it is configured from was changed shortly before",
    /// The kernel holds the container back at its CPU limit, so that it is late with everything.
    CpuLimit "its CPU limit holds it back",
}

impl Cause {
    /// Whether nothing names it.
    #[allow(clippy::trivially_copy_pass_by_ref)] // the form that serde asks for
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
