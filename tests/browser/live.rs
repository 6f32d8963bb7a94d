//! An incident's events as a stream: who gets it, how much of it, and how the page follows.

use crate::driver::Driver;
use crate::fixture::{Night, start};
use crate::people::Browser;
use crate::screens::{grant, write};
use nightshift::clock::Clock;
use nightshift::http::stream::{STREAMS, STREAMS_EACH};
use nightshift_model::measure::Outcome;
use nightshift_model::{Actor, IncidentEvent, PersonId, Seconds};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// A stream that goes on, with what came so far.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(browser: &Browser, path: &str, last: Option<&str>) -> Response {
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.get(format!("{}{path}", browser.base)).header("cookie", cookies.join("; "));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.unwrap()
    }

    async fn follow(browser: &Browser, path: &str, last: Option<&str>) -> Self {
        let answer = Self::open(browser, path, last).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        Self { answer, text: String::new() }
    }

    /// Reads on until a text is there; `None` when the stream ended before.
    async fn until(&mut self, text: &str) -> Option<()> {
        while !self.text.contains(text) {
            let piece = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk()).await;
            let piece = piece.unwrap_or_else(|_| panic!("`{text}` did not come:\n{}", self.text)).ok()??;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        Some(())
    }
}

fn path(night: &Night) -> String {
    format!("/i/{}/events", night.incident)
}

#[tokio::test]
async fn events_come_as_they_are_recorded_and_go_on_where_the_reader_was() {
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let (carol, path) = (night.signed_in("carol").await, path(&night));
    let known = night.fold().await.revision.0;
    let mut stream = Stream::follow(&carol, &format!("{path}?after={known}"), None).await;
    let headers = stream.answer.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("content-encoding") && !headers.contains_key("content-length"));
    stream.until("retry: 3000\n\n").await.unwrap();
    assert!(!stream.text.contains("data:"), "nothing that the page shows already: {}", stream.text);

    night.record(grant(&proposal), start()).await;
    stream.until("granted by alice").await.unwrap();
    let vote = format!("id: {}\ndata: {{\"what\":\"alice voted approve\"}}\n\n", known + 1);
    assert!(stream.text.contains(&vote), "{}", stream.text);
    drop(stream);

    let mut again = Stream::follow(&carol, &format!("{path}?after=0"), Some(&(known + 1).to_string())).await;
    again.until("granted by alice").await.unwrap();
    assert!(!again.text.contains("voted"), "the header counts more than the address: {}", again.text);
    let mut whole = Stream::follow(&carol, &path, None).await;
    whole.until("granted by alice").await.unwrap();
    assert!(whole.text.contains("id: 1\ndata: {\"what\":\"opened\"}"), "{}", whole.text);
}

#[tokio::test]
async fn who_knows_what_never_was_is_told_to_begin_anew() {
    let night = Night::proposed().await;
    let (carol, path) = (night.signed_in("carol").await, path(&night));
    let newest = night.fold().await.revision.0;
    for (asked, last) in [
        (path.clone(), Some("9999")),
        (path.clone(), Some("-1")),
        (path.clone(), Some("18446744073709551616")),
        (path.clone(), Some("x")),
        (format!("{path}?after=x"), None),
        (format!("{path}?other=1"), None),
        (format!("{path}?after=9999"), None),
    ] {
        let mut stream = Stream::follow(&carol, &asked, last).await;
        stream.until(&format!("id: {newest}\nevent: reset\n")).await.unwrap();
        assert!(!stream.text.contains("\"what\""), "{asked} {last:?}: {}", stream.text);
    }
}

#[tokio::test]
async fn a_foreign_stream_is_answered_like_one_that_is_not_there() {
    let night = Night::proposed().await;
    let dave = night.signed_in("dave").await;
    let mut answers = Vec::new();
    for path in [path(&night), "/i/inc-0000000000/events".to_owned(), "/i/%00/events".to_owned()] {
        let answer = Stream::open(&dave, &path, None).await;
        answers.push((answer.status(), answer.text().await.unwrap()));
    }
    assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    let stranger = Stream::open(&night.stranger(), &path(&night), None).await;
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let mut forged = night.stranger();
    forged.cookies.insert("nightshift".to_owned(), "x".repeat(43));
    assert_eq!(Stream::open(&forged, &path(&night), None).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn places_are_counted_for_one_and_for_all_and_come_back() {
    let night = Night::proposed().await;
    let path = path(&night);
    let carol = night.signed_in("carol").await;
    let mut open = Vec::new();
    for _ in 0..STREAMS_EACH {
        open.push(Stream::follow(&carol, &path, None).await);
    }
    let refused = Stream::open(&carol, &path, None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.text().await.unwrap().contains("Too many of your pages are open at once."));
    assert_eq!(
        night.signed_in("carol").await.get("/").await.status,
        StatusCode::OK,
        "pages are not held back"
    );
    open.pop();
    let clock = Clock::wall();
    let mut came_back = false;
    for _ in 0..100 {
        // A place is free once the server noticed that its reader went away.
        night.record(vec![IncidentEvent::Acknowledged { person: PersonId::from("alice") }], start()).await;
        came_back = Stream::open(&carol, &path, None).await.status() == StatusCode::OK;
        if came_back {
            break;
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    assert!(came_back);
    drop(open);

    let night = Night::proposed().await;
    let seats: Vec<_> = (0..STREAMS)
        .map(|n| {
            let caller = nightshift_model::digest("x", n.to_string().as_bytes());
            night.streams.take(caller).unwrap()
        })
        .collect();
    let refused = Stream::open(&night.signed_in("carol").await, &self::path(&night), None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().await.unwrap().contains("Too many pages are open at once."));
    drop(seats);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_with_its_rights_and_with_the_program() {
    let night = Night::proposed().await;
    let path = path(&night);
    let acknowledged = || vec![IncidentEvent::Acknowledged { person: PersonId::from("alice") }];

    let mut alice = night.signed_in("alice").await;
    let mut stream = Stream::follow(&alice, &path, None).await;
    stream.until("sealed").await.unwrap();
    let csrf = alice.get("/").await.text;
    let csrf = csrf.split("action=\"/signout\"").nth(1).unwrap().split("value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap().to_owned();
    assert!(alice.clone().post("/signout", &[("csrf", &csrf)]).await.status.as_u16() < 400);
    night.record(acknowledged(), start()).await;
    assert!(stream.until("has it").await.is_none(), "signed out, and told nothing more: {}", stream.text);

    let carol = night.signed_in("carol").await;
    let mut stream = Stream::follow(&carol, &path, None).await;
    stream.until("sealed").await.unwrap();
    {
        let mut rules = night.rules.lock().unwrap();
        let mut registry = (*rules.registry).clone();
        registry.persons.retain(|person| person.name.as_str() != "carol");
        rules.registry = registry.into();
    }
    night.record(vec![IncidentEvent::FindingsChanged { findings: Vec::new() }], start()).await;
    assert!(stream.until("findings changed\"}\n\nid: 99").await.is_none(), "no longer in the registry");

    let bob = night.signed_in("bob").await;
    let mut stream = Stream::follow(&bob, &path, None).await;
    stream.until("sealed").await.unwrap();
    drop(night);
    assert!(stream.until("never").await.is_none(), "the program stops, and does not wait for readers");
}

/// The page in a browser: it follows without being loaded again, says what happened, and keeps what was typed.
#[tokio::test]
async fn the_page_follows_by_itself_and_keeps_what_was_typed() {
    let Some(driver) = Driver::or_skip().await else { return };
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let base = format!("http://localhost:{}", night.address.port());
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();
    driver.go(&format!("{base}/signin/{token}")).await;
    driver.click("main button").await;
    driver.text("form.signout").await;

    let shows = |selector: &str, text: &str| {
        format!(
            "const e = document.querySelector('{selector}'); return e && e.textContent.includes('{text}') ? 'yes' : null"
        )
    };
    driver.go(&format!("{base}/i/{}", night.incident)).await;
    driver.wait("return document.querySelector('[data-reload]').hidden ? 'live' : null").await;
    driver.run("window.__same = 1; document.querySelector('[data-part=evidence] details').open = true").await;
    night.record(grant(&proposal), start() - Seconds(60)).await;
    driver.wait(&shows("[data-part=state] .badge", "Granted")).await;
    driver.wait(&shows("[data-told-live]", "granted by alice")).await;
    driver.wait(&shows("[data-part=moments]", "granted by alice")).await;
    assert_eq!(driver.run("return window.__same").await, 1, "the page was not loaded again");
    let open = "return document.querySelector('[data-part=evidence] details').open";
    assert_eq!(driver.run(open).await, true, "what was open stays open");

    driver.go(&format!("{base}/p/{}", proposal.id())).await;
    driver.wait("return document.querySelector('[data-reload]').hidden ? 'live' : null").await;
    night.record(write(&proposal), start() - Seconds(30)).await;
    driver.wait(&shows("[data-part=state] .badge", "Verifying")).await;
    night.record(vec![IncidentEvent::Judged { outcome: Outcome::Successful }], start()).await;
    driver.wait(&shows("[data-part=state] .badge", "Successful")).await;
    assert_eq!(driver.complaints().await, Vec::<String>::new(), "no policy is broken");

    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let base = format!("http://localhost:{}", night.address.port());
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();
    driver.go(&format!("{base}/signin/{token}")).await;
    driver.click("main button").await;
    driver.text("form.signout").await;
    driver.go(&format!("{base}/p/{}", proposal.id())).await;
    driver.wait("return document.querySelector('[data-reload]').hidden ? 'live' : null").await;
    driver.write("#code", "AB").await;
    night.record(grant(&proposal)[..1].to_vec(), start()).await;
    driver.wait(&shows("[data-told-live]", "Your input was kept")).await;
    assert_eq!(driver.run("return document.querySelector('#code').value").await, "AB");
    drop(night);
    driver.wait(&shows("[data-told-live]", "no longer kept up to date")).await;
}
