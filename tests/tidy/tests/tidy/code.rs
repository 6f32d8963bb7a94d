//! What stands where in the code.

use crate::{repository, rule, tree, with};
use nightshift_tidy::sizes::{LONG, long};

#[test]
fn imports() {
    let file = |path: &str, text: &str| {
        let vote =
            ("daemon/src/stages/vote.rs", "use crate::{api::Vote, store::{self, Store as S}, clock::Clock};");
        with(
            &[
                vote,
                ("daemon/src/stages/detect.rs", "use super::Shared;"),
                ("daemon/src/lib.rs", "pub use crate::store::S;"),
            ],
            &[(path, text)],
        )
    };
    rule(
        "imports",
        &file(
            "daemon/src/http/gate/page.rs",
            "//! crate::store\nuse crate::stages::{query, vote::Vote};\n\
             use super::super::auth; pub(in crate::http) fn f() {}\n\
             #[cfg(test)] mod t { use crate::store; }",
        ),
        &[
            ("names crate::store::Row", file("daemon/src/http/auth.rs", "use crate::{api, store::Row};")),
            (
                "names crate::stages::detect::go",
                file("daemon/src/stages/seal.rs", "fn f() { super::detect::go() }"),
            ),
            (
                "names crate::stages::detect",
                file("daemon/src/http/rest.rs", "use crate::stages::{detect, vote};"),
            ),
            ("names crate::clock", file("daemon/src/api/mod.rs", "fn f() { crate::clock::now(); }")),
            ("names crate::stages", file("daemon/src/notify/slack.rs", "use super::super::stages::vote;")),
            ("names crate::bus", file("daemon/src/store/outbox.rs", "use crate::bus::sql;")),
            ("`util` is new", file("daemon/src/util.rs", "use crate::config;")),
            ("names crate::cluster", file("daemon/src/demo/door.rs", "use crate::cluster::client;")),
        ],
    );
}

#[test]
fn sql() {
    let query = "fn f() { sqlx::query(\"SELECT 1\"); }";
    rule(
        "sql",
        &tree(&[
            ("daemon/src/store/load.rs", query),
            ("tests/it/a.rs", query),
            (
                "daemon/src/http/mod.rs",
                "// SELECT a FROM b\nconst A: &str = \"UPDATE\"; const B: &str = \"select one from the list, DELETE\";",
            ),
        ]),
        &[
            (
                "daemon/src/http/mod.rs:2",
                tree(&[("daemon/src/http/mod.rs", "\nconst A: &str = r#\"SELECT a\"#;")]),
            ),
            (
                "INSERT INTO",
                tree(&[("daemon/engine/src/a.rs", "const A: &str = \"WITH x AS (y) INSERT INTO b\";")]),
            ),
            ("UPDATE", tree(&[("daemon/src/bus/sql.rs", "const A: &str = \"UPDATE a\n SET b = 1\";")])),
            ("names sqlx", tree(&[("daemon/src/stages/vote.rs", "fn f(p: &sqlx::Pool) {}")])),
        ],
    );
}

#[test]
fn mutations() {
    let file = |path: &str, text: &str| tree(&[(path, text)]);
    let clean = "use kube::Client; fn f(c: Client) { api.get(n);\n\
                 name.replace('a', \"b\"); OpenOptions::new().create(true); reqwest::Client::new(); }";
    rule(
        "mutations",
        &tree(&[
            ("daemon/src/cluster/fetch.rs", clean),
            ("daemon/src/cluster/actuate.rs", "fn f() { api.patch(n, &PatchParams::default(), &p); }"),
            ("daemon/src/cluster/client.rs", "fn f() { kube::Client::try_from(config) }"),
            ("daemon/src/cluster/date.rs", "fn f() { open(reader.client(), request) }"),
            ("daemon/src/http/mod.rs", "fn f() { Router::new().delete(handler); Client::new() }"),
            ("tests/lab/a.rs", "fn f() { kube::Client::try_default(); api.delete(name, &dp) }"),
        ]),
        &[
            (
                "`patch`",
                file("daemon/src/stages/execute.rs", "use kube::Api; fn f() { api.patch(n, &p, &q) }"),
            ),
            ("`PatchParams`", file("daemon/src/runtime/world.rs", "use kube::api::PatchParams;")),
            ("`put`", file("daemon/src/cluster/fetch.rs", "fn f() { http::Request::put(uri) }")),
            ("`DELETE`", file("daemon/src/cluster/watch.rs", "fn f() { b.method(Method::DELETE) }")),
            (
                "builds a Kubernetes client",
                file("daemon/src/cli/check.rs", "fn f() { kube::Client::try_default() }"),
            ),
            (
                "the reader's bare client",
                file("daemon/src/cluster/fetch.rs", "fn f() { open(self.reader.client(), request) }"),
            ),
            (
                "builds a Kubernetes client",
                file("daemon/src/cluster/lease.rs", "fn f() { Client::new(service, ns) }"),
            ),
        ],
    );
}

#[test]
fn clock() {
    let file = |text: &str| tree(&[("daemon/engine/src/a.rs", text)]);
    rule(
        "clock",
        &tree(&[
            ("daemon/src/clock.rs", "fn f() { Instant::now(); tokio::time::sleep(d) }"),
            (
                "daemon/src/a.rs",
                "fn sleep(d: D) {} fn f() { clock.sleep(d); /* Instant::now() */ }\n\
                 #[cfg(test)] mod t { fn f() { Instant::now() } }",
            ),
            ("tests/it/a.rs", "fn f() { std::thread::sleep(d) }"),
            ("daemon/src/a/tests.rs", "fn f() { Timestamp::now() }"),
        ]),
        &[
            ("Timestamp::now", file("fn f() { jiff::Timestamp::now() }")),
            ("SystemTime::now", file("fn f() { SystemTime::now() }")),
            ("sleep()", file("fn f() { tokio::time::sleep(d) }")),
            ("interval()", file("fn f() { interval(d) }")),
        ],
    );
}

#[test]
fn sizes() {
    let lines = |count: usize| "fn f() {}\n".repeat(count);
    let tests = |count: usize| format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(count));
    let eight: Vec<String> = (0..8).map(|i| format!("daemon/sim/src/{i}.rs")).collect();
    let (big, part) = (lines(701), lines(699));
    let sim: Vec<(&str, &str)> = eight.iter().map(|path| (path.as_str(), part.as_str())).collect();
    rule(
        "sizes",
        &tree(&[
            ("daemon/src/a.rs", &lines(700)),
            ("daemon/src/b.rs", &format!("// @generated by x\n{big}")),
            ("daemon/src/c.rs", &tests(70)),
            ("daemon/sim/tests/a.rs", &part),
        ]),
        &[
            ("701 lines", tree(&[("daemon/src/a.rs", &big)])),
            ("701 lines", tree(&[("daemon/src/a/tests.rs", &big)])),
            ("daemon/src/a/tests.rs", tree(&[("daemon/src/a.rs", &tests(90))])),
            ("5592 lines", tree(&sim)),
        ],
    );
    assert_eq!(long(&tree(&[("daemon/src/a.rs", &lines(401)), ("daemon/src/b.rs", &lines(400))])).len(), 1);
    for line in long(repository()) {
        println!("long (over {LONG} lines): {line}");
    }
}

#[test]
fn numbers() {
    let cap = (
        "daemon/src/cluster/logs.rs",
        "const MAX_HERE: usize = 1; pub(crate) const TAIL_LIMIT: usize = 1; fn f() -> usize { MAX_HERE }",
    );
    let shown = ("daemon/src/telemetry/limits.rs", "fn f() { cap(\"tail\", logs::TAIL_LIMIT) }");
    rule(
        "numbers",
        &tree(&[cap, shown]),
        &[
            ("TAIL_LIMIT is in no metric", tree(&[cap])),
            (
                "MAX_BODY",
                tree(&[cap, shown, ("daemon/src/http/limits.rs", "pub const MAX_BODY: usize = 1;")]),
            ),
            (
                "QUEUE_CAP",
                tree(&[
                    ("daemon/src/a.rs", "pub const QUEUE_CAP: usize = 1;"),
                    ("daemon/src/telemetry.rs", "// QUEUE_CAP"),
                ]),
            ),
        ],
    );
}
