//! AVX2 with FMA: eight f32 or four f64.

use super::shared::{every, fused};
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
    // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
    unsafe { _mm256_loadu_si256(MASK32.as_ptr().add(8 - n).cast()) }
}
#[inline(always)]
unsafe fn mask64(n: usize) -> __m256i {
    // SAFETY: the caller's tier has AVX; n <= 4, so that four values are left in the table.
    // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
    unsafe { _mm256_loadu_si256(MASK64.as_ptr().add(4 - n).cast()) }
}

macro_rules! avx2 {
    ($vector:ident, $elem:ty, $lanes:literal, $mask:ident, $set1:ident, $load:ident, $maskload:ident, $store:ident,
     $maskstore:ident, $stream:ident, $stream_one:ident, $add:ident, $mul:ident, $fmadd:ident, $sqrt:ident, $square:literal, $transpose:ident, $indexed:literal) => {
        impl Vector for $vector {
            type Elem = $elem;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for all lanes by the caller,
                // and the load needs no alignment.
                Self(unsafe { $load(p) })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, n: usize) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; lanes whose mask is clear are not read,
                // and the caller has `n` elements at `p`.
                Self(unsafe { $maskload(p, $mask(n)) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for all lanes by the caller,
                // and the store needs no alignment.
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, n: usize) {
                // SAFETY: AVX2 and FMA are there by the trait's contract; lanes whose mask is clear are not written,
                // and the caller has room for `n` at `p`.
                unsafe { $maskstore(p, $mask(n), self.0) }
            }
            #[inline(always)]
            unsafe fn shifted<const K: i32>(self, _next: Self, p: *const $elem, n: usize) -> Self {
                // SAFETY: the caller has `n` elements at `p`, and the tier by the trait's contract.
                unsafe { if n == Self::LANES { Self::load(p) } else { Self::load_first(p, n) } }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut $elem) {
                // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for all lanes and aligned to
                // the vector by the caller.
                unsafe { $stream(p, self.0) }
            }
            #[inline(always)]
            unsafe fn stream_one(x: $elem, p: *mut $elem) {
                // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for one element by the caller.
                unsafe { $stream_one(p.cast(), x.to_bits().cast_signed()) }
            }
            #[inline(always)]
            unsafe fn fence() {
                // SAFETY: AVX2 and FMA are there by the trait's contract; a fence only orders stores.
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $fmadd(self.0, b.0, c.0) })
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            unsafe fn mul_add_where(self, b: Self, c: Self, mask: u32) -> Self {
                // SAFETY: `select` needs what this method needs: the tier.
                unsafe { Self::select(self.mul_add(b, c), c, mask) }
            }
            #[inline(always)]
            unsafe fn within(self, low: Self, high: Self) -> bool {
                // SAFETY: `between` needs what this method needs: the tier.
                unsafe { Self::between(self.0, low.0, high.0) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> $elem {
                // SAFETY: `fold` needs what this method needs: the tier.
                unsafe { Self::fold(self.0) }
            }
            #[inline(always)]
            unsafe fn gather(base: *const $elem, index: *const u32) -> Self {
                // SAFETY: `collect` needs what this method needs: the tier, and valid indices.
                unsafe { Self::collect(base, index) }
            }
            #[inline(always)]
            unsafe fn changes(p: *const u32) -> u32 {
                // SAFETY: AVX2 and FMA are there by the trait's contract; the caller has 33 numbers at `p`.
                unsafe {
                    let same = |i: usize| {
                        let (here, next) =
                            (_mm256_loadu_si256(p.add(i).cast()), _mm256_loadu_si256(p.add(i + 1).cast()));
                        (_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(here, next))) as u32) << i
                    };
                    let mut equal = 0;
                    for eight in 0..4 {
                        equal |= same(8 * eight);
                    }
                    !equal
                }
            }
            every!($elem, $square, $transpose);
            fused!($elem, $indexed);
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
    _mm_stream_si32,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_sqrt_ps,
    4,
    four_f32,
    "vfmadd231ss {sum}, {value}, dword ptr [{x} + 4*{column}]"
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
    _mm_stream_si64,
    _mm256_add_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_sqrt_pd,
    4,
    four_f64,
    "vfmadd231sd {sum}, {value}, qword ptr [{x} + 8*{column}]"
);

impl F32x8 {
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let take = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask as i32), bits), bits);
            Self(_mm256_blendv_ps(old.0, new.0, _mm256_castsi256_ps(take)))
        }
    }
    #[inline(always)]
    unsafe fn between(v: __m256, low: __m256, high: __m256) -> bool {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let (over, under) = (_mm256_cmp_ps::<_CMP_GE_OQ>(v, low), _mm256_cmp_ps::<_CMP_LE_OQ>(v, high));
            _mm256_movemask_ps(_mm256_and_ps(over, under)) == 0xff
        }
    }
    #[inline(always)]
    unsafe fn fold(v: __m256) -> f32 {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f32, index: *const u32) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; `index` has an entry a lane, each below 2^31 and
        // valid for `base`, by the caller.
        Self(unsafe { _mm256_i32gather_ps::<4>(base, _mm256_loadu_si256(index.cast())) })
    }
}

impl F64x4 {
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let bits = _mm256_setr_epi64x(1, 2, 4, 8);
            let take = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(i64::from(mask)), bits), bits);
            Self(_mm256_blendv_pd(old.0, new.0, _mm256_castsi256_pd(take)))
        }
    }
    #[inline(always)]
    unsafe fn between(v: __m256d, low: __m256d, high: __m256d) -> bool {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let (over, under) = (_mm256_cmp_pd::<_CMP_GE_OQ>(v, low), _mm256_cmp_pd::<_CMP_LE_OQ>(v, high));
            _mm256_movemask_pd(_mm256_and_pd(over, under)) == 0xf
        }
    }
    #[inline(always)]
    unsafe fn fold(v: __m256d) -> f64 {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f64, index: *const u32) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; `index` has an entry a lane, each below 2^31 and
        // valid for `base`, by the caller.
        Self(unsafe { _mm256_i32gather_pd::<8>(base, _mm_loadu_si128(index.cast())) })
    }
}

impl PhiloxLanes for Blocks4 {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_set1_epi64x(word as i64) })
    }
    #[inline(always)]
    unsafe fn count_from(first: u64) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_add_epi64(_mm256_set1_epi64x(first as i64), _mm256_setr_epi64x(0, 1, 2, 3)) })
    }
    #[inline(always)]
    unsafe fn mul_low(self, other: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_mul_epu32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn high(self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_srli_epi64::<32>(self.0) })
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_xor_si256(_mm256_xor_si256(self.0, b.0), c.0) })
    }
    #[inline(always)]
    unsafe fn inside_f32(w: [Self; 4]) -> u32 {
        // As for SSE: 24-bit coordinates are exact, and the power of two moves to the other side.
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
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
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
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
    #[inline(always)]
    unsafe fn load(p: *const u64) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for all lanes by the caller.
        Self(unsafe { _mm256_loadu_si256(p.cast()) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u64) {
        // SAFETY: AVX2 and FMA are there by the trait's contract; `p` is valid for all lanes by the caller.
        unsafe { _mm256_storeu_si256(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_add_epi64(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_xor_si256(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn shift_left_17(self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_slli_epi64::<17>(self.0) })
    }
    #[inline(always)]
    unsafe fn rotate_left_45(self) -> Self {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm256_or_si256(_mm256_slli_epi64::<45>(self.0), _mm256_srli_epi64::<19>(self.0)) })
    }
    #[inline(always)]
    unsafe fn inside_words(x: Self, y: Self) -> u32 {
        // SAFETY: AVX2 and FMA are there by the trait's contract; nothing in memory is touched.
        unsafe {
            let real = |v: Self| _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(v.0));
            let (x, y) = (real(x), real(y));
            let square = _mm256_add_ps(_mm256_mul_ps(x, x), _mm256_mul_ps(y, y));
            let inside = _mm256_cmp_ps::<_CMP_LT_OQ>(square, _mm256_set1_ps((1u64 << 48) as f32));
            (_mm256_movemask_ps(inside) as u32).count_ones()
        }
    }
}
