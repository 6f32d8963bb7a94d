//! Thresholds of the detectors: values of the configuration, never constants in a detector.

use nightshift_model::Seconds;

/// What detectors compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// How long a container must have been Ready before a crash loop is over.
    pub clear_after: Seconds,
    /// Restarts at an exit from which on a crash loop is a finding at once.
    pub restarts: u32,
    /// One restart fewer: how long after the exit the container may take to be Ready.
    pub early_after: Seconds,
    /// The kubelet's first back-off; it doubles with every restart.
    pub backoff_first: Seconds,
    /// The kubelet's longest back-off.
    pub backoff_most: Seconds,
    /// How long pods are refused for a reason that only a person can end.
    pub refused_for_good: Seconds,
    /// How long pods are refused for a reason that may pass: an account or a webhook's pods may come a moment later.
    pub refused: Seconds,
    /// How long pods are refused by a quota that has room again: the controller sleeps longer after each try.
    pub refused_with_room: Seconds,
    /// How long an Event of a refusal is believed: controllers try again after 1,000 seconds at the latest.
    pub refused_told: Seconds,
    /// How long a rollout has passed its progress deadline: some that were only slow get there a moment later.
    pub stalled: Seconds,
    /// How long a pod that runs is not Ready until its workload is short of it.
    pub replicas_unready: Seconds,
    /// The same for a pod that does not run yet: a large image, a slow volume, a node that is still to come.
    pub replicas_pending: Seconds,
    /// How long a rollout is paused half-way: a canary is watched for less.
    pub paused: Seconds,
    /// How late a CronJob's run is: the controller needs seconds, a busy one a minute.
    pub missed_after: Seconds,
    /// Times that a CronJob misses while a run goes on that forbids others.
    pub missed_runs: u32,
    /// Active runs of a CronJob of which none ends.
    pub piling: u32,
    /// Active runs of a CronJob that a later one has overtaken.
    pub overtaken: u32,
    /// How long an autoscaler stands at its maximum and wants more.
    pub scaling_limited: Seconds,
    /// How long an autoscaler cannot read a metric: a metrics server that restarts is back before.
    pub metrics_failed: Seconds,
    /// How long an autoscaler's target is missing: one apply may bring it after the autoscaler.
    pub target_missing: Seconds,
    /// Age of an autoscaler from which on it is believed: each one fails until its first metric.
    pub autoscaler_new: Seconds,
    /// How long a node is cordoned with pods that their budget can never let go.
    pub never_disrupted: Seconds,
    /// How long a node is cordoned while a budget allows nothing, for pods that are missing: a drain waits for each new pod.
    pub not_disrupted: Seconds,
    /// How long a node may not be Ready; the control plane has waited 40 seconds for its kubelet already.
    pub node_down: Seconds,
    /// How long a new node may take to be Ready for the first time.
    pub node_start: Seconds,
    /// How long a node that was cordoned before, or shuts down in order, may not be Ready.
    pub node_maintenance: Seconds,
    /// How long a node may be short of something.
    pub node_pressure: Seconds,
    /// How long a node may be cordoned.
    pub node_cordoned: Seconds,
    /// How long a Service may select nobody.
    pub no_endpoints: Seconds,
    /// How long a Service's pods may all be unready when nothing else is wrong with them.
    pub unready: Seconds,
    /// How long a Service or an Ingress may send to a port or Service that is not there.
    pub misrouted: Seconds,
    /// How long an admission webhook, the cluster's DNS or an aggregated API may not answer.
    pub no_answer: Seconds,
    /// How long a claim may wait for its volume where nobody makes one.
    pub claim: Seconds,
    /// How long a claim may wait for a provisioner that says nothing.
    pub provisioner: Seconds,
    /// How long a provisioner that works on it may take.
    pub provisioning: Seconds,
    /// How long an object may take to go after its deletion.
    pub deletion: Seconds,
    /// The same for a node, and for what waits for pods that end slowly.
    pub slow_deletion: Seconds,
    /// What the kubelet names and only a person mends has stood so long: no such image, an unreadable name.
    pub named_after: Seconds,
    /// What a container needs may come later than its pod: ConfigMaps and Secrets.
    pub missing_after: Seconds,
    /// What may heal alone has stood so long: a registry that does not answer.
    pub heals_after: Seconds,
    /// How long volumes may fail to mount; the kubelet tries again up to two minutes apart.
    pub mount_after: Seconds,
    /// How long containers may be in the making without a word about it.
    pub creating_after: Seconds,
    /// How long an image may take to be pulled.
    pub pulling_after: Seconds,
    /// How long a running container may not be Ready, beyond the delays of its own probes.
    pub unready_after: Seconds,
    /// How long an init container may run while nothing of its revision is Ready.
    pub init_after: Seconds,
    /// How long a pod may wait for a node: a new node takes its time.
    pub schedule_after: Seconds,
    /// The same once an autoscaler has said that it adds a node.
    pub autoscaler_after: Seconds,
    /// How long a scheduling gate may be closed.
    pub gate_after: Seconds,
    /// The same for gates of queues, where waiting is the purpose.
    pub queue_after: Seconds,
    /// How long a pod may be there after the grace period of its deletion.
    pub terminating_after: Seconds,
    /// Memory kills that are no crash loop belong together within this time.
    pub oom_window: Seconds,
    /// A run that memory ended before this never fitted; one that ended later grew until it did, and more would only delay it.
    pub leak_after: Seconds,
    /// Evictions belong together within this time.
    pub evicted_window: Seconds,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            clear_after: Seconds(600),
            restarts: 3,
            early_after: Seconds(30),
            backoff_first: Seconds(10),
            backoff_most: Seconds(300),
            refused_for_good: Seconds(30),
            refused: Seconds(60),
            refused_with_room: Seconds(300),
            refused_told: Seconds(1200),
            stalled: Seconds(60),
            replicas_unready: Seconds(300),
            replicas_pending: Seconds(900),
            paused: Seconds(1800),
            missed_after: Seconds(300),
            missed_runs: 3,
            piling: 4,
            overtaken: 3,
            scaling_limited: Seconds(900),
            metrics_failed: Seconds(180),
            target_missing: Seconds(120),
            autoscaler_new: Seconds(120),
            never_disrupted: Seconds(120),
            not_disrupted: Seconds(600),
            node_down: Seconds(60),
            node_start: Seconds(600),
            node_maintenance: Seconds(1800),
            node_pressure: Seconds(60),
            node_cordoned: Seconds(4 * 3600),
            no_endpoints: Seconds(120),
            unready: Seconds(600),
            misrouted: Seconds(90),
            no_answer: Seconds(60),
            claim: Seconds(60),
            provisioner: Seconds(150),
            provisioning: Seconds(600),
            deletion: Seconds(240),
            slow_deletion: Seconds(1800),
            named_after: Seconds(30),
            missing_after: Seconds(45),
            heals_after: Seconds(90),
            mount_after: Seconds(75),
            creating_after: Seconds(150),
            pulling_after: Seconds(900),
            unready_after: Seconds(90),
            init_after: Seconds(240),
            schedule_after: Seconds(90),
            autoscaler_after: Seconds(360),
            gate_after: Seconds(180),
            queue_after: Seconds(21_600),
            terminating_after: Seconds(120),
            oom_window: Seconds(3600),
            leak_after: Seconds(8),
            evicted_window: Seconds(1800),
        }
    }
}

impl Params {
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
}
