//! The gate as a person's own key asks it: what is fetched with a request that the key signs, one vote, one wish.
//! Certificates are checked, no redirect is followed, answers are capped.

use super::Failure;
use super::failure::causes;
use super::key::Key;
use crate::api::incident::IncidentDetail;
use crate::api::problem::Problem;
use crate::api::proposal::{ProposalPage, VoteList};
use crate::api::status::Status;
use crate::api::vote::{SignedVote, VoteTaken};
use crate::api::wish::{SignedWish, WishTaken};
use nightshift_engine::proof::request::Parameters;
use nightshift_engine::text::visible;
use nightshift_model::{IncidentId, Proposal, ProposalId, Timestamp, Vote};
use reqwest::{Certificate, Client, RequestBuilder, redirect};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use url::{Host, Url};

/// Until an answer is there.
const WITHIN: Duration = Duration::from_secs(20);
/// Bytes of an answer.
const LONGEST: usize = 2 << 20;

pub(super) struct Gate {
    client: Client,
    base: Url,
}

impl Gate {
    pub(super) fn new(server: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let next = "name the gate as https://HOST, or http://127.0.0.1:PORT on its own machine";
        let base =
            Url::parse(server).map_err(|_| Failure::usage(format!("`{server}` is not a URL"), next))?;
        let loopback = match base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(v4)) => v4.is_loopback(),
            Some(Host::Ipv6(v6)) => v6.is_loopback(),
            None => false,
        };
        if base.scheme() != "https" && !(base.scheme() == "http" && loopback) {
            return Err(Failure::usage(format!("{server} would cross the network unencrypted"), next));
        }
        let mut builder = Client::builder().redirect(redirect::Policy::none()).timeout(WITHIN);
        if loopback {
            builder = builder.no_proxy();
        }
        if let Some(path) = ca {
            let bad = |what: String| {
                Failure::usage(format!("--ca-file {}: {what}", path.display()), "name a PEM file")
            };
            let pem = std::fs::read(path).map_err(|e| bad(e.to_string()))?;
            builder =
                builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(|e| bad(e.to_string()))?);
        }
        let client = builder.build().map_err(|e| Failure::io(causes(&e)))?;
        Ok(Self { client, base })
    }

    /// The sealed plan, read from its bytes. Only the bytes are believed: the digest is made from them here.
    pub(super) async fn sealed(
        &self,
        id: &ProposalId,
        key: &Key,
        now: Timestamp,
    ) -> Result<Proposal, Failure> {
        let bytes = self.get(&["proposals", id.as_str(), "sealed"], key, now).await?;
        let text = String::from_utf8(bytes).map_err(|_| bad_plan(id, "it is not text"))?;
        let proposal = Proposal::open(text, now).map_err(|what| bad_plan(id, &what))?;
        if proposal.id() == id { Ok(proposal) } else { Err(bad_plan(id, "it is another proposal's")) }
    }

    /// The votes so far.
    pub(super) async fn votes(
        &self,
        id: &ProposalId,
        key: &Key,
        now: Timestamp,
    ) -> Result<Vec<Vote>, Failure> {
        let bytes = self.get(&["proposals", id.as_str(), "votes"], key, now).await?;
        let list: VoteList = read(&bytes, "the gate's list of votes")?;
        Ok(list.items)
    }

    /// The newest proposals.
    pub(super) async fn proposals(&self, key: &Key, now: Timestamp) -> Result<ProposalPage, Failure> {
        read(&self.get(&["proposals"], key, now).await?, "the gate's list of proposals")
    }

    /// Which cluster it is, and how it is.
    pub(super) async fn status(&self, key: &Key, now: Timestamp) -> Result<Status, Failure> {
        read(&self.get(&["status"], key, now).await?, "the gate's status")
    }

    /// One incident from its first event on.
    pub(super) async fn incident(
        &self,
        id: &IncidentId,
        key: &Key,
        now: Timestamp,
    ) -> Result<IncidentDetail, Failure> {
        read(&self.get(&["incidents", id.as_str()], key, now).await?, "the gate's incident")
    }

    /// Sends one wish. Sent twice it is taken once.
    pub(super) async fn ask(&self, wish: &SignedWish) -> Result<IncidentId, Failure> {
        let answer = answered(self.client.post(self.url(&["proposals"])?).json(wish)).await?;
        let taken: WishTaken = read(&answer, "the gate's answer")?;
        Ok(IncidentId(taken.incident))
    }

    /// Sends one vote, once. A lost answer is told and never repeated.
    pub(super) async fn cast(&self, id: &ProposalId, vote: &SignedVote) -> Result<VoteTaken, Failure> {
        let request = self.client.post(self.url(&["proposals", id.as_str(), "votes"])?).json(vote);
        let answer = answered(request).await.map_err(|failure| {
            let next = "look at the proposal before you try again: the vote may have been taken";
            if failure.next.is_empty() { failure.then(next) } else { failure }
        })?;
        read(&answer, "the gate's answer")
    }

    fn url(&self, under: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let whole = url.path_segments_mut().map(|mut path| {
            path.clear().push("v1").extend(under);
        });
        whole.map_err(|()| {
            Failure::usage(format!("`{}` is not a URL", self.base), "name the gate as https://HOST")
        })?;
        Ok(url)
    }

    async fn get(&self, under: &[&str], key: &Key, now: Timestamp) -> Result<Vec<u8>, Failure> {
        let url = self.url(under)?;
        let parameters = Parameters { created: now.get().as_second(), key: key.id.clone() };
        let signature = key.sign(&parameters.base("GET", url.path()));
        let (input, signature) = parameters.headers(&signature);
        answered(self.client.get(url).header("signature-input", input).header("signature", signature)).await
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::io(format!("{what} cannot be read: {error}")))
}

fn bad_plan(id: &ProposalId, what: &str) -> Failure {
    let what = format!("what the gate sent is not the sealed plan of {id}: {what}");
    Failure::found(what, "vote on nothing that this program cannot read; tell whoever runs nightshift")
}

/// The body of a success; a problem becomes its own sentences, as text that cannot steer the terminal.
async fn answered(request: RequestBuilder) -> Result<Vec<u8>, Failure> {
    let lost = |error: reqwest::Error| Failure::io(format!("the gate does not answer: {}", causes(&error)));
    let mut answer = request.send().await.map_err(lost)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Failure::io("the gate's answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(body);
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            let what = format!("{} ({})", visible(&problem.detail, 500), visible(&problem.reason, 60));
            Err(Failure::found(what, visible(&problem.next, 500)))
        }
        Err(_) => Err(Failure::io(format!("the gate answered {status}"))),
    }
}
