//! What the cluster's own state says, as the detectors read it.

use crate::text::visible;
use nightshift_model::{Cause, Finding, Ground, Incident, Ranking};

/// It names the cause itself, and nothing that a program writes makes that untrue.
const SETTLES: u8 = 100;
/// It names what was done to the container, and not why that was needed.
const NARROWS: u8 = 50;
/// It says only that something is wrong.
const VAGUE: u8 = 20;

/// Longest quotation of the cluster's words.
const QUOTED: usize = 200;

/// The first finding counts in full, the others half.
pub(super) fn weigh(incident: &Incident, ranking: &mut Ranking) {
    let gone = incident.symptom.iter().filter(|_| incident.findings.is_empty());
    for (place, finding) in incident.findings.iter().chain(gone).enumerate() {
        let weight = weight(finding.cause);
        let weight = if place == 0 { weight } else { weight / 2 };
        ranking.back(finding.cause, finding.blames.as_ref(), Ground::new(weight, said(finding)));
    }
}

/// What was seen, in the cluster's own words where it has some.
fn said(finding: &Finding) -> String {
    let exit = finding.exit.as_ref().map(|e| format!(", exit code {}: {}", e.code, e.class.meaning()));
    let words = Some(finding.detail.trim()).filter(|text| !text.is_empty());
    let words = words.map(|text| format!(": {}", visible(text, QUOTED)));
    format!("{}{}{}", finding.reason, exit.unwrap_or_default(), words.unwrap_or_default())
}

/// How much a detector's word is worth.
#[allow(clippy::match_same_arms)] // kept apart by who says them
fn weight(cause: Cause) -> u8 {
    match cause {
        Cause::Unknown => 0,
        Cause::ProgramError
        | Cause::CleanExit
        | Cause::Crash
        | Cause::PodsNotReady
        | Cause::BackoffLimit
        | Cause::Deadline
        | Cause::FailurePolicy
        | Cause::Dependency
        | Cause::NewRevision => VAGUE,
        Cause::LivenessProbe
        | Cause::StartupProbe
        | Cause::ReadinessProbe
        | Cause::PortRefused
        | Cause::PostStartHook => NARROWS,
        Cause::ImageNotFound
        | Cause::Unauthorized
        | Cause::RegistryUnreachable
        | Cause::WrongPlatform
        | Cause::RateLimited
        | Cause::MissingConfigMap
        | Cause::MissingSecret
        | Cause::MissingKey
        | Cause::MissingServiceAccount
        | Cause::RunAsRoot
        | Cause::WrongCommand
        | Cause::MemoryLimit
        | Cause::MemoryLeak
        | Cause::NodeMemory
        | Cause::EphemeralStorage
        | Cause::InsufficientCpu
        | Cause::InsufficientMemory
        | Cause::InsufficientResource
        | Cause::NodeSelector
        | Cause::Affinity
        | Cause::Taint
        | Cause::TopologySpread
        | Cause::HostPort
        | Cause::VolumeZone
        | Cause::UnboundClaim
        | Cause::MissingClaim
        | Cause::Cordoned
        | Cause::TooManyPods
        | Cause::NoNode
        | Cause::Quota
        | Cause::LimitRange
        | Cause::PodSecurity
        | Cause::Webhook
        | Cause::Forbidden
        | Cause::NoStorageClass
        | Cause::NoProvisioner
        | Cause::ProvisioningFailed
        | Cause::MultiAttach
        | Cause::SelectorMatchesNothing
        | Cause::MissingService
        | Cause::MissingPort
        | Cause::NoMetrics
        | Cause::MissingTarget
        | Cause::Finalizer
        | Cause::KubeletSilent
        | Cause::RuntimeDown
        | Cause::Sandbox
        | Cause::NodeDisk
        | Cause::NodePids
        | Cause::NodeNetwork
        | Cause::NoScheduler
        | Cause::StillRunning => SETTLES,
        // Words of logs, of changes and of measurements; no detector says them.
        Cause::PermissionDenied
        | Cause::ProgramMemory
        | Cause::MissingFile
        | Cause::MissingVariable
        | Cause::BadSetting
        | Cause::PortInUse
        | Cause::CertificateExpired
        | Cause::CertificateUntrusted
        | Cause::MigrationFailed
        | Cause::DiskFull
        | Cause::LoginRefused
        | Cause::TooManyConnections
        | Cause::ConfigChanged
        | Cause::CpuLimit => NARROWS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::samples::{finding, investigated};
    use nightshift_model::{Exit, ExitClass, Reason};

    fn of(reason: Reason, cause: Cause, detail: &str) -> Finding {
        Finding { reason, cause, detail: detail.to_owned(), ..finding("h") }
    }

    #[test]
    fn the_first_finding_counts_more_than_what_follows_from_it() {
        let exit = Some(Exit { code: 1, class: ExitClass::Application, at: None });
        let crash = Finding { exit, ..of(Reason::CrashLoopBackOff, Cause::ProgramError, "boom\u{1b}[31m") };
        let stuck = of(Reason::ProgressDeadlineExceeded, Cause::NewRevision, "");
        let causes = diagnose(&investigated(vec![crash, stuck], Vec::new())).causes;
        let words: Vec<&str> = causes.iter().map(|c| c.cause.as_str()).collect();
        assert_eq!(words, ["ProgramError", "NewRevision"]);
        assert_eq!(
            causes[0].backing[0].text,
            "CrashLoopBackOff, exit code 1: the program ended with its own error: boom␛[31m"
        );
    }

    #[test]
    fn what_names_no_cause_leaves_none() {
        let found = of(Reason::ReplicasUnavailable, Cause::Unknown, "1 of 2");
        assert!(diagnose(&investigated(vec![found], Vec::new())).is_empty());
    }

    #[test]
    fn an_object_to_blame_is_carried_on() {
        let quota = nightshift_model::ObjectRef::new(nightshift_model::Kind::ResourceQuota, "shop", "q", "");
        let found =
            Finding { blames: Some(quota), ..of(Reason::FailedCreate, Cause::Quota, "exceeded quota") };
        let diagnosis = diagnose(&investigated(vec![found], Vec::new()));
        let first = diagnosis.first().unwrap();
        assert_eq!(first.sentence(), "a quota does not allow it (ResourceQuota shop/q)");
    }
}
