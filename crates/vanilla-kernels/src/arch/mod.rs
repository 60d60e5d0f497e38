//! Instruction sets: found once, then one table of entry points. One instruction set a file.

mod scalar;
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
mod x86_avx2;
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
mod x86_avx512;

use crate::gemm::{Choice, Thin, Tile};
use crate::rows::Cast;
use crate::slices::{AdamStep, MomentumStep, RmsPropStep};

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
                Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
                Self::Avx512 => {
                    Self::Avx2.available()
                        && is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("bmi1")
                }
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

    /// The instruction set of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Its entry points, if the machine has it.
    pub(crate) fn table(self) -> Option<&'static Table> {
        if !self.available() {
            return None;
        }
        match self {
            Self::Scalar => Some(&entries_scalar::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            Self::Avx2 => Some(&entries_avx2::TABLE),
            #[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
            Self::Avx512 => Some(&entries_avx512::TABLE),
            #[cfg(not(all(target_arch = "x86_64", not(vanilla_portable))))]
            _ => None,
        }
    }
}

type AdamEntry = unsafe fn(&AdamStep, &mut [f32], &mut [f32], &mut [f32], &[f32]);

/// The functions of one instruction set. Calling one needs that instruction set, which the holder of a table has
/// (see [`Isa::table`]), and what each function's own contract says.
pub(crate) struct Table {
    /// The most rows and panels of the dense tile.
    pub tile_size: (usize, usize),
    pub tile: unsafe fn(&Tile),
    /// The most panels of a live tile of four rows.
    pub live_panels: usize,
    /// The most rows of a live tile of one panel.
    pub live_rows: usize,
    pub live_tile: unsafe fn(&Tile, &Choice<'_>),
    pub thin: unsafe fn(&Thin<'_>),
    pub cast: unsafe fn(Cast<'_>),
    pub survey: unsafe fn(&[f32], &mut [u64]),
    pub relu: unsafe fn(&mut [f32]),
    pub relu_gradient: unsafe fn(&mut [f32], &[f32]),
    pub sigmoid: unsafe fn(&mut [f32]),
    pub sigmoid_gradient: unsafe fn(&mut [f32], &[f32]),
    pub tanh: unsafe fn(&mut [f32]),
    pub tanh_gradient: unsafe fn(&mut [f32], &[f32]),
    pub gelu: unsafe fn(&mut [f32]),
    pub gelu_gradient: unsafe fn(&mut [f32], &[f32]),
    pub silu: unsafe fn(&mut [f32]),
    pub silu_gradient: unsafe fn(&mut [f32], &[f32]),
    pub softplus: unsafe fn(&mut [f32]),
    pub softplus_gradient: unsafe fn(&mut [f32], &[f32]),
    pub elu: unsafe fn(f32, f32, &mut [f32]),
    pub elu_gradient: unsafe fn(f32, f32, &mut [f32], &[f32]),
    pub exp: unsafe fn(&mut [f32]),
    pub flush: unsafe fn(&mut [f32]),
    pub sgd: unsafe fn(f32, &mut [f32], &[f32]),
    pub momentum: unsafe fn(&MomentumStep, &mut [f32], &mut [f32], &[f32]),
    pub rmsprop: unsafe fn(&RmsPropStep, &mut [f32], &mut [f32], &[f32]),
    pub adam: AdamEntry,
}

/// Instantiates the generic kernels for one [`Vector`](crate::vector::Vector) inside functions that carry its
/// target features.
macro_rules! entries {
    ($module:ident, $vector:ty, [$($feature:literal)?]) => {
        #[allow(clippy::undocumented_unsafe_blocks)] // SAFETY: each only hands its own contract on
        mod $module {
            use super::*;
            use crate::vector::Vector;
            use crate::{gemm, rows, slices};

            pub(crate) static TABLE: Table = Table {
                tile_size: <$vector>::TILE, tile, live_panels: <$vector>::LIVE_PANELS,
                live_rows: <$vector>::LIVE_ROWS, live_tile, thin, cast, survey, relu, relu_gradient, sigmoid,
                sigmoid_gradient, tanh, tanh_gradient, gelu, gelu_gradient, silu, silu_gradient, softplus,
                softplus_gradient, elu, elu_gradient, exp, flush,
                sgd, momentum, rmsprop, adam,
            };

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile(t: &Tile) {
                unsafe { gemm::tile::<$vector>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn live_tile(t: &Tile, choice: &Choice<'_>) {
                unsafe { gemm::live_tile::<$vector>(t, choice) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn thin(t: &Thin<'_>) {
                unsafe { gemm::thin::<$vector>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn cast(c: Cast<'_>) {
                unsafe { rows::cast::<$vector>(c) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn survey(lines: &[f32], elements: &mut [u64]) {
                unsafe { rows::survey::<$vector>(lines, elements) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn relu(y: &mut [f32]) {
                unsafe { slices::relu::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn relu_gradient(d: &mut [f32], y: &[f32]) {
                unsafe { slices::relu_gradient::<$vector>(d, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn sigmoid(y: &mut [f32]) {
                unsafe { slices::sigmoid::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn sigmoid_gradient(d: &mut [f32], y: &[f32]) {
                unsafe { slices::sigmoid_gradient::<$vector>(d, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn tanh(y: &mut [f32]) {
                unsafe { slices::tanh::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn tanh_gradient(d: &mut [f32], y: &[f32]) {
                unsafe { slices::tanh_gradient::<$vector>(d, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gelu(y: &mut [f32]) {
                unsafe { slices::gelu::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gelu_gradient(d: &mut [f32], x: &[f32]) {
                unsafe { slices::gelu_gradient::<$vector>(d, x) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn silu(y: &mut [f32]) {
                unsafe { slices::silu::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn silu_gradient(d: &mut [f32], x: &[f32]) {
                unsafe { slices::silu_gradient::<$vector>(d, x) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn softplus(y: &mut [f32]) {
                unsafe { slices::softplus::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn softplus_gradient(d: &mut [f32], y: &[f32]) {
                unsafe { slices::softplus_gradient::<$vector>(d, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn elu(above: f32, below: f32, y: &mut [f32]) {
                unsafe { slices::elu::<$vector>(above, below, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn elu_gradient(above: f32, below: f32, d: &mut [f32], y: &[f32]) {
                unsafe { slices::elu_gradient::<$vector>(above, below, d, y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn exp(y: &mut [f32]) {
                unsafe { slices::exp::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn flush(y: &mut [f32]) {
                unsafe { slices::flush::<$vector>(y) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn sgd(rate: f32, w: &mut [f32], g: &[f32]) {
                unsafe { slices::sgd::<$vector>(rate, w, g) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn momentum(s: &MomentumStep, w: &mut [f32], m: &mut [f32], g: &[f32]) {
                unsafe { slices::momentum::<$vector>(s, w, m, g) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn rmsprop(s: &RmsPropStep, w: &mut [f32], v: &mut [f32], g: &[f32]) {
                unsafe { slices::rmsprop::<$vector>(s, w, v, g) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn adam(s: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
                unsafe { slices::adam::<$vector>(s, w, m, v, g) }
            }
        }
    };
}

entries!(entries_scalar, scalar::Scalar, []);
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entries!(entries_avx2, x86_avx2::Avx2, ["avx2,fma"]);
#[cfg(all(target_arch = "x86_64", not(vanilla_portable)))]
entries!(entries_avx512, x86_avx512::Avx512, ["avx512f,avx2,fma,bmi1"]);
