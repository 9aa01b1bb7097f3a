//! The probes: what the machine can do at most, by the same tiers as the kernels.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod chase;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::{Element, Sealed};
use crate::simd::Vector;
use crate::tier::{Level, dispatch};

/// Independent chains of the arithmetic probe: more than latency times throughput (4 x 2) of present cores, and few
/// enough for SSE's 16 registers.
const CHAINS: usize = 12;
/// Chains of the scalar rung.
const SCALAR_CHAINS: u64 = 8;

/// At least `count` multiply-adds in independent chains, rounded up to whole rounds (at most 192). Fused on AVX2 and
/// AVX-512, a multiplication and an addition on scalar and SSE.
pub(crate) fn fma<T: Element>(level: Level, count: u64) -> T {
    dispatch!(level, scalar: (T::RUNGS.fma)(count.div_ceil(SCALAR_CHAINS)), fma::<T>(count))
}

/// Sum of all values: every one is loaded once, in order.
pub(crate) fn read<T: Element>(level: Level, values: &[T]) -> T {
    dispatch!(level, scalar: (T::RUNGS.read)(values), read::<T>(values))
}

/// Copies `from` onto `to`, which is as long; non-temporally with `stream`.
pub(crate) fn copy<T: Element>(level: Level, to: &mut [T], from: &[T], stream: bool) {
    assert_eq!(to.len(), from.len());
    dispatch!(level, scalar: (T::RUNGS.copy)(to, from), copy::<T>(to, from, stream))
}

/// # Safety
/// The CPU has the vector's tier.
#[inline(always)]
unsafe fn fma_body<V: Vector>(count: u64) -> V::Elem {
    let number = |x: f64| <V::Elem as Sealed>::from_f64(x);
    let rounds = count.div_ceil((CHAINS * V::LANES) as u64);
    // SAFETY: the tier is the caller's to guarantee.
    unsafe {
        // Hidden from the optimiser, or it would see the fixed point. Values tend to y / (1 - x): no denormals.
        let (x, y) = std::hint::black_box((number(0.5), number(0.75)));
        let (x, y) = (V::splat(x), V::splat(y));
        let mut sums = [V::splat(number(1.0)); CHAINS];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = V::splat(number(1.0 + i as f64));
        }
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(x, y);
            }
        }
        let mut total = sums[0];
        for sum in &sums[1..] {
            total = total.add(*sum);
        }
        total.sum()
    }
}

/// # Safety
/// The CPU has the vector's tier.
#[inline(always)]
unsafe fn read_body<V: Vector>(values: &[V::Elem]) -> V::Elem {
    let (n, p) = (values.len(), values.as_ptr());
    let mut i = 0;
    // SAFETY: `i + 8 lanes <= n` at each load of eight; the rest names its lanes.
    unsafe {
        let mut sums = [V::splat(<V::Elem as Sealed>::ZERO); 8];
        while i + 8 * V::LANES <= n {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add(V::load(p.add(i + j * V::LANES)));
            }
            i += 8 * V::LANES;
        }
        while i < n {
            let left = V::LANES.min(n - i);
            sums[0] = sums[0].add(V::load_first(p.add(i), left));
            i += left;
        }
        let mut total = sums[0];
        for sum in &sums[1..] {
            total = total.add(*sum);
        }
        total.sum()
    }
}

/// # Safety
/// The CPU has the vector's tier; both slices have one length.
#[inline(always)]
unsafe fn copy_body<V: Vector>(to: &mut [V::Elem], from: &[V::Elem], stream: bool) {
    let (n, to, from) = (to.len(), to.as_mut_ptr(), from.as_ptr());
    let mut i = 0;
    // SAFETY: `i + 4 lanes <= n` at each turn of four; heads and tails name their lanes; streams are aligned by the head.
    unsafe {
        if stream {
            let head = to.align_offset(V::LANES * size_of::<V::Elem>()).min(n);
            if head <= V::LANES {
                V::load_first(from, head).store_first(to, head);
                i = head;
                while i + 4 * V::LANES <= n {
                    for j in 0..4 {
                        V::load(from.add(i + j * V::LANES)).stream(to.add(i + j * V::LANES));
                    }
                    i += 4 * V::LANES;
                }
            }
            V::fence();
        }
        while i + 4 * V::LANES <= n {
            for j in 0..4 {
                V::load(from.add(i + j * V::LANES)).store(to.add(i + j * V::LANES));
            }
            i += 4 * V::LANES;
        }
        while i < n {
            let left = V::LANES.min(n - i);
            V::load_first(from.add(i), left).store_first(to.add(i), left);
            i += left;
        }
    }
}

#[cfg(test)]
mod tests;
