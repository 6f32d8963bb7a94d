//! Every page, in every state worth telling apart, in a real browser: it breaks no rule of WCAG 2.2 A and AA that a
//! program can find, on a phone and on a desk, light and dark; it is not wider than the screen; and it breaks nothing of
//! the policy that it is sent with.
//!
//! What looks for mistakes is axe-core (`axe/README.md`), in a world of its own beside the page's scripts.

use crate::driver::Driver;
use crate::fixture::{Night, start};
use crate::screens::{grant, look, write};
use axum::Router;
use axum::response::IntoResponse as _;
use nightshift::http::headers;
use nightshift_engine::rules::KillSwitch;
use nightshift_model::measure::{Outcome, Stage};
use nightshift_model::{
    Actor, Closure, IncidentEvent, PasskeySite, Proposal, Registry, Seconds, Sent, Withdrawal,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

const AXE: &str = include_str!("axe/axe.min.js");
/// Width and scheme: WCAG asks for 320 px at most to be readable, and phones have 360.
const SHAPES: [(u32, &str); 4] = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")];
/// Best practices that are no success criterion are left out: they are opinions.
const TAGS: &str = r#"["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22a","wcag22aa"]"#;
/// Keeps what the policy refused, before anything of the page runs.
const WATCH: &str = "window.__refused = []; document.addEventListener('securitypolicyviolation', \
    (e) => window.__refused.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));";

/// A page in which somebody got markup past the escaping.
const SMUGGLED: &str = "<!doctype html><title>x</title><h1>Stands</h1><script>window.__ran = 1</script>\
    <p style='display:none' onclick='window.__ran = 2'>x</p><a href='javascript:window.__ran = 3'>x</a>";

/// A browser that walks through the pages, and what it found.
struct Walk {
    driver: Driver,
    seen: BTreeSet<&'static str>,
    found: Vec<String>,
}

impl Walk {
    async fn begin() -> Option<Self> {
        let driver = Driver::or_skip().await?;
        driver.command("Page.addScriptToEvaluateOnNewDocument", json!({"source": WATCH})).await;
        Some(Self { driver, seen: BTreeSet::new(), found: Vec::new() })
    }

    /// A page of a template, and a word that tells it from others of the same one.
    async fn visit(&mut self, template: &'static str, state: &str, night: &Night, path: &str, says: &str) {
        self.driver.go(&format!("{}{path}", base(night))).await;
        self.check(template, state, says).await;
    }

    /// The page that stands there now.
    async fn check(&mut self, template: &'static str, state: &str, says: &str) {
        let driver = &self.driver;
        // A click may still lead away from the page before; text is compared as it stands, whatever its style makes of it.
        let there = format!(
            "return document.body.textContent.replace(/\\s+/g, ' ').toLowerCase().includes({}) ? 'there' : null",
            json!(says.to_lowercase())
        );
        driver.wait(&there).await;
        driver.run("for (const d of document.querySelectorAll('details')) d.open = true").await;
        let title = driver.run("return document.title").await;
        for (width, scheme) in SHAPES {
            let place = format!("{template}, {state}, {width} px, {scheme}");
            driver.shape(width, scheme).await;
            let wide = driver.run("return document.documentElement.scrollWidth").await;
            if wide.as_u64() > Some(width.into()) {
                self.found.push(format!("{place}: {wide} px wide"));
            }
            let run = format!(
                "{AXE};axe.run(document, {{runOnly: {{type: 'tag', values: {TAGS}}}, resultTypes: ['violations']}})\
                 .then((r) => r.violations.flatMap((v) => v.nodes.map((n) => \
                 `${{v.id}}: ${{n.target}} ${{n.failureSummary}}`)))"
            );
            let found = driver.beside(&run).await;
            let all = found.as_array().unwrap_or_else(|| panic!("{place}: axe says {found}"));
            self.found.extend(all.iter().map(|one| format!("{place}: {}", one.as_str().unwrap())));
        }
        let refused = driver.run("return window.__refused").await;
        let Value::Array(refused) = refused else {
            panic!("{template}: nobody watched the policy: {refused}")
        };
        let told = refused.iter().map(ToString::to_string).chain(driver.complaints().await);
        // What a page is answered with stands in the browser's log too.
        let status = |line: &String| line.contains("the server responded with a status of");
        self.found.extend(told.filter(|l| !status(l)).map(|l| format!("{template}, {state}: {l}")));
        assert_ne!(title.as_str().unwrap_or_default(), "", "{template}: no title");
        self.seen.insert(template);
    }

    async fn sign_in(&mut self, night: &Night, person: &str) {
        let token = night.people.invite(&person.into(), &Actor::Operator).await.unwrap();
        self.visit("signin.html", "asked", night, &format!("/signin/{token}"), "sign me in").await;
        self.driver.click("main button").await;
        self.driver.text("form.signout").await;
    }
}

/// The name under which passkeys work; cookies count for it whatever the port.
fn base(night: &Night) -> String {
    format!("http://localhost:{}", night.address.port())
}

fn configure(night: &Night, change: impl FnOnce(&mut Registry)) {
    let mut rules = night.rules.lock().unwrap();
    let mut registry = (*rules.registry).clone();
    registry.passkeys = Some(PasskeySite { rp_id: "localhost".to_owned(), origins: vec![base(night)] });
    change(&mut registry);
    rules.registry = Arc::new(registry);
}

async fn night() -> (Night, Proposal) {
    let night = Night::quiet().await;
    configure(&night, |_| ());
    let proposal = night.propose(|_| ()).await;
    (night, proposal)
}

/// Every template that makes a whole page.
fn templates() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../daemon/templates");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let whole = files.filter(|p| std::fs::read_to_string(p).unwrap().contains("{% extends \"base.html\" %}"));
    whole.map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn what_looks_for_mistakes_is_the_file_that_was_read() {
    let told = include_str!("axe/README.md");
    let sum = nightshift_model::Digest(Sha256::digest(AXE.as_bytes()).into());
    assert!(told.contains(&format!("SHA-256 `{sum}`")), "axe.min.js is {sum}");
}

#[tokio::test]
async fn no_page_has_a_barrier_and_none_breaks_its_policy() {
    let Some(mut walk) = Walk::begin().await else { return };
    strangers(&mut walk).await;
    deciding(&mut walk).await;
    courses(&mut walk).await;
    charts(&mut walk).await;
    machines(&mut walk).await;
    lists(&mut walk).await;
    assert!(walk.found.is_empty(), "{} found:\n{}", walk.found.len(), walk.found.join("\n"));
    let seen: BTreeSet<String> = walk.seen.iter().map(ToString::to_string).collect();
    assert_eq!(seen, templates(), "every page is looked at: add a visit for what is new");
}

/// Who is not signed in, or not for this namespace.
async fn strangers(walk: &mut Walk) {
    let (night, proposal) = night().await;
    let link = night.gate.link("webhook:oncall", &proposal).await.unwrap().unwrap();
    let link = link.strip_prefix(&format!("http://{}", night.address)).unwrap().to_owned();
    walk.visit("message.html", "nobody", &night, "/", "You are not signed in").await;
    walk.visit("message.html", "nothing", &night, "/p/a/b", "This link is wrong").await;
    walk.visit("teaser.html", "nobody", &night, &link, "Ask for a sign-in link").await;
    walk.sign_in(&night, "dave").await;
    walk.visit("teaser.html", "foreign", &night, &link, "Your roles do not cover").await;
    walk.visit("inbox.html", "nothing to see", &night, "/", "Nothing waits for you").await;
    walk.visit("digest.html", "foreign", &night, "/digest/2026-03-03", "Morning digest").await;
}

/// A proposal that waits, a wrong code, a passkey, the kill switch, who has it.
async fn deciding(walk: &mut Walk) {
    let (night, proposal) = night().await;
    let page = format!("/p/{}", proposal.id());
    walk.sign_in(&night, "alice").await;
    walk.visit("inbox.html", "one waits", &night, "/", "waits for your vote").await;
    walk.visit("proposal.html", "waits", &night, &page, "Approve: do exactly this").await;
    *night.cluster.lock().unwrap() = None;
    walk.visit("proposal.html", "cluster silent", &night, &page, "did not answer within").await;
    *night.cluster.lock().unwrap() = Some(crate::since::as_sealed());
    walk.driver.write("#code", "0000").await;
    walk.driver.click("button[value=deny]").await;
    walk.check("message.html", "wrong code", "code").await;
    walk.visit("incident.html", "proposed", &night, &format!("/i/{}", night.incident), "Evidence").await;
    walk.driver.click("form[action$=\"/have\"] button").await;
    walk.check("message.html", "in hand", "have it").await;
    walk.visit("incident.html", "in hand", &night, &format!("/i/{}", night.incident), "In hand").await;

    walk.visit("passkey.html", "offered", &night, "/passkey", "A passkey for alice").await;
    walk.driver.click("form[data-passkey=make] button:enabled").await;
    walk.driver.text("#line").await;
    walk.check("passkey_line.html", "made", "The passkey is made").await;
    let key = crate::driver::entry(&walk.driver.text("#line").await);
    configure(&night, |r| r.persons[0].keys = vec![nightshift_model::PersonKey { since: None, ..key }]);
    walk.visit("proposal.html", "passkey", &night, &page, "Your passkey signs the vote").await;

    let set = KillSwitch::Set { reason: "Look first.".to_owned() };
    night.rules.lock().unwrap().standing.kill_switch = set;
    walk.visit("proposal.html", "kill switch", &night, &page, "The kill switch is set").await;
    night.record(vec![IncidentEvent::Withdrawn { why: Withdrawal::Expired }], start()).await;
    walk.visit("proposal.html", "expired", &night, &page, "Nobody decided in time").await;
}

/// What happens after a yes, and how it ends.
async fn courses(walk: &mut Walk) {
    let (night, proposal) = night().await;
    let (page, incident) = (format!("/p/{}", proposal.id()), format!("/i/{}", night.incident));
    walk.sign_in(&night, "alice").await;
    night.record(grant(&proposal), start() - Seconds(120)).await;
    walk.visit("proposal.html", "granted", &night, &page, "Approved.").await;
    night.record(write(&proposal), start() - Seconds(110)).await;
    night.record((2..8).map(|n| look(Stage::After, n * 15, n < 4)).collect(), start() - Seconds(1)).await;
    walk.visit("proposal.html", "verifying", &night, &page, "Is it better?").await;
    walk.visit("incident.html", "verifying", &night, &incident, "carried out").await;
    walk.visit("inbox.html", "under way", &night, "/", "Under way").await;
    night.record(vec![IncidentEvent::Judged { outcome: Outcome::Successful }], start()).await;
    walk.visit("proposal.html", "proven", &night, &page, "Done and proven").await;
    walk.visit("incident.html", "closed", &night, &incident, "Closed").await;
    walk.visit("digest.html", "one proven", &night, "/digest/2026-03-03", "Morning digest").await;
    walk.visit("inbox.html", "over", &night, "/", "Over").await;
}

/// The lists: an inbox of everything, digests by date.
async fn lists(walk: &mut Walk) {
    let (busy, _) = crate::inbox::busy().await;
    walk.sign_in(&busy, "alice").await;
    walk.visit("inbox.html", "of everything", &busy, "/", "Somebody has it").await;
    walk.visit("digests.html", "none yet", &busy, "/digests", "No digest is out yet").await;
    let week = crate::digests::since(start() - Seconds(7 * 86_400)).await;
    walk.sign_in(&week, "alice").await;
    let shop = nightshift_model::Selector::Namespace("shop".to_owned());
    crate::silences::silenced(&week, shop, start() - Seconds(600), start() + Seconds(7_200)).await;
    walk.visit("silences.html", "one", &week, "/silences", "1 silence is in force").await;
    walk.driver.write("#name", "cart").await;
    walk.driver.write("#lasts", "soon").await;
    walk.driver.write("#because", "x").await;
    walk.driver.click("section.decide button").await;
    walk.check("silences.html", "wrong fields", "It was not added").await;
    walk.visit("people.html", "own", &week, "/people", "You and your sessions").await;
    crate::sessions::equip(&week);
    walk.sign_in(&week, "root").await;
    walk.visit("people.html", "everybody", &week, "/people", "Tokens of programs").await;
    walk.visit("digests.html", "a week", &week, "/digests", "No incident opened").await;
}

/// Charts with a gap, on both pages.
async fn charts(walk: &mut Walk) {
    let night = Night::quiet().await;
    configure(&night, |_| ());
    let proposal = crate::charts::measured(&night).await;
    walk.sign_in(&night, "alice").await;
    walk.visit("proposal.html", "charts", &night, &format!("/p/{}", proposal.id()), "1 without data").await;
    walk.visit("incident.html", "charts", &night, &format!("/i/{}", night.incident), "How it went").await;
}

/// Where a person is needed.
async fn machines(walk: &mut Walk) {
    let (lost, proposal) = night().await;
    let mut events = [grant(&proposal), write(&proposal)].concat();
    events.pop();
    events.push(IncidentEvent::Sent { sent: Sent::Unknown { why: "504 Gateway Timeout".to_owned() } });
    lost.record(events, start() - Seconds(60)).await;
    walk.sign_in(&lost, "alice").await;
    walk.visit("incident.html", "unknown", &lost, &format!("/i/{}", lost.incident), "End it").await;
    walk.visit("proposal.html", "unknown", &lost, &format!("/p/{}", proposal.id()), "Nobody can tell").await;

    let (denied, proposal) = night().await;
    let why = Withdrawal::Denied { by: "bob".into(), reason: "Not in the night of the sale.".to_owned() };
    denied.record(vec![IncidentEvent::Withdrawn { why }], start()).await;
    walk.sign_in(&denied, "alice").await;
    walk.visit("proposal.html", "denied", &denied, &format!("/p/{}", proposal.id()), "Ask again").await;
    let why = Closure::ByPerson { person: "alice".into(), note: "Settled by hand.".to_owned() };
    denied.record(vec![IncidentEvent::Closed { why }], start()).await;
    walk.visit("incident.html", "ended", &denied, &format!("/i/{}", denied.incident), "Settled by hand")
        .await;
}

/// The policy is in force, not only sent: what somebody gets into a page does not run, whether it came with the page or
/// a script put it there.
#[tokio::test]
async fn the_policy_refuses_what_was_smuggled_into_a_page() {
    let Some(walk) = Walk::begin().await else { return };
    let driver = &walk.driver;
    let page = || async move { headers::guard(axum::response::Html(SMUGGLED).into_response(), false) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    driver.go(&format!("http://{address}/")).await;
    driver.run("document.querySelector('p').click(); document.querySelector('a').click();").await;
    for directive in ["script-src-elem inline", "script-src-attr inline", "style-src-attr inline"] {
        driver.wait(&refused(directive)).await;
    }
    assert_eq!(driver.run("return window.__ran ?? null").await, Value::Null);

    let (night, proposal) = night().await;
    let token = night.people.invite(&"alice".into(), &Actor::Operator).await.unwrap();
    driver.go(&format!("{}/signin/{token}", base(&night))).await;
    driver.click("main button").await;
    driver.text("form.signout").await;
    driver.go(&format!("{}/p/{}", base(&night), proposal.id())).await;
    for (directive, smuggle) in [
        ("require-trusted-types-for", "document.createElement('script').textContent = 'window.__ran = 1'"),
        ("require-trusted-types-for", "document.body.setAttribute('onclick', 'window.__ran = 1')"),
        ("require-trusted-types-for", "document.body.insertAdjacentHTML('beforeend', '<i>x</i>')"),
        ("trusted-types", "trustedTypes.createPolicy('own', { createHTML: (t) => t })"),
        ("style-src", "document.body.setAttribute('style', 'display:none')"),
        ("connect-src", "fetch('http://127.0.0.1:9/').catch(() => 0)"),
        ("img-src", "new Image().src = 'http://127.0.0.1:9/x.png'"),
        (
            "base-uri",
            "document.head.append(Object.assign(document.createElement('base'), { href: 'http://127.0.0.1:9/' }))",
        ),
        (
            "frame-src",
            "document.body.append(Object.assign(document.createElement('iframe'), { src: 'http://127.0.0.1:9/' }))",
        ),
        (
            "form-action",
            "const f = document.createElement('form'); f.action = 'http://127.0.0.1:9/'; document.body.append(f); f.submit()",
        ),
    ] {
        driver.run(&format!("window.__refused.length = 0; try {{ {smuggle} }} catch {{ }}")).await;
        driver.wait(&refused(directive)).await;
    }
    assert_eq!(driver.run("return window.__ran ?? null").await, Value::Null);
    assert!(driver.text("h1").await.contains("Roll back"), "the page stands as it was sent");
}

/// Finds what was refused by a directive.
fn refused(directive: &str) -> String {
    format!("return window.__refused.find((r) => r.startsWith('{directive}')) ?? null")
}
