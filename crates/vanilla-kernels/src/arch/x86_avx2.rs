//! AVX2 with FMA: eight lanes.

use crate::vector::{SQUARE, Vector};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

// SAFETY (of every block below): the trait's contract gives AVX2 and FMA, `load` and `store` eight valid floats.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx2 {
    const LANES: usize = 8;
    // Of 16 registers 12 hold sums, two a line of B, one a float of A.
    const TILE: (usize, usize) = (6, 1);
    const LIVE_ROWS: usize = 4;
    const SINGLE_PANELS: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm256_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { Self(_mm256_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe { Self(_mm256_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn fms(self, a: Self, b: Self) -> Self {
        unsafe { Self(_mm256_fmsub_ps(self.0, a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { Self(_mm256_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        unsafe { Self(_mm256_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn max_bits(self, other: Self) -> Self {
        unsafe {
            let (a, b) = (_mm256_castps_si256(self.0), _mm256_castps_si256(other.0));
            Self(_mm256_castsi256_ps(_mm256_max_epi32(a, b)))
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn select_lt(self, bound: Self, yes: Self, no: Self) -> Self {
        unsafe { Self(_mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, bound.0))) }
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(self.0, _mm256_setzero_ps())).cast_unsigned() }
    }
    #[inline(always)]
    unsafe fn from_bytes(p: *const u8) -> Self {
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())))) }
    }
    /// Four squares of eight: pairs of lines, then pairs of pairs, are interleaved inside their halves; then the halves
    /// change places.
    #[inline(always)]
    unsafe fn turn(from: &[f32; SQUARE], to: *mut f32) {
        for (r, c) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
            unsafe {
                let mut a: [__m256; 8] =
                    std::array::from_fn(|i| _mm256_loadu_ps(from[16 * (r + i) + c..].as_ptr()));
                for i in (0..8).step_by(2) {
                    let (x, y) = (a[i], a[i + 1]);
                    (a[i], a[i + 1]) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
                }
                for q in (0..8).step_by(4) {
                    let d = |i: usize| _mm256_castps_pd(a[q + i]);
                    let (x, y, z, w) = (d(0), d(1), d(2), d(3));
                    a[q] = _mm256_castpd_ps(_mm256_unpacklo_pd(x, z));
                    a[q + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(x, z));
                    a[q + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(y, w));
                    a[q + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(y, w));
                }
                for i in 0..4 {
                    let low = _mm256_permute2f128_ps::<0x20>(a[i], a[4 + i]);
                    let high = _mm256_permute2f128_ps::<0x31>(a[i], a[4 + i]);
                    _mm256_storeu_ps(to.add(16 * (c + i) + r), low);
                    _mm256_storeu_ps(to.add(16 * (c + 4 + i) + r), high);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        unsafe {
            let n = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn pick(self, table: &[f32; 8]) -> Self {
        unsafe {
            // Exponent and first bit of the mantissa, which are 254 for 1; the permutation reads three bits.
            let half_octaves = _mm256_srli_epi32::<22>(_mm256_castps_si256(self.0));
            let index = _mm256_sub_epi32(half_octaves, _mm256_set1_epi32(254));
            Self(_mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), index))
        }
    }
}
