//! Benchmarks: what the real program does beside a peer, in one run. They print and compare; no time is asserted, for a
//! machine that others use too would fail it. `tests/run full` gives them a release build.

mod intake;
