//! Thresholds of the detectors: values of the configuration, never constants in a detector.

use nightshift_model::{Reason, Seconds};

/// One line a threshold: what it is, its name, its type and what it is unless somebody says otherwise.
macro_rules! params {
    ($($(#[doc = $about:literal])* $name:ident: $type:ident = $default:expr,)*) => {
        /// What detectors compare with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Params {
            $($(#[doc = $about])* pub $name: $type,)*
            /// Detectors that are not asked: bit *n* stands for the *n*-th of [`Reason::ALL`].
            off: u64,
        }

        impl Default for Params {
            fn default() -> Self {
                Self { $($name: <$type as Value>::of($default),)* off: 0 }
            }
        }

        impl Params {
            /// Every threshold, in order.
            pub const ALL: &'static [Parameter] = &[$(Parameter {
                name: stringify!($name),
                about: concat!($($about),*),
                get: |params| params.$name.written(),
                set: |params, text| <$type as Value>::read(text).map(|value| params.$name = value),
            }),*];
        }
    };
}

params! {
    /// How long a container must have been Ready before a crash loop is over.
    clear_after: Seconds = 600,
    /// Restarts at an exit from which on a crash loop is a finding at once.
    restarts: u32 = 3,
    /// One restart fewer: how long after the exit the container may take to be Ready.
    early_after: Seconds = 30,
    /// The kubelet's first back-off; it doubles with every restart.
    backoff_first: Seconds = 10,
    /// The kubelet's longest back-off.
    backoff_most: Seconds = 300,
    /// How long pods are refused for a reason that only a person can end.
    refused_for_good: Seconds = 30,
    /// How long pods are refused for a reason that may pass: an account or a webhook's pods may come a moment later.
    refused: Seconds = 60,
    /// How long pods are refused by a quota that has room again: the controller sleeps longer after each try.
    refused_with_room: Seconds = 300,
    /// How long an Event of a refusal is believed: controllers try again after 1,000 seconds at the latest.
    refused_told: Seconds = 1200,
    /// How long a rollout has passed its progress deadline: some that were only slow get there a moment later.
    stalled: Seconds = 60,
    /// How long a pod that runs is not Ready until its workload is short of it.
    replicas_unready: Seconds = 300,
    /// The same for a pod that does not run yet: a large image, a slow volume, a node that is still to come.
    replicas_pending: Seconds = 900,
    /// How long a rollout is paused half-way: a canary is watched for less.
    paused: Seconds = 1800,
    /// How late a CronJob's run is: the controller needs seconds, a busy one a minute.
    missed_after: Seconds = 300,
    /// Times that a CronJob misses while a run goes on that forbids others.
    missed_runs: u32 = 3,
    /// Active runs of a CronJob of which none ends.
    piling: u32 = 4,
    /// Active runs of a CronJob that a later one has overtaken.
    overtaken: u32 = 3,
    /// How long an autoscaler stands at its maximum and wants more.
    scaling_limited: Seconds = 900,
    /// How long an autoscaler cannot read a metric: a metrics server that restarts is back before.
    metrics_failed: Seconds = 180,
    /// How long an autoscaler's target is missing: one apply may bring it after the autoscaler.
    target_missing: Seconds = 120,
    /// Age of an autoscaler from which on it is believed: each one fails until its first metric.
    autoscaler_new: Seconds = 120,
    /// How long a node is cordoned with pods that their budget can never let go.
    never_disrupted: Seconds = 120,
    /// How long a node is cordoned while a budget allows nothing, for pods that are missing: a drain waits for each new pod.
    not_disrupted: Seconds = 600,
    /// How long a node may not be Ready; the control plane has waited 40 seconds for its kubelet already.
    node_down: Seconds = 60,
    /// How long a new node may take to be Ready for the first time.
    node_start: Seconds = 600,
    /// How long a node that was cordoned before, or shuts down in order, may not be Ready.
    node_maintenance: Seconds = 1800,
    /// How long a node may be short of something.
    node_pressure: Seconds = 60,
    /// How long a node may be cordoned.
    node_cordoned: Seconds = 4 * 3600,
    /// How long a Service may select nobody.
    no_endpoints: Seconds = 120,
    /// How long a Service's pods may all be unready when nothing else is wrong with them.
    unready: Seconds = 600,
    /// How long a Service or an Ingress may send to a port or Service that is not there.
    misrouted: Seconds = 90,
    /// How long an admission webhook, the cluster's DNS or an aggregated API may not answer.
    no_answer: Seconds = 60,
    /// The same for a webhook that may be ignored: nothing is refused, what it does is just not done.
    ignored_hook: Seconds = 3600,
    /// How long a claim may wait for its volume where nobody makes one.
    claim: Seconds = 60,
    /// How long a claim may wait for a provisioner that says nothing.
    provisioner: Seconds = 150,
    /// How long a provisioner that works on it may take.
    provisioning: Seconds = 600,
    /// Percent of a volume's bytes and inodes that must be free.
    volume_free: Percent = 3,
    /// How long so little must be free: a kubelet measures once a minute, and a burst is over before.
    volume_full_for: Seconds = 180,
    /// Percent of a volume's bytes below which its growth is looked at.
    volume_filling: Percent = 15,
    /// How long a volume's growth must point to its end: a restore or a compaction is over before.
    volume_filling_for: Seconds = 3600,
    /// How long an object may take to go after its deletion.
    deletion: Seconds = 240,
    /// The same for a node, and for what waits for pods that end slowly.
    slow_deletion: Seconds = 1800,
    /// How long what a deleted object owned, or what stood in its namespace, is given to follow it.
    left_behind: Seconds = 120,
    /// What the kubelet names and only a person mends has stood so long: no such image, an unreadable name.
    named_after: Seconds = 30,
    /// What a container needs may come later than its pod: ConfigMaps and Secrets.
    missing_after: Seconds = 45,
    /// What may heal alone has stood so long: a registry that does not answer.
    heals_after: Seconds = 90,
    /// How long volumes may fail to mount; the kubelet tries again up to two minutes apart.
    mount_after: Seconds = 75,
    /// How long containers may be in the making without a word about it.
    creating_after: Seconds = 150,
    /// How long an image may take to be pulled.
    pulling_after: Seconds = 900,
    /// How long a running container may not be Ready, beyond the delays of its own probes.
    unready_after: Seconds = 90,
    /// How long an init container may run while nothing of its revision is Ready.
    init_after: Seconds = 240,
    /// How long a pod may wait for a node: a new node takes its time.
    schedule_after: Seconds = 90,
    /// The same once an autoscaler has said that it adds a node.
    autoscaler_after: Seconds = 360,
    /// How long a scheduling gate may be closed.
    gate_after: Seconds = 180,
    /// The same for gates of queues, where waiting is the purpose.
    queue_after: Seconds = 21_600,
    /// How long a pod may be there after the grace period of its deletion.
    terminating_after: Seconds = 120,
    /// Memory kills that are no crash loop belong together within this time.
    oom_window: Seconds = 3600,
    /// A run that memory ended before this never fitted; one that ended later grew until it did, and more would only delay it.
    leak_after: Seconds = 8,
    /// Evictions belong together within this time.
    evicted_window: Seconds = 1800,
}

/// A threshold as people set it.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its name in files.
    pub name: &'static str,
    about: &'static str,
    get: fn(&Params) -> String,
    set: fn(&mut Params, &str) -> Result<(), String>,
}

impl Parameter {
    /// The threshold of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Params::ALL.iter().find(|parameter| parameter.name == name)
    }

    /// What it is, in a sentence.
    pub fn about(&self) -> &'static str {
        self.about.trim()
    }

    /// Its value, as a file writes it.
    pub fn get(&self, params: &Params) -> String {
        (self.get)(params)
    }

    /// Sets it.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write.
    pub fn set(&self, params: &mut Params, text: &str) -> Result<(), String> {
        (self.set)(params, text)
    }
}

/// What a threshold can be.
trait Value: Sized {
    fn of(default: u64) -> Self;
    fn read(text: &str) -> Result<Self, String>;
    fn written(self) -> String;
}

/// From a second, so that nothing is told before it has stood at all, to a month.
impl Value for Seconds {
    fn of(default: u64) -> Self {
        Self(default)
    }

    fn read(text: &str) -> Result<Self, String> {
        let read: Self = text.parse()?;
        let fits = (1..=30 * 86_400).contains(&read.0);
        if fits { Ok(read) } else { Err(format!("`{text}` is not from 1s to 30d")) }
    }

    fn written(self) -> String {
        Self::written(self)
    }
}

/// A count, from 1 to 1,000.
impl Value for u32 {
    fn of(default: u64) -> Self {
        Self::try_from(default).unwrap_or(Self::MAX)
    }

    fn read(text: &str) -> Result<Self, String> {
        let read = text.parse().ok().filter(|count| (1..=1000).contains(count));
        read.ok_or_else(|| format!("`{text}` is not a whole number from 1 to 1000"))
    }

    fn written(self) -> String {
        self.to_string()
    }
}

/// A share, from 1 to 50 %: of more, nothing is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u32);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl Value for Percent {
    fn of(default: u64) -> Self {
        Self(u32::of(default))
    }

    fn read(text: &str) -> Result<Self, String> {
        let read = text.parse().ok().filter(|percent| (1..=50).contains(percent));
        read.map(Self).ok_or_else(|| format!("`{text}` is not a whole number from 1 to 50: percent"))
    }

    fn written(self) -> String {
        self.0.to_string()
    }
}

impl Params {
    /// Thresholds that somebody set, and their values.
    pub fn changed(&self) -> impl Iterator<Item = (&'static str, String)> {
        let before = Self::default();
        let now = Self::ALL.iter().map(move |each| (each.name, each.get(self), each.get(&before)));
        now.filter(|(_, now, before)| now != before).map(|(name, now, _)| (name, now))
    }

    /// Reasons whose detectors are not asked.
    pub fn off(&self) -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(|reason| self.is_off(*reason))
    }

    /// Asks the detector of a reason no more.
    pub fn switch_off(&mut self, reason: Reason) {
        self.off |= bit(reason);
    }

    /// Whether the detector of a reason is not asked.
    pub fn is_off(&self, reason: Reason) -> bool {
        self.off != 0 && self.off & bit(reason) != 0
    }

    /// The kubelet's back-off after this many restarts: 10, 20, 40, 80, 160, 300 s with the defaults.
    pub fn backoff(&self, restarts: u32) -> Seconds {
        let doubled = 1_u64.checked_shl(restarts.saturating_sub(1)).unwrap_or(u64::MAX);
        Seconds(self.backoff_first.0.saturating_mul(doubled).min(self.backoff_most.0))
    }

    /// How long a container must have been Ready after this many restarts: `clear_after` or two back-off periods.
    pub fn clear(&self, restarts: u32) -> Seconds {
        self.clear_after.max(Seconds(2 * self.backoff(restarts).0))
    }
}

/// Its bit; there are fewer reasons than bits, by a test.
fn bit(reason: Reason) -> u64 {
    let place = Reason::ALL.iter().position(|each| *each == reason).and_then(|n| u32::try_from(n).ok());
    place.and_then(|n| 1_u64.checked_shl(n)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_is_the_kubelets() {
        let p = Params::default();
        let periods: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 7, 63, 64, 65, u32::MAX].map(|n| p.backoff(n).0).into();
        assert_eq!(periods, [10, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 300]);
        assert_eq!(p.clear(1), Seconds(600));
        assert_eq!(Params { clear_after: Seconds(60), ..p }.clear(4), Seconds(160));
    }

    #[test]
    fn every_threshold_reads_back_what_it_says() {
        let mut p = Params::default();
        for parameter in Params::ALL {
            assert!(
                parameter.about().ends_with('.') && !parameter.about().contains("  "),
                "{}",
                parameter.name
            );
            parameter.set(&mut p, &parameter.get(&Params::default())).unwrap();
        }
        assert_eq!(p, Params::default());
        Parameter::named("restarts").unwrap().set(&mut p, "5").unwrap();
        Parameter::named("node_cordoned").unwrap().set(&mut p, "8h").unwrap();
        assert_eq!(p, Params { restarts: 5, node_cordoned: Seconds(8 * 3600), ..Params::default() });
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let table = [
            ("restarts", "0", "from 1 to 1000"),
            ("restarts", "1001", "from 1 to 1000"),
            ("restarts", "-1", "from 1 to 1000"),
            ("restarts", "3s", "from 1 to 1000"),
            ("claim", "60", "one of s, m, h, d"),
            ("claim", "0s", "from 1s to 30d"),
            ("claim", "31d", "from 1s to 30d"),
            ("claim", "", "one of s, m, h, d"),
        ];
        for (name, text, wrong) in table {
            let mut p = Params::default();
            let told = Parameter::named(name).unwrap().set(&mut p, text).unwrap_err();
            assert!(told.contains(wrong), "{name} {text}: {told}");
            assert_eq!(p, Params::default());
        }
        assert!(Parameter::named("off").is_none() && Parameter::named("").is_none());
    }

    #[test]
    fn every_reason_has_a_bit_of_its_own() {
        let mut p = Params::default();
        for reason in Reason::ALL {
            assert!(!p.is_off(*reason), "{reason}");
            p.switch_off(*reason);
            assert!(p.is_off(*reason), "{reason}");
        }
    }
}
