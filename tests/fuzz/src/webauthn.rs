//! A passkey's answers: to a vote, and when one is made.
//!
//! An input is a byte that chooses (the low digit a published vector with its key and challenge; 0x40 our own key, which
//! signs whatever comes; 0x80 a new passkey), then authenticator data or an attestation, client data, and the rest is
//! the signature.

use crate::common::{Signer, bent, boxed, hex, now, part};
use nightshift_engine::proof::assertion::{AuthenticatorData, Sent, check};
use nightshift_engine::proof::{PublicKey, base64, cbor, enrol};
use nightshift_model::{PasskeySite, PersonKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// Tries one answer.
///
/// # Panics
/// When an answer counts that is not whole, not ours or not signed.
pub fn webauthn(data: &[u8]) -> String {
    let Some((choice, mut rest)) = data.split_first() else { return "nothing".to_owned() };
    let vectors = &VECTORS.vectors;
    let Some(vector) = vectors.get(usize::from(choice & 0x0f) % vectors.len().max(1)) else {
        return "no vector".to_owned();
    };
    let (first, client) = (part(&mut rest), part(&mut rest));
    reads(first);
    if choice & 0x80 != 0 {
        return made(first, client, vector);
    }
    let challenge = bytes32(&vector.assertion.challenge);
    let own = Signer::new(3);
    let (key, signature) = if choice & 0x40 == 0 {
        (PublicKey::cose(&hex(&vector.cose)), rest.to_vec())
    } else {
        (PublicKey::of(&own.entry("own")), own.sign(&message(first, client)))
    };
    let key = key.expect("a key of ours");
    let judge = |data: &[u8], client: &[u8], signature: &[u8], challenge| {
        let (data, client, signature) = (base64(data), base64(client), base64(signature));
        let sent = Sent { authenticator_data: &data, client_data: &client, signature: &signature };
        check(&sent, &key, challenge, &site())
    };
    let counter = match judge(first, client, &signature, challenge) {
        Ok(counter) => counter,
        Err(bad) => return bad.to_string(),
    };
    assert!(key.signed(&message(first, client), &signature), "it is signed");
    is_ours(first, client, "webauthn.get", challenge);
    assert_eq!(Some(counter.to_be_bytes().as_slice()), first.get(33..37), "the counter is what stands there");
    assert!(judge(first, client, &signature, [0; 32]).is_err(), "another challenge");
    if let Some(data) = bent(first) {
        assert!(judge(&data, client, &signature, challenge).is_err(), "another authenticator data");
    }
    if let Some(client) = bent(client) {
        assert!(judge(first, &client, &signature, challenge).is_err(), "another client data");
    }
    if let Some(signature) = bent(&signature) {
        assert!(judge(first, client, &signature, challenge).is_err(), "another signature");
    }
    "good".to_owned()
}

/// What must be so of every answer that counts, read without our own types.
fn is_ours(data: &[u8], client: &[u8], kind: &str, challenge: [u8; 32]) {
    let rp_id = Sha256::digest(VECTORS.rp_id.as_bytes());
    assert_eq!(data.get(..32), Some(rp_id.as_slice()), "our domain");
    assert_eq!(data.get(32).map(|flags| flags & 0x05), Some(0x05), "a person was there, and was recognised");
    let said: serde_json::Value = serde_json::from_slice(client).expect("client data is JSON");
    let text = |key: &str| said.get(key).and_then(|value| value.as_str());
    assert_eq!(text("type"), Some(kind));
    assert_eq!(text("origin"), Some(VECTORS.origin.as_str()));
    assert_eq!(text("challenge"), Some(base64(&challenge).as_str()));
    assert!(said.get("crossOrigin").is_none_or(|value| value == &serde_json::Value::Bool(false)));
    assert!(said.get("topOrigin").is_none_or(serde_json::Value::is_null));
}

/// Whatever the bytes are: what is read of them is a part of them, and it is all of them or nothing.
fn reads(bytes: &[u8]) {
    if let Some((item, rest)) = cbor::read(bytes) {
        assert!(rest.len() < bytes.len() && bytes.ends_with(rest), "what is left stood behind it");
        let used = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
        assert_eq!(cbor::whole(used).as_ref(), Some(&item), "and what was read stands alone");
        assert!(
            used.get(..used.len() - 1).is_none_or(|cut| cbor::read(cut).is_none()),
            "nothing of it is idle"
        );
    }
    if let Some(read) = AuthenticatorData::read(bytes) {
        assert!(AuthenticatorData::read(&[bytes, &[0]].concat()).is_none(), "to the last byte");
        if let Some((id, key)) = read.credential {
            assert!(!id.is_empty() && id.len() <= 1_023 && cbor::whole(key).is_some());
        }
    }
}

/// A new passkey is a line of the registry that can be used.
fn made(attestation: &[u8], client: &[u8], vector: &Vector) -> String {
    let Some(registration) = &vector.registration else { return "no registration".to_owned() };
    let challenge = bytes32(&registration.challenge);
    let make = |challenge| enrol::passkey(&base64(attestation), &base64(client), challenge, &site(), now());
    let key = match make(challenge) {
        Ok(key) => key,
        Err(bad) => return bad.to_string(),
    };
    let read = PublicKey::of(&key).expect("what is offered can be used");
    assert_eq!(read.algorithm, key.alg);
    let line = enrol::line(&key);
    assert!(
        nightshift_engine::text::visible(&line, usize::MAX) == line && line.is_ascii(),
        "one line: {line}"
    );
    assert_eq!(of_line(&line), Some(key), "a registry reads the line as it was meant");
    assert!(make([0; 32]).is_err(), "another challenge");
    "a line".to_owned()
}

/// The key that a line of the registry's file says, if that is all it says.
fn of_line(line: &str) -> Option<PersonKey> {
    let fields = line.strip_prefix("- { ")?.strip_suffix(" }")?;
    let mut object = serde_json::Map::new();
    for field in fields.split(", ") {
        let (key, value) = field.split_once(": ")?;
        object.insert(key.to_owned(), value.trim_matches('"').into());
    }
    serde_json::from_value(object.into()).ok()
}

fn message(data: &[u8], client: &[u8]) -> Vec<u8> {
    [data, &Sha256::digest(client)].concat()
}

fn bytes32(text: &str) -> [u8; 32] {
    hex(text).try_into().expect("a challenge of 32 bytes")
}

fn site() -> PasskeySite {
    PasskeySite { rp_id: VECTORS.rp_id.clone(), origins: vec![VECTORS.origin.clone()] }
}

/// The vectors of Web Authentication Level 3, section 16.
static VECTORS: LazyLock<Published> = LazyLock::new(|| {
    let text = include_str!("../../../daemon/engine/testdata/proof/webauthn.json");
    serde_json::from_str(text).expect("the published vectors")
});

#[derive(Deserialize)]
struct Published {
    rp_id: String,
    origin: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    cose: String,
    registration: Option<Registration>,
    assertion: Assertion,
}

#[derive(Deserialize)]
struct Registration {
    challenge: String,
    client_data: String,
    attestation: String,
}

#[derive(Deserialize)]
struct Assertion {
    challenge: String,
    authenticator_data: String,
    client_data: String,
    signature: String,
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let input = |choice: u8, first: &[u8], client: &[u8], rest: &[u8]| {
        [&[choice], boxed(first).as_slice(), &boxed(client), rest].concat()
    };
    let mut seeds = Vec::new();
    for (vector, choice) in VECTORS.vectors.iter().zip(0_u8..) {
        let a = &vector.assertion;
        let (mut data, client) = (hex(&a.authenticator_data), hex(&a.client_data));
        seeds.push((format!("vector-{choice}"), input(choice, &data, &client, &hex(&a.signature))));
        data.iter_mut().skip(32).take(1).for_each(|flags| *flags |= 0x05);
        seeds.push((format!("own-{choice}"), input(choice | 0x40, &data, &client, &[])));
        let Some(r) = &vector.registration else { continue };
        let mut object = hex(&r.attestation);
        seeds.push((format!("made-{choice}"), input(choice | 0x80, &object, &hex(&r.client_data), &[])));
        let hash = Sha256::digest(VECTORS.rp_id.as_bytes());
        let at = object.windows(32).position(|part| part == hash.as_slice()).unwrap_or_default() + 32;
        object.iter_mut().skip(at).take(1).for_each(|flags| *flags |= 0x05);
        seeds.push((
            format!("made-verified-{choice}"),
            input(choice | 0x80, &object, &hex(&r.client_data), &[]),
        ));
    }
    let Some(vector) = VECTORS.vectors.first() else { return seeds };
    let rp_id = Sha256::digest(VECTORS.rp_id.as_bytes());
    let data = |flags: u8, tail: &[u8]| [rp_id.as_slice(), &[flags, 0, 0, 0, 9], tail].concat();
    let client = |more: &str, origin: &str| {
        let challenge = base64(&hex(&vector.assertion.challenge));
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{origin}"{more}}}"#)
            .into_bytes()
    };
    let plain = client("", &VECTORS.origin);
    for (name, first, client) in [
        ("good", data(0x05, &[]), plain.clone()),
        ("extensions", data(0x85, b"\xa1\x63abc\xf5"), plain.clone()),
        ("cbor-deep", data(0x85, b"\xa1\x01\x81\x81\x81\x81\x00"), plain.clone()),
        ("backed-up", data(0x1d, &[]), plain.clone()),
        ("backed-up-and-may-not", data(0x15, &[]), plain.clone()),
        ("not-verified", data(0x01, &[]), plain.clone()),
        ("more", data(0x05, &[0]), plain),
        ("foreign-origin", data(0x05, &[]), client("", "https://example.org.evil")),
        ("cross-origin", data(0x05, &[]), client(r#","crossOrigin":true"#, &VECTORS.origin)),
        ("top-origin", data(0x05, &[]), client(r#","topOrigin":"https://a""#, &VECTORS.origin)),
        ("origin-twice", data(0x05, &[]), client(r#","origin":"https://a""#, &VECTORS.origin)),
    ] {
        seeds.push((name.to_owned(), input(0x40, &first, &client, &[])));
    }
    seeds
}
