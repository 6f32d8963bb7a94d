//! Tokens, codes, origins, bodies: what is ours and what is not.

use super::*;
use crate::api::vote::VotePost;

#[test]
fn a_token_fits_one_session_and_one_purpose() {
    let keys = Keys::random().unwrap();
    let (one, two) = (Digest([1; 32]), Digest([2; 32]));
    let (proposal, incident) = (ProposalId::from("pro-1"), IncidentId::from("pro-1"));
    let vote = |digest, decision| Purpose::Vote(&proposal, digest, decision);
    let approve = token(&keys, one, &vote(one, VoteDecision::Approve));
    assert!(fits(&keys, one, &vote(one, VoteDecision::Approve), &approve));
    for (session, purpose) in [
        (two, vote(one, VoteDecision::Approve)),
        (one, vote(two, VoteDecision::Approve)),
        (one, vote(one, VoteDecision::Deny)),
        (one, Purpose::Again(&proposal)),
        (one, Purpose::Inverse(&proposal)),
        (one, Purpose::End(&incident, Timestamp::EPOCH)),
        (one, Purpose::Switch),
    ] {
        assert!(!fits(&keys, session, &purpose, &approve), "{purpose:?}");
    }
    assert!(!fits(&keys, one, &Purpose::Switch, ""));
    let end = token(&keys, one, &Purpose::End(&incident, Timestamp::EPOCH));
    let later = Timestamp::from_second(1);
    assert!(fits(&keys, one, &Purpose::End(&incident, Timestamp::EPOCH), &end));
    assert!(!fits(&keys, one, &Purpose::End(&incident, later), &end), "another look at what is wrong");
}

#[test]
fn a_code_is_typed_as_people_type() {
    let keys = Keys::random().unwrap();
    let (session, digest) = (Digest([1; 32]), Digest([2; 32]));
    let shown = code(&keys, session, digest);
    assert_eq!(shown.len(), 4);
    let typed = format!(" {} ", shown.to_lowercase().replace('0', "o").replace('1', "l"));
    assert!(code_fits(&keys, session, digest, &typed));
    assert!(!code_fits(&keys, session, digest, ""));
    assert!(!code_fits(&keys, session, digest, &format!("{shown}0")));
    assert!(!code_fits(&keys, digest, digest, &shown) || !code_fits(&keys, session, session, &shown));
}

#[test]
fn messages_link_to_the_configured_address_and_to_no_loopback() {
    let site = |json: &str| {
        let gate: crate::config::Gate = serde_json::from_str(json).unwrap();
        crate::http::gate::Site::of(&gate, "127.0.0.1:8080".parse().unwrap(), jiff::tz::TimeZone::UTC)
    };
    let local = site("{}");
    assert_eq!((local.base.as_deref(), local.public), (Some("http://127.0.0.1:8080"), false));
    let named = site(r#"{"public_url": "https://night.example"}"#);
    assert_eq!((named.base.as_deref(), named.public), (Some("https://night.example"), true));
    let proxied = site(r#"{"trusted_proxy": true}"#);
    assert_eq!((proxied.base, proxied.public), (None, false));
}

#[test]
fn only_our_own_pages_are_our_origin() {
    let own = ["https://night.example".to_owned()];
    let headers = |pairs: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, http::HeaderValue::from_static(value));
        }
        map
    };
    let same = ("sec-fetch-site", "same-origin");
    assert!(own_origin(&headers(&[("origin", "https://night.example"), same]), &own));
    for foreign in [
        vec![same],
        vec![("origin", "null"), same],
        vec![("origin", "https://night.example.evil"), same],
        vec![("origin", "http://night.example"), same],
        vec![("origin", "https://night.example")],
        vec![("origin", "https://night.example"), ("sec-fetch-site", "cross-site")],
        vec![("origin", "https://night.example"), ("sec-fetch-site", "none")],
        vec![("origin", "https://night.example"), ("origin", "https://evil.example"), same],
    ] {
        assert!(!own_origin(&headers(&foreign), &own), "{foreign:?}");
    }
}

#[test]
fn bodies_are_read_strictly() {
    let read = |form: Form, text: &str| form.read::<VotePost>(text.as_bytes());
    let post = read(Form::Page, "decision=approve&digest=ab&code=K7QF&csrf_approve=t&csrf_deny=u").unwrap();
    assert_eq!(post.token(), "t");
    assert_eq!(read(Form::Json, r#"{"decision":"deny","digest":"ab","csrf":"v"}"#).unwrap().token(), "v");
    for wrong in [
        "decision=approve",
        "decision=yes&digest=ab",
        "decision=deny&digest=ab&digest=cd",
        "decision=deny&digest=a&x=y",
    ] {
        assert!(read(Form::Page, wrong).is_none(), "{wrong}");
    }
}
