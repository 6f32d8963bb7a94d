//! A look at the outside for `check`: nothing is written anywhere.

use super::rights::Asked;
use crate::alertmanager::Alertmanager;
use crate::cluster::review::{self, Identity, Right};
use crate::cluster::{Access, ClientError, Reader, date, identity};
use crate::config;
use crate::network::Network;
use crate::prometheus::{Prometheus, PrometheusError};
use crate::runtime::alertmanager::Asking;
use crate::runtime::run::settings;
use nightshift_detectors::plane::{Plane, plane};
use nightshift_detectors::{Delta, Fact, View};
use nightshift_engine::alert::listed::listed;
use nightshift_engine::silence::foreign;
use nightshift_model::effect::{Accept, RawPart};
use nightshift_model::{Kind, Timestamp};
use std::time::Duration;

const NODES: (Kind, &str) = (Kind::Node, "/api/v1/nodes");
const PODS: (Kind, &str) = (Kind::Pod, "/api/v1/namespaces/kube-system/pods");
/// Nodes and pods that are asked for: a few tell whose control plane it is.
const LISTED: &str = "100";
/// Bytes of such a list.
const LIST_MAX: usize = 8 << 20;
/// A question that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(5);

/// A cluster that can be asked.
pub struct Cluster {
    reader: Reader,
}

impl Cluster {
    /// Builds the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect(access: &Access) -> Result<Self, ClientError> {
        Ok(Self { reader: Reader::connect(access).await? })
    }

    /// The cluster's uid: it answers, and knows us.
    ///
    /// # Errors
    /// One sentence.
    pub async fn uid(&self) -> Result<String, String> {
        identity::cluster_uid(&self.reader, DEADLINE).await.map_err(|error| error.to_string())
    }

    /// What the API server's clock shows.
    ///
    /// # Errors
    /// One clause.
    pub async fn time(&self) -> Result<Timestamp, String> {
        date::server_time(&self.reader, DEADLINE).await
    }

    /// A control plane that is not there as pods, as nodes and kube-system tell.
    ///
    /// # Errors
    /// One clause.
    pub async fn plane(&self) -> Result<Option<Plane>, String> {
        self.told_by(&[NODES, PODS]).await
    }

    /// The same by the nodes alone, for an account that reads no more.
    ///
    /// # Errors
    /// One clause.
    pub async fn provider(&self) -> Result<Option<Plane>, String> {
        self.told_by(&[NODES]).await
    }

    async fn told_by(&self, lists: &[(Kind, &str)]) -> Result<Option<Plane>, String> {
        let mut view = View::default();
        for (kind, path) in lists {
            let limit = [("limit".to_owned(), LISTED.to_owned())];
            let body = match self.reader.get(path, &limit, Accept::Json, LIST_MAX, DEADLINE).await {
                RawPart::Failed { why, detail } => return Err(format!("{}: {detail}", why.clause())),
                RawPart::Body { status: 200, body, .. } => body,
                RawPart::Body { status, .. } => {
                    return Err(format!("the API server answered {status} to {path}"));
                }
            };
            let list: serde_json::Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            let items = list.get("items").and_then(|items| items.as_array()).cloned().unwrap_or_default();
            for item in items {
                if let Some(fact) = Fact::parse(kind, item.to_string().as_bytes()) {
                    view.apply(Delta::Applied(fact), Timestamp::EPOCH);
                }
            }
            view.apply(Delta::Synced { kind: kind.clone() }, Timestamp::EPOCH);
        }
        Ok(plane(&view))
    }

    /// The API server's word on each right, in order.
    pub async fn review(&self, rights: &[Right]) -> Vec<Asked> {
        let verdicts = review::review(Identity::Reader(&self.reader), rights, DEADLINE).await;
        rights.iter().cloned().zip(verdicts).collect()
    }
}

/// What a query said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// There are samples.
    Data,
    /// There are none.
    NoData,
    /// It was refused or could not be asked; one clause.
    Not(String),
}

/// Asks each query as it stands, bound to nothing.
///
/// # Errors
/// When no client can be built.
pub async fn queries(
    prometheus: &config::Prometheus,
    network: &Network,
    queries: &[String],
) -> Result<Vec<Answered>, PrometheusError> {
    let client = Prometheus::new(&settings(prometheus, network))?;
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        answers.push(read(client.query(query, None, prometheus.timeout.duration()).await));
    }
    Ok(answers)
}

fn read(answer: RawPart) -> Answered {
    let (status, body) = match answer {
        RawPart::Failed { why, detail } => return Answered::Not(format!("{}: {detail}", why.clause())),
        RawPart::Body { status, body, .. } => (status, body),
    };
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if status != 200 {
        let said = json.get("error").and_then(|e| e.as_str()).unwrap_or("no reason given");
        return Answered::Not(format!(
            "Prometheus answered {status}: {}",
            nightshift_engine::text::visible(said, 200)
        ));
    }
    match json.pointer("/data/result").and_then(|r| r.as_array()) {
        Some(samples) if samples.is_empty() => Answered::NoData,
        Some(_) => Answered::Data,
        None => Answered::Not("the answer could not be read: is this a Prometheus?".to_owned()),
    }
}

/// What Alertmanager said.
pub struct Heard {
    /// Active silences.
    pub silences: usize,
    /// Alerts that fire.
    pub alerts: usize,
    /// Receivers that any of them is routed to.
    pub receivers: std::collections::BTreeSet<String>,
}

/// Asks Alertmanager once.
///
/// # Errors
/// One clause that says why there is no answer.
pub async fn alertmanager(
    asked: &config::Alertmanager,
    network: &Network,
    now: Timestamp,
) -> Result<Heard, String> {
    let asking = Asking::of(asked, network);
    let client = Alertmanager::new(&asking.settings).map_err(|error| error.to_string())?;
    let silences = foreign::read(&client.silences().await?, now)?;
    let alerts = listed(&client.alerts().await?, &asking.receiver, now)?;
    let receivers = alerts.iter().flat_map(|one| one.receivers.iter().cloned()).collect();
    Ok(Heard { silences: silences.silences.len() + silences.left_out, alerts: alerts.len(), receivers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_data_no_data_or_a_reason() {
        let body = |status, text: &str| RawPart::Body { status, body: text.into(), cut: false };
        assert_eq!(read(body(200, r#"{"data":{"result":[]}}"#)), Answered::NoData);
        assert_eq!(read(body(200, r#"{"data":{"result":[{"value":[1,"2"]}]}}"#)), Answered::Data);
        let refused = read(body(400, r#"{"error":"bad\u001b[31m"}"#));
        assert!(
            matches!(&refused, Answered::Not(why) if why.contains("400: bad") && !why.contains('\u{1b}'))
        );
        assert!(matches!(read(body(200, "<html>")), Answered::Not(_)));
    }
}
