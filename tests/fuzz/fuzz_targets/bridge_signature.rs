//! Messages that a bridge signs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nightshift_fuzz::bridge_signature(data);
});
