//! Requests that a key file signs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nightshift_fuzz::message_signature(data);
});
