//! Plays a timeline and returns its story.

use crate::invariants;
use crate::machine::Machine;
use crate::objects;
use crate::points::{Act, Plan, When};
use crate::timeline::{
    ContainerState, Deploy, Does, Fault as Broken, Link, On, Step, Timeline, WaitFor, Who,
};
use jiff::tz::TimeZone;
use nightshift_engine::Mode;
use nightshift_engine::digest::{Acting, Audit, Window, digest, text};
use nightshift_model::{Kind, MessageBody, ObjectRef, Role, Seconds};
use nightshift_sim::{ApiRequest, Behaviour, Fault, Method, Program, Reply, Scope, Verb};
use serde_json::Value;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The story.
    pub transcript: String,
    /// Phases of the incidents, in the order in which they were opened.
    pub phases: Vec<String>,
    /// Pages that went out.
    pub pages: usize,
    /// Updates that went out.
    pub updates: usize,
    /// Writes of an approved request that had an effect.
    pub writes: usize,
    /// Breaches of the invariants.
    pub wrong: Vec<String>,
    /// How the end differs from what the timeline expects.
    pub unexpected: Option<String>,
    /// Names of the places passed, in order.
    pub places: Vec<String>,
    /// Appends tried.
    pub appends: u64,
}

/// Plays a timeline as it stands.
pub fn play(timeline: &Timeline) -> Outcome {
    play_with(timeline, |_| {})
}

/// Plays a timeline with something prepared before its first step: a blow, a torn append.
pub fn play_with(timeline: &Timeline, prepare: impl FnOnce(&mut Machine)) -> Outcome {
    let mut machine = Machine::new(timeline);
    machine.world.tell(&timeline.about);
    prepare(&mut machine);
    for step in &timeline.steps {
        machine.step(step);
    }
    machine.settle();
    machine.outcome(timeline)
}

impl Machine {
    fn outcome(&self, timeline: &Timeline) -> Outcome {
        let log = self.world.log();
        log.verify();
        let phases = log.order.iter().filter_map(|id| log.incidents.get(id));
        let phases: Vec<String> = phases.map(|p| crate::machine::phase(&p.incident)).collect();
        let sent = |page: bool| {
            let is = |body: &MessageBody| match body {
                MessageBody::Page { .. } => page,
                MessageBody::Update { .. } => !page,
                MessageBody::Wake { .. }
                | MessageBody::Progress { .. }
                | MessageBody::List { .. }
                | MessageBody::Instead { .. }
                | MessageBody::PolicyChanged { .. }
                | MessageBody::Digest { .. } => false,
            };
            log.outbox.iter().filter(|(_, m)| is(&m.body)).count()
        };
        let (pages, updates) = (sent(true), sent(false));
        let cluster = self.world.cluster();
        let accepted = cluster.sim.accepted();
        let writes = invariants::effective(accepted).count();
        let wrong = invariants::breaches(&log, accepted);
        let e = &timeline.expect;
        let as_expected = (&e.phases, e.pages, e.updates, e.writes) == (&phases, pages, updates, writes);
        let unexpected = (!as_expected).then(|| {
            let (expected, got) =
                (summary(&e.phases, e.pages, e.updates, e.writes), summary(&phases, pages, updates, writes));
            format!("expected {expected}\n     got {got}")
        });
        drop((log, cluster));
        self.world.tell(&format!("end: {}", summary(&phases, pages, updates, writes)));
        let morning = self.morning();
        let mut story = self.world.transcript();
        let transcript = format!("{}\n{}", story.text(), story.named(&morning));
        let (places, appends) = (self.world.points.passed(), self.appends());
        Outcome { transcript, phases, pages, updates, writes, wrong, unexpected, places, appends }
    }

    /// The digest over the whole run, as the morning's text.
    fn morning(&self) -> String {
        let now = self.world.now();
        let log = self.world.log();
        let from = log.rows.first().map_or(now, |row| row.at);
        let mode = match self.setting.mode {
            Mode::Observe => Acting::Observe,
            Mode::Approve { .. } => Acting::Approve,
        };
        let window = Window {
            from,
            to: now + Seconds(1),
            zone: TimeZone::UTC,
            cluster: "sim".to_owned(),
            mode,
            known_from: from,
        };
        text(
            &digest(
                &log.rows,
                &[],
                &window,
                &self.setting.registry,
                Audit::NotChecked { why: "this is a run of a scenario".to_owned() },
            ),
            100,
        )
    }

    fn step(&mut self, step: &Step) {
        let tell = |text: &str| self.world.tell(&format!("> {text}"));
        match step {
            Step::Note(text) => tell(text),
            Step::Deploy(d) => {
                tell(&format!("deploy {} {} x{}", d.name, d.image, d.replicas));
                self.deploy(d);
            }
            Step::DeployMany(many) => {
                tell(&format!("deploy {} x {}", many.count, many.image));
                for n in 1..=many.count {
                    self.deploy(&Deploy {
                        name: format!("{}-{n}", many.name),
                        namespace: "shop".to_owned(),
                        image: many.image.clone(),
                        replicas: many.replicas,
                        parallel: false,
                        strategy: None,
                        probe: false,
                        paused: false,
                        resources: None,
                        service_account: None,
                        volumes: Vec::new(),
                        annotations: std::collections::BTreeMap::default(),
                        labels: std::collections::BTreeMap::default(),
                    });
                }
            }
            Step::Apply(object) => {
                let text = |p: &str| object.pointer(p).and_then(Value::as_str).unwrap_or_default();
                tell(&format!("apply {} {}", text("/kind"), text("/metadata/name")));
                self.apply(object.clone());
            }
            Step::Program(p) => {
                tell(&format!("{} {:?}", p.image, p.does));
                let program = Program::new(behaviour(p.does)).log(&p.log);
                self.world.cluster().sim.program(&p.image, program);
            }
            Step::Afflict(a) => {
                let pod = self.pod_of(&a.pod_of);
                tell(&format!("pod {pod} {:?}", a.does));
                let program = Program::new(behaviour(a.does)).log(&a.log);
                self.world.cluster().sim.afflict("shop", &pod, program);
            }
            Step::SetImage(s) => {
                let target = objects::named(&s.namespace, &s.deployment);
                let kind = target.kind.as_str().to_lowercase();
                tell(&format!("kubectl set image {kind}/{} app={}", target.name, s.image));
                let path = target.path().unwrap_or_default();
                self.by_hand(Method::Patch, &path, "kubectl-set", Some(&objects::set_image(&s.image)));
            }
            Step::Patch(p) => {
                tell(&format!("{} patches {}", p.by, p.path));
                self.by_hand(Method::Patch, &p.path, &p.by, Some(&p.operations));
            }
            Step::RolloutUndo(u) => {
                tell(&format!("kubectl rollout undo deployment/{} --to-revision={}", u.deployment, u.to));
                let set = self.revision_of(&u.namespace, &u.deployment, u.to);
                let path = target(&u.namespace, &u.deployment).path().unwrap_or_default();
                self.by_hand(Method::Patch, &path, "kubectl-rollout", Some(&objects::undo(&set)));
            }
            Step::Delete(p) => {
                tell(&format!("delete {}", p.path));
                self.by_hand(Method::Delete, &p.path, "kubectl-delete", None);
            }
            Step::Start(who) => self.start(*who),
            Step::Kill(who) => {
                tell(&format!("kill {}", word(*who)));
                self.kill(*who);
            }
            Step::CrashAt(c) => {
                let act = if c.stop { Act::Stop } else { Act::Die };
                self.plan(Plan { when: When::Named(c.place.clone()), act, both: !c.alone });
            }
            Step::Resume(_) => self.resume(),
            Step::Advance(by) => self.advance(*by),
            Step::WaitFor(wait) => self.wait_for(wait),
            Step::Vote(vote) => self.vote(vote),
            Step::CheckAgain(ask) => self.reopen(&ask.person, false),
            Step::AskFor(ask) => self.reopen(&ask.person, true),
            Step::Propose(propose) => {
                let (what, to) =
                    propose.to.map_or(("restart", String::new()), |to| ("rollback", format!(" --to {to}")));
                tell(&format!(
                    "{}: nightshift propose {what} {} -n {}{to}",
                    propose.person,
                    if propose.deployment.starts_with("sts/") || propose.deployment.starts_with("ds/") {
                        propose.deployment.clone()
                    } else {
                        format!("deploy/{}", propose.deployment)
                    },
                    propose.namespace,
                ));
                self.propose(propose);
            }
            Step::ProposeDeletePod(wish) => {
                let pod = wish.pod.clone().unwrap_or_else(|| self.pod_of(&wish.pod_of));
                tell(&format!("{}: nightshift propose delete-pod {} --pod {pod}", wish.person, wish.pod_of));
                self.propose_delete_pod(wish, pod);
            }
            Step::ProposeInverse(ask) => {
                tell(&format!("{} presses: propose the inverse", ask.person));
                self.propose_inverse(&ask.person);
            }
            Step::HaveIt(ask) => self.have(&ask.person),
            Step::Silence(silence) => self.silence(silence),
            Step::EndSilence(ask) => self.end_silence(&ask.person),
            Step::Close(ask) => self.close(&ask.person),
            Step::KillSwitch(switch) => self.kill_switch(switch),
            Step::Policy(policy) => {
                tell("the policy is changed");
                self.setting = self.setting.with_policy(policy.clone());
                self.record_policy();
            }
            Step::Prometheus(p) => {
                tell(&format!(
                    "Prometheus answers {:?} {}",
                    p.answers,
                    p.measure.as_deref().unwrap_or_default()
                ));
                let mut cluster = self.world.cluster();
                match &p.measure {
                    Some(measure) => {
                        cluster.metrics.measures.insert(measure.clone(), p.answers);
                    }
                    None => cluster.metrics.mode = p.answers,
                }
            }
            Step::Fault(broken) => {
                tell(&format!("fault: {broken:?}"));
                let fault = self.fault(broken);
                self.world.cluster().sim.fault(fault);
            }
            Step::ClearFaults(_) => self.world.cluster().sim.clear_faults(),
            Step::ApiServer(link) => {
                tell(&format!("the API server is {}", if *link == Link::Up { "up" } else { "unreachable" }));
                self.world.cluster().reachable = *link == Link::Up;
            }
            Step::Store(link) => {
                tell(&format!("the store is {}", if *link == Link::Up { "up" } else { "down" }));
                self.world.log().down = *link == Link::Down;
                self.wake_all();
            }
            Step::TearAppend(tear) => {
                let number = self.appends() + tear.after;
                self.tear(crate::Torn { number, effect: tear.effect });
            }
        }
        self.settle();
    }

    fn deploy(&mut self, d: &Deploy) {
        self.apply(objects::workload(d));
        self.learn(&objects::named(&d.namespace, &d.name));
    }

    fn apply(&mut self, object: Value) {
        let mut cluster = self.world.cluster();
        let now = cluster.now.get();
        let stored = cluster.sim.apply(object, now);
        assert!(stored.is_ok(), "apply is refused: {stored:?}");
    }

    fn by_hand(&mut self, method: Method, path: &str, by: &str, body: Option<&Value>) -> Value {
        let mut request = ApiRequest::new(method, path, by);
        if let Some(body) = body {
            request = request.body("application/json-patch+json", body);
        }
        let mut cluster = self.world.cluster();
        let now = cluster.now.get();
        match cluster.sim.handle(&request, now) {
            Reply::Once(answer) => {
                assert!(answer.status < 300, "{path} is refused: {}", answer.value());
                answer.value()
            }
            Reply::Watch(_) => Value::Null,
        }
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let mut cluster = self.world.cluster();
        let now = cluster.now.get();
        let reply = cluster.sim.handle(&ApiRequest::new(Method::Get, path, "kubectl"), now);
        let Reply::Once(answer) = reply else { return Vec::new() };
        answer.value().get("items").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// The last pod of a workload in namespace `shop`, by name.
    fn pod_of(&self, workload: &str) -> String {
        let target = objects::named("shop", workload);
        let text =
            |pod: &Value, p: &str| pod.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pods = self.list("/api/v1/namespaces/shop/pods");
        let ours = pods.iter().filter(|pod| text(pod, "/metadata/labels/app") == target.name);
        ours.map(|pod| text(pod, "/metadata/name")).max().expect("a pod of the workload")
    }

    fn revision_of(&self, namespace: &str, deployment: &str, number: u64) -> Value {
        let revision = "/metadata/annotations/deployment.kubernetes.io~1revision";
        let text =
            |set: &Value, p: &str| set.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
        let sets = self.list(&format!("/apis/apps/v1/namespaces/{namespace}/replicasets"));
        sets.into_iter()
            .find(|set| {
                text(set, "/metadata/ownerReferences/0/name") == deployment
                    && text(set, revision) == number.to_string()
            })
            .expect("the revision is kept")
    }

    fn wait_for(&mut self, wait: &WaitFor) {
        let until = self.world.now() + wait.within;
        let held = self.advance_until(until, |machine| {
            let phase = wait.phase.as_ref().is_none_or(|p| machine.phase().as_ref() == Some(p));
            let down = wait.down.is_none_or(|who| match who {
                Who::All => !machine.is_up(Role::Responder) && !machine.is_up(Role::Executor),
                Who::Responder => !machine.is_up(Role::Responder),
                Who::Executor => !machine.is_up(Role::Executor),
            });
            phase && down && wait.container.as_ref().is_none_or(|c| machine.container_is(c))
        });
        if !held {
            self.world.tell(&format!("!! waited {} in vain for {wait:?}", wait.within));
        }
    }

    fn container_is(&self, wanted: &ContainerState) -> bool {
        let pods = self.list("/api/v1/namespaces/shop/pods");
        let mut all = pods
            .iter()
            .filter_map(|pod| pod.pointer("/status/containerStatuses")?.as_array())
            .flatten()
            .filter(|c| c.get("image").and_then(Value::as_str) == Some(&wanted.image))
            .peekable();
        let restarts = |c: &Value| c.get("restartCount").and_then(Value::as_i64).unwrap_or(0);
        all.peek().is_some()
            && all.all(|c| {
                c.pointer(&format!("/state/{}", wanted.state)).is_some() && restarts(c) >= wanted.restarts
            })
    }

    fn fault(&self, broken: &Broken) -> Fault {
        match broken {
            Broken::Status { on, code, reason } => {
                Fault::Status { on: scope(on), code: *code, reason: reason.clone(), retry_after: None }
            }
            Broken::AppliedThenTimeout { on } => Fault::AppliedThenGatewayTimeout { on: scope(on) },
            Broken::AppliedThenLost { on } => Fault::AppliedThenLost { on: scope(on) },
            Broken::Lost { on } => Fault::Lost { on: scope(on) },
            Broken::Forbidden { user, verb, resource } => {
                Fault::Forbidden { user: user.clone(), verb: verb.clone(), resource: resource.clone() }
            }
            Broken::Revert { deployment, manager, after } => {
                let all = self.list("/apis/apps/v1/namespaces/shop/deployments");
                let name =
                    |d: &&Value| d.pointer("/metadata/name").and_then(Value::as_str) == Some(deployment);
                let template = all.iter().find(name).and_then(|d| d.pointer("/spec/template")).cloned();
                Fault::Revert {
                    namespace: "shop".to_owned(),
                    deployment: deployment.clone(),
                    manager: manager.clone(),
                    template: template.unwrap_or_default(),
                    after: *after,
                }
            }
            Broken::Compact(_) => Fault::CompactAll,
        }
    }
}

fn scope(on: &On) -> Scope {
    Scope::new(Verb::Any, &on.path).containing(&on.containing).times(on.times)
}

fn target(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Deployment, namespace, name, "")
}

fn behaviour(does: Does) -> Behaviour {
    match does {
        Does::Serves(ready_after) => Behaviour::Serves { ready_after },
        Does::Exits { after, code } => Behaviour::Exits { after, code, oom: false },
        Does::ExitsTimes { times, after, code } => Behaviour::ExitsTimes { times, after, code },
        Does::OutOfMemory(after) => Behaviour::Exits { after, code: 137, oom: true },
        Does::NeedsMemory { mib, after } => Behaviour::NeedsMemory { mib, after },
        Does::NeverReady => Behaviour::NeverReady,
        Does::Hangs => Behaviour::Hangs,
    }
}

fn word(who: Who) -> &'static str {
    match who {
        Who::All => "both",
        Who::Responder => "the responder",
        Who::Executor => "the executor",
    }
}

fn summary(phases: &[String], pages: usize, updates: usize, writes: usize) -> String {
    let phases = if phases.is_empty() { "no incident".to_owned() } else { phases.join(", ") };
    format!("{phases}; {pages} pages, {updates} updates, {writes} effective writes")
}
