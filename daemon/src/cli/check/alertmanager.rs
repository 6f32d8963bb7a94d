//! Alertmanager's API: whether it answers, and whether its receivers are called what the configuration says.

use super::Finding;
use crate::config::Config;
use crate::network::Network;
use crate::runtime::offline::probe::{Heard, alertmanager};
use nightshift_model::Timestamp;

pub(super) async fn look(config: &Config, network: &Network, now: Timestamp) -> Vec<Finding> {
    let Some(asked) = &config.alertmanager else {
        if config.alerts.is_none() {
            return Vec::new();
        }
        let told = "not asked: its silences hold nothing back here, and a lost message is noticed late";
        return vec![Finding::ok("Alertmanager", told).hint("name its URL in `alertmanager.url`")];
    };
    let next = "see that `alertmanager.url` can be reached from here, and with which credentials";
    let Heard { silences, alerts, receivers } = match alertmanager(asked, network, now).await {
        Ok(heard) => heard,
        Err(why) => return vec![Finding::missing("Alertmanager", why, next)],
    };
    let mut found = vec![Finding::ok(
        "Alertmanager",
        format!("{}, {silences} active silences, {alerts} alerts", asked.url),
    )];
    for name in std::iter::once(&asked.receiver).chain(&asked.paging_receivers) {
        let what = format!("receiver {name}");
        found.push(if receivers.contains(name) {
            Finding::ok(what, "alerts are routed to it now")
        } else {
            let next = "compare the name with alertmanager.yaml";
            Finding::not_checked(what, "no alert is routed to it now", next)
        });
    }
    found
}
