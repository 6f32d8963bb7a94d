//! The web pages: what the gate refuses, what it never leaks, and how it looks in headless Chromium.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "all of it is test code, and a failed assumption is a failed test"
)]

mod access;
mod charts;
mod digests;
mod ends;
mod fixture;
mod hold;
mod inbox;
mod inverse;
mod links;
mod live;
mod pages;
mod passkeys;
mod people;
mod screens;
mod sessions;
mod silences;
mod since;
mod votes;

use nightshift_tests::driver;
