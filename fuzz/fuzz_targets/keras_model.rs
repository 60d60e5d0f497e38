//! libFuzzer on `keras_model`: see `vanilla_hostile::FORMATS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vanilla_hostile::fuzz("keras_model", bytes));
