//! Bodies of `POST /v1/proposals/{id}/votes`: what is read says one thing, and a signature proves one vote.

use crate::common::{Signer, choice, is_shown, now, registry};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use nightshift::api::vote::SignedVote;
use nightshift::stages::vote::{By, Code, Posted, Signature};
use nightshift_engine::proof::{Shown, base64, identify, unbase64};
use nightshift_model::{Digest, PersonId, Proof, Registry, Seconds, Vote, VoteDecision};

/// Tries one body.
///
/// # Panics
/// When two bodies are the same vote, or a signature proves another one than it is over.
pub fn vote_body(data: &[u8]) -> String {
    assert_eq!(SignedVote::read("text/plain", data), None, "only JSON is a vote");
    let Some(sent) = SignedVote::read("application/json", data) else { return "unreadable".to_owned() };
    let again = serde_json::to_vec(&sent).expect("a vote is JSON");
    assert_eq!(SignedVote::read("application/json; charset=utf-8", &again).as_ref(), Some(&sent));
    let said: serde_json::Value = serde_json::from_slice(data).expect("it was read once");
    let digest = said.get("digest").and_then(|d| d.as_str()).map(str::to_lowercase);
    assert_eq!(digest, Some(sent.digest.to_string()), "a digest has one text");

    let registry = registry();
    let vote = vote(&sent);
    assert!(is_shown(&vote.reason, 500), "reason {:?}", vote.reason);
    signed_by_alice(&vote, &registry);
    match identify(&vote, &registry, CLUSTER) {
        Ok(Shown::Nothing) => {
            assert!(matches!(vote.proof, Proof::Attested { .. }), "only our own word shows nothing");
            "attested".to_owned()
        }
        Ok(Shown::Key(key)) => {
            let owner = registry.key(&key.id).map(|(person, _)| &person.name);
            assert_eq!(owner, Some(&vote.person), "a key proves its owner's votes");
            assert!(fits(&vote, &registry), "the signature is over this vote");
            "signed".to_owned()
        }
        Ok(Shown::Passkey(..)) => "signed with a passkey".to_owned(),
        Ok(Shown::Bridge(..)) => "carried by a bridge".to_owned(),
        Err(bad) => bad.to_string(),
    }
}

const CLUSTER: &str = "c";

fn vote(sent: &SignedVote) -> Vote {
    let signature =
        Signature { no: sent.vote_no, at: sent.ts, interactive: sent.interactive, proof: sent.proof.clone() };
    let posted = Posted {
        proposal: "pro-0123456789".into(),
        digest: sent.digest,
        decision: sent.decision,
        reason: sent.reason.clone(),
        code: Code::Right,
        by: By::Signature(signature.clone()),
    };
    posted.vote(&sent.person, &signature)
}

/// Whether the statement is signed, asked of the crypto library itself.
fn fits(vote: &Vote, registry: &Registry) -> bool {
    let Proof::Ed25519 { key, signature } = &vote.proof else { return false };
    let public = registry.key(key).and_then(|(_, key)| unbase64(&key.public, 32));
    let signature = unbase64(signature, 64);
    public.zip(signature).is_some_and(|(public, signature)| {
        UnparsedPublicKey::new(&ED25519, public).verify(&vote.statement(CLUSTER), &signature).is_ok()
    })
}

/// The same vote as alice would sign it is hers, and no other vote is.
fn signed_by_alice(vote: &Vote, registry: &Registry) {
    let mut vote = Vote { person: PersonId::from("alice"), ..vote.clone() };
    let signature = Signer::new(1).sign(&vote.statement(CLUSTER));
    vote.proof = Proof::Ed25519 { key: "alice-1".to_owned(), signature: base64(&signature) };
    assert!(matches!(identify(&vote, registry, CLUSTER), Ok(Shown::Key(key)) if key.id == "alice-1"));
    let mut other = vote.clone();
    let chosen = choice(&vote.statement(CLUSTER)) % 8;
    match chosen {
        0 => other.proposal = "pro-0123456780".into(),
        1 => other.digest = Digest(other.digest.0.map(|byte| byte ^ 1)),
        2 => {
            other.decision = match vote.decision {
                VoteDecision::Approve => VoteDecision::Deny,
                VoteDecision::Deny => VoteDecision::Withdraw,
                VoteDecision::Withdraw => VoteDecision::Approve,
            }
        }
        3 => other.person = PersonId::from("bob"),
        4 => other.no = vote.no.wrapping_add(1),
        5 => other.at = if vote.at > now() { vote.at - Seconds(1) } else { vote.at + Seconds(1) },
        6 => {
            let Proof::Ed25519 { signature, .. } = &vote.proof else { return };
            other.proof = Proof::Ed25519 { key: "bob-1".to_owned(), signature: signature.clone() };
        }
        _ => {
            let Proof::Ed25519 { signature, .. } = &vote.proof else { return };
            let bent =
                unbase64(signature, 64).and_then(|bytes| crate::common::bent(&bytes)).expect("64 bytes");
            other.proof = Proof::Ed25519 { key: "alice-1".to_owned(), signature: base64(&bent) };
        }
    }
    assert!(identify(&other, registry, CLUSTER).is_err(), "change {chosen} is another vote");
    assert!(identify(&vote, registry, "other").is_err(), "another cluster");
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let good = serde_json::json!({
        "decision": "approve", "digest": "5".repeat(64), "person": "alice", "vote_no": 1, "ts": now(),
        "reason": "seen it", "interactive": true, "proof": {"proof": "attested", "by": "me"},
    });
    let read = SignedVote::read("application/json", good.to_string().as_bytes()).expect("a vote");
    let signature = base64(&Signer::new(1).sign(&vote(&read).statement(CLUSTER)));
    let proof = serde_json::json!({"proof": "ed25519", "key": "alice-1", "signature": signature});
    let changed = |body: &serde_json::Value, key: &str, value: serde_json::Value| {
        let mut body = body.as_object().cloned().unwrap_or_default();
        body.insert(key.to_owned(), value);
        serde_json::Value::Object(body)
    };
    let signed = changed(&good, "proof", proof);
    let with = |key: &str, value| changed(&signed, key, value);
    let webauthn = serde_json::json!({
        "proof": "webauthn", "credential": "Y3JlZA", "authenticator_data": "AA", "client_data": "e30", "signature": "MAA",
    });
    [
        ("attested", good.clone()),
        ("signed", signed.clone()),
        ("signed-for-another", with("person", "bob".into())),
        ("signed-otherwise", with("decision", "deny".into())),
        ("nobody", with("person", "mallory".into())),
        ("webauthn", with("proof", webauthn)),
        (
            "kubernetes",
            with("proof", serde_json::json!({"proof": "kubernetes", "uid": "u", "resource_version": "1"})),
        ),
        ("digest-with-plus", with("digest", format!("{}+5", "5".repeat(62)).into())),
        ("digest-in-capitals", with("digest", "AB".repeat(32).into())),
        ("long-ago", with("ts", "-009999-01-02T01:59:59Z".into())),
        ("number-too-large", with("vote_no", 4_294_967_296_u64.into())),
        ("unknown-field", with("bearer", "x".into())),
        ("hostile-reason", with("reason", "\u{202e}\u{0}<b> AKIAIOSFODNN7EXAMPLE ".repeat(60).into())),
        ("a-list", serde_json::json!([signed.clone()])),
    ]
    .map(|(name, body)| (name.to_owned(), body.to_string().into_bytes()))
    .into_iter()
    .chain([(
        "twice".to_owned(),
        signed.to_string().replacen('{', "{\"decision\":\"deny\",", 1).into_bytes(),
    )])
    .collect()
}
