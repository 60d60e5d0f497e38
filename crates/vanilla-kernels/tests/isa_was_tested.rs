//! An instruction set that the machine has must have been tested, not silently left out.

use vanilla_kernels::{Isa, Kernels};

#[test]
fn every_instruction_set_of_the_machine_has_kernels() {
    for isa in Isa::ALL {
        assert_eq!(Kernels::new(isa, 1).is_some(), isa.available(), "{isa:?}");
        println!("{}: {}", isa.name(), if isa.available() { "tested" } else { "not on this machine" });
    }
    assert!(Isa::best().available());
    #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
    {
        assert_eq!(Isa::Avx2.available(), is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
        if is_x86_feature_detected!("avx512f") {
            assert_eq!(Isa::best(), Isa::Avx512, "the best instruction set is found");
        }
    }
}

#[test]
fn names_round_trip() {
    for isa in Isa::ALL {
        assert_eq!(Isa::from_name(isa.name()), Some(isa));
    }
    assert_eq!(Isa::from_name("sse9"), None);
}
