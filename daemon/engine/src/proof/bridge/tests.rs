//! Which message is whose, and which vote it proves.

use super::*;
use crate::proof::make::{File, Hook};
use crate::proof::{Context, Counters, verify};
use crate::samples::{at, nightshift, proposal, registry};
use crate::vote_object::Look;
use nightshift_model::vote::Strength;
use nightshift_model::{Proof, Risk};

/// Makes something wrong.
type Bend = &'static dyn Fn(&mut Vote);

fn bridged(hooks: &[&Hook]) -> Registry {
    let mut registry = registry();
    registry.bridges = hooks.iter().map(|hook| hook.entry()).collect();
    registry
}

fn vote() -> Vote {
    let p = proposal(Risk::Medium, nightshift());
    Vote {
        proposal: p.id().clone(),
        digest: p.digest(),
        decision: VoteDecision::Approve,
        person: PersonId::from("alice"),
        no: 1,
        at: at(20),
        reason: "looked at it".to_owned(),
        interactive: true,
        proof: Proof::Attested { by: String::new() },
    }
}

fn judge(vote: &Vote, registry: &Registry) -> Result<Strength, BadProof> {
    let counters = Counters::default();
    verify(
        vote,
        &Context {
            registry,
            cluster_uid: "c",
            sealed_at: at(10),
            counters: &counters,
            look: &Look::NotAsked,
        },
    )
}

/// RFC 8032's first key over a message as Standard Webhooks frames it, signed by OpenSSL.
#[test]
fn another_implementation_signs_the_same_bytes() {
    let mut registry = registry();
    let key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let bridge = serde_json::json!({"name": "chatbot", "roles": ["on-call"], "keys": [{"public": key}]});
    registry.bridges.push(serde_json::from_value(bridge).unwrap());
    let message = Message { id: "msg_1", second: 1_772_330_420, body: r#"{"a":1}"# };
    let value = concat!("v1a,", include_str!("vector.txt"));
    assert_eq!(message.sender(value.trim(), &registry).map(|(b, _)| b.name.as_str()), Ok("chatbot"));
    let other = Message { second: 1_772_330_421, ..message };
    assert_eq!(other.sender(value.trim(), &registry).err(), Some(NoSender::Unknown));
}

#[test]
fn a_message_is_the_bridges_whose_key_signed_it() {
    let (chat, pager) = (Hook::new("chatbot", 1), Hook::new("pager", 2));
    let registry = bridged(&[&chat, &pager]);
    let message = Message { id: "m-1", second: 5, body: "{}" };
    let own = chat.signature(&message);
    let stranger = Hook::new("eve", 9).signature(&message);
    let who = |value: &str, message: &Message| {
        message.sender(value, &registry).map(|(bridge, _)| bridge.name.as_str().to_owned())
    };
    assert_eq!(who(&own, &message).as_deref(), Ok("chatbot"));
    assert_eq!(who(&pager.signature(&message), &message).as_deref(), Ok("pager"));
    assert_eq!(who(&format!("v1,AAAA {own}"), &message).as_deref(), Ok("chatbot"), "a shared secret besides");
    assert_eq!(who(&format!("{stranger} {own}"), &message).as_deref(), Ok("chatbot"), "while keys change");
    for (value, why) in [
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", NoSender::Symmetric),
        ("v1,AAAA v1,BBBB", NoSender::Symmetric),
        ("", NoSender::Unknown),
        ("v1a", NoSender::Unknown),
        ("v1a,", NoSender::Unknown),
        ("v1a,%%%", NoSender::Unknown),
        (stranger.as_str(), NoSender::Unknown),
        (own.trim_start_matches("v1a,"), NoSender::Unknown),
        (&own.replace("v1a,", "v2,"), NoSender::Unknown),
        (&own.replace("v1a,", "V1A,"), NoSender::Unknown),
        (&format!("{own}A"), NoSender::Unknown),
        (&format!("{stranger} {stranger} {own}"), NoSender::Unknown),
    ] {
        assert_eq!(who(value, &message), Err(why), "{value}");
    }
    let bent = [
        Message { id: "m-2", ..message },
        Message { second: 6, ..message },
        Message { body: "{ }", ..message },
        Message { id: "m-1.5", second: 5, body: "{}" },
    ];
    for message in bent {
        assert_eq!(who(&own, &message), Err(NoSender::Unknown), "{message:?}");
    }
    for id in ["", "a.b", "a b", "ä", "a\n", &"a".repeat(129)] {
        let message = Message { id, ..message };
        assert_eq!(who(&chat.signature(&message), &message), Err(NoSender::Unknown), "{id:?}");
    }
    let long = format!("\"{}\"", "a".repeat(LONGEST));
    let message = Message { body: &long, ..message };
    assert_eq!(who(&chat.signature(&message), &message), Err(NoSender::Unknown));
}

#[test]
fn a_revoked_key_is_nobodys() {
    let chat = Hook::new("chatbot", 1);
    let mut registry = bridged(&[&chat]);
    registry.bridges[0].keys[0].revoked = Some(at(99));
    let message = Message { id: "m-1", second: 5, body: "{}" };
    assert_eq!(message.sender(&chat.signature(&message), &registry).err(), Some(NoSender::Unknown));
    let mut vote = vote();
    chat.carry(&mut vote, "m-1");
    assert_eq!(judge(&vote, &registry), Err(BadProof::KeyNotInForce));
    registry.bridges[0].keys[0].revoked = None;
    registry.bridges[0].keys[0].since = Some(at(11));
    assert_eq!(judge(&vote, &registry), Err(BadProof::KeyNotInForce), "added after the proposal");
    registry.bridges[0].keys[0].since = Some(at(10));
    assert_eq!(judge(&vote, &registry), Ok(Strength::Attested));
}

#[test]
fn a_message_proves_one_vote_and_is_worth_a_word() {
    let chat = Hook::new("chatbot", 1);
    let registry = bridged(&[&chat]);
    let mut good = vote();
    chat.carry(&mut good, "m-1");
    assert_eq!(judge(&good, &registry), Ok(Strength::Attested));
    let bend: [(&str, BadProof, Bend); 9] = [
        ("another proposal", BadProof::OtherMessage, &|v| v.proposal = "pro-other".into()),
        ("another digest", BadProof::OtherMessage, &|v| v.digest = Digest([9; 32])),
        ("another decision", BadProof::OtherMessage, &|v| v.decision = VoteDecision::Deny),
        ("another person", BadProof::OtherMessage, &|v| v.person = "bob".into()),
        ("other words", BadProof::OtherMessage, &|v| v.reason = "I never said so".to_owned()),
        ("another time", BadProof::BadSignature, &|v| v.at = at(21)),
        ("no whole second", BadProof::Malformed("message"), &|v| {
            v.at = Timestamp::from_micros(v.at.micros() + 1);
        }),
        ("another bridge", BadProof::UnknownKey, &|v| {
            if let Proof::Bridge { bridge, .. } = &mut v.proof {
                *bridge = "pager".into();
            }
        }),
        ("another message", BadProof::BadSignature, &|v| {
            if let Proof::Bridge { body, .. } = &mut v.proof {
                body.push(' ');
            }
        }),
    ];
    for (what, bad, bend) in bend {
        let mut bent = good.clone();
        bend(&mut bent);
        assert_eq!(judge(&bent, &registry), Err(bad), "{what}");
    }
    let mut stranger = vote();
    Hook::new("chatbot", 9).carry(&mut stranger, "m-1");
    assert_eq!(judge(&stranger, &registry), Err(BadProof::BadSignature), "its name under another key");
    let mut machine = Vote { person: "robot".into(), ..vote() };
    chat.carry(&mut machine, "m-1");
    assert_eq!(judge(&machine, &registry), Err(BadProof::OtherMessage), "a machine decides nothing");
    let mut none = vote();
    chat.carry(&mut none, "m-1");
    assert_eq!(judge(&none, &crate::samples::registry()), Err(BadProof::UnknownKey), "off unless registered");
}

#[test]
fn only_the_one_form_is_a_vote() {
    let data = r#""proposal":"p","digest":"0000000000000000000000000000000000000000000000000000000000000000","person":"alice","decision":"deny""#;
    let said = |body: &str| Message { id: "m", second: 1, body }.said();
    let good = format!(r#"{{"type":"proposal.vote","data":{{{data}}}}}"#);
    assert_eq!(said(&good).map(|s| s.decision), Some(VoteDecision::Deny));
    let timed = good.replacen('{', r#"{"timestamp":"2026-03-01T02:00:00Z","#, 1);
    assert!(said(&timed).is_some());
    for bad in [
        String::new(),
        "null".to_owned(),
        good.replace("proposal.vote", "proposal.waits"),
        good.replacen('{', r#"{"x":1,"#, 1),
        good.replacen('{', r#"{"type":"proposal.vote","#, 1),
        good.replacen('{', r#"{"timestamp":"yesterday","#, 1),
        good.replace(r#""person""#, r#""vote_no":1,"person""#),
        good.replace(r#""person""#, r#""person":"bob","person""#),
        good.replace("deny", "DENY"),
        good.replace("0000", "000"),
        format!("{good}{good}"),
        good.replace(r#","decision":"deny""#, ""),
    ] {
        assert!(said(&bad).is_none(), "{bad}");
    }
}

#[test]
fn a_key_is_written_as_standard_webhooks_writes_it() {
    let entry = Hook::new("chatbot", 1).entry();
    assert!(public(&entry.keys[0]).is_ok());
    let text = entry.keys[0].public.clone();
    let file = File::new("a", 1).entry().public;
    for bad in
        ["", "whpk_", &text.replace("whpk_", "whsk_"), &text.replace('=', ""), &file, &format!("{text}AAAA")]
    {
        let key = BridgeKey { public: bad.to_owned(), since: None, revoked: None };
        assert_eq!(public(&key).err(), Some(BadKey::Bridge), "{bad}");
    }
}
