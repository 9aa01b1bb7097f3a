//! AVX-512 F, VL, DQ, BW: sixteen f32 or eight f64, with masks.

use super::shared::{every, fused};
use super::{Isa, PhiloxLanes, Vector};
use std::arch::x86_64::*;

/// AVX-512.
pub(crate) struct Avx512;

impl Isa for Avx512 {
    type F32 = F32x16;
    type F64 = F64x8;
    type Blocks = Blocks8;
}

#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);
#[derive(Clone, Copy)]
pub(crate) struct Blocks8(__m512i);

/// The lowest `n` bits set.
#[inline(always)]
fn first(n: usize) -> u32 {
    (1u32 << n) - 1
}

macro_rules! avx512 {
    ($vector:ident, $elem:ty, $lanes:literal, $mask:ty, $set1:ident, $load:ident, $maskload:ident, $store:ident,
     $maskstore:ident, $stream:ident, $stream_one:ident, $add:ident, $mul:ident, $fmadd:ident, $sqrt:ident, $square:literal, $transpose:ident, $indexed:literal) => {
        impl Vector for $vector {
            type Elem = $elem;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for all lanes by the caller, and
                // the load needs no alignment.
                Self(unsafe { $load(p) })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, n: usize) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; lanes whose mask is clear are not read, and the
                // caller has `n` elements at `p`.
                Self(unsafe { $maskload(first(n) as $mask, p) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for all lanes by the caller, and
                // the store needs no alignment.
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, n: usize) {
                // SAFETY: AVX-512 is there by the trait's contract; lanes whose mask is clear are not written, and
                // the caller has room for `n` at `p`.
                unsafe { $maskstore(p, first(n) as $mask, self.0) }
            }
            #[inline(always)]
            unsafe fn shifted<const K: i32>(self, next: Self, _p: *const $elem, _n: usize) -> Self {
                // SAFETY: `shift` needs what this method needs: the tier.
                unsafe { Self::shift::<K>(self, next) }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut $elem) {
                // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for all lanes and aligned to the
                // vector by the caller.
                unsafe { $stream(p, self.0) }
            }
            #[inline(always)]
            unsafe fn stream_one(x: $elem, p: *mut $elem) {
                // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for one element by the caller.
                unsafe { $stream_one(p.cast(), x.to_bits().cast_signed()) }
            }
            #[inline(always)]
            unsafe fn fence() {
                // SAFETY: AVX-512 is there by the trait's contract; a fence only orders stores.
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
                Self(unsafe { $fmadd(self.0, b.0, c.0) })
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
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
                // SAFETY: AVX-512 is there by the trait's contract; the caller has 33 numbers at `p`.
                unsafe {
                    let change = |i: usize| {
                        let (here, next) =
                            (_mm512_loadu_si512(p.add(i).cast()), _mm512_loadu_si512(p.add(i + 1).cast()));
                        u32::from(_mm512_cmpneq_epi32_mask(here, next)) << i
                    };
                    change(0) | change(16)
                }
            }
            every!($elem, $square, $transpose);
            fused!($elem, $indexed);
        }
    };
}
avx512!(
    F32x16,
    f32,
    16,
    __mmask16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_stream_ps,
    _mm_stream_si32,
    _mm512_add_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_sqrt_ps,
    8,
    eight_f32,
    "vfmadd231ss {sum}, {value}, dword ptr [{x} + 4*{column}]"
);
avx512!(
    F64x8,
    f64,
    8,
    __mmask8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_stream_pd,
    _mm_stream_si64,
    _mm512_add_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_sqrt_pd,
    4,
    four_f64,
    "vfmadd231sd {sum}, {value}, qword ptr [{x} + 8*{column}]"
);

impl F32x16 {
    #[inline(always)]
    unsafe fn shift<const K: i32>(low: Self, high: Self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let (low, high) = (_mm512_castps_si512(low.0), _mm512_castps_si512(high.0));
            Self(_mm512_castsi512_ps(_mm512_alignr_epi32::<K>(high, low)))
        }
    }
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_mask_blend_ps(mask as __mmask16, old.0, new.0) })
    }
    #[inline(always)]
    unsafe fn between(v: __m512, low: __m512, high: __m512) -> bool {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(v, low) & _mm512_cmp_ps_mask::<_CMP_LE_OQ>(v, high) == 0xffff }
    }
    #[inline(always)]
    unsafe fn fold(v: __m512) -> f32 {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f32, index: *const u32) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; `index` has an entry a lane, each below 2^31 and valid
        // for `base`, by the caller.
        Self(unsafe { _mm512_i32gather_ps::<4>(_mm512_loadu_si512(index.cast()), base) })
    }
}

impl F64x8 {
    #[inline(always)]
    unsafe fn shift<const K: i32>(low: Self, high: Self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let (low, high) = (_mm512_castpd_si512(low.0), _mm512_castpd_si512(high.0));
            Self(_mm512_castsi512_pd(_mm512_alignr_epi64::<K>(high, low)))
        }
    }
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_mask_blend_pd(mask as __mmask8, old.0, new.0) })
    }
    #[inline(always)]
    unsafe fn between(v: __m512d, low: __m512d, high: __m512d) -> bool {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe { _mm512_cmp_pd_mask::<_CMP_GE_OQ>(v, low) & _mm512_cmp_pd_mask::<_CMP_LE_OQ>(v, high) == 0xff }
    }
    #[inline(always)]
    unsafe fn fold(v: __m512d) -> f64 {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let four = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v));
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn collect(base: *const f64, index: *const u32) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; `index` has an entry a lane, each below 2^31 and valid
        // for `base`, by the caller.
        Self(unsafe { _mm512_i32gather_pd::<8>(_mm256_loadu_si256(index.cast()), base) })
    }
}

impl PhiloxLanes for Blocks8 {
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_set1_epi64(word as i64) })
    }
    #[inline(always)]
    unsafe fn count_from(first: u64) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_add_epi64(_mm512_set1_epi64(first as i64), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7)) })
    }
    #[inline(always)]
    unsafe fn mul_low(self, other: Self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_mul_epu32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn high(self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_srli_epi64::<32>(self.0) })
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // 0x96 is the truth table of a ^ b ^ c.
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_ternarylogic_epi64::<0x96>(self.0, b.0, c.0) })
    }
    #[inline(always)]
    unsafe fn inside_f32(w: [Self; 4]) -> u32 {
        // As for SSE: 24-bit coordinates are exact, and the power of two moves to the other side.
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let pair = |a: __m512i, b: __m512i| {
                // The low words of `b` go to the high halves of `a`: a move that duplicates even lanes, under a mask.
                let words = _mm512_mask_shuffle_epi32::<0b10_10_00_00>(a, 0xaaaa, b);
                _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(words))
            };
            let (x, y) = (pair(w[0].0, w[2].0), pair(w[1].0, w[3].0));
            let square = _mm512_add_ps(_mm512_mul_ps(x, x), _mm512_mul_ps(y, y));
            _mm512_cmp_ps_mask::<_CMP_LT_OQ>(square, _mm512_set1_ps((1u64 << 48) as f32)).count_ones()
        }
    }
    #[inline(always)]
    unsafe fn inside_f64(w: [Self; 4]) -> u32 {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let exponent = _mm512_set1_epi64(0x4330_0000_0000_0000);
            let magic = _mm512_castsi512_pd(exponent);
            let real = |v: __m512i| {
                let bits = _mm512_mask_blend_epi32(0xaaaa, v, exponent);
                _mm512_sub_pd(_mm512_castsi512_pd(bits), magic)
            };
            let inside = |x: __m512i, y: __m512i| {
                let (x, y) = (real(x), real(y));
                let square = _mm512_add_pd(_mm512_mul_pd(x, x), _mm512_mul_pd(y, y));
                let limit = _mm512_set1_pd(2f64 * (1u64 << 63) as f64);
                _mm512_cmp_pd_mask::<_CMP_LT_OQ>(square, limit).count_ones()
            };
            inside(w[0].0, w[1].0) + inside(w[2].0, w[3].0)
        }
    }
    #[inline(always)]
    unsafe fn load(p: *const u64) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for all lanes by the caller.
        Self(unsafe { _mm512_loadu_si512(p.cast()) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u64) {
        // SAFETY: AVX-512 is there by the trait's contract; `p` is valid for all lanes by the caller.
        unsafe { _mm512_storeu_si512(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_xor_si512(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn shift_left_17(self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_slli_epi64::<17>(self.0) })
    }
    #[inline(always)]
    unsafe fn rotate_left_45(self) -> Self {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        Self(unsafe { _mm512_rol_epi64::<45>(self.0) })
    }
    #[inline(always)]
    unsafe fn inside_words(x: Self, y: Self) -> u32 {
        // SAFETY: AVX-512 is there by the trait's contract; nothing in memory is touched.
        unsafe {
            let real = |v: Self| _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(v.0));
            let (x, y) = (real(x), real(y));
            let square = _mm512_add_ps(_mm512_mul_ps(x, x), _mm512_mul_ps(y, y));
            _mm512_cmp_ps_mask::<_CMP_LT_OQ>(square, _mm512_set1_ps((1u64 << 48) as f32)).count_ones()
        }
    }
}
