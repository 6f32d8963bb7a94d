//! The processes over the world: who runs, what is due, and the clock that jumps from one due time to the next.

use crate::config::{Setting, catalog, start};
use crate::detect::Due;
use crate::metrics::Metrics;
use crate::points::{Act, Plan, poll};
use crate::timeline::{Timeline, Who};
use crate::watch::Watching;
use crate::wire::SimWire;
use crate::world::{Cluster, Keeper, World};
use nightshift_engine::correlate::causes::Causes;
use nightshift_engine::{Rules, Shell, StoreError, drive, standing::standing};
use nightshift_model::effect::Me;
use nightshift_model::{
    Actor, Digest, Epoch, Ids, Incident, IncidentId, ObjectRef, Phase, Revision, Role, Seconds, SystemEvent,
    Timestamp,
};
use nightshift_sim::{Kind, Sim};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// More looks than this without time passing are a driver that spins.
const SPIN: u32 = 2_000;

/// How long a supervisor takes to start a process again.
const RESTART: Seconds = Seconds(5);

type Driving = Pin<Box<dyn Future<Output = Result<Option<Timestamp>, StoreError>> + Send>>;

/// A process of the responder: what it holds in memory is gone with it.
pub(crate) struct Responder {
    pub(crate) epoch: Epoch,
    pub(crate) watching: Watching,
    pub(crate) touched: BTreeSet<ObjectRef>,
    pub(crate) due: Due,
    pub(crate) ids: Ids,
    pub(crate) causes: Causes,
}

/// A world with the processes that run in it.
pub struct Machine {
    pub(crate) world: Arc<World>,
    pub(crate) setting: Setting,
    pub(crate) responder: Option<Responder>,
    executor: Option<Epoch>,
    /// What drives said, in memory beside the durable timer.
    timers: BTreeMap<IncidentId, Timestamp>,
    /// Incidents to look at although no timer says so.
    woken: BTreeSet<IncidentId>,
    /// Where each role stood with an incident when it last had nothing to do.
    rested: BTreeMap<(IncidentId, Role), (Revision, Timestamp)>,
    stopped: Vec<Driving>,
    /// Who restarts what fell, and when.
    supervised: bool,
    restart: Option<(Timestamp, Who)>,
    seed: u64,
}

impl Machine {
    /// A fresh cluster at the timeline's beginning; nothing of nightshift runs yet.
    pub fn new(timeline: &Timeline) -> Self {
        let now = timeline.begins.unwrap_or_else(start);
        let world = World::new(Cluster {
            sim: simulated(timeline.seed, now.get()),
            now,
            metrics: Metrics::new(timeline.prometheus),
            reachable: true,
            told: 0,
        });
        Self {
            world,
            setting: Setting::of(timeline),
            responder: None,
            executor: None,
            timers: BTreeMap::new(),
            woken: BTreeSet::new(),
            rested: BTreeMap::new(),
            stopped: Vec::new(),
            supervised: false,
            restart: None,
            seed: timeline.seed,
        }
    }

    /// Plans a blow at a place that a process will pass.
    pub fn plan(&self, plan: Plan) {
        self.world.points.plan(plan);
    }

    /// From now on what falls is started again after [`RESTART`].
    pub fn supervise(&mut self) {
        self.supervised = true;
    }

    /// Loses the answer to one append.
    pub fn tear(&self, torn: crate::Torn) {
        self.world.log().torn = Some(torn);
    }

    /// How many appends were tried.
    pub fn appends(&self) -> u64 {
        self.world.log().appends
    }

    /// Whether a role has a process.
    pub fn is_up(&self, role: Role) -> bool {
        match role {
            Role::Responder => self.responder.is_some(),
            Role::Executor => self.executor.is_some(),
        }
    }

    /// Starts processes; each takes a new epoch. In mode observe there is no executor.
    pub fn start(&mut self, who: Who) {
        if who != Who::Executor {
            let epoch = self.world.log().lead(Role::Responder);
            self.announce(Role::Responder, epoch);
            let ids = Ids::new(self.seed.wrapping_mul(1_000).wrapping_add(epoch.0));
            let mut causes = Causes::default();
            for projected in self.world.log().incidents.values() {
                if !projected.incident.below.is_empty() {
                    causes.again(&projected.incident.scope);
                }
            }
            self.responder = Some(Responder {
                epoch,
                watching: Watching::new(),
                touched: BTreeSet::new(),
                due: Due::new(),
                ids,
                causes,
            });
            self.record_policy();
        }
        if who != Who::Responder && self.setting.mode != nightshift_engine::Mode::Observe {
            let epoch = self.world.log().lead(Role::Executor);
            self.announce(Role::Executor, epoch);
            self.executor = Some(epoch);
        }
        self.wake_all();
    }

    fn announce(&mut self, role: Role, epoch: Epoch) {
        self.append_system(vec![SystemEvent::Started { role, epoch, version: "0".to_owned() }]);
    }

    /// Records the policy's digest when it is another one.
    pub(crate) fn record_policy(&mut self) {
        let before: Option<Digest> = self.world.log().state.policy;
        let after = self.rules().policy;
        if before != Some(after) {
            self.append_system(vec![SystemEvent::PolicyChanged { before, after }]);
        }
        self.wake_all();
    }

    /// Kills processes: what they hold in memory is gone.
    pub fn kill(&mut self, who: Who) {
        if who != Who::Executor
            && let Some(responder) = self.responder.take()
        {
            responder.watching.close(&mut self.world.cluster());
        }
        if who != Who::Responder {
            self.executor = None;
        }
        self.timers.clear();
        self.rested.clear();
    }

    /// The process that was stopped goes on where it was.
    pub fn resume(&mut self) {
        for mut zombie in std::mem::take(&mut self.stopped) {
            self.world.tell("the stopped process goes on");
            if poll(zombie.as_mut()).is_none() {
                self.stopped.push(zombie);
                self.fell();
            }
        }
        self.wake_all();
    }

    /// Every incident is looked at once more: at a start, and when what decides has changed.
    pub(crate) fn wake_all(&mut self) {
        self.woken.extend(self.world.log().incidents.keys().cloned());
        self.rested.clear();
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Seconds) {
        let until = self.world.now() + by;
        self.advance_until(until, |_| false);
    }

    /// Lets time pass until something holds. False: it did not by then.
    pub fn advance_until(&mut self, until: Timestamp, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let next = self.next_due().filter(|at| *at <= until);
            let mut cluster = self.world.cluster();
            if cluster.now >= until {
                return false;
            }
            cluster.now = next.unwrap_or(until);
        }
    }

    /// Runs everything that is due now.
    pub(crate) fn settle(&mut self) {
        let now = self.world.now();
        if let Some((_, who)) = self.restart.take_if(|(at, _)| *at <= now) {
            self.start(who);
        }
        for _ in 0..SPIN {
            self.world.cluster().sim.tick(now.get());
            let seen = self.observe();
            let driven = self.drive_due();
            if !seen && !driven {
                return;
            }
        }
        assert!(now == Timestamp::EPOCH, "at {now} there is no end of work");
    }

    fn next_due(&self) -> Option<Timestamp> {
        let now = self.world.now();
        let sim = self.world.cluster().sim.next_due().map(Timestamp::new);
        let looks = self.responder.as_ref().and_then(|r| r.due.first()).map(|(at, _)| *at);
        let timers = self.timers.values().copied().filter(|at| *at > now).min();
        let durable =
            self.world.log().incidents.values().filter_map(|p| p.wake_at).filter(|at| *at > now).min();
        let restart = self.restart.map(|(at, _)| at);
        [sim, looks, timers, durable, restart].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Drives every incident that is due, for each role that runs. True: something was appended.
    fn drive_due(&mut self) -> bool {
        let now = self.world.now();
        let due: Vec<(IncidentId, Revision)> = {
            let log = self.world.log();
            let is_due = |id: &IncidentId, wake: Option<Timestamp>| {
                self.woken.contains(id)
                    || [wake, self.timers.get(id).copied()].into_iter().flatten().any(|at| at <= now)
            };
            let all = log.incidents.iter().filter(|(id, p)| is_due(id, p.wake_at));
            all.map(|(id, p)| (id.clone(), p.incident.revision)).collect()
        };
        let mut progress = false;
        for (id, before) in due {
            self.woken.remove(&id);
            self.timers.remove(&id);
            for role in [Role::Responder, Role::Executor] {
                let key = (id.clone(), role);
                if self.rested.get(&key) == Some(&(self.revision(&id), now)) {
                    continue;
                }
                self.drive(&id, role);
                self.rested.insert(key, (self.revision(&id), now));
            }
            progress |= self.revision(&id) != before;
        }
        progress
    }

    fn revision(&self, id: &IncidentId) -> Revision {
        self.world.log().incidents.get(id).map_or(Revision(0), |p| p.incident.revision)
    }

    fn drive(&mut self, id: &IncidentId, role: Role) {
        let epoch = match role {
            Role::Responder => self.responder.as_ref().map(|r| r.epoch),
            Role::Executor => self.executor,
        };
        let Some(epoch) = epoch else { return };
        let me = Me { role, epoch, actor: Actor::Nightshift(role) };
        let rules = self.rules();
        let keeper = Keeper { world: self.world.clone(), role };
        let shell = Shell(SimWire { world: self.world.clone(), role });
        let whose = id.clone();
        let mut driving: Driving = Box::pin(async move { drive(&whose, &me, &rules, &keeper, &shell).await });
        match poll(driving.as_mut()) {
            Some(Ok(Some(at))) => {
                let timer = self.timers.entry(id.clone()).or_insert(at);
                *timer = at.min(*timer);
            }
            Some(Ok(None)) => {}
            Some(Err(error)) => assert!(self.world.log().down, "drive of {id}: {error}"),
            None => {
                if let Some((plan, _)) = self.fell()
                    && plan.act == Act::Stop
                {
                    self.stopped.push(driving);
                }
            }
        }
    }

    /// Takes down whom the blow has hit.
    pub(crate) fn fell(&mut self) -> Option<(Plan, Role)> {
        let (plan, role) = self.world.points.struck()?;
        let who = match (plan.both, role) {
            (true, _) => Who::All,
            (false, Role::Responder) => Who::Responder,
            (false, Role::Executor) => Who::Executor,
        };
        let word = match plan.act {
            Act::Die => "killed",
            Act::Stop => "stopped",
        };
        self.world.tell(&format!("the process of the {} is {word}", role.as_str()));
        self.kill(who);
        if self.supervised {
            // Whoever waits to be started already is not forgotten for it.
            let who = self.restart.map_or(who, |(_, earlier)| if earlier == who { who } else { Who::All });
            self.restart = Some((self.world.now() + RESTART, who));
        }
        Some((plan, role))
    }

    /// Everything that decides, from configuration and history.
    pub(crate) fn rules(&self) -> Rules {
        let sick = self.responder.as_ref().map_or(0, |r| Self::nodes_not_ready(&r.watching.view));
        let now = self.world.now();
        let log = self.world.log();
        let incidents: Vec<Incident> = log.incidents.values().map(|p| p.incident.clone()).collect();
        self.setting.rules(standing(&log.state, &log.rows, &incidents, sick, now))
    }

    /// Prometheus learns the queries about a workload.
    pub(crate) fn learn(&self, target: &ObjectRef) {
        self.world.cluster().metrics.learn(&catalog(), target);
    }

    /// Phase of the newest incident; for a running operation with its state, as in `Executing/Unknown`.
    pub(crate) fn phase(&self) -> Option<String> {
        self.newest().map(|i| phase(&i))
    }
}

/// A phase in words.
pub(crate) fn phase(incident: &Incident) -> String {
    use nightshift_model::OperationState as S;
    match &incident.phase {
        Phase::Executing { operation, .. } => {
            let state = match &operation.state {
                S::Claimed { .. } => "Claimed",
                S::Sending => "Sending",
                S::Applied(_) => "Applied",
                S::NotApplied { .. } => "NotApplied",
                S::Unknown { .. } => "Unknown",
            };
            format!("Executing/{state}")
        }
        other => other.word().to_owned(),
    }
}

/// A cluster that also stores what bounds a container's memory: nothing in it acts on these.
fn simulated(seed: u64, now: jiff::Timestamp) -> Sim {
    let mut sim = Sim::new(seed, now);
    let stored = |group, kind, plural| Kind { group, version: "v1", kind, plural, ..nightshift_sim::EVENT };
    sim.define(stored("", "LimitRange", "limitranges"));
    sim.define(stored("", "ResourceQuota", "resourcequotas"));
    sim.define(stored("autoscaling.k8s.io", "VerticalPodAutoscaler", "verticalpodautoscalers"));
    sim
}
