//! The whole pure pipeline: cases with golden transcripts, and laws over many runs of one of them.
#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests fail the test

mod cases;
