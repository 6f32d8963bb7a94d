//! Somebody holds the responder: its word, its code, and the history to write as it likes, hashes included. Without the
//! persons' keys the executor writes nothing.

use anyhow::{Context as _, ensure};
use nightshift::store::{HistoryStore as _, OpenMode, SqliteStore, SystemAppend};
use nightshift_engine::{Rules, Store as _, advance};
use nightshift_model::apply::Place;
use nightshift_model::measure::Stage;
use nightshift_model::{
    Actor, Append, Appended, Digest, Epoch, Grant, HistoryEvent, Incident, IncidentEvent, IncidentId,
    LiveFacts, Mark, Measurement, ObjectRef, PersonId, Proof, Proposal, Role, Seconds, Stream, SystemEvent,
    Timestamp, Vote, VoteDecision,
};
use nightshift_tests::house::{House, Plan};
use nightshift_tests::signer::{Signer, posted};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Two of the three must sign.
async fn house(keys: &[&Signer]) -> anyhow::Result<House> {
    let plan = Plan::default();
    let registry = Signer::registry(plan.registry.clone(), keys, 2);
    House::build(Plan { registry, ..plan }).await
}

fn word(proposal: &Proposal, person: &str, at: Timestamp) -> Vote {
    Vote {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        decision: VoteDecision::Approve,
        person: person.into(),
        no: 1,
        at,
        reason: String::new(),
        interactive: true,
        proof: Proof::Attested { by: "a session that never was".to_owned() },
    }
}

/// Everything that stands in the history of an approved operation, up to a place.
fn made_up(
    proposal: &Proposal,
    votes: Vec<Vote>,
    epoch: Epoch,
    at: Timestamp,
    upto: usize,
) -> Vec<IncidentEvent> {
    let persons: Vec<PersonId> = votes.iter().map(|v| v.person.clone()).collect();
    let grant = Grant {
        proposal: proposal.id().clone(),
        digest: proposal.digest(),
        persons,
        at,
        until: at + Seconds(7_200),
    };
    let mark = Mark::first(proposal.plan().op.clone(), epoch);
    let measurement = Measurement { stage: Stage::Before, at, readings: Vec::new() };
    let live = LiveFacts {
        uid: proposal.plan().preconditions.uid.clone(),
        resource_version: "1".to_owned(),
        difference: proposal.plan().difference,
        at,
    };
    let mut events: Vec<IncidentEvent> =
        votes.into_iter().map(|vote| IncidentEvent::Voted { vote }).collect();
    let then = [
        IncidentEvent::Granted { grant },
        IncidentEvent::Measured { measurement },
        IncidentEvent::Claimed { mark: mark.clone() },
        IncidentEvent::Rechecked { live },
        IncidentEvent::Marked { mark: mark.clone() },
        IncidentEvent::Sending { mark },
    ];
    events.extend(then.into_iter().take(upto));
    events
}

/// Appends as a program would that knows no rules.
async fn write(
    store: &SqliteStore,
    id: &IncidentId,
    events: Vec<IncidentEvent>,
    rules: &Rules,
    at: Timestamp,
) -> anyhow::Result<()> {
    for _ in 0..20 {
        let before = store.load(id).await?;
        let actor = Actor::Nightshift(Role::Executor);
        let mut append: Append = advance(Some(&before), id, events.clone(), None, actor, at, rules)?;
        append.wake_at = Some(at);
        if store.append(append).await? == Appended::Committed {
            return Ok(());
        }
    }
    anyhow::bail!("the forged rows did not land")
}

type Forge<'a> = dyn Fn(&Proposal, Timestamp) -> Vec<Vote> + 'a;

struct Forgery<'a> {
    what: &'static str,
    votes: Box<Forge<'a>>,
}

#[tokio::test]
async fn forged_votes_of_real_persons_write_nothing() -> anyhow::Result<()> {
    let (alice, bob, mallory) =
        (Signer::new("alice", 1)?, Signer::new("bob", 2)?, Signer::new("mallory", 9)?);
    let house = house(&[&alice, &bob]).await?;
    let attacker = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let rules = (house.running()?.rules_now())().await;
    let uid = rules.cluster.uid.clone();
    let named = |person: &str, p: &Proposal, at| {
        let mut vote = word(p, person, at);
        mallory.sign(&mut vote, &uid);
        vote
    };
    let forgeries = [
        Forgery {
            what: "the responder's word",
            votes: Box::new(|p, at| vec![word(p, "alice", at), word(p, "bob", at)]),
        },
        Forgery {
            what: "signatures by a key that the registry does not have",
            votes: Box::new(|p, at| vec![named("alice", p, at), named("bob", p, at)]),
        },
        Forgery {
            what: "the key ids of the real persons under another signature",
            votes: Box::new(|p, at| {
                let mut votes = vec![named("alice", p, at), named("bob", p, at)];
                for (vote, key) in votes.iter_mut().zip([&alice.id, &bob.id]) {
                    if let Proof::Ed25519 { key: id, .. } = &mut vote.proof {
                        id.clone_from(key);
                    }
                }
                votes
            }),
        },
        Forgery {
            what: "one person's signature under two names",
            votes: Box::new(|p, at| {
                let real = alice.vote(p, VoteDecision::Approve, 1, at);
                vec![real.clone(), Vote { person: "bob".into(), ..real }]
            }),
        },
        Forgery {
            what: "one real vote and our word for the other",
            votes: Box::new(|p, at| vec![alice.vote(p, VoteDecision::Approve, 1, at), word(p, "bob", at)]),
        },
        Forgery {
            what: "a person that only the history knows",
            votes: Box::new(|p, at| {
                vec![
                    alice.vote(p, VoteDecision::Approve, 1, at),
                    mallory.vote(p, VoteDecision::Approve, 1, at),
                ]
            }),
        },
    ];
    // Up to: granted, measured, claimed, rechecked, marked, sending.
    for (round, forgery) in forgeries.iter().enumerate() {
        let name = format!("cart{round}");
        let (scope, proposal) = house.proposed(&name).await?;
        let id = house.incident("the incident", &scope, |_| true).await?.id;
        let at = house.clock.now();
        let epoch = house.running()?.epoch(Role::Executor).map_or(Epoch(1), |(_, epoch)| epoch);
        let policy = SystemEvent::PolicyChanged { before: None, after: rules.policy };
        let append = SystemAppend {
            fence: None,
            actor: Actor::Operator,
            at,
            events: vec![policy],
            outbox: Vec::new(),
        };
        attacker.append_system(append).await?;
        let upto = 3 + round % 4;
        write(
            &attacker,
            &id,
            made_up(&proposal, (forgery.votes)(&proposal, at), epoch, at, upto),
            &rules,
            at,
        )
        .await?;
        house.running()?.wake(&id);
        house.clock.sleep(Duration::from_secs(90)).await;
        house.running()?.wake(&id);
        house.clock.sleep(Duration::from_secs(30)).await;
        ensure!(house.touches(&name) == 0, "{}: the executor touched {name}", forgery.what);
        ensure!(house.arrivals(&name) == 0, "{}: a request left for {name}", forgery.what);
    }

    // The same executor does write once the two persons sign: it was not merely idle.
    let (scope, proposal) = house.proposed("real").await?;
    let gate = house.doors()?.origin();
    let http = reqwest::Client::new();
    for signer in [&alice, &bob] {
        let vote = signer.vote(&proposal, VoteDecision::Approve, 1, house.clock.now());
        let url = format!("{gate}/v1/proposals/{}/votes", proposal.id());
        let answer = http.post(url).json(&posted(&vote)).send().await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
    }
    house.over(&scope).await?;
    assert_eq!(house.writes("real"), 1);
    attacker.close().await;
    Ok(())
}

/// The history again from its first row, with another plan where a sealed one stood. Every row is hashed anew.
async fn rewritten(
    from: &SqliteStore,
    to: &SqliteStore,
    swap: &dyn Fn(&Proposal) -> Proposal,
) -> anyhow::Result<()> {
    let mut folds: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    let mut swapped: BTreeMap<Digest, Digest> = BTreeMap::new();
    let end = "2100-01-01T00:00:00Z".parse().map_err(anyhow::Error::msg)?;
    let rows = from.events(Timestamp::EPOCH, end, &[]).await?;
    ensure!(rows.len() > 10, "there is something to rewrite");
    for row in rows {
        let (actor, at) = (row.actor.clone(), row.at);
        match (row.stream, row.event) {
            (Stream::System, HistoryEvent::System(event)) => {
                let events = vec![event];
                to.append_system(SystemAppend { fence: None, actor, at, events, outbox: Vec::new() }).await?;
            }
            (Stream::Incident(id), HistoryEvent::Incident(event)) => {
                let event = if let IncidentEvent::Sealed { proposal } = event {
                    let other = swap(&proposal);
                    swapped.insert(proposal.digest(), other.digest());
                    IncidentEvent::Sealed { proposal: other }
                } else if let IncidentEvent::Voted { mut vote } = event {
                    vote.digest = swapped.get(&vote.digest).copied().unwrap_or(vote.digest);
                    IncidentEvent::Voted { vote }
                } else {
                    event
                };
                let before = folds.get(&id);
                let place = Place { id: id.clone(), revision: row.revision, at };
                let after = Incident::apply(before, &place, &event)?;
                let expect = before.map_or(nightshift_model::Revision(0), |i| i.revision);
                let append = Append {
                    stream: Stream::Incident(id.clone()),
                    expect,
                    fence: None,
                    actor,
                    at,
                    events: vec![HistoryEvent::Incident(event)],
                    snapshot: Some(after.clone()),
                    wake_at: Some(at),
                    outbox: Vec::new(),
                };
                ensure!(to.append(append).await? == Appended::Committed, "a row was not taken");
                folds.insert(id, after);
            }
            (stream, event) => anyhow::bail!("{event:?} in {stream:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn bytes_swapped_after_the_votes_write_nothing() -> anyhow::Result<()> {
    let (alice, bob) = (Signer::new("alice", 1)?, Signer::new("bob", 2)?);
    let mut house = house(&[&alice, &bob]).await?;
    let victim = house.deploy("victim", 1)?;
    let (scope, proposal) = house.proposed("cart").await?;
    let id = house.incident("the incident", &scope, |_| true).await?.id;
    let rules = (house.running()?.rules_now())().await;
    let real: Vec<Vote> =
        [&alice, &bob].map(|s| s.vote(&proposal, VoteDecision::Approve, 1, house.clock.now())).into();
    // Both persons signed; the second vote never reached the honest gate, so nothing was granted yet.
    write_vote(&house, &id, &real[0], &rules).await.context("the first vote")?;
    house.stop().await;

    let old = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let path = house.folder.path().join("rewritten.db");
    let new = SqliteStore::open(&path, OpenMode::ReadWrite).await?;
    let swap = |p: &Proposal| {
        let mut plan = p.plan().clone();
        plan.request.path = plan.request.path.replace("/cart", "/victim");
        plan.preconditions.uid.clone_from(&victim.uid);
        let nightshift_model::Action::RollbackDeployment { target, .. } = &mut plan.action else {
            panic!("{:?}", plan.action)
        };
        *target = ObjectRef { ..victim.clone() };
        Proposal::seal(plan, p.sealed_at)
    };
    rewritten(&old, &new, &swap).await?;
    let report =
        nightshift::store::audit::verify(&new, 0, &nightshift::store::audit::Held::default()).await?;
    assert!(report.problems.is_empty(), "a rewritten chain is whole in itself: {:?}", report.problems);
    old.close().await;
    new.close().await;
    for suffix in ["-wal", "-shm", ""] {
        let (old, new) =
            (format!("{}{suffix}", house.file().display()), format!("{}{suffix}", path.display()));
        let _ = std::fs::remove_file(&old);
        if Path::new(&new).exists() {
            std::fs::rename(new, old)?;
        }
    }

    house.start().await?;
    let attacker = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    let fold = attacker.load(&id).await.context("after the swap")?;
    let sealed = fold.phase.proposal().context("the swapped proposal")?.clone();
    assert_ne!(sealed.digest(), proposal.digest());
    let mut second = real[1].clone();
    second.digest = sealed.digest();
    let at = house.clock.now();
    let epoch = house.running()?.epoch(Role::Executor).map_or(Epoch(1), |(_, epoch)| epoch);
    let mut events = made_up(&sealed, vec![second], epoch, at, 3);
    if let Some(IncidentEvent::Granted { grant }) = events.get_mut(1) {
        grant.persons.push("alice".into());
    }
    write(&attacker, &id, events, &rules, at).await?;
    house.running()?.wake(&id);
    house.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!((house.touches("victim"), house.touches("cart")), (0, 0));
    assert_eq!((house.arrivals("victim"), house.arrivals("cart")), (0, 0));
    attacker.close().await;
    Ok(())
}

async fn write_vote(house: &House, id: &IncidentId, vote: &Vote, rules: &Rules) -> anyhow::Result<()> {
    let store = SqliteStore::open(house.file(), OpenMode::ReadWrite).await?;
    write(&store, id, vec![IncidentEvent::Voted { vote: vote.clone() }], rules, house.clock.now()).await?;
    store.close().await;
    Ok(())
}
