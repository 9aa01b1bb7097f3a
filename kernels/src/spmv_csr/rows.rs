//! Sums along rows, which every sparse format needs: one row of any length, or four equal short ones side by side.
//!
//! The order of a row's sum depends on its length and the tier alone: up to [`SHORT`] entries and in every remainder the
//! even and the odd entries apart, long rows by vectors.

use crate::element::Sealed;
use crate::simd::Vector;

/// Longest row of [`four`].
pub(crate) const SHORT: usize = 8;
/// How far ahead of the sum the lines of a stream are asked for: the hardware's prefetchers lose streams of which each
/// row takes only a fraction of a line.
pub(crate) const AHEAD_BYTES: usize = 2048;
/// How many entries ahead of the sum elements of x are asked for where x is [`far`]: the sums of irregular rows end in
/// mispredicted branches, behind which nothing is loaded early.
pub(crate) const AHEAD_ENTRIES: usize = 64;
/// An x of more bytes is taken not to stay in a core's own caches.
const NEAR_BYTES: usize = 1 << 20;

/// Whether elements of `x` are worth asking for ahead of the sum.
pub(crate) fn far<T>(x: &[T]) -> bool {
    size_of_val(x) > NEAR_BYTES
}

/// Asks for the lines of `bytes` from [`AHEAD_BYTES`] after `p` on, which may lie beyond the end.
///
/// # Safety
/// The CPU has the vector's tier.
#[inline(always)]
pub(crate) unsafe fn ahead<V: Vector, T>(p: *const T, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: the tier is the caller's to guarantee; a prefetch takes any address.
        unsafe { V::prefetch(p.cast::<V::Elem>().wrapping_byte_add(AHEAD_BYTES + line)) };
    }
}

/// The sums of four rows of `N` entries each that follow each other, and a request for those a while later.
///
/// # Safety
/// The CPU has the vector's tier; `columns` and `values` have `4 * N` elements; `x` reaches every column.
#[inline(always)]
pub(crate) unsafe fn four<V: Vector, const N: usize>(
    columns: *const u32,
    values: *const V::Elem,
    x: *const V::Elem,
) -> [V::Elem; 4] {
    // SAFETY: each entry is below `4 * N`; columns are valid for `x` by the contract.
    unsafe {
        ahead::<V, _>(values, 4 * N * size_of::<V::Elem>());
        ahead::<V, _>(columns, 4 * N * size_of::<u32>());
        let mut results = [<V::Elem as Sealed>::ZERO; 4];
        for (r, result) in results.iter_mut().enumerate() {
            let mut sums = [<V::Elem as Sealed>::ZERO; 2];
            for i in 0..N {
                let at = r * N + i;
                sums[i % 2] = V::mul_add_indexed(*values.add(at), x, *columns.add(at), sums[i % 2]);
            }
            *result = sums[0] + sums[1];
        }
        results
    }
}

/// The sum of `values[i] * x[columns[i]]` over `n` entries. With `FAR`, elements of x that are needed
/// [`AHEAD_ENTRIES`] later are asked for.
///
/// # Safety
/// The CPU has the vector's tier; `values` has `n` elements, `columns` as many, and [`AHEAD_ENTRIES`] more with `FAR`;
/// `x` reaches every one of these columns.
#[inline(always)]
pub(crate) unsafe fn dot<V: Vector, const FAR: bool>(
    n: usize,
    columns: *const u32,
    values: *const V::Elem,
    x: *const V::Elem,
) -> V::Elem {
    let mut sums = [<V::Elem as Sealed>::ZERO; 2];
    let mut i = 0;
    // SAFETY: each entry is below `n`, or below `n + AHEAD_ENTRIES` with `FAR`; columns are valid for `x` by the
    // contract.
    unsafe {
        let later = |i: usize| {
            if FAR {
                V::prefetch(x.add(*columns.add(i + AHEAD_ENTRIES) as usize));
            }
        };
        // A gather costs more than the loads that it replaces until a row is a few vectors long.
        if n > SHORT && n >= 4 * V::LANES {
            let mut vectors = [V::splat(<V::Elem as Sealed>::ZERO); 2];
            while i + 2 * V::LANES <= n {
                for (j, sum) in vectors.iter_mut().enumerate() {
                    let at = i + j * V::LANES;
                    *sum = V::load(values.add(at)).mul_add(V::gather(x, columns.add(at)), *sum);
                    for i in at..at + V::LANES {
                        later(i);
                    }
                }
                i += 2 * V::LANES;
            }
            sums[0] = vectors[0].add(vectors[1]).sum();
        }
        while i + 2 <= n {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = V::mul_add_indexed(*values.add(i + j), x, *columns.add(i + j), *sum);
                later(i + j);
            }
            i += 2;
        }
        if i < n {
            sums[0] = V::mul_add_indexed(*values.add(i), x, *columns.add(i), sums[0]);
            later(i);
        }
    }
    sums[0] + sums[1]
}

/// How many rows to sum one by one before looking for equal ones again: the more often the look was in vain the longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(usize);

impl Patience {
    const LEAST: usize = 4;
    const MOST: usize = 256;

    pub(crate) fn new() -> Self {
        Self(Self::LEAST)
    }

    /// Equal rows were found.
    #[inline(always)]
    pub(crate) fn found(&mut self) {
        self.0 = (self.0 / 2).max(Self::LEAST);
    }

    /// None (or no more) were found: the number of rows to sum one by one now.
    #[inline(always)]
    pub(crate) fn missed(&mut self) -> usize {
        let rows = self.0;
        self.0 = (2 * rows).min(Self::MOST);
        rows
    }
}
