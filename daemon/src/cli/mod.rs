//! The command line: one file a command. Answers go to stdout, everything else to stderr.

mod audit;
mod check;
mod completions;
mod config;
mod demo;
mod digest;
mod events;
mod evidence;
mod explain;
mod failure;
mod follow;
mod gate;
mod history;
mod incidents;
mod key;
mod kubectl;
mod output;
mod person;
mod playbooks;
mod proposals;
mod propose;
mod remote;
mod routes;
mod run;
mod silence;
mod source;
mod vote;
mod watch;

pub use failure::{Exit, Failure};

use crate::clock::Clock;
use clap::{CommandFactory as _, Parser, Subcommand};
use nightshift_model::VoteDecision;
use output::Screen;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What every `--help` ends with.
const EXITS: &str = "Exit codes:
  0  done, nothing wrong
  1  it failed, or a problem was found
  2  wrong usage or configuration
  3  a file, the store or the network could not be used
`audit verify` has its own: 0 whole, 1 tampered, 2 incomplete, 3 unreadable.";

/// Watches a cluster at night, explains failures, and carries out what a person approved.
#[derive(Debug, Parser)]
#[command(name = "nightshift", version, after_help = EXITS, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do the work: watch, explain, ask, carry out, prove
    Run(run::Args),
    /// See all of it once, on a simulated cluster
    Demo(demo::Args),
    /// Say what is missing before the work can be done
    Check(check::Args),
    /// Incidents: what is wrong, and why
    Incidents(incidents::Args),
    /// Explain a reason: what it means, what it costs, where to look, what to do
    Explain(explain::Args),
    /// Proposals: what waits for a person, and what became of it
    Proposals(proposals::Args),
    /// Ask for a proposal, signed with your own key; others decide on it
    Propose(propose::Args),
    /// Approve a proposal, signed with your own key
    Approve(vote::Args),
    /// Deny a proposal, signed with your own key
    Deny(vote::Args),
    /// Take your vote back, signed with your own key
    Withdraw(vote::Args),
    /// The morning digest, of any window
    Digest(digest::Args),
    /// Prove that the history is whole, or copy it
    Audit(audit::Args),
    /// Routes: who hears of an incident, and why
    Routes(routes::Args),
    /// Playbooks: what may be done about a fault
    Playbooks(playbooks::Args),
    /// People: who may decide, a sign-in link, a key of your own
    Person(person::Args),
    /// Silences: tell nobody for a while, and not for ever
    Silence(silence::Args),
    /// The configuration: an example, a check, what is in force
    Config(config::Args),
    /// Completions for a shell
    Completions(completions::Args),
}

/// What a command answers: text for stdout, and how the program ends.
type Answer = Result<(String, Exit), Failure>;

/// Threads that run tasks. Not one a core of the node: each keeps memory of its own, and the work is waiting.
const WORKERS: usize = 2;

/// Under which of its two names the program was called, and with what.
enum Asked {
    Command(Command),
    Plugin(kubectl::Plugin),
}

/// kubectl starts `kubectl-nightshift`, wherever that file or link lies.
fn is_plugin() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.and_then(|path| path.file_stem().map(|stem| stem == "kubectl-nightshift")).unwrap_or(false)
}

/// Reads the arguments, does what they say, and tells how it went.
pub fn run() -> ExitCode {
    let parsed = if is_plugin() {
        kubectl::Plugin::try_parse().map(Asked::Plugin)
    } else {
        Cli::try_parse().map(|cli| Asked::Command(cli.command))
    };
    let asked = match parsed {
        Ok(asked) => asked,
        Err(told) => {
            let _ = told.print();
            let code = if told.use_stderr() { Exit::Usage } else { Exit::Done };
            return code.into();
        }
    };
    let clock = Clock::wall();
    let screen = Screen::of_terminal(clock.now());
    let answer = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::io(format!("the program cannot start: {error}")))
        .and_then(|runtime| {
            let answer = runtime.block_on(async {
                match asked {
                    Asked::Command(command) => carry_out(command, &screen, clock).await,
                    Asked::Plugin(plugin) => kubectl::run(plugin, &screen, clock).await,
                }
            });
            runtime.shutdown_background();
            answer
        });
    match answer {
        Ok((text, exit)) => {
            // A reader that went away (`| head`) has what it wanted.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            exit.into()
        }
        Err(failure) => {
            let _ = std::io::stderr().lock().write_all(failure.told(screen.style).as_bytes());
            failure.exit.into()
        }
    }
}

async fn carry_out(command: Command, screen: &Screen, clock: Clock) -> Answer {
    match command {
        Command::Run(args) => run::run(args, screen).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Check(args) => check::run(args, screen, clock).await,
        Command::Incidents(args) => incidents::run(args, screen, clock).await,
        Command::Explain(args) => Ok((explain::run(&args, screen), Exit::Done)),
        Command::Proposals(args) => proposals::run(args, screen, clock).await,
        Command::Propose(args) => propose::run(args, screen, clock).await,
        Command::Approve(args) => vote::run(args, VoteDecision::Approve, screen, clock).await,
        Command::Deny(args) => vote::run(args, VoteDecision::Deny, screen, clock).await,
        Command::Withdraw(args) => vote::run(args, VoteDecision::Withdraw, screen, clock).await,
        Command::Digest(args) => digest::run(args, screen, clock).await,
        Command::Audit(args) => audit::run(args, screen, clock).await,
        Command::Routes(args) => routes::run(args, screen, clock).await,
        Command::Playbooks(args) => playbooks::run(args, screen, clock).await,
        Command::Person(args) => person::run(args, screen, clock).await,
        Command::Silence(args) => silence::run(args, screen, clock).await,
        Command::Config(args) => config::run(&args, screen),
        Command::Completions(args) => Ok(completions::run(&args, &mut Cli::command())),
    }
}

#[cfg(test)]
mod tests;
