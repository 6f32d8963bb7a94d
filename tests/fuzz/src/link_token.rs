//! Tokens of links: what opens reads back to the same text, and no other text opens.
//!
//! An input is a body. It is opened as it stands, as nobody signed it, and with a MAC of our own key, which is what a
//! stranger cannot make and what our own past versions may have made.

use crate::common::{bent, now};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nightshift::config::{Key, KeyRing, Secret};
use nightshift::http::gate::link::{BadLink, DOMAIN, LinkToken};
use nightshift_model::{ProposalId, Seconds};

/// Tries one token.
///
/// # Panics
/// When a token opens that is not the one that was minted.
pub fn link_token(data: &[u8]) -> String {
    let keys = keys();
    let open = |text: &str, proposal: &str| LinkToken::open(text, &keys, &ProposalId::from(proposal), now());
    if let Ok(text) = std::str::from_utf8(data) {
        let ours = || keys.all().any(|key| text == sample().mint(key));
        assert!(open(text, PROPOSAL).is_err() || ours(), "nobody signed this");
    }
    assert_eq!(open(&URL_SAFE_NO_PAD.encode(data), PROPOSAL), Err(BadLink::Forged), "nobody signed this");

    let text = signed(data, &keys.active);
    let token = match open(&text, PROPOSAL) {
        Ok(token) => token,
        Err(bad) => return bad.as_str().to_owned(),
    };
    assert_eq!(token.proposal.as_str(), PROPOSAL);
    assert!(token.expires > now());
    assert_eq!(token.mint(&keys.active), text, "a token has one text");
    assert_eq!(open(&text, "pro-other"), Err(BadLink::Foreign));
    let late = LinkToken::open(&text, &keys, &token.proposal, token.expires);
    assert_eq!(late, Err(BadLink::Expired));
    let (other, none) = (ring(8), KeyRing { active: key(8), previous: None });
    assert_eq!(LinkToken::open(&text, &none, &token.proposal, now()), Err(BadLink::Forged), "another key");
    assert_eq!(LinkToken::open(&text, &other, &token.proposal, now()), Ok(token), "the key before");

    let bytes = URL_SAFE_NO_PAD.decode(&text).expect("our own text");
    let changed = bent(&bytes).expect("a token has bits");
    assert!(open(&URL_SAFE_NO_PAD.encode(changed), PROPOSAL).is_err(), "one bit is another token");
    for more in [format!("{text}="), format!("{text}A"), format!(" {text}"), text.replace(['-', '_'], "+")] {
        assert!(more == text || open(&more, PROPOSAL).is_err(), "another text");
    }
    "opens".to_owned()
}

/// The proposal that is asked for.
const PROPOSAL: &str = "pro-0123456789";

fn key(seed: u8) -> Key {
    Key::new(Secret::of(&[seed; 32]))
}

/// A ring whose former key is the one that signs here.
fn ring(seed: u8) -> KeyRing {
    KeyRing { active: key(seed), previous: Some(key(7)) }
}

fn keys() -> KeyRing {
    KeyRing { active: key(7), previous: Some(key(6)) }
}

/// A body behind our key's name, with our MAC.
fn signed(data: &[u8], key: &Key) -> String {
    let body = [key.kid().as_slice(), data].concat();
    let mac = key.mac(DOMAIN, &[&body]);
    URL_SAFE_NO_PAD.encode([body.as_slice(), &mac].concat())
}

fn sample() -> LinkToken {
    LinkToken {
        recipient: "webhook:oncall".to_owned(),
        proposal: ProposalId::from(PROPOSAL),
        digest: [7; 16],
        expires: now() + Seconds(3600),
        nonce: [9; 16],
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let good = sample();
    let body = |token: &LinkToken| {
        let bytes = URL_SAFE_NO_PAD.decode(token.mint(&key(7))).expect("our own text");
        bytes.get(4..bytes.len() - 32).expect("name, body and MAC").to_vec()
    };
    let raw = body(&good);
    let long = [&[200], "r".repeat(200).as_bytes(), raw.get(15..).expect("a recipient of 14")].concat();
    let cut = raw.get(..raw.len() - 1).expect("a body").to_vec();
    let far = LinkToken { expires: now() + Seconds(u64::MAX), ..good.clone() };
    let mut beyond = raw.clone();
    let at = raw.len() - 24;
    beyond.splice(at..at + 8, i64::MAX.to_be_bytes());
    [
        ("good", raw.clone()),
        ("no-recipient", body(&LinkToken { recipient: String::new(), ..good.clone() })),
        ("wide-recipient", body(&LinkToken { recipient: "\u{1f319}".repeat(60), ..good.clone() })),
        ("other-proposal", body(&LinkToken { proposal: ProposalId::from("pro-9"), ..good.clone() })),
        ("expired", body(&LinkToken { expires: now(), ..good.clone() })),
        ("end-of-time", body(&far)),
        ("beyond-time", beyond),
        ("recipient-too-long", long),
        ("cut", cut),
        ("more", [raw.as_slice(), &[0]].concat()),
        ("text", good.mint(&key(7)).into_bytes()),
        ("text-of-former-key", good.mint(&key(6)).into_bytes()),
        ("nothing", Vec::new()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .to_vec()
}
