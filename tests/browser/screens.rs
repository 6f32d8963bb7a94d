//! How the pages look: screenshots in headless Chromium at 360 px and on a desk, light and dark.
//!
//! They go to `$NIGHTSHIFT_SCREENS`, or to cargo's folder for such files, to be looked at. Pages are served by a real
//! gate; each is read once with the person's session and given to the browser as a file, for Chromium takes no cookie
//! on its command line.

pub(crate) use crate::driver::chromium;
use crate::fixture::{Night, start};
use crate::people::Answer;
use nightshift_model::measure::{Measurement, Outcome, Reading, Stage, Value};
use nightshift_model::operation::Epoch;
use nightshift_model::{
    Grant, IncidentEvent, LiveFacts, Mark, PersonId, Proof, Proposal, Seconds, Sent, Vote, VoteDecision,
    Withdrawal, digest,
};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name, width of a page, height of the picture. A picture has the light page left and the dark one right.
const SIZES: [(&str, u32, u32); 2] = [("phone", 360, 3900), ("desk", 900, 2700)];

fn folder() -> PathBuf {
    let wanted = std::env::var_os("NIGHTSHIFT_SCREENS").map(PathBuf::from);
    let folder = wanted.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Takes two pictures of a page, on a phone and on a desk, each in light and dark side by side. The style stands
/// inside, as a file has no server, and what the page prefers is decided for it.
pub(crate) fn shoot(browser: &str, name: &str, page: &Answer) {
    let style = include_str!("../../daemon/assets/nightshift.css");
    let link = "<link rel=\"stylesheet\" href=\"/assets/nightshift.css\">";
    let page = page.text.replace(link, &format!("<style>{style}</style>"));
    let lines = page.lines().filter(|line| !line.contains("http-equiv"));
    let page = lines.collect::<Vec<_>>().join("\n");
    let work = tempfile::tempdir().unwrap();
    for (mode, media) in [("light", "not all"), ("dark", "all")] {
        let text = page
            .replace("(prefers-color-scheme: dark)", media)
            .replace("color-scheme: light dark", &format!("color-scheme: {mode}"))
            .replace("content=\"light dark\"", &format!("content=\"{mode}\""));
        std::fs::write(work.path().join(format!("{mode}.html")), text).unwrap();
    }
    for (size, width, height) in SIZES {
        let height = match page.len() - style.len() {
            0..4_000 => 900,
            4_000..8_000 => height * 2 / 3,
            _ => height,
        };
        let frame =
            |mode| format!("<iframe src=\"{mode}.html\" width=\"{width}\" height=\"{height}\"></iframe>");
        let sheet = work.path().join("sheet.html");
        let style = "body{margin:0;display:flex}iframe{border:0;flex:none}";
        let frames = format!("{}{}", frame("light"), frame("dark"));
        std::fs::write(&sheet, format!("<!doctype html><style>{style}</style>{frames}")).unwrap();
        let picture = folder().join(format!("{name}-{size}.png"));
        let done = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg("--hide-scrollbars")
            .arg(format!("--user-data-dir={}", work.path().join("profile").display()))
            .arg(format!("--window-size={},{height}", 2 * width))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", sheet.display()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(picture.metadata().unwrap().len() > 5_000, "{} is empty", picture.display());
    }
}

pub(crate) fn grant(proposal: &Proposal) -> Vec<IncidentEvent> {
    let (id, person, at) = (proposal.id().clone(), PersonId::from("alice"), start() - Seconds(120));
    let vote = Vote {
        proposal: id.clone(),
        digest: proposal.digest(),
        decision: VoteDecision::Approve,
        person: person.clone(),
        no: 1,
        at,
        reason: "Read the log, 2.14.3 is fine.".to_owned(),
        interactive: true,
        proof: Proof::Attested { by: "x".to_owned() },
    };
    let grant = Grant {
        proposal: id,
        digest: proposal.digest(),
        persons: vec![person],
        at,
        until: at + Seconds(600),
    };
    vec![IncidentEvent::Voted { vote }, IncidentEvent::Granted { grant }]
}

pub(crate) fn look(stage: Stage, seconds: u64, red: bool) -> IncidentEvent {
    let value = |red_text: &str, text: &str| {
        if red { Value::Fails(red_text.to_owned()) } else { Value::Holds(text.to_owned()) }
    };
    let reading = |name: &str, value| Reading { name: name.to_owned(), value };
    let readings = vec![
        reading("unavailable-replicas", value("3", "0")),
        reading("rolled-out", value("3 of 4 available", "4 of 4 available")),
        reading("no-restarts", value("14 restarts", "no restart since the write")),
    ];
    let at = start() - Seconds(120) + Seconds(seconds);
    IncidentEvent::Measured { measurement: Measurement { at, stage, readings } }
}

pub(crate) fn write(proposal: &Proposal) -> Vec<IncidentEvent> {
    let mark = Mark::first(proposal.plan().op.clone(), Epoch(1));
    let live = LiveFacts {
        uid: "9d3f0c1e".to_owned(),
        resource_version: "5".to_owned(),
        difference: digest("d", b"x"),
        at: start(),
    };
    vec![
        look(Stage::Before, 1, true),
        IncidentEvent::Claimed { mark: mark.clone() },
        IncidentEvent::Rechecked { live },
        IncidentEvent::Marked { mark: mark.clone() },
        IncidentEvent::Sending { mark },
        IncidentEvent::Sent { sent: Sent::Applied { status: 200, resource_version: "6".to_owned() } },
    ]
}

#[tokio::test]
async fn the_pages_can_be_looked_at() {
    let Some(browser) = chromium() else {
        println!("skipped: chromium is not installed");
        return;
    };
    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let page = format!("/p/{}", proposal.id());
    let link = night.gate.link("webhook:oncall", &proposal).await.unwrap().unwrap();
    let link = link.strip_prefix(&format!("http://{}", night.address)).unwrap().to_owned();
    let mut alice = night.signed_in("alice").await;
    let token = night.people.invite(&"bob".into(), &nightshift_model::Actor::Operator).await.unwrap();
    shoot(browser, "signin", &night.stranger().get(&format!("/signin/{token}")).await);
    shoot(browser, "link", &night.stranger().get(&link).await);
    shoot(browser, "nothing", &night.stranger().get("/p/a/b").await);
    shoot(browser, "proposal", &alice.get(&page).await);
    let wrong = [("decision", "approve"), ("digest", "x")];
    shoot(browser, "refused", &alice.post(&format!("{page}/votes"), &wrong).await);
    night.record(grant(&proposal), start() - Seconds(120)).await;
    night.record(write(&proposal), start() - Seconds(110)).await;
    night.record((2..8).map(|n| look(Stage::After, n * 15, n < 4)).collect(), start() - Seconds(1)).await;
    shoot(browser, "verifying", &alice.get(&page).await);
    night.record(vec![IncidentEvent::FindingsChanged { findings: Vec::new() }], start()).await;
    night.record(vec![IncidentEvent::Judged { outcome: Outcome::Successful }], start()).await;
    shoot(browser, "proven", &alice.get(&page).await);
    shoot(browser, "digest", &alice.get("/digest/2026-03-03").await);
    shoot(browser, "incident", &alice.get(&format!("/i/{}", night.incident)).await);

    let night = Night::quiet().await;
    let proposal = night.propose(|_| ()).await;
    let mut lost = [grant(&proposal), write(&proposal)].concat();
    lost.pop();
    lost.push(IncidentEvent::Sent { sent: Sent::Unknown { why: "504 Gateway Timeout".to_owned() } });
    night.record(lost, start() - Seconds(60)).await;
    let mut alice = night.signed_in("alice").await;
    shoot(browser, "unknown", &alice.get(&format!("/i/{}", night.incident)).await);
    let mut dave = night.signed_in("dave").await;
    shoot(browser, "digest-of-another-owner", &dave.get("/digest/2026-03-03").await);

    let night = Night::proposed().await;
    let id = night.fold().await.proposals[0].id.clone();
    night.record(vec![IncidentEvent::Withdrawn { why: Withdrawal::Expired }], start()).await;
    let mut alice = night.signed_in("alice").await;
    shoot(browser, "expired", &alice.get(&format!("/p/{id}")).await);

    let (night, _) = crate::inbox::busy().await;
    let mut alice = night.signed_in("alice").await;
    shoot(browser, "inbox", &alice.get("/").await);
    let night = crate::digests::since(start() - Seconds(5 * 86_400)).await;
    night.open("inc-a", "shop", "a", 90_000).await;
    let mut alice = night.signed_in("alice").await;
    shoot(browser, "inbox-empty", &Night::quiet().await.signed_in("alice").await.get("/").await);
    let until = start() + Seconds(7_200);
    let shop = nightshift_model::Selector::Namespace("shop".to_owned());
    crate::silences::silenced(&night, shop, start() - Seconds(600), until).await;
    let csrf = crate::silences::csrf(&alice.get("/silences").await);
    let wrong = crate::silences::form(&csrf, "workload", "cart", "2 hours", "the cart’s migration");
    shoot(browser, "silences", &alice.post("/silences", &wrong).await);
    crate::sessions::equip(&night);
    let mut root = night.signed_in("root").await;
    night.signed_in("bob").await;
    shoot(browser, "people", &root.get("/people").await);
    shoot(browser, "people-own", &alice.get("/people").await);
    shoot(browser, "digests", &alice.get("/digests").await);
}
