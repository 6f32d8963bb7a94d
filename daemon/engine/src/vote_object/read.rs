//! The look itself: the policy first, then the votes under it. Bounded, and whatever is odd counts as not read.

use super::policy::{self, SETTLES};
use super::{GROUP, LABEL, Look, VoteObject};
use crate::redact::redactor;
use crate::seal::{items, object};
use crate::text::visible;
use crate::wire::Wire;
use nightshift_model::effect::{Accept, Read};
use nightshift_model::{Digest, ProposalId, Timestamp, VoteDecision};
use serde_json::Value;

/// Votes on one proposal that are looked at. More are no votes but noise, and then none of them counts.
pub const LIST: usize = 100;

/// What a person may write beside a vote, in characters.
const REASON: usize = 500;

/// Reads the policy, its binding and the votes on a proposal.
pub async fn look<W: Wire>(wire: &W, namespace: &str, proposal: &ProposalId) -> Look {
    let lock = match lock(wire).await {
        Ok(lock) => lock,
        Err(why) => return Look::Unlocked { why },
    };
    let since = match policy::in_force(&lock) {
        Ok(since) => since,
        Err(why) => return Look::Unlocked { why },
    };
    let part = wire.read(&list(namespace, proposal)).await;
    match object(&part, "the list of votes").and_then(|list| votes(&list, since)) {
        Ok(objects) => Look::Read(objects),
        Err(why) => Look::Unread { why },
    }
}

/// The policy and its binding.
pub(super) async fn lock<W: Wire>(wire: &W) -> Result<Vec<Value>, String> {
    let mut parts = Vec::new();
    for (path, what) in policy::PARTS {
        let get = Read::Get { path: (*path).to_owned(), query: Vec::new(), accept: Accept::Json };
        parts.push(object(&wire.read(&get).await, what)?);
    }
    Ok(parts)
}

/// A consistent list: without a resourceVersion the API server asks its store.
fn list(namespace: &str, proposal: &ProposalId) -> Read {
    let query = vec![
        ("labelSelector".to_owned(), format!("{LABEL}={proposal}")),
        ("limit".to_owned(), LIST.to_string()),
    ];
    let path = format!("/apis/{GROUP}/v1/namespaces/{namespace}/votes");
    Read::Get { path, query, accept: Accept::Json }
}

/// The objects that were created under the policy. One that cannot be read makes all of them unread: it may be a no.
fn votes(list: &Value, since: Timestamp) -> Result<Vec<VoteObject>, String> {
    let more = list.pointer("/metadata/continue").and_then(Value::as_str).is_some_and(|c| !c.is_empty());
    if more {
        return Err(format!("there are more than {LIST} votes on this proposal"));
    }
    let mut objects = Vec::new();
    for item in items(list, "the list of votes")? {
        let name = text(item, "/metadata/name").unwrap_or("without a name");
        let object = vote(item).ok_or_else(|| format!("the Vote {} cannot be read", visible(name, 100)))?;
        let leaving = item.pointer("/metadata/deletionTimestamp").is_some();
        if !leaving && object.at > since + SETTLES {
            objects.push(object);
        }
    }
    Ok(objects)
}

fn text<'a>(item: &'a Value, pointer: &str) -> Option<&'a str> {
    item.pointer(pointer).and_then(Value::as_str)
}

fn vote(item: &Value) -> Option<VoteObject> {
    let decision = match text(item, "/spec/decision")? {
        "approve" => VoteDecision::Approve,
        "deny" => VoteDecision::Deny,
        "withdraw" => VoteDecision::Withdraw,
        _ => return None,
    };
    Some(VoteObject {
        uid: text(item, "/metadata/uid")?.to_owned(),
        resource_version: text(item, "/metadata/resourceVersion")?.to_owned(),
        at: text(item, "/metadata/creationTimestamp")?.parse().ok()?,
        user: text(item, "/spec/user")?.to_owned(),
        cluster_uid: text(item, "/spec/clusterUid")?.to_owned(),
        proposal: ProposalId(text(item, "/spec/proposal")?.to_owned()),
        digest: Digest::parse(text(item, "/spec/digest")?).ok()?,
        decision,
        no: item.pointer("/spec/voteNo").and_then(Value::as_u64)?.try_into().ok()?,
        interactive: item.pointer("/spec/interactive").and_then(Value::as_bool)?,
        reason: visible(&redactor().redact(text(item, "/spec/reason").unwrap_or_default()).text, REASON),
    })
}
