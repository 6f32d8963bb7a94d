//! A person's own door to end an incident: where it stands open, who may use it, and what is refused.

use crate::fixture::{Night, start};
use crate::screens::{grant, write};
use nightshift::http::gate::forms::{self, Purpose};
use nightshift_model::{Closure, Escalation, IncidentEvent, Phase, Seconds, Sent, Withdrawal, Written};
use reqwest::StatusCode;

/// What the page's own form would send.
fn filled(page: &crate::people::Answer, note: &str) -> Vec<(&'static str, String)> {
    let form = page.text.split("class=\"end\"").nth(1).expect("the page offers to end it");
    let value = |name: &str| {
        let start = format!("name=\"{name}\" value=\"");
        form.split(start.as_str()).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    vec![("csrf", value("csrf")), ("seen", value("seen")), ("note", note.to_owned())]
}

fn pairs<'a>(form: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn rejected() -> IncidentEvent {
    IncidentEvent::Escalated { why: Escalation::Refused { reasons: vec!["cool-down".to_owned()] } }
}

#[tokio::test]
async fn an_open_proposal_ends_with_its_incident_and_the_page_says_what_stands() {
    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    let mut alice = night.signed_in("alice").await;
    let end = format!("/i/{}/end", night.incident);
    let shown = alice.get(&format!("/p/{id}")).await;
    let form = filled(&shown, "fixed by hand <b>");
    let answer = alice.post(&end, &pairs(&form)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.headers["location"], format!("/i/{}", night.incident).as_str());
    let incident = night.fold().await;
    let Phase::Closed { why: Closure::ByPerson { person, note } } = &incident.phase else { panic!() };
    assert_eq!((person.as_str(), note.as_str()), ("alice", "fixed by hand <b>"));
    assert_eq!(incident.written, None);

    let page = alice.get(&format!("/i/{}", night.incident)).await.text;
    assert!(page.contains("Ended by alice: fixed by hand &#60;b&#62;."), "{page}");
    assert!(page.contains("CrashLoopBackOff still stands; it is told again when it changes."));
    assert!(page.contains("What still stands") && !page.contains("class=\"end\""));
    let page = alice.get(&format!("/p/{id}")).await.text;
    assert!(page.contains("alice ended the incident. Nothing of this proposal was written."), "{page}");
    assert!(!page.contains("Approve: do exactly this"));
    let digest = alice.get("/digest/2026-03-03").await.text;
    assert!(digest.contains("CrashLoopBackOff still stands; ended by alice: fixed by hand"), "{digest}");

    let again = alice.post(&end, &pairs(&form)).await;
    assert_eq!(
        again.status,
        StatusCode::SEE_OTHER,
        "the same person with the same note: a reload, no complaint"
    );
    let mut bob = night.signed_in("bob").await;
    let session = night.people.visitor(&bob.cookies["nightshift"]).await.unwrap().unwrap().session;
    bob.get("/").await;
    let seen = incident.findings_at;
    let csrf = forms::token(&night.keys, session, &Purpose::End(&night.incident, seen));
    let late = bob.post(&end, &[("csrf", &csrf), ("seen", &seen.to_string()), ("note", "me too")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("It is over already."));
}

#[tokio::test]
async fn a_write_whose_fate_nobody_knows_is_ended_by_a_person_and_by_nobody_else() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let mut events = grant(&proposal);
    events.extend(write(&proposal));
    events.pop();
    events.push(IncidentEvent::Sent { sent: Sent::Unknown { why: "504 Gateway Timeout".to_owned() } });
    let (last, before) = events.split_last().unwrap();
    let mut alice = night.signed_in("alice").await;
    let pages = [format!("/p/{}", proposal.id()), format!("/i/{}", night.incident)];
    let end = format!("/i/{}/end", night.incident);
    let early = filled(&alice.get(&pages[0]).await, "looked at it");
    night.record(before.to_vec(), start() - Seconds(60)).await;
    // The request is under way: no form, and the one from before is not taken.
    for page in &pages {
        assert!(!alice.get(page).await.text.contains("class=\"end\""), "{page}");
    }
    let busy = alice.post(&end, &pairs(&early)).await;
    assert_eq!(busy.status, StatusCode::CONFLICT);
    assert!(busy.text.contains("A write is under way or is being proven"));

    night.record(vec![last.clone()], start() - Seconds(50)).await;
    for page in &pages {
        let shown = alice.get(page).await.text;
        assert!(shown.contains("Nobody can tell whether the write took effect"), "{page}");
        assert!(shown.contains("class=\"end\"") && shown.contains("then end the incident"), "{page}");
    }
    let list = alice.get("/").await.text;
    assert!(list.contains("1 thing waits for a person"), "{list}");
    let form = filled(&alice.get(&pages[1]).await, "the rollback is there");
    assert_eq!(alice.post(&end, &pairs(&form)).await.status, StatusCode::SEE_OTHER);
    let incident = night.fold().await;
    assert!(matches!(incident.phase, Phase::Closed { why: Closure::ByPerson { .. } }));
    assert_eq!(incident.written, Some(Written::Perhaps));
    for page in &pages {
        let shown = alice.get(page).await.text;
        assert!(shown.contains("obody can tell whether the write took effect."), "{page}: {shown}");
    }
}

#[tokio::test]
async fn every_wrong_way_to_end_an_incident_is_refused() {
    let night = Night::proposed().await;
    night.record(vec![rejected()], start() - Seconds(30)).await;
    let before = night.fold().await;
    let end = format!("/i/{}/end", night.incident);
    let mut alice = night.signed_in("alice").await;
    let form = filled(&alice.get(&format!("/i/{}", night.incident)).await, "settled");
    let with = |name: &str, value: &str| {
        let change =
            |(n, v): &(&'static str, String)| (*n, if *n == name { value.to_owned() } else { v.clone() });
        form.iter().map(change).collect::<Vec<_>>()
    };
    let later = (before.findings_at + Seconds(1)).to_string();
    for (wrong, status, sentence) in [
        (with("csrf", "forged"), StatusCode::FORBIDDEN, "This form is no longer valid"),
        (with("seen", &later), StatusCode::FORBIDDEN, "This form is no longer valid"),
        (with("seen", "yesterday"), StatusCode::FORBIDDEN, "This form is no longer valid"),
        (with("note", " \n"), StatusCode::UNPROCESSABLE_ENTITY, "Write a note"),
    ] {
        let answer = alice.post(&end, &pairs(&wrong)).await;
        assert_eq!(answer.status, status, "{wrong:?}");
        assert!(answer.text.contains(sentence) && answer.text.contains("The incident was not ended"));
    }
    let mut more = form.clone();
    more.push(("phase", "closed".to_owned()));
    assert_eq!(alice.post(&end, &pairs(&more)).await.status, StatusCode::FORBIDDEN, "an unknown field");

    let own = alice.base.clone();
    for origin in [
        vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        vec![("origin", "null"), ("sec-fetch-site", "same-origin")],
        vec![("origin", own.as_str()), ("sec-fetch-site", "same-site")],
        vec![],
    ] {
        let answer = alice.post_from(&end, &pairs(&form), &origin).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        assert!(answer.text.contains("did not come from this page"), "{origin:?}");
    }
    let mut without = alice.clone();
    without.cookies.remove("nightshift-page");
    assert_eq!(without.post(&end, &pairs(&form)).await.status, StatusCode::FORBIDDEN, "no page cookie");
    assert_eq!(night.stranger().post(&end, &pairs(&form)).await.status, StatusCode::FORBIDDEN);

    // With a right form of their own: a looker, another owner's approver, a machine; and an incident that is not there.
    for (person, sentence) in [
        ("carol", "Your roles do not cover this namespace"),
        ("dave", "Your roles do not cover this namespace"),
        ("bot", "Service identities end no incident"),
    ] {
        let mut browser = night.signed_in(person).await;
        let page = browser.get(&format!("/i/{}", night.incident)).await;
        assert!(!page.text.contains("class=\"end\""), "{person} is not offered it");
        browser.get("/").await;
        let session = night.people.visitor(&browser.cookies["nightshift"]).await.unwrap().unwrap().session;
        let csrf = forms::token(&night.keys, session, &Purpose::End(&night.incident, before.findings_at));
        let seen = before.findings_at.to_string();
        let answer = browser.post(&end, &[("csrf", &csrf), ("seen", &seen), ("note", "x")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person}");
        assert!(answer.text.contains(sentence), "{person}: {}", answer.text);
    }
    let session = night.people.visitor(&alice.cookies["nightshift"]).await.unwrap().unwrap().session;
    let nowhere = nightshift_model::IncidentId::from("inc-nowhere000");
    let csrf = forms::token(&night.keys, session, &Purpose::End(&nowhere, start()));
    let fields = [("csrf", csrf.as_str()), ("seen", &start().to_string()), ("note", "x")];
    let answer = alice.post(&format!("/i/{nowhere}/end"), &fields).await;
    assert!(answer.text.contains("Your roles do not cover this namespace"), "as one of another owner");
    assert_eq!(night.fold().await, before, "nothing was changed by any of them");

    // What is wrong changes after the page was read: nobody ends what they have not seen.
    let mut findings = before.findings.clone();
    findings[0].container = "sidecar".to_owned();
    night.record(vec![IncidentEvent::FindingsChanged { findings }], start()).await;
    let answer = alice.post(&end, &pairs(&form)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("What is wrong has changed since you opened the page"));
    let form = filled(&alice.get(&format!("/i/{}", night.incident)).await, "settled");
    assert_eq!(alice.post(&end, &pairs(&form)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_door_stands_open_in_every_quiet_phase() {
    let withdrawn = |why| IncidentEvent::Withdrawn { why };
    for (phase, step) in [
        ("Investigating", Some(withdrawn(Withdrawal::PolicyChanged))),
        ("Escalated", Some(withdrawn(Withdrawal::Expired))),
        ("Granted", None),
    ] {
        let night = Night::quiet().await;
        let proposal = night.propose(|_| ()).await;
        let events = step.map_or_else(|| grant(&proposal), |step| vec![step]);
        night.record(events, start() - Seconds(30)).await;
        assert_eq!(night.fold().await.phase.word(), phase);
        let mut alice = night.signed_in("alice").await;
        let form = filled(&alice.get(&format!("/i/{}", night.incident)).await, "settled");
        let answer = alice.post(&format!("/i/{}/end", night.incident), &pairs(&form)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{phase}: {}", answer.text);
        assert!(matches!(night.fold().await.phase, Phase::Closed { .. }), "{phase}");
    }
}
