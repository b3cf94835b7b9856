//! libFuzzer's way into [`devices_fuzz::about`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devices_fuzz::about(data));
