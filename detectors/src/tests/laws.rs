//! Laws: the order between objects does not matter, and healthy rollouts open nothing.

use super::make::{at, backs_off, deployment, ends, pod, ready, replica_set, runs, scope, unready, waits};
use crate::facts::{Fact, PodFacts};
use crate::{Delta, Detection, Params, View, detect, healthy};
use nightshift_model::{Kind, ObjectRef, Seconds, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Deltas of one object, in order.
type Told = Vec<Delta>;

fn deleted(fact: &Fact) -> Delta {
    let object = fact.object();
    Delta::Deleted { kind: object.kind, uid: object.uid, namespace: object.namespace, name: object.name }
}

/// What becomes of one pod: a row of steps.
fn life(app: &str, revision: u64, i: u32, steps: &[u8]) -> Told {
    let mut p = pod(app, revision, i, 0);
    let mut told = vec![Delta::Applied(p.clone().into())];
    for (second, step) in (1..).map(|n| n * 20).zip(steps) {
        match step {
            0 => runs(&mut p, second),
            1 => ready(&mut p, second),
            2 => ends(&mut p, 1, second - 5, second),
            3 => backs_off(&mut p),
            4 => p.containers[0].restarts += 2,
            5 => p.meta.deleting = Some(at(second)),
            6 => waits(&mut p, "ErrImagePull"),
            7 => unready(&mut p, second),
            _ => told.push(deleted(&p.clone().into())),
        }
        p.meta.version += 1;
        told.push(Delta::Applied(p.clone().into()));
    }
    told
}

fn cluster() -> impl Strategy<Value = Vec<Told>> {
    let pods = prop::collection::vec((0..2_u8, 1..3_u64, prop::collection::vec(0..9_u8, 0..12)), 1..6);
    (pods, 0..3_u32, 0..3_u32).prop_map(|(pods, one, two)| {
        let mut all: Vec<Told> = Vec::new();
        for app in ["a", "b"] {
            all.push(vec![Delta::Applied(deployment(app, 2, 2).into())]);
            for (revision, wanted) in [(1, one), (2, two)] {
                let set: Fact = replica_set(app, revision, wanted).into();
                let mut told = vec![Delta::Applied(set.clone())];
                if wanted == 2 && app == "b" {
                    told.push(deleted(&set));
                }
                all.push(told);
            }
        }
        for (i, (app, revision, steps)) in (0..).zip(pods) {
            all.push(life(if app == 0 { "a" } else { "b" }, revision, i, &steps));
        }
        all
    })
}

/// Everything that is said of every scope, after the deltas came in an order drawn from `picks`.
fn said(mut told: Vec<Told>, picks: &[usize]) -> BTreeMap<ObjectRef, Detection> {
    let now = at(700);
    let mut view = View::default();
    for deltas in &mut told {
        deltas.reverse();
    }
    let mut picks = picks.iter().copied().cycle();
    while !told.is_empty() {
        let place = picks.next().unwrap_or(0) % told.len();
        match told[place].pop() {
            Some(delta) => drop(view.apply(delta, now)),
            None => drop(told.swap_remove(place)),
        }
    }
    for kind in Fact::KINDS {
        view.apply(Delta::Synced { kind: kind.clone() }, now);
    }
    view.scopes()
        .into_iter()
        .map(|scope| {
            let detection = detect(&view, &scope, now, &Params::default());
            (scope, detection)
        })
        .collect()
}

proptest! {
    #[test]
    fn the_order_between_objects_does_not_matter(
        told in cluster(),
        one in prop::collection::vec(0..64_usize, 1..40),
        two in prop::collection::vec(0..64_usize, 1..40),
    ) {
        prop_assert_eq!(said(told.clone(), &one), said(told, &two));
    }
}

/// How one pod of a healthy rollout starts.
#[derive(Clone, Debug)]
struct Start {
    /// Seconds of each run that ends because another workload is not there yet.
    crashes: Vec<i64>,
    /// Seconds from the last start to Ready.
    until_ready: i64,
}

fn start() -> impl Strategy<Value = Start> {
    (prop::collection::vec(1..8_i64, 0..=2), 1..90_i64)
        .prop_map(|(crashes, until_ready)| Start { crashes, until_ready })
}

/// States of a starting pod with their seconds; the last is Ready.
fn states(revision: u64, i: u32, begin: i64, start: &Start) -> Vec<(i64, PodFacts)> {
    let mut p = pod("cart", revision, i, begin);
    let mut second = begin;
    let mut all = vec![(second, p.clone())];
    let mut add = |second: i64, p: &mut PodFacts| {
        p.meta.version += 1;
        all.push((second, p.clone()));
    };
    for (n, length) in (0..).zip(&start.crashes) {
        second += 1;
        runs(&mut p, second);
        add(second, &mut p);
        ends(&mut p, 1, second, second + length);
        second += length;
        add(second, &mut p);
        if n > 0 {
            backs_off(&mut p);
            add(second + 1, &mut p);
            second += 10 << (n - 1);
        }
    }
    second += 1;
    runs(&mut p, second);
    add(second, &mut p);
    second += start.until_ready;
    ready(&mut p, second);
    add(second, &mut p);
    all
}

struct Watch {
    view: View,
    due: Option<Timestamp>,
}

impl Watch {
    /// Looks as the daemon does: at every touched scope, and when a re-check is due before.
    fn tell(&mut self, second: i64, fact: impl Into<Fact>) {
        self.tell_delta(second, Delta::Applied(fact.into()));
    }

    fn tell_delta(&mut self, second: i64, delta: Delta) {
        while let Some(due) = self.due.filter(|due| *due <= at(second)) {
            self.due = None;
            self.look(&scope("cart"), due);
            assert!(self.due.is_none_or(|next| next > due), "a re-check asks for itself");
        }
        for scope in self.view.apply(delta, at(second)) {
            self.look(&scope, at(second));
        }
    }

    fn look(&mut self, scope: &ObjectRef, now: Timestamp) {
        let detection = detect(&self.view, scope, now, &Params::default());
        assert!(detection.findings.is_empty(), "at {now}: {:#?}", detection.findings);
        if scope.kind == Kind::Deployment {
            self.due = detection.recheck_at;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_healthy_rolling_update_opens_nothing(starts in prop::collection::vec(start(), 1..6)) {
        let wanted = u32::try_from(starts.len()).unwrap();
        let mut watch = Watch { view: View::default(), due: None };
        let mut old = Vec::new();
        for i in 0..wanted {
            let quick = Start { crashes: Vec::new(), until_ready: 1 };
            let (_, mut p) = states(1, i, 0, &quick).pop().unwrap();
            p.containers[0].restarts = 5;
            p.meta.version = 9;
            watch.tell(3, p.clone());
            old.push(p);
        }
        watch.tell(3, replica_set("cart", 1, wanted));
        watch.tell(3, deployment("cart", 1, wanted));
        // One at a time: a new pod starts, is Ready, and an old one goes.
        let mut second = 1000;
        for (i, start) in (0..wanted).zip(&starts) {
            let mut set = replica_set("cart", 2, i + 1);
            set.available = i;
            watch.tell(second, set);
            let rolling = deployment("cart", 2, wanted);
            watch.tell(second, crate::facts::DeploymentFacts { updated: i + 1, replicas: wanted + 1, ..rolling });
            for (when, p) in states(2, i, second, start) {
                watch.tell(when, p);
                second = when;
            }
            let mut leaving = old.pop().unwrap();
            leaving.meta.deleting = Some(at(second + 30));
            leaving.meta.version += 1;
            watch.tell(second, leaving.clone());
            ends(&mut leaving, 137, 2, second + 30);
            leaving.meta.version += 1;
            watch.tell(second + 30, leaving.clone());
            watch.tell_delta(second + 31, deleted(&leaving.into()));
            watch.tell(second + 31, replica_set("cart", 1, wanted - i - 1));
            second += 35;
        }
        watch.tell(second, replica_set("cart", 2, wanted));
        watch.tell(second, deployment("cart", 2, wanted));
        let health = healthy(&watch.view, &scope("cart"), at(second), Seconds(600));
        let due = health.recheck_at.unwrap();
        let health = healthy(&watch.view, &scope("cart"), due, Seconds(600));
        prop_assert_eq!(health.seen.unwrap().number, 2);
    }
}

/// One run of a crashing container: seconds it runs, and seconds to Ready if it gets there.
fn run() -> impl Strategy<Value = (i64, Option<i64>)> {
    let length = prop_oneof![4 => 0..60_i64, 2 => 60..590_i64, 1 => 610..2000_i64];
    (length, prop::option::of(0..400_i64))
}

proptest! {
    /// What was a finding stays one until the container has been Ready for ten minutes, or ran for ten minutes (when the
    /// kubelet forgets its back-off) and was Ready in that run or is in the next.
    #[test]
    fn a_crash_loop_does_not_flicker(runs_of in prop::collection::vec(run(), 4..14), lag in 0..5_i64) {
        let mut p = pod("cart", 1, 0, 0);
        let mut states = Vec::new(); // (second, pod, Ready since)
        let (mut second, mut backoff) = (0, 0);
        let (mut forgiven, mut unready_long) = (Vec::new(), None);
        for (length, ready_after) in &runs_of {
            runs(&mut p, second);
            states.push((second, p.clone()));
            let ready_after = ready_after.filter(|after| after + 2 * lag < *length);
            if let Some(after) = ready_after {
                ready(&mut p, second + after + lag);
                states.push((second + after + lag, p.clone()));
            }
            let exit = second + length;
            let was_ready = p.is_ready();
            ends(&mut p, 1, second, exit);
            if was_ready {
                unready(&mut p, exit + lag);
            }
            forgiven.extend(unready_long.take().map(|from| (from, exit + lag)));
            match ready_after {
                Some(after) if *length >= 600 => forgiven.push((exit.min(second + after + 600), exit + lag)),
                None if *length >= 600 => unready_long = Some(exit + lag),
                _ => {}
            }
            backoff = if *length >= 600 || backoff == 0 { 1 } else { backoff + 1 };
            states.push((exit + lag, p.clone()));
            second = exit + lag;
            if backoff > 1 {
                backs_off(&mut p);
                states.push((second, p.clone()));
                second += i64::try_from(Params::default().backoff(backoff - 1).0).unwrap();
            }
        }
        let mut view = View::default();
        view.apply(Delta::Applied(replica_set("cart", 1, 1).into()), at(0));
        let mut found = false;
        let last = second;
        let mut states = states.into_iter().peekable();
        for now in 0..last {
            while let Some((_, p)) = states.next_if(|(when, _)| *when <= now) {
                view.apply(Delta::Applied(p.into()), at(now));
            }
            let seen = !detect(&view, &scope("cart"), at(now), &Params::default()).findings.is_empty();
            let over = forgiven.iter().any(|(from, to)| (*from..=*to).contains(&now));
            prop_assert!(!found || seen || over, "flickers at {}", now);
            found = seen;
        }
        let short = runs_of.iter().rev().take(4).all(|(length, _)| *length < 600);
        prop_assert!(found || !short, "four short runs in a row are a crash loop");
    }
}

#[test]
fn a_detector_that_is_off_is_not_asked() {
    let mut view = View::default();
    let mut p = pod("cart", 1, 0, 0);
    p.containers[0].restarts = 7;
    ends(&mut p, 1, 90, 100);
    backs_off(&mut p);
    for fact in [deployment("cart", 1, 1).into(), replica_set("cart", 1, 1).into(), Fact::from(p)] {
        view.apply(Delta::Applied(fact), at(110));
    }
    let mut params = Params::default();
    let said = |params: &Params| -> Vec<nightshift_model::Reason> {
        detect(&view, &scope("cart"), at(120), params).findings.iter().map(|f| f.reason).collect()
    };
    assert_eq!(said(&params), [nightshift_model::Reason::CrashLoopBackOff]);
    params.switch_off(nightshift_model::Reason::CrashLoopBackOff);
    assert_eq!(said(&params), []);
}
