//! The whole pure pipeline: cases with golden transcripts, and laws over many runs of one scenario.

mod cases;
mod laws;
