//! libFuzzer on `json_config`: see `vanilla_hostile::FORMATS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vanilla_hostile::fuzz("json_config", bytes));
