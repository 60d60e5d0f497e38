//! libFuzzer on `load_weights`: see `vanilla_hostile::FORMATS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vanilla_hostile::fuzz("load_weights", bytes));
