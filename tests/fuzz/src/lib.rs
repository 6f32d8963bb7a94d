//! What must hold whatever bytes a stranger sends, one function a door. The programs in `fuzz_targets/` drive them with
//! libFuzzer (`tests/run full`); the committed corpora are replayed as ordinary tests.
//!
//! Each function fails by panicking, and says in one word what became of its input, so that the corpora's verdicts can
//! be written down and read.

mod alert_payload;
mod bridge_signature;
mod common;
mod link_token;
mod message_signature;
mod vote_body;
mod webauthn;

pub use alert_payload::alert_payload;
pub use bridge_signature::bridge_signature;
pub use link_token::link_token;
pub use message_signature::message_signature;
pub use vote_body::vote_body;
pub use webauthn::webauthn;

/// What a door is tried with, and what it says.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: of the program in `fuzz_targets/` and of the folder in `corpus/`.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]) -> String,
    /// Inputs to start from: (name, bytes). Published vectors and what a person would try first.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "alert_payload", run: alert_payload, seeds: alert_payload::seeds },
    Target { name: "bridge_signature", run: bridge_signature, seeds: bridge_signature::seeds },
    Target { name: "link_token", run: link_token, seeds: link_token::seeds },
    Target { name: "message_signature", run: message_signature, seeds: message_signature::seeds },
    Target { name: "vote_body", run: vote_body, seeds: vote_body::seeds },
    Target { name: "webauthn", run: webauthn, seeds: webauthn::seeds },
];
