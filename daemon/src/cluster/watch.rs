//! The kinds that are watched, as deltas for the view, and what is known of each watch.

mod board;
mod outlet;
#[cfg(test)]
mod tests;

pub use board::{Watch, WatchState};

use super::client::Reader;
use super::stream::{Stream, Timing, Watched};
use crate::clock::Clock;
use board::Place;
use nightshift_detectors::facts::Facts as _;
use nightshift_detectors::facts::{
    ApiServiceFacts, AutoscalerFacts, BudgetFacts, ClaimFacts, ClassFacts, CronJobFacts, DaemonSetFacts,
    DeploymentFacts, EndpointsFacts, EventFacts, IngressFacts, JobFacts, MutatingFacts, NamespaceFacts,
    NodeFacts, PodFacts, QuotaFacts, ReplicaSetFacts, ServiceFacts, StatefulSetFacts, ValidatingFacts,
};
use nightshift_detectors::{Delta, Fact};
use nightshift_model::Kind;
use outlet::{FirstLists, Outlet};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Deltas that may wait for the view; a watch that is ahead of it waits too.
const WAITING: usize = 1_024;

/// One line a watch: its name, and the kind whose facts it brings.
macro_rules! watches {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ident($facts:ident),)*) => {
        /// What is watched.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)] // the names are Kubernetes' own
        pub enum WatchKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl WatchKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kind of the objects.
            pub fn kind(self) -> Kind {
                match self {
                    $(Self::$name => Kind::$kind,)*
                }
            }
        }

        impl Starter<'_> {
            fn spawn(&self, index: usize, place: &Watch, first: &FirstLists) {
                match place.kind {
                    $(WatchKind::$name => self.spawn_as(index, place, Fact::$kind, first),)*
                }
            }
        }

        $(
            impl Watched for Box<$facts> {
                fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
                    <$facts>::read(line)
                }
                fn version(&self) -> u64 {
                    self.meta.version
                }
            }
        )*
    };
}

watches! {
    Nodes: Node(NodeFacts),
    Namespaces: Namespace(NamespaceFacts),
    Deployments: Deployment(DeploymentFacts),
    ReplicaSets: ReplicaSet(ReplicaSetFacts),
    StatefulSets: StatefulSet(StatefulSetFacts),
    DaemonSets: DaemonSet(DaemonSetFacts),
    Jobs: Job(JobFacts),
    CronJobs: CronJob(CronJobFacts),
    Pods: Pod(PodFacts),
    Autoscalers: HorizontalPodAutoscaler(AutoscalerFacts),
    Budgets: PodDisruptionBudget(BudgetFacts),
    Claims: PersistentVolumeClaim(ClaimFacts),
    Classes: StorageClass(ClassFacts),
    Quotas: ResourceQuota(QuotaFacts),
    Services: Service(ServiceFacts),
    Endpoints: EndpointSlice(EndpointsFacts),
    Ingresses: Ingress(IngressFacts),
    ValidatingWebhooks: ValidatingWebhookConfiguration(ValidatingFacts),
    MutatingWebhooks: MutatingWebhookConfiguration(MutatingFacts),
    ApiServices: APIService(ApiServiceFacts),
    /// Events of type Warning.
    Warnings: Event(EventFacts),
}

impl WatchKind {
    /// The plural: metric label, sentence, path.
    pub fn name(self) -> &'static str {
        self.kind().api().map_or("", |(_, plural)| plural)
    }

    /// Whether its objects live in namespaces; the others are always watched as a whole.
    pub fn is_namespaced(self) -> bool {
        !matches!(
            self,
            Self::Nodes
                | Self::Namespaces
                | Self::Classes
                | Self::ValidatingWebhooks
                | Self::MutatingWebhooks
                | Self::ApiServices
        )
    }

    /// Path of the collection; an empty namespace is all of them.
    fn path(self, namespace: &str) -> String {
        let (api, plural) = self.kind().api().unwrap_or_default();
        if namespace.is_empty() {
            format!("{api}/{plural}")
        } else {
            format!("{api}/namespaces/{namespace}/{plural}")
        }
    }

    fn query(self) -> Vec<(String, String)> {
        let warnings = self == Self::Warnings;
        warnings.then(|| ("fieldSelector".into(), "type=Warning".into())).into_iter().collect()
    }
}

/// One change, and which watch told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The watch's kind.
    pub kind: WatchKind,
    /// The change.
    pub delta: Delta,
}

/// The running watches.
#[derive(Debug)]
pub struct Watching {
    /// Changes, in order within a kind and namespace. Dropping it ends the watches.
    pub updates: mpsc::Receiver<Update>,
    /// One entry a watch; whoever waits is woken when a state changes, not when a line comes.
    pub coverage: watch::Receiver<Vec<Watch>>,
}

/// Starts the watches of these kinds. No namespaces means all of them; what lives in none is always watched as a whole.
/// `seed` spreads waits.
pub fn start(
    reader: &Reader,
    clock: Clock,
    timing: Timing,
    kinds: &[WatchKind],
    namespaces: &[String],
    seed: u64,
) -> Watching {
    let everywhere = [String::new()];
    let namespaces = if namespaces.is_empty() { &everywhere } else { namespaces };
    let places: Vec<Watch> = kinds
        .iter()
        .flat_map(|kind| {
            let namespaces = if kind.is_namespaced() { namespaces } else { &everywhere };
            namespaces.iter().map(|namespace| Watch::new(*kind, namespace))
        })
        .collect();
    let (board, coverage) = watch::channel(places.clone());
    let (tx, updates) = mpsc::channel(WAITING);
    let starter = Starter { reader, clock, timing, seed, board: Arc::new(board), tx };
    for kind in kinds {
        let mine: Vec<(usize, &Watch)> =
            places.iter().enumerate().filter(|(_, place)| place.kind == *kind).collect();
        let first = FirstLists::new(mine.len());
        for (index, place) in mine {
            starter.spawn(index, place, &first);
        }
    }
    Watching { updates, coverage }
}

struct Starter<'a> {
    reader: &'a Reader,
    clock: Clock,
    timing: Timing,
    seed: u64,
    board: Arc<watch::Sender<Vec<Watch>>>,
    tx: mpsc::Sender<Update>,
}

impl Starter<'_> {
    fn spawn_as<T: Watched>(&self, index: usize, place: &Watch, fact: fn(T) -> Fact, first: &FirstLists) {
        let stream = Stream {
            reader: self.reader.clone(),
            clock: self.clock,
            timing: self.timing,
            path: place.kind.path(&place.namespace),
            query: place.kind.query(),
            seed: self
                .seed
                .wrapping_add(u64::try_from(index).unwrap_or_default())
                .wrapping_mul(0x9E37_79B9_7F4A_7C15),
            sink: Outlet::new(self.tx.clone(), place, fact, first),
            tell: Place { board: Arc::clone(&self.board), index, clock: self.clock },
        };
        let tx = self.tx.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stream.run::<T>() => {}
                () = tx.closed() => {}
            }
        });
    }
}
