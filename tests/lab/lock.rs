//! The lock on the real API server. An executor that holds every right there is cannot write what was not approved; what was
//! approved passes from the vote to the Event; and nobody else ever meets it, whatever of it is missing.

use super::attacks;
use anyhow::{Context as _, ensure};
use http::Method;
use nightshift::clock::Clock;
use nightshift::cluster::{Access, Reader};
use nightshift::config;
use nightshift::runtime::{closings, countersign};
use nightshift::store::HistoryStore as _;
use nightshift_engine::lock::LockMode;
use nightshift_engine::lock::probe::NEVER;
use nightshift_model::{
    Epoch, HistoryEvent, Incident, IncidentEvent, Outcome, Phase, Proposal, Role, SystemEvent, Timestamp,
};
use nightshift_tests::lab::attack::{MERGE, Thief, Tried, head, row};
use nightshift_tests::lab::lock::{Lock, refused_by};
use nightshift_tests::lab::night::{self, Night, Wanted, events, judged};
use nightshift_tests::lab::program::kubeconfig;
use nightshift_tests::lab::proxy::{Proxy, Seen, Then, Trap};
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, identity, within};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Whose token it is that is tried.
const TOKEN: &str = "executor's, with every right";
/// How long a grant lasts here: a request is held until it has run out, and no request waits for more than 15 s.
const GRANT: Duration = Duration::from_secs(32);
/// The longest that one request is held.
const HELD: Duration = Duration::from_secs(11);

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

const HOME: &str = "lock-home";
const SHOP: &str = "lock-shop";
const AWAY: &str = "lock-away";

/// Puts the lock up, with a countersign that a nightshift of this process answers.
async fn behind(
    lock: &Lock,
    night: &Night,
    responder: &Cluster,
    folder: &tempfile::TempDir,
) -> anyhow::Result<()> {
    let port = free_port()?;
    lock.install(&lock.objects(port)).await?;
    let settings = config::Countersign {
        mode: LockMode::Webhook,
        lock: lock.name.clone(),
        executor: lock.executor(),
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        names: vec!["127.0.0.1".to_owned()],
    };
    let reader = Reader::connect(&identity::access(responder, folder.path(), "countersign")?).await?;
    countersign::open(&night.running, &settings, reader, folder.path(), &mut Registry::default()).await?;
    lock.trusted().await
}

/// The lab's person, with times as short as they can be held to.
fn registry() -> anyhow::Result<nightshift_model::Registry> {
    let mut known = serde_json::to_value(night::registry()?)?;
    let policy = known.get_mut("policy").and_then(Value::as_object_mut).context("no policy")?;
    policy.insert("grant_valid".to_owned(), json!(format!("{}s", GRANT.as_secs())));
    policy.insert("soak".to_owned(), json!({"low": "20s", "medium": "20s", "high": "20s"}));
    policy.insert("soak_crash_loop".to_owned(), json!("20s"));
    Ok(serde_json::from_value(known)?)
}

/// Everything that the series are about.
struct Scene {
    lock: Lock,
    night: Night,
    executor: Cluster,
    /// The executor's own requests pass here, and can be held.
    proxy: Proxy,
    tried: Tried,
}

impl Scene {
    /// A nightshift whose executor may do everything, first without and then behind the lock.
    async fn set(admin: &Cluster, folder: &tempfile::TempDir) -> anyhow::Result<Self> {
        let (lock, identities) = Lock::accounts(admin, HOME).await?;
        for namespace in [SHOP, AWAY] {
            admin.namespace(namespace).await?;
        }
        for namespace in [AWAY, HOME, "kube-system"] {
            let target = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
            admin.create(&target, &web()).await?;
        }
        let (executor, responder) = (identities.executor.clone(), identities.responder.clone());
        let proxy = Proxy::open(&executor).await?;
        let path = folder.path().join("kubeconfig-through-the-proxy");
        std::fs::write(&path, kubeconfig(&proxy, &executor).to_string())?; // JSON is YAML
        let wanted = Wanted {
            namespace: SHOP.to_owned(),
            identities,
            executor: Some(Access::Kubeconfig { path: Some(path), context: None }),
            registry: Some(registry()?),
            lock: Some(closings::lock::Wanted { mode: LockMode::Webhook, name: lock.name.clone() }),
        };
        let night = Night::start(wanted).await?;
        let seen = night.running.closings.clone();
        let stands = async |what: &str, wanted: fn(Option<String>) -> bool| {
            let look = async || Ok(wanted(seen.borrow().everywhere()).then_some(()));
            within(Duration::from_secs(90), what, look).await
        };
        stands("without a lock the executor closes itself", |why| {
            why.is_some_and(|why| why.contains("nobody refused it"))
        })
        .await?;
        behind(&lock, &night, &responder, folder).await?;
        stands("with the lock it opens", |why| why.is_none()).await?;
        Ok(Self { lock, night, executor, proxy, tried: Tried::default() })
    }

    /// The policy reaches the API server a moment after it is stored.
    async fn in_force(&self, shop: &Workload) -> anyhow::Result<()> {
        let unmarked = json!({"metadata": {"labels": {"x": "y"}}}).to_string();
        within(Duration::from_secs(30), "the lock is in force", async || {
            let target = format!("{}?dryRun=All", shop.path());
            let answer = self.executor.send(Method::PATCH, &target, Some((MERGE, unmarked.clone()))).await?;
            Ok((refused_by(&self.lock.name, &answer) == "policy").then_some(()))
        })
        .await
    }

    async fn tries(&mut self, series: &str, attacks: Vec<attacks::Attack>) -> anyhow::Result<()> {
        head(series);
        let thief = Thief { cluster: &self.executor, token: TOKEN, lock: &self.lock.name };
        self.tried += thief.tries(attacks).await.with_context(|| series.to_owned())?;
        Ok(())
    }

    /// Holds what is in a trap until a moment, and no longer than a request may take; the next trap is set before.
    async fn hold(&self, trap: Trap, until: Timestamp, next: fn(&Seen) -> bool) -> anyhow::Result<Trap> {
        let left = until.since(self.night.now()).duration().min(HELD);
        Clock::wall().sleep_real(left).await;
        let next = self.proxy.trap(next, Then::Hold);
        trap.open();
        Ok(next)
    }

    /// When the grant of a workload's proposal runs out.
    async fn until(&self, of: &Workload) -> anyhow::Result<Timestamp> {
        within(Duration::from_secs(20), "the grant", async || {
            let all = self.night.incidents().await?;
            let one = all.into_iter().find(|i| i.scope.same_name(&of.object)).context("no incident")?;
            let rows = self.night.rows(&one).await?;
            let until = events(&rows).find_map(|event| {
                if let IncidentEvent::Granted { grant } = event { Some(grant.until) } else { None }
            });
            Ok(until)
        })
        .await
    }

    /// The history has to tell of every write that was not countersigned.
    async fn told(&self) -> anyhow::Result<()> {
        let (wanted, patience) = (self.tried.countersigned, Duration::from_secs(90));
        within(patience, "the history tells of every refusal", async || {
            let rows = self.night.store.system_events(&["countersign-refused"]).await?;
            let counts = rows.iter().filter_map(|row| match &row.event {
                HistoryEvent::System(SystemEvent::CountersignRefused { count, .. }) => {
                    usize::try_from(*count).ok()
                }
                HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
            });
            Ok((counts.sum::<usize>() >= wanted).then_some(()))
        })
        .await
    }
}

/// What nobody runs and nobody may touch.
fn web() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "none:1"}]}},
        },
    })
}

/// A request of the executor about `cart`, its self-tests left out.
fn about_cart(seen: &Seen) -> bool {
    let test = seen.body.contains(NEVER) || seen.body.contains("self-test");
    seen.method == Method::PATCH && seen.target.contains("/deployments/cart") && !test
}

fn previews_cart(seen: &Seen) -> bool {
    about_cart(seen) && seen.is_preview()
}

fn writes_cart(seen: &Seen) -> bool {
    about_cart(seen) && seen.is_write()
}

fn claims_cart(seen: &Seen) -> bool {
    writes_cart(seen) && !seen.is_act()
}

fn acts_on_cart(seen: &Seen) -> bool {
    about_cart(seen) && seen.is_act()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_with_every_right_writes_what_was_approved_and_nothing_else() -> anyhow::Result<()> {
    let admin = Cluster::connect()?;
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::set(&admin, &folder).await?;
    let (shop, cart) = tokio::try_join!(
        Workload::serve(&admin, SHOP, &Value::Null),
        Workload::named(&admin, SHOP, "cart", &Value::Null)
    )?;
    scene.in_force(&shop).await?;
    for one in [&shop, &cart] {
        scene.night.healthy(&one.object, 1).await?;
    }
    let (earlier, cart_earlier) = (shop.template().await?, cart.template().await?);
    shop.release(&Version::BAD).await?;
    cart.release(&Version::BAD).await?;
    let proposal = scene.night.proposal(&shop.object).await?;
    let other = scene.night.proposal(&cart.object).await?;
    let op = proposal.plan().op.clone();

    let mut attacks = attacks::idle(&shop, &op, false).await?;
    attacks.extend(attacks::elsewhere(&cart, &op, AWAY, HOME, &scene.lock.name));
    scene.tries("while it waits for a vote", attacks).await?;

    let mut trap = scene.proxy.trap(Seen::is_act, Then::Hold);
    scene.night.approve(&proposal).await?;
    trap.caught().await.context("the approved request did not come")?;
    let attacks = attacks::under_way(&shop, &earlier, &op, &other.plan().op)?;
    scene.tries("while the approved request is on its way", attacks).await?;
    trap.open();
    let over = |i: &Incident| matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. });
    let done = scene.night.incident("the end", &shop.object, over).await?;
    let rows = scene.night.rows(&done).await?;
    ensure!(judged(&rows) == Some(Outcome::Successful), "{:?}; {:?}", judged(&rows), done.phase);
    shop.is_back(&earlier).await?;
    let events = admin.get(&format!("/api/v1/namespaces/{SHOP}/events")).await?.ok()?;
    ensure!(events.to_string().contains("\"RolledBack\""), "no Event tells of it");

    let mut acts = scene.proxy.seen().into_iter().filter(Seen::is_act);
    let act = acts.next_back().context("no request was sent")?.body;
    let mut attacks = attacks::again(&shop, &earlier, &op, &act)?;
    attacks.extend(attacks::idle(&shop, &op, true).await?);
    scene.tries("after it was done", attacks).await?;
    shop.is_back(&earlier).await?;

    too_late(&mut scene, &cart, &cart_earlier, &other).await?;
    scene.told().await?;
    println!("with every right: {:?}, 0 passed", scene.tried);
    scene.night.audit().await?;
    let Scene { lock, night, .. } = scene;
    night.end().await;
    lock.remove(&lock.objects(1)).await?;
    for namespace in [SHOP, AWAY] {
        admin.remove_namespace(namespace).await?;
    }
    let web = "/apis/apps/v1/namespaces/kube-system/deployments/web";
    admin.send(Method::DELETE, web, None).await?.ok()?;
    lock.end().await
}

/// The executor's one request is held until its grant has run out; then another executor takes over.
async fn too_late(
    scene: &mut Scene,
    cart: &Workload,
    approved: &Value,
    proposal: &Proposal,
) -> anyhow::Result<()> {
    let (op, broken) = (proposal.plan().op.clone(), cart.template().await?);
    let mut trap = scene.proxy.trap(previews_cart, Then::Hold);
    scene.night.approve(proposal).await?;
    let until = scene.until(cart).await?;
    let margin = nightshift_model::Seconds(8);
    trap.caught().await.context("no recheck")?;
    let mut trap = scene.hold(trap, until - margin, claims_cart).await?;
    trap.caught().await.context("no claim")?;
    let mut trap = scene.hold(trap, until - margin, acts_on_cart).await?;
    trap.caught().await.context("no request")?;
    within(Duration::from_secs(14), "the grant has run out", async || {
        Ok((scene.night.now() > until).then_some(()))
    })
    .await?;
    scene.tries("after the grant ran out", attacks::expired(cart, approved, &op)).await?;

    let old = scene.night.store.leader(Role::Executor).await?.context("no executor")?.epoch;
    let new = scene.night.store.take(Role::Executor, "another executor", Epoch(0)).await?;
    ensure!(new > old, "{new:?} after {old:?}");
    scene.tries("right after a takeover", attacks::stale(cart, &op, old.0)).await?;
    trap.open();
    let answered = within(Duration::from_secs(20), "the held request is answered", async || {
        Ok(scene.proxy.seen().iter().rev().find(|seen| acts_on_cart(seen)).and_then(|seen| seen.status))
    })
    .await?;
    let by = if answered == http::StatusCode::FORBIDDEN { "countersign" } else { "nobody" };
    row("its own request, held since before the takeover", TOKEN, by, "nightshift's history");
    ensure!(by == "countersign", "{answered}");
    scene.tried += Tried { all: 1, countersigned: 1 };
    // Whoever was taken over asks nothing more, not even what it would find out.
    let sent = scene.proxy.count(writes_cart);
    Clock::wall().sleep_real(Duration::from_secs(3)).await;
    let more = scene.proxy.count(writes_cart) - sent;
    ensure!(more == 0, "{more} requests more by an executor that was taken over");
    ensure!(cart.template().await? == broken, "it was written after the grant ran out");
    Ok(())
}
