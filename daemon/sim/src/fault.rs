//! Injected faults: what a scenario does to the API server.

use serde_json::Value;

use crate::api::{ApiRequest, Method};
use crate::failure::Failure;

/// What a request does, in the words of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Any of the others.
    Any,
    /// Read one object, a log or a scale.
    Get,
    /// Read a collection.
    List,
    /// Stream a collection.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// RBAC's word; `*` for any.
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Verb of a request; `named` when its path names one object.
    pub(crate) fn of(request: &ApiRequest, named: bool) -> Self {
        match request.method {
            Method::Get if request.flag("watch") => Self::Watch,
            Method::Get if named => Self::Get,
            Method::Get => Self::List,
            Method::Post => Self::Create,
            Method::Put => Self::Update,
            Method::Patch => Self::Patch,
            Method::Delete => Self::Delete,
        }
    }

    fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// Which requests a fault strikes, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Verb, or `Verb::Any`.
    pub verb: Verb,
    /// Start of the path; "" is every path.
    pub path_prefix: String,
    /// Text that the body must contain; "" is every body.
    pub body_contains: String,
    /// Matching requests that pass before the first is struck.
    pub skip: u32,
    /// Requests that are struck; then the fault is over.
    pub times: u32,
    /// True to leave dry runs alone.
    pub writes_only: bool,
}

impl Scope {
    /// The next request of that verb under that path.
    pub fn new(verb: Verb, path_prefix: &str) -> Self {
        let path_prefix = path_prefix.into();
        Self { verb, path_prefix, body_contains: String::new(), skip: 0, times: 1, writes_only: false }
    }

    /// Strikes that many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Lets that many matching requests pass first.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Only bodies with that text.
    #[must_use]
    pub fn containing(self, text: &str) -> Self {
        Self { body_contains: text.into(), ..self }
    }

    /// Leaves dry runs alone.
    #[must_use]
    pub fn writes_only(self) -> Self {
        Self { writes_only: true, ..self }
    }

    fn strikes(&mut self, verb: Verb, request: &ApiRequest) -> bool {
        let body = || {
            self.body_contains.is_empty()
                || String::from_utf8_lossy(&request.body).contains(&self.body_contains)
        };
        let matches = self.times > 0
            && self.verb.covers(verb)
            && request.path.starts_with(&self.path_prefix)
            && !(self.writes_only && request.dry_run())
            && body();
        if matches && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if matches {
            self.times -= 1;
        }
        matches
    }
}

/// One fault. Those with a scope end when their count is spent; the others stand until `Sim::clear_faults`.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Answers this status before anything is applied.
    Status {
        /// Which requests.
        on: Scope,
        /// HTTP status.
        code: u16,
        /// `reason` of the Status object.
        reason: String,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// The write is applied, then the answer is 504. Dry runs are never struck.
    AppliedThenGatewayTimeout {
        /// Which writes.
        on: Scope,
    },
    /// The write is applied, then the connection drops: the answer has status 0. Dry runs are never struck.
    AppliedThenLost {
        /// Which writes.
        on: Scope,
    },
    /// Nothing is applied and the connection drops: the answer has status 0.
    Lost {
        /// Which requests.
        on: Scope,
    },
    /// The watch opens and stays silent for ever.
    HangWatch {
        /// Which watches; the verb should be `Watch` or `Any`.
        on: Scope,
    },
    /// Every resourceVersion handed out so far is too old: open watches end with 410, and so do resumes.
    CompactAll,
    /// `sendInitialEvents` is answered 422 Invalid, as by a server without streaming lists.
    NoWatchList,
    /// 403, and `allowed: false` in an access review.
    Forbidden {
        /// User name, or `*`.
        user: String,
        /// RBAC verb, or `*`; `=*` is the star itself, which only an access review names.
        verb: String,
        /// Plural resource such as `pods` or `pods/log`, or `*`, or `=*`.
        resource: String,
    },
    /// Another controller puts a Deployment's template back some seconds after any change of it.
    Revert {
        /// Namespace.
        namespace: String,
        /// Deployment.
        deployment: String,
        /// Field manager of the other controller, such as `argocd-controller`.
        manager: String,
        /// The `spec.template` it wants.
        template: Value,
        /// Seconds between the change and its write.
        after: i64,
    },
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Strike {
    None,
    Refuse(Failure),
    Lose,
    ApplyThenTimeout,
    ApplyThenLose,
    Hang,
}

/// Decides the fate of a request and spends the counts. The first matching fault wins.
pub(crate) fn strike(faults: &mut [Fault], verb: Verb, request: &ApiRequest) -> Strike {
    let write = !matches!(verb, Verb::Get | Verb::List | Verb::Watch) && !request.dry_run();
    let watch = verb == Verb::Watch;
    for fault in faults {
        let (on, applies, fate) = match fault {
            Fault::Status { on, code, reason, retry_after } => {
                let refusal = Failure::new(*code, reason, format!("injected fault: {reason}"));
                (on, true, Strike::Refuse(Failure { retry_after: *retry_after, ..refusal }))
            }
            Fault::AppliedThenGatewayTimeout { on } => (on, write, Strike::ApplyThenTimeout),
            Fault::AppliedThenLost { on } => (on, write, Strike::ApplyThenLose),
            Fault::Lost { on } => (on, true, Strike::Lose),
            Fault::HangWatch { on } => (on, watch, Strike::Hang),
            Fault::CompactAll | Fault::NoWatchList | Fault::Forbidden { .. } | Fault::Revert { .. } => {
                continue;
            }
        };
        if applies && on.strikes(verb, request) {
            return fate;
        }
    }
    Strike::None
}

/// True when a rule denies that user the verb on the resource.
pub(crate) fn denied(faults: &[Fault], who: &str, what: &str, on: &str) -> bool {
    let same = |rule: &str, given: &str| rule == "*" || rule.strip_prefix('=').unwrap_or(rule) == given;
    faults.iter().any(|fault| {
        matches!(fault, Fault::Forbidden { user, verb, resource }
            if same(user, who) && same(verb, what) && same(resource, on))
    })
}
