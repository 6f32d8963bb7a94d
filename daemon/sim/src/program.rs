//! What the containers of an image do.

/// How a container behaves from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs and becomes ready.
    Serves {
        /// Seconds from start to ready.
        ready_after: i64,
    },
    /// Exits, every time. While it runs it counts as ready, as on a real node, unless its container has a
    /// readinessProbe: without one, a rollout goes on over a container that runs for a second.
    Exits {
        /// Seconds from start to exit.
        after: i64,
        /// Exit code; 0 is reported as Completed.
        code: i32,
        /// True to be reported as OOMKilled (use code 137).
        oom: bool,
    },
    /// Is OOM killed, every time, while its container's memory limit in Mi is lower; else runs well.
    NeedsMemory {
        /// What it needs.
        mib: i64,
        /// Seconds from start to the kill.
        after: i64,
    },
    /// Exits until it has been restarted that often, then serves at once.
    ExitsTimes {
        /// Exits in all.
        times: i64,
        /// Seconds from start to exit.
        after: i64,
        /// Exit code.
        code: i32,
    },
    /// Runs and never becomes ready.
    NeverReady,
    /// What ran already when the program was set hangs and is not ready any more; what starts later serves.
    Hangs,
    /// The image cannot be pulled.
    MissingImage,
}

/// Behaviour and log of an image's containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it does.
    pub behaviour: Behaviour,
    /// What every run of it logs, whole lines.
    pub log: String,
}

impl Program {
    /// That behaviour, with an empty log.
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, log: String::new() }
    }

    /// Ready after that many seconds.
    pub fn serves(ready_after: i64) -> Self {
        Self::new(Behaviour::Serves { ready_after })
    }

    /// Exits after that many seconds, every time.
    pub fn exits(after: i64, code: i32) -> Self {
        Self::new(Behaviour::Exits { after, code, oom: false })
    }

    /// Is OOM killed after that many seconds, every time.
    pub fn out_of_memory(after: i64) -> Self {
        Self::new(Behaviour::Exits { after, code: 137, oom: true })
    }

    /// The same with a log.
    #[must_use]
    pub fn log(self, log: &str) -> Self {
        Self { log: log.into(), ..self }
    }
}

impl Default for Program {
    /// Runs well: ready one second after its start.
    fn default() -> Self {
        Self::serves(1)
    }
}
