//! Bodies of signed votes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nightshift_fuzz::vote_body(data);
});
