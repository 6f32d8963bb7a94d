//! Persons of another team, of no role, and strangers, at every door that people have: nothing is done, nothing is told,
//! and what is foreign looks as what is not there. The table names every route; one that it does not name fails.
#![expect(clippy::indexing_slicing)] // JSON by name: what is missing is null, and the check says so

use anyhow::{Context as _, ensure};
use nightshift::api::wish::{AskedFor, SignedWish};
use nightshift::clock::Clock;
use nightshift::config::Keys;
use nightshift::http::gate::forms::{self, Purpose};
use nightshift::store::HistoryStore as _;
use nightshift_model::{
    Actor, Digest, Incident, Proof, Proposal, Seconds, SilenceId, Timestamp, Vote, VoteDecision, digest,
};
use nightshift_tests::house::{EXECUTOR, House, Plan, RESPONDER, program};
use nightshift_tests::signer::{Signer, posted};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What a route is about, and so what a person of another team may get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The same for everybody.
    Anybody,
    /// The visitor's own: lists cut to their roles, their session, what every approver may do.
    Own,
    /// One thing of a namespace: a foreign one is as one that is not there.
    One,
    /// For who may see everything.
    Whole,
}

use About::{Anybody, One, Own, Whole};

/// Every route that people have. `{one}` is the incident or the proposal.
const TABLE: &[(&str, &str, About)] = &[
    ("GET", "/", Own),
    ("GET", "/i/{incident}", One),
    ("GET", "/i/{incident}/events", One),
    ("GET", "/p/{proposal}", One),
    ("GET", "/p/{proposal}/{token}", One),
    ("GET", "/p/{proposal}/statement", One),
    ("GET", "/digest", Own),
    ("GET", "/digest/{date}", Own),
    ("GET", "/digests", Own),
    ("GET", "/people", Own),
    ("GET", "/silences", Own),
    ("GET", "/passkey", Own),
    ("GET", "/signin/{token}", Anybody),
    ("GET", "/assets/passkey.js", Anybody),
    ("GET", "/assets/live.js", Anybody),
    ("GET", "/assets/nightshift.css", Anybody),
    ("POST", "/p/{proposal}/votes", One),
    ("POST", "/p/{proposal}/again", One),
    ("POST", "/p/{proposal}/inverse", One),
    ("POST", "/i/{incident}/end", One),
    ("POST", "/i/{incident}/have", One),
    ("POST", "/i/{incident}/silence", One),
    ("POST", "/silences", Own),
    ("POST", "/silences/{id}/end", Own),
    ("POST", "/people/sessions/{id}/end", Own),
    ("POST", "/killswitch", Own),
    ("POST", "/passkey", Own),
    ("POST", "/signin", Anybody),
    ("POST", "/signout", Own),
    ("GET", "/v1/incidents", Own),
    ("GET", "/v1/incidents/{id}", One),
    ("GET", "/v1/incidents/{id}/events", One),
    ("GET", "/v1/incidents/{id}/playbook", One),
    ("GET", "/v1/proposals", Own),
    ("POST", "/v1/proposals", Own),
    ("GET", "/v1/proposals/{id}", One),
    ("GET", "/v1/proposals/{id}/sealed", One),
    ("GET", "/v1/proposals/{id}/votes", One),
    ("POST", "/v1/proposals/{id}/votes", One),
    ("GET", "/v1/digest", Own),
    ("GET", "/v1/digest/{date}", Own),
    ("GET", "/v1/audit/rows", Whole),
    ("GET", "/v1/audit/tip", Whole),
    ("GET", "/v1/audit/export", Whole),
    ("GET", "/v1/playbooks", Own),
    ("GET", "/v1/status", Own),
    ("GET", "/v1/openapi.json", Anybody),
];

/// Files with routes. Those of machines have no person: their doors' own tests try them.
const DOORS: &[(&str, bool)] = &[
    ("alertmanager.rs", false),
    ("countersign.rs", false),
    ("gate/mod.rs", true),
    ("health.rs", false),
    ("rest/mod.rs", true),
];

/// (method, path) of each `.route("...", get(...).post(...))` of a file.
fn routes(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rest in source.split(".route(").skip(1) {
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let call = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let path = call.split('"').nth(1).unwrap_or(call).to_owned();
        let handlers = call.splitn(3, '"').nth(2).unwrap_or_default();
        for method in ["get", "post", "put", "patch", "delete", "any", "head", "options"] {
            let calls = [format!(" {method}("), format!(".{method}(")];
            if calls.iter().any(|call| handlers.contains(call)) {
                found.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

fn sources(folder: &Path, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs") && !name.ends_with("tests.rs") {
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// A route that nobody attacks must not exist.
#[test]
fn the_table_names_every_route() -> anyhow::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon");
    let mut files = Vec::new();
    sources(&top.join("src/http"), &mut files)?;
    let mut there = BTreeSet::new();
    let mut doors = BTreeSet::new();
    for (name, text) in &files {
        for other in [".nest(", ".merge(", ".route_service(", ".nest_service(", ".fallback_service("] {
            assert!(!text.contains(other), "{name} has routes by {other}) that this test does not read");
        }
        if text.contains(".route(") {
            let door = DOORS.iter().find(|(door, _)| name.ends_with(&format!("http/{door}")));
            let (door, people) = door.with_context(|| format!("{name} is a new door: name it in DOORS"))?;
            doors.insert(*door);
            there.extend(if *people { routes(text) } else { Vec::new() });
        }
    }
    assert_eq!(doors, DOORS.iter().map(|(door, _)| *door).collect());
    let named = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(
        there,
        named.clone().collect::<BTreeSet<_>>(),
        "name each route in TABLE, with what it is about"
    );
    let document: Value = serde_json::from_str(&std::fs::read_to_string(top.join("openapi.json"))?)?;
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for method in methods.as_object().context("no methods")?.keys() {
            assert!(there.contains(&(method.to_uppercase(), path.clone())), "{method} {path}");
        }
    }
    // The reader of sources itself, on what rustfmt may make of a route.
    let split = ".route(\n    \"/a/{b}\",\n    get(x::y).post(z),\n)\n.route(\"/c\", put(d))";
    let read: Vec<String> = routes(split).into_iter().map(|(method, path)| method + &path).collect();
    assert_eq!(read, ["GET/a/{b}", "POST/a/{b}", "PUT/c"]);
    Ok(())
}

const BANK: &str = "nst_token-that-reads-bank-and-nothing-else";

/// mallory decides for bank, guest has no role at all, robot is bank's machine.
fn plan(mallory: &Signer) -> Plan {
    let mut plan = Plan::default();
    let expires = "2036-01-01T00:00:00Z";
    plan.registry["roles"]["bank"] = json!({"owners": ["bank"]});
    plan.registry["tokens"] = json!([
        {"name": "bank", "sha256": Digest(Sha256::digest(BANK).into()), "roles": ["bank"], "expires": expires},
    ]);
    plan.registry["passkeys"] = json!({"rp_id": "localhost", "origins": ["http://localhost"]});
    let mut add = |list: &str, more: Value| plan.registry[list].as_array_mut().map(|all| all.push(more));
    add("owners", json!({"name": "bank", "namespaces": ["bank"]}));
    add("persons", json!({"name": "mallory", "roles": ["bank"], "keys": [mallory.entry()]}));
    add("persons", json!({"name": "guest"}));
    add("persons", json!({"name": "robot", "kind": "service", "roles": ["bank"]}));
    plan
}

/// Somebody, as a browser that was given everything that the gate's own keys can make for its session.
struct Visitor {
    name: &'static str,
    cookies: String,
    session: Digest,
}

struct Attack {
    house: House,
    http: reqwest::Client,
    origin: String,
    keys: Keys,
    incident: Incident,
    proposal: Proposal,
}

/// An answer: status and text.
type Answer = (u16, String);

impl Attack {
    async fn new(mallory: &Signer) -> anyhow::Result<Self> {
        let mut house = House::dark(plan(mallory)).await?;
        let keys = Keys::load(&house.folder.path().join("keys"))?;
        house.start().await?;
        let (scope, proposal) = house.proposed("cart").await?;
        let incident = house.newest(&scope).await?.context("no incident")?;
        let origin = house.doors()?.origin();
        let http =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { house, http, origin, keys, incident, proposal })
    }

    async fn visitor(&self, name: &'static str) -> anyhow::Result<Visitor> {
        let browser = self.house.person(name).await?;
        let secret = browser.cookies.get("nightshift").context("no session")?;
        let session = Digest(Sha256::digest(secret).into());
        let page = forms::token(&self.keys, session, &Purpose::Page);
        Ok(Visitor { name, cookies: format!("nightshift={secret}; nightshift-page={page}"), session })
    }

    fn stranger() -> Visitor {
        Visitor { name: "nobody", cookies: String::new(), session: Digest([0; 32]) }
    }

    /// A route's path about what is there, or about what is not.
    fn path(&self, path: &str, there: bool) -> String {
        let (incident, proposal) = if there {
            (self.incident.id.to_string(), self.proposal.id().to_string())
        } else {
            ("inc-0000000000".to_owned(), "pro-0000000000".to_owned())
        };
        let id = if path.starts_with("/v1/incidents") { &incident } else { &proposal };
        let filled =
            path.replace("{id}", id).replace("{incident}", &incident).replace("{proposal}", &proposal);
        let query = if path.ends_with("/statement") { "?decision=approve" } else { "" };
        filled.replace("{date}", "2026-03-01").replace("{token}", "AAAA") + query
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        for _ in 0..100 {
            let answer = request.try_clone().context("a request")?.send().await?;
            let (status, text) = (answer.status().as_u16(), answer.text().await?);
            if status != 429 {
                return Ok((status, text));
            }
            self.house.clock.sleep(Duration::from_secs(30)).await; // so many requests are not what is tried here
        }
        anyhow::bail!("it never answered")
    }

    async fn get(&self, path: &str, who: &Visitor) -> anyhow::Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.origin)).header("cookie", &who.cookies)).await
    }

    async fn post(&self, path: &str, who: &Visitor, form: &[(&str, String)]) -> anyhow::Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.origin)).header("cookie", &who.cookies);
        let request = request.header("origin", &self.origin).header("sec-fetch-site", "same-origin");
        self.send(request.form(form)).await
    }

    /// The forms of a route, each with a token that the gate's own keys made for this visitor's session, or with none.
    fn forms(&self, path: &str, who: &Visitor, stolen: bool) -> Vec<Vec<(&'static str, String)>> {
        let known = !path.contains("-0000000000");
        let made = |purpose: &Purpose<'_>| forms::token(&self.keys, who.session, purpose);
        let token = |purpose: &Purpose<'_>| ("csrf", if stolen { made(purpose) } else { "x".repeat(43) });
        let (incident, proposal) = if known {
            (self.incident.id.clone(), self.proposal.id().clone())
        } else {
            ("inc-0000000000".into(), "pro-0000000000".into())
        };
        match path.rsplit('/').next().unwrap_or_default() {
            "votes" => [VoteDecision::Approve, VoteDecision::Deny, VoteDecision::Withdraw]
                .map(|decision| {
                    let digest = self.proposal.digest();
                    vec![
                        ("decision", decision.as_str().to_owned()),
                        ("digest", digest.to_string()),
                        ("code", forms::code(&self.keys, who.session, digest)),
                        token(&Purpose::Vote(&proposal, digest, decision)),
                    ]
                })
                .to_vec(),
            "again" => vec![vec![token(&Purpose::Again(&proposal))]],
            "inverse" => vec![vec![token(&Purpose::Inverse(&proposal)), ("because", "so".to_owned())]],
            "have" => vec![vec![token(&Purpose::Have(&incident))]],
            "silence" => vec![vec![token(&Purpose::Silence(&incident))]],
            "end" => {
                let seen = self.incident.findings_at;
                let end = token(&Purpose::End(&incident, seen));
                vec![vec![end, ("seen", seen.to_string()), ("note", "gone".to_owned())]]
            }
            _ => Vec::new(),
        }
    }

    /// The history, as what persons and sessions can have done to it.
    async fn history(&self) -> anyhow::Result<History> {
        let store = self.house.history()?;
        let rows = store.events(Timestamp::EPOCH, self.house.clock.now() + Seconds(60), &[]).await?;
        let ours = |actor: &Actor| matches!(actor, Actor::Nightshift(_));
        let mut kinds = BTreeMap::new();
        for row in rows.iter().filter(|row| !ours(&row.actor)) {
            *kinds.entry(format!("{:?} {}", row.actor, row.event.kind())).or_insert(0) += 1;
        }
        let incident = self.house.newest(&self.incident.scope).await?.context("no incident")?;
        let phase = digest("phase", format!("{:?} {:?}", incident.phase, incident.held_by).as_bytes());
        let touched = self.house.door.with(|sim| {
            let ours = |w: &&nightshift_sim::Accepted| {
                (w.user == EXECUTOR || w.user == RESPONDER)
                    && w.path.contains("/namespaces/shop/")
                    && !w.path.ends_with("/events")
            };
            sim.accepted().iter().filter(ours).count()
        });
        Ok(History { kinds, phase, revision: incident.revision, touched })
    }

    /// Nothing of the foreign namespace stands in an answer.
    fn tells_nothing(&self, what: &str, answer: &Answer) {
        for secret in ["cart", "web:2", &self.proposal.digest().to_string(), &self.proposal.digest().short()]
        {
            assert!(!answer.1.contains(secret), "{what} tells {secret}: {}", answer.1);
        }
    }

    /// An answer without the ids that its own path named.
    fn same(&self, answer: &Answer) -> Answer {
        let text = answer.1.replace(self.incident.id.as_str(), "inc-0000000000");
        (answer.0, text.replace(self.proposal.id().as_str(), "pro-0000000000"))
    }
}

/// What persons did, where the incident stands, and what was written to the cluster.
#[derive(Debug, PartialEq, Eq)]
struct History {
    kinds: BTreeMap<String, u32>,
    phase: Digest,
    revision: nightshift_model::Revision,
    touched: usize,
}

impl History {
    /// The same as before, but that each identified person's vote that was not taken is written down.
    fn only_refusals(mut self, before: &Self, what: &str) {
        let refused = |kind: &String| kind.ends_with(" vote-refused");
        let people: Vec<String> = self.kinds.keys().filter(|kind| refused(kind)).cloned().collect();
        assert_eq!(people.len(), 3, "{what}: of each person, and of no stranger: {people:?}");
        self.kinds.retain(|kind, _| !refused(kind));
        assert_eq!(self, *before, "{what}");
    }
}

/// Who is not of the team, over every route: with what they can have, and with forms that were stolen or forged by the
/// gate's own key.
#[tokio::test]
async fn who_is_not_of_the_team_does_nothing_and_learns_nothing_at_any_door() -> anyhow::Result<()> {
    let mallory = Signer::new("mallory", 6)?;
    let attack = Attack::new(&mallory).await?;
    let mut visitors = vec![Attack::stranger()];
    for name in ["mallory", "guest", "robot"] {
        visitors.push(attack.visitor(name).await?);
    }
    let before = attack.history().await?;
    for (method, route, about) in
        TABLE.iter().filter(|(method, route, _)| *method == "GET" && *route != "/signin/{token}")
    {
        for who in &visitors {
            let what = format!("{method} {route} as {}", who.name);
            let there = attack.get(&attack.path(route, true), who).await?;
            match about {
                Anybody => ensure!(there.0 == 200, "{what}: {}", there.0),
                Own => ensure!([200, 401, 404].contains(&there.0), "{what}: {}", there.0),
                Whole => ensure!([401, 403].contains(&there.0), "{what}: {}", there.0),
                One => {
                    let unknown = attack.get(&attack.path(route, false), who).await?;
                    assert!((400..500).contains(&there.0), "{what}: {}", there.0);
                    assert_eq!(attack.same(&there), unknown, "{what}: a foreign one is as an unknown one");
                }
            }
            if *about != Anybody {
                attack.tells_nothing(&what, &there);
            }
        }
    }
    assert_eq!(attack.history().await?, before, "looking decides nothing");

    let posts = || {
        TABLE
            .iter()
            .filter(|(method, route, about)| *method == "POST" && *about == One && !route.starts_with("/v1"))
    };
    for (_, route, _) in posts() {
        for who in &visitors {
            let [here, nowhere] = [true, false].map(|there| attack.path(route, there));
            let forms = attack.forms(&here, who, false);
            assert!(!forms.is_empty(), "{route} has no form here");
            for (form, other) in forms.iter().zip(attack.forms(&nowhere, who, false)) {
                let there = attack.post(&here, who, form).await?;
                let unknown = attack.post(&nowhere, who, &other).await?;
                assert_eq!(there.0, 403, "POST {route} as {}: {}", who.name, there.1);
                assert_eq!(attack.same(&there), unknown, "POST {route} as {}", who.name);
                attack.tells_nothing(route, &there);
            }
        }
    }
    attack.history().await?.only_refusals(&before, "without the gate's own form");

    for (_, route, _) in posts() {
        for who in &visitors {
            let [here, nowhere] = [true, false].map(|there| attack.path(route, there));
            let forms = attack.forms(&here, who, true);
            for (form, other) in forms.iter().zip(attack.forms(&nowhere, who, true)) {
                let there = attack.post(&here, who, form).await?;
                let unknown = attack.post(&nowhere, who, &other).await?;
                assert!([403, 409].contains(&there.0), "POST {route} {form:?} as {}: {}", who.name, there.1);
                // A machine that stole a form is told that machines do not vote, and no more.
                let alike = who.name == "robot" || attack.same(&there) == unknown;
                assert!(alike, "POST {route} {form:?} as {}: {}", who.name, there.1);
                attack.tells_nothing(route, &there);
            }
        }
    }
    attack.history().await?.only_refusals(&before, "with a form of the gate's own key");

    own(&attack, &visitors).await?;
    attack.house.finish().await?;
    Ok(())
}

/// The visitor's own doors: none of them opens another's.
async fn own(attack: &Attack, visitors: &[Visitor]) -> anyhow::Result<()> {
    let alice = attack.visitor("alice").await?;
    let before = attack.history().await?;
    let now = attack.house.clock.now();
    let (unknown, hers) =
        (SilenceId::from("sil-0000000000"), format!("/people/sessions/{}/end", alice.session));
    let silence = format!("/silences/{unknown}/end");
    let quiet = |session: Digest| {
        let csrf = forms::token(&attack.keys, session, &Purpose::AddSilence);
        let typed =
            [("of", "workload"), ("name", "shop/other"), ("begins", ""), ("lasts", "2h"), ("because", "so")];
        let mut form = vec![("csrf", csrf)];
        form.extend(typed.map(|(field, text)| (field, text.to_owned())));
        form
    };
    let switch = |who: &Visitor, to: &str| {
        vec![("switch", to.to_owned()), ("csrf", forms::token(&attack.keys, who.session, &Purpose::Switch))]
    };
    for who in visitors {
        let made = |session: Digest| {
            let csrf = forms::token(&attack.keys, session, &Purpose::Enrol(now));
            let part = |name: &'static str| (name, "AAAA".to_owned());
            vec![("csrf", csrf), ("ts", now.to_string()), part("attestation"), part("client_data")]
        };
        let only = |session: Digest, purpose: &Purpose<'_>| {
            vec![("csrf", forms::token(&attack.keys, session, purpose))]
        };
        for (path, form) in [
            (hers.as_str(), only(who.session, &Purpose::EndSession(alice.session))),
            (&hers, only(alice.session, &Purpose::EndSession(alice.session))),
            (&silence, only(who.session, &Purpose::EndSilence(&unknown))),
            ("/silences", quiet(alice.session)),
            ("/silences", quiet(who.session)),
            ("/passkey", made(alice.session)),
            ("/passkey", made(who.session)),
            ("/signout", only(alice.session, &Purpose::SignOut)),
            ("/signin", vec![("token", "A".repeat(43))]),
            ("/killswitch", switch(&alice, "set")),
            ("/killswitch", switch(who, "clear")),
        ] {
            let answer = attack.post(path, who, &form).await?;
            assert!((400..500).contains(&answer.0), "{path} {form:?} as {}: {}", who.name, answer.0);
            attack.tells_nothing(path, &answer);
        }
        // Whoever decides anywhere may hold everything back; nobody else may.
        if who.name != "mallory" {
            let set = attack.post("/killswitch", who, &switch(who, "set")).await?;
            assert_eq!(set.0, 403, "{}", who.name);
        }
    }
    assert_eq!(attack.history().await?, before);
    assert_eq!(attack.get("/", &alice).await?.0, 200, "nobody ended alice's session");
    Ok(())
}

/// Signed votes: by another team's person with a good key, and in a person's name with a key that is not theirs.
#[tokio::test]
async fn no_foreign_signature_votes() -> anyhow::Result<()> {
    let (mallory, forger) = (Signer::new("mallory", 6)?, Signer::new("alice", 9)?);
    let attack = Attack::new(&mallory).await?;
    let before = attack.history().await?;
    let now = || attack.house.clock.now();
    let decisions = [VoteDecision::Approve, VoteDecision::Deny, VoteDecision::Withdraw];
    let url = |proposal: &str| format!("{}/v1/proposals/{proposal}/votes", attack.origin);
    let cast = async |vote: &Vote| {
        attack.send(attack.http.post(url(vote.proposal.as_str())).json(&posted(vote))).await
    };
    let uid = attack.proposal.plan().cluster.uid.clone();
    for decision in decisions {
        let foreign = mallory.vote(&attack.proposal, decision, 1, now());
        let mut unknown = Vote { proposal: "pro-0000000000".into(), ..foreign.clone() };
        mallory.sign(&mut unknown, &uid);
        let (there, none) = (cast(&foreign).await?, cast(&unknown).await?);
        assert_eq!((there.0, &there), (404, &none), "{decision:?}: a foreign one is as an unknown one");
        attack.tells_nothing("a foreign vote", &there);
        let forged = forger.vote(&attack.proposal, decision, 1, now());
        let named = Vote { person: "alice".into(), ..foreign.clone() };
        let Proof::Ed25519 { signature, .. } = &forged.proof else { continue };
        let proof = Proof::Ed25519 { key: mallory.id.clone(), signature: signature.clone() };
        for (what, vote) in [
            ("her name, another key", &forged),
            ("her name, his key", &named),
            ("his id", &Vote { proof, ..forged.clone() }),
        ] {
            let answer = cast(vote).await?;
            assert_eq!(answer.0, 401, "{decision:?}, {what}: {}", answer.1);
            attack.tells_nothing(what, &answer);
        }
    }
    // Nor does anybody ask for another team's workload, whether or not there is one.
    for (signer, expected) in [(&mallory, 403), (&forger, 401)] {
        let wish = async |deployment: &str| {
            let mut wish = SignedWish {
                person: signer.person.as_str().into(),
                namespace: "shop".to_owned(),
                kind: nightshift_model::Kind::Deployment,
                name: deployment.to_owned(),
                wanted: AskedFor::RollbackTo(1),
                because: "so".to_owned(),
                ts: now(),
                key: signer.id.clone(),
                signature: String::new(),
            };
            wish.signature = signer.signed(&wish.wish().statement(&uid));
            attack.send(attack.http.post(format!("{}/v1/proposals", attack.origin)).json(&wish)).await
        };
        let (there, none) = (wish("cart").await?, wish("none").await?);
        assert_eq!((there.0, &there), (expected, &none), "a foreign one is as an unknown one");
    }
    // A page's session is worth nothing here, and neither is a token.
    let vote = posted(&mallory.vote(&attack.proposal, VoteDecision::Deny, 1, now()));
    let bearer = attack.http.post(url(vote.person.as_str())).bearer_auth(BANK).json(&vote);
    assert_eq!(attack.send(bearer).await?.0, 403);
    assert_eq!(attack.history().await?, before);
    attack.house.finish().await?;
    Ok(())
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The program itself, against a server: with another team's key, with a key that the registry does not have, and with
/// another team's token.
#[tokio::test]
async fn the_command_line_opens_no_door_that_the_server_keeps_shut() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |words: &[&str]| anyhow::Ok(program::command()?.args(words).output()?);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (own, forged, token) = (file("mallory.pem"), file("alice.pem"), file("token"));
    std::fs::write(&token, BANK)?;
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let made = run(&["person", "key", "new", "mallory", "--out", &own])?;
    ensure!(made.status.success(), "{}", said(&made));
    ensure!(run(&["person", "key", "new", "alice", "--out", &forged])?.status.success(), "no key");
    let line = String::from_utf8(made.stdout)?;
    let field = |name: &str| {
        let rest = line.split_once(&format!("{name}: ")).map(|(_, rest)| rest).context("no such field")?;
        let word = rest.split([',', ' ', '}']).next().unwrap_or_default();
        anyhow::Ok(word.trim_matches('"').to_owned())
    };
    let mut plan = plan(&Signer::new("mallory", 6)?);
    let persons = plan.registry["persons"].as_array_mut().context("persons")?;
    let mallory = persons.iter_mut().find(|p| p["name"] == "mallory").context("mallory")?;
    mallory["keys"] =
        json!([{"kind": "ed25519", "id": field("id")?, "alg": "EdDSA", "public": field("public")?}]);
    plan.start = Some(Clock::wall().now() - Seconds(420));
    let mut house = House::build(plan).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let incident = house.newest(&scope).await?.context("no incident")?.id.to_string();
    house.stop().await;
    house.catch_up().await;
    let running = house.process().await?;
    let (gate, digest) = (running.gate.as_str(), proposal.digest().to_string());
    let decided = async || {
        let incident = house.newest(&scope).await?.context("no incident")?;
        let phase = incident.phase.word();
        anyhow::Ok((incident.revision, phase, incident.held_by.is_some(), house.touches("cart")))
    };
    let before = decided().await?;
    let ids = |text: String| {
        let text = text.replace(&incident, "inc-0000000000");
        text.replace(proposal.id().as_str(), "pro-0000000000")
    };
    let tells_nothing = |what: &str, text: &str| {
        for secret in ["cart", "web:2", &digest] {
            assert!(!text.contains(secret), "{what} tells {secret}: {text}");
        }
    };
    for verb in ["approve", "deny", "withdraw"] {
        for key in [&own, &forged] {
            let cast = |id: &str| run(&[verb, id, "--server", gate, "--key", key, "--digest", &digest]);
            let (there, none) = (cast(proposal.id().as_str())?, cast("pro-0000000000")?);
            assert_eq!(there.status.code(), none.status.code(), "{verb} with {key}");
            assert!(!there.status.success(), "{verb} with {key}");
            tells_nothing(verb, &said(&there));
            assert_eq!(
                ids(said(&there)),
                said(&none),
                "{verb} with {key}: a foreign one is as an unknown one"
            );
        }
    }
    let remote = ["--server", gate, "--token-file", &token];
    for (command, id) in [("incidents", incident.as_str()), ("proposals", proposal.id().as_str())] {
        let list = run(&[&[command, "list"], &remote[..]].concat())?;
        assert!(list.status.success(), "{command} list: {}", said(&list));
        let unknown = format!("{}-0000000000", &id[..3]);
        let show = |id: &str| run(&[&[command, "show", id], &remote[..]].concat());
        let (there, none) = (show(id)?, show(&unknown)?);
        assert!(!there.status.success(), "{command} show");
        assert_eq!(
            (there.status.code(), ids(said(&there))),
            (none.status.code(), said(&none)),
            "{command} show"
        );
        for text in [said(&list), said(&there)] {
            tells_nothing(command, &text);
            assert!(!text.contains(BANK), "no command says its token");
        }
    }
    // Silences are made where the configuration is, and on the page: no server takes one from a command.
    let add = ["silence", "add", "--workload", "shop/cart", "--for", "1h", "--because", "quiet"];
    for words in [&[&add[..], &remote[..2]].concat()[..], &[&["silence", "list"], &remote[..]].concat()] {
        let refused = run(words)?;
        assert!(!refused.status.success(), "{words:?}: {}", said(&refused));
    }
    assert!(house.system(&["silence-added"]).await?.is_empty());
    assert_eq!(decided().await?, before);
    drop(running);
    Ok(())
}
