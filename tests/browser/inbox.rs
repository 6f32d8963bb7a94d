//! The inbox: the order of need, for each person their own, bounded, and usable with keys alone on a phone.

use crate::driver::{Driver, ENTER};
use crate::fixture::{Night, start};
use crate::people::Answer;
use crate::screens::{grant, write};
use http::StatusCode;
use nightshift::clock::Clock;
use nightshift::stages::query::{Need, Reads};
use nightshift::store::inbox::Inbox;
use nightshift_model::{
    Actor, Closure, Escalation, IncidentEvent, IncidentId, PersonId, Phase, Proposal, Seconds, Sent, Vote,
    VoteDecision,
};

fn refused() -> IncidentEvent {
    IncidentEvent::Escalated { why: Escalation::Refused { reasons: vec!["cool-down".to_owned()] } }
}

/// Headings of groups with the titles of their lines, as they stand on the page.
fn groups(page: &Answer) -> Vec<(String, Vec<String>)> {
    let part = |text: &str, from: &str, to: &str| {
        text.split(from).nth(1).unwrap_or_default().split(to).next().unwrap_or_default().to_owned()
    };
    let lists = page.text.split("<h2 id=\"").skip(1);
    lists
        .map(|list| {
            let titles = list.split("<strong>").skip(1).map(|t| t.split('<').next().unwrap().to_owned());
            (part(list, "\">", "</h2>"), titles.collect())
        })
        .collect()
}

/// One incident of each kind; what waits for votes is the night's own.
pub(crate) async fn busy() -> (Night, Proposal) {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let at = start() - Seconds(30);
    let escalated = night.open("inc-b", "shop", "basket", 300).await;
    night.record_in(&escalated, vec![refused()], at).await;
    let held = night.open("inc-c", "shop", "search", 200).await;
    let bob = IncidentEvent::Acknowledged { person: "bob".into() };
    night.record_in(&held, vec![refused(), bob], at).await;
    night.open("inc-d", "shop", "mail", 100).await;
    night.open("inc-e", "bank", "ledger", 90).await;
    let over = night.open("inc-f", "shop", "old", 80).await;
    night.record_in(&over, vec![IncidentEvent::Closed { why: Closure::Healed }], at).await;
    (night, proposal)
}

#[tokio::test]
async fn what_needs_me_stands_first_and_only_what_i_may_see() {
    let (night, proposal) = busy().await;
    let mut alice = night.signed_in("alice").await;
    let page = alice.get("/").await;
    let line = |name: &str| format!("CrashLoopBackOff on Deployment shop/{name}");
    let wanted = [
        ("Waiting for your vote", line("cart")),
        ("Needs a person, and nobody has it", line("basket")),
        ("Somebody has it", line("search")),
        ("Under way", line("mail")),
        ("Over", line("old")),
    ];
    let wanted: Vec<_> = wanted.into_iter().map(|(h, l)| (h.to_owned(), vec![l])).collect();
    assert_eq!(groups(&page), wanted);
    assert!(page.text.contains("<h1>1 proposal waits for your vote</h1>"));
    assert!(page.text.contains("Risk medium. Sealed 3 min ago, expires in 55 min"), "{}", page.text);
    assert!(page.text.contains("bob has it."));
    assert!(page.text.contains("<title>production · Inbox · nightshift</title>"));

    // Whoever only looks is asked for nothing, and another team sees nothing of it.
    let mut carol = night.signed_in("carol").await;
    let seen = groups(&carol.get("/").await);
    assert_eq!(seen[0].0, "Needs a person, and nobody has it");
    assert_eq!(seen[2], ("Under way".to_owned(), vec![line("mail"), line("cart")]));
    let mut dave = night.signed_in("dave").await;
    let page = dave.get("/").await;
    assert_eq!(
        groups(&page),
        [("Under way".to_owned(), vec!["CrashLoopBackOff on Deployment bank/ledger".to_owned()])]
    );
    assert!(page.text.contains("<h1>Nothing waits for you</h1>"));
    for foreign in ["shop", "cart", "basket", "bob"] {
        assert!(!page.text.contains(foreign), "{foreign} leaks: {}", page.text);
    }

    // Who has voted is not asked again, and who takes the vote back is.
    let vote = |no, decision| Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision,
        person: "alice".into(),
        no,
        at: start(),
        reason: String::new(),
        interactive: true,
        proof: nightshift_model::Proof::Attested { by: "x".to_owned() },
    };
    for (no, decision, first) in [
        (1, VoteDecision::Approve, "Needs a person, and nobody has it"),
        (2, VoteDecision::Withdraw, "Waiting for your vote"),
    ] {
        night.record(vec![IncidentEvent::Voted { vote: vote(no, decision) }], start()).await;
        assert_eq!(groups(&alice.get("/").await)[0].0, first, "{decision:?}");
        agree(&night).await;
    }
}

/// The order that the database gives is the one that the engine's rules give.
async fn agree(night: &Night) {
    let rules = night.rules.lock().unwrap().clone();
    for name in ["alice", "bob", "carol", "dave", "root", "bot"] {
        let name = PersonId::from(name);
        let person = rules.registry.person(&name).unwrap().clone();
        let votes = match name.as_str() {
            "alice" | "bob" | "root" => None,
            _ => Some(Vec::new()),
        };
        let which = Inbox { sees: None, votes, person: &name, observe: false, after: None, limit: 100 };
        let found = night.store.inbox(&which).await.unwrap();
        assert!(!found.is_empty());
        for (place, incident) in found {
            let need = Need::of(&incident, &person, &rules, start());
            let rank = match need {
                Need::Vote => 0,
                Need::Nobody => 1,
                Need::Somebody => 2,
                Need::UnderWay => 3,
            };
            assert_eq!(place.rank, rank, "{name} and {}: {}", incident.id, incident.phase.word());
        }
    }
}

#[tokio::test]
async fn an_unknown_outcome_needs_a_person_and_what_is_written_does_not() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let mut lost = [grant(&proposal), write(&proposal)].concat();
    lost.pop();
    night.record(lost, start() - Seconds(60)).await;
    let mut alice = night.signed_in("alice").await;
    assert_eq!(groups(&alice.get("/").await)[0].0, "Under way");
    agree(&night).await;
    let unknown = IncidentEvent::Sent { sent: Sent::Unknown { why: "504".to_owned() } };
    night.record(vec![unknown], start() - Seconds(59)).await;
    assert_eq!(groups(&alice.get("/").await)[0].0, "Needs a person, and nobody has it");
    agree(&night).await;
}

#[tokio::test]
async fn a_storm_is_pages_of_fifty_and_each_incident_stands_on_one_of_them() {
    let night = Night::proposed().await;
    for n in 0..120 {
        let id = night.open(&format!("inc-{n:03}"), "shop", &format!("w{n}"), 1_000 + n).await;
        if n % 3 == 0 {
            night.record_in(&id, vec![refused()], start() - Seconds(20)).await;
        }
    }
    let rules = night.rules.lock().unwrap().clone();
    let person = rules.registry.person(&"alice".into()).unwrap().clone();
    let reads = Reads::new(night.store.clone(), Clock::scaled(start(), 1));
    let (mut seen, mut after): (Vec<(Need, IncidentId)>, _) = (Vec::new(), None);
    let mut sizes = Vec::new();
    loop {
        let page = reads.inbox(&person, &rules, after.as_deref()).await.unwrap();
        sizes.push(page.open.len());
        seen.extend(page.open.into_iter().map(|(need, i)| (need, i.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [50, 50, 21]);
    assert!(seen.is_sorted_by_key(|(need, _)| *need), "the order of need goes on over pages");
    assert_eq!(seen[0], (Need::Vote, night.incident.clone()));
    seen.sort_by(|a, b| a.1.cmp(&b.1));
    seen.dedup_by(|a, b| a.1 == b.1);
    assert_eq!(seen.len(), 121);

    let mut alice = night.signed_in("alice").await;
    let first = alice.get("/").await;
    let next = first.text.split("href=\"/?after=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let second = alice.get(&format!("/?after={next}")).await;
    assert_eq!(second.status, StatusCode::OK);
    assert!(second.text.contains("Further down") && !second.text.contains("shop/cart"));
    for wrong in ["x", "aTo5OTk5OjE", "%00", "bjoxOjE"] {
        let answer = alice.get(&format!("/?after={wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(answer.text.contains("This list has no such page."), "{wrong}");
    }
}

#[tokio::test]
async fn an_empty_inbox_says_so_and_an_incident_is_taken_from_a_full_one() {
    let night = Night::quiet().await;
    let mut alice = night.signed_in("alice").await;
    let empty = alice.get("/").await;
    assert!(empty.text.contains("<h1>Nothing waits for you</h1>"));
    assert!(empty.text.contains("Nothing is open; <a href=\"/digest\">the last digest</a>"));

    let (night, _) = busy().await;
    let mut alice = night.signed_in("alice").await;
    let page = alice.get("/").await;
    let form = page.text.split("action=\"/i/inc-b/have\"").nth(1).expect("an offer");
    let csrf = form.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let answer = alice.post("/i/inc-b/have", &[("csrf", &csrf)]).await;
    assert!(answer.text.contains("You have it."), "{}", answer.text);
    let seen = groups(&alice.get("/").await);
    assert_eq!(seen[1].0, "Somebody has it");
    assert_eq!(seen[1].1.len(), 2);
    let mut carol = night.signed_in("carol").await;
    assert!(!carol.get("/").await.text.contains("/have\""), "who only looks is offered nothing");
}

#[tokio::test]
async fn a_vote_needs_no_mouse_and_fits_a_phone() {
    let Some(driver) = Driver::or_skip().await else { return };
    let (night, proposal) = busy().await;
    driver.shape(360, "light").await;
    let base = format!("http://{}", night.address);
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();
    driver.go(&format!("{base}/signin/{token}")).await;
    driver.tab_to("main button").await;
    driver.keys(ENTER).await;

    // The inbox: the first key skips the navigation, the next ones lead to what waits.
    driver.text("#votes").await;
    fits(&driver, "the inbox").await;
    driver.tab_to(".skip").await;
    driver.keys(ENTER).await;
    driver.tab_to(&format!("a[href=\"/p/{}\"]", proposal.id())).await;
    driver.keys(ENTER).await;

    let code = driver.text(".code strong").await;
    fits(&driver, "the proposal").await;
    driver.tab_to("#code").await;
    driver.keys(&code).await;
    driver.tab_to("button[value=approve]").await;
    driver.keys(ENTER).await;
    driver.text("button[value=withdraw]").await;
    let Phase::Proposed { votes, .. } = night.fold().await.phase else { panic!("proposed") };
    assert_eq!((votes.len(), votes[0].person.as_str()), (1, "alice"));
    assert_eq!(votes[0].decision, VoteDecision::Approve);
    assert_eq!(driver.complaints().await, Vec::<String>::new(), "no policy is broken");
}

/// No page is wider than the phone, and nothing on it is too small for a thumb.
pub(crate) async fn fits(driver: &Driver, what: &str) {
    let width = driver.run("return document.documentElement.scrollWidth").await;
    assert!(width.as_u64().is_some_and(|width| width <= 360), "{what} is {width} px wide");
    let small = "const small = [...document.querySelectorAll('main button, main .button, nav a, input:not([type=hidden])')]\
         .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 36)\
         .map(e => e.outerHTML.slice(0, 80)); return small.join('\\n') || null";
    assert!(driver.run(small).await.is_null(), "{what}: {:?}", driver.run(small).await);
}
