#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here
use super::output::{Screen, Style};
use super::{Answer, Cli, Command, Exit, carry_out};
use crate::clock::Clock;
use clap::{CommandFactory as _, Parser as _};
use expect_test::{ExpectFile, expect, expect_file};
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::path::Path;

mod fixture;
mod pages;

fn golden(name: &str) -> ExpectFile {
    expect_file![format!("{}/testdata/cli/{name}.txt", env!("CARGO_MANIFEST_DIR"))]
}

fn screen() -> Screen {
    Screen { style: Style::plain(), width: 80, zone: TimeZone::UTC, now: fixture::at(1_200) }
}

/// What a command line answers; a folder's name is taken out of it.
async fn ask(folder: &Path, line: &str) -> (String, Exit) {
    let place = folder.display().to_string();
    let line = line.replace("FOLDER", &place);
    let words = std::iter::once("nightshift").chain(line.split(' '));
    let answer: Answer = match Cli::try_parse_from(words) {
        Ok(Cli { command }) => {
            let start = fixture::at(1_200);
            // A folder's name has another length everywhere, so that only lines without one are wrapped.
            let width = if line.starts_with("check") { 400 } else { 80 };
            let screen = Screen { width, ..screen() };
            carry_out(command, &screen, Clock::scaled(start, 1)).await
        }
        Err(told) => return (told.to_string(), Exit::Usage),
    };
    let (text, exit) = answer.unwrap_or_else(|failure| (failure.told(Style::plain()), failure.exit));
    (text.replace(&place, "FOLDER"), exit)
}

/// Every history has a random name of its own, so its hashes differ.
fn untipped(text: &str) -> String {
    let line = |line: &str| {
        line.split_once(", tip ").map_or(line.to_owned(), |(head, _)| format!("{head}, tip TIP"))
    };
    text.lines().map(|one| line(one) + "\n").collect()
}

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_tells_the_commands_and_the_exit_codes() {
    let mut command = Cli::command().term_width(80);
    command.build();
    golden("help").assert_eq(&command.render_help().to_string());
    let mut shown = String::new();
    for sub in command.get_subcommands_mut() {
        let help = sub.clone().term_width(80).render_help();
        let _ = writeln!(
            shown,
            "== {}
{help}",
            sub.get_name()
        );
    }
    golden("help-commands").assert_eq(&shown);
}

#[tokio::test]
async fn the_history_is_told_to_people() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    for (name, line) in [
        ("incidents-open", "incidents --db FOLDER/nightshift.db"),
        ("incidents-all", "incidents list --all --db FOLDER/nightshift.db"),
        ("incident-waiting", "incidents show inc-0 --db FOLDER/nightshift.db"),
        ("incident-proven", "incidents show inc-1 --db FOLDER/nightshift.db"),
        ("incident-alert", "incidents show inc-2 --db FOLDER/nightshift.db"),
        ("proposals-all", "proposals list --all --db FOLDER/nightshift.db"),
        ("explain", "playbooks explain inc-0 --db FOLDER/nightshift.db"),
        ("digest", "digest --from 2027-01-14T22:00:00Z --to 2027-01-15T02:20:00Z --db FOLDER/nightshift.db"),
    ] {
        let (text, exit) = ask(folder.path(), line).await;
        assert_eq!(exit, Exit::Done, "{line}\n{text}");
        golden(name).assert_eq(&untipped(&text));
    }
    let (list, _) = ask(folder.path(), "proposals --all -o json --db FOLDER/nightshift.db").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    for (name, at) in [("proposal-waiting", 0), ("proposal-proven", 1)] {
        let id = list[at]["id"].as_str().unwrap();
        let (text, _) = ask(folder.path(), &format!("proposals show {id} --db FOLDER/nightshift.db")).await;
        golden(name).assert_eq(&text);
        assert!(!text.contains('\u{1b}'), "a log line must not steer the terminal");
    }
}

#[tokio::test]
async fn routes_say_where_a_message_would_go_and_why() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    let config = "store: { path: nightshift.db }
notify:
  slack: [{ name: chat, url_file: s }]
  pagerduty: [{ name: pager, routing_key_file: s }]
  production: [\"sho*\"]
  routes:
    - { namespaces: [\"dev-*\"], digest: only }
    - { severity: critical, hours: { from: \"22:00\", until: \"01:00\", zone: Europe/Berlin }, page: [pager] }
";
    std::fs::write(folder.path().join("n.yaml"), config).unwrap();
    fixture::told(folder.path()).await;
    let mut all = String::new();
    for line in [
        "routes test inc-0 --config FOLDER/n.yaml",
        "routes test inc-0 --at 2027-01-14T23:30:00Z --config FOLDER/n.yaml",
    ] {
        let (text, exit) = ask(folder.path(), line).await;
        assert_eq!(exit, Exit::Done, "{line}\n{text}");
        let _ = writeln!(all, "$ nightshift {line}\n{text}");
    }
    golden("routes").assert_eq(&all);
    let (text, _) = ask(folder.path(), "routes test inc-0 -o json --config FOLDER/n.yaml").await;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["page"][0], &json["post"][0]), (&"pager".into(), &"chat".into()), "{json}");
    for (line, says) in [
        ("routes test inc-0 --at yesterday --config FOLDER/n.yaml", "is not a time"),
        ("routes test nobody --config FOLDER/n.yaml", "no incident begins with"),
        ("routes test inc-0 --db FOLDER/nightshift.db", "routes stand in the configuration"),
    ] {
        let (text, exit) = ask(folder.path(), line).await;
        assert!(exit != Exit::Done && text.contains(says), "{line}\n{text}");
    }
}

#[tokio::test]
async fn every_answer_is_json_too() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    std::fs::write(folder.path().join("n.yaml"), "store: { path: nightshift.db }\n").unwrap();
    for line in [
        "incidents -o json --db FOLDER/nightshift.db",
        "incidents show inc-1 -o json --db FOLDER/nightshift.db",
        "playbooks explain inc-1 -o json --db FOLDER/nightshift.db",
        "playbooks list -o json --config FOLDER/n.yaml",
        "playbooks show escalate -o json --config FOLDER/n.yaml",
        "digest --last-night -o json --config FOLDER/n.yaml",
        "audit verify -o json --db FOLDER/nightshift.db",
        "config show -o json --config FOLDER/n.yaml",
        "config check -o json --config FOLDER/n.yaml",
        "person list -o json --config FOLDER/n.yaml",
    ] {
        let (text, _) = ask(folder.path(), line).await;
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{line}\n{text}");
    }
}

#[tokio::test]
async fn an_error_is_one_sentence_and_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    std::fs::write(folder.path().join("field.yaml"), "mode: observe\ngates: {}\n").unwrap();
    std::fs::write(folder.path().join("time.yaml"), "prometheus:\n  url: http://p:9090\n  timeout: 10\n")
        .unwrap();
    std::fs::write(folder.path().join("no.db"), "this is no database, whatever its name says").unwrap();
    std::fs::write(folder.path().join("token"), "nst_abc\n").unwrap();
    std::fs::write(folder.path().join("two"), "nst_abc nst_def\n").unwrap();
    let mut told = String::new();
    for (line, exit) in [
        ("config check --config FOLDER/none.yaml", Exit::Usage),
        ("config check --config FOLDER/field.yaml", Exit::Usage),
        ("config check --config FOLDER/time.yaml", Exit::Usage),
        ("incidents --db FOLDER/none.db", Exit::Io),
        ("incidents --db FOLDER/no.db", Exit::Io),
        ("incidents show inc- --db FOLDER/nightshift.db", Exit::Found),
        ("incidents show nothing --db FOLDER/nightshift.db", Exit::Found),
        ("playbooks show nothing --config FOLDER/empty.yaml", Exit::Found),
        ("playbooks check FOLDER/field.yaml", Exit::Usage),
        ("digest --from tomorrow --db FOLDER/nightshift.db", Exit::Usage),
        ("person invite alice --config FOLDER/empty.yaml", Exit::Usage),
        ("audit verify --jsonl FOLDER/none.jsonl", Exit::Io),
        ("audit verify --db FOLDER/no.db", Exit::Io),
        ("incidents --server http://nightshift.example.com", Exit::Usage),
        ("incidents --server https://nightshift.example.com", Exit::Usage),
        ("incidents --server https://nightshift.example.com --token-file FOLDER/none", Exit::Usage),
        ("incidents --server https://nightshift.example.com --token-file FOLDER/two", Exit::Usage),
        (
            "incidents --server https://x.example.com --token-file FOLDER/token --ca-file FOLDER/two",
            Exit::Usage,
        ),
        ("incidents --db FOLDER/nightshift.db --token-file FOLDER/token", Exit::Usage),
        ("person token new ci,x --roles looker", Exit::Usage),
        ("run --config FOLDER/field.yaml", Exit::Usage),
    ] {
        std::fs::write(folder.path().join("empty.yaml"), "").unwrap();
        let (text, ended) = ask(folder.path(), line).await;
        assert_eq!(ended, exit, "{line}\n{text}");
        let _ = write!(told, "$ nightshift {line}\n{text}");
    }
    golden("errors").assert_eq(&told);
}

#[tokio::test]
async fn a_history_is_proven_whole_only_against_what_was_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    let (text, exit) = ask(folder.path(), "audit verify --db FOLDER/nightshift.db").await;
    assert_eq!(exit, Exit::Usage, "incomplete: {text}");
    let tip = text.lines().find_map(|line| line.strip_prefix("tip ")).unwrap().to_owned();
    let (text, exit) =
        ask(folder.path(), &format!("audit verify --db FOLDER/nightshift.db --tip {tip}")).await;
    assert_eq!(exit, Exit::Done, "{text}");
    let (text, exit) = ask(folder.path(), "audit export --db FOLDER/nightshift.db --jsonl FOLDER/copy").await;
    assert_eq!(exit, Exit::Done, "{text}");
    let (text, exit) = ask(folder.path(), &format!("audit verify --jsonl FOLDER/copy --tip {tip}")).await;
    assert_eq!(exit, Exit::Done, "{text}");
    // The end cut off: the chain alone still holds.
    let copy = std::fs::read_to_string(folder.path().join("copy")).unwrap();
    let kept: Vec<&str> = copy.lines().take(10).collect();
    std::fs::write(folder.path().join("short"), kept.join("\n")).unwrap();
    let (text, exit) = ask(folder.path(), "audit verify --jsonl FOLDER/short").await;
    assert_eq!(exit, Exit::Usage, "{text}");
    let (text, exit) = ask(folder.path(), &format!("audit verify --jsonl FOLDER/short --tip {tip}")).await;
    assert_eq!(exit, Exit::Found, "{text}");
    assert!(text.contains("the history's end was cut off"), "{text}");
    let changed = copy.replace("seen, thanks", "never seen");
    std::fs::write(folder.path().join("changed"), changed).unwrap();
    let (text, exit) = ask(folder.path(), "audit verify --jsonl FOLDER/changed").await;
    assert_eq!(exit, Exit::Found, "{text}");
}

#[tokio::test]
async fn a_signed_history_is_whole_and_its_rows_are_proven_without_it() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    let (vkey, line) = fixture::signed(folder.path()).await;
    std::fs::write(folder.path().join("log.jsonl"), format!("{{\"message\":\"ready\"}}\n{line}\n")).unwrap();
    let verify = "audit verify --db FOLDER/nightshift.db --checkpoint FOLDER/log.jsonl";
    let (text, exit) = ask(folder.path(), &format!("{verify} --vkey {vkey}")).await;
    assert_eq!(exit, Exit::Done, "{text}");
    golden("audit-verify").assert_eq(&unhashed(&text));
    let (text, exit) = ask(folder.path(), verify).await;
    assert_eq!(exit, Exit::Usage, "{text}");
    assert!(text.contains("no key was given"), "{text}");
    let (text, exit) = ask(folder.path(), "audit keys --db FOLDER/nightshift.db").await;
    assert!(exit == Exit::Done && text.contains(&vkey), "{text}");

    let (proof, exit) = ask(folder.path(), "audit prove --seq 3 --db FOLDER/nightshift.db").await;
    assert_eq!(exit, Exit::Done, "{proof}");
    std::fs::write(folder.path().join("row.json"), &proof).unwrap();
    let (text, exit) = ask(folder.path(), &format!("audit check-proof FOLDER/row.json --vkey {vkey}")).await;
    assert!(exit == Exit::Done && text.starts_with("proven: row 3 (evidence-got"), "{text}");
    std::fs::write(folder.path().join("bent.json"), proof.replace("evidence-got", "evidence-gut")).unwrap();
    for (line, ended) in [
        (format!("audit check-proof FOLDER/bent.json --vkey {vkey}"), Exit::Found),
        (format!("audit check-proof FOLDER/row.json --vkey {}", vkey.replace("test", "tast")), Exit::Usage),
        ("audit check-proof FOLDER/row.json".to_owned(), Exit::Usage),
        (format!("audit check-proof FOLDER/log.jsonl --vkey {vkey}"), Exit::Io),
        ("audit prove --seq 9999 --db FOLDER/nightshift.db".to_owned(), Exit::Found),
        ("audit verify --db FOLDER/nightshift.db --checkpoint FOLDER/row.json".to_owned(), Exit::Done),
        ("audit verify --db FOLDER/nightshift.db --checkpoint FOLDER/none".to_owned(), Exit::Io),
        ("audit verify --db FOLDER/nightshift.db --checkpoint FOLDER/nightshift.db".to_owned(), Exit::Io),
    ] {
        let line = if ended == Exit::Done { format!("{line} --vkey {vkey}") } else { line };
        let (text, exit) = ask(folder.path(), &line).await;
        assert_eq!(exit, ended, "{line}\n{text}");
    }
}

#[tokio::test]
async fn adopting_needs_a_reason_and_something_to_adopt() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    std::fs::write(
        folder.path().join("n.yaml"),
        "store: { path: nightshift.db }\naudit: { keys_dir: keys }\n",
    )
    .unwrap();
    let (text, exit) = ask(folder.path(), "audit adopt --because restored --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Usage, "{text}");
    assert!(text.contains("nothing was signed with the keys there"), "{text}");
    assert_eq!(ask(folder.path(), "audit adopt --config FOLDER/n.yaml").await.1, Exit::Usage);
}

/// Hashes and keys that are random.
fn unhashed(text: &str) -> String {
    let word = |word: &str| {
        let hex = word.trim_end_matches([',', ';']);
        let random = hex.len() >= 4 && hex.split(':').all(|part| part.chars().all(|c| c.is_ascii_hexdigit()));
        if random { word.replace(hex, "HASH") } else { word.to_owned() }
    };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[tokio::test]
async fn a_person_of_the_registry_gets_a_link_that_is_kept_as_a_hash() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("n.yaml"), "store: { path: nightshift.db }\nregistry: r.yaml\n")
        .unwrap();
    let registry = "persons: [{ name: alice, roles: [oncall] }, { name: bot, kind: service }]\n\
                    roles: { oncall: { owners: [shop] } }\nowners: [{ name: shop, namespaces: [shop] }]\n";
    std::fs::write(folder.path().join("r.yaml"), registry).unwrap();
    let (text, exit) = ask(folder.path(), "person invite alice --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Done, "{text}");
    let link = text.lines().next().unwrap();
    let secret = link.strip_prefix("http://127.0.0.1:8080/signin/").unwrap();
    let file = std::fs::read(folder.path().join("nightshift.db")).unwrap();
    assert!(!file.windows(secret.len()).any(|w| w == secret.as_bytes()), "the secret lies in the file");
    let (text, exit) = ask(folder.path(), "person invite bot --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Usage);
    assert!(text.contains("services never vote"), "{text}");
    let (text, _) = ask(folder.path(), "person list --config FOLDER/n.yaml").await;
    expect![[r"
        NAME   KIND     ROLES   MAY
        alice  person   oncall  view shop; approve shop
        bot    service
    "]]
    .assert_eq(&text);
}

#[tokio::test]
async fn a_token_is_printed_once_and_the_registry_gets_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let (text, exit) = ask(folder.path(), "person token new ci --roles looker,shop --lasts 30d").await;
    assert_eq!(exit, Exit::Done, "{text}");
    let token = text.lines().next().unwrap();
    assert!(token.starts_with("nst_") && token.len() >= 4 + 43, "{token}");
    assert_eq!(text.matches(token).count(), 1);
    let line = text.lines().last().unwrap();
    let registry = format!(
        "roles: {{ looker: {{ owners: [\"*\"] }}, shop: {{ owners: [\"*\"] }} }}\ntokens:\n  {line}\n"
    );
    std::fs::write(folder.path().join("r.yaml"), registry).unwrap();
    std::fs::write(folder.path().join("n.yaml"), "registry: r.yaml\n").unwrap();
    let config = crate::config::Config::load(&folder.path().join("n.yaml")).unwrap();
    let kept = config.registry.tokens.first().unwrap();
    assert_eq!(kept.sha256, crate::store::doors::hashed(token.as_bytes()));
    assert_eq!(kept.expires, fixture::at(1_200) + nightshift_model::Seconds(30 * 86_400));
    let (again, _) = ask(folder.path(), "person token new ci --roles looker -o json").await;
    assert!(!again.contains(token), "every token is another one");
}

#[tokio::test]
async fn a_silence_is_added_listed_and_ended_and_what_is_wrong_with_one_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fixture::history(folder.path()).await;
    let config = "--config FOLDER/nightshift.yaml";
    std::fs::write(
        folder.path().join("nightshift.yaml"),
        format!("store: {{ path: {}/nightshift.db }}\n", folder.path().display()),
    )
    .unwrap();
    for (wrong, exit, said) in [
        ("--namespace shop --for 31d --because x", Exit::Usage, "30 days at most"),
        ("--namespace shop --for 0s --because x", Exit::Usage, "must end after it began"),
        ("--namespace shop --for soon --because x", Exit::Usage, "is not a duration"),
        (
            "--namespace shop-* --for 1h --because x",
            Exit::Usage,
            "names a namespace or NAMESPACE/NAME exactly",
        ),
        ("--workload cart --for 1h --because x", Exit::Usage, "write it as NAMESPACE/NAME"),
        ("--reason Crash.* --for 1h --because x", Exit::Usage, "unknown variant"),
        ("--for 1h --because x", Exit::Usage, "--namespace"),
        (
            "--namespace shop --reason CrashLoopBackOff --for 1h --because x",
            Exit::Usage,
            "cannot be used with",
        ),
        ("--namespace shop --for 1h", Exit::Usage, "--because"),
    ] {
        let (text, ended) = ask(folder.path(), &format!("silence add {wrong} {config}")).await;
        assert_eq!(ended, exit, "{wrong}: {text}");
        assert!(text.contains(said), "{wrong}: {text}");
    }
    let (text, _) = ask(folder.path(), "silence list --db FOLDER/nightshift.db").await;
    assert_eq!(text, "No silence is in force.\n");
    let (text, exit) =
        ask(folder.path(), &format!("silence add --workload shop/cart --for 2h --because moving {config}"))
            .await;
    assert_eq!(exit, Exit::Done, "{text}");
    let id = text.split(' ').next().unwrap().to_owned();
    let (list, _) = ask(folder.path(), "silence list --db FOLDER/nightshift.db").await;
    golden("silences").assert_eq(&format!("{text}{list}").replace(&id, "sil-0000000000"));
    let (text, exit) = ask(folder.path(), &format!("silence end sil-none {config}")).await;
    assert_eq!(exit, Exit::Found, "{text}");
    let (text, exit) = ask(folder.path(), &format!("silence end {id} {config}")).await;
    assert_eq!(
        (text.as_str(), exit),
        ("The silence of workload shop/cart is over. What is still broken is told now.\n", Exit::Done)
    );
    let (text, _) = ask(folder.path(), "silence list --db FOLDER/nightshift.db").await;
    assert_eq!(text, "No silence is in force.\n");
}

#[tokio::test]
async fn the_effective_configuration_holds_paths_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = "notify:\n  webhooks:\n    - { name: a, url: \"https://hooks.example.com/s3cr3t\", secret_file: a.key }\n";
    std::fs::write(folder.path().join("n.yaml"), text).unwrap();
    std::fs::write(folder.path().join("a.key"), "whsec_canary").unwrap();
    let (text, exit) = ask(folder.path(), "config show --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("a.key") && !text.contains("canary") && !text.contains("s3cr3t"), "{text}");
}

#[tokio::test]
async fn check_says_what_is_missing_with_one_next_step_each() {
    let folder = tempfile::tempdir().unwrap();
    let text = "mode: approve\nactions: { namespaces: [shop] }\nregistry: r.yaml\nstore: { path: nightshift.db }\n\
                audit: { keys_dir: executor-keys }\ngate: { listen: \"127.0.0.1:0\", keys_dir: keys }\nhealth: { listen: \"127.0.0.1:0\" }\n\
                cluster: { kubeconfig: none }\nprometheus: { url: \"http://127.0.0.1:9\", timeout: 1s }\n\
                notify: { webhooks: [{ name: a, url: \"https://hooks.example.com\", secret_file: none }] }\n";
    std::fs::write(folder.path().join("n.yaml"), text).unwrap();
    std::fs::write(folder.path().join("r.yaml"), "{}").unwrap();
    let (text, exit) = ask(folder.path(), "check --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Found, "{text}");
    golden("check").assert_eq(&text);
    // Who means the Pod's account is not answered with somebody else's.
    let (text, exit) = ask(folder.path(), "check --in-cluster --config FOLDER/n.yaml").await;
    assert_eq!(exit, Exit::Found, "{text}");
    assert!(text.contains("this is no Pod") && !text.contains("kubeconfig"), "{text}");
}

#[tokio::test]
async fn check_says_who_may_send_alerts_and_whether_they_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let found = async |alerts: &str| {
        let text = format!(
            "store: {{ path: nightshift.db }}\ngate: {{ keys_dir: keys, listen: \"127.0.0.1:0\" }}\n{alerts}\n"
        );
        std::fs::write(folder.path().join("n.yaml"), text).unwrap();
        ask(folder.path(), "check --config FOLDER/n.yaml").await.0
    };
    let open = found("alerts: { listen: \"127.0.0.1:0\" }").await;
    assert!(open.contains("not authenticated: anybody on this machine may send them"), "{open}");
    assert!(open.contains("listener of alerts"), "{open}");
    let lost = found("alerts: { bearer_token_files: [token] }").await;
    assert!(lost.contains("missing     sender of alerts") && lost.contains("openssl rand -hex 32"), "{lost}");
    std::fs::write(folder.path().join("token"), "canary-0123456789-0123456789-0123").unwrap();
    fixture::history(folder.path()).await;
    let plain = found("alerts: { listen: \"0.0.0.0:0\", bearer_token_files: [token], watchdog: 15m }").await;
    for part in [
        "authenticated by a secret of yours",
        "crosses the network unencrypted",
        "missing     Watchdog: never heard of",
    ] {
        assert!(plain.contains(part), "{part}\n{plain}");
    }
    assert!(!plain.contains("canary"));
    fixture::watchdog(folder.path()).await;
    let heard = found("alerts: { watchdog: 15m }").await;
    assert!(heard.contains("ok          Watchdog: heard of last at 2027-01-15T02:00:00Z"), "{heard}");
}

#[test]
fn completions_know_the_commands() {
    let Cli { command } = Cli::try_parse_from(["nightshift", "completions", "bash"]).unwrap();
    let Command::Completions(args) = command else { panic!("completions") };
    let (text, _) = super::completions::run(&args, &mut Cli::command());
    assert!(text.contains("proposals"));
    assert!(text.contains("CrashLoopBackOff"), "and the reasons that can be explained");
}

#[test]
fn silences_of_alertmanager_are_listed_apart_and_an_unknown_list_is_said() {
    use nightshift_model::foreign::{Foreign, How, Matcher};
    assert_eq!(super::silence::others(&screen(), &[], None), "");
    let matcher = Matcher { name: "namespace".to_owned(), how: How::Matches, value: "shop\u{1b}".to_owned() };
    let (id, by) = ("s1".to_owned(), "alice".to_owned());
    let until = nightshift_model::Timestamp::from_second(1_800_000_000);
    let one = Foreign { id, until, matchers: vec![matcher], by, because: "a move".to_owned() };
    let text = super::silence::others(&screen(), &[one], Some("it answers 503"));
    assert!(
        text.contains("{namespace=~\"shop") && text.contains("alice") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(text.ends_with("Alertmanager: it answers 503.\n"), "{text}");
}
