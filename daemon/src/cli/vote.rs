//! `nightshift approve`, `deny`, `withdraw`: a vote that the person's own key signs. What is shown comes from the sealed
//! bytes that this program fetched and hashed itself, so a gate that lies can hide a proposal, but not change one.

pub(super) mod show;

use super::gate::Gate;
use super::key::{Key, default_path};
use super::output::{Format, OutputArg, Screen, json};
use super::{Answer, Exit, Failure};
use crate::api::vote::SignedVote;
use crate::clock::Clock;
use nightshift_engine::proof::{base64, code};
use nightshift_model::{Digest, Proof, Proposal, ProposalId, Vote, VoteDecision};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The proposal's whole id
    id: String,
    /// Where the gate is, as https://nightshift.example.com
    #[arg(long, value_name = "URL", env = "NIGHTSHIFT_SERVER")]
    server: String,
    /// A certificate authority that the gate's certificate comes from (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Your key [default: ~/.config/nightshift/key.pem]
    #[arg(long, value_name = "FILE", env = "NIGHTSHIFT_KEY")]
    key: Option<PathBuf>,
    /// Why, shown to everybody
    #[arg(long)]
    reason: Option<String>,
    /// The whole digest that you read elsewhere; needed where nobody sits at a terminal
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    #[command(flatten)]
    out: OutputArg,
}

/// How a person shows that they read the change: by typing its code, or by naming its digest.
pub(super) struct Reading {
    wanted: Option<Digest>,
    /// Whether somebody sits at a terminal.
    pub(super) terminal: bool,
}

impl Reading {
    /// Without a terminal the digest must be named.
    pub(super) fn of(digest: Option<&str>) -> Result<Self, Failure> {
        let wanted = digest.map(Digest::parse).transpose().map_err(|what| {
            Failure::usage(format!("--digest: {what}"), "copy the whole digest from the proposal's page")
        })?;
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !terminal && wanted.is_none() {
            return Err(Failure::usage(
                "nobody sits at a terminal, so nobody can have read the change",
                "run it at a terminal; or name what you read with --digest, if policy takes such votes",
            ));
        }
        Ok(Self { wanted, terminal })
    }

    /// Refuses another proposal than the one that was named, and asks for the code at a terminal.
    pub(super) fn confirm(
        &self,
        screen: &Screen,
        proposal: &Proposal,
        decision: VoteDecision,
    ) -> Result<(), Failure> {
        if self.wanted.is_some_and(|wanted| wanted != proposal.digest()) {
            return Err(Failure::found(
                format!("the sealed plan has the digest {}, not the one that you named", proposal.digest()),
                "read the proposal again: it is not the one that you saw",
            ));
        }
        if self.terminal {
            ask(&show::page(screen, proposal), proposal, decision)?;
        }
        Ok(())
    }
}

pub(super) async fn run(args: Args, decision: VoteDecision, screen: &Screen, clock: Clock) -> Answer {
    let reading = Reading::of(args.digest.as_deref())?;
    let key = Key::read(&args.key.clone().unwrap_or_else(default_path))?;
    let gate = Gate::new(&args.server, args.ca_file.as_deref())?;
    let id = ProposalId(args.id.clone());
    let proposal = gate.sealed(&id, &key, clock.now()).await?;
    let votes = gate.votes(&id, &key, clock.now()).await?;
    reading.confirm(screen, &proposal, decision)?;
    let mine = votes.iter().filter(|v| v.person == key.person).map(|v| v.no).max().unwrap_or(0);
    let mut vote = Vote {
        proposal: id.clone(),
        digest: proposal.digest(),
        decision,
        person: key.person.clone(),
        no: mine.saturating_add(1),
        at: clock.now(),
        reason: args.reason.unwrap_or_default(),
        interactive: reading.terminal,
        proof: Proof::Attested { by: String::new() },
    };
    let signature = base64(&key.sign(&vote.statement(&proposal.plan().cluster.uid)));
    vote.proof = Proof::Ed25519 { key: key.id.clone(), signature };
    let taken = gate.cast(&id, &posted(&vote)).await?;
    let text = match args.out.output {
        Format::Json => json(&taken),
        Format::Text => {
            let done = match decision {
                VoteDecision::Approve => "approved",
                VoteDecision::Deny => "denied",
                VoteDecision::Withdraw => "took your vote back on",
            };
            format!(
                "You {done} {id} as {}, signed with {} (vote {}). It stands at {}.\n",
                vote.person, key.id, vote.no, taken.phase
            )
        }
    };
    Ok((text, Exit::Done))
}

fn posted(vote: &Vote) -> SignedVote {
    SignedVote {
        decision: vote.decision,
        digest: vote.digest,
        person: vote.person.clone(),
        vote_no: vote.no,
        ts: vote.at,
        reason: vote.reason.clone(),
        interactive: vote.interactive,
        proof: vote.proof.clone(),
    }
}

/// Shows the change and asks for the four characters beside it.
fn ask(page: &str, proposal: &Proposal, decision: VoteDecision) -> Result<(), Failure> {
    let code = code(proposal.digest());
    let mut to = std::io::stderr().lock();
    let shown = write!(
        to,
        "{page}\nDigest {}\nYour code for exactly this change: {code}\n\nType the code to {} it: ",
        proposal.digest(),
        decision.as_str()
    );
    let mut typed = String::new();
    let read = shown.and_then(|()| to.flush()).and_then(|()| std::io::stdin().lock().read_line(&mut typed));
    match read {
        Ok(_) if fits(&code, &typed) => Ok(()),
        Ok(_) => {
            Err(Failure::found("the code is wrong: nothing was signed", "run it again and read the change"))
        }
        Err(error) => Err(Failure::io(format!("the terminal cannot be read: {error}"))),
    }
}

/// Case, spaces and look-alikes do not matter.
fn fits(code: &str, typed: &str) -> bool {
    let typed =
        typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
    typed.eq(code.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_as_people_type() {
        assert!(fits("K0Q1", " k0-ql\n") && fits("K0Q1", "KOQI"));
        for wrong in ["", "\n", "K0Q", "K0Q11", "yes"] {
            assert!(!fits("K0Q1", wrong), "{wrong:?}");
        }
    }
}
