//! A real Chromium with a virtual authenticator, driven over WebDriver. What fails there fails the test at once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is test code, and a failed assumption is a failed test"
)]

use nightshift::clock::Clock;
use nightshift_model::{KeyAlgorithm, KeyKind, PersonKey};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A wait that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The tab key, as WebDriver writes it.
pub(crate) const TAB: &str = "\u{e004}";
/// The enter key.
pub const ENTER: &str = "\u{e007}";
/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser window. It ends with this value.
pub struct Driver {
    child: Child,
    http: reqwest::Client,
    session: String,
    clock: Clock,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    /// Starts one with the Chromium of this machine; where it or its driver is missing, says so, and the test is skipped.
    pub async fn or_skip() -> Option<Self> {
        let Some(browser) = chromium() else {
            println!("skipped: chromium is not installed");
            return None;
        };
        let driver = Self::start(browser).await;
        if driver.is_none() {
            println!("skipped: chromedriver is not installed");
        }
        driver
    }

    /// Starts one; `None` when this machine has no chromedriver.
    pub async fn start(browser: &str) -> Option<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let spawned = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = spawned.ok()?;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let mut driver = Self { child, http, session: base.clone(), clock: Clock::wall() };
        let began = driver.clock.monotonic();
        while driver.http.get(format!("{base}/status")).send().await.is_err() {
            assert!(driver.clock.monotonic().saturating_sub(began) < PATIENCE, "chromedriver did not start");
            driver.clock.sleep(LOOK).await;
        }
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let options = json!({"args": arguments, "binary": path(browser)});
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let opened = driver.post("/session", json!({"capabilities": {"alwaysMatch": wanted}})).await;
        driver.session = format!("{base}/session/{}", opened["sessionId"].as_str().unwrap());
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true,
        });
        driver.post("/webauthn/authenticator", authenticator).await;
        Some(driver)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.session)).json(&body).send().await.unwrap();
        let status = answer.status();
        let said: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {said}");
        said["value"].clone()
    }

    /// Opens a page.
    pub async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// What a script in the page answers.
    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until a script answers something.
    pub async fn wait(&self, script: &str) -> String {
        let began = self.clock.monotonic();
        loop {
            if let Value::String(found) = self.run(script).await {
                return found;
            }
            if self.clock.monotonic().saturating_sub(began) > PATIENCE {
                let shown = self.run("return document.body.innerText").await;
                panic!("`{script}` found nothing in\n{}", shown.as_str().unwrap_or_default());
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// The text of the element that a selector finds, once it is there.
    pub async fn text(&self, selector: &str) -> String {
        self.wait(&format!("const e = document.querySelector('{selector}'); return e && e.innerText")).await
    }

    async fn element(&self, selector: &str) -> String {
        self.text(selector).await;
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Presses the element that a selector finds, once it is there.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into the element that a selector finds, once it is there.
    pub async fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    /// A command of the browser's own protocol.
    pub async fn command(&self, name: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": name, "params": parameters})).await
    }

    /// What a script answers that runs beside the page's own, in a world where the page's policy is not in force.
    pub async fn beside(&self, script: &str) -> Value {
        let frames = self.command("Page.getFrameTree", json!({})).await;
        let frame = frames["frameTree"]["frame"]["id"].clone();
        let world = self.command("Page.createIsolatedWorld", json!({"frameId": frame})).await;
        let asked = json!({
            "expression": script, "contextId": world["executionContextId"],
            "awaitPromise": true, "returnByValue": true,
        });
        let answer = self.command("Runtime.evaluate", asked).await;
        assert!(answer.get("exceptionDetails").is_none(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// From now on: so wide, and light or dark.
    pub async fn shape(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.command("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Makes a passkey on the page that offers one to whoever signed in here. The answer is what the registry needs, as
    /// the page shows it.
    pub async fn make_passkey(&self) -> PersonKey {
        self.click("form[data-passkey=make] button:enabled").await;
        entry(&self.text("#line").await)
    }

    /// Approves on a proposal's page that is open, with the passkey, after the code was typed.
    pub async fn approve(&self) {
        let code = self.text(".code strong").await;
        self.write("#code", &code).await;
        self.click("button[value=approve]").await;
        self.text("button[value=withdraw]").await;
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub async fn keys(&self, text: &str) {
        let press = |key: char| {
            let key = key.to_string();
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        };
        let actions: Vec<Value> = text.chars().flat_map(press).collect();
        self.post("/actions", json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]})).await;
    }

    /// Goes on with the tab key until the focus is on what a selector names. Wherever it stops on the way, it shows.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..80 {
            self.keys(TAB).await;
            let look = format!(
                "const e = document.activeElement; if (e.matches('{selector}')) return 'there';\
                 return getComputedStyle(e).outlineStyle === 'none' && e !== document.body ? 'unseen' : 'on'"
            );
            match self.run(&look).await.as_str() {
                Some("there") => return,
                Some("on") => {}
                other => panic!("the focus cannot be seen on the way to {selector}: {other:?}"),
            }
        }
        panic!("no key leads to {selector}");
    }

    /// What the browser complained about, but for the icon that no page has.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().cloned().unwrap_or_default();
        let told = lines.iter().map(|l| l["message"].as_str().unwrap_or_default().to_owned());
        told.filter(|line| !line.contains("/favicon.ico")).collect()
    }
}

/// A Chromium of this machine; `None` when there is none.
pub fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success()))
}

/// The registry's line, as the page shows it.
pub fn entry(line: &str) -> PersonKey {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!("{name}: ")).unwrap();
        rest.split([',', ' ', '}']).next().unwrap().trim_matches('"').to_owned()
    };
    assert_eq!(field("kind"), "passkey");
    let alg = serde_json::from_value::<KeyAlgorithm>(field("alg").into()).unwrap();
    let since = Some(field("since").parse().unwrap());
    PersonKey { kind: KeyKind::Passkey, id: field("id"), public: field("public"), alg, since, revoked: None }
}

fn path(browser: &str) -> String {
    let folders = std::env::var("PATH").unwrap_or_default();
    let found =
        folders.split(':').map(|f| format!("{f}/{browser}")).find(|p| std::path::Path::new(p).exists());
    found.unwrap_or_else(|| browser.to_owned())
}
