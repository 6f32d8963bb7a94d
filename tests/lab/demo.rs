//! `demo --kubeconfig`, as somebody plays it on a cluster of theirs: the story, what it wrote, and that nothing is left.

use anyhow::{Context as _, ensure};
use http::Method;
use nightshift::demo::person::Person;
use nightshift_tests::lab::Cluster;
use nightshift_tests::lab::program::{binary, kubeconfig, log, signal};
use nightshift_tests::lab::proxy::{Proxy, Seen};
use serde_json::{Value, json};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The longest that a step may take.
const PATIENCE: Duration = Duration::from_mins(4);
/// An image with a shell.
const IMAGE: &str = "localhost:5000/busybox:1";

/// What a reader sees, in this order.
const STORY: &[&str] = &[
    "== Act one: a rollout that crashes",
    "Deployment checkout runs version 1.0.0; nightshift has seen it healthy",
    "somebody releases version 2.0.0",
    "opens by itself",
    "waits for a person (medium risk)",
    "crash-loops since",
    "/spec/template/metadata/labels/version",
    "page to alice: http://127.0.0.1:",
    "the rollback was written: one request",
    "looks: red to green",
    "rolled-out             RED (",
    "no-restarts            RED (",
    "the incident is Closed: Successful",
    "== Act two: a refusal",
    "cart is released with a version that cannot start",
    "waits for a person (medium risk)",
    "a colleague scaled cart by hand before the write was due",
    "nothing was written: Deployment ",
    "writes to cart by nightshift: 0",
    "Removing namespace nightshift-demo-",
    " is gone.",
    "Next: nightshift check",
];

/// A demo that runs behind a proxy.
struct Play {
    cluster: Cluster,
    proxy: Proxy,
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    told: Vec<String>,
    namespace: String,
    folder: tempfile::TempDir,
}

impl Play {
    async fn begin(name: &str, image: &str) -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        let (proxy, folder) = (Proxy::open(&cluster).await?, tempfile::tempdir()?);
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig(&proxy, &cluster).to_string())?; // JSON is YAML
        let mut child = Command::new(binary()?)
            .args(["demo", "--image", image, "--kubeconfig"])
            .arg(file)
            .env_remove("KUBECONFIG")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log(name))?)
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (told, namespace) = (Vec::new(), String::new());
        let mut play = Self { cluster, proxy, child, lines: Some(lines), told, namespace, folder };
        let first = play.until("in namespace ").await?;
        let (_, rest) = first.split_once("in namespace ").context("no namespace is named")?;
        rest.split(',').next().unwrap_or_default().clone_into(&mut play.namespace);
        Ok(play)
    }

    /// The next line, while there is one.
    async fn line(&mut self) -> anyhow::Result<Option<String>> {
        let lines = self.lines.as_mut().context("nobody reads any more")?;
        let next = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let next = next.with_context(|| format!("it stands still after {:#?}", self.told))??;
        self.told.extend(next.clone());
        Ok(next)
    }

    /// Reads on until a line says something.
    async fn until(&mut self, text: &str) -> anyhow::Result<String> {
        while let Some(line) = self.line().await? {
            if line.contains(text) {
                return Ok(line);
            }
        }
        anyhow::bail!("it ended without `{text}`: {:#?}", self.told)
    }

    /// Reads to the end; what was told, and how it ended.
    async fn end(&mut self) -> anyhow::Result<(String, ExitStatus)> {
        while self.lines.is_some() && self.line().await?.is_some() {}
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        Ok((self.told.join("\n"), status))
    }

    /// Its namespace is gone, it took away nothing else, wrote nothing elsewhere, and kept nothing on this machine.
    async fn left_nothing(&self, neighbour: &str) -> anyhow::Result<()> {
        let namespace = &self.namespace;
        ensure!(namespace.starts_with("nightshift-demo-"), "{namespace}");
        let gone = self.cluster.get(&format!("/api/v1/namespaces/{namespace}")).await?.status;
        ensure!(gone == 404, "its namespace: {gone}");
        let beside = self.cluster.get(&format!("/api/v1/namespaces/{neighbour}")).await?.ok()?;
        ensure!(beside.pointer("/status/phase").and_then(Value::as_str) == Some("Active"), "{beside}");
        self.cluster.remove_namespace(neighbour).await?;

        let own = format!("/api/v1/namespaces/{namespace}");
        let places = [
            format!("/apis/apps/v1/namespaces/{namespace}/deployments/"),
            format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
        ];
        // A question about rights is a POST too, and makes nothing.
        let asked = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let inside =
            |seen: &Seen| seen.target == asked || places.iter().any(|place| seen.target.starts_with(place));
        let changes: Vec<Seen> = self.proxy.seen().into_iter().filter(|s| s.method != Method::GET).collect();
        let (made, rest): (Vec<Seen>, Vec<Seen>) = changes.into_iter().partition(|seen| {
            seen.method == Method::POST
                && seen.target.starts_with("/api/v1/namespaces?")
                && seen.body.contains(namespace)
        });
        let (removed, rest): (Vec<Seen>, Vec<Seen>) =
            rest.into_iter().partition(|seen| seen.method == Method::DELETE && seen.target == own);
        ensure!(made.len() == 1 && removed.len() == 1, "made {made:?}, removed {removed:?}");
        let elsewhere: Vec<Seen> = rest.into_iter().filter(|seen| !inside(seen)).collect();
        ensure!(elsewhere.is_empty(), "written elsewhere: {elsewhere:?}");

        let kept: Vec<_> = std::fs::read_dir(self.folder.path())?.collect::<Result<_, _>>()?;
        ensure!(kept.len() == 1, "left beside the kubeconfig: {kept:?}");
        Ok(())
    }
}

/// A namespace that only looks as if the demo had made it.
async fn neighbour(name: &str) -> anyhow::Result<String> {
    let name = format!("nightshift-demo-{name}");
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    Cluster::connect()?.create("/api/v1/namespaces", &object).await?;
    Ok(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_two_acts_on_a_real_cluster_and_leaves_nothing() -> anyhow::Result<()> {
    let began = nightshift::clock::Clock::wall();
    let neighbour = neighbour("beside-the-story").await?;
    let mut play = Play::begin("demo-story", IMAGE).await?;
    let mut person: Option<Person> = None;
    for _ in 0..2 {
        let page = play.until("page to alice: ").await?;
        let link = page.split_whitespace().last().context("no link")?.to_owned();
        let invite = play.until("not signed in yet? ").await?;
        let alice = if let Some(alice) = &mut person {
            alice
        } else {
            let (origin, _) = link.split_once("/p/").context("no origin")?;
            let mut alice = Person::new(origin)?;
            alice.sign_in(invite.split_whitespace().last().context("no link")?).await?;
            person.insert(alice)
        };
        let page = alice.approve(&link).await?;
        ensure!(page.status < 400, "the vote was refused with status {}", page.status);
    }
    let (told, status) = play.end().await?;
    println!("demo on a cluster, {:.0} s:\n{told}", began.monotonic().as_secs_f64());
    ensure!(status.success(), "{status}");
    let complaints = std::fs::read_to_string(log("demo-story"))?;
    ensure!(complaints.is_empty(), "a demo that goes well has nothing to complain about: {complaints}");
    let mut rest = told.as_str();
    for part in STORY {
        (_, rest) = rest.split_once(part).with_context(|| format!("it does not tell `{part}` there"))?;
    }
    ensure!(!told.contains("is stuck"), "{told}");
    ensure!(play.proxy.count(Seen::is_act) == 1, "not one write");
    let event = |seen: &Seen| seen.target.contains("/events") && seen.body.contains("\"RolledBack\"");
    ensure!(play.proxy.count(event) == 1, "the rollback has no Event");
    play.left_nothing(&neighbour).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_told_to_stop_midway_leaves_nothing() -> anyhow::Result<()> {
    for (name, moment) in
        [("INT", "== Act one"), ("HUP", "releases version 2.0.0"), ("TERM", "page to alice: ")]
    {
        let neighbour = neighbour(&format!("beside-{}", name.to_lowercase())).await?;
        let mut play = Play::begin(&format!("demo-{name}"), IMAGE).await?;
        play.until(moment).await?;
        signal(&play.child, name).await?;
        let (told, status) = play.end().await?;
        ensure!(status.success(), "{name}: {status}");
        let namespace = &play.namespace;
        ensure!(told.ends_with(&format!("Namespace {namespace} is gone.")), "{name}: {told}");
        ensure!(play.proxy.count(Seen::is_act) == 0, "{name}: nobody approved anything");
        play.left_nothing(&neighbour).await.context(name)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_without_a_reader_leaves_nothing() -> anyhow::Result<()> {
    let neighbour = neighbour("beside-the-pipe").await?;
    let mut play = Play::begin("demo-pipe", IMAGE).await?;
    play.until("nightshift has seen it healthy").await?;
    play.lines = None;
    let (_, status) = play.end().await?;
    ensure!(status.success(), "{status}");
    play.left_nothing(&neighbour).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_whose_image_is_not_there_says_so_and_leaves_nothing() -> anyhow::Result<()> {
    let neighbour = neighbour("beside-no-image").await?;
    let mut play = Play::begin("demo-image", "localhost:5000/not-there:1").await?;
    let (told, status) = play.end().await?;
    ensure!(status.code() == Some(1), "{status}: {told}");
    let why = std::fs::read_to_string(log("demo-image"))?;
    for text in ["the pods of checkout do not start: ImagePullBackOff", "not-there:1", "--image"] {
        ensure!(why.contains(text), "`{text}` is not said: {why}");
    }
    play.left_nothing(&neighbour).await
}
