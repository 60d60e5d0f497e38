//! Functions over slices of a hot tile: activations, their derivatives, optimizer updates.
//!
//! Slices come from [`Panels`](crate::Panels) in whole lines, so lengths are multiples of 16; a remainder (which
//! only direct callers of [`Kernels`](crate::Kernels) can produce) goes through a padded line.

use crate::elementary;
use crate::panels::LANES;
use crate::vector::{self, FLUSH, SQUARE, Vector};

/// One Adam step: `m += (g - m)(1 - beta_1)`, `v += (g^2 - v)(1 - beta_2)`, `w -= alpha m / (sqrt(v) + epsilon)`;
/// m and v are then moved towards 0 by [`FLUSH`], which no number above 3e-23 notices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// `1 - beta_1`.
    pub one_minus_beta_1: f32,
    /// `1 - beta_2`.
    pub one_minus_beta_2: f32,
    /// The learning rate with both bias corrections in it.
    pub alpha: f32,
    /// Added to the uncorrected root, as Keras does.
    pub epsilon: f32,
}

/// One step of SGD with momentum: `m = momentum m - rate g`, `w += m` (or, with nesterov, `momentum m - rate g`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentumStep {
    /// The learning rate.
    pub rate: f32,
    /// Share of the last step that is kept.
    pub momentum: f32,
    /// Look ahead by one step of the momentum.
    pub nesterov: bool,
}

/// One RMSprop step: `v = rho v + one_minus_rho g^2`, `w -= rate g / sqrt(v + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropStep {
    /// The learning rate.
    pub rate: f32,
    /// Decay of the mean square.
    pub rho: f32,
    /// `1 - rho`, which f32 would round if it were computed here.
    pub one_minus_rho: f32,
    /// Added under the root, as Keras does.
    pub epsilon: f32,
}

/// Calls `f` on every register's worth of the first slice and the same place of the others.
/// Written as a macro because the slices differ in number and mutability.
macro_rules! sweep {
    ($V:ty, [$($out:ident),+], [$($input:ident),*], $body:block) => {{
        let len = first!($($out),+).len();
        $(assert_eq!($input.len(), len);)*
        let whole = len - len % LANES;
        $(let $out = $out.as_mut_ptr();)+
        $(let $input = $input.as_ptr();)*
        let mut at = 0;
        while at < whole {
            $(let $out = $out.add(at);)+
            $(let $input = $input.add(at);)*
            $body
            at += <$V>::LANES;
        }
        let rest = len - whole;
        if rest > 0 {
            $(let from = $out.add(whole); let mut $out = [0.0; LANES]; std::ptr::copy_nonoverlapping(from, $out.as_mut_ptr(), rest); let $out = ($out, from);)+
            $(let from = $input.add(whole); let mut $input = [0.0; LANES]; std::ptr::copy_nonoverlapping(from, $input.as_mut_ptr(), rest);)*
            $(let (mut $out, to) = $out; let $out = (&mut $out, to);)+
            let mut lane = 0;
            while lane < LANES {
                {
                    $(let $out = $out.0.as_mut_ptr().add(lane);)+
                    $(let $input = $input.as_ptr().add(lane);)*
                    $body
                }
                lane += <$V>::LANES;
            }
            $(std::ptr::copy_nonoverlapping($out.0.as_ptr(), $out.1, rest);)+
        }
    }};
}
macro_rules! first {
    ($x:ident $(, $rest:ident)*) => {
        $x
    };
}

/// Sixteen made one, which is the first of them then: halves upon halves, the same tree on every machine. (A macro,
/// because a closure would not have the caller's instruction set.)
macro_rules! fold {
    ($all:ident, |$a:ident, $b:ident| $f:expr) => {{
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                let ($a, $b) = ($all[lane], $all[lane + half]);
                $all[lane] = $f;
            }
            half /= 2;
        }
        $all[0]
    }};
}

// SAFETY (of every block below): the caller has V's instruction set; `sweep` hands out pointers to LANES floats.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
mod generic {
    use super::*;

    #[inline(always)]
    pub(crate) unsafe fn relu<V: Vector>(y: &mut [f32]) {
        unsafe {
            // max(0, y) in this order: NaN stays NaN, and the finiteness check sees it.
            sweep!(V, [y], [], { V::splat(0.0).max(V::load(y)).store(y) })
        }
    }

    /// `d` where `y > 0`, else 0; tiny values flushed.
    #[inline(always)]
    pub(crate) unsafe fn relu_gradient<V: Vector>(d: &mut [f32], y: &[f32]) {
        unsafe {
            let zero = V::splat(0.0);
            sweep!(V, [d], [y], {
                let kept = zero.select_lt(V::load(y), V::load(d), zero);
                vector::flush(kept).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn sigmoid<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::sigmoid(V::load(y)).store(y) }) }
    }

    /// `d y (1 - y)`.
    #[inline(always)]
    pub(crate) unsafe fn sigmoid_gradient<V: Vector>(d: &mut [f32], y: &[f32]) {
        unsafe {
            sweep!(V, [d], [y], {
                let s = V::load(y);
                vector::flush(V::load(d).mul(s.mul(V::splat(1.0).sub(s)))).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn tanh<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::tanh(V::load(y)).store(y) }) }
    }

    /// `d (1 - y^2)`.
    #[inline(always)]
    pub(crate) unsafe fn tanh_gradient<V: Vector>(d: &mut [f32], y: &[f32]) {
        unsafe {
            sweep!(V, [d], [y], {
                let t = V::load(y);
                let slope = V::splat(1.0).sub(t.mul(t));
                vector::flush(V::load(d).mul(slope)).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn gelu<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::gelu(V::load(y)).store(y) }) }
    }

    /// `d (Phi(x) + x phi(x))`.
    #[inline(always)]
    pub(crate) unsafe fn gelu_gradient<V: Vector>(d: &mut [f32], x: &[f32]) {
        unsafe {
            sweep!(V, [d], [x], {
                let slope = elementary::gelu_slope(V::load(x));
                vector::flush(V::load(d).mul(slope)).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn silu<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::silu(V::load(y)).store(y) }) }
    }

    /// `d s (1 + x (1 - s))` where `s = 1 / (1 + e^-x)`.
    #[inline(always)]
    pub(crate) unsafe fn silu_gradient<V: Vector>(d: &mut [f32], x: &[f32]) {
        unsafe {
            sweep!(V, [d], [x], {
                let slope = elementary::silu_slope(V::load(x));
                vector::flush(V::load(d).mul(slope)).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn softplus<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::softplus(V::load(y)).store(y) }) }
    }

    /// `d (1 - e^-y)`.
    #[inline(always)]
    pub(crate) unsafe fn softplus_gradient<V: Vector>(d: &mut [f32], y: &[f32]) {
        unsafe {
            let zero = V::splat(0.0);
            sweep!(V, [d], [y], {
                let minus_slope = elementary::exp_m1(zero.sub(V::load(y)));
                vector::flush(zero.sub(V::load(d).mul(minus_slope))).store(d)
            })
        }
    }

    /// `above y` where `y > 0`, else `below (e^y - 1)`.
    #[inline(always)]
    pub(crate) unsafe fn elu<V: Vector>(above: f32, below: f32, y: &mut [f32]) {
        unsafe {
            let (zero, above, below) = (V::splat(0.0), V::splat(above), V::splat(below));
            sweep!(V, [y], [], {
                let x = V::load(y);
                let negative = elementary::exp_m1(x).mul(below);
                zero.select_lt(x, x.mul(above), negative).store(y)
            })
        }
    }

    /// `d above` where `y >= 0`, else `d (y + below)`: the slope of `elu`, seen from its output.
    #[inline(always)]
    pub(crate) unsafe fn elu_gradient<V: Vector>(above: f32, below: f32, d: &mut [f32], y: &[f32]) {
        unsafe {
            let (zero, above, below) = (V::splat(0.0), V::splat(above), V::splat(below));
            sweep!(V, [d], [y], {
                let out = V::load(y);
                let slope = out.select_lt(zero, out.add(below), above);
                vector::flush(V::load(d).mul(slope)).store(d)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn exp<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { elementary::exp(V::load(y)).store(y) }) }
    }

    /// `row = softmax(row)`; returns `ln(sum(e^row))`. Maxima and sums over sixteen lanes, then over the lanes.
    #[inline(always)]
    pub(crate) unsafe fn softmax<V: Vector>(row: &mut [f32]) -> f32 {
        let (mut top, mut sums) = ([f32::NEG_INFINITY; LANES], [0.0; LANES]);
        unsafe {
            // A lane past the end holds -infinity, whose power is zero.
            let past = V::splat(f32::NEG_INFINITY);
            let parts = |len: usize| (0..len).step_by(V::LANES).map(move |at| (at, (len - at).min(V::LANES)));
            if row.len() <= V::LANES {
                // The same in one register.
                let x = V::load_first(row.as_ptr(), row.len(), past);
                x.store(top.as_mut_ptr());
                let largest = fold!(top, |a, b| if a > b { a } else { b });
                let power = elementary::exp(x.sub(V::splat(largest)));
                power.store(sums.as_mut_ptr());
                let sum = fold!(sums, |a, b| a + b);
                power.div(V::splat(sum)).store_first(row.as_mut_ptr(), row.len());
                return largest + libm::logf(sum);
            }
            for (at, n) in parts(row.len()) {
                let lanes = &mut top[at % LANES..];
                // NaN, as the second operand, stays.
                let x = V::load_first(row[at..].as_ptr(), n, past);
                V::load(lanes.as_ptr()).max(x).store(lanes.as_mut_ptr());
            }
            let largest = fold!(top, |a, b| if a > b { a } else { b });
            for (at, n) in parts(row.len()) {
                let (part, lanes) = (&mut row[at..], &mut sums[at % LANES..]);
                let x = V::load_first(part.as_ptr(), n, past);
                let power = elementary::exp(x.sub(V::splat(largest)));
                power.store_first(part.as_mut_ptr(), n);
                V::load(lanes.as_ptr()).add(power).store(lanes.as_mut_ptr());
            }
            let sum = fold!(sums, |a, b| a + b);
            for (at, n) in parts(row.len()) {
                let part = &mut row[at..];
                let x = V::load_first(part.as_ptr(), n, past);
                x.div(V::splat(sum)).store_first(part.as_mut_ptr(), n);
            }
            largest + libm::logf(sum)
        }
    }

    /// [`softmax`] of a row in each of up to sixteen lines, of which `cols` floats are real, and what it returns of each.
    /// They are turned, so that a lane is a row; the bits are the same.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // registers by their numbers
    pub(crate) unsafe fn softmax_lines<V: Vector>(lines: &mut [f32], cols: usize, log_sums: &mut [f32]) {
        let (mut square, mut turned) = ([0.0; SQUARE], [0.0; SQUARE]);
        let (mut top, mut sums) = ([0.0; LANES], [0.0; LANES]);
        square[..lines.len()].copy_from_slice(lines);
        unsafe {
            V::turn(&square, turned.as_mut_ptr());
            for at in (0..LANES).step_by(V::LANES) {
                let mut x = [V::splat(f32::NEG_INFINITY); LANES];
                for i in 0..cols {
                    x[i] = V::load(turned[i * LANES + at..].as_ptr());
                }
                let mut tree = x;
                let largest = fold!(tree, |a, b| b.select_lt(a, a, b));
                tree = [V::splat(0.0); LANES];
                for i in 0..cols {
                    x[i] = elementary::exp(x[i].sub(largest));
                    tree[i] = x[i];
                }
                let sum = fold!(tree, |a, b| a.add(b));
                for i in 0..cols {
                    x[i].div(sum).store(turned[i * LANES + at..].as_mut_ptr());
                }
                largest.store(top[at..].as_mut_ptr());
                sum.store(sums[at..].as_mut_ptr());
            }
            V::turn(&turned, square.as_mut_ptr());
        }
        lines.copy_from_slice(&square[..lines.len()]);
        for ((log_sum, largest), sum) in log_sums.iter_mut().zip(top).zip(sums) {
            *log_sum = largest + libm::logf(sum);
        }
    }

    /// The largest magnitude; infinity if an element is infinite or NaN.
    #[inline(always)]
    pub(crate) unsafe fn largest<V: Vector>(x: &[f32]) -> f32 {
        let lines = x.chunks_exact(LANES);
        let mut top = [0.0; LANES];
        for (top, x) in top.iter_mut().zip(lines.remainder()) {
            *top = x.abs();
        }
        for at in (0..LANES).step_by(V::LANES) {
            unsafe {
                let mut most = V::load(top[at..].as_ptr());
                for line in lines.clone() {
                    most = V::load(line[at..].as_ptr()).abs().max_bits(most);
                }
                most.store(top[at..].as_mut_ptr());
            }
        }
        // Of magnitudes, the bits are ordered as the numbers are, and those of NaN come after infinity's.
        let most = f32::from_bits(top.iter().fold(0, |most, x| most.max(x.to_bits())));
        if most < f32::INFINITY { most } else { f32::INFINITY }
    }

    #[inline(always)]
    pub(crate) unsafe fn flush<V: Vector>(y: &mut [f32]) {
        unsafe { sweep!(V, [y], [], { vector::flush(V::load(y)).store(y) }) }
    }

    #[inline(always)]
    pub(crate) unsafe fn sgd<V: Vector>(rate: f32, w: &mut [f32], g: &[f32]) {
        unsafe {
            let rate = V::splat(-rate);
            sweep!(V, [w], [g], { vector::flush(V::load(g)).fma(rate, V::load(w)).store(w) })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn momentum<V: Vector>(s: &MomentumStep, w: &mut [f32], m: &mut [f32], g: &[f32]) {
        unsafe {
            let (rate, keep) = (V::splat(-s.rate), V::splat(s.momentum));
            sweep!(V, [w, m], [g], {
                let step = vector::flush(V::load(g)).mul(rate);
                let m1 = vector::flush(V::load(m).fma(keep, step));
                m1.store(m);
                let go = if s.nesterov { m1.fma(keep, step) } else { m1 };
                V::load(w).add(go).store(w)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn rmsprop<V: Vector>(s: &RmsPropStep, w: &mut [f32], v: &mut [f32], g: &[f32]) {
        unsafe {
            let (rate, rho, rest) = (V::splat(s.rate), V::splat(s.rho), V::splat(s.one_minus_rho));
            let epsilon = V::splat(s.epsilon);
            sweep!(V, [w, v], [g], {
                let g1 = vector::flush(V::load(g));
                let v1 = vector::flush(V::load(v).fma(rho, g1.mul(g1).mul(rest)));
                v1.store(v);
                V::load(w).sub(g1.mul(rate).div(v1.add(epsilon).sqrt())).store(w)
            })
        }
    }

    #[inline(always)]
    pub(crate) unsafe fn adam<V: Vector>(s: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        unsafe {
            let (a, b) = (V::splat(s.one_minus_beta_1), V::splat(s.one_minus_beta_2));
            let (minus_alpha, epsilon, flush) = (V::splat(-s.alpha), V::splat(s.epsilon), V::splat(FLUSH));
            sweep!(V, [w, m, v], [g], {
                let (g1, m0, v0) = (V::load(g), V::load(m), V::load(v));
                let m1 = vector::shrink(g1.sub(m0).fma(a, m0));
                // g^2 alone would be subnormal long before g is.
                let v1 = flush.max(g1.fms(g1, v0).fma(b, v0));
                m1.store(m);
                v1.sub(flush).store(v);
                let q = V::over_root(m1, v1, epsilon);
                q.fma(minus_alpha, V::load(w)).store(w)
            })
        }
    }
}
pub(crate) use generic::*;
