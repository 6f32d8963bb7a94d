//! `/v1` over HTTP: who sees what, and everything that is refused.
#![expect(clippy::indexing_slicing)] // JSON by name: what is missing is null, and the check says so

use anyhow::{Context as _, ensure};
use nightshift_model::{Digest, Proposal};
use nightshift_tests::house::{House, Plan};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SHOP: &str = "nst_token-that-reads-shop-and-nothing-else";
const BANK: &str = "nst_token-that-reads-bank-and-nothing-else";
const ALL: &str = "nst_token-that-reads-everything-there-is";
const OLD: &str = "nst_token-that-has-run-out-long-ago-alas";
const BLIND: &str = "nst_token-of-no-role-at-all-so-it-is-blind";

/// The registry of every house, with tokens and a person of another team.
fn plan() -> Plan {
    let mut plan = Plan::default();
    let token = |name: &str, text: &str, role: Option<&str>, expires: &str| {
        let sha256 = Digest(Sha256::digest(text).into());
        json!({"name": name, "sha256": sha256, "roles": role.into_iter().collect::<Vec<_>>(), "expires": expires})
    };
    let late = "2036-01-01T00:00:00Z";
    plan.registry["tokens"] = json!([
        token("shop", SHOP, Some("looker"), late),
        token("bank", BANK, Some("bank"), late),
        token("all", ALL, Some("all"), late),
        token("old", OLD, Some("all"), "2020-01-01T00:00:00Z"),
        token("blind", BLIND, None, late),
    ]);
    plan.registry["roles"]["bank"] = json!({"owners": ["bank"]});
    if let Some(owners) = plan.registry["owners"].as_array_mut() {
        owners.push(json!({"name": "bank", "namespaces": ["bank"]}));
    }
    if let Some(persons) = plan.registry["persons"].as_array_mut() {
        persons.push(json!({"name": "mallory", "roles": ["bank"]}));
    }
    plan
}

/// Somebody who asks.
#[derive(Clone)]
enum Who {
    Nobody,
    Token(&'static str),
    Session(String),
}

/// An answer, read.
struct Answer {
    status: u16,
    kind: String,
    tag: Option<String>,
    text: String,
}

impl Answer {
    fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.text).with_context(|| self.text.clone())
    }

    /// The reason, if it is a problem and says what one must say.
    fn reason(&self) -> anyhow::Result<String> {
        ensure!(self.kind == "application/problem+json", "{} is {}: {}", self.status, self.kind, self.text);
        let problem = self.json()?;
        ensure!(problem["status"] == self.status, "{problem}");
        for field in ["type", "title", "detail", "next"] {
            ensure!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
        }
        Ok(problem["reason"].as_str().unwrap_or_default().to_owned())
    }
}

struct Api {
    origin: String,
    http: reqwest::Client,
}

impl Api {
    fn of(house: &House) -> anyhow::Result<Self> {
        Ok(Self { origin: house.doors()?.origin(), http: reqwest::Client::builder().no_proxy().build()? })
    }

    fn request(&self, method: &str, path: &str, who: &Who) -> anyhow::Result<reqwest::RequestBuilder> {
        let request = self.http.request(method.parse()?, format!("{}{path}", self.origin));
        Ok(match who {
            Who::Nobody => request,
            Who::Token(token) => request.bearer_auth(token),
            Who::Session(secret) => request.header("cookie", format!("nightshift={secret}")),
        })
    }

    async fn send(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let mut answer = request.send().await?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (kind, tag) = (header("content-type").unwrap_or_default(), header("etag"));
        ensure!(
            header("cache-control").as_deref() == Some("no-store"),
            "every answer has the gate's headers"
        );
        let status = answer.status().as_u16();
        let text = if kind == "text/event-stream" {
            // It does not end: what comes at once is the answer.
            String::from_utf8(answer.chunk().await?.context("nothing came")?.to_vec())?
        } else {
            answer.text().await?
        };
        Ok(Answer { status, kind, tag, text })
    }

    async fn get(&self, path: &str, who: &Who) -> anyhow::Result<Answer> {
        Self::send(self.request("GET", path, who)?).await
    }

    /// One request byte by byte: no client in between mends it.
    async fn raw(&self, head: &str) -> anyhow::Result<String> {
        let address = self.origin.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(format!("{head}\r\nhost: gate\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }
}

/// Every path of the committed document with an id of its kind, and whether it is about one namespace's things.
fn paths(document: &Value, incident: &str, proposal: &str) -> anyhow::Result<BTreeMap<String, Kind>> {
    let paths = document["paths"].as_object().context("no paths")?;
    ensure!(paths.len() >= 15, "paths are missing: {paths:?}");
    let mut found = BTreeMap::new();
    for path in paths.keys() {
        let kind = match path.as_str() {
            p if p.starts_with("/v1/audit/") => Kind::Everything,
            p if p.contains("{id}") => Kind::One,
            "/v1/incidents" | "/v1/proposals" => Kind::List,
            _ => Kind::Shared,
        };
        let id = if path.starts_with("/v1/incidents") { incident } else { proposal };
        found.insert(path.replace("{id}", id).replace("{date}", "2026-03-01"), kind);
    }
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Only for who may see everything.
    Everything,
    /// One object of a namespace.
    One,
    /// A list of them.
    List,
    /// For everybody known, cut to what they may see.
    Shared,
}

async fn house() -> anyhow::Result<(House, Api, Proposal, String)> {
    let house = House::build(plan()).await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let incident = house.newest(&scope).await?.context("no incident")?.id.to_string();
    let api = Api::of(&house)?;
    Ok((house, api, proposal, incident))
}

async fn session(house: &House, person: &str) -> anyhow::Result<Who> {
    let browser = house.person(person).await?;
    Ok(Who::Session(browser.cookies.get("nightshift").context("no session")?.clone()))
}

/// Person and token, own and foreign, over every path.
#[tokio::test]
async fn nobody_sees_or_learns_of_what_their_roles_do_not_cover() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let document = api.get("/v1/openapi.json", &Who::Nobody).await?.json()?;
    let there = paths(&document, &incident, proposal.id().as_str())?;
    let none = paths(&document, "inc-0000000000", "pro-0000000000")?;
    let own =
        [Who::Token(SHOP), Who::Token(ALL), session(&house, "carol").await?, session(&house, "root").await?];
    let foreign = [Who::Token(BANK), Who::Token(BLIND), session(&house, "mallory").await?];
    let strangers = [
        (Who::Nobody, "no-session"),
        (Who::Session("x".repeat(43)), "no-session"),
        (Who::Token("nst_never-made"), "bad-token"),
        (Who::Token(OLD), "bad-token"),
    ];
    for ((path, kind), other) in there.iter().zip(none.keys()) {
        for (who, reason) in &strangers {
            let answer = api.get(path, who).await?;
            assert_eq!((answer.status, answer.reason()?.as_str()), (401, *reason), "{path}");
        }
        for who in &foreign {
            let answer = api.get(path, who).await?;
            match kind {
                Kind::Everything => assert_eq!(answer.reason()?, "no-role", "{path}"),
                Kind::One => {
                    let unknown = api.get(other, who).await?;
                    assert_eq!((answer.status, answer.reason()?.as_str()), (404, "not-found"), "{path}");
                    assert_eq!(answer.text, unknown.text, "{path} and {other} must be one answer");
                }
                Kind::List => assert_eq!(answer.json()?, json!({"items": []}), "{path}"),
                Kind::Shared => {}
            }
            for secret in [incident.as_str(), proposal.id().as_str(), "cart", &proposal.digest().to_string()]
            {
                assert!(!answer.text.contains(secret), "{path} tells {secret}: {}", answer.text);
            }
        }
        for (at, who) in own.iter().enumerate() {
            let answer = api.get(path, who).await?;
            let whole = at % 2 == 1;
            let digest = path.starts_with("/v1/digest"); // no morning has come yet
            let expected = match kind {
                Kind::Everything if !whole => 403,
                Kind::Shared if digest => answer.status,
                Kind::Everything | Kind::One | Kind::List | Kind::Shared => 200,
            };
            assert_eq!(answer.status, expected, "{path} for own reader {at}: {}", answer.text);
        }
    }
    // A filter for a foreign namespace is an empty list too.
    let answer = api.get("/v1/incidents?namespace=shop", &Who::Token(BANK)).await?;
    assert_eq!(answer.json()?, json!({"items": []}));
    house.finish().await?;
    Ok(())
}

/// A bearer credential never votes, whatever the path; nothing of it reaches the cluster.
#[tokio::test]
async fn a_token_on_any_method_but_get_is_refused_before_anything_is_looked_at() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let vote = format!("/v1/proposals/{}/votes", proposal.id());
    let body = json!({"decision": "approve", "digest": proposal.digest()});
    for path in [
        vote.as_str(),
        "/v1/proposals/pro-0000000000/votes",
        &format!("/v1/incidents/{incident}"),
        "/v1/none",
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for token in [ALL, BANK, OLD, "nst_never-made"] {
                let answer = Api::send(api.request(method, path, &Who::Token(token))?.json(&body)).await?;
                let told = (answer.status, answer.reason()?);
                assert_eq!(told, (403, "token-never-votes".to_owned()), "{method} {path}");
            }
        }
    }
    // Nor does it open the page's own door to votes.
    let page = format!("/p/{}/votes", proposal.id());
    let answer = Api::send(api.request("POST", &page, &Who::Token(ALL))?.json(&body)).await?;
    assert_eq!(answer.status, 403, "{}", answer.text);
    // A session of the page reads here and decides nothing here.
    let alice = session(&house, "alice").await?;
    for path in ["/v1/incidents", "/v1/status"] {
        let answer = Api::send(api.request("POST", path, &alice)?.json(&body)).await?;
        assert_eq!((answer.status, answer.reason()?.as_str()), (405, "bad-method"), "{path}");
    }
    assert_eq!(house.touches("cart"), 0);
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn every_bad_form_is_a_problem() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let all = Who::Token(ALL);
    for (path, status, reason) in [
        ("/v1".to_owned(), 404, "not-found"),
        ("/v1/".to_owned(), 404, "not-found"),
        ("/v1/nothing/here".to_owned(), 404, "not-found"),
        (format!("/v1/incidents/{incident}/"), 404, "not-found"),
        ("/v1/incidents/%ff%fe".to_owned(), 404, "not-found"),
        (format!("/v1/incidents/{}", "a".repeat(2_000)), 404, "not-found"),
        (format!("/v1/proposals/{}%2fsealed", proposal.id()), 404, "not-found"),
        (format!("/v1/proposals/{incident}"), 404, "not-found"),
        ("/v1/digest/yesterday".to_owned(), 404, "not-found"),
        ("/v1/digest/9999-12-31".to_owned(), 404, "not-found"),
        ("/v1/digest?from=2026-03-01T00:00:00Z".to_owned(), 400, "bad-query"),
        ("/v1/digest?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z".to_owned(), 400, "bad-query"),
        ("/v1/digest?from=2025-03-02T00:00:00Z&to=2026-03-01T00:00:00Z".to_owned(), 400, "bad-query"),
        ("/v1/incidents?limit=0".to_owned(), 400, "bad-query"),
        ("/v1/incidents?limit=201".to_owned(), 400, "bad-query"),
        ("/v1/incidents?limit=-1".to_owned(), 400, "bad-query"),
        ("/v1/incidents?limit=99999999999999999999".to_owned(), 400, "bad-query"),
        ("/v1/incidents?limit=1&limit=2".to_owned(), 400, "bad-query"),
        ("/v1/incidents?phase=closed".to_owned(), 400, "bad-query"),
        ("/v1/incidents?severity=fatal".to_owned(), 400, "bad-query"),
        ("/v1/incidents?since=now".to_owned(), 400, "bad-query"),
        ("/v1/incidents?cursor=eHg".to_owned(), 400, "bad-query"),
        ("/v1/incidents?namespaces=shop".to_owned(), 400, "bad-query"),
        ("/v1/status?verbose".to_owned(), 400, "bad-query"),
        (format!("/v1/incidents/{incident}?x=1"), 400, "bad-query"),
        ("/v1/audit/rows?cursor=cDox".to_owned(), 400, "bad-query"),
        ("/v1/audit/export?from=-1".to_owned(), 400, "bad-query"),
        ("/v1/audit/export?from=9007199254740992".to_owned(), 400, "bad-query"),
        (format!("/v1/incidents?prefix={}", "a".repeat(65)), 400, "bad-query"),
        (format!("/v1/proposals?namespace={}", "a".repeat(254)), 400, "bad-query"),
    ] {
        let answer = api.get(&path, &all).await?;
        assert_eq!(
            (answer.status, answer.reason().context(path.clone())?.as_str()),
            (status, reason),
            "{path}"
        );
    }
    for method in ["OPTIONS", "POST", "DELETE", "TRACE", "PROPFIND"] {
        let answer = Api::send(api.request(method, "/v1/incidents", &Who::Nobody)?).await?;
        assert_eq!((answer.status, answer.reason()?.as_str()), (405, "bad-method"), "{method}");
    }
    let large = Api::send(api.request("GET", "/v1/incidents", &all)?.body(vec![b'x'; 20_000])).await?;
    assert_eq!((large.status, large.reason()?.as_str()), (413, "too-large"));
    for (name, value) in
        [("authorization", format!("Bearer {ALL}")), ("authorization", "Basic YTpi".to_owned())]
    {
        let twice = api.request("GET", "/v1/incidents", &all)?.header(name, value);
        assert_eq!(Api::send(twice).await?.reason()?, "bad-token", "two headers of that name");
    }
    let (carol, mallory) = (session(&house, "carol").await?, session(&house, "mallory").await?);
    let (Who::Session(a), Who::Session(b)) = (&carol, &mallory) else { unreachable!("sessions") };
    let both = api
        .request("GET", "/v1/incidents", &Who::Nobody)?
        .header("cookie", format!("nightshift={a}; nightshift={b}"));
    assert_eq!(Api::send(both).await?.reason()?, "no-session", "two sessions are none");
    // The token decides alone: a wrong one is not saved by a session beside it.
    let beside = api.request("GET", "/v1/incidents", &carol)?.bearer_auth("nst_never-made");
    assert_eq!(Api::send(beside).await?.reason()?, "bad-token");
    for (target, status) in [
        ("/v1/../v1/incidents", "404"),
        ("/v1/%2e%2e/p", "404"),
        ("/v1//incidents", "404"),
        ("/v1/incidents/..", "401"),
        ("/v1/incidents%00", "404"),
        ("/v1;/incidents", "404"),
    ] {
        let text = api.raw(&format!("GET {target} HTTP/1.1")).await?;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {text}");
        let page = target == "/v1;/incidents"; // not under /v1: the pages answer
        assert_eq!(text.contains("application/problem+json"), !page, "{target}: {text}");
    }
    let head = api.raw(&format!("HEAD /v1/status HTTP/1.1\r\nauthorization: Bearer {ALL}")).await?;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_read_is_what_the_history_holds() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let (all, shop) = (Who::Token(ALL), Who::Token(SHOP));
    let sealed = api.get(&format!("/v1/proposals/{}/sealed", proposal.id()), &shop).await?;
    assert_eq!((sealed.status, sealed.kind.as_str()), (200, "application/vnd.nightshift.plan+json"));
    assert_eq!(sealed.text, proposal.bytes(), "byte for byte");
    let digest = nightshift_model::digest("nightshift/plan/v1", sealed.text.as_bytes());
    assert_eq!(sealed.tag.as_deref(), Some(format!("\"{digest}\"").as_str()));
    let again = api.request("GET", &format!("/v1/proposals/{}/sealed", proposal.id()), &shop)?;
    let again = Api::send(again.header("if-none-match", format!("\"{digest}\""))).await?;
    assert_eq!((again.status, again.text.as_str()), (304, ""));

    let one = api.get(&format!("/v1/incidents/{incident}"), &shop).await?.json()?;
    assert_eq!(one["summary"]["phase"], "Proposed");
    assert_eq!(one["history"][0]["event"]["incident"]["kind"], "opened");
    assert!(one["incident"]["evidence"].as_array().is_some_and(|e| !e.is_empty()));
    let told = api.get(&format!("/v1/incidents/{incident}/playbook"), &shop).await?.json()?;
    assert_eq!(told["selected"], "rollback-deployment");
    let status = api.get("/v1/status", &shop).await?.json()?;
    assert_eq!((&status["ready"], &status["mode"]), (&json!(true), &json!("approve")));
    assert_eq!(status["storage"].get("rows"), None, "only for who sees everything");

    // Two incidents, a page of one: the second page stands, whatever opens meanwhile.
    house.crash("search").await?;
    house.within("two incidents", async || Ok((house.incidents().await?.len() == 2).then_some(()))).await?;
    let first = api.get("/v1/incidents?limit=1", &shop).await?.json()?;
    assert_eq!(first["items"][0]["name"], "search");
    house.crash("pay").await?;
    house.within("three incidents", async || Ok((house.incidents().await?.len() == 3).then_some(()))).await?;
    let next = first["next"].as_str().context("a next page")?;
    let second = api.get(&format!("/v1/incidents?limit=1&cursor={next}"), &shop).await?.json()?;
    assert_eq!(second["items"][0]["name"], "cart");
    assert_eq!(second.get("next"), None);
    for (filter, names) in [
        ("phase=Closed", 0),
        ("open=true", 3),
        ("namespace=shop", 3),
        ("namespace=shop&severity=info", 0),
        ("prefix=inc-", 3),
        ("prefix=pro-", 0),
        ("since=2036-01-01T00:00:00Z", 0),
    ] {
        let page = api.get(&format!("/v1/incidents?{filter}"), &shop).await?.json()?;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(names), "{filter}: {page}");
    }
    let open = api.get("/v1/proposals?open=true&namespace=shop", &shop).await?.json()?;
    let ids: Vec<_> = open["items"].as_array().into_iter().flatten().map(|line| &line["id"]).collect();
    assert!(ids.contains(&&json!(proposal.id())), "{open}");

    // The export in pieces is the history; the tip is its end.
    let rows = api.get("/v1/audit/rows?limit=2", &all).await?.json()?;
    assert_eq!(rows["items"][1]["seq"], 1);
    let more = api
        .get(&format!("/v1/audit/rows?limit=2&cursor={}", rows["next"].as_str().unwrap_or("")), &all)
        .await?;
    assert_eq!(more.json()?["items"][0]["prev"], rows["items"][1]["hash"]);
    let export = api.get("/v1/audit/export", &all).await?;
    let report = nightshift::runtime::offline::verify_jsonl(
        export.text.as_bytes(),
        &nightshift::store::audit::Held::default(),
    )?;
    assert!(report.problems.is_empty() && report.rows > 10, "{report:?}");
    let window = "/v1/digest?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z";
    assert!(api.get(window, &shop).await?.text.contains("cart"));
    assert!(!api.get(window, &Who::Token(BANK)).await?.text.contains("cart"));
    house.finish().await?;
    Ok(())
}

/// The command line on another machine: the same words as over the file, and a token that reads only its own.
#[tokio::test]
async fn the_command_line_reads_over_the_network_what_it_reads_from_the_file() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let folder = house.folder.path();
    for (name, token) in [("shop", SHOP), ("bank", BANK), ("all", ALL)] {
        std::fs::write(folder.join(name), format!("{token}\n"))?;
    }
    let (db, origin) = (house.file(), api.origin.clone());
    let ask = async |line: String, source: &[&std::ffi::OsStr]| -> anyhow::Result<(i32, String, String)> {
        let mut command = nightshift_tests::house::program::command()?;
        command.args(line.split(' ')).args(source);
        let told = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((told.status.code().unwrap_or(-1), text(told.stdout), text(told.stderr)))
    };
    let server = |token: &str| {
        let file = folder.join(token).into_os_string();
        ["--server".into(), origin.clone().into(), "--token-file".into(), file]
    };
    let file = ["--db".as_ref(), db.as_os_str()];
    for line in [
        "incidents -o json".to_owned(),
        format!("incidents show {incident} -o json"),
        format!("incidents show {}", &incident[..8]),
        "proposals list --all -o json".to_owned(),
        format!("proposals show {} -o json", proposal.id()),
        format!("playbooks explain {incident} -o json"),
    ] {
        let shop = server("shop");
        let remote = ask(line.clone(), &shop.each_ref().map(AsRef::as_ref)).await?;
        let local = ask(line.clone(), &file).await?;
        assert_eq!((remote.0, remote.2.as_str()), (0, ""), "{line}");
        if line.starts_with("playbooks") {
            assert!(remote.1.contains("\"selected\": \"rollback-deployment\""), "{}", remote.1);
        } else if line.contains("json") {
            let apart = remote.1.lines().zip(local.1.lines()).find(|(there, here)| there != here);
            assert!(remote.1 == local.1, "{line}: {apart:?}");
        } else {
            assert_eq!(remote.1.lines().next(), local.1.lines().next(), "{line}");
        }
        let bank = server("bank");
        let foreign = ask(line.clone(), &bank.each_ref().map(AsRef::as_ref)).await?;
        assert!(!foreign.1.contains("cart") && !foreign.2.contains("cart"), "{line}: {foreign:?}");
        assert_eq!(
            foreign.0,
            i32::from(line.contains("show") || line.contains("explain")),
            "{line}: {foreign:?}"
        );
    }
    let (all, shop) = (server("all"), server("shop"));
    let (all, shop) = (all.each_ref().map(AsRef::as_ref), shop.each_ref().map(AsRef::as_ref));
    let verified = ask("audit verify".to_owned(), &all).await?;
    assert_eq!(verified.0, 2, "incomplete without a tip kept elsewhere: {verified:?}");
    let tip = verified.1.lines().find_map(|line| line.strip_prefix("tip ")).context("a tip")?;
    assert_eq!(ask(format!("audit verify --tip {tip}"), &all).await?.0, 0);
    let other =
        format!("audit verify --tip {}:{}", tip.split(':').next().unwrap_or_default(), "0".repeat(64));
    assert_eq!(ask(other, &all).await?.0, 1, "a server whose history is another one is found out");
    let refused = ask("audit verify".to_owned(), &shop).await?;
    assert!(refused.0 == 3 && refused.2.contains("(no-role)"), "{refused:?}");
    let digest = "digest --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z".to_owned();
    assert!(ask(digest, &shop).await?.1.contains("cart"));
    let watched = ask("incidents watch --for 1s --every 1s -o json".to_owned(), &shop).await?;
    let line: Value = serde_json::from_str(watched.1.lines().next().context("a line")?)?;
    assert_eq!((watched.0, &line["phase"]), (0, &json!("Proposed")), "{watched:?}");
    // One incident: streamed by the server, asked for in the file, the same lines.
    let follow = format!("incidents watch {} --for 3s --every 1s -o json", &incident[..8]);
    let (streamed, asked) = (ask(follow.clone(), &shop).await?, ask(follow.clone(), &file).await?);
    assert_eq!((streamed.0, asked.0, streamed.2.as_str()), (0, 0, ""), "{streamed:?}");
    assert!(streamed.1 == asked.1 && streamed.1.lines().count() > 5, "{}\n{}", streamed.1, asked.1);
    let first: Value = serde_json::from_str(streamed.1.lines().next().context("a line")?)?;
    assert_eq!((&first["revision"], &first["event"]["incident"]["kind"]), (&json!(1), &json!("opened")));
    // Without a place for a stream it asks again.
    let (http, mut seats) = (reqwest::Client::builder().no_proxy().build()?, Vec::new());
    for _ in 0..4 {
        let seat = http.get(format!("{origin}/v1/incidents/{incident}/events")).bearer_auth(SHOP);
        seats.push(seat.send().await?.error_for_status()?);
    }
    let fallen = ask(follow.clone(), &shop).await?;
    assert!(fallen.0 == 0 && fallen.1 == asked.1 && fallen.2.contains("asking again instead"), "{fallen:?}");
    drop(seats);
    let bank = server("bank");
    let foreign = ask(follow, &bank.each_ref().map(AsRef::as_ref)).await?;
    assert!(foreign.0 == 1 && foreign.1.is_empty(), "{foreign:?}");
    let gone = ["--server".as_ref(), "http://127.0.0.1:9".as_ref(), "--token-file".as_ref(), shop[3]];
    assert_eq!(ask("incidents".to_owned(), &gone).await?.0, 3);
    house.finish().await?;
    Ok(())
}

/// A program follows an incident: from where it was, as far as its token reaches, within its places.
#[tokio::test]
async fn an_incident_is_followed_with_a_token() -> anyhow::Result<()> {
    let (house, api, proposal, incident) = house().await?;
    let path = format!("/v1/incidents/{incident}/events");
    let (shop, whole) =
        (Who::Token(SHOP), api.get(&format!("/v1/incidents/{incident}"), &Who::Token(SHOP)).await?);
    let history = whole.json()?["history"].as_array().context("no history")?.clone();
    let first = api.get(&path, &shop).await?;
    assert_eq!((first.status, first.kind.as_str()), (200, "text/event-stream"));
    let lines: Vec<Value> = first
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(lines.first(), history.first(), "the lines of the history itself");
    assert!(first.text.contains("id: 1\nevent: opened\ndata: {"), "{}", first.text);

    let newest = lines.last().context("a line")?["revision"].clone();
    let mut stream = api.request("GET", &format!("{path}?after={newest}"), &shop)?.send().await?;
    house.approve("alice", &proposal).await?;
    let mut text = String::new();
    while !text.contains("event: granted\n") {
        let piece = tokio::time::timeout(std::time::Duration::from_secs(20), stream.chunk()).await??;
        text.push_str(std::str::from_utf8(&piece.context("it ended early")?)?);
    }
    assert!(!text.contains("event: sealed"), "from where the reader was: {text}");
    drop(stream);

    for last in ["99999", "x", "-1"] {
        let request = api.request("GET", &path, &shop)?.header("last-event-id", last);
        let answer = Api::send(request).await?;
        assert!(
            answer.text.contains("event: reset\n") && !answer.text.contains("event: opened"),
            "{}",
            answer.text
        );
    }
    for query in ["after=x", "after=-1", "after=1&after=2", "other=1"] {
        let answer = api.get(&format!("{path}?{query}"), &shop).await?;
        assert_eq!((answer.status, answer.reason()?.as_str()), (400, "bad-query"), "{query}");
    }
    let mut open = Vec::new();
    let full = loop {
        let answer = api.request("GET", &path, &Who::Token(ALL))?.send().await?;
        if answer.status() != 200 {
            break answer;
        }
        open.push(answer);
        ensure!(open.len() < 20, "without end");
    };
    assert_eq!((open.len(), full.status().as_u16()), (4, 429));
    assert!(full.text().await?.contains("\"reason\":\"too-many-streams\""));
    assert_eq!(api.get(&path, &Who::Token(SHOP)).await?.status, 200, "others have places");
    let post = Api::send(api.request("POST", &path, &session(&house, "alice").await?)?).await?;
    assert_eq!((post.status, post.reason()?.as_str()), (405, "bad-method"));
    drop(open);
    house.over(proposal.plan().action.target()).await?;
    house.finish().await?;
    Ok(())
}

/// Generated requests against the document: every answer has a status, a type and a shape that the document names.
#[tokio::test]
#[ignore = "needs schemathesis, which `tests/run` installs: step `api`"]
async fn every_answer_is_one_that_the_document_names() -> anyhow::Result<()> {
    let program = std::env::var_os("SCHEMATHESIS").context("SCHEMATHESIS names the program")?;
    let (house, api, ..) = house().await?;
    house.crash("search").await?;
    let log = house.folder.path().join("schemathesis.log");
    let mut command = std::process::Command::new(program);
    command
        .current_dir(house.folder.path())
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis.toml")]);
    command.arg("run").arg(format!("{}/v1/openapi.json", api.origin)).args(["--url", &api.origin]);
    command.args(["--header", &format!("Authorization: Bearer {ALL}"), "--no-color"]);
    command.stdout(std::fs::File::create(&log)?).stderr(std::process::Stdio::inherit());
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    let told = std::fs::read_to_string(&log)?;
    println!("{told}");
    ensure!(status.success(), "schemathesis: {status}");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn one_token_that_asks_without_end_is_held_back_and_others_are_not() -> anyhow::Result<()> {
    let house = House::build(Plan { speed: 1, ..plan() }).await?;
    let api = Api::of(&house)?;
    let mut refused = None;
    for _ in 0..400 {
        let answer = api.get("/v1/audit/tip", &Who::Token(SHOP)).await?;
        if answer.status == 429 {
            refused = Some(answer.reason()?);
            break;
        }
        assert_eq!(answer.status, 403);
    }
    assert_eq!(refused.as_deref(), Some("rate-limited"));
    assert_eq!(api.get("/v1/status", &Who::Token(ALL)).await?.status, 200);
    house.finish().await?;
    Ok(())
}
