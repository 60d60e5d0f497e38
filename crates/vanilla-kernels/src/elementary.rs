//! Functions of one variable on any [`Vector`]: e^x and what is made of it.
//!
//! `tests/ulps.rs` holds each of them to 2 units of the last place for |x| <= 20, with and without a fused
//! multiply-add. All stand on [`split_exp`], which keeps `e^x - 1` apart from the power of two, so that nothing is
//! rounded to a whole `e^x` before it has to be.
// SAFETY (of every block below): the caller has V's instruction set, as the whole of `Vector` asks.
#![allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]

use crate::vector::Vector;

/// `e^x` as `2^n (1 + s)`: n integral, |s| <= 0.42; for x in -105..=89.
#[inline(always)]
unsafe fn split_exp<V: Vector>(x: V) -> (V, V) {
    unsafe {
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        (n, small_exp_m1(subtract_ln_2(x, n)))
    }
}

/// `x - n ln 2`, with ln 2 in two parts; the first has trailing zeros, so n times it is exact.
#[inline(always)]
unsafe fn subtract_ln_2<V: Vector>(x: V, n: V) -> V {
    unsafe { n.fma(V::splat(2.121_944_4e-4), n.fma(V::splat(-0.693_359_4), x)) }
}

/// `e^r - 1` for `|r| <= ln 2 / 2`, by the minimax polynomial of Cephes `expf` (Moshier 1989, single/expf.c).
#[inline(always)]
unsafe fn small_exp_m1<V: Vector>(r: V) -> V {
    unsafe {
        let p = V::splat(1.987_569_2e-4);
        let p = p.fma(r, V::splat(1.398_199_9e-3));
        let p = p.fma(r, V::splat(8.333_452e-3));
        let p = p.fma(r, V::splat(4.166_579_6e-2));
        let p = p.fma(r, V::splat(1.666_666_5e-1));
        let p = p.fma(r, V::splat(0.5));
        p.fma(r.mul(r), r)
    }
}

/// `x 2^n` for integral n in -252..=254, in two factors because 2^n itself may not exist; the first one is exact.
#[inline(always)]
unsafe fn scale<V: Vector>(x: V, n: V) -> V {
    unsafe {
        let half = n.mul(V::splat(0.5)).round();
        x.mul(half.pow2()).mul(n.sub(half).pow2())
    }
}

/// `x` within `low..=high`; NaN stays NaN.
#[inline(always)]
unsafe fn clamp<V: Vector>(x: V, low: f32, high: f32) -> V {
    // `max` and `min` return the second operand when one is NaN.
    unsafe { V::splat(high).min(V::splat(low).max(x)) }
}

/// Below it e^x counts as 0, because it would be subnormal.
const EXP_LOW: f32 = -87.336_54;
/// Above it e^x is infinite.
const EXP_HIGH: f32 = 88.722_83;

/// `e^x`: 0 below -87.3, infinity above 88.7, NaN for NaN.
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    unsafe {
        let (n, s) = split_exp(clamp(x, EXP_LOW, EXP_HIGH));
        let y = scale(s.add(V::splat(1.0)), n);
        let y = x.select_lt(V::splat(EXP_LOW), V::splat(0.0), y);
        V::splat(EXP_HIGH).select_lt(x, V::splat(f32::INFINITY), y)
    }
}

/// `e^x - 1` for x <= 0; 0 above.
#[inline(always)]
pub(crate) unsafe fn exp_m1<V: Vector>(x: V) -> V {
    unsafe {
        let (n, s) = split_exp(clamp(x, EXP_LOW, 0.0));
        let power = n.pow2();
        power.fma(s, power.sub(V::splat(1.0)))
    }
}

/// `e^x` as a sum of two floats, the nearest one and what its rounding lost; for x in -87.3..=87.3.
#[inline(always)]
unsafe fn exp_and_lost<V: Vector>(x: V) -> (V, V) {
    unsafe {
        let (n, s) = split_exp(x);
        let power = n.pow2();
        let e = power.fma(s, power);
        (e, power.fma(s, power.sub(e)))
    }
}

/// `e^-x` (at most 8e37), and `1 + e^-x` as a sum of two floats.
#[inline(always)]
unsafe fn one_plus_exp_minus<V: Vector>(x: V) -> (V, V, V) {
    unsafe {
        let one = V::splat(1.0);
        let (e, e_lost) = exp_and_lost(clamp(V::splat(0.0).sub(x), EXP_LOW, -EXP_LOW));
        let d = e.add(one);
        let lost = e.min(one).sub(d.sub(e.max(one)));
        (e, d, lost.add(e_lost))
    }
}

/// `1 / (1 + e^-x)`; 0 below -87.3.
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Vector>(x: V) -> V {
    unsafe {
        let (_, d, lost) = one_plus_exp_minus(x);
        let q = V::splat(1.0).div(d);
        // 1 / (d + lost) = 1/d - lost / d^2
        let y = q.sub(q.mul(lost).mul(q));
        x.select_lt(V::splat(EXP_LOW), V::splat(0.0), y)
    }
}

/// `x / (1 + e^-x)`; 0 below -87.3, x above 87.3.
#[inline(always)]
pub(crate) unsafe fn silu<V: Vector>(x: V) -> V {
    unsafe {
        let (_, d, lost) = one_plus_exp_minus(x);
        let q = x.div(d);
        let y = q.sub(lost.div(d).mul(q));
        let y = x.select_lt(V::splat(EXP_LOW), V::splat(0.0), y);
        V::splat(-EXP_LOW).select_lt(x, x, y)
    }
}

/// `s (1 + x (1 - s))` where s is the sigmoid of x, and `1 - s = e^-x s` does not cancel.
#[inline(always)]
pub(crate) unsafe fn silu_slope<V: Vector>(x: V) -> V {
    unsafe {
        let one = V::splat(1.0);
        // Below, the slope is less than 1e-35.
        let x = V::splat(EXP_LOW).max(x);
        let (e, d, _) = one_plus_exp_minus(x);
        let s = one.div(d);
        s.mul(s.mul(e).fma(x, one))
    }
}

/// `tanh x`: a polynomial for `|x| < 0.625` (Cephes single/tanhf.c), else `1 - 2 / (e^2|x| + 1)` with x's sign.
#[inline(always)]
pub(crate) unsafe fn tanh<V: Vector>(x: V) -> V {
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

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`; 0 below -87.3.
#[inline(always)]
pub(crate) unsafe fn softplus<V: Vector>(x: V) -> V {
    unsafe {
        let (zero, low) = (V::splat(0.0), V::splat(EXP_LOW));
        let (e, lost) = exp_and_lost(low.max(zero.sub(x.abs())));
        // ln(1 + e) = 2 artanh z = 2z + z^3 P(z^2) = e - z (e - z^2 P(z^2)), where z = e / (2 + e).
        // P: degree 3 for z <= 1/3, fitted as `TAIL` below; relative error of the logarithm 4.5e-9.
        let z = e.div(e.add(V::splat(2.0)));
        let z2 = z.mul(z);
        let p = V::splat(2.800_682e-1);
        let p = p.fma(z2, V::splat(2.800_302_2e-1));
        let p = p.fma(z2, V::splat(4.002_143_7e-1));
        let p = p.fma(z2, V::splat(6.666_642e-1));
        let correction = p.mul(z2).sub(e).fma(z, lost);
        // The correction goes to x first: beside e it would be rounded twice.
        let y = zero.max(x).add(correction).add(e);
        x.select_lt(low, zero, y)
    }
}

/// `Phi(-a) e^(a^2 / 2)`, Phi being the normal distribution, in eight intervals of a whose bounds are those of
/// [`Vector::pick`] for `1 + a`: 0, 0.5, 1, 2, 3, 5, 7, 11, 14.5. In each a polynomial of degree 8 in
/// `CENTRES[i] - a`; line k holds the coefficients of power k.
///
/// Fitted for the least relative error: least squares on 201 Chebyshev points, reweighted after Lawson until the
/// largest error stood still; the truth from erfc with 30 digits. The coefficients were rounded one by one, the
/// lowest power first, and those above it fitted anew. Centres are those near the middle of an interval where the
/// constant term is a float almost exactly. Relative error at most 5.5e-9.
const TAIL: [[f32; 8]; 9] = [
    [5e-1, 3.0108297e-1, 2.055165e-1, 1.4336254e-1, 9.338149e-2, 6.5694086e-2, 4.4669665e-2, 3.0978648e-2],
    [3.989423e-1, 1.746002e-1, 9.006543e-2, 4.683605e-2, 2.085669e-2, 1.055166e-2, 4.941871e-3, 2.391384e-3],
    [2.500005e-1, 8.549252e-2, 3.507722e-2, 1.416532e-2, 4.468167e-3, 1.655761e-3, 5.404092e-4, 1.835332e-4],
    [1.329885e-1, 3.696429e-2, 1.244898e-2, 4.01512e-3, 9.219598e-4, 2.541803e-4, 5.84357e-5, 1.400525e-5],
    [6.25559e-2, 1.44973e-2, 4.09234e-3, 1.07601e-3, 1.83848e-4, 3.82377e-5, 6.24852e-6, 1.06269e-6],
    [2.68063e-2, 5.29197e-3, 1.25913e-3, 2.74095e-4, 3.54726e-5, 5.67713e-6, 6.59918e-7, 8.03834e-8],
    [1.0812e-2, 1.5631e-3, 3.6326e-4, 6.6863e-5, 6.6365e-6, 8.1554e-7, 6.9915e-8, 6.055e-9],
    [4.0427e-3, 2.3117e-5, 1.051e-4, 1.6912e-5, 1.2976e-6, 9.3421e-8, 7.7825e-9, 4.254e-10],
    [1.028e-3, 1.395e-3, 3.347e-5, 4.19e-6, 2.462e-7, 8.924e-9, 6.817e-10, 3.086e-11],
];
const CENTRES: [f32; 8] =
    [0.0, 0.745_117_2, 1.502_929_7, 2.456_054_7, 4.048_828, 5.912_109_4, 8.820_312_5, 12.800_781];

/// The normal distribution beyond `a = |x|` (at most 14.5): a, n, s, c and p with
/// `Phi(-a) = 2^n (1 + s) (c + p)` and `phi(a) = 2^n (1 + s) / sqrt(2 pi)`; |p| is about a third of c or less.
#[inline(always)]
unsafe fn normal_tail<V: Vector>(x: V) -> [V; 5] {
    unsafe {
        // Phi(-14.5), even 14.5 times it, rounds to zero.
        let a = V::splat(14.5).min(x.abs());
        // a^2 / 2 may be 105 and is needed to 1e-8: a = h + l, h being a multiple of 1/64, whose square is exact.
        let h = a.mul(V::splat(64.0)).round().mul(V::splat(1.0 / 64.0));
        let minus_half = V::splat(-0.5);
        let (square, rest) = (h.mul(h).mul(minus_half), a.sub(h).mul(a.add(h)).mul(minus_half));
        let n = square.add(rest).mul(V::splat(std::f32::consts::LOG2_E)).round();
        let s = small_exp_m1(subtract_ln_2(square, n).add(rest));
        let place = a.add(V::splat(1.0));
        let d = place.pick(&CENTRES).sub(a);
        let mut p = place.pick(&TAIL[8]);
        for line in TAIL[1..8].iter().rev() {
            p = p.fma(d, place.pick(line));
        }
        [a, n, s, place.pick(&TAIL[0]), p.mul(d)]
    }
}

/// `x Phi(x) = max(x, 0) - |x| Phi(-|x|)`.
#[inline(always)]
pub(crate) unsafe fn gelu<V: Vector>(x: V) -> V {
    unsafe {
        let zero = V::splat(0.0);
        let [a, n, s, c, p] = normal_tail(x);
        // (1 + s) (c + p) as a sum of two floats.
        let beside_c = s.fma(c.add(p), p);
        let tail = c.add(beside_c);
        let tail_lost = beside_c.sub(tail.sub(c));
        let y = tail.mul(a);
        // What this product lost, where the multiply-add is fused; elsewhere 0.
        let y_lost = tail.fma(a, zero.sub(y));
        zero.max(x).sub(scale(y.add(tail_lost.fma(a, y_lost)), n))
    }
}

/// `Phi(x) + x phi(x)`: h below 0 and `1 - h` from there up, where `h = Phi(-|x|) - |x| phi(x)`. Near its zero, at
/// -0.75, it is a difference of two numbers around 0.2, so its error is one of 1e-7, not of the last place.
#[inline(always)]
pub(crate) unsafe fn gelu_slope<V: Vector>(x: V) -> V {
    unsafe {
        let [a, n, s, c, p] = normal_tail(x);
        let one_over_sqrt_2_pi = V::splat(0.398_942_3);
        let t = c.add(p).sub(a.mul(one_over_sqrt_2_pi));
        let h = scale(t.fma(s, t), n);
        x.select_lt(V::splat(0.0), h, V::splat(1.0).sub(h))
    }
}
