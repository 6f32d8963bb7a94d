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
use super::*;

const EXAMPLE: &str = include_str!("../../assets/nightshift.example.yaml");

fn problems(text: &str) -> Vec<String> {
    let error = Config::parse(Path::new("nightshift.yaml"), text).map(|_| ()).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_parses_with_and_without_its_comments_taken_off() {
    let config = Config::parse(Path::new("/etc/nightshift/nightshift.yaml"), EXAMPLE).unwrap();
    assert_eq!(config.mode, Mode::Observe);
    assert!(config.gate.listen.ip().is_loopback());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.yaml"), "{}").unwrap();
    let lines: Vec<&str> = EXAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
    let whole = lines.join("\n");
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &whole).unwrap();
    assert_eq!(config.actions.namespaces, ["shop"]);
    assert_eq!(config.notify.webhooks.len(), 1);
    let alerts = config.alerts.unwrap();
    assert!(alerts.secret_files().all(|file| file.starts_with(folder.path())));
    assert_eq!((alerts.secret_files().count(), alerts.watchdog.unwrap().0), (1, 900));
    assert_eq!(config.alertmanager.unwrap().paging_receivers, ["pager"]);
    assert_eq!(config.prometheus.unwrap().timeout.0, 10);
    let countersign = config.countersign.unwrap();
    assert!(countersign.is_served() && countersign.listen.port() == 10_250, "{countersign:?}");
    assert!(config.registry_file.unwrap().starts_with(folder.path()));
}

#[test]
fn an_empty_file_observes() {
    let config = Config::parse(Path::new("nightshift.yaml"), "").unwrap();
    assert_eq!(config.mode, Mode::Observe);
    assert!(config.prometheus.is_none());
}

#[test]
fn a_countersign_that_nobody_could_ask_or_trust_is_refused() {
    let told = |text: &str| problems(&format!("countersign:\n{text}")).join("\n");
    let whole = "  executor: system:serviceaccount:n:e\n  names: [n.n.svc]\n";
    assert!(Config::parse(Path::new("nightshift.yaml"), &format!("countersign:\n{whole}")).is_ok());
    for (text, part) in [
        ("  names: [n.n.svc]\n", "executor"),
        ("  executor: \"a' || 'b\"\n  names: [n.n.svc]\n", "countersign.executor"),
        ("  executor: a\n", "countersign.names"),
        ("  executor: a\n  names: [\"n n\"]\n", "no host name"),
        ("  executor: a\n  names: [n]\n  lock: A/b\n", "countersign.lock"),
        ("  executor: a\n  names: [n]\n  mode: none\n", "mode"),
        ("  executor: a\n  names: [n]\n  mode: off\n", "mode"),
    ] {
        assert!(told(text).contains(part), "{text}: {}", told(text));
    }
    assert!(Config::parse(Path::new("n.yaml"), "countersign: { mode: policy, executor: a }").is_ok());
}

#[test]
fn every_mistake_is_told_with_its_line_and_field() {
    let told = problems(
        "mode: approve\n\
         gates: {}\n\
         gate:\n  listen: 0.0.0.0:8080\n  public_url: http://nightshift.example.com\n\
         prometheus:\n  url: http://prometheus:9090\n  timeout: 10\n\
         notify:\n  digest:\n    at: \"25:00\"\n",
    );
    let expected = [
        "nightshift.yaml:2: gates: unknown field",
        "nightshift.yaml:5: gate.public_url: ",
        "nightshift.yaml:8: prometheus.timeout: `10` is not a duration",
        "nightshift.yaml:11: notify.digest.at: `25:00` is not a time of day",
        "nightshift.yaml:1: mode: mode approve needs the namespaces",
        "nightshift.yaml:1: mode: mode approve needs to know who may decide",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nshould begin with\n{expected}");
    }
}

#[test]
fn a_listener_that_others_reach_needs_tls_or_a_proxy_that_is_named() {
    let told = problems("gate:\n  listen: 0.0.0.0:8080\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("nightshift.yaml:2: gate.listen: 0.0.0.0:8080 is reachable"), "{}", told[0]);
    for fine in [
        "gate: { listen: \"0.0.0.0:8080\", trusted_proxy: true }",
        "gate: { listen: \"0.0.0.0:8080\", tls: { cert: c.pem, key: k.pem } }",
        "gate: { listen: \"127.0.0.1:0\", public_url: \"http://127.0.0.1:8080\" }",
    ] {
        assert!(Config::parse(Path::new("nightshift.yaml"), fine).is_ok(), "{fine}");
    }
}

#[test]
fn alerts_are_taken_from_other_machines_with_a_secret_only() {
    let table = [
        ("alerts: {}", ""),
        ("alerts: { listen: \"127.0.0.1:0\" }", ""),
        ("alerts: { listen: \"0.0.0.0:8082\" }", "anybody could send alerts"),
        ("alerts: { listen: \"[::]:8082\", tls: { cert: c, key: k } }", "anybody could send alerts"),
        ("alerts: { listen: \"0.0.0.0:8082\", bearer_token_files: [t] }", ""),
        ("alerts: { listen: \"0.0.0.0:8082\", bearer_token_files: [t, before] }", ""),
        ("alerts: { bearer_token_files: [a, b, c] }", "two tokens are enough"),
        ("alerts: { listen: \"0.0.0.0:8082\", basic: { user: am, password_files: [p] } }", ""),
        ("alerts: { basic: { user: \"a:b\", password_files: [p] } }", "without a colon"),
        ("alerts: { basic: { user: am, password_files: [] } }", "name the file of the password"),
        ("alerts: { watchdog: 10s }", "from 1m to 1d"),
        ("alerts: { watchdog: 15m }", ""),
        ("alerts: { insecure: true }", "unknown field"),
    ];
    for (text, wrong) in table {
        let told = Config::parse(Path::new("nightshift.yaml"), text);
        match (told, wrong) {
            (Ok(_), "") => {}
            (Err(error), wrong) if !wrong.is_empty() => {
                assert!(error.to_string().contains(wrong), "{text}: {error}");
            }
            (told, wrong) => panic!("{text}: {told:?}, expected {wrong:?}"),
        }
    }
}

#[test]
fn what_is_no_yaml_or_no_mapping_says_so_once() {
    for text in ["- a\n", "mode: [\n", "\"text\"", "mode: observe\nmode: approve\n"] {
        let told = problems(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("nightshift.yaml:"), "{told:?}");
    }
}

#[test]
fn a_webhook_needs_a_name_of_its_own_and_https() {
    let hook = |name: &str, url: &str, more: &str| {
        format!("  - {{ name: {name}, url: \"{url}\", secret_file: s{more} }}\n")
    };
    let text = format!(
        "notify:\n  webhooks:\n{}{}{}",
        hook("a", "http://hooks.example.com/", ""),
        hook("a", "https://hooks.example.com/", ""),
        hook("b", "http://10.0.0.1/", ", allow_private: true"),
    );
    let told = problems(&text);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("must be https") && told[1].contains("a name of its own"), "{told:#?}");
}

#[test]
fn a_token_needs_a_hash_and_a_name_of_its_own_and_roles_that_are_there() {
    let token = |name: &str, hash: &str, role: &str| {
        let sha256 = hash.repeat(32);
        format!("  - {{ name: {name}, sha256: {sha256}, roles: [{role}], expires: 2030-01-01T00:00:00Z }}\n")
    };
    let text = format!(
        "roles: {{ shop: {{ owners: [\"*\"] }} }}\ntokens:\n{}{}{}",
        token("ci", "ab", "shop"),
        token("other", "ab", "shop"),
        token("third", "cd", "gone"),
    );
    let mut told = Vec::new();
    registry::read(&read::Document::new(Path::new("registry.yaml"), &text), &mut told);
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("a hash of its own") && told[1].contains("the role `gone`"), "{told:#?}");
}

#[test]
fn a_member_of_slack_is_one_person() {
    let told = |persons: &str| {
        let mut told = Vec::new();
        let text = format!("persons: [{persons}]\n");
        registry::read(&read::Document::new(Path::new("registry.yaml"), &text), &mut told);
        told.iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(told("{ name: ann, slack: U0123ABCD }, { name: ben, slack: W0123ABCD }, { name: eve }"), "");
    for (persons, says) in [
        ("{ name: ann, slack: U0123ABCD }, { name: ben, slack: U0123ABCD }", "are both `U0123ABCD`"),
        ("{ name: ann, slack: ann }", "no member id"),
        ("{ name: ann, slack: \"\" }", "no member id"),
        ("{ name: ann, slack: C0123ABCD }", "no member id"),
        ("{ name: ann, slack: \"<@U0123>\" }", "no member id"),
    ] {
        assert!(told(persons).contains(says), "{persons}: {}", told(persons));
    }
}

#[test]
fn a_user_of_the_cluster_is_one_person_and_no_service_account() {
    let told = |persons: &str| {
        let mut told = Vec::new();
        let text = format!("persons: [{persons}]\n");
        registry::read(&read::Document::new(Path::new("registry.yaml"), &text), &mut told);
        told.iter().map(ToString::to_string).collect::<String>()
    };
    let two =
        "{ name: ann, kubernetes: ann@example.com }, { name: ben, kubernetes: \"oidc:ben\" }, { name: eve }";
    assert_eq!(told(two), "");
    for (persons, says) in [
        ("{ name: ann, kubernetes: a }, { name: ben, kubernetes: a }", "are both `a` in the cluster"),
        ("{ name: ann, kubernetes: \"\" }", "is no user name"),
        ("{ name: ann, kubernetes: \"a b\" }", "is no user name"),
        ("{ name: ann, kubernetes: \"system:serviceaccount:shop:robot\" }", "no person's"),
        ("{ name: ann, kubernetes: \"system:admin\" }", "no person's"),
    ] {
        assert!(told(persons).contains(says), "{persons}: {}", told(persons));
    }
}

#[test]
fn bridges_are_named_pinned_and_few() {
    let key = |letter: char| format!("whpk_{}=", letter.to_string().repeat(43).replace("ss", "sA"));
    let (a, b) = (key('A'), key('E'));
    let told = |bridges: &str| {
        let roles = "roles: { shop: { owners: [\"*\"] } }\n";
        let persons = "persons:\n  - name: ann\n    keys:\n      - { kind: ed25519, id: k, alg: EdDSA, public: \
                       11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo }\n";
        let text = format!("{roles}{persons}bridges: [{bridges}]\n");
        let mut told = Vec::new();
        let registry = registry::read(&read::Document::new(Path::new("registry.yaml"), &text), &mut told);
        (registry.bridges.len(), told.iter().map(ToString::to_string).collect::<String>())
    };
    let bridge = |name: &str, role: &str, keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| format!("{{ public: \"{key}\" }}")).collect();
        format!("{{ name: \"{name}\", roles: [{role}], keys: [{}] }}", keys.join(", "))
    };
    assert_eq!(told(&bridge("chat", "shop", &[&a, &b])), (1, String::new()));
    let taken = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let many: Vec<String> = (0..9).map(|n| bridge(&format!("chat-{n}"), "shop", &[&a])).collect();
    for (bridges, says) in [
        (bridge("", "shop", &[&a]), "a name of its own"),
        (bridge("a b", "shop", &[&a]), "a name of its own"),
        (bridge("chat", "gone", &[&a]), "the role `gone`"),
        (bridge("chat", "shop", &[]), "needs one key"),
        (bridge("chat", "shop", &[&a, &b, &key('I')]), "needs one key, or 2"),
        (bridge("chat", "shop", &["whsk_AAAA"]), "`whpk_` and base64"),
        (bridge("chat", "shop", &[&a, &a]), "twice"),
        (bridge("chat", "shop", &[taken]), "twice"),
        (
            format!("{}, {}", bridge("chat", "shop", &[&a]), bridge("chat", "shop", &[&b])),
            "a name of its own",
        ),
        (many.join(", "), "there may be 8 bridges, these are 9"),
        ("{ name: chat, keys: [], secret: x }".to_owned(), "secret"),
    ] {
        let (_, told) = told(&bridges);
        assert!(told.starts_with("registry.yaml:") && told.contains(says), "{bridges}: {told}");
    }
}

#[test]
fn the_registry_is_checked_as_a_whole() {
    let file = read::Document::new(
        Path::new("registry.yaml"),
        "persons:\n  - { name: alice, roles: [shop, nobody] }\n  - { name: alice }\n\
         roles:\n  shop: { owners: [shop, bank] }\n\
         owners:\n  - { name: shop, namespaces: [shop] }\n\
         policy:\n  cool_down: fast\n",
    );
    let mut told = Vec::new();
    registry::read(&file, &mut told);
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        told[0].starts_with("registry.yaml:9: policy.cool_down: `fast` is not a duration"),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains("`nobody`") && told[2].contains("`alice`") && told[3].contains("`bank`"),
        "{told:#?}"
    );
}

const CHANNELS: &str = "notify:
  webhooks: [{ name: hook, url: \"https://hooks.example.com/x\", secret_file: s }]
  slack: [{ name: chat, url_file: s, mention: here }]
  pagerduty: [{ name: pager, routing_key_file: s }]
  mail: [{ name: mail, server: \"smtp.example.com:587\", from: n@example.com, to: [o@example.com] }]
";

fn notify(more: &str) -> Result<Notify, Vec<String>> {
    let text = format!("{CHANNELS}{more}");
    match Config::parse(Path::new("/etc/n.yaml"), &text) {
        Ok(config) => Ok(config.notify),
        Err(error) => Err(error.problems.iter().map(ToString::to_string).collect()),
    }
}

#[test]
fn routes_are_refused_with_the_row_that_is_wrong() {
    let told = notify(
        "  production: [\"Shop\", \"a*b\"]
  routes:
    - { severity: critical, page: [pager, nobody], post: [pager] }
    - { namespaces: [\"\", \"-x\", \"*\"], post: [chat] }
    - { namespaces: [dev] }
    - { namespaces: [test], post: [chat], digest: only }
    - { hours: { from: \"22:00\", until: \"22:00\", zone: Mars/Base }, post: [chat] }
    - { severity: warning, namespaces: [zoo], post: [chat] }
    - { severity: critical, namespaces: [zoo], page: [pager] }
",
    )
    .unwrap_err();
    let expected = [
        "notify.production: `Shop` is not a namespace",
        "notify.production: `a*b` is not a namespace",
        "notify.routes row 1.page: `nobody` is no channel; known are hook, chat, pager, mail",
        "notify.routes row 1.post: `pager` is a pager",
        "notify.routes row 2.namespaces: `` is not a namespace",
        "notify.routes row 2.namespaces: `-x` is not a namespace",
        "notify.routes row 3: tells nobody",
        "notify.routes row 4.digest: `only` and a channel",
        "notify.routes row 5.hours.zone: `Mars/Base`",
        "notify.routes row 5.hours: begins and ends",
        "notify.routes row 3: is never reached: row 2 matches",
    ];
    for expected in expected {
        let said = |told: &&String| told.contains(&format!(": {expected}"));
        assert!(told.iter().any(|t| said(&t)), "{expected}\n{told:#?}");
    }
    let fields = |text: &str| notify(text).unwrap_err().join("\n");
    assert!(fields("  routes: [{ severity: fatal, post: [chat] }]\n").contains("notify.routes"));
    assert!(fields("  routes: [{ colour: red, post: [chat] }]\n").contains("notify.routes"));
}

#[test]
fn without_routes_webhooks_alone_hear_everything_and_beside_others_they_page() {
    use nightshift_engine::route::Default as Fallback;
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<String>>();
    let all = notify("").unwrap();
    let Fallback::Careful { pagers, posts, production } = all.table().default else { panic!() };
    assert_eq!(
        (pagers, posts, production),
        (names(&["pager", "hook"]), names(&["chat", "mail", "hook"]), vec![])
    );
    let only = |text: &str| Config::parse(Path::new("n.yaml"), text).unwrap().notify.table().default;
    let hook = "notify: { webhooks: [{ name: hook, url: \"https://h.example.com\", secret_file: s }] }";
    assert_eq!(only(hook), Fallback::Everyone { channels: names(&["hook"]) });
    let chat = "notify: { slack: [{ name: chat, url_file: s }] }";
    let Fallback::Careful { pagers, .. } = only(chat) else { panic!() };
    assert_eq!(pagers, ["chat"], "where there is no pager, what would page is written where people look");
}

#[test]
fn channels_are_refused_when_they_cannot_work() {
    let cases = [
        ("slack: [{ name: a, url_file: s, mention: \"<!everyone>\" }]", "is nobody in Slack"),
        ("slack: [{ name: a, url: \"https://hooks.slack.com/x\" }]", "notify.slack"),
        (
            "slack_apps: [{ name: a, channel: general, bot_token_file: b, app_token_file: c }]",
            "`general` is no channel id",
        ),
        (
            "slack_apps: [{ name: a, channel: C0123ABCD, bot_token_file: b, app_token_file: c, api: \"http://x/api\" }]",
            "must be https",
        ),
        ("slack_apps: [{ name: a, channel: C0123ABCD, bot_token_file: b }]", "app_token_file"),
        ("slack: [{ name: a, url_file: s }, { name: a, url_file: s }]", "`a` must be a name of its own"),
        (
            "pagerduty: [{ name: p, routing_key_file: s, url: \"http://events.pagerduty.com\" }]",
            "must be https",
        ),
        ("mail: [{ name: m, server: smtp.example.com, from: a@b, to: [c@d] }]", "is not a server"),
        ("mail: [{ name: m, server: \"s:25\", from: a@b, to: [] }]", "nobody gets it"),
        (
            "mail: [{ name: m, server: \"s:25\", from: \"a@b\\r\\nBcc: x@y\", to: [c@d] }]",
            "is not an address",
        ),
        ("mail: [{ name: m, server: \"s:25\", from: a@b, to: [c@d], username: u }]", "belong together"),
        ("mail: [{ name: m, server: \"s:25\", from: a@b, to: [c@d], tls: none }]", "notify.mail"),
        ("heartbeat: { url_file: s, every: 1s }", "not between 10s and 1h"),
    ];
    for (text, says) in cases {
        let told = problems(&format!("notify:\n  {text}\n"));
        assert!(told.len() == 1 && told[0].contains(says), "{text}\n{told:#?}");
    }
    let config = notify("  heartbeat: { url_file: beat }\n").unwrap();
    assert_eq!(config.heartbeat.unwrap().url_file, Path::new("/etc/beat"));
    assert_eq!(config.slack[0].url_file, Path::new("/etc/s"));
}

#[test]
fn a_key_that_could_prove_nothing_keeps_it_from_starting() {
    let good = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
    let file = read::Document::new(
        Path::new("registry.yaml"),
        &format!(
            "persons:\n  - name: alice\n    keys:\n\
             \x20     - {{ kind: ed25519, id: a1, alg: EdDSA, public: \"{good}\" }}\n\
             \x20     - {{ kind: ed25519, id: a2, alg: EdDSA, public: \"AAAA\" }}\n\
             \x20 - name: bob\n    keys:\n\
             \x20     - {{ kind: ed25519, id: a1, alg: EdDSA, public: \"{good}\" }}\n\
             \x20     - {{ kind: passkey, id: p1, alg: ES256, public: \"oA\" }}\n\
             passkeys:\n  rp_id: night.example\n  origins: [\"https://night.example/\"]\n"
        ),
    );
    let mut told = Vec::new();
    registry::read(&file, &mut told);
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    let expected = [
        "alice's ed25519 key `a2`: an ed25519 key has",
        "bob's ed25519 key `a1`: another key has this id",
        "bob's ed25519 key `a1`: another entry has this key",
        "bob's passkey key `p1`: its `public` part is not a COSE key",
        "passkeys: `https://night.example/` must be an origin on night.example",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(
            told.starts_with("registry.yaml:") && told.contains(expected),
            "{told}\nshould say\n{expected}"
        );
    }
    let site = |rp_id: &str, origin: &str| {
        let text = format!("passkeys: {{ rp_id: \"{rp_id}\", origins: [\"{origin}\"] }}\n");
        let mut told = Vec::new();
        registry::read(&read::Document::new(Path::new("registry.yaml"), &text), &mut told);
        told.len()
    };
    assert_eq!(site("night.example", "https://www.night.example:8443"), 0);
    assert_eq!(site("localhost", "http://localhost:8080"), 0);
    for (rp_id, origin) in [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("night.example", "http://night.example"),
        ("night.example", "https://evilnight.example"),
        ("Night.example", "https://night.example"),
    ] {
        assert_eq!(site(rp_id, origin), 1, "{rp_id} {origin}");
    }
}

#[test]
fn what_is_ignored_is_named_exactly_and_says_why() {
    let text = "ignore:\n  namespaces:\n    - { name: sandbox, because: play }\n  workloads:\n    \
                - { namespace: shop, kind: StatefulSet, name: db, because: old }\n";
    let config = Config::parse(Path::new("n.yaml"), text).unwrap();
    let entries: Vec<String> = config.ignore.entries().0.iter().map(|e| e.of.to_string()).collect();
    assert_eq!(entries, ["namespace sandbox", "StatefulSet shop/db"]);
    for (text, line, part) in [
        ("ignore:\n  namespace: []\n", 2, "unknown field"),
        ("ignore:\n  namespaces:\n    - { name: sandbox }\n", 3, "because"),
        (
            "ignore:\n  namespaces:\n    - { name: \"sand*\", because: x }\n",
            2,
            "`sand*`: write the exact name",
        ),
        ("ignore:\n  namespaces:\n    - { name: sandbox, because: \" \" }\n", 2, "needs a reason"),
        ("ignore:\n  namespaces:\n    - { name: sandbox, because: x, until: never }\n", 3, "unknown field"),
        (
            "ignore:\n  workloads:\n    - { namespace: shop, kind: Secret, name: db, because: x }\n",
            3,
            "unknown variant",
        ),
        (
            "ignore:\n  workloads:\n    - { namespace: shop, kind: Pod, name: \"\", because: x }\n",
            2,
            "write the exact name",
        ),
        ("ignore: [sandbox]\n", 1, "ignore"),
    ] {
        let told = problems(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with(&format!("nightshift.yaml:{line}: ignore")) && told[0].contains(part),
            "{text}: {told:?}"
        );
    }
    let many: Vec<String> = (0..501).map(|n| format!("{{ name: n{n}, because: x }}")).collect();
    let told = problems(&format!("ignore:\n  namespaces: [{}]\n", many.join(", ")));
    assert!(told[0].contains("more than 500 entries"), "{told:?}");
}

#[test]
fn an_alertmanager_is_asked_with_one_secret_that_is_never_sent_in_the_open() {
    let config = Config::parse(
        Path::new("/etc/n.yaml"),
        "alertmanager: { url: \"http://am:9093\", paging_receivers: [pager] }\n",
    );
    let asked = config.unwrap().alertmanager.unwrap();
    assert_eq!((asked.receiver.as_str(), asked.every.0, asked.timeout.0), ("nightshift", 15, 10));
    let whole =
        "alertmanager: { url: \"https://am\", basic: { user: n, password_file: p }, ca_file: ca.pem }\n";
    let asked = Config::parse(Path::new("/etc/n.yaml"), whole).unwrap().alertmanager.unwrap();
    assert_eq!(asked.basic.unwrap().password_file, Path::new("/etc/p"));
    for (fields, part) in [
        ("url: am:9093", "not a URL"),
        ("url: \"ftp://am\"", "not a URL"),
        ("url: \"https://u:c4nary@am\"", "does not belong into a URL"),
        ("url: \"https://am/?a=b\"", "without a query"),
        ("url: \"http://am\", bearer_token_file: t", "unencrypted"),
        ("url: \"https://am\", bearer_token_file: t, basic: { user: n, password_file: p }", "not both"),
        ("url: \"https://am\", basic: { user: \"a:b\", password_file: p }", "without a colon"),
        ("url: \"https://am\", timeout: 61s", "from 1s to 60s"),
        ("url: \"https://am\", every: 1s", "from 5s to 5m"),
        ("url: \"https://am\", receiver: \" \"", "name of the receiver"),
        ("url: \"https://am\", paging_receivers: [\"\"]", "names of receivers"),
        ("url: \"https://am\", paging_receivers: [nightshift]", "wakes nobody"),
        ("url: \"https://am\", password: x", "unknown field"),
    ] {
        let told = problems(&format!("alertmanager: {{ {fields} }}\n"));
        assert!(
            told.len() == 1 && told[0].contains(part) && !told[0].contains("c4nary"),
            "{fields}: {told:?}"
        );
    }
}

#[test]
fn how_much_is_said_has_bounds() {
    let text = "noise:\n  flapping: { after: 5, within: 1h }\n  self_heal: { wait: 0s }\n";
    let noise = Config::parse(Path::new("n.yaml"), text).unwrap().noise;
    assert_eq!((noise.flapping.after, noise.flapping.within.0, noise.self_heal.wait.0), (5, 3600, 0));
    assert_eq!(noise.self_heal.percent, 70, "what is not written keeps its default");
    for (text, part) in [
        ("noise:\n  flapping: { after: 1 }\n", "noise.flapping.after: must be 2 to 20"),
        ("noise:\n  flapping: { within: 2d }\n", "noise.flapping.within: must be 10m to 1d"),
        ("noise:\n  self_heal: { percent: 10 }\n", "noise.self_heal.percent: must be 50 to 100"),
        ("noise:\n  self_heal: { wait: 2h }\n", "noise.self_heal.wait: must be 0s to 30m"),
        ("noise:\n  self_heal: { cases: 0 }\n", "noise.self_heal.cases: must be 3 to 100"),
        ("noise:\n  flapping:\n    after: often\n", "noise.flapping.after"),
        ("noise:\n  silence: all\n", "unknown field"),
    ] {
        let told = problems(text);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].contains(part), "{text}: {told:?}");
    }
}

/// What a folder `d` with these files makes of the defaults, and what it says is wrong.
fn detectors(files: &[(&str, &str)]) -> Result<nightshift_detectors::Params, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join("d").join(name), text).unwrap();
    }
    let told = Config::parse(&folder.path().join("nightshift.yaml"), "detectors: [d]");
    let prefix = format!("{}/", folder.path().display());
    told.map(|config| config.detectors)
        .map_err(|error| error.problems.iter().map(|p| p.to_string().replace(&prefix, "")).collect())
}

#[test]
fn files_of_a_folder_set_what_detectors_compare_with() {
    use nightshift_model::{Reason, Seconds};
    let read = detectors(&[
        ("a.yaml", "parameters:\n  restarts: 5\n  node_cordoned: 8h\n"),
        ("b.yml", "parameters:\n  claim: 2m\noff: [NodeCordoned]\n"),
        ("README.md", "not read"),
        ("empty.yaml", ""),
    ])
    .unwrap();
    assert_eq!((read.restarts, read.node_cordoned, read.claim), (5, Seconds(8 * 3600), Seconds(120)));
    assert_eq!(read.off().collect::<Vec<_>>(), [Reason::NodeCordoned]);
    assert_eq!(read.changed().count(), 3);
    assert_eq!(detectors(&[]).unwrap(), nightshift_detectors::Params::default());
}

#[test]
fn a_wrong_file_of_detectors_names_its_line() {
    let table = [
        ("parameter:\n  restarts: 5\n", "d/a.yaml:1: parameter: unknown field; known are parameters, off"),
        (
            "parameters:\n  restart: 5\n",
            "d/a.yaml:2: parameters.restart: unknown; `nightshift explain --parameters`",
        ),
        (
            "parameters:\n  restarts: 0\n",
            "d/a.yaml:2: parameters.restarts: `0` is not a whole number from 1 to 1000",
        ),
        ("parameters:\n  restarts: 1\n  claim: 60\n", "d/a.yaml:3: parameters.claim: `60` is not a duration"),
        ("off: [Crash]\n", "d/a.yaml:1: off: `Crash` is no reason"),
        ("off: NodeCordoned\n", "d/a.yaml:1: off: "),
        ("- a\n", "d/a.yaml"),
    ];
    for (text, wrong) in table {
        let told = detectors(&[("a.yaml", text)]).unwrap_err();
        assert!(told.len() == 1 && told[0].starts_with(wrong), "{text}: {told:?}");
    }
    let twice = [("a.yaml", "parameters: { claim: 1m }"), ("b.yaml", "parameters: { claim: 1m }")];
    let told = detectors(&twice).unwrap_err();
    assert!(told[0].starts_with("d/b.yaml:1: parameters.claim: d/a.yaml sets it too"), "{told:?}");
    let told = Config::parse(Path::new("nightshift.yaml"), "detectors: [/no/such/folder]").unwrap_err();
    assert!(told.to_string().starts_with("/no/such/folder: cannot be read"), "{told}");
}
