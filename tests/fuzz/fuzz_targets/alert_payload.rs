//! Bodies of Alertmanager's webhook.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nightshift_fuzz::alert_payload(data);
});
