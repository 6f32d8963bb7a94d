//! `nightshift person`.

use super::key::{Key, default_path};
use super::output::{Format, OutputArg, Screen, json, table};
use super::source::ConfigArg;
use super::{Answer, Exit, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::offline::{self, OpenMode, SqliteStore};
use clap::Subcommand;
use nightshift_engine::proof::enrol::line;
use nightshift_model::registry::{Person, PersonKind, Power};
use nightshift_model::{PersonId, Seconds, Timestamp};
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a sign-in link: it works once, for 10 minutes
    Invite(InviteArgs),
    /// Who is in the registry, and what they may do
    List(ListArgs),
    /// Your own key, with which you sign votes
    Key(KeyArgs),
    /// Tokens of programs: they read and never vote
    Token {
        #[command(subcommand)]
        what: TokenWhat,
    },
}

#[derive(Debug, clap::Args)]
struct KeyArgs {
    #[command(subcommand)]
    what: KeyWhat,
}

#[derive(Debug, Subcommand)]
enum KeyWhat {
    /// Make a key on this machine, and print the line for the registry
    New(KeyNewArgs),
    /// Print the line of a key that is there
    Show(KeyShowArgs),
}

#[derive(Debug, clap::Args)]
struct KeyNewArgs {
    /// Your name, as the registry has it
    name: String,
    /// Where to write it [default: ~/.config/nightshift/key.pem]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct KeyShowArgs {
    /// Your key [default: ~/.config/nightshift/key.pem]
    #[arg(long, value_name = "FILE", env = "NIGHTSHIFT_KEY")]
    key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum TokenWhat {
    /// Make a token: it is printed once, with the line for the registry that holds its hash
    New(TokenArgs),
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    /// What it is for, as it is named in the registry
    name: String,
    /// Roles of the registry, by name; of their powers only `view` counts
    #[arg(long, value_name = "ROLE", value_delimiter = ',', required = true)]
    roles: Vec<String>,
    /// How long it works
    #[arg(long, value_name = "TIME", default_value = "90d")]
    lasts: Seconds,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct InviteArgs {
    /// The name, as the registry has it
    name: String,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    out: OutputArg,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    out: OutputArg,
}

pub(super) async fn run(args: Args, screen: &Screen, clock: Clock) -> Answer {
    match args.what {
        What::Invite(args) => invite(args, clock).await,
        What::List(args) => list(&args, screen),
        What::Key(KeyArgs { what: KeyWhat::New(args) }) => {
            let path = args.out.unwrap_or_else(default_path);
            let key = Key::make(&named(&args.name)?, &path)?;
            Ok((told(&key, &path, clock.now()), Exit::Done))
        }
        What::Key(KeyArgs { what: KeyWhat::Show(args) }) => {
            let path = args.key.unwrap_or_else(default_path);
            Ok((told(&Key::read(&path)?, &path, clock.now()), Exit::Done))
        }
        What::Token { what: TokenWhat::New(args) } => token(&args, clock),
    }
}

/// A name that can stand in a key file's first line and in a registry.
fn named(name: &str) -> Result<PersonId, Failure> {
    let fine = !name.is_empty() && name.len() <= 60 && !name.chars().any(|c| c.is_control() || c == ',');
    if fine {
        Ok(PersonId::from(name))
    } else {
        Err(Failure::usage(format!("{name:?} cannot be a name"), "write it as the registry has it"))
    }
}

/// Where a key is, and the line that makes it count. A key counts for proposals that are sealed after its time.
fn told(key: &Key, path: &Path, now: Timestamp) -> String {
    format!(
        "The key of {} is in {}; it never leaves this machine.\n\
         Have this line committed under `keys:` of {} in the registry, and nightshift restarted:\n\n      {}\n",
        key.person,
        path.display(),
        key.person,
        line(&key.entry(now))
    )
}

async fn invite(args: InviteArgs, clock: Clock) -> Answer {
    let config = Config::load(&args.config.path())?;
    let name = PersonId(args.name);
    let registry = config.registry_file.as_ref().map_or_else(
        || "a file, and name it in `registry`".to_owned(),
        |file| format!("{} and restart nightshift", file.display()),
    );
    match config.registry.person(&name) {
        None => {
            let next = format!("add `- {{ name: {name}, roles: [...] }}` to `persons` of {registry}");
            return Err(Failure::usage(
                format!("{name} is not in the registry: a link signs in only who is"),
                next,
            ));
        }
        Some(person) if person.kind == PersonKind::Service => {
            return Err(Failure::usage(
                format!("{name} is a service: services never vote"),
                "invite a person",
            ));
        }
        Some(_) => {}
    }
    let Some(base) = offline::gate_url(&config) else {
        return Err(Failure::usage(
            format!("nobody knows under which URL {} is reached", config.gate.listen),
            "set `gate.public_url`",
        ));
    };
    let store = SqliteStore::open(&config.store.path, OpenMode::ReadWrite).await?;
    let made = offline::invite(&config, store.clone(), clock, &name).await;
    store.close().await;
    let link = format!("{base}/signin/{}", made?);
    let text = match args.out.output {
        Format::Json => json(&serde_json::json!({"person": name, "link": link, "valid_seconds": 600})),
        Format::Text => format!("{link}\nSigns {name} in once, within 10 minutes. Hand it to nobody else.\n"),
    };
    Ok((text, Exit::Done))
}

/// The token goes to stdout and nowhere else; the registry gets its hash.
fn token(args: &TokenArgs, clock: Clock) -> Answer {
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
    };
    if let Some(wrong) = std::iter::once(&args.name).chain(&args.roles).find(|text| !plain(text)) {
        return Err(Failure::usage(
            format!("`{wrong}` is not a name"),
            "use up to 64 letters, digits and `-_.@`",
        ));
    }
    let token = offline::token()?;
    let expires = Timestamp::from_second((clock.now() + args.lasts).get().as_second());
    let line = format!(
        "- {{ name: {}, sha256: {}, roles: [{}], expires: {expires} }}",
        args.name,
        token.sha256,
        args.roles.join(", ")
    );
    let text = match args.out.output {
        Format::Json => json(&serde_json::json!({
            "name": args.name, "token": token.text, "sha256": token.sha256, "roles": args.roles, "expires": expires,
        })),
        Format::Text => format!(
            "{}\nThis is the only time it is shown. Put it into a file that only its program reads.\n\n\
             Into the registry, under `tokens:`, and restart nightshift:\n{line}\n",
            token.text
        ),
    };
    Ok((text, Exit::Done))
}

fn list(args: &ListArgs, screen: &Screen) -> Answer {
    let config = Config::load(&args.config.path())?;
    let persons = &config.registry.persons;
    let text = match args.out.output {
        Format::Json => {
            let one = |p: &Person| serde_json::json!({"name": p.name, "kind": p.kind, "roles": p.roles, "may": may(&config, p)});
            json(&persons.iter().map(one).collect::<Vec<_>>())
        }
        Format::Text if persons.is_empty() => {
            "Nobody is in the registry, so nobody can decide.\n next: name a file of persons and roles in `registry`\n".to_owned()
        }
        Format::Text => {
            let row = |p: &Person| {
                let kind = if p.kind == PersonKind::Service { "service" } else { "person" };
                vec![p.name.to_string(), kind.to_owned(), p.roles.join(", "), may(&config, p).join("; ")]
            };
            let rows: Vec<Vec<String>> = persons.iter().map(row).collect();
            table(screen, &["NAME", "KIND", "ROLES", "MAY"], &rows)
        }
    };
    Ok((text, Exit::Done))
}

/// `approve shop, bank`, one a power.
fn may(config: &Config, person: &Person) -> Vec<String> {
    let roles: Vec<_> = person.roles.iter().filter_map(|role| config.registry.roles.get(role)).collect();
    [(Power::View, "view"), (Power::Approve, "approve"), (Power::Admin, "admin")]
        .into_iter()
        .filter_map(|(power, word)| {
            let mut owners: Vec<&str> = roles
                .iter()
                .filter(|r| r.may.contains(&power))
                .flat_map(|r| r.owners.iter().map(String::as_str))
                .collect();
            owners.sort_unstable();
            owners.dedup();
            (!owners.is_empty()).then(|| format!("{word} {}", owners.join(", ")))
        })
        .collect()
}
