//! Prometheus: whether it answers, and whether the playbooks' queries find anything.

use super::Finding;
use crate::config::Config;
use crate::network::Network;
use crate::runtime::offline::probe::{Answered, queries};
use nightshift_playbooks::Catalog;
use nightshift_playbooks::schema::Measure;

/// Answers whatever is scraped.
const ANY: &str = "vector(1)";

pub(super) async fn look(config: &Config, network: &Network, catalog: Option<&Catalog>) -> Vec<Finding> {
    let Some(prometheus) = &config.prometheus else {
        let told = "not configured: success is proven from the cluster only";
        return vec![Finding::ok("Prometheus", told).hint("name its URL in `prometheus.url`")];
    };
    let asked: Vec<(String, String)> = catalog.map(questions).unwrap_or_default();
    let playbooks = asked.iter().map(|(_, query)| query.clone());
    let scraped = SCRAPED.iter().map(|(_, query, _)| (*query).to_owned());
    let texts: Vec<String> = std::iter::once(ANY.to_owned()).chain(playbooks).chain(scraped).collect();
    let next = "see that `prometheus.url` can be reached from here, and with which credentials";
    let answers = match queries(prometheus, network, &texts).await {
        Ok(answers) => answers,
        Err(error) => return vec![Finding::missing("Prometheus", crate::cli::failure::causes(&error), next)],
    };
    let mut answers = answers.into_iter();
    match answers.next() {
        Some(Answered::Data) => {}
        Some(Answered::NoData) => {
            return vec![Finding::missing("Prometheus", "`vector(1)` has no answer: is it one?", next)];
        }
        Some(Answered::Not(why)) => return vec![Finding::missing("Prometheus", why, next)],
        None => return Vec::new(),
    }
    let mut found = vec![Finding::ok("Prometheus", prometheus.url.clone())];
    for ((name, query), answer) in asked.into_iter().zip(answers.by_ref()) {
        found.push(match answer {
            Answered::Data => Finding::ok(format!("query {name}"), "has data"),
            Answered::NoData => Finding::missing(
                format!("query {name}"),
                format!("without data: {query}"),
                "see that its metrics are scraped; verification would be Inconclusive",
            ),
            Answered::Not(why) => {
                Finding::not_checked(format!("query {name}"), why, "ask Prometheus the query by hand")
            }
        });
    }
    for ((name, _, next), answer) in SCRAPED.iter().zip(answers) {
        found.push(match answer {
            Answered::Data => Finding::ok(*name, "there"),
            // A cluster may have no volumes, and a Prometheus may leave them to another one.
            Answered::NoData => Finding::not_checked(*name, "Prometheus has none", *next),
            Answered::Not(why) => Finding::not_checked(*name, why, *next),
        });
    }
    found
}

/// What is asked of the kubelets' own metrics, and what is missing without them.
const SCRAPED: [(&str, &str, &str); 2] = [
    (
        "metrics of containers",
        "count(container_memory_working_set_bytes)",
        "scrape the kubelets' /metrics/cadvisor: nobody says how much memory and cpu was used otherwise",
    ),
    (
        "metrics of volumes",
        "count(kubelet_volume_stats_capacity_bytes)",
        "scrape the kubelets' /metrics: no volume is called nearly full otherwise",
    ),
];

/// Every query of every playbook once, under `playbook/name`.
fn questions(catalog: &Catalog) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for playbook in catalog.iter() {
        let shown = playbook.investigate.iter().map(|q| (&q.name, &q.query));
        let measures = playbook.verify.iter().flat_map(|v| &v.measures).filter_map(|m| match m {
            Measure::Query(m) => Some((&m.name, &m.query)),
            Measure::Cluster(_) => None,
        });
        for (name, query) in shown.chain(measures) {
            if !all.iter().any(|(_, other)| other == query) {
                all.push((format!("{}/{name}", playbook.name), query.clone()));
            }
        }
    }
    all
}
