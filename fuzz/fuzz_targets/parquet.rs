//! libFuzzer on `parquet`: see `vanilla_hostile::FORMATS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vanilla_hostile::fuzz("parquet", bytes));
