//! [`Vector`]: what an instruction set must give. `elementary.rs` has the functions of one variable on top of it.
//!
//! Everything in both is `inline(always)`: the code is instantiated inside the entry points of `arch/`, which have
//! the `target_feature`, and takes their instruction set from there.

use crate::panels::LANES;

/// Floats of sixteen lines.
pub(crate) const SQUARE: usize = LANES * LANES;

/// A register of floats. Comparison follows IEEE 754; `max` and `min` return the second operand when one is NaN.
///
/// # Safety
/// All methods need the instruction set of the implementor; `load` and `store` need `LANES` valid floats, `turn` room for a square, `load_first` and
/// `store_first` the `n` that they name, at most `LANES`.
#[allow(clippy::missing_safety_doc)]
pub(crate) trait Vector: Copy {
    /// Floats of a register; divides 16.
    const LANES: usize;
    /// The most rows and panels of the dense tile: its sums, a line of B and a float of A fill the registers.
    const TILE: (usize, usize);
    /// The most rows of a live tile of one panel, at most eight.
    const LIVE_ROWS: usize;
    /// The most panels of a product that takes its rows one at a time: enough to hide the latency of a multiply-add,
    /// few enough that 128 lines of each stay near.
    const SINGLE_PANELS: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    /// The first `n` floats at `p`, behind them those of `rest`.
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize, rest: Self) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: sixteen floats hold any register; the caller gives n floats, at most as many as a register has.
        unsafe {
            rest.store(lanes.as_mut_ptr());
            lanes.as_mut_ptr().copy_from_nonoverlapping(p, n);
            Self::load(lanes.as_ptr())
        }
    }
    /// The first `n` lanes to `p`.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        let mut lanes = [0.0; LANES];
        // SAFETY: as above.
        unsafe {
            self.store(lanes.as_mut_ptr());
            p.copy_from_nonoverlapping(lanes.as_ptr(), n);
        }
    }
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * a + b`, rounded once where the machine can.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// `self * a - b`, as `fma`.
    unsafe fn fms(self, a: Self, b: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// The one whose bits, as a signed integer, are larger.
    unsafe fn max_bits(self, other: Self) -> Self;
    /// Nearest integer, ties to even; for `|self|` up to 4e6.
    unsafe fn round(self) -> Self;
    /// `yes` where `self < bound`, else `no`.
    unsafe fn select_lt(self, bound: Self, yes: Self, no: Self) -> Self;
    /// Bit i tells whether lane i is not zero; NaN is not.
    unsafe fn nonzero(self) -> u32;
    /// `LANES` bytes as floats.
    unsafe fn from_bytes(p: *const u8) -> Self;
    /// Turns a square of 16 lines: `to[16 c + r] = from[16 r + c]`. What `to` points to need not be initialised.
    #[inline(always)]
    unsafe fn turn(from: &[f32; SQUARE], to: *mut f32) {
        for (i, &x) in from.iter().enumerate() {
            // SAFETY: the caller gives room for a square.
            unsafe { to.add(i % LANES * LANES + i / LANES).write(x) };
        }
    }
    /// `self`, or 0 where `|self| <` [`FLUSH`]. NaN stays NaN.
    #[inline(always)]
    unsafe fn flush(self) -> Self {
        // SAFETY: handed on.
        unsafe { self.abs().select_lt(Self::splat(FLUSH), Self::splat(0.0), self) }
    }
    /// `m / (sqrt(v) + epsilon)` for finite `v >=` [`FLUSH`], to about two units of the last place: by estimates where those are
    /// cheaper than roots and divisions.
    #[inline(always)]
    unsafe fn over_root(m: Self, v: Self, epsilon: Self) -> Self {
        // SAFETY: handed on.
        unsafe { over_root_exactly(m, v, epsilon) }
    }
    /// `2^self` for integral `self` in -126..=127.
    unsafe fn pow2(self) -> Self;
    /// `table[i]`, i being the half octaves from 1 to `self`, for `self` in [1, 16): `table[0]` in [1, 1.5),
    /// `table[1]` in [1.5, 2), then [2, 3), [3, 4), [4, 6) and so on. Any number for another `self`.
    unsafe fn pick(self, table: &[f32; 8]) -> Self;
}

/// [`Vector::over_root`] with the root and the quotient of IEEE 754.
#[inline(always)]
pub(crate) unsafe fn over_root_exactly<V: Vector>(m: V, v: V, epsilon: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe { m.div(v.sqrt().add(epsilon)) }
}

/// Asks for the cache line at `p`, which may point anywhere.
#[inline(always)]
pub(crate) fn prefetch(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address does nothing that can be seen.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast())
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Below this magnitude, gradients and moments count as zero. Nothing representable depends on them (an Adam
/// moment of 1e-30 moves a weight by 1e-26), and left alone they decay into subnormals, which cost the processor
/// a hundred cycles each.
pub const FLUSH: f32 = 1e-30;

/// [`Vector::flush`].
#[inline(always)]
pub(crate) unsafe fn flush<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe { x.flush() }
}

/// `x`, nearer to 0 by [`FLUSH`], or 0: what decays gets there, as with [`flush`] but without its comparison. What is
/// larger than 2^25 times that stays as it is.
#[inline(always)]
pub(crate) unsafe fn shrink<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe { x.sub(V::splat(FLUSH).min(V::splat(-FLUSH).max(x))) }
}
