use super::*;
use crate::notify::double::notice;
use crate::notify::{Ballot, Kind};
use nightshift_model::Timestamp;

fn waiting(ballot: bool) -> Notice {
    let mut made = notice(Kind::Page, Stand::Open);
    made.expires_at = Some(Timestamp::EPOCH);
    let digest = Digest([0xab; 32]);
    made.ballot = ballot.then(|| Ballot { proposal: ProposalId::from("pro-0123456789"), digest });
    made
}

fn actions(notice: &Notice) -> Vec<String> {
    let row = buttons(notice).unwrap_or_default();
    let all = row["elements"].as_array().cloned().unwrap_or_default();
    all.iter().map(|b| b["action_id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn payload(user: &str, channel: &str, action: &str, value: &str) -> Value {
    json!({"type": "block_actions", "user": {"id": user, "username": "x"}, "channel": {"id": channel},
        "actions": [{"action_id": action, "value": value, "action_ts": "1.5", "type": "button"}]})
}

#[test]
fn only_what_may_be_decided_here_has_a_button_to_decide() {
    assert_eq!(actions(&waiting(true)), [HAVE, APPROVE, DENY]);
    assert_eq!(actions(&waiting(false)), [HAVE, OPEN], "the rest is read first");
    let mut dark = waiting(false);
    dark.link = None;
    assert_eq!(actions(&dark), [HAVE]);
    assert_eq!(actions(&notice(Kind::Update, Stand::UnderWay)), [HAVE]);
    assert!(buttons(&notice(Kind::Update, Stand::Over)).is_none());
    assert!(buttons(&notice(Kind::Update, Stand::Ended)).is_none());
}

#[test]
fn a_button_comes_back_as_what_it_stood_for() {
    let row = buttons(&waiting(true)).unwrap();
    let wish = |n: usize| {
        let button = &row["elements"][n];
        let (action, value) = (button["action_id"].as_str().unwrap(), button["value"].as_str().unwrap());
        read(&payload("U0ANN", "C0123", action, value), "C0123").unwrap().0.wish
    };
    let (proposal, digest) = (ProposalId::from("pro-0123456789"), Digest([0xab; 32]));
    assert_eq!(wish(0), Wish::Have(IncidentId::from("inc-0123456789")));
    assert_eq!(wish(1), Wish::Vote(proposal.clone(), digest, VoteDecision::Approve));
    assert_eq!(wish(2), Wish::Vote(proposal, digest, VoteDecision::Deny));
    let confirm = row["elements"][1]["confirm"]["text"]["text"].as_str().unwrap();
    assert!(confirm.contains(&digest.short()), "{confirm}");
}

#[test]
fn what_is_not_of_our_making_is_nothing() {
    let hex = "ab".repeat(32);
    let good = format!("pro-0123456789:{hex}");
    let ours = |payload: &Value| read(payload, "C0123").is_some();
    assert!(ours(&payload("U0ANN", "C0123", APPROVE, &good)));
    for (what, bad) in [
        ("another channel", payload("U0ANN", "C9999", APPROVE, &good)),
        ("no member", payload("<@U0ANN>", "C0123", APPROVE, &good)),
        ("a long member", payload(&"U".repeat(33), "C0123", APPROVE, &good)),
        ("a link", payload("U0ANN", "C0123", OPEN, "")),
        ("another button", payload("U0ANN", "C0123", "delete", &good)),
        ("no digest", payload("U0ANN", "C0123", APPROVE, "pro-0123456789")),
        ("a short digest", payload("U0ANN", "C0123", APPROVE, "pro-0123456789:abab")),
        ("an odd proposal", payload("U0ANN", "C0123", APPROVE, &format!("../x:{hex}"))),
        ("no incident", payload("U0ANN", "C0123", HAVE, "")),
        ("a long incident", payload("U0ANN", "C0123", HAVE, &"a".repeat(33))),
        ("nothing", Value::Null),
    ] {
        assert!(!ours(&bad), "{what}");
    }
    let mut two = payload("U0ANN", "C0123", APPROVE, &good);
    let again = two["actions"][0].clone();
    two["actions"].as_array_mut().unwrap().push(again);
    assert!(!ours(&two), "two at once");
    let mut other = payload("U0ANN", "C0123", APPROVE, &good);
    other["type"] = "view_submission".into();
    assert!(!ours(&other));
}
