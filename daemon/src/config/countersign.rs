//! `countersign:`.

use super::read::{Document, Problem};
use nightshift_engine::lock::LockMode;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The lock at the API server: what of it is installed, and where the API server asks the responder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Countersign {
    /// How much of it is wanted.
    #[serde(default)]
    pub mode: LockMode,
    /// The name that policy, binding and webhook configuration bear at the API server.
    #[serde(default = "name")]
    pub lock: String,
    /// The executor, as the API server calls it.
    pub executor: String,
    /// Where the responder answers.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// The names and addresses under which the API server asks: they stand in the certificate.
    #[serde(default)]
    pub names: Vec<String>,
}

fn name() -> String {
    nightshift_engine::lock::policy::NAME.to_owned()
}

/// Control planes often reach nodes and Pods at 443 and 10250 alone.
fn listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 10_250)
}

impl Countersign {
    /// Whether the responder is asked.
    pub fn is_served(&self) -> bool {
        match self.mode {
            LockMode::Webhook | LockMode::Auto => true,
            LockMode::Policy => false,
        }
    }

    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        let plain = |text: &str, more: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
        };
        if !plain(&self.executor, "-.:") {
            let what = "is the executor's name at the API server, such as \
                        system:serviceaccount:nightshift:nightshift-executor";
            problems.push(file.problem("countersign.executor", what));
        }
        if !plain(&self.lock, "-.") {
            let what = "is the name of the lock's objects at the API server: small letters, digits, - and .";
            problems.push(file.problem("countersign.lock", what));
        }
        if self.is_served() && self.names.is_empty() {
            let what = "needs the name under which the API server asks, such as nightshift-countersign.nightshift.svc";
            problems.push(file.problem("countersign.names", what));
        }
        for name in self.names.iter().filter(|name| !plain(name, "-.:")) {
            problems
                .push(file.problem("countersign.names", format!("`{name}` is no host name and no address")));
        }
    }
}
