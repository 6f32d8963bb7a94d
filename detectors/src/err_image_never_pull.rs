//! ErrImageNeverPull: the image is not on the node, and `imagePullPolicy: Never` forbids to fetch it.
//!
//! # Meaning
//! A container has waited with reason ErrImageNeverPull for half a minute.
//!
//! # Impact
//! The replica does not start on this node, and on no other that lacks the image. It does not heal: nobody fetches it.
//!
//! # Diagnosis
//! The policy is most often left over from work on a local cluster, where the image was loaded by hand. `crictl images`
//! on the node shows what is there; the kubelet's garbage collection may have removed it under disk pressure.
//!
//! # Mitigation
//! Push the image to a registry and set `imagePullPolicy: IfNotPresent`. On a local cluster, load it again
//! (`kind load docker-image`, `minikube image load`).

use crate::catalog::{Detector, Looked};
use crate::look::Look;
use crate::params::Params;
use crate::waiting::{Verdict, report, waiting};
use nightshift_model::{Cause, Reason};

/// The detector.
#[derive(Debug)]
pub struct ErrImageNeverPull;

impl Detector for ErrImageNeverPull {
    fn reason(&self) -> Reason {
        Reason::ErrImageNeverPull
    }

    fn source(&self) -> &'static str {
        include_str!("err_image_never_pull.rs")
    }

    fn thresholds(&self, params: &Params) -> Vec<(&'static str, String)> {
        vec![("Time that it must stand", params.named_after.to_string())]
    }

    fn look(&self, at: &Look<'_>) -> Looked {
        report(at, self.reason(), &waiting(at, &["ErrImageNeverPull"]), |waits| Verdict {
            grace: at.params.named_after,
            cause: Cause::ImageNotFound,
            detail: waits.message.to_owned(),
            blames: None,
        })
    }
}
