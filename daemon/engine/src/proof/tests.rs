//! Published vectors, and every way in which a proof can be bad.

use super::make::{File, Passkey, site};
use super::*;
use crate::samples::{at, nightshift, proposal, registry};
use crate::vote_object::Look;
use nightshift_model::{Digest, PersonId, Risk, VoteDecision};
use proptest::prelude::*;
use serde::Deserialize;

const CLUSTER: &str = "c";

/// Makes something wrong.
type Bend<T> = &'static dyn Fn(&mut T);

fn hex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[derive(Deserialize)]
struct Published {
    rp_id: String,
    origin: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    alg: KeyAlgorithm,
    credential: String,
    cose: String,
    registration: Option<Registration>,
    assertion: Assertion,
}

#[derive(Deserialize)]
struct Registration {
    challenge: String,
    client_data: String,
    attestation: String,
    verdict: String,
}

#[derive(Deserialize)]
struct Assertion {
    challenge: String,
    authenticator_data: String,
    client_data: String,
    signature: String,
    verdict: String,
}

use nightshift_model::{KeyAlgorithm, PasskeySite};

fn verdict<T>(result: Result<T, BadProof>) -> String {
    result.map_or_else(|bad| bad.to_string(), |_| "good".to_owned())
}

#[test]
fn the_vectors_of_web_authentication_level_3() {
    let text = include_str!("../../testdata/proof/webauthn.json");
    let published: Published = serde_json::from_str(text).unwrap();
    let site = PasskeySite { rp_id: published.rp_id, origins: vec![published.origin] };
    for v in &published.vectors {
        let key = PublicKey::cose(&hex(&v.cose)).unwrap();
        assert_eq!(key.algorithm, v.alg, "{}", v.name);
        let a = &v.assertion;
        let (data, said) = (hex(&a.authenticator_data), hex(&a.client_data));
        let message = [data.as_slice(), &Sha256::digest(&said)].concat();
        assert!(key.signed(&message, &hex(&a.signature)), "{}: the signature", v.name);
        let mut bent = message.clone();
        bent[0] ^= 1;
        assert!(!key.signed(&bent, &hex(&a.signature)), "{}: another message", v.name);
        let (authenticator_data, client_data, signature) =
            (base64(&data), base64(&said), base64(&hex(&a.signature)));
        let sent = assertion::Sent {
            authenticator_data: &authenticator_data,
            client_data: &client_data,
            signature: &signature,
        };
        let challenge: [u8; 32] = hex(&a.challenge).try_into().unwrap();
        assert_eq!(verdict(assertion::check(&sent, &key, challenge, &site)), a.verdict, "{}", v.name);
        let Some(r) = &v.registration else { continue };
        let challenge: [u8; 32] = hex(&r.challenge).try_into().unwrap();
        let (object, said) = (base64(&hex(&r.attestation)), base64(&hex(&r.client_data)));
        let made = enrol::passkey(&object, &said, challenge, &site, at(0));
        if let Ok(key) = &made {
            let expected = (base64(&hex(&v.credential)), base64(&hex(&v.cose)), v.alg);
            assert_eq!((key.id.clone(), key.public.clone(), key.alg), expected, "{}", v.name);
        }
        assert_eq!(verdict(made), r.verdict, "{}", v.name);
    }
}

#[test]
fn the_vectors_of_rfc_8032() {
    let text = include_str!("../../testdata/proof/ed25519.json");
    let vectors: Vec<std::collections::BTreeMap<String, String>> = serde_json::from_str(text).unwrap();
    for v in &vectors {
        let mut key = File::new("k", 1).entry();
        key.public = base64(&hex(&v["public"]));
        let key = PublicKey::of(&key).unwrap();
        let (message, mut signature) = (hex(&v["message"]), hex(&v["signature"]));
        assert!(key.signed(&message, &signature));
        assert!(!key.signed(&[message.as_slice(), &[0]].concat(), &signature));
        signature[0] ^= 1;
        assert!(!key.signed(&message, &signature));
    }
}

/// alice has a key file and a passkey, bob a key file.
fn keyed(alice: &File, passkey: &Passkey, bob: &File) -> Registry {
    let mut registry = registry();
    registry.passkeys = Some(site());
    registry.persons[0].keys = vec![alice.entry(), passkey.entry()];
    registry.persons[1].keys = vec![bob.entry()];
    registry
}

fn unsigned(person: &str) -> Vote {
    let p = proposal(Risk::Medium, nightshift());
    Vote {
        proposal: p.id().clone(),
        digest: p.digest(),
        decision: VoteDecision::Approve,
        person: PersonId::from(person),
        no: 1,
        at: at(20),
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "session".to_owned() },
    }
}

fn judge(vote: &Vote, registry: &Registry) -> Result<Strength, BadProof> {
    let counters = Counters::default();
    verify(
        vote,
        &Context {
            registry,
            cluster_uid: CLUSTER,
            sealed_at: at(10),
            counters: &counters,
            look: &Look::NotAsked,
        },
    )
}

#[test]
fn a_signature_proves_one_vote_and_no_other() {
    let (alice, passkey, bob) = (File::new("a", 1), Passkey::new(), File::new("b", 2));
    let registry = keyed(&alice, &passkey, &bob);
    let sign: [&dyn Fn(&mut Vote); 2] = [&|v| alice.sign(v, CLUSTER), &|v| passkey.sign(v, CLUSTER)];
    for sign in sign {
        let mut vote = unsigned("alice");
        sign(&mut vote);
        assert_eq!(judge(&vote, &registry), Ok(Strength::Signed));
        let bend: [(&str, Bend<Vote>); 6] = [
            ("another proposal", &|v| v.proposal = "pro-other".into()),
            ("another digest", &|v| v.digest = Digest([9; 32])),
            ("another decision", &|v| v.decision = VoteDecision::Deny),
            ("another number", &|v| v.no = 2),
            ("another time", &|v| v.at = at(21)),
            ("another person", &|v| v.person = "bob".into()),
        ];
        for (what, bend) in bend {
            let mut bent = vote.clone();
            bend(&mut bent);
            let bad = judge(&bent, &registry).unwrap_err();
            let expected = [BadProof::BadSignature, BadProof::OtherChallenge, BadProof::UnknownKey];
            assert!(expected.contains(&bad), "{what}: {bad}");
        }
        let counters = Counters::default();
        let elsewhere = Context {
            registry: &registry,
            cluster_uid: "other",
            sealed_at: at(10),
            counters: &counters,
            look: &Look::NotAsked,
        };
        assert!(verify(&vote, &elsewhere).is_err(), "another cluster");
    }
    assert_eq!(judge(&unsigned("alice"), &registry), Ok(Strength::Attested), "our word is worth that");
}

#[test]
fn a_key_that_is_late_taken_back_or_of_another_kind_proves_nothing() {
    let (alice, passkey, bob) = (File::new("a", 1), Passkey::new(), File::new("b", 2));
    let good = keyed(&alice, &passkey, &bob);
    let mut vote = unsigned("alice");
    alice.sign(&mut vote, CLUSTER);
    let bend: [(BadProof, Bend<PersonKey>); 6] = [
        (BadProof::KeyNotInForce, &|k| k.since = Some(at(11))),
        (BadProof::KeyNotInForce, &|k| k.revoked = Some(at(99))),
        (BadProof::UnknownKey, &|k| k.id = "z".to_owned()),
        (BadProof::OtherKind, &|k| k.kind = nightshift_model::KeyKind::Passkey),
        (BadProof::Key(BadKey::Ed25519), &|k| k.alg = KeyAlgorithm::ES256),
        (BadProof::BadSignature, &|k| k.public = File::new("a", 9).entry().public),
    ];
    for (bad, bend) in bend {
        let mut registry = good.clone();
        bend(&mut registry.persons[0].keys[0]);
        assert_eq!(judge(&vote, &registry), Err(bad));
    }
    let mut vote = unsigned("mallory");
    File::new("m", 5).sign(&mut vote, CLUSTER);
    assert_eq!(judge(&vote, &good), Err(BadProof::UnknownKey), "nobody of the registry");
    vote.proof = Proof::Kubernetes { uid: "u".to_owned(), resource_version: "1".to_owned() };
    assert_eq!(identify(&vote, &good, CLUSTER), Err(BadProof::NotCheckedHere), "nobody is known by it");
    assert_eq!(judge(&vote, &good), Err(BadProof::UnknownUser));
}

#[test]
fn every_bad_answer_of_a_passkey_says_what_is_wrong() {
    let (alice, bob) = (File::new("a", 1), File::new("b", 2));
    let table: [(BadProof, Bend<Passkey>); 14] = [
        (BadProof::OtherCeremony, &|p| p.kind = "webauthn.create"),
        (BadProof::ForeignOrigin, &|p| p.client["origin"] = "https://night.example.evil".into()),
        (BadProof::ForeignOrigin, &|p| p.client["origin"] = "http://night.example".into()),
        (BadProof::CrossOrigin, &|p| p.client["crossOrigin"] = true.into()),
        (BadProof::CrossOrigin, &|p| p.client["topOrigin"] = "https://evil.example".into()),
        (BadProof::OtherDomain, &|p| p.rp_id = "evil.example".to_owned()),
        (BadProof::NobodyThere, &|p| p.flags = 0x04),
        (BadProof::NotVerified, &|p| p.flags = 0x01),
        (BadProof::Malformed("authenticator data"), &|p| p.flags = 0x05 | 0x10),
        (BadProof::Malformed("authenticator data"), &|p| p.flags = 0x05 | 0x40),
        (BadProof::Malformed("authenticator data"), &|p| p.flags = 0x05 | 0x80),
        (BadProof::Malformed("authenticator data"), &|p| p.tail = vec![0]),
        (BadProof::Malformed("client data"), &|p| p.client["origin"] = 7.into()),
        (BadProof::Malformed("base64url"), &|p| p.tail = vec![0; 5_000]),
    ];
    for (bad, bend) in table {
        let mut passkey = Passkey::new();
        let registry = keyed(&alice, &passkey, &bob);
        bend(&mut passkey);
        let mut vote = unsigned("alice");
        passkey.sign(&mut vote, CLUSTER);
        assert_eq!(judge(&vote, &registry), Err(bad));
    }
    let passkey = Passkey::new();
    let mut registry = keyed(&alice, &passkey, &bob);
    let mut vote = unsigned("alice");
    passkey.sign_over(&mut vote, &[7; 32]);
    assert_eq!(judge(&vote, &registry), Err(BadProof::OtherChallenge));
    passkey.sign(&mut vote, CLUSTER);
    assert_eq!(judge(&vote, &registry), Ok(Strength::Signed));
    registry.persons[0].keys[1].public = base64(&Passkey::new().cose());
    assert_eq!(judge(&vote, &registry), Err(BadProof::BadSignature), "another authenticator");
    registry.passkeys = None;
    assert_eq!(judge(&vote, &registry), Err(BadProof::NoSite));
}

#[test]
fn a_counter_that_goes_back_is_refused_whoever_recounts() {
    let (alice, mut passkey, bob) = (File::new("a", 1), Passkey::new(), File::new("b", 2));
    let registry = keyed(&alice, &passkey, &bob);
    let mut counters = Counters::default();
    let mut cast = |no: u32, count: u32| {
        let mut vote = Vote { no, ..unsigned("alice") };
        passkey.count = count;
        passkey.sign(&mut vote, CLUSTER);
        let context = Context {
            registry: &registry,
            cluster_uid: CLUSTER,
            sealed_at: at(10),
            counters: &counters,
            look: &Look::NotAsked,
        };
        let verdict = verify(&vote, &context);
        let event = nightshift_model::HistoryEvent::Incident(nightshift_model::IncidentEvent::Voted {
            vote: vote.clone(),
        });
        counters.fold(&nightshift_model::history::Row {
            seq: u64::from(no),
            stream: nightshift_model::Stream::System,
            revision: nightshift_model::Revision(1),
            epoch: None,
            actor: nightshift(),
            at: at(20),
            event,
        });
        verdict
    };
    assert_eq!(cast(1, 5), Ok(Strength::Signed));
    assert_eq!(cast(1, 5), Ok(Strength::Signed), "the same vote, counted again");
    assert_eq!(cast(2, 5), Err(BadProof::CounterWentBack));
    assert_eq!(cast(3, 4), Err(BadProof::CounterWentBack));
    assert_eq!(cast(4, 0), Err(BadProof::CounterWentBack));
    assert_eq!(cast(5, 6), Ok(Strength::Signed));
}

#[test]
fn a_new_passkey_becomes_a_line_that_its_own_votes_verify_against() {
    let (alice, mut passkey, bob) = (File::new("a", 1), Passkey::new(), File::new("b", 2));
    let (site, who) = (site(), PersonId::from("alice"));
    let challenge = enrol::challenge(&who, &site, at(0));
    passkey.kind = "webauthn.create";
    let client = base64(&passkey.client(&challenge));
    let object = base64(&passkey.attestation());
    let key = enrol::passkey(&object, &client, challenge, &site, at(0)).unwrap();
    assert_eq!((&key.id, &key.public), (&passkey.entry().id, &passkey.entry().public));
    let line = enrol::line(&key);
    assert!(line.starts_with("- { kind: passkey, id: \"") && line.contains("alg: ES256"), "{line}");
    passkey.kind = "webauthn.get";
    let mut registry = keyed(&alice, &passkey, &bob);
    registry.persons[0].keys = vec![key];
    let mut vote = unsigned("alice");
    passkey.sign(&mut vote, CLUSTER);
    assert_eq!(judge(&vote, &registry), Ok(Strength::Signed));

    let other = enrol::challenge(&PersonId::from("bob"), &site, at(0));
    let late = enrol::challenge(&who, &site, at(1));
    for wrong in [other, late] {
        let got = enrol::passkey(&object, &client, wrong, &site, at(0));
        assert_eq!(got, Err(BadProof::OtherChallenge));
    }
    passkey.kind = "webauthn.get";
    let client = base64(&passkey.client(&challenge));
    assert_eq!(enrol::passkey(&object, &client, challenge, &site, at(0)), Err(BadProof::OtherCeremony));
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let good = File::new("a", 1).entry();
    let passkey = Passkey::new().entry();
    let cose = |bytes: &[u8]| PersonKey { public: base64(bytes), ..passkey.clone() };
    let mut off_curve = Passkey::new().cose();
    off_curve[20] ^= 1;
    let small =
        [b"\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x80".as_slice(), &[0xff; 128], b"\x21\x43\x01\x00\x01"];
    let table = [
        (BadKey::Id, PersonKey { id: "a b".to_owned(), ..good.clone() }),
        (BadKey::Id, PersonKey { id: String::new(), ..good.clone() }),
        (BadKey::Text, PersonKey { public: "a+b/".to_owned(), ..good.clone() }),
        (BadKey::Text, PersonKey { public: "A".repeat(5_000), ..good.clone() }),
        (BadKey::Ed25519, PersonKey { public: base64(&[1; 31]), ..good.clone() }),
        (BadKey::Cose, cose(&[0xa0])),
        (BadKey::Cose, cose(&[1; 32])),
        (BadKey::Cose, cose(&[Passkey::new().cose().as_slice(), &[0]].concat())),
        (BadKey::Unusable, cose(&off_curve)),
        (BadKey::Unusable, PersonKey { alg: KeyAlgorithm::RS256, ..cose(&small.concat()) }),
        (BadKey::OtherAlgorithm, PersonKey { alg: KeyAlgorithm::EdDSA, ..passkey.clone() }),
    ];
    for (bad, key) in table {
        assert_eq!(PublicKey::of(&key).err(), Some(bad), "{key:?}");
    }
}

proptest! {
    /// Whatever is sent is a typed refusal.
    #[test]
    fn no_proof_made_of_noise_counts(
        data in proptest::collection::vec(any::<u8>(), 0..120),
        client in ".{0,80}",
        signature in proptest::collection::vec(any::<u8>(), 0..90),
    ) {
        let (alice, passkey, bob) = (File::new("a", 1), Passkey::new(), File::new("b", 2));
        let registry = keyed(&alice, &passkey, &bob);
        let mut vote = unsigned("alice");
        vote.proof = Proof::Webauthn {
            credential: Passkey::id(),
            authenticator_data: base64(&data),
            client_data: base64(client.as_bytes()),
            signature: base64(&signature),
        };
        prop_assert!(judge(&vote, &registry).is_err());
        vote.proof = Proof::Ed25519 { key: "a".to_owned(), signature: client };
        prop_assert!(judge(&vote, &registry).is_err());
    }
}
