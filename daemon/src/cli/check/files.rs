//! What lies on this machine: keys, history, listener, people, endpoints, playbooks.

use super::{Failure, Finding};
use crate::cli::failure::causes;
use crate::cli::source::history;
use crate::config::{Config, Mode, Secret};
use crate::network::Network;
use crate::runtime::offline::{self, RoleArg, State, StateError, StateFile};
use nightshift_detectors::DETECTORS;
use nightshift_engine::alert::WATCHDOG;
use nightshift_engine::note::Note;
use nightshift_model::registry::matches;
use nightshift_model::{Reason, Timestamp};
use nightshift_playbooks::Catalog;
use std::net::TcpListener;
use std::path::Path;

/// Entries of `ignore` that are named.
const IGNORED: usize = 20;

/// How connections leave; directly, where that cannot be told.
pub(super) fn network(config: &Config) -> (Network, Finding) {
    let told = match &config.network.ca_file {
        Some(path) => format!("the authorities in {} are trusted too", path.display()),
        None => "the public authorities are trusted".to_owned(),
    };
    match Network::load(config.network.ca_file.as_deref()) {
        Ok(network) => {
            let way =
                if network.is_direct() { "no proxy is named" } else { "a proxy, as the environment says" };
            let found = Finding::ok("connections", format!("{way}; {told}"));
            (network, found)
        }
        Err(error) => {
            let next = "mend `network.ca_file`, or the variable; nightshift does not start like this";
            (Network::default(), Finding::missing("connections", causes(&error), next))
        }
    }
}

/// Everything but the playbooks. In a cluster each role sees its own keys only.
pub(super) async fn look(config: &Config, network: &Network, role: RoleArg, now: Timestamp) -> Vec<Finding> {
    let (last, signing) = signing(config);
    let mut found = vec![people(config)];
    if role != RoleArg::Executor {
        found.push(keys(config));
    }
    if role != RoleArg::Responder {
        found.push(signing);
    }
    found.extend(store(config, last).await);
    found.extend(doors(config));
    found.extend(alerts(config).await);
    found.extend(ignored(config, now).await);
    found.extend(endpoints(config, network));
    found
}

fn people(config: &Config) -> Finding {
    let registry = &config.registry;
    if config.mode == Mode::Observe && config.registry_file.is_none() {
        return Finding::ok("persons", "none; mode observe needs nobody");
    }
    let namespaces = &config.actions.namespaces;
    let nobody: Vec<&String> =
        namespaces.iter().filter(|n| registry.approvers(n.trim_end_matches('*')).is_empty()).collect();
    if let Some(first) = nobody.first() {
        let names: Vec<&str> = nobody.iter().map(|n| n.as_str()).collect();
        return Finding::missing(
            "persons",
            format!("nobody may approve in {}", names.join(", ")),
            format!(
                "give a person a role over the owner of {first}: `nightshift person list` shows who may what"
            ),
        );
    }
    let url = config.gate.public_url.as_ref().map(crate::config::PublicUrl::origin);
    if let (Some(site), Some(url)) = (&registry.passkeys, &url)
        && !site.origins.contains(url)
    {
        return Finding::missing(
            "persons",
            format!("passkeys are for {}, people come to {url}", site.origins.join(", ")),
            "put the gate's `public_url` into `passkeys.origins` of the registry",
        );
    }
    let forbidden = |n: &&String| registry.policy.forbidden_namespaces.iter().any(|f| matches(f, n));
    if let Some(namespace) = namespaces.iter().find(forbidden) {
        return Finding::missing(
            "persons",
            format!("policy forbids every write in {namespace}, which `actions.namespaces` names"),
            "take it out of `actions.namespaces` or of `policy.forbidden_namespaces`",
        );
    }
    Finding::ok("persons", format!("{} in the registry", registry.persons.len()))
}

fn keys(config: &Config) -> Finding {
    let folder = &config.gate.keys_dir;
    let mut made = Vec::new();
    for name in ["links.key", "forms.key"] {
        let path = folder.join(name);
        if !path.exists() {
            made.push(name);
        } else if let Err(error) = Secret::read(&path) {
            return Finding::missing(
                "keys of the gate",
                error.to_string(),
                "mend the file, or remove it: a new one is made",
            );
        }
    }
    let place = folder.display();
    if made.is_empty() {
        return Finding::ok("keys of the gate", format!("in {place}"));
    }
    match writable(folder) {
        Ok(()) => Finding::ok("keys of the gate", format!("{} will be made in {place}", made.join(" and "))),
        Err(why) => Finding::missing(
            "keys of the gate",
            format!("{} cannot be made in {place}: {why}", made.join(" and ")),
            "make the folder and let nightshift write there, or name another in `gate.keys_dir`",
        ),
    }
}

/// The executor's last note, if it can be read, and how it stands with signing.
fn signing(config: &Config) -> (Option<Note>, Finding) {
    const WHAT: &str = "signing of the history";
    if config.mode == Mode::Observe {
        return (None, Finding::ok(WHAT, "nobody signs in mode observe: chain only"));
    }
    let folder = &config.audit.keys_dir;
    let place = folder.display();
    match StateFile::of(folder).read() {
        Err(error @ StateError::Damaged { .. }) => {
            let next = "nightshift audit verify against notes kept elsewhere, then nightshift audit adopt";
            (None, Finding::missing(WHAT, error.to_string(), next))
        }
        Err(error) => {
            let next = "look as the user that the executor runs as; the responder's must not read it";
            (None, Finding::not_checked(WHAT, causes(&error), next))
        }
        Ok(None) => match writable(folder) {
            Ok(()) => (None, Finding::ok(WHAT, format!("key and last note will be made in {place}"))),
            Err(why) => {
                let next = "let the executor write there, or name another folder in `audit.keys_dir`";
                (None, Finding::missing(WHAT, format!("{place} cannot be made or written: {why}"), next))
            }
        },
        Ok(Some(State { closed: Some(why), .. })) => {
            let next = "find out who changed the history; `nightshift audit adopt` opens the executor";
            (None, Finding::missing(WHAT, format!("the executor is closed: {why}"), next))
        }
        Ok(Some(State { kept, closed: None })) => {
            let note = kept.as_ref().and_then(|kept| kept.note.as_deref()).and_then(|n| Note::parse(n).ok());
            let size = kept.map_or(0, |kept| kept.kept.size);
            (note, Finding::ok(WHAT, format!("{size} rows are signed, last note in {place}")))
        }
    }
}

async fn store(config: &Config, last: Option<Note>) -> Vec<Finding> {
    let path = &config.store.path;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let next = "let nightshift write there, or name another file in `store.path`";
    if let Err(why) = writable(folder) {
        return vec![Finding::missing(
            "store",
            format!("{} cannot be written: {why}", folder.display()),
            next,
        )];
    }
    if !path.exists() {
        return vec![Finding::ok("store", format!("{} will be made", path.display()))];
    }
    if let Err(error) = std::fs::OpenOptions::new().append(true).open(path) {
        return vec![Finding::missing(
            "store",
            format!("{} cannot be written: {error}", path.display()),
            next,
        )];
    }
    let store = match history(path).await {
        Ok(store) => store,
        Err(Failure { what, next, .. }) => return vec![Finding::missing("store", what, next)],
    };
    let mut found = vec![Finding::ok("store", format!("{}, schema up to date", path.display()))];
    let notes = last.into_iter().map(|note| ("that the executor signed last".to_owned(), note)).collect();
    let held = offline::Held { notes, ..offline::Held::default() };
    found.push(match offline::verify(&store, 0, &held).await {
        Err(error) => Finding::not_checked("audit chain", error.to_string(), "nightshift audit verify"),
        Ok(report) if report.problems.is_empty() => {
            Finding::ok("audit chain", format!("{} rows hold", report.rows))
        }
        Ok(report) => Finding::missing(
            "audit chain",
            match report.problems.as_slice() {
                [one] => one.what.clone(),
                more => format!("{} rows are not as they were recorded", more.len()),
            },
            "nightshift audit verify; keep the file as it is",
        ),
    });
    found
}

/// A listener that is taken is most often a nightshift that runs.
fn doors(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let doors = [
        ("the gate", "gate.listen", config.gate.listen),
        ("health and metrics", "health.listen", config.health.listen),
    ];
    let alerts = config.alerts.as_ref().map(|a| ("alerts", "alerts.listen", a.listen));
    for (what, field, address) in doors.into_iter().chain(alerts) {
        found.push(match TcpListener::bind(address) {
            Ok(_) => Finding::ok(format!("listener of {what}"), address.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::not_checked(
                format!("listener of {what}"),
                format!("somebody listens on {address} already"),
                format!("stop it if it is not nightshift, or change `{field}`"),
            ),
            Err(error) => Finding::missing(
                format!("listener of {what}"),
                format!("{address} cannot be listened on: {error}"),
                format!("change `{field}`"),
            ),
        });
    }
    found.push(match (&config.gate.public_url, offline::gate_url(config)) {
        (Some(url), _) => Finding::ok("links", format!("begin with {}", url.origin())),
        (None, Some(url)) => {
            let told = format!("none: messages carry the command to type, and the pages are at {url}");
            Finding::ok("links", told).hint("set `gate.public_url`, and they carry a link")
        }
        (None, None) => {
            let told = "none: nobody knows where the pages are, so nobody can be invited to sign in";
            Finding::missing("links", told, "set `gate.public_url`")
        }
    });
    if let Some(tls) = &config.gate.tls {
        found.push(match offline::certificate(tls) {
            Ok(()) => Finding::ok("TLS of the gate", tls.cert.display().to_string()),
            Err(error) => Finding::missing("TLS of the gate", causes(&error), "mend `gate.tls`"),
        });
    }
    found
}

/// Who may send alerts, and whether they arrive.
async fn alerts(config: &Config) -> Vec<Finding> {
    let Some(alerts) = &config.alerts else {
        return vec![Finding::ok("alerts", "none are taken").hint("add `alerts` to take Alertmanager's")];
    };
    let mut found = Vec::new();
    let bad = alerts.secret_files().find_map(|file| Secret::read(file).err());
    found.push(match bad {
        Some(error) => Finding::missing(
            "sender of alerts",
            causes(&error),
            "put at least 32 random bytes there: `openssl rand -hex 32`",
        ),
        None if alerts.secret_files().next().is_none() => {
            Finding::ok("sender of alerts", "not authenticated: anybody on this machine may send them")
                .hint("name a file in `alerts.bearer_token_files`")
        }
        None => Finding::ok("sender of alerts", "authenticated by a secret of yours"),
    });
    if alerts.tls.is_none() && !alerts.listen.ip().is_loopback() {
        let what = "the secret crosses the network unencrypted";
        found.push(Finding::not_checked("TLS of alerts", what, "give `alerts.tls` a certificate"));
    }
    let heard = match history(&config.store.path).await {
        Ok(store) => store.alert_last_heard(WATCHDOG).await.map_err(|e| e.to_string()),
        Err(failure) => Err(failure.what),
    };
    let route = "send the alert Watchdog to nightshift, repeated more often than `alerts.watchdog`";
    found.push(match (heard, alerts.watchdog) {
        (Err(why), _) => Finding::not_checked("Watchdog", why, "start nightshift once"),
        (Ok(Some(at)), Some(period)) => {
            Finding::ok("Watchdog", format!("heard of last at {at}, missed after {period}"))
        }
        (Ok(Some(at)), None) => {
            Finding::ok("Watchdog", format!("heard of last at {at}, but nobody waits for it"))
                .hint("set `alerts.watchdog`: then its silence is an incident")
        }
        (Ok(None), Some(_)) => Finding::missing("Watchdog", "never heard of", route),
        (Ok(None), None) => Finding::ok("Watchdog", "never heard of, and nobody waits for it")
            .hint("set `alerts.watchdog`, and send that alert: then a broken route is an incident"),
    });
    found
}

/// What opens no incident, and how much of that there was lately.
async fn ignored(config: &Config, now: Timestamp) -> Option<Finding> {
    let entries = config.ignore.entries().0;
    let first = entries.first()?;
    let mut what: Vec<String> =
        entries.iter().take(IGNORED).map(|e| format!("{} ({})", e.of, e.because)).collect();
    let more = entries.len().saturating_sub(IGNORED);
    what.extend((more > 0).then(|| format!("{more} more")));
    let what = what.join(", ");
    let count = match history(&config.store.path).await {
        Ok(store) => offline::ignored(&store, now).await.map_err(|e| e.to_string()),
        Err(failure) => Err(failure.what),
    };
    Some(match count {
        Ok(n) => Finding::ok("ignored", format!("{what}; {n} findings or alerts opened nothing in a day"))
            .hint(format!("take {} out of `ignore` when its reason is gone", first.of)),
        Err(why) => Finding::not_checked(
            "ignored",
            format!("{what}; how many opened nothing: {why}"),
            "start nightshift once",
        ),
    })
}

fn endpoints(config: &Config, network: &Network) -> Vec<Finding> {
    let channels = offline::endpoints(&config.notify, network);
    if channels.is_empty() {
        return vec![Finding::ok("messages", "no channel: nobody is woken").hint("add one to `notify`")];
    }
    let mut found: Vec<Finding> = channels
        .into_iter()
        .map(|(name, usable)| match usable {
            Ok(()) => Finding::ok(
                format!("messages to {name}"),
                "address and secrets can be read; nothing was sent",
            ),
            Err(error) => Finding::missing(
                format!("messages to {name}"),
                causes(&error),
                "mend the file that the message names",
            ),
        })
        .collect();
    let routes = config.notify.routes.len();
    found.push(if routes == 0 {
        Finding::ok("routes", "none: the default holds").hint("nightshift routes test INCIDENT shows it")
    } else {
        Finding::ok("routes", format!("{routes}, each can be reached"))
    });
    if config.notify.heartbeat.is_none() {
        let told = "none: nobody is woken when nightshift itself stands still";
        found.push(Finding::ok("heartbeat", told).hint("name its address in `notify.heartbeat`"));
    }
    found
}

/// One marked message to every channel, for whoever asked for it.
pub(super) async fn send_test(config: &Config, network: &Network, now: Timestamp) -> Vec<Finding> {
    let next = "see that the address and its secret are right, and that it can be reached from here";
    match offline::send_test(&config.notify, network, &config.cluster.name, now).await {
        Err(error) => vec![Finding::missing("test messages", causes(&error), next)],
        Ok(handed) => handed
            .into_iter()
            .map(|(name, handed)| match handed {
                offline::Handed::Delivered | offline::Handed::Threaded(_) => {
                    Finding::ok(format!("test message to {name}"), "taken")
                }
                offline::Handed::Later { why, .. } | offline::Handed::Never { why } => {
                    Finding::missing(format!("test message to {name}"), why, next)
                }
            })
            .collect(),
    }
}

/// Which detectors are asked, and by what that is not the default.
pub(super) fn detectors(config: &Config) -> Finding {
    let params = &config.detectors;
    let off: Vec<&str> = params.off().map(Reason::as_str).collect();
    let set: Vec<String> = params.changed().map(|(name, value)| format!("{name} {value}")).collect();
    let asked = DETECTORS.iter().filter(|detector| !params.is_off(detector.reason())).count();
    let listed = |word: &str, list: String| if list.is_empty() { list } else { format!("; {word} {list}") };
    let told = format!("{asked} asked{}{}", listed("off:", off.join(", ")), listed("set:", set.join(", ")));
    if asked == 0 {
        return Finding::missing("detectors", told, "take some out of `off`: nothing is looked for");
    }
    Finding::ok("detectors", told)
}

/// The playbooks in force, if they can be read.
pub(super) fn playbooks(config: &Config) -> (Option<Catalog>, Finding) {
    match offline::catalog(&config.playbooks) {
        Ok(catalog) => {
            let told = format!("{} in force, digest {}", catalog.iter().count(), catalog.digest().short());
            (Some(catalog), Finding::ok("playbooks", told))
        }
        Err(error) => {
            let told = causes(&error);
            (None, Finding::missing("playbooks", told, "nightshift playbooks check FOLDER"))
        }
    }
}

/// Whether a file could be made in a folder, or in the nearest folder above that is there.
fn writable(folder: &Path) -> Result<(), String> {
    let there = folder.ancestors().find(|place| place.as_os_str().is_empty() || place.exists());
    let there = there.filter(|place| !place.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(there).map(drop).map_err(|error| error.to_string())
}
