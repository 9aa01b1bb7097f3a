//! DIST: the Euclidean norm of each point of a set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::{Shared, share};
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::tier::{Level, Tier, dispatch};

/// `out[i]` = square root of the sum of squares of row `i` of `points` (row-major, `dim` coordinates a row).
///
/// Squares are summed in the element type; a point whose sum overflows or nears the least normal number is summed
/// again, scaled by a power of two, so that a norm is infinite only where it exceeds the element type or a coordinate is
/// infinite. A coordinate that is NaN gives NaN, even beside an infinite one. Relative error at most `(dim + 2) u`, with
/// `u` the unit roundoff, of norms that are normal numbers. `dim == 0` gives zeros. The result of a tier is the same bit
/// for bit whatever the thread count: the order of summation depends on `dim` alone.
///
/// # Errors
/// `points` is not `out.len() * dim` long; a tier that the CPU lacks; nested use of the pool.
pub fn dist<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    points: &[T],
    dim: usize,
    out: &mut [T],
) -> Result<(), KernelError> {
    let level = tier.level()?;
    let expected = out.len().checked_mul(dim).ok_or(KernelError::Overflow { what: "points" })?;
    if points.len() != expected {
        return Err(KernelError::Length { what: "points", expected, found: points.len() });
    }
    let out = Shared::new(out);
    spread(pool, |w| part(level, points, dim, out, w.index, w.of))
}

/// One worker's share. Lengths were checked.
pub(crate) fn part<T: Element>(level: Level, points: &[T], dim: usize, out: Shared<'_, T>, index: usize, of: usize) {
    let range = share(out.len(), index, of, 1024);
    // SAFETY: shares of different workers don't overlap.
    let out = unsafe { out.range(range.clone()) };
    let points = &points[range.start * dim..range.end * dim];
    dispatch!(level, scalar: (T::RUNGS.dist)(points, dim, out), run::<T>(points, dim, out));
}

/// Points whose sums of squares wait for their square roots together: a root of one point takes as long as one of a whole
/// vector, and longer than a short sum.
const WAITING: usize = 64;

/// # Safety
/// The CPU has the vector's tier. `points` has `out.len() * dim` elements.
#[inline(always)]
unsafe fn body<V: Vector>(points: &[V::Elem], dim: usize, out: &mut [V::Elem]) {
    // SAFETY: the tier is the caller's to guarantee.
    unsafe {
        match dim {
            // Where the compiler knows the length it takes many rows at once.
            2 => roots::<V>(points, 2, out, |row| one_by_one::<V>(row)),
            3 => roots::<V>(points, 3, out, |row| one_by_one::<V>(row)),
            4 => roots::<V>(points, 4, out, |row| one_by_one::<V>(row)),
            _ if dim < V::LANES => roots::<V>(points, dim, out, |row| one_by_one::<V>(row)),
            _ => roots::<V>(points, dim, out, |row| in_lanes::<V>(row)),
        }
    }
}

/// Norms from the sums of squares that `sum` gives for each row.
///
/// # Safety
/// As [`body`].
#[inline(always)]
unsafe fn roots<V: Vector>(points: &[V::Elem], dim: usize, out: &mut [V::Elem], sum: impl Fn(&[V::Elem]) -> V::Elem) {
    let mut sums = [<V::Elem as Sealed>::ZERO; WAITING];
    let plain = (<V::Elem as Sealed>::RUNGS.plain_norms)(dim);
    for (i, out) in out.chunks_mut(WAITING).enumerate() {
        let rows = &points[i * WAITING * dim..][..out.len() * dim];
        for (total, row) in sums.iter_mut().zip(rows.chunks_exact(dim.max(1))) {
            *total = sum(row);
        }
        let mut good = true;
        for at in (0..out.len()).step_by(V::LANES) {
            let take = V::LANES.min(out.len() - at);
            // SAFETY: `LANES` divides `WAITING`, so that whole vectors lie in `sums`; the store names its lanes.
            unsafe {
                let norms = V::load(sums.as_ptr().add(at)).sqrt();
                norms.store_first(out.as_mut_ptr().add(at), take);
                good &= take == V::LANES && norms.within(V::splat(plain[0]), V::splat(plain[1]));
            }
        }
        if !good {
            rescue(rows, dim, out, plain);
        }
    }
}

/// The sum of squares of a row shorter than a vector.
///
/// # Safety
/// The CPU has the vector's tier.
#[inline(always)]
unsafe fn one_by_one<V: Vector>(row: &[V::Elem]) -> V::Elem {
    let mut sum = <V::Elem as Sealed>::ZERO;
    for x in row {
        // SAFETY: the tier is the caller's to guarantee.
        sum = unsafe { V::mul_add_one(*x, *x, sum) };
    }
    sum
}

/// The sum of squares of a long row: coordinates along the lanes, two chains.
///
/// # Safety
/// The CPU has the vector's tier.
#[inline(always)]
unsafe fn in_lanes<V: Vector>(row: &[V::Elem]) -> V::Elem {
    let (dim, row) = (row.len(), row.as_ptr());
    // SAFETY: the tier is the caller's to guarantee; accesses are at `c + lanes <= dim` or name their lanes.
    unsafe {
        let mut sums = [V::splat(<V::Elem as Sealed>::ZERO); 2];
        let mut c = 0;
        while c + 2 * V::LANES <= dim {
            for (j, sum) in sums.iter_mut().enumerate() {
                let x = V::load(row.add(c + j * V::LANES));
                *sum = x.mul_add(x, *sum);
            }
            c += 2 * V::LANES;
        }
        if c + V::LANES <= dim {
            let x = V::load(row.add(c));
            sums[0] = x.mul_add(x, sums[0]);
            c += V::LANES;
        }
        if c < dim {
            let x = V::load_first(row.add(c), dim - c);
            sums[1] = x.mul_add(x, sums[1]);
        }
        sums[0].add(sums[1]).sum()
    }
}

/// Sums again the points whose plain norm left the range in which it is good.
#[cold]
#[inline(never)]
fn rescue<T: Element>(points: &[T], dim: usize, out: &mut [T], plain: [T; 2]) {
    for (i, out) in out.iter_mut().enumerate() {
        if !(plain[0]..=plain[1]).contains(out) {
            *out = (T::RUNGS.scaled_norm)(&points[i * dim..][..dim]);
        }
    }
}

#[cfg(test)]
mod tests;
