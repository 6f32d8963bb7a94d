//! `nightshift config`.

use super::output::{Format, OutputArg, Screen, json};
use super::source::ConfigArg;
use super::{Answer, Exit, Failure};
use crate::config::{Config, LogFormat, Mode};
use clap::Subcommand;
use nightshift_engine::Rules;
use serde_json::{Value, json};

/// What a configuration file looks like.
const EXAMPLE: &str = include_str!("../../assets/nightshift.example.yaml");

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A file to begin with
    Example,
    /// Read the file and everything it names, and say what is wrong
    Check(FileArgs),
    /// What is in force, defaults included; of secrets the paths only
    Show(FileArgs),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    out: OutputArg,
}

pub(super) fn run(args: &Args, screen: &Screen) -> Answer {
    match &args.what {
        What::Example => Ok((EXAMPLE.to_owned(), Exit::Done)),
        What::Check(args) => check(args, screen),
        What::Show(args) => show(args),
    }
}

fn check(args: &FileArgs, screen: &Screen) -> Answer {
    let path = args.config.path();
    match (Config::load(&path), args.out.output) {
        (Ok(_), Format::Text) => {
            let ok = screen.style.good("ok");
            let next = format!(" next: nightshift check --config {}", path.display());
            Ok((format!("{ok} {} and what it names\n{next}\n", path.display()), Exit::Done))
        }
        (Ok(_), Format::Json) => Ok((super::output::json(&json!({"problems": []})), Exit::Done)),
        (Err(error), Format::Text) => Err(error.into()),
        (Err(error), Format::Json) => {
            let one = |p: &crate::config::Problem| json!({"file": p.file, "line": p.line, "field": p.field, "what": p.what});
            let problems: Vec<Value> = error.problems.iter().map(one).collect();
            Ok((super::output::json(&json!({ "problems": problems })), Exit::Usage))
        }
    }
}

fn show(args: &FileArgs) -> Answer {
    let config = Config::load(&args.config.path())?;
    let value = effective(&config);
    let text = match args.out.output {
        Format::Json => json(&value),
        Format::Text => serde_saphyr::to_string(&value).map_err(|error| Failure::io(error.to_string()))?,
    };
    Ok((text, Exit::Done))
}

/// Every field, as the program took it. Secrets are files; here stand their paths.
pub(super) fn effective(config: &Config) -> Value {
    let (gate, registry) = (&config.gate, &config.registry);
    let hooks = config.notify.webhooks.iter().map(|hook| {
        json!({"name": hook.name, "url": host_of(&hook.url), "secret_file": hook.secret_file, "allow_private": hook.allow_private})
    });
    let notify = &config.notify;
    let playbooks = crate::runtime::offline::catalog(&config.playbooks).ok();
    let policy = playbooks
        .map(|p| Rules::policy_digest(registry, &p, &crate::runtime::offline::mode(config)).to_string());
    json!({
        "mode": match config.mode { Mode::Observe => "observe", Mode::Approve => "approve" },
        "actions": {"namespaces": config.actions.namespaces},
        "cluster": {
            "name": config.cluster.name, "kubeconfig": config.cluster.kubeconfig,
            "context": config.cluster.context, "namespaces": config.cluster.namespaces,
        },
        "store": {"path": config.store.path},
        "audit": {"keys_dir": config.audit.keys_dir},
        "gate": {
            "listen": gate.listen.to_string(),
            "public_url": gate.public_url.as_ref().map(crate::config::PublicUrl::origin),
            "tls": gate.tls.as_ref().map(|tls| json!({"cert": tls.cert, "key": tls.key})),
            "trusted_proxy": gate.trusted_proxy, "keys_dir": gate.keys_dir,
        },
        "countersign": config.countersign.as_ref().map(|c| json!({
            "mode": c.mode, "lock": c.lock, "executor": c.executor, "listen": c.listen.to_string(), "names": c.names,
        })),
        "health": {"listen": config.health.listen.to_string()},
        "alerts": config.alerts.as_ref().map(|a| json!({
            "listen": a.listen.to_string(), "bearer_token_files": a.bearer_token_files,
            "basic": a.basic.as_ref().map(|b| json!({"user": b.user, "password_files": b.password_files})),
            "tls": a.tls.as_ref().map(|tls| json!({"cert": tls.cert, "key": tls.key})), "watchdog": a.watchdog,
        })),
        "noise": config.noise,
        "prometheus": config.prometheus.as_ref().map(|p| json!({
            "url": p.url, "ca_file": p.ca_file, "bearer_token_file": p.bearer_token_file, "timeout": p.timeout,
        })),
        "network": {"ca_file": config.network.ca_file},
        "notify": {
            "webhooks": hooks.collect::<Vec<_>>(),
            "slack": notify.slack.iter().map(|c| json!({
                "name": c.name, "url_file": c.url_file, "mention": c.mention.is_some(), "allow_private": c.allow_private,
            })).collect::<Vec<_>>(),
            "slack_apps": notify.slack_apps.iter().map(|c| json!({
                "name": c.name, "channel": c.channel, "bot_token_file": c.bot_token_file,
                "app_token_file": c.app_token_file, "mention": c.mention.is_some(), "api": host_of(&c.api),
                "allow_private": c.allow_private,
            })).collect::<Vec<_>>(),
            "pagerduty": notify.pagerduty.iter().map(|c| json!({
                "name": c.name, "url": host_of(&c.url), "routing_key_file": c.routing_key_file,
                "allow_private": c.allow_private,
            })).collect::<Vec<_>>(),
            "mail": notify.mail.iter().map(|c| json!({
                "name": c.name, "server": c.server, "from": c.from, "to": c.to, "username": c.username,
                "password_file": c.password_file, "ca_file": c.ca_file, "allow_private": c.allow_private,
            })).collect::<Vec<_>>(),
            "production": notify.production, "routes": notify.routes.len(),
            "heartbeat": notify.heartbeat.as_ref().map(|b| json!({"url_file": b.url_file, "every": b.every})),
            "digest": {"at": config.notify.digest.at.0.strftime("%H:%M").to_string(), "zone": config.notify.digest.zone},
        },
        "registry": config.registry_file, "persons": registry.persons.len(),
        "policy": {"digest": policy, "numbers": registry.policy},
        "playbooks": config.playbooks,
        "detectors": {
            "files": config.detector_files, "parameters": config.detectors.changed().collect::<std::collections::BTreeMap<_, _>>(),
            "off": config.detectors.off().collect::<Vec<_>>(),
        },
        "kill_switch": config.kill_switch,
        "log": {
            "format": match config.log.format { LogFormat::Json => "json", LogFormat::Pretty => "pretty" },
            "level": config.log.level,
        },
    })
}

/// A webhook's path is often its secret: scheme and host are shown.
fn host_of(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "(unreadable)".to_owned(),
        |url| {
            let origin = url.origin().ascii_serialization();
            if url.path().len() > 1 || url.query().is_some() { format!("{origin}/…") } else { origin }
        },
    )
}
