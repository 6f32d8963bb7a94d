//! What the image says is inside it, held to the program itself.

use anyhow::{Context as _, ensure};
use nightshift_tests::house::program::binary;
use regex::bytes::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Crates whose code the program holds, by the places that it names when it panics. Some name none.
fn seen(program: &[u8]) -> anyhow::Result<BTreeSet<(String, String)>> {
    let place = Regex::new(r"registry/src/[^/]+/([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[A-Za-z0-9.+-]*)/")?;
    let text = |found: Option<regex::bytes::Match<'_>>| {
        found.map(|m| String::from_utf8_lossy(m.as_bytes()).into_owned()).unwrap_or_default()
    };
    Ok(place.captures_iter(program).map(|c| (text(c.get(1)), text(c.get(2)))).collect())
}

#[test]
fn the_list_of_what_is_inside_holds_every_crate_that_the_program_names_and_none_that_it_lacks()
-> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/image/sbom");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let out = Command::new("python3").arg(script).args(["--triple", &triple]).output()?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let bom: Value = serde_json::from_slice(&out.stdout)?;
    let components = bom.get("components").and_then(Value::as_array).context("no components")?;
    let text =
        |one: &Value, field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let listed: BTreeSet<(String, String)> =
        components.iter().map(|one| (text(one, "name"), text(one, "version"))).collect();

    let seen = seen(&std::fs::read(binary()?)?)?;
    ensure!(seen.len() > 80, "the program names {} crates only", seen.len());
    let unlisted: Vec<_> = seen.difference(&listed).collect();
    ensure!(unlisted.is_empty(), "in the program and not on the list: {unlisted:?}");
    // Locked for features that are off, used to build, or for tests.
    for absent in ["quinn", "ring", "sqlx-mysql", "sqlx-postgres", "serde_derive", "cc", "expect-test"] {
        ensure!(!listed.iter().any(|(name, _)| name == absent), "{absent} is listed, and not in the program");
    }
    for present in ["rust-std", "libsqlite3-sys", "aws-lc-sys", "nightshift-engine"] {
        ensure!(listed.iter().any(|(name, _)| name == present), "{present} is not listed");
    }

    // Whoever reads it by machine: each has a licence and a purl, each edge leads to something that is listed.
    let root = bom.pointer("/metadata/component").context("no program")?;
    let names: BTreeSet<String> = components.iter().chain([root]).map(|one| text(one, "bom-ref")).collect();
    for one in components {
        ensure!(one.pointer("/licenses/0/expression").is_some(), "no licence: {one}");
        ensure!(text(one, "purl").starts_with("pkg:"), "no purl: {one}");
        let fetched =
            text(one, "purl").starts_with("pkg:cargo/") && !text(one, "name").starts_with("nightshift");
        ensure!(!fetched || one.pointer("/hashes/0/content").is_some(), "no checksum: {one}");
    }
    for edge in bom.get("dependencies").and_then(Value::as_array).context("no dependencies")? {
        let to = edge.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        let to = to.filter_map(Value::as_str).map(str::to_owned);
        let nowhere: Vec<String> = to.filter(|one| !names.contains(one)).collect();
        ensure!(nowhere.is_empty() && names.contains(&text(edge, "ref")), "{edge}");
    }
    Ok(())
}
