//! A visit: a person's program makes a key for a few minutes and has the API server vouch for whose it is, by an object that
//! the same policy holds to its user. So what a person may see is read without any credential of nightshift's, and no
//! credential of the cluster's reaches nightshift. A visit never votes.

use super::GROUP;
use super::policy;
use super::read::lock;
use crate::seal::object;
use crate::wire::Wire;
use nightshift_model::effect::{Accept, Read};
use nightshift_model::{KeyAlgorithm, KeyKind, PersonKey, Seconds, Timestamp};
use serde_json::Value;

/// How long a visit lasts.
pub const LASTS: Seconds = Seconds(900);
/// How the id of a visit's key begins; its namespace and name follow.
const SCHEME: &str = "visit:";
/// The longest name of an object.
const LONGEST: usize = 253;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The user of the cluster.
    pub user: String,
    /// The key.
    pub key: PersonKey,
}

/// The id by which requests name a visit's key.
pub fn id(namespace: &str, name: &str) -> String {
    format!("{SCHEME}{namespace}/{name}")
}

/// Namespace and name in such an id; `None` for every other text.
pub fn place(id: &str) -> Option<(&str, &str)> {
    let (namespace, name) = id.strip_prefix(SCHEME)?.split_once('/')?;
    let plain = |text: &str| {
        let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(b);
        text.len() <= LONGEST
            && bytes.iter().all(inner)
            && end(bytes.first().copied())
            && end(bytes.last().copied())
    };
    (plain(namespace) && plain(name)).then_some((namespace, name))
}

/// Reads a visit under the policy.
///
/// # Errors
/// Why it is none.
pub async fn visit<W: Wire>(wire: &W, namespace: &str, name: &str, now: Timestamp) -> Result<Visit, String> {
    let since = policy::in_force(&lock(wire).await?)?;
    let path = format!("/apis/{GROUP}/v1/namespaces/{namespace}/visits/{name}");
    let get = Read::Get { path, query: Vec::new(), accept: Accept::Json };
    let found = object(&wire.read(&get).await, "the Visit")?;
    let text = |pointer: &str| found.pointer(pointer).and_then(Value::as_str);
    let made: Timestamp = text("/metadata/creationTimestamp")
        .and_then(|at| at.parse().ok())
        .ok_or("the Visit does not say when it was created")?;
    if found.pointer("/metadata/deletionTimestamp").is_some() {
        return Err("the Visit is being deleted".to_owned());
    }
    if made <= since + policy::SETTLES {
        return Err("the Visit is older than the policy".to_owned());
    }
    if now.since(made).max(made.since(now)) > LASTS {
        return Err(format!("the Visit is over: one lasts {LASTS}"));
    }
    let (user, public) = text("/spec/user").zip(text("/spec/key")).ok_or("the Visit cannot be read")?;
    let key = PersonKey {
        kind: KeyKind::Ed25519,
        id: "visit".to_owned(),
        public: public.to_owned(),
        alg: KeyAlgorithm::EdDSA,
        since: None,
        revoked: None,
    };
    Ok(Visit { user: user.to_owned(), key })
}
