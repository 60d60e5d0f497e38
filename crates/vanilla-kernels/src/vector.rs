//! [`Vector`]: what an instruction set must give, and the functions of one variable on top of it.
//!
//! Everything here is `inline(always)`: the code is instantiated inside the entry points of `arch/`, which carry
//! the `target_feature`, and takes their instruction set from there.

/// A register of floats. Comparison follows IEEE 754; `max` and `min` return the second operand when one is NaN.
///
/// # Safety
/// All methods need the instruction set of the implementor; `load` and `store` need `LANES` valid floats.
#[allow(clippy::missing_safety_doc)]
pub(crate) trait Vector: Copy {
    /// Floats of a register; divides 16.
    const LANES: usize;
    /// The most rows and panels of the dense tile: its sums, a line of B and a float of A fill the registers.
    const TILE: (usize, usize);
    /// The most panels of a live tile of four rows.
    const LIVE_PANELS: usize;
    /// The most rows of a live tile of one panel, at most eight.
    const LIVE_ROWS: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
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
    /// Nearest integer, ties to even.
    unsafe fn round(self) -> Self;
    /// `yes` where `self < bound`, else `no`.
    unsafe fn select_lt(self, bound: Self, yes: Self, no: Self) -> Self;
    /// Bit i tells whether lane i is not zero; NaN is not.
    unsafe fn nonzero(self) -> u32;
    /// `LANES` bytes as floats.
    unsafe fn from_bytes(p: *const u8) -> Self;
    /// `self`, or 0 where `|self| <` [`FLUSH`]. NaN stays NaN.
    #[inline(always)]
    unsafe fn flush(self) -> Self {
        // SAFETY: handed on.
        unsafe { self.abs().select_lt(Self::splat(FLUSH), Self::splat(0.0), self) }
    }
    /// A second moment v, zero below [`FLUSH`], and `m / (sqrt(v) + epsilon)` to about two units of the last place:
    /// by estimates where those are cheaper than roots and divisions.
    #[inline(always)]
    unsafe fn over_root(m: Self, v: Self, epsilon: Self) -> (Self, Self) {
        // SAFETY: handed on.
        unsafe {
            let v = v.select_lt(Self::splat(FLUSH), Self::splat(0.0), v);
            (v, m.div(v.sqrt().add(epsilon)))
        }
    }
    /// `2^self` for integral `self` in -126..=127.
    unsafe fn pow2(self) -> Self;
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

/// `e^x`: 0 below -87.3, infinity above 88.7, NaN for NaN. At most 1 ulp elsewhere.
///
/// `x = n ln 2 + r`, `|r| <= ln 2 / 2`; `e^r` by the Taylor-like minimax polynomial of Cephes `expf`
/// (Moshier 1989, single/expf.c), `2^n` in two factors so that n = 128 is reached.
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let low = V::splat(-87.336_54);
        let high = V::splat(88.722_83);
        // In this order NaN passes both bounds.
        let c = high.min(low.max(x));
        let n = c.mul(V::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts; the first has trailing zeros, so n * part is exact.
        let r = n.fma(V::splat(-0.693_359_4), c);
        let r = n.fma(V::splat(2.121_944_4e-4), r);
        let p = V::splat(1.987_569_2e-4);
        let p = p.fma(r, V::splat(1.398_199_9e-3));
        let p = p.fma(r, V::splat(8.333_452e-3));
        let p = p.fma(r, V::splat(4.166_579_6e-2));
        let p = p.fma(r, V::splat(1.666_666_5e-1));
        let p = p.fma(r, V::splat(0.5));
        let p = p.fma(r.mul(r), r).add(V::splat(1.0));
        let half = n.mul(V::splat(0.5)).round();
        let y = p.mul(half.pow2()).mul(n.sub(half).pow2());
        let y = x.select_lt(low, V::splat(0.0), y);
        high.select_lt(x, V::splat(f32::INFINITY), y)
    }
}

/// `1 / (1 + e^-x)` without cancellation on either side; what rounding took from `1 + e` is given back.
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let one = V::splat(1.0);
        let e = exp(V::splat(0.0).sub(x.abs()));
        let d = one.add(e);
        let lost = e.sub(d.sub(one));
        let q = x.select_lt(V::splat(0.0), e, one).div(d);
        q.sub(q.mul(lost.div(d)))
    }
}

/// `tanh x`: a polynomial for `|x| < 0.625` (Cephes single/tanhf.c), else `1 - 2 / (e^2|x| + 1)` with x's sign.
#[inline(always)]
pub(crate) unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let a = x.abs();
        let z = x.mul(x);
        let p = V::splat(-5.704_988_7e-3);
        let p = p.fma(z, V::splat(2.063_908_8e-2));
        let p = p.fma(z, V::splat(-5.373_972e-2));
        let p = p.fma(z, V::splat(1.333_144_2e-1));
        let p = p.fma(z, V::splat(-3.333_328e-1));
        let small = p.fma(z.mul(x), x);
        let e = exp(a.add(a));
        let t = V::splat(1.0).sub(V::splat(2.0).div(e.add(V::splat(1.0))));
        let large = x.select_lt(V::splat(0.0), V::splat(0.0).sub(t), t);
        a.select_lt(V::splat(0.625), small, large)
    }
}
