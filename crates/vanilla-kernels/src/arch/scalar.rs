//! The portable path: plain Rust, four lanes that the compiler may turn into whatever the machine has.

use crate::vector::Vector;

/// With `FUSED`, a multiply-add is rounded once, as on machines that have an instruction for it: the same bits as
/// theirs, slowly.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<const FUSED: bool>([f32; 4]);

impl<const FUSED: bool> Scalar<FUSED> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Self(self.0.map(f))
    }
}

/// Without an FMA instruction `mul_add` is a slow library call, so the product is rounded there.
#[inline(always)]
fn mul_add<const FUSED: bool>(x: f32, a: f32, b: f32) -> f32 {
    if FUSED || cfg!(any(target_feature = "fma", target_arch = "aarch64")) { x.mul_add(a, b) } else { x * a + b }
}

impl<const FUSED: bool> Vector for Scalar<FUSED> {
    const LANES: usize = 4;
    // SSE2 has 16 registers of four lanes: two rows of a line take eight.
    const TILE: (usize, usize) = (2, 1);
    const LIVE_ROWS: usize = 4;
    const SINGLE_PANELS: usize = 2;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller gives four valid floats; an array of f32 has f32's alignment.
        Self(unsafe { p.cast::<[f32; 4]>().read() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { p.cast::<[f32; 4]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| mul_add::<FUSED>(self.0[i], a.0[i], b.0[i])))
    }
    #[inline(always)]
    unsafe fn fms(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| mul_add::<FUSED>(self.0[i], a.0[i], -b.0[i])))
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        self.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn max_bits(self, other: Self) -> Self {
        self.zip(other, |a, b| if a.to_bits() as i32 > b.to_bits() as i32 { a } else { b })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // 1.5 * 2^23: beside it a float has no digits after the point. `round_ties_even` would be a library call.
        const MAGIC: f32 = 12_582_912.0;
        self.map(|x| (x + MAGIC) - MAGIC)
    }
    #[inline(always)]
    unsafe fn select_lt(self, bound: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] < bound.0[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        (0..4).map(|lane| u32::from(self.0[lane] != 0.0) << lane).sum()
    }
    #[inline(always)]
    unsafe fn from_bytes(p: *const u8) -> Self {
        // SAFETY: the caller gives four valid bytes.
        Self(unsafe { p.cast::<[u8; 4]>().read() }.map(f32::from))
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        self.map(|n| f32::from_bits((((n as i32) + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn pick(self, table: &[f32; 8]) -> Self {
        // Exponent and first bit of the mantissa, which are 254 for 1.
        self.map(|x| table[(x.to_bits() >> 22).wrapping_sub(254) as usize % 8])
    }
}
