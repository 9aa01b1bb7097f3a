//! Whether the outputs of a plan are right: f64 references, and the bounds that the kernels' contract states.
//!
//! | precision | bound | of |
//! |---|---|---|
//! | f64 | 1e-12 | see below |
//! | f32 | 1e-5 | |
//! | tf32, f16 | 1e-3 | |
//! | bf16 | 1e-2 | |
//!
//! Vector kernels: each element's error over the sum of the absolute values of its terms (the componentwise backward
//! error of a sum: Higham, *Accuracy and Stability of Numerical Algorithms*, 4.2). GEMM: each row's error norm over the
//! root mean square of the rows' norms, so that one wrong element shows in matrices of any useful size. Monte Carlo,
//! copy, read and chase: equality. An element that was not written is still poison (NaN) and fails.

mod gemm;
mod grid;
mod sparse;

use crate::operand::widen;
use crate::plan::{Plan, SEED};
use ergometer_record::{Kernel, Precision, Size, philox};

/// The bound of a precision.
pub fn bound(precision: Precision) -> f64 {
    match precision {
        Precision::F64 => 1e-12,
        Precision::F32 => 1e-5,
        Precision::Tf32 | Precision::F16 => 1e-3,
        Precision::Bf16 => 1e-2,
    }
}

/// The largest error of `outputs` over its bound: at most 1 passes, infinity means unwritten or unequal. `None` where the
/// kernel has nothing to compare. `outputs` are the bytes of the plan's outputs in their order.
pub fn verify(plan: &Plan, outputs: &[Vec<u8>]) -> Option<f64> {
    let precision = plan.spec.precision;
    let inputs: Vec<Vec<u8>> =
        plan.buffers.iter().filter(|b| !b.content.is_output()).map(|b| b.content.generate()).collect();
    // A plan has one output; fewer bytes than it holds can't be right.
    let out = outputs.first().map_or(&[][..], Vec::as_slice);
    let input = |i: usize| inputs.get(i).map_or(&[][..], Vec::as_slice);
    let real = |i: usize| widen(input(i), precision);
    let expected_bytes = plan.buffers.iter().find(|b| b.content.is_output()).map_or(0, |b| b.content.bytes());
    if out.len() != expected_bytes {
        return Some(f64::INFINITY);
    }
    let limit = bound(precision);
    let got = || widen(out, precision);
    Some(match (plan.spec.kernel, plan.spec.size) {
        (Kernel::Gemm, Size::Gemm { m, n, k }) => {
            gemm::worst_row([m, n, k].map(|x| x as usize), &got(), &real(0), &real(1)) / limit
        }
        (Kernel::SpmvCsr | Kernel::SpmvCoo, _) => {
            sparse::worst(plan.spec.kernel, &got(), input(0), input(1), &real(2), &real(3)) / limit
        }
        (Kernel::Triad, _) => {
            let q = crate::plan::real_constant(precision, crate::plan::TRIAD_FACTOR);
            let (b, c) = (real(0), real(1));
            worst(got().iter().zip(b.iter().zip(&c)).map(|(&a, (b, c))| (a, b + q * c, b.abs() + (q * c).abs())))
                / limit
        }
        (Kernel::Stencil, Size::Grid { nx, ny, nz }) => {
            let c = crate::plan::STENCIL_COEFFICIENTS.map(|c| crate::plan::real_constant(precision, c));
            grid::worst([nx, ny, nz].map(|n| n as usize), c, &got(), &real(0)) / limit
        }
        (Kernel::Dist, Size::Points { dim, .. }) => {
            let points = real(0);
            let norm = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let rows = points.chunks(dim as usize).map(norm);
            worst(got().into_iter().zip(rows).map(|(got, norm)| (got, norm, norm))) / limit
        }
        (Kernel::MonteCarlo, Size::Samples { samples }) => {
            let count: u64 = words(out).iter().fold(0, |sum, &n| sum.wrapping_add(n));
            equal(count == count_inside(precision, samples / 2))
        }
        (Kernel::ProbeRead, _) => {
            let fold = |bytes: &[u8]| {
                bytes.chunks(4).fold(0u32, |fold, c| {
                    let mut word = [0; 4];
                    word[..c.len()].copy_from_slice(c);
                    fold ^ u32::from_le_bytes(word)
                })
            };
            equal(fold(out) == fold(input(0)))
        }
        (Kernel::ProbeCopy, _) => equal(out == input(0)),
        (Kernel::ProbeChase, Size::Probe { count }) => {
            let nodes = count / 128;
            // A single cycle ends where it began, having met every node once.
            equal(words(out) == [0, nodes * (nodes - 1) / 2])
        }
        _ => return None,
    })
}

/// The largest of |got - expected| / scale. NaN is infinitely wrong.
fn worst(triples: impl Iterator<Item = (f64, f64, f64)>) -> f64 {
    triples.fold(0.0, |worst: f64, (got, expected, scale)| {
        let error = (got - expected).abs();
        let relative = if error == 0.0 { 0.0 } else { error / scale };
        if relative.is_nan() { f64::INFINITY } else { worst.max(relative) }
    })
}

fn equal(equal: bool) -> f64 {
    if equal { 0.0 } else { f64::INFINITY }
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|c| u64::from_le_bytes(*c)).collect()
}

/// The reference count, on all cores: it is the slowest of the oracles, and its parts add up in any order.
fn count_inside(precision: Precision, blocks: u64) -> u64 {
    let count = if precision == Precision::F64 { philox::count_inside_f64 } else { philox::count_inside_f32 };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let share = blocks.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|t| (t * share).min(blocks))
            .map(|first| scope.spawn(move || count(SEED, first, share.min(blocks - first))))
            .collect();
        // A worker only adds integers; if one died all the same, the count is wrong and the check fails.
        workers.into_iter().map(|w| w.join().unwrap_or(0)).sum()
    })
}
