//! The small vector trait over which each algorithm is written once.
//!
//! A body generic over [`Vector`] is `#[inline(always)]` and gets its instructions from the function that calls it:
//! one per tier, under `#[target_feature]`. Every method is unsafe for one reason: the CPU must have the tier's
//! features, and the caller's `#[target_feature]` (reached through a `Level`) is what guarantees it. Methods with
//! pointers add their own conditions.
//!
//! Bodies use plain loops: a closure that an iterator or `array::map` does not inline is a function without the tier's
//! features, in which each intrinsic becomes a call (once ten times slower). `.ci/intrinsics-are-inlined` looks for such
//! functions.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
mod shared;
#[cfg(target_arch = "x86_64")]
pub(crate) mod sse;
#[cfg(target_arch = "x86_64")]
mod transpose;

use crate::element::Element;

/// An instruction-set tier with vectors.
pub trait Isa {
    type F32: Vector<Elem = f32>;
    type F64: Vector<Elem = f64>;
    type Blocks: PhiloxLanes;
}

/// Several elements in one register.
pub trait Vector: Copy {
    type Elem: Element;
    const LANES: usize;
    unsafe fn splat(x: Self::Elem) -> Self;
    /// Unaligned load of all lanes.
    unsafe fn load(p: *const Self::Elem) -> Self;
    /// The first `n <= LANES` lanes, zero beyond; memory beyond is not touched.
    unsafe fn load_first(p: *const Self::Elem, n: usize) -> Self;
    unsafe fn store(self, p: *mut Self::Elem);
    /// Stores the first `n <= LANES` lanes; memory beyond is not touched.
    unsafe fn store_first(self, p: *mut Self::Elem, n: usize);
    /// Lanes `K ..` of `self` and then the first `K` of `next`: the first `n` of them, which is what lies at `p`. Tiers
    /// load or shift, as is faster there. `K` is 1 or 2.
    unsafe fn shifted<const K: i32>(self, next: Self, p: *const Self::Elem, n: usize) -> Self;
    /// Non-temporal store; `p` is aligned to the vector. Needs [`Self::fence`] before anyone else reads.
    unsafe fn stream(self, p: *mut Self::Elem);
    /// Non-temporal store of one element: lines that are written in part then cost no read. As [`Self::stream`] otherwise.
    unsafe fn stream_one(x: Self::Elem, p: *mut Self::Elem);
    unsafe fn fence();
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * b + c`: fused where the tier has it, two roundings in SSE.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// Lanes whose bit in `mask` (lane 0 lowest) is set become `self * b + c`, rounded as by [`Self::mul_add`]; the others
    /// are `c`, whatever `self` and `b` hold there.
    unsafe fn mul_add_where(self, b: Self, c: Self, mask: u32) -> Self;
    /// Whether every lane lies between the lanes of `low` and `high`, ends included; false with a NaN.
    unsafe fn within(self, low: Self, high: Self) -> bool;
    /// Sum of all lanes, in a fixed order.
    unsafe fn sum(self) -> Self::Elem;
    /// Lane `l` is `base[index[l]]`; indices are below 2^31.
    unsafe fn gather(base: *const Self::Elem, index: *const u32) -> Self;
    /// `a * b + c` of one element, rounded as the lanes are.
    unsafe fn mul_add_one(a: Self::Elem, b: Self::Elem, c: Self::Elem) -> Self::Elem;
    /// `value * x[column] + sum` of one element, rounded as the lanes are. Opaque to the compiler where the tier has
    /// gathers: it would collect the elements of several sums by one, which takes longer than their loads.
    #[inline(always)]
    unsafe fn mul_add_indexed(value: Self::Elem, x: *const Self::Elem, column: u32, sum: Self::Elem) -> Self::Elem {
        // SAFETY: the tier is there by the trait's contract; the caller has an element at `column`.
        unsafe { Self::mul_add_one(value, *x.add(column as usize), sum) }
    }
    /// Bit `i` of 32 is set where `p[i + 1]` differs from `p[i]`: 33 numbers are read.
    unsafe fn changes(p: *const u32) -> u32;
    /// Brings the line at `p` closer; never faults.
    unsafe fn prefetch(p: *const Self::Elem);
    /// As [`Self::prefetch`], but not as close as the first level, whose few outstanding misses it leaves to others.
    unsafe fn prefetch_far(p: *const Self::Elem);
    /// Rows and columns of the square that [`Self::transpose`] turns over.
    const SQUARE: usize;
    /// `to[q * ldt + r] = from[r * ldf + q]` for `r` and `q` below [`Self::SQUARE`].
    unsafe fn transpose(from: *const Self::Elem, ldf: usize, to: *mut Self::Elem, ldt: usize);
}

/// 64-bit lanes, each with one Philox block's 32-bit word in its low half. The high half may hold anything.
pub trait PhiloxLanes: Copy {
    /// Blocks in flight.
    const LANES: usize;
    unsafe fn splat(word: u64) -> Self;
    /// `first, first + 1, …`, as 64-bit numbers.
    unsafe fn count_from(first: u64) -> Self;
    /// 64-bit product of the low halves.
    unsafe fn mul_low(self, other: Self) -> Self;
    /// Shifts each lane right by 32.
    unsafe fn high(self) -> Self;
    /// Exclusive or of three.
    unsafe fn xor3(self, b: Self, c: Self) -> Self;
    /// Of the samples `(w0, w1)` and `(w2, w3)` of each lane, how many lie inside, in f32 arithmetic.
    unsafe fn inside_f32(w: [Self; 4]) -> u32;
    /// As above, in f64 arithmetic.
    unsafe fn inside_f64(w: [Self; 4]) -> u32;
    /// Unaligned load of all lanes, all 64 bits of each.
    unsafe fn load(p: *const u64) -> Self;
    unsafe fn store(self, p: *mut u64);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    unsafe fn shift_left_17(self) -> Self;
    unsafe fn rotate_left_45(self) -> Self;
    /// Of the samples whose coordinates are the 32-bit words of `x` and `y`, two a lane, how many lie inside, in f32
    /// arithmetic.
    unsafe fn inside_words(x: Self, y: Self) -> u32;
}
