//! libFuzzer on `jpeg`: see `vanilla_hostile::FORMATS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vanilla_hostile::fuzz("jpeg", bytes));
