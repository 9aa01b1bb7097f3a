//! The loops, written once as a macro and compiled here for f32 and f64.

use crate::sell::{SELL_ROWS, SellStep, chunk_f32, chunk_f64};
use ergometer_record::philox::{MULTIPLIERS, ROUNDS, WEYL};

/// Extents and factors of a product: C = alpha A B + beta C, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Gemm<T> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Factor of the product.
    pub alpha: T,
    /// Factor of the old C; where it is 0, C is not read.
    pub beta: T,
    /// Distance of A's rows, in elements.
    pub lda: usize,
    /// Distance of B's rows.
    pub ldb: usize,
    /// Distance of C's rows.
    pub ldc: usize,
}

/// All rungs of one element type.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::type_complexity, reason = "a table of functions; each signature stands once, here")]
pub struct Rungs<T: 'static> {
    /// C = alpha A B + beta C.
    pub gemm: fn(&Gemm<T>, &[T], &[T], &mut [T]),
    /// `y[r] = sum of values * x[columns]` for the rows of `row_pointer` (one longer than `y`).
    pub spmv_csr: fn(&[u32], &[u32], &[T], &[T], &mut [T]),
    /// As above from entries sorted by row; `y[0]` is row `first`.
    pub spmv_coo: fn(usize, &[u32], &[u32], &[T], &[T], &mut [T]),
    /// The rows of one chunk of a sliced matrix: steps, indices, values, x, y.
    pub sell_chunk: fn(&[SellStep], &[u32], &[T], &[T], &mut [T; SELL_ROWS]),
    /// `a = b + q c`.
    pub triad: fn(&mut [T], &[T], &[T], T),
    /// One row of `out = c0 u + c1 (sum of six)`: `centre` and its four neighbours in y and z have the length of `out`
    /// plus 2, with `out[i]` at their `i + 1`; order of the neighbours: y - 1, y + 1, z - 1, z + 1.
    pub stencil_row: fn(&mut [T], &[T], [&[T]; 4], T, T),
    /// Samples of the Philox blocks `first .. first + blocks` that lie inside; arguments: seed, first, blocks.
    pub count_inside: fn(u64, u64, u64) -> u64,
    /// Euclidean norm of each row of `dim` coordinates.
    pub dist: fn(&[T], usize, &mut [T]),
    /// Euclidean norm of one point without overflow or underflow on the way: for points whose plain sum of squares
    /// left the range. NaN where a coordinate is one, else infinity where a coordinate is.
    pub scaled_norm: fn(&[T]) -> T,
    /// The least and the greatest norm that the plain sum of so many squares gives within its error bound; beyond them
    /// it may have lost squares to underflow, or overflowed.
    pub plain_norms: fn(usize) -> [T; 2],
    /// Rounds of eight independent multiply-adds; returns their sum.
    pub fma: fn(u64) -> T,
    /// Sum of all elements.
    pub read: fn(&[T]) -> T,
    /// Copies the second onto the first.
    pub copy: fn(&mut [T], &[T]),
}

#[inline(never)]
fn philox(seed: u64, block: u64) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = [block as u32, (block >> 32) as u32, 0, 0];
    let [mut k0, mut k1] = [seed as u32, (seed >> 32) as u32];
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

macro_rules! rungs {
    ($t:ident, $bits:literal, $chunk:ident) => {
        /// The rungs of one element type.
        pub mod $t {
            use super::{Gemm, Rungs, philox};

            /// All of them.
            pub const RUNGS: Rungs<$t> = Rungs {
                gemm,
                spmv_csr,
                spmv_coo,
                sell_chunk: super::$chunk,
                triad,
                stencil_row,
                count_inside,
                dist,
                scaled_norm,
                plain_norms,
                fma,
                read,
                copy,
            };

            #[inline(never)]
            fn gemm(g: &Gemm<$t>, a: &[$t], b: &[$t], c: &mut [$t]) {
                for i in 0..g.m {
                    let row = &mut c[i * g.ldc..][..g.n];
                    for x in row.iter_mut() {
                        *x = if g.beta == 0.0 { 0.0 } else { g.beta * *x };
                    }
                    for p in 0..g.k {
                        let factor = g.alpha * a[i * g.lda + p];
                        for (x, y) in row.iter_mut().zip(&b[p * g.ldb..][..g.n]) {
                            *x += factor * *y;
                        }
                    }
                }
            }

            #[inline(never)]
            fn spmv_csr(row_pointer: &[u32], columns: &[u32], values: &[$t], x: &[$t], y: &mut [$t]) {
                for (y, ends) in y.iter_mut().zip(row_pointer.windows(2)) {
                    let row = ends[0] as usize..ends[1] as usize;
                    let mut sum = 0.0;
                    for (column, value) in columns[row.clone()].iter().zip(&values[row]) {
                        sum += *value * x[*column as usize];
                    }
                    *y = sum;
                }
            }

            #[inline(never)]
            fn spmv_coo(first: usize, rows: &[u32], columns: &[u32], values: &[$t], x: &[$t], y: &mut [$t]) {
                for y in y.iter_mut() {
                    *y = 0.0;
                }
                for ((row, column), value) in rows.iter().zip(columns).zip(values) {
                    y[*row as usize - first] += *value * x[*column as usize];
                }
            }

            #[inline(never)]
            fn triad(a: &mut [$t], b: &[$t], c: &[$t], q: $t) {
                for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                    *a = *b + q * *c;
                }
            }

            #[inline(never)]
            fn stencil_row(out: &mut [$t], centre: &[$t], near: [&[$t]; 4], c0: $t, c1: $t) {
                let n = out.len();
                let (west, middle, east) = (&centre[..n], &centre[1..=n], &centre[2..n + 2]);
                let [south, north, below, above] = near.map(|row| &row[1..=n]);
                for i in 0..n {
                    let sum = (west[i] + east[i]) + (south[i] + north[i]) + (below[i] + above[i]);
                    out[i] = c0 * middle[i] + c1 * sum;
                }
            }

            #[inline(never)]
            fn count_inside(seed: u64, first: u64, blocks: u64) -> u64 {
                let coordinate = |word: u32| (word >> (32 - $bits)) as $t * (1.0 / (1u64 << $bits) as $t);
                let mut count = 0;
                for block in first..first + blocks {
                    let [w0, w1, w2, w3] = philox(seed, block).map(coordinate);
                    count += u64::from(w0 * w0 + w1 * w1 < 1.0) + u64::from(w2 * w2 + w3 * w3 < 1.0);
                }
                count
            }

            #[inline(never)]
            fn dist(points: &[$t], dim: usize, out: &mut [$t]) {
                let [low, high] = plain_norms(dim);
                for (i, out) in out.iter_mut().enumerate() {
                    let point = &points[i * dim..][..dim];
                    let mut sum = 0.0;
                    for x in point {
                        sum += *x * *x;
                    }
                    let norm = sum.sqrt();
                    *out = if norm >= low && norm <= high { norm } else { scaled_norm(point) };
                }
            }

            #[inline(never)]
            fn scaled_norm(point: &[$t]) -> $t {
                // Powers of two scale exactly. One of two suffices: squares of what lies between reach neither end of
                // the range of f64, in which the f32 norm is summed too.
                let largest = point.iter().fold(0.0f64, |most, x| most.max(f64::from(x.abs())));
                let small = largest < 2f64.powi(-400);
                let scale = if small { 2f64.powi(600) } else { 2f64.powi(-600) };
                let scale = if !small && largest < 2f64.powi(400) { 1.0 } else { scale };
                let sum: f64 = point.iter().map(|x| f64::from(*x) * scale).map(|x| x * x).sum();
                (sum.sqrt() / scale) as $t
            }

            #[inline(never)]
            fn plain_norms(dim: usize) -> [$t; 2] {
                // A square that underflows is off by less than the least normal number's rounding error; `dim` of them
                // stay below that of a sum of `dim` least normal numbers.
                // Signed, because the conversion of unsigned numbers takes packed instructions.
                let low = (i64::try_from(dim).unwrap_or(i64::MAX) as f64 * f64::from($t::MIN_POSITIVE)).sqrt();
                [low as $t, $t::MAX]
            }

            #[inline(never)]
            fn fma(rounds: u64) -> $t {
                let [mut a, mut b, mut c, mut d] = [1.0, 1.1, 1.2, 1.3];
                let [mut e, mut f, mut g, mut h] = [1.4, 1.5, 1.6, 1.7];
                // Read back through black_box so that the loop can't be folded.
                let (x, y): ($t, $t) = std::hint::black_box((0.5, 0.75));
                for _ in 0..rounds {
                    a = a * x + y;
                    b = b * x + y;
                    c = c * x + y;
                    d = d * x + y;
                    e = e * x + y;
                    f = f * x + y;
                    g = g * x + y;
                    h = h * x + y;
                }
                a + b + c + d + e + f + g + h
            }

            #[inline(never)]
            fn read(values: &[$t]) -> $t {
                // Four chains: one alone would measure the latency of an addition.
                let mut sums = [0.0; 4];
                let mut chunks = values.chunks_exact(4);
                for chunk in &mut chunks {
                    sums[0] += chunk[0];
                    sums[1] += chunk[1];
                    sums[2] += chunk[2];
                    sums[3] += chunk[3];
                }
                chunks.remainder().iter().fold(sums[0] + sums[1] + sums[2] + sums[3], |s, x| s + *x)
            }

            #[inline(never)]
            fn copy(to: &mut [$t], from: &[$t]) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
            }
        }
    };
}
rungs!(f32, 24, chunk_f32);
rungs!(f64, 32, chunk_f64);

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::philox as oracle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_count_is_the_oracles(seed: u64, first in 0u64..u64::MAX / 2, blocks in 0u64..300) {
            prop_assert_eq!((f32::RUNGS.count_inside)(seed, first, blocks), oracle::count_inside_f32(seed, first, blocks));
            prop_assert_eq!((f64::RUNGS.count_inside)(seed, first, blocks), oracle::count_inside_f64(seed, first, blocks));
        }
    }

    #[test]
    fn products_by_hand() {
        let g = Gemm { m: 2, n: 2, k: 2, alpha: 2.0, beta: 1.0, lda: 2, ldb: 3, ldc: 2 };
        let mut c = [1.0, 2.0, 3.0, 4.0];
        // B has a padding column that must not be read.
        let b = [1.0, 2.0, f64::NAN, 3.0, 4.0, f64::NAN];
        (f64::RUNGS.gemm)(&g, &[1.0, 2.0, 3.0, 4.0], &b, &mut c);
        assert_eq!(c, [15.0, 22.0, 33.0, 48.0]);
    }

    #[test]
    fn beta_zero_does_not_read_c() {
        let g = Gemm { m: 1, n: 1, k: 1, alpha: 1.0, beta: 0.0, lda: 1, ldb: 1, ldc: 1 };
        let mut c = [f32::NAN];
        (f32::RUNGS.gemm)(&g, &[2.0], &[3.0], &mut c);
        assert_eq!(c, [6.0]);
    }

    #[test]
    fn both_sparse_formats_by_hand() {
        // [1 2; 0 0; 0 3] times [10, 100].
        let (columns, values, x) = ([0, 1, 1], [1.0, 2.0, 3.0], [10.0, 100.0]);
        let mut y = [f64::NAN; 3];
        (f64::RUNGS.spmv_csr)(&[0, 2, 2, 3], &columns, &values, &x, &mut y);
        assert_eq!(y, [210.0, 0.0, 300.0]);
        let mut y = [f64::NAN; 3];
        (f64::RUNGS.spmv_coo)(0, &[0, 0, 2], &columns, &values, &x, &mut y);
        assert_eq!(y, [210.0, 0.0, 300.0]);
    }

    #[test]
    fn norms_and_triads_by_hand() {
        let mut out = [0.0; 2];
        (f32::RUNGS.dist)(&[3.0, 4.0, 5.0, 12.0], 2, &mut out);
        assert_eq!(out, [5.0, 13.0]);
        let mut a = [0.0; 2];
        (f32::RUNGS.triad)(&mut a, &[1.0, 2.0], &[10.0, 20.0], 0.5);
        assert_eq!(a, [6.0, 12.0]);
        let mut row = [0.0; 1];
        let (near, c) = ([0.0, 1.0, 0.0], [2.0, 3.0, 4.0]);
        (f64::RUNGS.stencil_row)(&mut row, &c, [&near; 4], 10.0, 1.0);
        assert_eq!(row, [40.0]);
    }
}
