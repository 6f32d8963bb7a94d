//! VolumeNearlyFull: a mounted volume has nearly no room left, or soon will not.
//!
//! # Meaning
//! The kubelet measures the volume of a claim, and for three minutes less than 3 % of its bytes or of its inodes have been free; or
//! less than 15 % are, and at the rate of the last six hours the rest is gone within four days. Only Prometheus knows it: without one
//! that scrapes the kubelets, nothing is said. Silence: volumes that nobody can write to, and claims that no pod has mounted.
//!
//! # Impact
//! What writes there fails when it is full: databases stop or lose what they were writing, logs are gone, a pod may not even
//! start again. Critical once nearly nothing is free.
//!
//! # Diagnosis
//! `kubectl exec` into a pod that mounts it: `df -h` and `df -i`, then `du -xh <directory> | sort -h | tail`. Growth without
//! a reason is old backups, a log without rotation, a queue that nobody empties, or a write-ahead log that is kept for a
//! replica that is gone.
//!
//! # Mitigation
//! Delete what may go, or make the claim larger where its class allows it (`allowVolumeExpansion`): `kubectl -n <namespace>
//! patch pvc <name> --type merge -p '{"spec":{"resources":{"requests":{"storage":"<size>"}}}}'`. A claim never shrinks
//! again. Inodes cannot be added: delete files, or move to a file system with more.

use crate::catalog::{Detector, Looked};
use crate::facts::ClaimFacts;
use crate::look::Look;
use crate::params::Params;
use crate::volumes::Shortage;
use nightshift_model::{Cause, Finding, Gap, Reason, Seconds, Severity};

/// The detector.
#[derive(Debug)]
pub struct VolumeNearlyFull;

/// An older answer says nothing of now.
const STALE: Seconds = Seconds(600);

impl Detector for VolumeNearlyFull {
    fn reason(&self) -> Reason {
        Reason::VolumeNearlyFull
    }

    fn source(&self) -> &'static str {
        include_str!("volume_nearly_full.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![
            ("Bytes and inodes that must be free", params.volume_free.to_string()),
            ("Time that less may be free", params.volume_full_for.to_string()),
            ("Free bytes below which its growth is looked at", params.volume_filling.to_string()),
            ("Time that its growth must point to the end", params.volume_filling_for.to_string()),
        ]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        let Some(claim) = at.facts::<ClaimFacts>().filter(|claim| claim.meta.deleting.is_none()) else {
            return Looked::default();
        };
        let Some((short, since, asked)) = at.view.short_volume(claim) else { return Looked::default() };
        if at.now.since(asked) > STALE {
            let why = format!("Prometheus has not said so since {asked}");
            let unchecked = vec![Gap { what: "free room of volumes".to_owned(), why }];
            return Looked { unchecked, ..Looked::default() };
        }
        let full_for = at.params.volume_full_for;
        let (what, severity, grace) = match short.of {
            Shortage::Bytes => ("of its bytes are free", Severity::Critical, full_for),
            Shortage::Inodes => ("of its inodes are free", Severity::Critical, full_for),
            Shortage::Filling => (
                "of its bytes are free, and at the rate of the last six hours none will be within four days",
                Severity::Warning,
                at.params.volume_filling_for,
            ),
        };
        if at.now < since + grace {
            return Looked::later(since + grace);
        }
        let detail = format!("{}.{} % {what}", short.free / 10, short.free % 10);
        let finding = at.finding(Reason::VolumeNearlyFull, severity, since);
        let found = Finding { cause: Cause::DiskFull, detail, ..finding };
        Looked { recheck_at: Some(asked + STALE + Seconds(1)), ..Looked::found(found) }
    }
}
