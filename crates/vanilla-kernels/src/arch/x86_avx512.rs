//! AVX-512 F: sixteen lanes, a whole line of a panel.

use crate::vector::{self, FLUSH, SQUARE, Vector};
use std::arch::x86_64::*;

/// With `EXACT`, roots and quotients are those of IEEE 754 everywhere; without, estimates where those are quicker. That
/// is so for quotients unless the machine `DIVIDES` in fewer than ten cycles.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const EXACT: bool, const DIVIDES: bool>(__m512);

// SAFETY (of every block below): the trait's contract gives AVX-512 F, `load` and `store` sixteen valid floats.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<const EXACT: bool, const DIVIDES: bool> Vector for Avx512<EXACT, DIVIDES> {
    const LANES: usize = 16;
    // Of 32 registers 24 hold sums, three a line of B each; floats of A are broadcast inside the multiply-add. A k
    // takes 24 of those and 11 loads.
    const TILE: (usize, usize) = (8, 3);
    const LIVE_ROWS: usize = 8;
    const SINGLE_PANELS: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize, rest: Self) -> Self {
        unsafe { Self(_mm512_mask_loadu_ps(rest.0, first(n), p)) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(p, first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe { Self(_mm512_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn fms(self, a: Self, b: Self) -> Self {
        unsafe { Self(_mm512_fmsub_ps(self.0, a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { Self(_mm512_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        unsafe { Self(_mm512_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(_mm512_abs_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn max_bits(self, other: Self) -> Self {
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
            Self(_mm512_castsi512_ps(_mm512_max_epi32(a, b)))
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn select_lt(self, bound: Self, yes: Self, no: Self) -> Self {
        unsafe { Self(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, bound.0), no.0, yes.0)) }
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()).into() }
    }
    #[inline(always)]
    unsafe fn from_bytes(p: *const u8) -> Self {
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())))) }
    }
    /// Estimates of 14 bits and one step of Newton's each: a half of the time of `vsqrtps` and, mostly, of `vdivps`.
    #[inline(always)]
    unsafe fn over_root(m: Self, v: Self, epsilon: Self) -> Self {
        unsafe {
            if EXACT {
                return vector::over_root_exactly(m, v, epsilon);
            }
            let y = _mm512_rsqrt14_ps(v.0);
            // sqrt(v) = v y (3 - v y^2) / 2
            let vy = _mm512_mul_ps(v.0, y);
            let twice = _mm512_mul_ps(vy, _mm512_fnmadd_ps(vy, y, _mm512_set1_ps(3.0)));
            let d = _mm512_fmadd_ps(twice, _mm512_set1_ps(0.5), epsilon.0);
            if DIVIDES {
                return Self(_mm512_div_ps(m.0, d));
            }
            // q = m r; q += (m - q d) r
            let r = _mm512_rcp14_ps(d);
            let q = _mm512_mul_ps(m.0, r);
            Self(_mm512_fmadd_ps(_mm512_fnmadd_ps(q, d, m.0), r, q))
        }
    }
    /// Pairs of lines, then pairs of pairs, are interleaved inside their quarters; then the quarters change places.
    #[inline(always)]
    unsafe fn turn(from: &[f32; SQUARE], to: *mut f32) {
        unsafe {
            let mut a: [__m512; 16] = std::array::from_fn(|r| _mm512_loadu_ps(from[16 * r..].as_ptr()));
            for r in (0..16).step_by(2) {
                let (x, y) = (a[r], a[r + 1]);
                (a[r], a[r + 1]) = (_mm512_unpacklo_ps(x, y), _mm512_unpackhi_ps(x, y));
            }
            // Line 4 q + i has element i of the four quarters of the lines 4 q..4 q + 4.
            for q in (0..16).step_by(4) {
                let d = |i: usize| _mm512_castps_pd(a[q + i]);
                let (x, y, z, w) = (d(0), d(1), d(2), d(3));
                a[q] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, z));
                a[q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, z));
                a[q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(y, w));
                a[q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(y, w));
            }
            for i in 0..4 {
                let low = _mm512_shuffle_f32x4::<0x88>(a[i], a[4 + i]);
                let high = _mm512_shuffle_f32x4::<0x88>(a[8 + i], a[12 + i]);
                let low_odd = _mm512_shuffle_f32x4::<0xdd>(a[i], a[4 + i]);
                let high_odd = _mm512_shuffle_f32x4::<0xdd>(a[8 + i], a[12 + i]);
                let lines = [
                    _mm512_shuffle_f32x4::<0x88>(low, high),
                    _mm512_shuffle_f32x4::<0x88>(low_odd, high_odd),
                    _mm512_shuffle_f32x4::<0xdd>(low, high),
                    _mm512_shuffle_f32x4::<0xdd>(low_odd, high_odd),
                ];
                for (quarter, line) in lines.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add(16 * (4 * quarter + i)), line);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn flush(self) -> Self {
        unsafe {
            let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(_mm512_abs_ps(self.0), _mm512_set1_ps(FLUSH));
            Self(_mm512_maskz_mov_ps(kept, self.0))
        }
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        unsafe {
            let n = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn pick(self, table: &[f32; 8]) -> Self {
        unsafe {
            // Exponent and first bit of the mantissa, which are 254 for 1; the permutation reads four bits.
            let half_octaves = _mm512_srli_epi32::<22>(_mm512_castps_si512(self.0));
            let index = _mm512_sub_epi32(half_octaves, _mm512_set1_epi32(254));
            let table = _mm512_zextps256_ps512(_mm256_loadu_ps(table.as_ptr()));
            Self(_mm512_permutexvar_ps(index, table))
        }
    }
}

/// A bit for each of the first n lanes, of at most sixteen.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

/// Whether `vdivps` takes less time than an estimate and a step of Newton's: AMD's processors divide sixteen floats in
/// eight cycles, Intel's in sixteen.
pub(crate) fn divides() -> bool {
    let vendor = __cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx] == [*b"Auth", *b"enti", *b"cAMD"].map(u32::from_le_bytes)
}
