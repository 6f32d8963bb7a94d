//! Cases of testdata and laws over all detectors.

mod fixtures;
mod laws;
pub(crate) mod make;
