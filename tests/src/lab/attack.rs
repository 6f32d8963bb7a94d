//! Attacks on the real API server: what is tried with whose token, which layer refuses it, and where that is written down.
//!
//! A row is `attack | what | with whose token | refused by | written down in`; `tests/run` collects them and counts. What
//! passed says *nobody*. The API server's audit log has every answer; where nightshift is asked, its history has the refusal too.

use super::lock::refused_by;
use super::{Answer, Cluster, within};
use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A merge patch.
pub const MERGE: &str = "application/merge-patch+json";
/// A whole object.
pub const JSON: &str = "application/json";
/// Requests under way at a time: the countersign holds four, and the executor's own may be among them.
const AT_ONCE: usize = 2;
/// How long the audit log may take to tell of an answer.
const WRITTEN: Duration = Duration::from_secs(20);

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it would do.
    pub what: String,
    /// How it is sent.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The body's type.
    pub content: &'static str,
    /// The body.
    pub body: Value,
    /// Who may refuse it: the first that does is told.
    pub by: &'static [&'static str],
    /// What the refusal must say; empty is anything.
    pub says: &'static str,
}

impl Attack {
    /// A merge patch of an object.
    pub fn patch(what: &str, target: &str, body: Value, by: &'static [&'static str]) -> Self {
        Self::new(what, Method::PATCH, target, body, by).content(MERGE)
    }

    /// Any request with a JSON body.
    pub fn new(what: &str, method: Method, target: &str, body: Value, by: &'static [&'static str]) -> Self {
        let (what, target) = (what.to_owned(), target.to_owned());
        Self { what, method, target, content: JSON, body, by, says: "" }
    }

    /// With another type of body.
    #[must_use]
    pub fn content(self, content: &'static str) -> Self {
        Self { content, ..self }
    }

    /// Refused with these words.
    #[must_use]
    pub fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }
}

/// Who holds a credential that was stolen.
#[derive(Clone, Debug)]
pub struct Thief<'a> {
    /// The API server, with the credential.
    pub cluster: &'a Cluster,
    /// Whose it is.
    pub token: &'static str,
    /// The name of the lock's objects.
    pub lock: &'a str,
}

/// What became of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// How many were tried.
    pub all: usize,
    /// How many the countersign refused: the history has to tell of each.
    pub countersigned: usize,
}

impl std::ops::AddAssign for Tried {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.countersigned += other.countersigned;
    }
}

/// Tells of one attack.
pub fn row(what: &str, token: &str, by: &str, written: &str) {
    println!("attack | {what} | {token} | {by} | {written}");
}

/// The columns of [`row`].
pub fn head(series: &str) {
    println!("\n{series}:\nattack | what | with whose token | refused by | written down in");
}

impl Thief<'_> {
    /// Tries a series, a few at a time, and tells of each; then whatever passed, or met another layer, is a failure.
    pub async fn tries(&self, attacks: Vec<Attack>) -> anyhow::Result<Tried> {
        let sent: Vec<anyhow::Result<(Attack, Answer)>> = futures::stream::iter(attacks)
            .map(async |attack| {
                let body = Some((attack.content, attack.body.to_string()));
                let answer = self.cluster.send(attack.method.clone(), &attack.target, body).await;
                let answer = answer.with_context(|| attack.what.clone())?;
                Ok((attack, answer))
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let sent = sent.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let written = logged(sent.iter().map(|(_, answer)| answer)).await?;
        let (mut tried, mut wrong) = (Tried::default(), Vec::new());
        for (attack, answer) in &sent {
            let who = refused_by(self.lock, answer);
            let told = if who == "countersign" { "nightshift's history, audit log" } else { "audit log" };
            row(&attack.what, self.token, who, told);
            tried += Tried { all: 1, countersigned: usize::from(who == "countersign") };
            let said = answer.body.to_string();
            if !attack.by.contains(&who) || !said.contains(attack.says) {
                wrong.push(format!(
                    "{}: {who} instead of {:?}: {} {said}",
                    attack.what, attack.by, answer.status
                ));
            }
            if written.get(&answer.audit) != Some(&u64::from(answer.status.as_u16())) {
                wrong.push(format!("{}: the audit log does not tell of it", attack.what));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(tried)
    }
}

/// Waits until the API server's audit log tells of some answers: the status under each id.
pub async fn logged<'a>(answers: impl Iterator<Item = &'a Answer>) -> anyhow::Result<BTreeMap<String, u64>> {
    let wanted: BTreeSet<&str> = answers.map(|answer| answer.audit.as_str()).collect();
    ensure!(!wanted.contains(""), "an answer bears no id of the audit log");
    let path = std::path::PathBuf::from(std::env::var_os("LAB").context("not inside the lab")?);
    let path = path.join("logs/audit.log");
    within(WRITTEN, "the audit log tells of every attack", async || {
        let text = tokio::fs::read_to_string(&path).await.with_context(|| path.display().to_string())?;
        let found: BTreeMap<String, u64> = text.lines().filter_map(|line| entry(line, &wanted)).collect();
        Ok((found.len() == wanted.len()).then_some(found))
    })
    .await
}

/// The id and the status of one line, if it is about one of the wanted.
fn entry(line: &str, wanted: &BTreeSet<&str>) -> Option<(String, u64)> {
    let (_, rest) = line.split_once("\"auditID\":\"")?;
    let (id, _) = rest.split_once('"')?;
    if !wanted.contains(id) {
        return None;
    }
    let event: Value = serde_json::from_str(line).ok()?;
    let code = event.pointer("/responseStatus/code").and_then(Value::as_u64)?;
    Some((id.to_owned(), code))
}
