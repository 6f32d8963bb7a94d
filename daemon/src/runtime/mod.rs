//! The wiring of a running nightshift, readable top to bottom.

pub mod alertmanager;
pub mod alerts;
pub mod annotations;
pub mod channels;
mod chat;
pub mod checkpoint;
pub mod closings;
pub mod countersign;
pub mod coverage;
pub mod doors;
pub mod heartbeat;
pub mod incidents;
pub mod marks;
mod noted;
mod objects;
pub mod offline;
pub mod rules;
pub mod run;
mod status;
pub mod sweep;
pub mod tell;
pub mod view;
mod volumes;
pub mod world;

pub use run::run;

use crate::alertmanager::{Alertmanager, AlertmanagerError};
use crate::clock::Clock;
use crate::cluster::stream::Timing;
use crate::cluster::{Access, ClientError, Reader, Watch, Writer, identity, watch};
use crate::prometheus::{Prometheus, PrometheusError, Settings};
use crate::stages::RulesNow;
use crate::stages::alertmanager::{Comparing, Paged, Setup as Compared, forget};
use crate::stages::annotations::Annotations;
use crate::stages::detect::{Detect, Setup as DetectSetup};
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use crate::telemetry::{AlertmanagerMetrics, IntakeMetrics, Metrics};
use alertmanager::{Asking, Asks};
use annotations::Looking;
use checkpoint::{Integrity, Keeper, Signing, SigningError};
use closings::Board;
use closings::lock::SelfTest;
use closings::rights::Rights;
use coverage::Coverage;
use incidents::{Drives, Waker, queue};
use nightshift_detectors::Params;
use nightshift_detectors::volumes::Volumes;
use nightshift_engine::closed::Closings;
use nightshift_engine::drive::StoreError;
use nightshift_engine::excess::Credential;
use nightshift_engine::rules::Mode;
use nightshift_engine::vote_object::Looks;
use nightshift_model::effect::Me;
use nightshift_model::{
    Actor, ClosedBy, Cluster, Epoch, Gap, Ignore, IncidentId, Noise, Reason, Registry, Role, SystemEvent,
};
use nightshift_playbooks::Catalog;
use rules::{Fixed, RuleBook};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use view::{Seen, ViewTask};
use volumes::Rooms;
use world::Outside;

/// Incidents that the responder drives at a time.
const RESPONDER_AT_ONCE: usize = 8;
/// A first question to the API server that takes longer counts as unreachable.
const FIRST_DEADLINE: Duration = Duration::from_secs(10);

/// What a runtime is made of. `run` builds it from the configuration, `demo` around a simulated cluster.
pub struct Setup {
    /// The clock.
    pub clock: Clock,
    /// The history, open for writing.
    pub store: SqliteStore,
    /// Which roles run in this process.
    pub parts: Parts,
    /// How the responder reaches the API server.
    pub responder: Access,
    /// How the executor does.
    pub executor: Access,
    /// Whose credential that is; `None` where rights cannot be asked for: a simulated cluster.
    pub credential: Option<Credential>,
    /// `cluster.name`.
    pub cluster_name: String,
    /// Namespaces that are watched; none means all.
    pub namespaces: Vec<String>,
    /// What nightshift may do.
    pub mode: Mode,
    /// Persons, roles, owners, policy.
    pub registry: Registry,
    /// The playbooks.
    pub playbooks: Catalog,
    /// Where measurements come from.
    pub prometheus: Option<Settings>,
    /// `kill_switch: true`.
    pub kill_switch: bool,
    /// Which Alertmanager is asked.
    pub alertmanager: Option<Asking>,
    /// What opens no incident.
    pub ignore: Ignore,
    /// How much is said about what comes and goes by itself.
    pub noise: Noise,
    /// Our own namespace; empty outside a cluster.
    pub home: String,
    /// Patience of the watches.
    pub timing: Timing,
    /// Thresholds of the detectors.
    pub params: Params,
    /// Seed of ids and jitter.
    pub seed: u64,
    /// What the executor signs the history with; needed where one runs.
    pub signing: Option<Signing>,
    /// What it wants of the lock at the API server; `None`: none is installed.
    pub lock: Option<closings::lock::Wanted>,
    /// What is counted.
    pub metrics: Metrics,
}

/// Which roles run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Watches, diagnoses, serves the gate, verifies, digests.
    pub responder: bool,
    /// Previews and executes.
    pub executor: bool,
}

impl Parts {
    /// Both roles in one process.
    pub const ALL: Self = Self { responder: true, executor: true };

    /// Whether no other process holds a role.
    fn is_whole(self) -> bool {
        self.responder && self.executor
    }
}

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No client for the API server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster does not say who it is.
    #[error(transparent)]
    Identity(#[from] identity::IdentityError),
    /// No client for Prometheus.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// No client for Alertmanager.
    #[error(transparent)]
    Alertmanager(#[from] AlertmanagerError),
    /// The history does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The executor has nothing to sign the history with.
    #[error("the executor signs the history: it needs a folder for its keys and its last note")]
    Unsigned,
    /// Or cannot use it.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// A running nightshift.
pub struct Running {
    /// The rules in force.
    pub rules: RuleBook,
    /// Wakes incidents in every role's loop.
    pub wakers: Vec<Waker>,
    /// What is counted.
    pub metrics: Metrics,
    /// While true, the executor begins nothing new.
    pub hold: tokio::sync::watch::Sender<bool>,
    /// What the view says about itself.
    pub seen: Seen,
    /// What every watch says about itself.
    pub coverage: tokio::sync::watch::Receiver<Vec<Watch>>,
    /// Notified when alerts were stored.
    pub arrived: Arc<Notify>,
    /// What the intake of alerts counts.
    pub intake: IntakeMetrics,
    /// What asking Alertmanager counts.
    pub asked: AlertmanagerMetrics,
    /// Whether Alertmanager answers.
    pub unanswered: tokio::sync::watch::Receiver<Option<Gap>>,
    /// Whom Alertmanager has woken.
    pub paged: Paged,
    /// Ends everything.
    pub stop: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// Whether the executor may act on the history.
    pub integrity: tokio::sync::watch::Receiver<Integrity>,
    /// What else closes it, and where.
    pub closings: tokio::sync::watch::Receiver<Closings>,
    /// Where votes in the cluster are told to those who show and judge them.
    looks: tokio::sync::watch::Sender<Looks>,
    outside: Option<Outside>,
    keeper: Option<Arc<Keeper>>,
    store: SqliteStore,
    clock: Clock,
    roles: Vec<Me>,
}

/// Starts detection and the roles' loops.
///
/// # Errors
/// [`StartError`]: nothing runs then.
pub async fn start(setup: Setup) -> Result<Running, StartError> {
    let reader = Reader::connect(&setup.responder).await?;
    let uid = identity::cluster_uid(&reader, FIRST_DEADLINE).await?;
    let prometheus = setup.prometheus.as_ref().map(Prometheus::new).transpose()?.map(Arc::new);
    let asked = setup.alertmanager.as_ref().map(|a| Alertmanager::new(&a.settings)).transpose()?;
    let (clock, store) = (setup.clock, setup.store.clone());
    let seen = Seen::default();
    let (trust, integrity) = tokio::sync::watch::channel(Integrity::Open);
    let (told, closings) = tokio::sync::watch::channel(Closings::default());
    let mut hands = None;
    if setup.parts.executor {
        let (reader, writer) =
            (Reader::connect(&setup.executor).await?, Writer::connect(&setup.executor).await?);
        if let Some(credential) = setup.credential {
            told.send_replace(Closings::unseen([ClosedBy::Rights]));
            let rights = Rights {
                reader: reader.clone(),
                store: store.clone(),
                clock,
                mode: setup.mode.clone(),
                off: setup.registry.policy.disabled_actions.clone(),
                home: setup.home.clone(),
                credential,
            };
            let (look, next) = rights.look().await;
            told.send_modify(|closings| closings.set(ClosedBy::Rights, look.clone()));
            hands = Some((reader, writer, Some((rights, look, next))));
        } else {
            hands = Some((reader, writer, None));
        }
        if setup.lock.is_some() {
            told.send_modify(|closings| closings.set(ClosedBy::Lock, SelfTest::untried()));
        }
    }
    let (looks, looked) = tokio::sync::watch::channel(Looks::default());
    let rules = RuleBook {
        integrity: integrity.clone(),
        own: hands.is_some().then(|| closings.clone()),
        fixed: Arc::new(Fixed {
            cluster: Cluster { uid: uid.clone(), name: setup.cluster_name },
            mode: setup.mode,
            registry: Arc::new(setup.registry),
            playbooks: Arc::new(setup.playbooks),
            prometheus: prometheus.is_some(),
            noise: setup.noise,
            home: setup.home,
            kill_switch: setup.kill_switch,
        }),
        store: store.clone(),
        clock,
        nodes_not_ready: Arc::clone(&seen.nodes_not_ready),
        counters: Arc::default(),
        looks: looked,
    };

    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let instance: Arc<str> = format!("nightshift-{}", std::process::id()).into();
    let outside = |reader: Reader, writer: Option<Writer>| Outside {
        reader,
        writer,
        prometheus: prometheus.clone(),
        store: store.clone(),
        clock,
        instance: Arc::clone(&instance),
        metrics: setup.metrics.clone(),
    };
    let (mut wakers, mut roles) = (Vec::new(), Vec::new());
    let (hold, held) = tokio::sync::watch::channel(false);
    let (_, never) = tokio::sync::watch::channel(false);
    let mut spawn = |me: Me,
                     (waker, woken),
                     at_once: usize,
                     keeper: Option<Arc<Keeper>>,
                     looking: Option<Looking>,
                     outside: Outside| {
        let hold = if keeper.is_some() { held.clone() } else { never.clone() };
        wakers.push(waker);
        let (rules, store) = (rules.clone(), store.clone());
        let drives = Drives { me, at_once, hold, keeper, looking, rules, store, outside };
        tasks.spawn(drives.run(woken, stop.clone()));
    };
    let (arrived, intake) = (Arc::new(Notify::new()), IntakeMetrics::default());
    let (metrics, paged) = (AlertmanagerMetrics::default(), Paged::default());
    let (gap, unanswered) = tokio::sync::watch::channel(None);
    let (board, mut coverage) = tokio::sync::watch::channel(Vec::new());
    drop(board);
    let mut reads = None;
    if setup.parts.responder {
        reads = Some(outside(reader.clone(), None));
        let me = take_role(&store, clock, Role::Responder, Epoch(0)).await?;
        noted::policy(&store, clock, &me, &rules).await?;
        noted::ignored(&store, clock, &me, &setup.ignore).await?;
        if rules.fixed.mode == Mode::Observe {
            closings::none(&store, clock, &me).await?;
        }
        let (waker, woken) = queue();
        if let (Some(alertmanager), Some(asking)) = (asked, setup.alertmanager) {
            let Asking { every, receiver, paging, .. } = asking;
            let (metrics, paged, me) = (metrics.clone(), paged.clone(), me.clone());
            let compared = Compared { me, metrics, receiver, paging, paged };
            let comparing = Comparing::new(store.clone(), clock, compared);
            let (waker, store, arrived) = (waker.clone(), store.clone(), Arc::clone(&arrived));
            let asks = Asks { alertmanager, comparing, every, clock, store, waker, arrived, gap };
            tasks.spawn(asks.run(stop.clone()));
        } else {
            forget(&store, &me, clock.now()).await?;
        }
        let wakes = waker.clone();
        let annotations = Annotations::new(store.clone(), me.clone(), Box::new(move |id| wakes.wake(id)));
        let annotations = Arc::new(annotations);
        let looking = Looking { outside: outside(reader.clone(), None), annotations };
        tasks.spawn(looking.clone().run(stop.clone()));
        spawn(
            me.clone(),
            (waker, woken),
            RESPONDER_AT_ONCE,
            None,
            Some(looking),
            outside(reader.clone(), None),
        );
        roles.push(me.clone());
        let healthy_after = rules.fixed.registry.policy.healthy_after;
        let cluster = rules.fixed.cluster.name.clone();
        let detect = DetectSetup {
            me: me.clone(),
            cluster,
            seed: setup.seed,
            params: setup.params,
            healthy_after,
            ignore: setup.ignore,
        };
        let detect = Detect::load(store.clone(), clock, detect).await?;
        let kinds = offline::rights::watched(&setup.params);
        let watching = watch::start(&reader, clock, setup.timing, &kinds, &setup.namespaces, setup.seed);
        coverage = watching.coverage.clone();
        let found = Arc::new(Notify::new());
        let lookup = alerts::Lookup {
            outside: outside(reader.clone(), None),
            metrics: intake.clone(),
            arrived: Arc::clone(&arrived),
            found: Arc::clone(&found),
        };
        tasks.spawn(lookup.run(stop.clone()));
        let (rules, seen) = (rules_now(&rules), seen.clone());
        let (told, volumes) = tokio::sync::watch::channel(Volumes::default());
        if let Some(prometheus) = prometheus.clone()
            && !setup.params.is_off(Reason::VolumeNearlyFull)
        {
            let rooms = Rooms { prometheus, clock, params: setup.params, told };
            tasks.spawn(rooms.run(stop.clone()));
        } else {
            drop(told);
        }
        let namespaces = setup.namespaces;
        let view = ViewTask { watching, detect, rules, clock, seen, alerts: found, namespaces, volumes };
        tasks.spawn(view.run(stop.clone()));
        let watches = coverage.clone();
        let coverage = Coverage { store: store.clone(), clock, me, watches, metrics: setup.metrics.clone() };
        tasks.spawn(coverage.run(stop.clone()));
    } else {
        seen.synced.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    let mut keeper = None;
    if let Some((reader, writer, rights)) = hands {
        let signing = setup.signing.ok_or(StartError::Unsigned)?;
        trust.send_replace(Integrity::Unchecked { why: "it was not looked at yet".to_owned() });
        let me = take_executor(&store, clock, &reader, &rules.fixed.mode).await?;
        roles.push(me.clone());
        let board = Arc::new(Board::new(store.clone(), clock, me.clone(), told));
        if let Some((rights, look, next)) = rights {
            board.put(ClosedBy::Rights, look).await;
            tasks.spawn(rights.run(Arc::clone(&board), next, stop.clone()));
        }
        if let Some(wanted) = setup.lock {
            let (reader, writer, mode) = (reader.clone(), writer.clone(), rules.fixed.mode.clone());
            let test = SelfTest { reader, writer, clock, wanted, mode, epoch: me.epoch };
            tasks.spawn(test.run(Arc::clone(&board), stop.clone()));
        }
        let signs = Keeper::open(signing, store.clone(), clock, me.clone(), &uid, trust).await?;
        let signs = Arc::new(signs);
        let (running, until) = (Arc::clone(&signs), stop.clone());
        tasks.spawn(async move { running.run(until).await });
        keeper = Some(Arc::clone(&signs));
        spawn(me, queue(), 1, Some(signs), None, outside(reader, Some(writer)));
    } else {
        tasks.spawn(closings::follow(store.clone(), clock, told, stop.clone()));
    }
    let (metrics_of, woken) = (setup.metrics.clone(), wakers.clone());
    tasks.spawn(closings::count(closings.clone(), metrics_of, store.clone(), woken, stop.clone()));
    if keeper.is_some() {
        tasks.spawn(wake_when_open(integrity.clone(), store.clone(), wakers.clone(), stop.clone()));
    }
    let look = if setup.parts.is_whole() { sweep::ALONE } else { sweep::SHARED };
    tasks.spawn(sweep::run(store.clone(), clock, wakers.clone(), look, stop.clone()));
    Ok(Running {
        rules,
        wakers,
        hold,
        metrics: setup.metrics,
        seen,
        coverage,
        arrived,
        intake,
        asked: metrics,
        unanswered,
        paged,
        stop,
        tasks,
        integrity,
        closings,
        looks,
        outside: reads,
        keeper,
        store,
        clock,
        roles,
    })
}

impl Running {
    /// The rules as stages ask for them.
    pub fn rules_now(&self) -> RulesNow {
        rules_now(&self.rules)
    }

    /// The history.
    pub fn store(&self) -> SqliteStore {
        self.store.clone()
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The epoch of a role that runs here: the fence of what it writes.
    pub fn epoch(&self, role: Role) -> Option<(Role, Epoch)> {
        self.roles.iter().find(|me| me.role == role).map(|me| (role, me.epoch))
    }

    /// Wakes one incident, or all that are open, in every role's loop.
    pub fn wake(&self, id: &IncidentId) {
        self.wakers.iter().for_each(|waker| waker.wake(id.clone()));
    }

    /// Stops at a safe point: no request is cut short, everything queued is written, then the file is closed.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        for me in &self.roles {
            let event = SystemEvent::Stopped { role: me.role, epoch: me.epoch };
            if let Err(error) = record(&self.store, self.clock, me, event).await {
                tracing::warn!(%error, "the stop could not be recorded");
            }
        }
        if let Some(keeper) = &self.keeper {
            keeper.sign_last().await;
        }
        self.store.close().await;
    }
}

/// What waited while the executor was closed goes on.
async fn wake_when_open(
    mut integrity: tokio::sync::watch::Receiver<Integrity>,
    store: SqliteStore,
    wakers: Vec<Waker>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            moved = integrity.changed() => if moved.is_err() { return },
        }
        if *integrity.borrow_and_update() == Integrity::Open {
            doors::wake_open(&store, &wakers).await;
        }
    }
}

fn rules_now(book: &RuleBook) -> RulesNow {
    let book = book.clone();
    Arc::new(move || {
        let book = book.clone();
        Box::pin(async move { book.now().await })
    })
}

/// The executor's epoch is newer than every mark that stands in the cluster, and what carries a mark that this
/// history does not know is held back before anything can be written.
async fn take_executor(
    store: &SqliteStore,
    clock: Clock,
    reader: &Reader,
    mode: &Mode,
) -> Result<Me, StoreError> {
    let namespaces = match mode {
        Mode::Observe => &[],
        Mode::Approve { namespaces } => namespaces.as_slice(),
    };
    let found = marks::look(reader, store, clock, namespaces).await?;
    let me = take_role(store, clock, Role::Executor, found.floor).await?;
    for held in &found.held {
        tracing::error!(workload = %held.workload, why = held.why, "a workload is in quarantine: nothing is written there");
    }
    if rules::system(store).await?.quarantine != found.held {
        record(store, clock, &me, SystemEvent::Quarantined { entries: found.held }).await?;
    }
    Ok(me)
}

async fn take_role(store: &SqliteStore, clock: Clock, role: Role, seen: Epoch) -> Result<Me, StoreError> {
    let holder = format!("pid {}", std::process::id());
    let epoch = store.take(role, &holder, seen).await?;
    let me = Me { role, epoch, actor: Actor::Nightshift(role) };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    record(store, clock, &me, SystemEvent::Started { role, epoch, version }).await?;
    Ok(me)
}

async fn record(store: &SqliteStore, clock: Clock, me: &Me, event: SystemEvent) -> Result<(), StoreError> {
    store.append_system(SystemAppend::by(me, clock.now(), event)).await.map(drop)
}
