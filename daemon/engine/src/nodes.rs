//! Whether the cluster itself is in trouble, as the executor sees it right before a write: more than one node that is
//! not Ready is a larger failure than one workload's. Not knowing counts as trouble.

use crate::seal::{is_ready, items, object};
use crate::wire::Wire;
use nightshift_model::Nodes;
use nightshift_model::effect::{Accept, RawPart, Read};
use serde_json::Value;

/// Nodes of one page: a whole Node is 10 to 25 KB, most of it the list of its images.
const PAGE: usize = 50;
/// 10,000 nodes. What lies behind is not known, so nothing is written.
const PAGES: usize = 200;
/// So many that are not Ready decide it.
const STORM: u32 = 2;

/// Lists the nodes in pages, until all were seen or enough of them are not Ready.
pub async fn look<W: Wire>(wire: &W) -> Nodes {
    let (mut not_ready, mut next) = (0, String::new());
    for _ in 0..PAGES {
        match page(&wire.read(&pages(&next)).await) {
            Ok(page) => {
                not_ready += page.not_ready;
                next = page.next;
            }
            Err(why) => return Nodes::Unknown { why },
        }
        if next.is_empty() || not_ready >= STORM {
            return Nodes::NotReady(not_ready);
        }
    }
    Nodes::Unknown { why: format!("there are more than {} nodes", PAGE * PAGES) }
}

/// What stands against a write now.
///
/// # Errors
/// One sentence.
pub fn calm(nodes: &Nodes) -> Result<(), String> {
    match nodes {
        Nodes::NotReady(few) if *few < STORM => Ok(()),
        Nodes::NotReady(many) => Err(storm(*many)),
        Nodes::Unknown { why } => {
            Err(format!("whether the nodes are Ready is not known, so nothing may be written: {why}"))
        }
    }
}

/// The guards say it alike.
pub(crate) fn storm(nodes: u32) -> String {
    format!("{nodes} nodes are not Ready: this looks like a larger failure")
}

fn pages(next: &str) -> Read {
    let mut query = vec![("limit".to_owned(), PAGE.to_string())];
    if !next.is_empty() {
        query.push(("continue".to_owned(), next.to_owned()));
    }
    Read::Get { path: "/api/v1/nodes".to_owned(), query, accept: Accept::Json }
}

struct Page {
    not_ready: u32,
    next: String,
}

fn page(part: &RawPart) -> Result<Page, String> {
    let list = object(part, "the nodes")?;
    let items = items(&list, "the nodes")?;
    let not_ready = items.iter().filter(|node| !is_ready(node)).count();
    let next = list.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default();
    Ok(Page { not_ready: u32::try_from(not_ready).unwrap_or(u32::MAX), next: next.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HttpWrite;
    use nightshift_model::{NotChecked, Timestamp};
    use serde_json::json;
    use std::sync::Mutex;

    /// Answers one page after the other, and notes what was asked.
    struct Pages(Mutex<Vec<RawPart>>, Mutex<Vec<Read>>);

    impl Wire for Pages {
        async fn read(&self, read: &Read) -> RawPart {
            self.1.lock().unwrap().push(read.clone());
            self.0.lock().unwrap().remove(0)
        }
        async fn write(&self, _: &HttpWrite) -> RawPart {
            panic!("looking writes nothing")
        }
        fn now(&self) -> Timestamp {
            crate::samples::at(0)
        }
    }

    fn list(statuses: &[&str], next: &str) -> RawPart {
        let node = |status: &&str| {
            json!({"status": {"conditions": [
            {"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": status}]}})
        };
        let items: Vec<Value> = statuses.iter().map(node).collect();
        let body = json!({"items": items, "metadata": {"continue": next}});
        RawPart::Body { status: 200, body: body.to_string().into_bytes(), cut: false }
    }

    fn seen(pages: Vec<RawPart>) -> (Nodes, Vec<Read>) {
        let wire = Pages(Mutex::new(pages), Mutex::default());
        let mut looking = Box::pin(look(&wire));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(nodes) = looking.as_mut().poll(&mut context) else { panic!("pending") };
        drop(looking);
        (nodes, wire.1.into_inner().unwrap())
    }

    #[test]
    fn all_pages_count_and_two_are_enough() {
        let (nodes, asked) = seen(vec![list(&["True", "Unknown"], "more"), list(&["True"], "")]);
        assert_eq!(nodes, Nodes::NotReady(1));
        assert_eq!(calm(&nodes), Ok(()), "one node is not a storm");
        let Read::Get { query, .. } = &asked[1] else { panic!("{asked:?}") };
        assert!(query.contains(&("continue".to_owned(), "more".to_owned())), "{query:?}");
        let (nodes, asked) = seen(vec![list(&["False", "Unknown"], "more")]);
        assert_eq!((&nodes, asked.len()), (&Nodes::NotReady(2), 1));
        assert!(calm(&nodes).unwrap_err().contains("larger failure"));
        let fresh = json!({"items": [{}, {"status": {"conditions": []}}]}).to_string().into_bytes();
        let (nodes, _) = seen(vec![RawPart::Body { status: 200, body: fresh, cut: false }]);
        assert_eq!(nodes, Nodes::NotReady(2), "without a condition a node is not Ready");
    }

    #[test]
    fn not_knowing_is_not_allowed_and_says_why() {
        let body = |status, body: &str| RawPart::Body { status, body: body.into(), cut: false };
        let failed = RawPart::Failed { why: NotChecked::OverBudget, detail: String::new() };
        let cut = RawPart::Body { status: 200, body: b"{\"items\":[".to_vec(), cut: true };
        for bad in [body(403, "{}"), body(410, "{}"), body(200, "{}"), body(200, "no"), failed, cut] {
            for pages in [vec![bad.clone()], vec![list(&["True"], "more"), bad.clone()]] {
                let (nodes, _) = seen(pages);
                assert!(matches!(nodes, Nodes::Unknown { .. }), "{bad:?}");
                assert!(calm(&nodes).unwrap_err().contains("not known"));
            }
        }
        let endless = (0..PAGES).map(|_| list(&["True"], "more")).collect();
        assert!(matches!(seen(endless).0, Nodes::Unknown { .. }));
    }
}
