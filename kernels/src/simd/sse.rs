//! SSE2: four f32 or two f64.

use super::shared::every;
use super::{Isa, PhiloxLanes, Vector};
use std::arch::x86_64::*;

/// The baseline of x86-64.
pub(crate) struct Sse;

impl Isa for Sse {
    type F32 = F32x4;
    type F64 = F64x2;
    type Blocks = Blocks2;
}

#[derive(Clone, Copy)]
pub(crate) struct F32x4(__m128);
#[derive(Clone, Copy)]
pub(crate) struct F64x2(__m128d);
#[derive(Clone, Copy)]
pub(crate) struct Blocks2(__m128i);

macro_rules! sse {
    ($vector:ident, $elem:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $stream:ident, $stream_one:ident, $add:ident,
     $mul:ident, $sqrt:ident, $square:literal, $transpose:ident) => {
        impl Vector for $vector {
            type Elem = $elem;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: SSE2 is part of x86-64; `p` is valid for all lanes by the caller, and the load needs no
                // alignment.
                Self(unsafe { $load(p) })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, n: usize) -> Self {
                let mut lanes = [0.0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller has `n` elements at `p`.
                    *lane = unsafe { *p.add(i) };
                }
                // SAFETY: `lanes` is a whole vector.
                unsafe { Self::load(lanes.as_ptr()) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: SSE2 is part of x86-64; `p` is valid for all lanes by the caller, and the store needs no
                // alignment.
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, n: usize) {
                let mut lanes = [0.0; $lanes];
                // SAFETY: `lanes` is a whole vector.
                unsafe { self.store(lanes.as_mut_ptr()) };
                for (i, lane) in lanes.iter().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller has room for `n` elements at `p`.
                    unsafe { *p.add(i) = *lane };
                }
            }
            #[inline(always)]
            unsafe fn shifted<const K: i32>(self, _next: Self, p: *const $elem, n: usize) -> Self {
                // SAFETY: the caller has `n` elements at `p`, and the tier by the trait's contract.
                unsafe { if n == Self::LANES { Self::load(p) } else { Self::load_first(p, n) } }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut $elem) {
                // SAFETY: SSE2 is part of x86-64; `p` is valid for all lanes and aligned to the vector by the caller.
                unsafe { $stream(p, self.0) }
            }
            #[inline(always)]
            unsafe fn stream_one(x: $elem, p: *mut $elem) {
                // SAFETY: SSE2 is part of x86-64; `p` is valid for one element by the caller.
                unsafe { $stream_one(p.cast(), x.to_bits().cast_signed()) }
            }
            #[inline(always)]
            unsafe fn fence() {
                // SAFETY: SSE2 is part of x86-64; a fence only orders stores.
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
                Self(unsafe { $add($mul(self.0, b.0), c.0) })
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
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
                let mut lanes = [0.0; $lanes];
                // SAFETY: `lanes` has room for all lanes.
                unsafe { self.store(lanes.as_mut_ptr()) };
                // Pairs first, as the wider tiers fold their halves.
                let half = $lanes / 2;
                for i in 0..half {
                    lanes[i] += lanes[i + half];
                }
                lanes[..half].iter().skip(1).fold(lanes[0], |sum, x| sum + x)
            }
            #[inline(always)]
            unsafe fn gather(base: *const $elem, index: *const u32) -> Self {
                let mut lanes = [0.0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate() {
                    // SAFETY: `index` has an entry a lane, each valid for `base`, by the caller.
                    *lane = unsafe { *base.add(*index.add(i) as usize) };
                }
                // SAFETY: `lanes` is a whole vector.
                unsafe { Self::load(lanes.as_ptr()) }
            }
            #[inline(always)]
            unsafe fn mul_add_one(a: $elem, b: $elem, c: $elem) -> $elem {
                a * b + c
            }
            #[inline(always)]
            unsafe fn changes(p: *const u32) -> u32 {
                // SAFETY: SSE2 is part of x86-64; the caller has 33 numbers at `p`.
                unsafe {
                    let same = |i: usize| {
                        let (here, next) = (_mm_loadu_si128(p.add(i).cast()), _mm_loadu_si128(p.add(i + 1).cast()));
                        (_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(here, next))) as u32) << i
                    };
                    let mut equal = 0;
                    for four in 0..8 {
                        equal |= same(4 * four);
                    }
                    !equal
                }
            }
            every!($elem, $square, $transpose);
        }
    };
}
sse!(
    F32x4,
    f32,
    4,
    _mm_set1_ps,
    _mm_loadu_ps,
    _mm_storeu_ps,
    _mm_stream_ps,
    _mm_stream_si32,
    _mm_add_ps,
    _mm_mul_ps,
    _mm_sqrt_ps,
    4,
    four_f32
);
sse!(
    F64x2,
    f64,
    2,
    _mm_set1_pd,
    _mm_loadu_pd,
    _mm_storeu_pd,
    _mm_stream_pd,
    _mm_stream_si64,
    _mm_add_pd,
    _mm_mul_pd,
    _mm_sqrt_pd,
    2,
    two_f64
);

impl F32x4 {
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe {
            let bits = _mm_setr_epi32(1, 2, 4, 8);
            let take = _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(mask as i32), bits), bits));
            Self(_mm_or_ps(_mm_and_ps(take, new.0), _mm_andnot_ps(take, old.0)))
        }
    }
    #[inline(always)]
    unsafe fn between(v: __m128, low: __m128, high: __m128) -> bool {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe { _mm_movemask_ps(_mm_and_ps(_mm_cmpge_ps(v, low), _mm_cmple_ps(v, high))) == 0b1111 }
    }
}

impl F64x2 {
    #[inline(always)]
    unsafe fn select(new: Self, old: Self, mask: u32) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe {
            // Halves of 32 bits in pairs: SSE2 compares no 64-bit lanes.
            let bits = _mm_setr_epi32(1, 1, 2, 2);
            let take = _mm_castsi128_pd(_mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(mask as i32), bits), bits));
            Self(_mm_or_pd(_mm_and_pd(take, new.0), _mm_andnot_pd(take, old.0)))
        }
    }
    #[inline(always)]
    unsafe fn between(v: __m128d, low: __m128d, high: __m128d) -> bool {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe { _mm_movemask_pd(_mm_and_pd(_mm_cmpge_pd(v, low), _mm_cmple_pd(v, high))) == 0b11 }
    }
}

impl PhiloxLanes for Blocks2 {
    const LANES: usize = 2;
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_set1_epi64x(word as i64) })
    }
    #[inline(always)]
    unsafe fn count_from(first: u64) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_set_epi64x(first.wrapping_add(1) as i64, first as i64) })
    }
    #[inline(always)]
    unsafe fn mul_low(self, other: Self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_mul_epu32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn high(self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_srli_epi64::<32>(self.0) })
    }
    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_xor_si128(_mm_xor_si128(self.0, b.0), c.0) })
    }
    #[inline(always)]
    unsafe fn inside_f32(w: [Self; 4]) -> u32 {
        // Coordinates of both samples of a block side by side, 24 bits each: exact as f32. The factor 2^-24 is a power
        // of two, so that comparing with 2^48 instead of 1 rounds alike.
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe {
            let low = _mm_set1_epi64x(0xffff_ffff);
            let pair = |a: __m128i, b: __m128i| {
                let words = _mm_or_si128(_mm_and_si128(a, low), _mm_slli_epi64::<32>(b));
                _mm_cvtepi32_ps(_mm_srli_epi32::<8>(words))
            };
            let (x, y) = (pair(w[0].0, w[2].0), pair(w[1].0, w[3].0));
            let square = _mm_add_ps(_mm_mul_ps(x, x), _mm_mul_ps(y, y));
            (_mm_movemask_ps(_mm_cmplt_ps(square, _mm_set1_ps((1u64 << 48) as f32))) as u32).count_ones()
        }
    }
    #[inline(always)]
    unsafe fn inside_f64(w: [Self; 4]) -> u32 {
        // A 32-bit number under the exponent of 2^52 is 2^52 plus it, exactly.
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe {
            let low = _mm_set1_epi64x(0xffff_ffff);
            let exponent = _mm_set1_epi64x(0x4330_0000_0000_0000);
            let magic = _mm_castsi128_pd(exponent);
            let real = |v: __m128i| _mm_sub_pd(_mm_castsi128_pd(_mm_or_si128(_mm_and_si128(v, low), exponent)), magic);
            let inside = |x: __m128i, y: __m128i| {
                let (x, y) = (real(x), real(y));
                let square = _mm_add_pd(_mm_mul_pd(x, x), _mm_mul_pd(y, y));
                (_mm_movemask_pd(_mm_cmplt_pd(square, _mm_set1_pd(2f64 * (1u64 << 63) as f64))) as u32).count_ones()
            };
            inside(w[0].0, w[1].0) + inside(w[2].0, w[3].0)
        }
    }
    #[inline(always)]
    unsafe fn load(p: *const u64) -> Self {
        // SAFETY: SSE2 is part of x86-64; `p` is valid for all lanes by the caller.
        Self(unsafe { _mm_loadu_si128(p.cast()) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u64) {
        // SAFETY: SSE2 is part of x86-64; `p` is valid for all lanes by the caller.
        unsafe { _mm_storeu_si128(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_add_epi64(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_xor_si128(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn shift_left_17(self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_slli_epi64::<17>(self.0) })
    }
    #[inline(always)]
    unsafe fn rotate_left_45(self) -> Self {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        Self(unsafe { _mm_or_si128(_mm_slli_epi64::<45>(self.0), _mm_srli_epi64::<19>(self.0)) })
    }
    #[inline(always)]
    unsafe fn inside_words(x: Self, y: Self) -> u32 {
        // SAFETY: SSE2 is part of x86-64; nothing in memory is touched.
        unsafe {
            let real = |v: Self| _mm_cvtepi32_ps(_mm_srli_epi32::<8>(v.0));
            let (x, y) = (real(x), real(y));
            let square = _mm_add_ps(_mm_mul_ps(x, x), _mm_mul_ps(y, y));
            (_mm_movemask_ps(_mm_cmplt_ps(square, _mm_set1_ps((1u64 << 48) as f32))) as u32).count_ones()
        }
    }
}
