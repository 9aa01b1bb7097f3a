//! Monte Carlo estimate of pi for raw speed: xoshiro256+ instead of Philox, in f32 arithmetic.
//!
//! Samples come in segments of [`SEGMENT`], each with a bundle of 32 generators of its own, seeded by SplitMix64 from the
//! seed and the segment's number, as the generator's authors advise. So a count depends on neither the tier nor the
//! number of threads, though the generator has no counter. Different segments start at random points of one period of
//! 2^256 - 1; that two of them overlap is not excluded, only very unlikely.

#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512, sse};
use crate::error::KernelError;
use crate::pool::{Pool, spread};
use crate::random::hash;
use crate::simd::PhiloxLanes;
use crate::tier::{Level, Tier};
use ergometer_kernels_scalar::{Bundle, GENERATORS, STEP_SAMPLES, count_inside_xoshiro};
use std::sync::atomic::{AtomicU64, Ordering};

/// Samples that one bundle of generators draws.
pub const SEGMENT: u64 = 1 << 20;

/// How many of `samples` points of the unit square lie inside the quarter circle. The same in every tier and with any
/// number of threads; unlike [`super::count_inside`] it is no counter-based stream, so that a sample's number does not
/// give its coordinates.
///
/// # Errors
/// A tier that the CPU lacks; nested use of the pool.
pub fn count_inside(pool: Option<&Pool>, tier: Tier, seed: u64, samples: u64) -> Result<u64, KernelError> {
    let level = tier.level()?;
    let total = AtomicU64::new(0);
    let segments = samples.div_ceil(SEGMENT);
    spread(pool, |w| {
        let border = |i: usize| (u128::from(segments) * i as u128 / w.of as u128) as u64;
        let mine = border(w.index)..border(w.index + 1);
        let count = mine.map(|s| segment(level, seed, s, SEGMENT.min(samples - s * SEGMENT))).sum();
        total.fetch_add(count, Ordering::Relaxed);
    })?;
    Ok(total.into_inner())
}

/// The first `samples` of segment `number`.
fn segment(level: Level, seed: u64, number: u64, samples: u64) -> u64 {
    let word = |w: usize, g: usize| {
        let generator = number.wrapping_mul(GENERATORS as u64).wrapping_add(g as u64);
        hash(seed, generator.wrapping_mul(4).wrapping_add(w as u64))
    };
    let mut bundle: Bundle = std::array::from_fn(|w| std::array::from_fn(|g| word(w, g)));
    let (steps, rest) = (samples / STEP_SAMPLES as u64, samples % STEP_SAMPLES as u64);
    let whole = match level {
        Level::Scalar => count_inside_xoshiro(&mut bundle, steps, STEP_SAMPLES),
        // SAFETY: a `Level` is made only after the CPU reported the tier's features.
        #[cfg(target_arch = "x86_64")]
        Level::Sse => unsafe { sse::xoshiro(&mut bundle, steps) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::xoshiro(&mut bundle, steps) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::xoshiro(&mut bundle, steps) },
    };
    whole + count_inside_xoshiro(&mut bundle, u64::from(rest > 0), rest as usize)
}

/// Steps of a whole bundle, `PAIRS` vectors of abscissas and of ordinates in registers at a time.
///
/// # Safety
/// The CPU has the lanes' tier, and `PAIRS * LANES` divides half the generators.
#[inline(always)]
pub(super) unsafe fn body<P: PhiloxLanes, const PAIRS: usize>(bundle: &mut Bundle, steps: u64) -> u64 {
    const HALF: usize = GENERATORS / 2;
    let mut count = 0;
    for first in (0..HALF).step_by(PAIRS * P::LANES) {
        // SAFETY: `first + PAIRS * LANES <= HALF`, so that vectors of either half lie in their row of the bundle.
        unsafe {
            let mut s = [[[P::splat(0); 4]; 2]; PAIRS];
            for (p, pair) in s.iter_mut().enumerate() {
                for (half, state) in pair.iter_mut().enumerate() {
                    for (w, word) in state.iter_mut().enumerate() {
                        *word = P::load(bundle[w].as_ptr().add(half * HALF + first + p * P::LANES));
                    }
                }
            }
            for _ in 0..steps {
                for pair in &mut s {
                    let [x, y] = [next(&mut pair[0]), next(&mut pair[1])];
                    count += u64::from(P::inside_words(x, y));
                }
            }
            for (p, pair) in s.iter().enumerate() {
                for (half, state) in pair.iter().enumerate() {
                    for (w, word) in state.iter().enumerate() {
                        word.store(bundle[w].as_mut_ptr().add(half * HALF + first + p * P::LANES));
                    }
                }
            }
        }
    }
    count
}

/// # Safety
/// The CPU has the lanes' tier.
#[inline(always)]
unsafe fn next<P: PhiloxLanes>(s: &mut [P; 4]) -> P {
    // SAFETY: the tier is the caller's to guarantee.
    unsafe {
        let draw = s[0].add(s[3]);
        let shifted = s[1].shift_left_17();
        // Each word from the old ones, so that three-way exclusive ors take one instruction where the tier has it.
        let [a, b, c, d] = *s;
        let (third, fourth) = (a.xor(c), b.xor(d));
        *s = [a.xor(fourth), b.xor(third), third.xor(shifted), fourth.rotate_left_45()];
        draw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pools, tiers};

    #[test]
    fn the_count_depends_on_neither_tier_nor_threads() {
        for samples in [0, 1, 31, 32, 33, 1000, SEGMENT - 1, SEGMENT + 77, 3 * SEGMENT] {
            let wanted = count_inside(None, Tier::Scalar, 9, samples).unwrap();
            for &tier in tiers() {
                for pool in pools() {
                    let found = count_inside(pool.as_ref(), tier, 9, samples).unwrap();
                    assert_eq!(found, wanted, "{tier}, {samples} samples");
                }
            }
        }
    }

    #[test]
    fn pi_within_five_standard_errors_for_several_seeds() {
        let n = 8 * SEGMENT;
        let mean = std::f64::consts::FRAC_PI_4;
        let error = (mean * (1.0 - mean) / n as f64).sqrt();
        for seed in 0..4 {
            let found = count_inside(None, Tier::best(), seed, n).unwrap() as f64 / n as f64;
            assert!((found - mean).abs() < 5.0 * error, "seed {seed}: {found}");
        }
    }

    #[test]
    fn a_longer_run_begins_like_a_shorter_one() {
        let count = |n| count_inside(None, Tier::best(), 3, n).unwrap();
        let (one, two) = (count(SEGMENT), count(SEGMENT + 1));
        assert!(two == one || two == one + 1);
        assert_ne!(count_inside(None, Tier::best(), 4, SEGMENT).unwrap(), one);
    }
}
