//! Where a process' memory and time are: what stands on the page beside a target.

use super::peers::spent;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a mapping is, by its name and rights.
fn kind(name: &str, rights: &str) -> &'static str {
    match (name, rights.as_bytes()) {
        ("" | "[heap]", _) => "heap: the allocator's own mappings",
        ("[stack]", _) => "stack of the main thread",
        (name, _) if name.starts_with('[') => "the kernel's",
        (name, [_, _, b'x', ..]) if name.ends_with("nightshift") => "program: code",
        (name, [_, b'w', ..]) if name.ends_with("nightshift") => "program: data that is written",
        (name, _) if name.ends_with("nightshift") => "program: constants, unwind tables, relocated data",
        (name, _) if name.contains(".so") => "C library",
        _ => "files: the history's index",
    }
}

/// Resident memory of a process by what it is, in KB, largest first: (what, resident, of it written by the process).
fn mappings(process: u32) -> anyhow::Result<Vec<(&'static str, u64, u64)>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps"))?;
    let mut all: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    let mut now = "the kernel's";
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if !first.ends_with(':') {
            let rights = words.next().unwrap_or_default();
            now = kind(words.nth(3).unwrap_or_default(), rights);
            continue;
        }
        let kb: u64 = words.next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let entry = all.entry(now).or_default();
        match first {
            "Rss:" => entry.0 += kb,
            "Anonymous:" => entry.1 += kb,
            _ => {}
        }
    }
    let mut all: Vec<_> = all.into_iter().map(|(what, (rss, own))| (what, rss, own)).collect();
    all.sort_by_key(|(_, rss, _)| std::cmp::Reverse(*rss));
    Ok(all)
}

/// The same as a table.
pub fn memory(process: u32) -> anyhow::Result<String> {
    let mut table = "| what | resident, KB | written by it, KB |\n|---|---:|---:|\n".to_owned();
    for (what, rss, own) in mappings(process)?.into_iter().filter(|(_, rss, _)| *rss > 0) {
        let _ = writeln!(table, "| {what} | {rss} | {own} |");
    }
    Ok(table)
}

/// CPU seconds of each kind of thread so far.
pub fn threads(process: u32) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let path = entry?.path();
        let Ok(name) = std::fs::read_to_string(path.join("comm")) else { continue };
        let id = path.file_name().and_then(|id| id.to_str()).and_then(|id| id.parse().ok());
        if let Some(spent) = id.and_then(|id: u32| cpu_of_thread(process, id).ok()) {
            *all.entry(name.trim().to_owned()).or_default() += spent;
        }
    }
    Ok(all)
}

fn cpu_of_thread(process: u32, thread: u32) -> anyhow::Result<f64> {
    spent(&format!("/proc/{process}/task/{thread}/stat"))
}

/// What was spent between two looks, as a sentence: thread, and its share.
pub fn shares(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> String {
    let each = |name: &String| {
        after.get(name).copied().unwrap_or_default() - before.get(name).copied().unwrap_or_default()
    };
    let all: f64 = after.keys().map(each).sum();
    let mut shares: Vec<(f64, &String)> = after.keys().map(|name| (each(name), name)).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told = shares.iter().filter(|(spent, _)| *spent > 0.0);
    told.map(|(spent, name)| format!("{name} {:.0} %", 100.0 * spent / all.max(0.01)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_heap_and_code_and_threads() {
        let own = std::process::id();
        let table = memory(own).unwrap();
        assert!(table.contains("heap") && table.contains("C library"), "{table}");
        let threads = threads(own).unwrap();
        assert!(!threads.is_empty());
        assert_eq!(shares(&threads, &threads), "");
    }
}
