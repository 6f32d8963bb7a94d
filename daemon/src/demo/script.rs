//! Three acts and a morning.

use super::objects::Release;
use super::person::Person;
use super::show::Show;
use super::stage::{PERSON, Stage};
use anyhow::Context as _;
use nightshift_model::measure::Value as Said;
use nightshift_model::{
    Actor, Closure, Incident, Measurement, ObjectRef, PersonId, Phase, Proposal, Seconds, Timestamp,
};

/// How a person is played.
pub enum OnCall {
    /// The reader, in a browser, at their own pace.
    Reader {
        /// The pace to go back to after they decided.
        speed: u32,
    },
    /// The demo itself, through the same pages.
    Played(Person),
}

/// Act one: a rollout crashes; it is explained, approved, carried out and proven.
pub async fn crash(stage: &Stage, on_call: &mut OnCall, show: &Show) -> anyhow::Result<()> {
    show.act("Act one: a rollout that crashes");
    let checkout =
        stage.release(&Release { name: "checkout", version: "1.0.0", replicas: 3, serves: true }).await?;
    stage.healthy(&checkout, 1).await?;
    show.at(stage.clock.now(), "Deployment checkout runs version 1.0.0; nightshift has seen it healthy");
    stage.release(&Release { name: "checkout", version: "2.0.0", replicas: 3, serves: false }).await?;
    show.at(stage.clock.now(), "somebody releases version 2.0.0");
    stage.takes(show, "a crash loop is called one after about 40 s");
    let incident = stage.incident("an incident", &checkout, |_| true).await?;
    show.at(incident.opened_at, &format!("incident {} opens by itself", incident.id));
    let (proposal, _) = waiting(stage, &checkout, show).await?;
    decide(stage, on_call, &proposal, show).await?;
    stage.takes(show, "success must hold for a minute before it is called so");
    let done = stage.incident("an outcome", &checkout, over).await?;
    tell_outcome(&done, stage, &proposal, show).await
}

/// Act two: the target is changed by hand between approval and execution; nothing is written.
pub async fn refusal(stage: &Stage, on_call: &mut OnCall, show: &Show) -> anyhow::Result<()> {
    show.act("Act two: a refusal");
    let cart = stage.release(&Release { name: "cart", version: "4.0.0", replicas: 2, serves: true }).await?;
    stage.healthy(&cart, 1).await?;
    stage.release(&Release { name: "cart", version: "5.0.0", replicas: 2, serves: false }).await?;
    show.at(stage.clock.now(), "cart is released with a version that cannot start");
    stage.takes(show, "again about 40 s");
    let (proposal, _) = waiting(stage, &cart, show).await?;
    // The executor is held for a moment, so that somebody else can be faster.
    stage.running.hold.send_replace(true);
    decide(stage, on_call, &proposal, show).await?;
    let granted = |i: &Incident| !matches!(i.phase, Phase::Proposed { .. });
    stage.incident("a grant", &cart, granted).await?;
    // Scaled, not repaired: a fault that heals meanwhile would be closed before the executor looks.
    stage.release(&Release { name: "cart", version: "5.0.0", replicas: 3, serves: false }).await?;
    stage.running.hold.send_replace(false);
    let over = |i: &Incident| matches!(i.phase, Phase::Escalated { .. } | Phase::Closed { .. });
    let refused = stage.incident("a refusal", &cart, over).await?;
    show.at(refused.changed_at, "a colleague scaled cart by hand before the write was due");
    let rows = stage.reasons(&refused.id).await?;
    show.below(&rows);
    show.below(&format!("writes to cart by nightshift: {}", stage.writes("cart").await?));
    Ok(())
}

/// Act three: a healthy rollout and a crash that heals by itself. Nothing is sent.
pub async fn boring(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    show.act("Act three: the boring night");
    let search =
        stage.release(&Release { name: "search", version: "7.0.0", replicas: 3, serves: true }).await?;
    stage.healthy(&search, 1).await?;
    stage.release(&Release { name: "search", version: "7.1.0", replicas: 3, serves: true }).await?;
    stage.healthy(&search, 2).await?;
    show.at(stage.clock.now(), "search was updated to 7.1.0 and is healthy");
    let mailer =
        stage.release(&Release { name: "mailer", version: "1.1.0", replicas: 1, serves: true }).await?;
    stage.healthy(&mailer, 1).await?;
    show.at(stage.clock.now(), "mailer crashed twice while its database started, and is well");
    stage.clock.sleep((Seconds(120)).duration()).await;
    let about = [&search, &mailer].iter().map(|scope| stage.sent_about(&scope.name)).sum::<usize>();
    show.below(&format!("messages sent about them: {about}"));
    Ok(())
}

/// Waits for a proposal and tells what a pager would tell.
async fn waiting(stage: &Stage, scope: &ObjectRef, show: &Show) -> anyhow::Result<(Proposal, Incident)> {
    let wanted = |i: &Incident| matches!(i.phase, Phase::Proposed { .. } | Phase::Escalated { .. });
    let incident = stage.incident("a proposal", scope, wanted).await?;
    let Phase::Proposed { proposal, .. } = &incident.phase else {
        anyhow::bail!("no proposal was made: {:?}", incident.phase);
    };
    let plan = proposal.plan();
    show.at(
        proposal.sealed_at,
        &format!("proposal {} waits for a person ({} risk)", proposal.id(), plan.risk),
    );
    show.below(&plan.cause);
    show.below(&format!("It rests on {} pieces of evidence. What will change:", plan.evidence.len()));
    show.difference(&plan.shown);
    show.below(&format!("digest {}", proposal.digest().short()));
    Ok((proposal.clone(), incident))
}

/// The person opens the link that a pager would carry, signs in, types the code and approves.
async fn decide(stage: &Stage, on_call: &mut OnCall, proposal: &Proposal, show: &Show) -> anyhow::Result<()> {
    let link = stage.doors.gate.link(PERSON, proposal).await?.context("the gate makes no links")?;
    show.below(&format!("page to {PERSON}: {link}"));
    match on_call {
        OnCall::Reader { speed } => {
            stage.clock.run_at(1);
            let invite = stage.doors.gate.invite(&PersonId::from(PERSON), &Actor::Operator).await?;
            show.below(&format!("not signed in yet? {}", invite.unwrap_or_default()));
            show.below("Open it, read it, type the code that stands beside the change, and approve.");
            let scope = proposal.plan().action.target().clone();
            let id = proposal.id().clone();
            stage
                .patiently("your decision", &scope, |i| {
                    i.phase.proposal().is_none_or(|p| *p.id() != id)
                        || !matches!(i.phase, Phase::Proposed { .. })
                })
                .await?;
            stage.clock.run_at(*speed);
        }
        OnCall::Played(person) => {
            if !person.signed_in() {
                let invite = stage.doors.gate.invite(&PersonId::from(PERSON), &Actor::Operator).await?;
                person.sign_in(&invite.context("the gate makes no sign-in links")?).await?;
                show.at(stage.clock.now(), &format!("{PERSON} signs in with a one-time link"));
            }
            let page = person.approve(&link).await?;
            anyhow::ensure!(page.status < 400, "the vote was refused with status {}", page.status);
            show.at(stage.clock.now(), &format!("{PERSON} opens the page, types the code and approves"));
        }
    }
    Ok(())
}

fn over(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::Closed { .. } | Phase::Escalated { .. })
}

/// Red to green, with the numbers.
async fn tell_outcome(
    incident: &Incident,
    stage: &Stage,
    proposal: &Proposal,
    show: &Show,
) -> anyhow::Result<()> {
    let story = stage.story(&incident.id).await?;
    if let Some(at) = story.applied {
        show.at(at, "the rollback was written: one request, with the mark and every old value tested");
    }
    if let (Some(before), Some(after)) = (&story.before, &story.after) {
        show.at(after.at, &format!("verified over {} looks: red to green", story.looks));
        for measure in &proposal.plan().verification.measures {
            show.below(&format!(
                "{:<22} {:<34} -> {}",
                measure.name,
                said(before, &measure.name),
                said(after, &measure.name)
            ));
        }
    }
    let proven = matches!(incident.phase, Phase::Closed { why: Closure::Verified { .. } });
    let word = if proven { "Closed: Successful" } else { incident.phase.word() };
    let word = format!("the incident is {word}");
    show.at(incident.changed_at, &word);
    Ok(())
}

fn said(look: &Measurement, name: &str) -> String {
    look.readings.iter().find(|r| r.name == name).map_or_else(String::new, |r| match &r.value {
        Said::Holds(text) => format!("ok ({text})"),
        Said::Fails(text) => format!("RED ({text})"),
        Said::Reverted(by) => format!("reverted by {by}"),
        Said::NoData { detail, .. } => format!("no data ({detail})"),
    })
}

/// The morning: the night's rest passes, the digest goes out, and stands on a page.
pub async fn morning(stage: &Stage, on_call: &mut OnCall, show: &Show) -> anyhow::Result<()> {
    show.act("The morning");
    let eight: Timestamp = "2026-03-01T08:00:01Z".parse().map_err(anyhow::Error::msg)?;
    stage.clock.jump(eight);
    stage.digest_sent().await?;
    show.at(eight, "the digest goes out");
    let digest = stage.digests.tell(stage.began, stage.clock.now()).await?;
    show.line(&nightshift_engine::digest::text(&digest, 100));
    let page = format!("{}/digest/2026-03-01", stage.doors.origin());
    show.line(&format!("The same as a page: {page}"));
    match on_call {
        OnCall::Reader { .. } => {
            stage.clock.run_at(1);
            show.line("Press Enter to end the demo.");
            let mut line = String::new();
            tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await??;
        }
        OnCall::Played(person) => {
            let answer = person.get(&page).await?;
            anyhow::ensure!(answer.status == 200, "the digest's page answers {}", answer.status);
        }
    }
    Ok(())
}
