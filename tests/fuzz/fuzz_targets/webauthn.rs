//! A passkey's answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nightshift_fuzz::webauthn(data);
});
