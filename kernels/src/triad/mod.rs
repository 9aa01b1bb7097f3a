//! TRIAD: `a = b + q c`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::Element;
use crate::error::KernelError;
use crate::memory::{Shared, share};
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::tier::{Level, Tier, dispatch};

/// Elements at whose multiples the workers' shares begin: a page of f32, so that no two share a line.
const GRAIN: usize = 1024;

/// `a[i] = b[i] + q * c[i]`, fused (one rounding) on AVX2 and AVX-512, two roundings on scalar and SSE.
///
/// The result of a tier is the same bit for bit whatever the thread count. NaN and infinities go through as IEEE 754
/// says. When the three slices together exceed the pool's last-level cache (32 MiB without a pool), stores are
/// non-temporal and save the write-allocate traffic. `None` runs on the calling thread.
///
/// # Errors
/// Lengths that differ; a tier that the CPU lacks; nested use of the pool.
pub fn triad<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    a: &mut [T],
    b: &[T],
    c: &[T],
    q: T,
) -> Result<(), KernelError> {
    let level = tier.level()?;
    for (what, slice) in [("b", b), ("c", c)] {
        if slice.len() != a.len() {
            return Err(KernelError::Length { what, expected: a.len(), found: slice.len() });
        }
    }
    let stream = streams::<T>(pool, a.len());
    let a = Shared::new(a);
    spread(pool, |w| part(level, a, b, c, q, stream, w.index, w.of))
}

/// Whether three vectors of `n` exceed the last-level cache.
pub(crate) fn streams<T>(pool: Option<&Pool>, n: usize) -> bool {
    crate::pool::exceeds_cache(pool, n.saturating_mul(3 * size_of::<T>()))
}

/// One worker's share. All three have one length.
#[expect(clippy::too_many_arguments, reason = "the operands of the kernel and the worker's place")]
pub(crate) fn part<T: Element>(
    level: Level,
    a: Shared<'_, T>,
    b: &[T],
    c: &[T],
    q: T,
    stream: bool,
    index: usize,
    of: usize,
) {
    let range = share(a.len(), index, of, GRAIN);
    // SAFETY: shares of different workers don't overlap.
    let a = unsafe { a.range(range.clone()) };
    let (b, c) = (&b[range.clone()], &c[range]);
    dispatch!(level, scalar: (T::RUNGS.triad)(a, b, c, q), run::<T>(a, b, c, q, stream));
}

/// # Safety
/// The CPU has the vector's tier. The three slices have one length.
#[inline(always)]
unsafe fn body<V: Vector>(a: &mut [V::Elem], b: &[V::Elem], c: &[V::Elem], q: V::Elem, stream: bool) {
    let n = a.len();
    let (a, b, c) = (a.as_mut_ptr(), b.as_ptr(), c.as_ptr());
    // SAFETY: every access is at `i + lanes <= n`, or names its number of lanes; streams are aligned by the head.
    unsafe {
        let q = V::splat(q);
        let at = |i: usize| V::load(c.add(i)).mul_add(q, V::load(b.add(i)));
        let some = |i: usize, n: usize| V::load_first(c.add(i), n).mul_add(q, V::load_first(b.add(i), n));
        let mut i = 0;
        if stream {
            let head = a.align_offset(V::LANES * size_of::<V::Elem>()).min(n);
            if head > 0 && head <= V::LANES {
                some(0, head).store_first(a, head);
                i = head;
            }
            // Four vectors a turn: whole lines are written at once.
            while i + 4 * V::LANES <= n && head <= V::LANES {
                for j in 0..4 {
                    at(i + j * V::LANES).stream(a.add(i + j * V::LANES));
                }
                i += 4 * V::LANES;
            }
            V::fence();
        }
        while i + 4 * V::LANES <= n {
            for j in 0..4 {
                at(i + j * V::LANES).store(a.add(i + j * V::LANES));
            }
            i += 4 * V::LANES;
        }
        while i < n {
            let left = V::LANES.min(n - i);
            some(i, left).store_first(a.add(i), left);
            i += left;
        }
    }
}

#[cfg(test)]
mod tests;
