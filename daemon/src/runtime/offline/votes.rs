//! Votes as objects of the cluster, for `check`: whether the API server holds them to their users, and has them at all.

use crate::cluster::{Access, Reader};
use nightshift_engine::vote_object::{GROUP, policy};
use nightshift_model::Timestamp;
use nightshift_model::effect::{Accept, RawPart};
use std::time::Duration;

/// A question that takes longer counts as not answered.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of the policy, or of a list with one Vote.
const BODY_MAX: usize = 256 << 10;

/// How votes as objects stand at the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They count if they are younger than this.
    Since(Timestamp),
    /// None counts; why, as one clause.
    No(String),
    /// It could not be asked; why, as one clause.
    Unasked(String),
}

/// Reads the policy and its binding back, and asks for the votes of one namespace; the empty name is all of them.
pub async fn standing(access: &Access, namespace: &str) -> Standing {
    let reader = match Reader::connect(access).await {
        Ok(reader) => reader,
        Err(error) => return Standing::Unasked(error.to_string()),
    };
    let ask = async |path: &str, query: &[(String, String)]| {
        reader.get(path, query, Accept::Json, BODY_MAX, DEADLINE).await
    };
    let mut policy = Vec::new();
    for path in policy::paths() {
        policy.push(ask(path, &[]).await);
    }
    let place = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let one = [("limit".to_owned(), "1".to_owned())];
    let votes = ask(&format!("/apis/{GROUP}/v1{place}/votes"), &one).await;
    judge(&policy, &votes)
}

/// Reads the answers: the policy and its binding, and a list of votes.
fn judge(policy: &[RawPart], votes: &RawPart) -> Standing {
    let silent = policy.iter().chain([votes]).find_map(|answer| match answer {
        RawPart::Failed { why, detail } => Some(format!("{}: {detail}", why.clause())),
        RawPart::Body { .. } => None,
    });
    if let Some(why) = silent {
        return Standing::Unasked(why);
    }
    match (policy::since(policy), votes) {
        (Err(why), _) => Standing::No(why),
        (Ok(since), RawPart::Body { status: 200, .. }) => Standing::Since(since + policy::SETTLES),
        (Ok(_), RawPart::Body { status: 404, .. }) => {
            Standing::No(format!("the API server has no kind Vote of {GROUP}/v1"))
        }
        (Ok(_), RawPart::Body { status, .. }) => {
            Standing::No(format!("the API server answered {status} to a list of Votes"))
        }
        (Ok(_), RawPart::Failed { detail, .. }) => Standing::Unasked(detail.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::NotChecked;
    use serde_json::{Value, json};

    fn body(status: u16, value: &Value) -> RawPart {
        RawPart::Body { status, body: value.to_string().into_bytes(), cut: false }
    }

    fn part(spec: &Value) -> RawPart {
        body(200, &json!({"metadata": {"creationTimestamp": "2026-03-01T08:00:00Z"}, "spec": spec}))
    }

    #[test]
    fn votes_count_only_while_the_policy_stands_as_shipped_and_the_kind_is_there() {
        let list = body(200, &json!({"kind": "VoteList", "items": []}));
        let whole = [part(&policy::spec()), part(&policy::binding())];
        let since: Timestamp = "2026-03-01T08:00:10Z".parse().unwrap();
        assert_eq!(judge(&whole, &list), Standing::Since(since));

        let mut weak = policy::spec();
        weak["failurePolicy"] = json!("Ignore");
        let missing = body(404, &json!({"kind": "Status", "code": 404}));
        for (what, first, votes, says) in [
            ("a weaker policy", part(&weak), list.clone(), "is not the one that this version"),
            (
                "no policy",
                missing.clone(),
                list.clone(),
                "the ValidatingAdmissionPolicy votes.nightshift.dev",
            ),
            ("no kind", whole[0].clone(), missing, "has no kind Vote"),
            ("no right", whole[0].clone(), body(403, &json!({})), "answered 403"),
        ] {
            let told = judge(&[first, whole[1].clone()], &votes);
            assert!(matches!(&told, Standing::No(why) if why.contains(says)), "{what}: {told:?}");
        }
        let silent = RawPart::Failed { why: NotChecked::TimedOut, detail: "5 s".to_owned() };
        assert!(matches!(judge(&[silent, whole[1].clone()], &list), Standing::Unasked(_)));
        assert!(matches!(judge(&whole[..1], &list), Standing::No(_)), "the binding was not read");
    }
}
