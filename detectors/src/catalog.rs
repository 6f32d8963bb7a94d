//! Every detector, in one slice.

use crate::look::Look;
use crate::params::Params;
use nightshift_model::{Finding, Gap, Reason, Timestamp};

/// One reason and how to see it. A unit struct in a file of its own name.
pub trait Detector: Sync {
    /// What it finds.
    fn reason(&self) -> Reason;

    /// The file itself, by `include_str!`. The comment at its top is the catalogue page: Meaning, Impact, Diagnosis,
    /// Mitigation.
    fn source(&self) -> &'static str;

    /// What it compares with, as (sentence, value) for the page.
    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)>;

    /// Looks at one scope. Says the same whenever view, scope and time are the same.
    fn look(&self, at: &Look<'_>) -> Looked;
}

/// What one detector saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What is wrong now.
    pub finding: Option<Finding>,
    /// When to look again though nothing changes.
    pub recheck_at: Option<Timestamp>,
    /// What could not be seen.
    pub unchecked: Vec<Gap>,
}

impl Looked {
    /// Something is wrong.
    pub fn found(finding: Finding) -> Self {
        Self { finding: Some(finding), ..Self::default() }
    }

    /// Nothing is wrong yet; it is looked at again then.
    pub fn later(at: Timestamp) -> Self {
        Self { recheck_at: Some(at), ..Self::default() }
    }
}

/// All detectors, in the order of their reasons.
pub static DETECTORS: &[&dyn Detector] = &[
    &crate::crash_loop_back_off::CrashLoopBackOff,
    &crate::oom_killed::OomKilled,
    &crate::image_pull_back_off::ImagePullBackOff,
    &crate::err_image_never_pull::ErrImageNeverPull,
    &crate::invalid_image_name::InvalidImageName,
    &crate::create_container_config_error::CreateContainerConfigError,
    &crate::create_container_error::CreateContainerError,
    &crate::run_container_error::RunContainerError,
    &crate::post_start_hook_error::PostStartHookError,
    &crate::unhealthy::Unhealthy,
    &crate::init_container_stuck::InitContainerStuck,
    &crate::failed_mount::FailedMount,
    &crate::container_creating::ContainerCreating,
    &crate::evicted::Evicted,
    &crate::terminating::Terminating,
    &crate::pod_failed::PodFailed,
    &crate::failed_scheduling::FailedScheduling,
    &crate::scheduling_gated::SchedulingGated,
    &crate::failed_create::FailedCreate,
    &crate::progress_deadline_exceeded::ProgressDeadlineExceeded,
    &crate::replicas_unavailable::ReplicasUnavailable,
    &crate::rollout_paused::RolloutPaused,
    &crate::rollout_stuck::RolloutStuck,
    &crate::job_failed::JobFailed,
    &crate::cron_job_failing::CronJobFailing,
    &crate::missed_schedule::MissedSchedule,
    &crate::jobs_piling_up::JobsPilingUp,
    &crate::scaling_limited::ScalingLimited,
    &crate::failed_get_metrics::FailedGetMetrics,
    &crate::disruption_blocked::DisruptionBlocked,
    &crate::claim_pending::ClaimPending,
    &crate::volume_nearly_full::VolumeNearlyFull,
    &crate::no_endpoints::NoEndpoints,
    &crate::port_mismatch::PortMismatch,
    &crate::backend_missing::BackendMissing,
    &crate::webhook_unavailable::WebhookUnavailable,
    &crate::dns_unavailable::DnsUnavailable,
    &crate::api_service_unavailable::ApiServiceUnavailable,
    &crate::quota_exhausted::QuotaExhausted,
    &crate::node_not_ready::NodeNotReady,
    &crate::node_pressure::NodePressure,
    &crate::node_cordoned::NodeCordoned,
];
