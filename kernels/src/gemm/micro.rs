//! The micro-kernel: a tile of C in registers.

use crate::simd::Vector;

/// One tile's work: what the constants of a micro-kernel are chosen by, and its arguments.
pub(super) struct Call<T> {
    pub(super) rows: usize,
    pub(super) vectors: usize,
    pub(super) k: usize,
    /// Packed, or in place with rows `lda` apart.
    pub(super) packed: bool,
    pub(super) a: *const T,
    pub(super) lda: usize,
    pub(super) b: *const T,
    /// A column of lines, `stride` elements apart, that will be packed next: one is asked for at each step. Only an
    /// address; never read.
    pub(super) next: (*const T, usize),
    pub(super) tile: Tile<T>,
}

/// Where a tile of C is, and what happens to it.
#[derive(Clone, Copy)]
pub(super) struct Tile<T> {
    pub(super) c: *mut T,
    pub(super) ldc: usize,
    /// Columns to write: the rest of the last vector is padding.
    pub(super) columns: usize,
    pub(super) alpha: T,
    pub(super) beta: T,
    /// False: C is overwritten without being read.
    pub(super) reads: bool,
}

/// A loop over the rows of a tile in stretches of four. The optimiser unrolls a loop of four whatever its body, and only
/// a fully unrolled tile stays in registers; one loop over 14 rows was left rolled, with the tile on the stack.
macro_rules! rows {
    ($i:ident in $rows:ident $body:block) => {
        for $i in 0..if $rows < 4 { $rows } else { 4 } $body
        for $i in 4..if $rows < 8 { $rows } else { 8 } $body
        for $i in 8..if $rows < 12 { $rows } else { 12 } $body
        for $i in 12..$rows $body
    };
}

/// Steps before the end at which the tile of C is asked for: longer than a load from L3 takes.
const WARNING: usize = 24;

/// Elements of a row of A that is read in place between a step and the one that is asked for.
const AHEAD: usize = 64;

/// `C = alpha A (packed B) + beta C` for `R` rows and `W` vectors, over `k` steps.
///
/// `R` is at most 16. A is packed (`lda` says nothing), or read where it is, with rows `lda` apart.
///
/// # Safety
/// The CPU has the vector's tier; `a` has `k R` elements, or `R` rows of `k`; `b` has `k W LANES`; the tile's rows lie
/// in C.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the rows of the tile and of A and C go together")]
pub(super) unsafe fn tile<V: Vector, const R: usize, const W: usize, const PACKED: bool>(
    k: usize,
    mut a: *const V::Elem,
    lda: usize,
    mut b: *const V::Elem,
    (mut next, stride): (*const V::Elem, usize),
    t: &Tile<V::Elem>,
) {
    // SAFETY: by this function's contract; `a` and `b` advance by one step `k` times.
    unsafe {
        let zero = V::splat(<V::Elem as crate::element::Sealed>::ZERO);
        let mut sums = [[zero; W]; R];
        for left in (0..k).rev() {
            // Asked for at the start, the tile of C would be gone from L1 by the time it is needed.
            if left == WARNING.min(k - 1) {
                for i in 0..R {
                    for j in 0..W {
                        V::prefetch(t.c.wrapping_add(i * t.ldc + j * V::LANES));
                    }
                }
            }
            if PACKED {
                V::prefetch(next);
                next = next.wrapping_add(stride);
            } else {
                // A row's next lines, one row a step.
                V::prefetch(a.wrapping_add(left % R * lda + AHEAD));
            }
            let mut right = [zero; W];
            for (j, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(j * V::LANES));
            }
            rows!(i in R {
                let left = V::splat(*a.add(if PACKED { i } else { i * lda }));
                for j in 0..W {
                    sums[i][j] = left.mul_add(right[j], sums[i][j]);
                }
            });
            a = a.add(if PACKED { R } else { 1 });
            b = b.add(W * V::LANES);
        }
        let (alpha, beta) = (V::splat(t.alpha), V::splat(t.beta));
        rows!(i in R {
            for j in 0..W {
                let c = t.c.add(i * t.ldc + j * V::LANES);
                let left = t.columns - (j * V::LANES).min(t.columns);
                let product = alpha.mul(sums[i][j]);
                if left >= V::LANES {
                    let c_new = if t.reads { beta.mul_add(V::load(c), product) } else { product };
                    c_new.store(c);
                } else if left > 0 {
                    let c_new = if t.reads { beta.mul_add(V::load_first(c, left), product) } else { product };
                    c_new.store_first(c, left);
                }
            }
        });
    }
}

/// What a tier's file has beside its numbers: `run`, one worker's block, and the micro-kernels that it chooses among, which
/// have rows, vectors and "A is packed" as constants.
macro_rules! tier {
    ($isa:ty, $features:literal, [$($r:literal)*] x $w:tt) => {
        use super::Operands;
        use super::block::{self, Micro, Scratch};
        use super::micro::{self, Call, Tile};
        use crate::element::Element;
        use crate::pool::Worker;

        /// # Safety
        /// The CPU has the tier; the rest is the body's contract.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn run<T: Element>(o: &Operands<T>, scratch: &Scratch<T>, w: &Worker<'_>) {
            // SAFETY: this function's contract is the body's, and `choose` is this tier's.
            unsafe { block::body::<T::Vec<$isa>>(o, scratch, w, choose::<T> as Micro<T>) }
        }

        /// # Safety
        /// As [`micro::tile`].
        #[inline(never)]
        #[target_feature(enable = $features)]
        unsafe fn tile<T: Element, const R: usize, const W: usize, const PACKED: bool>(
            k: usize,
            a: *const T,
            lda: usize,
            b: *const T,
            next: (*const T, usize),
            t: &Tile<T>,
        ) {
            // SAFETY: this function's contract is the tile's.
            unsafe { micro::tile::<T::Vec<$isa>, R, W, PACKED>(k, a, lda, b, next, t) }
        }

        /// # Safety
        /// As [`micro::tile`], with 1 to [`ROWS`] rows and 1 to [`WIDTH`] vectors.
        unsafe fn choose<T: Element>(call: &Call<T>) {
            // SAFETY: `run` is entered only where the CPU has the tier; the rest is this function's contract.
            unsafe {
                match call.rows {
                    $($r => micro::tier!(@ $r $w call),)*
                    _ => unreachable!("a tile has at most so many rows"),
                }
            }
        }
    };
    (@ $r:literal [$($w:literal)*] $call:ident) => {
        match ($call.vectors, $call.packed) {
            $(($w, true) => tile::<T, $r, $w, true>($call.k, $call.a, $call.lda, $call.b, $call.next, &$call.tile),
            ($w, false) => tile::<T, $r, $w, false>($call.k, $call.a, $call.lda, $call.b, $call.next, &$call.tile),)*
            _ => unreachable!("a tile has at most so many vectors"),
        }
    };
}
pub(super) use tier;
