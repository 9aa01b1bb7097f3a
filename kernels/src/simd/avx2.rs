//! AVX2 with FMA: eight f32 or four f64.

use super::{Isa, PhiloxLanes, Vector};
use std::arch::x86_64::*;

/// AVX2 and FMA.
pub(crate) struct Avx2;

impl Isa for Avx2 {
    type F32 = F32x8;
    type F64 = F64x4;
    type Blocks = Blocks4;
}

#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);
#[derive(Clone, Copy)]
pub(crate) struct F64x4(__m256d);
#[derive(Clone, Copy)]
pub(crate) struct Blocks4(__m256i);

/// Read from `LANES - n`, the first `n` lanes have their sign bit set.
static MASK32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
static MASK64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

#[inline(always)]
unsafe fn mask32(n: usize) -> __m256i {
    // SAFETY: the caller's tier has AVX; n <= 8, so that eight values are left in the table.
    unsafe { _mm256_loadu_si256(MASK32.as_ptr().add(8 - n).cast()) }
}
#[inline(always)]
unsafe fn mask64(n: usize) -> __m256i {
    // SAFETY: the caller's tier has AVX; n <= 4, so that four values are left in the table.
    unsafe { _mm256_loadu_si256(MASK64.as_ptr().add(4 - n).cast()) }
}

macro_rules! avx2 {
    ($vector:ident, $elem:ty, $lanes:literal, $mask:ident, $set1:ident, $load:ident, $maskload:ident, $store:ident,
     $maskstore:ident, $stream:ident, $add:ident, $mul:ident, $fmadd:ident, $sqrt:ident) => {
        // SAFETY (of every block below): the caller's tier has AVX2 and FMA by the trait's contract; pointers are
        // valid by it too, and masked accesses do not touch lanes whose mask is clear.
        #[allow(clippy::undocumented_unsafe_blocks)]
        impl Vector for $vector {
            type Elem = $elem;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                Self(unsafe { $load(p) })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, n: usize) -> Self {
                Self(unsafe { $maskload(p, $mask(n)) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, n: usize) {
                unsafe { $maskstore(p, $mask(n), self.0) }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut $elem) {
                unsafe { $stream(p, self.0) }
            }
            #[inline(always)]
            unsafe fn fence() {
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Self(unsafe { $fmadd(self.0, b.0, c.0) })
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            unsafe fn sum(self) -> $elem {
                unsafe { Self::fold(self.0) }
            }
            #[inline(always)]
            unsafe fn gather(base: *const $elem, index: *const u32) -> Self {
                unsafe { Self::collect(base, index) }
            }
            #[inline(always)]
            unsafe fn mul_add_one(a: $elem, b: $elem, c: $elem) -> $elem {
                a.mul_add(b, c)
            }
            #[inline(always)]
            unsafe fn prefetch(p: *const $elem) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
        }
    };
}
avx2!(
    F32x8,
    f32,
    8,
    mask32,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_maskload_ps,
    _mm256_storeu_ps,
    _mm256_maskstore_ps,
    _mm256_stream_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_sqrt_ps
);
avx2!(
    F64x4,
    f64,
    4,
    mask64,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_maskload_pd,
    _mm256_storeu_pd,
    _mm256_maskstore_pd,
    _mm256_stream_pd,
    _mm256_add_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_sqrt_pd
);

// SAFETY (of every block below): the caller's tier has AVX2; pointers are valid by the trait's contract.
#[allow(clippy::undocumented_unsafe_blocks)]
impl F32x8 {
    #[inline(always)]
    unsafe fn fold(v: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f32, index: *const u32) -> Self {
        Self(unsafe { _mm256_i32gather_ps::<4>(base, _mm256_loadu_si256(index.cast())) })
    }
}

// SAFETY (of every block below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl F64x4 {
    #[inline(always)]
    unsafe fn fold(v: __m256d) -> f64 {
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f64, index: *const u32) -> Self {
        Self(unsafe { _mm256_i32gather_pd::<8>(base, _mm_loadu_si128(index.cast())) })
    }
}

// SAFETY (of every block below): the caller's tier has AVX2.
#[allow(clippy::undocumented_unsafe_blocks)]
impl PhiloxLanes for Blocks4 {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        Self(unsafe { _mm256_set1_epi64x(word as i64) })
    }
    #[inline(always)]
    unsafe fn count_from(first: u64) -> Self {
        Self(unsafe { _mm256_add_epi64(_mm256_set1_epi64x(first as i64), _mm256_setr_epi64x(0, 1, 2, 3)) })
    }
    #[inline(always)]
    unsafe fn mul_low(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_epu32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn high(self) -> Self {
        Self(unsafe { _mm256_srli_epi64::<32>(self.0) })
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm256_xor_si256(_mm256_xor_si256(self.0, b.0), c.0) })
    }
    #[inline(always)]
    unsafe fn inside_f32(w: [Self; 4]) -> u32 {
        // As for SSE: 24-bit coordinates are exact, and the power of two moves to the other side.
        unsafe {
            let pair = |a: __m256i, b: __m256i| {
                let words = _mm256_blend_epi32::<0b1010_1010>(a, _mm256_slli_epi64::<32>(b));
                _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(words))
            };
            let (x, y) = (pair(w[0].0, w[2].0), pair(w[1].0, w[3].0));
            let square = _mm256_add_ps(_mm256_mul_ps(x, x), _mm256_mul_ps(y, y));
            let inside = _mm256_cmp_ps::<_CMP_LT_OQ>(square, _mm256_set1_ps((1u64 << 48) as f32));
            (_mm256_movemask_ps(inside) as u32).count_ones()
        }
    }
    #[inline(always)]
    unsafe fn inside_f64(w: [Self; 4]) -> u32 {
        unsafe {
            let exponent = _mm256_set1_epi64x(0x4330_0000_0000_0000);
            let magic = _mm256_castsi256_pd(exponent);
            let real = |v: __m256i| {
                let bits = _mm256_blend_epi32::<0b1010_1010>(v, exponent);
                _mm256_sub_pd(_mm256_castsi256_pd(bits), magic)
            };
            let inside = |x: __m256i, y: __m256i| {
                let (x, y) = (real(x), real(y));
                let square = _mm256_add_pd(_mm256_mul_pd(x, x), _mm256_mul_pd(y, y));
                let inside = _mm256_cmp_pd::<_CMP_LT_OQ>(square, _mm256_set1_pd(2f64 * (1u64 << 63) as f64));
                (_mm256_movemask_pd(inside) as u32).count_ones()
            };
            inside(w[0].0, w[1].0) + inside(w[2].0, w[3].0)
        }
    }
}
