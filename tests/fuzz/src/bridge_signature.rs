//! Messages of bridges (Standard Webhooks, `v1a`): only what a pinned key signed is somebody's, and it says one thing.
//!
//! An input has four parts: id, second, `webhook-signature`, body.

use crate::common::{Signer, bent, boxed, now, part, registry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nightshift_engine::proof::bridge::{Message, NoSender};
use nightshift_model::Registry;

/// Tries one message.
///
/// # Panics
/// When a message is a bridge's that it did not sign.
pub fn bridge_signature(mut data: &[u8]) -> String {
    let [id, second, value] = [0; 3].map(|_| String::from_utf8_lossy(part(&mut data)).into_owned());
    let body = String::from_utf8_lossy(data);
    let second = second.parse().unwrap_or_else(|_| now().get().as_second());
    let registry = bridges();
    let message = Message { id: &id, second, body: &body };
    let said = message.said();
    if let Some(said) = &said {
        assert!(said.digest.to_string().len() == 64, "a digest has one text");
    }
    chatbot_signs(&message, &registry);
    match message.sender(&value, &registry) {
        Ok((bridge, signature)) => {
            assert!(message.is_plain() && value.contains(signature), "what was read is what was sent");
            let voted = if said.is_some() { "a vote" } else { "no vote" };
            format!("{voted} of {}", bridge.name)
        }
        Err(NoSender::Symmetric) => "a shared secret".to_owned(),
        Err(NoSender::Unknown) => "nobody".to_owned(),
    }
}

/// What the chat bot signs is its own if it has a form of one reading, and only as it signed it.
fn chatbot_signs(message: &Message<'_>, registry: &Registry) {
    let made = Signer::new(3).sign(&message.content());
    let value = |signature: &[u8]| format!("v1a,{}", STANDARD.encode(signature));
    let name = |message: &Message<'_>, value: &str| {
        message.sender(value, registry).ok().map(|(bridge, _)| bridge.name.to_string())
    };
    let good = value(&made);
    let expected = message.is_plain().then(|| "chatbot".to_owned());
    assert_eq!(name(message, &good), expected, "its own signature");
    assert_eq!(name(message, &value(&bent(&made).expect("64 bytes"))), None, "another signature");
    let (id, body) = (format!("{}x", message.id), format!("{} ", message.body));
    assert_eq!(name(&Message { id: &id, ..*message }, &good), None, "another id");
    assert_eq!(name(&Message { body: &body, ..*message }, &good), None, "another body");
    let second = message.second.wrapping_add(1);
    assert_eq!(name(&Message { second, ..*message }, &good), None, "another second");
    assert_eq!(
        name(message, &value(&Signer::new(4).sign(&message.content()))),
        None,
        "a key that was taken back"
    );
}

/// The chat bot signs with one key; the pager's was taken back.
fn bridges() -> Registry {
    let mut registry = registry();
    let bridge = |name: &str, seed: u8, revoked: Option<&str>| {
        let public = format!("whpk_{}", STANDARD.encode(Signer::new(seed).public()));
        serde_json::json!({"name": name, "roles": ["on-call"],
            "keys": [{"public": public, "since": "2026-01-01T00:00:00Z", "revoked": revoked}]})
    };
    let all = [bridge("chatbot", 3, None), bridge("pager", 4, Some("2026-02-01T00:00:00Z"))];
    registry.bridges = all.map(|one| serde_json::from_value(one).expect("a bridge")).to_vec();
    registry
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let body = |decision: &str, person: &str| {
        format!(
            r#"{{"type":"proposal.vote","data":{{"proposal":"pro-0123456789","digest":"{}","decision":"{decision}","person":"{person}"}}}}"#,
            "5a".repeat(32)
        )
    };
    let at = now().get().as_second();
    let signed = |seed: u8, id: &str, body: &str| {
        STANDARD.encode(Signer::new(seed).sign(&Message { id, second: at, body }.content()))
    };
    let input = |id: &str, value: &str, body: &str| {
        let second = at.to_string();
        [boxed(id.as_bytes()), boxed(second.as_bytes()), boxed(value.as_bytes()), body.as_bytes().to_vec()]
            .concat()
    };
    let yes = body("approve", "alice");
    let good = signed(3, "msg_1", &yes);
    let v1a = |signature: &str| format!("v1a,{signature}");
    let other = body("deny", "alice");
    [
        ("approve", input("msg_1", &v1a(&good), &yes)),
        ("deny", input("msg_2", &v1a(&signed(3, "msg_2", &other)), &other)),
        ("another-body", input("msg_1", &v1a(&good), &other)),
        ("another-id", input("msg_2", &v1a(&good), &yes)),
        ("shared-secret", input("msg_1", &format!("v1,{good}"), &yes)),
        ("secret-and-key", input("msg_1", &format!("v1,AAAA v1a,{good}"), &yes)),
        ("two-keys", input("msg_1", &format!("v1a,{} v1a,{good}", signed(5, "msg_1", &yes)), &yes)),
        ("three-signatures", input("msg_1", &format!("v1a,AAAA v1a,AAAA v1a,{good}"), &yes)),
        ("taken-back", input("msg_1", &v1a(&signed(4, "msg_1", &yes)), &yes)),
        ("dot-in-id", input("msg.1", &v1a(&signed(3, "msg.1", &yes)), &yes)),
        ("no-vote", input("msg_3", &v1a(&signed(3, "msg_3", "{}")), "{}")),
        ("unpadded", input("msg_1", &v1a(good.trim_end_matches('=')), &yes)),
        ("nothing", Vec::new()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .to_vec()
}
