//! The page of silences: who may make and end which, what a bad field answers, and what leaks to whom.

use crate::fixture::{Night, start};
use crate::people::{Answer, Browser};
use http::StatusCode;
use nightshift::http::gate::forms::{self, Purpose};
use nightshift::store::{HistoryStore as _, SystemAppend};
use nightshift_model::{
    Actor, Appended, HistoryEvent, Seconds, Selector, Silence, SilenceId, SystemEvent, Timestamp,
};

const EVIL: [(&str, &str); 2] = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];

async fn token(night: &Night, person: &Browser, purpose: &Purpose<'_>) -> String {
    let visitor = night.people.visitor(&person.cookies["nightshift"]).await.unwrap().unwrap();
    forms::token(&night.keys, visitor.session, purpose)
}

/// The form of the page, filled in.
pub(crate) fn form<'a>(
    csrf: &'a str,
    of: &'a str,
    name: &'a str,
    lasts: &'a str,
    because: &'a str,
) -> [(&'a str, &'a str); 6] {
    [("csrf", csrf), ("of", of), ("name", name), ("lasts", lasts), ("begins", ""), ("because", because)]
}

pub(crate) fn csrf(page: &Answer) -> String {
    let form = page.text.split("action=\"/silences\"").nth(1).expect("the page offers to add one");
    form.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Silences that were added, and how many were ended.
async fn told(night: &Night) -> (Vec<Silence>, usize) {
    let rows = night.store.system_events(&["silence-added", "silence-ended"]).await.unwrap();
    let mut added = Vec::new();
    let mut ended = 0;
    for row in rows {
        match row.event {
            HistoryEvent::System(SystemEvent::SilenceAdded { silence }) => added.push(silence),
            _ => ended += 1,
        }
    }
    (added, ended)
}

pub(crate) async fn silenced(night: &Night, of: Selector, from: Timestamp, until: Timestamp) -> SilenceId {
    let silence = Silence::new(of, from, until, "the bank’s migration", Actor::Operator).unwrap();
    let id = silence.id.clone();
    let append = SystemAppend {
        fence: None,
        actor: Actor::Operator,
        at: from.min(start()),
        events: vec![SystemEvent::SilenceAdded { silence }],
        outbox: Vec::new(),
    };
    assert_eq!(night.store.append_system(append).await.unwrap(), Appended::Committed);
    id
}

#[tokio::test]
async fn a_silence_is_added_shown_and_ended_on_the_page() {
    let night = Night::proposed().await;
    let mut alice = night.signed_in("alice").await;
    let page = alice.get("/silences").await;
    assert!(page.text.contains("<h1>Nothing is silenced</h1>"));
    let csrf = csrf(&page);
    let answer =
        alice.post("/silences", &form(&csrf, "workload", "shop/cart", "2h", " migration <b> ")).await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (StatusCode::SEE_OTHER, &"/silences".parse().unwrap())
    );
    let (added, _) = told(&night).await;
    assert_eq!(added[0].of.to_string(), "workload shop/cart");
    assert_eq!(added[0].until.since(added[0].from), Seconds(7200));
    assert_eq!(
        (added[0].because.as_str(), added[0].by.to_string().as_str()),
        ("migration <b>", "person:alice")
    );
    let mut later = form(&csrf, "namespace", "shop", "30m", "deploy");
    later[4].1 = "1h";
    assert_eq!(alice.post("/silences", &later).await.status, StatusCode::SEE_OTHER);

    let page = alice.get("/silences").await.text;
    assert!(
        page.contains("<h1>1 silence is in force</h1>") && page.contains("migration &#60;b&#62;"),
        "{page}"
    );
    let (now, soon) = page.split_once("<h2>To come</h2>").unwrap();
    assert!(now.contains("workload shop/cart") && now.contains("Until 05:0"), "{now}");
    assert!(soon.contains("namespace shop") && soon.contains("From 04:0"), "{soon}");

    let end = format!("/silences/{}/end", added[0].id);
    let own = token(&night, &alice, &Purpose::EndSilence(&added[0].id)).await;
    assert!(page.contains(&own), "the page carries the form's token");
    assert_eq!(alice.post(&end, &[("csrf", &own)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(told(&night).await.1, 1);
    let again = alice.post(&end, &[("csrf", &own)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("It is over already."));
    let page = alice.get("/silences").await.text;
    assert!(page.split_once("<h2>Over lately</h2>").unwrap().1.contains("Ended by alice"), "{page}");
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost() {
    let night = Night::proposed().await;
    let mut alice = night.signed_in("alice").await;
    let csrf = csrf(&alice.get("/silences").await);
    let long = "x".repeat(501);
    for (of, name, lasts, because, field, says) in [
        ("workload", "cart", "2h", "x", "name", "Write a workload as NAMESPACE/NAME."),
        ("workload", "shop/.*", "2h", "x", "name", "A silence names a namespace or NAMESPACE/NAME exactly"),
        ("reason", "Sadness", "2h", "x", "name", "There is no such kind of fault."),
        ("namespace", "shop", "", "x", "lasts", "Say how long"),
        ("namespace", "shop", "two", "x", "lasts", "is not a duration"),
        ("namespace", "shop", "31d", "x", "lasts", "A silence lasts 30 days at most."),
        ("namespace", "shop", "0s", "x", "lasts", "A silence must end after it began."),
        ("namespace", "shop", "2h", " ", "because", "A silence needs a reason"),
        ("namespace", "shop", "2h", &long, "because", "A silence needs a reason"),
    ] {
        let answer = alice.post("/silences", &form(&csrf, of, name, lasts, because)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{of} {name} {lasts}");
        let at = answer.text.split(&format!("id=\"{field}-wrong\">")).nth(1).expect("said at the field");
        assert!(at.split("</p>").next().unwrap().contains(says), "{field}: {at}");
        assert!(answer.text.contains(&format!("name=\"name\" value=\"{name}\"")), "kept as typed");
        assert!(answer.text.contains(&format!("value=\"{of}\" checked")), "kept as chosen");
        assert_eq!(answer.text.matches("aria-invalid").count(), 1);
    }
    // A form with a field of somebody's own, or with one twice, is not ours.
    let mut twice = form(&csrf, "namespace", "shop", "2h", "x").to_vec();
    twice.push(("name", "bank"));
    assert_eq!(alice.post("/silences", &twice).await.status, StatusCode::FORBIDDEN);
    let mut more = form(&csrf, "namespace", "shop", "2h", "x").to_vec();
    more.push(("by", "root"));
    assert_eq!(alice.post("/silences", &more).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        alice.post("/silences", &form(&csrf, "all", "*", "2h", "x")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(told(&night).await, (Vec::new(), 0));
}

#[tokio::test]
async fn nobody_silences_or_ends_what_is_not_theirs_and_no_foreign_form_does() {
    let night = Night::proposed().await;
    let until = start() + Seconds(7200);
    let shop = silenced(&night, Selector::Namespace("shop".to_owned()), start() - Seconds(60), until).await;
    let bank = silenced(&night, Selector::Namespace("bank".to_owned()), start() - Seconds(60), until).await;
    let fault = Selector::Reason(nightshift_model::Reason::CrashLoopBackOff);
    let fault = silenced(&night, fault, start() - Seconds(60), until).await;

    // Everybody sees what concerns them, and is offered what they may end.
    for (person, sees, ends) in [
        ("alice", vec![&shop, &fault], vec![&shop]),
        ("carol", vec![&shop, &fault], vec![]),
        ("dave", vec![&bank, &fault], vec![&bank]),
        ("root", vec![&shop, &bank, &fault], vec![&shop, &bank, &fault]),
    ] {
        let mut browser = night.signed_in(person).await;
        let page = browser.get("/silences").await.text;
        for id in [&shop, &bank, &fault] {
            assert_eq!(page.contains(id.as_str()), sees.contains(&id), "{person} and {id}");
            assert_eq!(page.contains(&format!("{id}/end")), ends.contains(&id), "{person} ends {id}");
        }
        assert_eq!(page.contains("action=\"/silences\""), person != "carol", "{person}");
    }

    // With a right token and the wrong roles.
    for (person, id) in
        [("alice", &bank), ("dave", &shop), ("carol", &shop), ("alice", &fault), ("bot", &shop)]
    {
        let mut browser = night.signed_in(person).await;
        browser.get("/").await;
        let own = token(&night, &browser, &Purpose::EndSilence(id)).await;
        let answer = browser.post(&format!("/silences/{id}/end"), &[("csrf", &own)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person} and {id}");
    }
    for (person, of, name) in [
        ("alice", "namespace", "bank"),
        ("alice", "workload", "bank/ledger"),
        ("alice", "reason", "CrashLoopBackOff"),
        ("carol", "namespace", "shop"),
        ("dave", "workload", "shop/cart"),
        ("bot", "namespace", "shop"),
    ] {
        let mut browser = night.signed_in(person).await;
        browser.get("/").await;
        let own = token(&night, &browser, &Purpose::AddSilence).await;
        let answer = browser.post("/silences", &form(&own, of, name, "2h", "x")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{person} and {name}: {}", answer.text);
    }

    // Without a session, from elsewhere, without the page's cookie, with another form's or person's token.
    let mut alice = night.signed_in("alice").await;
    let end = format!("/silences/{shop}/end");
    let good_add = token(&night, &alice, &Purpose::AddSilence).await;
    let good_end = token(&night, &alice, &Purpose::EndSilence(&shop)).await;
    let no_cookie = alice.post("/silences", &form(&good_add, "namespace", "shop", "2h", "x")).await;
    assert_eq!(no_cookie.status, StatusCode::FORBIDDEN);
    alice.get("/").await;
    let other = token(&night, &night.signed_in("bob").await, &Purpose::AddSilence).await;
    for csrf in ["", "forged", &good_end, &other] {
        let answer = alice.post("/silences", &form(csrf, "namespace", "shop", "2h", "x")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    for csrf in ["", "forged", &good_add, &token(&night, &alice, &Purpose::EndSilence(&bank)).await] {
        assert_eq!(alice.post(&end, &[("csrf", csrf)]).await.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    let mut stranger = night.stranger();
    assert_eq!(stranger.get("/silences").await.status, StatusCode::UNAUTHORIZED);
    for browser in [&mut stranger, &mut alice] {
        let add = form(&good_add, "namespace", "shop", "2h", "x");
        assert_eq!(browser.post_from("/silences", &add, &EVIL).await.status, StatusCode::FORBIDDEN);
        let answer = browser.post_from(&end, &[("csrf", &good_end)], &EVIL).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(stranger.post(&end, &[("csrf", &good_end)]).await.status, StatusCode::FORBIDDEN);
    let (added, ended) = told(&night).await;
    assert_eq!((added.len(), ended), (3, 0), "nothing of that took");
}
