//! Killed at every step of the write protocol and started again: one effective write each, or a person.

use nightshift::demo::door::{Hold, Keep};
use nightshift::runtime::checkpoint::Integrity;
use nightshift::runtime::offline::adopt;
use nightshift::store::{OpenMode, SqliteStore};
use nightshift_model::operation::OperationState;
use nightshift_model::{
    Closure, Escalation, Incident, IncidentEvent, ObjectRef, Outcome, Phase, Recovered, SystemEvent,
};
use nightshift_sim::{ApiRequest, Fault, Method};
use nightshift_tests::house::{EXECUTOR, House, RESPONDER, web};
use std::time::Duration;

fn of(request: &ApiRequest, user: &str, method: Method) -> bool {
    request.user == user && request.method == method && request.path.ends_with("/deployments/cart")
}

fn writes(request: &ApiRequest) -> bool {
    of(request, EXECUTOR, Method::Patch) && !request.dry_run()
}

fn carries_out(request: &ApiRequest) -> bool {
    writes(request) && String::from_utf8_lossy(&request.body).contains("\"done:")
}

fn proven(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } })
}

fn state(incident: &Incident) -> Option<&OperationState> {
    if let Phase::Executing { operation, .. } = &incident.phase { Some(&operation.state) } else { None }
}

fn unknown(incident: &Incident) -> bool {
    matches!(state(incident), Some(OperationState::Unknown { .. }))
}

/// A nightshift that was killed while one request, or its answer, was on its way.
struct Killed {
    house: House,
    scope: ObjectRef,
    hold: Hold,
    left: Incident,
}

async fn killed(keep: Keep, at: impl Fn(&ApiRequest) -> bool + Send + 'static) -> anyhow::Result<Killed> {
    let mut house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let mut browser = house.person("alice").await?;
    let ballot = browser.ballot(&format!("/p/{}", proposal.id())).await?;
    // The page has looked at the target, and so will whoever looks for silences again: not before the vote is in.
    let mut look = house.door.hold(Keep::Answer, |r| of(r, RESPONDER, Method::Get));
    tokio::time::timeout(Duration::from_secs(20), look.reached()).await?;
    look.release();
    let mut hold = house.door.hold(keep, at);
    assert!(browser.cast(&ballot.decide("approve")).await?.status < 400);
    tokio::time::timeout(Duration::from_secs(20), hold.reached()).await?;
    house.kill().await;
    let left = house.newest(&scope).await?.ok_or_else(|| anyhow::anyhow!("no incident"))?;
    Ok(Killed { house, scope, hold, left })
}

impl Killed {
    /// Starts again and expects the proof, with one effective write and that many arrivals of it in all.
    async fn again(mut self, arrivals: usize) -> anyhow::Result<(House, Vec<IncidentEvent>)> {
        self.house.start().await?;
        let over = self.house.over(&self.scope).await?;
        assert!(proven(&over), "{:?}", over.phase);
        assert_eq!(self.house.image("cart"), "web:1");
        assert_eq!((self.house.writes("cart"), self.house.arrivals("cart")), (1, arrivals));
        let events = self.house.events(&over.id).await?;
        self.hold.release(); // whatever was still on its way arrives now
        self.house.clock.sleep_real(Duration::from_millis(100)).await;
        assert_eq!(self.house.writes("cart"), 1, "a late request is barred");
        Ok((self.house, events))
    }
}

fn recovered(events: &[IncidentEvent]) -> Vec<&Recovered> {
    fn found(event: &IncidentEvent) -> Option<&Recovered> {
        if let IncidentEvent::Recovered { found, .. } = event { Some(found) } else { None }
    }
    events.iter().filter_map(found).collect()
}

#[tokio::test]
async fn killed_before_the_intent() -> anyhow::Result<()> {
    let killed = killed(Keep::Answer, |r| of(r, RESPONDER, Method::Get)).await?;
    assert!(matches!(killed.left.phase, Phase::Granted { .. }), "{:?}", killed.left.phase);
    let (house, events) = killed.again(1).await?;
    assert!(recovered(&events).is_empty(), "there was nothing to recover");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn killed_after_the_intent() -> anyhow::Result<()> {
    let killed = killed(Keep::Request, |r| of(r, EXECUTOR, Method::Get)).await?;
    assert!(matches!(state(&killed.left), Some(OperationState::Claimed { marked: false, .. })));
    let (house, events) = killed.again(1).await?;
    let claims = events.iter().filter(|event| matches!(event, IncidentEvent::Claimed { .. })).count();
    assert_eq!((claims, recovered(&events).len()), (2, 0), "a new epoch claims anew");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn killed_while_the_mark_was_set() -> anyhow::Result<()> {
    let killed = killed(Keep::Answer, writes).await?;
    assert!(matches!(state(&killed.left), Some(OperationState::Claimed { marked: false, .. })));
    assert_eq!(killed.house.touches("cart"), 1, "the mark stands on the target");
    let (house, _) = killed.again(1).await?;
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn killed_while_the_request_was_on_its_way() -> anyhow::Result<()> {
    let killed = killed(Keep::Request, carries_out).await?;
    assert_eq!(state(&killed.left), Some(&OperationState::Sending));
    assert_eq!(killed.house.arrivals("cart"), 0);
    let (house, events) = killed.again(1).await?;
    assert_eq!(recovered(&events), [&Recovered::NotApplied]);
    assert_eq!(house.arrivals("cart"), 2, "the first request arrived late, and in vain");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn killed_before_the_outcome() -> anyhow::Result<()> {
    let killed = killed(Keep::Answer, carries_out).await?;
    assert_eq!(state(&killed.left), Some(&OperationState::Sending));
    assert_eq!(killed.house.writes("cart"), 1);
    let (house, events) = killed.again(1).await?;
    assert!(matches!(recovered(&events).as_slice(), [Recovered::Applied { .. }]), "{events:?}");
    house.finish().await?;
    Ok(())
}

#[tokio::test]
async fn killed_while_it_was_being_proven() -> anyhow::Result<()> {
    let mut house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    house.approve("alice", &proposal).await?;
    let verifying =
        |i: &Incident| matches!(&i.phase, Phase::Verifying { measured, .. } if measured.len() > 2);
    house.incident("two looks", &scope, verifying).await?;
    house.kill().await;
    house.start().await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

/// A person undoes the rollout between crash and restart. Nobody can tell whose write it was, so nobody repeats it.
async fn undone_by_a_person(keep: Keep, image: u32) -> anyhow::Result<()> {
    let Killed { mut house, scope, hold, .. } = killed(keep, carries_out).await?;
    house.apply(web("cart", image))?;
    let before = (house.writes("cart"), house.touches("cart"));
    house.start().await?;
    let incident = house.incident("an unknown outcome", &scope, unknown).await?;
    hold.release();
    house.clock.sleep(Duration::from_secs(120)).await;
    // Another start asks once more, and finds the same.
    house.kill().await;
    house.start().await?;
    house.clock.sleep(Duration::from_secs(120)).await;
    let now = house.newest(&scope).await?.ok_or_else(|| anyhow::anyhow!("no incident"))?;
    assert!(unknown(&now), "{:?}", now.phase);
    assert_eq!((house.writes("cart"), house.touches("cart")), before, "nothing was written again");
    assert_eq!(house.image("cart"), format!("web:{image}"));
    let told = house.finish().await?;
    assert_eq!(told.pages, [incident.id.clone(), incident.id], "the proposal, and the unknown outcome");
    Ok(())
}

#[tokio::test]
async fn a_person_who_rolls_back_before_the_restart_is_not_overruled() -> anyhow::Result<()> {
    undone_by_a_person(Keep::Request, 1).await
}

#[tokio::test]
async fn a_person_who_rolls_forward_before_the_restart_is_not_overruled() -> anyhow::Result<()> {
    undone_by_a_person(Keep::Answer, 3).await
}

/// What nobody could tell is asked again by the next start.
#[tokio::test]
async fn an_unknown_outcome_is_asked_again_by_the_next_start() -> anyhow::Result<()> {
    let Killed { mut house, scope, hold, .. } = killed(Keep::Answer, carries_out).await?;
    drop(hold);
    let (user, verb, resource) = (EXECUTOR.to_owned(), "get".to_owned(), "deployments".to_owned());
    house.door.with(|sim| sim.fault(Fault::Forbidden { user, verb, resource }));
    house.start().await?;
    house.incident("an unknown outcome", &scope, unknown).await?;
    house.door.with(nightshift_sim::Sim::clear_faults);
    house.stop().await;
    house.start().await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.finish().await?;
    Ok(())
}

/// SIGTERM while the one request is under way: its answer is waited for and recorded, then the program ends.
#[tokio::test]
async fn told_to_stop_with_a_request_under_way_it_records_the_answer_first() -> anyhow::Result<()> {
    let mut house = House::open().await?;
    let (scope, proposal) = house.proposed("cart").await?;
    let mut hold = house.door.hold(Keep::Answer, carries_out);
    house.approve("alice", &proposal).await?;
    tokio::time::timeout(Duration::from_secs(20), hold.reached()).await?;
    let clock = house.clock;
    let answered = async {
        clock.sleep_real(Duration::from_millis(500)).await;
        hold.release();
    };
    tokio::join!(house.stop(), answered);
    let left = house.newest(&scope).await?.ok_or_else(|| anyhow::anyhow!("no incident"))?;
    assert!(matches!(left.phase, Phase::Verifying { .. }), "{:?}", left.phase);
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1));
    house.start().await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    let events = house.events(&over.id).await?;
    assert!(recovered(&events).is_empty(), "there was nothing to recover");
    house.finish().await?;
    Ok(())
}

/// The history of before a write is put back: the cluster knows more than it.
#[tokio::test]
async fn over_a_restored_backup_what_carries_an_unknown_mark_is_not_written() -> anyhow::Result<()> {
    let mut house = House::open().await?;
    let scope = house.deploy("cart", 1)?;
    house.healthy(&scope, 1).await?;
    house.stop().await;
    let backup = house.back_up().await?;
    house.start().await?;
    house.deploy("cart", 2)?;
    let proposal = house.proposal(&scope).await?;
    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    assert!(proven(&over), "{:?}", over.phase);
    house.stop().await;

    house.restore(&backup).await?;
    house.start().await?;
    // The executor signed rows that are gone: a person takes the history as it is, and the marks still speak.
    let store = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let folder = house.folder.path().join("executor-keys");
    adopt(&store, &house.clock, &folder, "restored on purpose").await?;
    store.close().await;
    house
        .within("an open executor", async || {
            Ok((*house.running()?.integrity.borrow() == Integrity::Open).then_some(()))
        })
        .await?;
    house.deploy("cart", 2)?;
    let other = house.crash("till").await?;
    let over = house.over(&scope).await?;
    let Phase::Escalated { why: Escalation::Refused { reasons } } = &over.phase else {
        anyhow::bail!("{:?}", over.phase)
    };
    assert!(reasons.iter().any(|why| why.contains("is in quarantine")), "{reasons:?}");
    assert_eq!((house.writes("cart"), house.arrivals("cart")), (1, 1), "only the one of before");
    let held = house.system(&["quarantined"]).await?;
    assert!(matches!(&held[..], [SystemEvent::Quarantined { entries }] if entries.len() == 1), "{held:?}");
    house.proposal(&other).await?; // the others go on
    house.stop().await;
    Ok(())
}
