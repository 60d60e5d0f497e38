//! Instruction sets: found once, then one table of entry points. One instruction set a file.

mod scalar;
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
mod x86_avx2;
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
mod x86_avx512;

use crate::rows::Cast;
use crate::slices::{AdamStep, MomentumStep, RmsPropStep};
use crate::tile::{Choice, Narrow, Outer, Singles, Tile};
use crate::vector::SQUARE;

/// An instruction set with kernels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, everywhere.
    Scalar,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F.
    Avx512,
}

impl Isa {
    /// All of them, the best last.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The best one that this machine has.
    pub fn best() -> Self {
        Self::ALL.into_iter().rfind(|isa| isa.available()).unwrap_or(Self::Scalar)
    }

    /// Whether this machine (and this build) can run it.
    pub fn available(self) -> bool {
        #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
        {
            match self {
                Self::Scalar => true,
                Self::Avx2 => {
                    is_x86_feature_detected!("avx2")
                        && is_x86_feature_detected!("fma")
                        && is_x86_feature_detected!("bmi1")
                }
                Self::Avx512 => Self::Avx2.available() && is_x86_feature_detected!("avx512f"),
            }
        }
        #[cfg(not(all(target_arch = "x86_64", not(vanilla_portable))))]
        {
            self == Self::Scalar
        }
    }

    /// `scalar`, `avx2` or `avx512`: the values of `VANILLA_CPU`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Of what its bits depend on: its name, and on AVX-512 how this machine divides.
    pub fn arithmetic(self) -> &'static str {
        #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
        if self == Self::Avx512 && x86_avx512::divides() {
            return "avx512, dividing";
        }
        self.name()
    }

    /// The instruction set of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Its entry points, if the machine has it; `portable`, those whose bits are the same on all of them.
    pub(crate) fn table(self, portable: bool) -> Option<&'static Table> {
        if !self.available() {
            return None;
        }
        match (self, portable) {
            (Self::Scalar, false) => Some(&entries_scalar::TABLE),
            (Self::Scalar, true) => Some(&entries_scalar_fused::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            (Self::Avx2, _) => Some(&entries_avx2::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            (Self::Avx512, false) if x86_avx512::divides() => Some(&entries_avx512_divides::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            (Self::Avx512, false) => Some(&entries_avx512::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            (Self::Avx512, true) => Some(&entries_avx512_exact::TABLE),
            #[cfg(not(all(target_arch = "x86_64", not(vanilla_portable))))]
            _ => None,
        }
    }
}

/// Hands the list of all entry points, each a generic function of a [`Vector`](crate::vector::Vector) in another
/// module, to a macro.
macro_rules! entry_points {
    ($to:ident! $args:tt) => {
        $to! { $args
            measure::multiply_adds(start: f32) -> f32;
            tile::tile(t: &Tile);
            tile::live_tile(t: &Tile, choice: &Choice<'_>);
            tile::singles(s: &Singles<'_>);
            tile::narrow(n: &Narrow);
            tile::outer(o: &Outer<'_>);
            rows::cast(c: Cast<'_>);
            rows::survey(lines: &[f32], elements: &mut [u64]);
            rows::turn(from: &[f32; SQUARE], to: *mut f32);
            slices::relu(y: &mut [f32]);
            slices::relu_gradient(d: &mut [f32], y: &[f32]);
            slices::sigmoid(y: &mut [f32]);
            slices::sigmoid_gradient(d: &mut [f32], y: &[f32]);
            slices::tanh(y: &mut [f32]);
            slices::tanh_gradient(d: &mut [f32], y: &[f32]);
            slices::gelu(y: &mut [f32]);
            slices::gelu_gradient(d: &mut [f32], x: &[f32]);
            slices::silu(y: &mut [f32]);
            slices::silu_gradient(d: &mut [f32], x: &[f32]);
            slices::softplus(y: &mut [f32]);
            slices::softplus_gradient(d: &mut [f32], y: &[f32]);
            slices::elu(above: f32, below: f32, y: &mut [f32]);
            slices::elu_gradient(above: f32, below: f32, d: &mut [f32], y: &[f32]);
            slices::exp(y: &mut [f32]);
            slices::flush(y: &mut [f32]);
            slices::largest(x: &[f32]) -> f32;
            slices::softmax(row: &mut [f32]) -> f32;
            slices::softmax_lines(lines: &mut [f32], cols: usize, log_sums: &mut [f32]);
            slices::sgd(rate: f32, w: &mut [f32], g: &[f32]);
            slices::momentum(s: &MomentumStep, w: &mut [f32], m: &mut [f32], g: &[f32]);
            slices::rmsprop(s: &RmsPropStep, w: &mut [f32], v: &mut [f32], g: &[f32]);
            slices::adam(s: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]);
        }
    };
}

macro_rules! table {
    (() $($module:ident::$name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        /// The functions of one instruction set. Calling one needs that instruction set, which the holder of a table
        /// has (see [`Isa::table`]), and what each function's own contract says.
        #[allow(clippy::type_complexity)]
        pub(crate) struct Table {
            /// Floats of a register.
            pub lanes: usize,
            /// The most rows and panels of the dense tile.
            pub tile_size: (usize, usize),
            /// The most rows of a live tile of one panel.
            pub live_rows: usize,
            /// The most panels of a product that takes its rows one at a time.
            pub single_panels: usize,
            $(pub $name: unsafe fn($($type),*) $(-> $out)?,)*
        }
    };
}
entry_points!(table!());

/// Instantiates every entry point for one vector type inside a function that carries its target features.
macro_rules! instruction_set {
    (($set:ident, $vector:ty, $attribute:meta)
        $($module:ident::$name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        #[allow(clippy::undocumented_unsafe_blocks)] // SAFETY: each only hands its own contract on
        mod $set {
            use super::*;
            use crate::vector::Vector;
            use crate::{measure, rows, slices, tile};

            pub(crate) static TABLE: Table = Table {
                lanes: <$vector>::LANES,
                tile_size: <$vector>::TILE,
                live_rows: <$vector>::LIVE_ROWS,
                single_panels: <$vector>::SINGLE_PANELS,
                $($name,)*
            };
            $(#[$attribute]
            unsafe fn $name($($arg: $type),*) $(-> $out)? {
                unsafe { $module::$name::<$vector>($($arg),*) }
            })*
        }
    };
}
entry_points!(instruction_set!(entries_scalar, scalar::Scalar<false>, inline(never)));
entry_points!(instruction_set!(entries_scalar_fused, scalar::Scalar<true>, inline(never)));
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entry_points!(instruction_set!(entries_avx2, x86_avx2::Avx2, target_feature(enable = "avx2,fma,bmi1")));
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entry_points!(instruction_set!(
    entries_avx512,
    x86_avx512::Avx512<false, false>,
    target_feature(enable = "avx512f,avx2,fma,bmi1")
));
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entry_points!(instruction_set!(
    entries_avx512_divides,
    x86_avx512::Avx512<false, true>,
    target_feature(enable = "avx512f,avx2,fma,bmi1")
));
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entry_points!(instruction_set!(
    entries_avx512_exact,
    x86_avx512::Avx512<true, true>,
    target_feature(enable = "avx512f,avx2,fma,bmi1")
));

#[cfg(all(test, target_arch = "x86_64", not(vanilla_portable)))]
mod tests {
    use super::*;

    /// Of the two ways to divide, a machine takes one; here both are tested.
    #[test]
    fn quotients_by_division_and_by_estimate() {
        if !Isa::Avx512.available() {
            return;
        }
        for table in [&entries_avx512::TABLE, &entries_avx512_divides::TABLE, &entries_avx512_exact::TABLE] {
            let s = AdamStep { one_minus_beta_1: 0.1, one_minus_beta_2: 0.001, alpha: 1.0, epsilon: 1e-7 };
            // Quotients of many sizes, and moments that are zero and just above the least.
            let g: Vec<f32> = (0..160).map(|i| (i as f32 - 80.0) * 10f32.powi(i % 20 - 16)).collect();
            let m0: Vec<f32> = g.iter().map(|g| g * 0.5).collect();
            let mut v0: Vec<f32> = g.iter().map(|g| g * g * 0.7).collect();
            v0[..2].copy_from_slice(&[0.0, 2e-30]);
            let (mut w, mut m, mut v) = (vec![0.0; 160], m0.clone(), v0.clone());
            // SAFETY: the instruction set is there.
            unsafe { (table.adam)(&s, &mut w, &mut m, &mut v, &g) };
            for i in 0..160 {
                let f = |x: f32| f64::from(x);
                let m1 = f(m0[i]) + (f(g[i]) - f(m0[i])) * f(0.1);
                let v1 = (f(v0[i]) + (f(g[i]).powi(2) - f(v0[i])) * f(0.001)).max(1e-30);
                let expected = m1 / (v1.sqrt() + 1e-7);
                let error = (f(-w[i]) - expected).abs();
                assert!(error <= 5e-7 * expected.abs() + 1e-16, "{i}: {} instead of {expected}", -w[i]);
            }
        }
    }
}
