//! Requests that change a cluster are written in few files, and only one file builds a client (it turns
//! retries off: kube re-sends a PATCH up to 15 times).

use crate::source::{Kind, Token, code_at, find};
use crate::{Tree, Violation};

const RULE: &str = "mutations";

/// The complete list of files that may send a mutating request. Targets are written by the first alone.
pub const WRITERS: &[&str] = &[
    "daemon/src/cluster/actuate.rs",
    "daemon/src/cluster/lease.rs",      // leader election
    "daemon/src/cluster/events.rs",     // a Kubernetes Event per action
    "daemon/src/cluster/review.rs",     // SubjectAccessReview, TokenReview
    "daemon/src/cluster/webhook_ca.rs", // the countersign's CA bundle
    "daemon/src/cluster/person.rs",     // a person's own Vote and Visit, with the person's kubeconfig
    "daemon/src/demo/cluster.rs",       // `demo --kubeconfig`: its own namespace
];

/// The one file that builds a client.
pub const CLIENT: &str = "daemon/src/cluster/client.rs";

/// Who takes the bare client of the identity that reads, instead of its GET.
pub const BORROWERS: &[&str] = &[
    "daemon/src/cluster/client.rs",
    "daemon/src/cluster/date.rs",       // what time it is there
    "daemon/src/cluster/stream.rs",     // watches
    "daemon/src/cluster/review.rs",     // what may this account do: nothing is stored
    "daemon/src/cluster/webhook_ca.rs", // the countersign's own webhook, its one object
    "daemon/src/cluster/person.rs",     // a person's own port-forward
];

/// Methods of kube's `Api` and `Request` that change something.
pub const METHODS: &[&str] = &[
    "patch",
    "create",
    "replace",
    "delete",
    "delete_collection",
    "evict",
    "restart",
    "cordon",
    "uncordon",
    "patch_status",
    "replace_status",
    "patch_scale",
    "replace_scale",
    "patch_subresource",
    "create_subresource",
    "replace_subresource",
];

/// Parameters and types that only a mutating request needs.
pub const TYPES: &[&str] = &["PatchParams", "PostParams", "DeleteParams", "EvictParams"];

/// Outside [`WRITERS`], nothing that names `kube` (or stands in `cluster`) mutates; outside [`CLIENT`], nothing
/// builds a client, and outside [`BORROWERS`] nothing takes the reader's.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.under("daemon/") {
        let tokens = file.shipped();
        let kube = file.path.starts_with("daemon/src/cluster/") || tokens.iter().any(|t| t.is("kube"));
        if !kube {
            continue;
        }
        let borrowed = find(&tokens, &["reader", ".", "client", "(", ")"]).next();
        if let Some(at) = borrowed.filter(|_| !BORROWERS.contains(&file.path.as_str())) {
            let line = tokens.get(at).map_or(0, |token| token.line);
            let instead = "read with `Reader::get`; BORROWERS lists who may do otherwise";
            found.push(Violation::new(RULE, &file.path, line, "takes the reader's bare client", instead));
        }
        for (at, token) in tokens.iter().enumerate() {
            if !WRITERS.contains(&file.path.as_str()) && mutates(&tokens, at, token) {
                let what = format!("`{}` is a mutating request", token.text);
                let instead = "targets are written by cluster/actuate.rs; WRITERS lists the others";
                found.push(Violation::new(RULE, &file.path, token.line, what, instead));
            }
            if file.path != CLIENT && builds_client(&tokens, at, token) {
                let instead = format!("take a client from {CLIENT}: it turns retries off and sets deadlines");
                found.push(Violation::new(
                    RULE,
                    &file.path,
                    token.line,
                    "builds a Kubernetes client",
                    instead,
                ));
            }
        }
    }
    found
}

fn mutates(tokens: &[Token], at: usize, token: &Token) -> bool {
    if token.kind != Kind::Word {
        return false;
    }
    let name = token.text.as_str();
    let after = |code| at > 0 && code_at(tokens, at - 1, code);
    let path = |of: &str| after("::") && at > 1 && code_at(tokens, at - 2, of);
    let call = code_at(tokens, at + 1, "(");
    // `"a".replace("b", "c")` and `OpenOptions::create(true)` are no requests.
    let other = tokens
        .get(at + 2)
        .is_some_and(|t| t.kind == Kind::Text || t.kind == Kind::Quote || t.is("true") || t.is("["));
    TYPES.contains(&name)
        || (METHODS.contains(&name) && after(".") && call && !other)
        || (path("Request") && call && (METHODS.contains(&name) || ["post", "put"].contains(&name)))
        || (path("Method") && ["PATCH", "POST", "PUT", "DELETE"].contains(&name))
}

fn builds_client(tokens: &[Token], at: usize, token: &Token) -> bool {
    let made = ["try_default", "try_from", "new"].iter().any(|f| code_at(tokens, at + 2, f));
    let foreign = at > 1
        && code_at(tokens, at - 1, "::")
        && !["kube", "client"].iter().any(|k| code_at(tokens, at - 2, k));
    (token.is("Client") || token.is("ClientBuilder")) && code_at(tokens, at + 1, "::") && made && !foreign
}
