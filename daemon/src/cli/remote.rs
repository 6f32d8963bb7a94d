//! A running nightshift on another machine, read over `/v1`. Certificates are checked, no redirect is followed, answers
//! are capped; the token stands in a file and goes to this one server only.

use super::Failure;
use super::events::{Event, Events};
use super::failure::causes;
use crate::api::audit::NEXT_ROW;
use crate::api::incident::{EVENT_STREAM, HistoryLine};
use crate::api::problem::Problem;
use crate::config::PublicUrl;
use nightshift_engine::text::visible;
use nightshift_model::IncidentId;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::Duration;
use url::Url;

/// Until an answer is there.
const WITHIN: Duration = Duration::from_secs(30);
/// One stream; the server ends it sooner.
const FOLLOWED: Duration = Duration::from_secs(3600);
/// A stream that says nothing for so long is lost.
const SILENT: Duration = Duration::from_secs(45);
/// Bytes of an answer.
const LONGEST: usize = 32 << 20;
/// Bytes of a token's file.
const TOKEN: u64 = 4096;

/// One server and the token for it.
pub(super) struct Remote {
    client: reqwest::Client,
    base: Url,
}

/// How following an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// The server ended it, as it does after a while.
    Ended,
    /// Nobody takes what is told any more.
    Gone,
    /// The server's history is not the one that was followed.
    Anew,
    /// This server streams nothing, or has no place left.
    NotOffered,
}

/// An answer's headers and body.
struct Answered {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Remote {
    /// Nothing is sent yet.
    pub(super) fn new(server: &str, token: Option<&Path>, ca: Option<&Path>) -> Result<Self, Failure> {
        let next = "name it as https://HOST, or http://127.0.0.1:PORT on its own machine";
        let base =
            PublicUrl::parse(server).map_err(|what| Failure::usage(format!("--server: {what}"), next))?;
        let base = Url::parse(&base.origin()).map_err(|e| Failure::usage(e.to_string(), next))?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer(token)?);
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("nightshift/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .timeout(WITHIN);
        if base.scheme() == "http" {
            builder = builder.no_proxy(); // loopback
        }
        if let Some(path) = ca {
            let bad = |what: String| {
                Failure::usage(
                    format!("--ca-file {}: {what}", path.display()),
                    "name a PEM file of certificates",
                )
            };
            let pem = std::fs::read(path).map_err(|e| bad(e.to_string()))?;
            let all = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| bad(causes(&e)))?;
            if all.is_empty() {
                return Err(bad("there is no certificate in it".to_owned()));
            }
            for one in all {
                builder = builder.add_root_certificate(one);
            }
        }
        let client = builder.build().map_err(|e| Failure::io(causes(&e)))?;
        Ok(Self { client, base })
    }

    /// One resource.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        let answer = self.ask(path, query).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::io(format!("the answer of {} cannot be read: {error}", self.base))
                .then("compare the versions: `nightshift --version`, and `version` of /v1/status")
        })
    }

    /// Writes an export from a row on, piece by piece; the answer is how many rows.
    pub(super) async fn export(&self, from: u64, to: &mut impl Write) -> Result<u64, Failure> {
        let (mut next, mut rows) = (Some(from), 0_u64);
        while let Some(at) = next {
            let piece = self.ask(&["audit", "export"], &[("from", at)]).await?;
            let lines = piece.body.split(|byte| *byte == b'\n').count().saturating_sub(1);
            rows += u64::try_from(lines).unwrap_or(0).saturating_sub(1);
            // Every piece is a whole export; all but the first leave their header out.
            let head = piece.body.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let begin = if at == from { 0 } else { head };
            let text = piece.body.get(begin..).unwrap_or_default();
            to.write_all(text).map_err(|e| Failure::io(format!("the export cannot be written: {e}")))?;
            let told = piece.headers.get(NEXT_ROW).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
            next = told.filter(|next| *next > at);
        }
        to.flush().map_err(|e| Failure::io(format!("the export cannot be written: {e}")))?;
        Ok(rows)
    }

    /// Follows an incident's events behind a revision. A stream in which nothing comes for [`SILENT`] is lost: beats come
    /// more often.
    pub(super) async fn follow(
        &self,
        id: &IncidentId,
        after: u64,
        mut tell: impl FnMut(HistoryLine) -> std::io::Result<()>,
    ) -> Result<Followed, Failure> {
        let url = self.url(&["incidents", id.as_str(), "events"]);
        let request = self.client.get(url).query(&[("after", after)]).timeout(FOLLOWED);
        let mut answer = request.send().await.map_err(|e| self.lost(e))?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        match answer.status().as_u16() {
            200 if kind.starts_with(EVENT_STREAM) => {}
            // What a nightshift without streams, or without a place for one, says.
            200 | 404 | 429 | 503 => return Ok(Followed::NotOffered),
            _ => {
                let status = answer.status();
                let body = answer.bytes().await.map_err(|e| self.lost(e))?;
                return Err(self.refused(status, &body));
            }
        }
        let mut events = Events::default();
        loop {
            let chunk = tokio::time::timeout(SILENT, answer.chunk()).await;
            let silent = |_| Failure::io(format!("{} says nothing any more", self.base));
            let Some(chunk) = chunk.map_err(silent)?.map_err(|e| self.lost(e))? else {
                return Ok(Followed::Ended);
            };
            for event in events.read(&chunk).map_err(Failure::io)? {
                match event {
                    Event::Reset => return Ok(Followed::Anew),
                    Event::Line(line) => {
                        if tell(*line).is_err() {
                            return Ok(Followed::Gone);
                        }
                    }
                }
            }
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("v1").extend(path);
        }
        url
    }

    fn lost(&self, error: reqwest::Error) -> Failure {
        let what = format!("{} does not answer: {}", self.base, causes(&error.without_url()));
        Failure::io(what).then("look whether nightshift runs there, and whether --server is right")
    }

    async fn ask(&self, path: &[&str], query: &impl Serialize) -> Result<Answered, Failure> {
        let url = self.url(path);
        let lost = |error: reqwest::Error| self.lost(error);
        let mut answer = self.client.get(url).query(query).send().await.map_err(lost)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(Failure::io(format!("the answer of {} is over {LONGEST} bytes", self.base)));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok(Answered { headers, body }) } else { Err(self.refused(status, &body)) }
    }

    /// A problem in its own sentences, as text that cannot steer the terminal.
    fn refused(&self, status: http::StatusCode, body: &[u8]) -> Failure {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            return Failure::io(format!("{} answered {status}, and not as nightshift does", self.base))
                .then("look whether --server names nightshift itself");
        };
        let what = format!("{} ({})", visible(&problem.detail, 500), visible(&problem.reason, 60));
        let next = visible(&problem.next, 500);
        match status.as_u16() {
            400..=403 => Failure::usage(what, next),
            404 => Failure::found(what, next),
            _ => Failure::io(what).then(next),
        }
    }
}

/// The header from a token's file.
fn bearer(token: Option<&Path>) -> Result<HeaderValue, Failure> {
    let next =
        "write the line that `nightshift person token new NAME` printed into a file that only you read";
    let path = token.ok_or_else(|| {
        Failure::usage(
            "a server needs a token: name its file with --token-file or NIGHTSHIFT_TOKEN_FILE",
            next,
        )
    })?;
    let bad = |what: String| Failure::usage(format!("--token-file {}: {what}", path.display()), next);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| bad(e.to_string()))?;
    file.take(TOKEN).read_to_string(&mut text).map_err(|e| bad(e.to_string()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(bad("it holds no token, or more than one word".to_owned()));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| bad("it holds characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
