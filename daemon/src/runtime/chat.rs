//! Buttons in Slack: from a press to the stage that decides, and back to whoever pressed, in a sentence.

use super::{Running, doors::Doors};
use crate::notify::slack::socket::{Answer, Patience, Socket};
use crate::notify::{Channel, Way};
use crate::stages::vote::chat::{NotPressed, Pressed};
use crate::stages::vote::{Had, Votes};
use nightshift_model::VoteDecision;
use nightshift_model::vote::VoteRefusal;
use std::sync::Arc;

/// Keeps a connection for every channel that has buttons.
pub(super) fn start(running: &Running, doors: &Doors, channels: &[Channel]) {
    for channel in channels {
        let Way::SlackApp(app) = &channel.way else { continue };
        let answer = answers(doors.votes.clone());
        let socket = Socket::new(Arc::clone(app), answer, running.clock(), Patience::default());
        let stop = running.stop.clone();
        running.tasks.spawn(async move { socket.run(&stop).await });
    }
}

fn answers(votes: Votes) -> Answer {
    Arc::new(move |press| {
        let votes = votes.clone();
        Box::pin(async move {
            let became = votes.press(&press).await;
            sentence(became, &press.user)
        })
    })
}

/// What whoever pressed reads.
fn sentence(became: Result<Pressed, NotPressed>, user: &str) -> String {
    match became {
        Ok(Pressed::Had(Had::Yours)) => {
            "It is yours. Nobody else is woken about it; updates go on.".to_owned()
        }
        Ok(Pressed::Had(Had::Over)) => "It is over already. There is nothing to have.".to_owned(),
        Ok(Pressed::Voted(VoteDecision::Approve)) => "You approved it.".to_owned(),
        Ok(Pressed::Voted(VoteDecision::Deny)) => "You denied it. Nothing will be done.".to_owned(),
        Ok(Pressed::Voted(VoteDecision::Withdraw)) => "You took your vote back.".to_owned(),
        Err(NotPressed::Nobody) => format!(
            "Nothing was done: nobody in nightshift's registry is {user} in Slack. Have `slack: {user}` added to your \
             entry under `persons`, and nightshift restarted."
        ),
        Err(NotPressed::Refused(VoteRefusal::ControlsMissing)) => {
            "Nothing was done: policy asks for more than a button here. Open the link and decide there."
                .to_owned()
        }
        Err(NotPressed::Refused(VoteRefusal::OtherDigest)) => {
            "Nothing was done: the plan is not the one of this message. Look at the newest one.".to_owned()
        }
        Err(NotPressed::Refused(why)) => format!("Nothing was done. {}", why.sentence()),
    }
}
