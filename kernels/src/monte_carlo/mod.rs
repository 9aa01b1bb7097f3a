//! Monte Carlo estimate of pi by Philox4x32-10: see [`ergometer_record::philox`] for the definition and its source.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;
pub mod xoshiro;

use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, spread};
use crate::simd::PhiloxLanes;
use crate::tier::{Level, Tier, dispatch};
use ergometer_record::philox::{MULTIPLIERS, ROUNDS, WEYL};
use std::sync::atomic::{AtomicU64, Ordering};

/// Independent groups of lanes: enough to cover the latency of the multiplications.
const GROUPS: usize = 4;

/// How many of the two samples of each Philox block `first .. first + blocks` under `seed` lie inside the quarter
/// circle, in the arithmetic of `T`. Equal to [`ergometer_record::philox::count_inside_f32`] (or `f64`) in every tier
/// and with any number of threads.
///
/// # Errors
/// `first + blocks` overflows; a tier that the CPU lacks; nested use of the pool.
pub fn count_inside<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    seed: u64,
    first: u64,
    blocks: u64,
) -> Result<u64, KernelError> {
    let level = tier.level()?;
    let overflow = KernelError::Overflow { what: "the block counter" };
    first.checked_add(blocks).and_then(|_| blocks.checked_mul(2)).ok_or(overflow)?;
    let total = AtomicU64::new(0);
    spread(pool, |w| {
        total.fetch_add(part::<T>(level, seed, first, blocks, w.index, w.of), Ordering::Relaxed);
    })?;
    Ok(total.into_inner())
}

/// One worker's share of the count.
pub(crate) fn part<T: Element>(level: Level, seed: u64, first: u64, blocks: u64, index: usize, of: usize) -> u64 {
    let border = |i: usize| first + (u128::from(blocks) * i as u128 / of as u128) as u64;
    let (first, blocks) = (border(index), border(index + 1) - border(index));
    dispatch!(level, scalar: (T::RUNGS.count_inside)(seed, first, blocks), run::<T>(seed, first, blocks))
}

/// # Safety
/// The CPU has the lanes' tier.
#[inline(always)]
unsafe fn body<T: Element, P: PhiloxLanes>(seed: u64, first: u64, blocks: u64) -> u64 {
    let (mut at, end) = (first, first + blocks);
    let mut count = 0;
    while at < end {
        // Up to where the counter's second word changes.
        let to = end.min((at | u64::from(u32::MAX)).saturating_add(1));
        let step = (GROUPS * P::LANES) as u64;
        let whole = at + (to - at) / step * step;
        // SAFETY: the tier is the caller's to guarantee; the counters of the stretch have one second word.
        count += unsafe { stretch::<T, P>(seed, at, whole) } + (T::RUNGS.count_inside)(seed, whole, to - whole);
        at = to;
    }
    count
}

/// Whole steps of blocks whose counters have the same second word.
///
/// The third and the fourth word of a counter are 0, which makes one of the two products constant in either of the first
/// two rounds; and in the first round the other grows by the same amount from step to step.
///
/// # Safety
/// The CPU has the lanes' tier; `end - first` is a number of whole steps.
#[inline(always)]
unsafe fn stretch<T: Element, P: PhiloxLanes>(seed: u64, first: u64, end: u64) -> u64 {
    let mut keys = [[seed as u32, (seed >> 32) as u32]; ROUNDS];
    for round in 1..ROUNDS {
        keys[round] = [0, 1].map(|w| keys[round - 1][w].wrapping_add(WEYL[w]));
    }
    // Constant: the product of round two's first word, which is the counter's second word under the first key.
    let product = u64::from(MULTIPLIERS[0]) * u64::from((first >> 32) as u32 ^ keys[0][0]);
    let step = (GROUPS * P::LANES) as u64;
    let mut count = 0;
    // SAFETY: the tier is the caller's to guarantee.
    unsafe {
        let mut wide = [[P::splat(0); 2]; ROUNDS];
        for (wide, key) in wide.iter_mut().zip(&keys) {
            *wide = [P::splat(key[0].into()), P::splat(key[1].into())];
        }
        let factors = [P::splat(MULTIPLIERS[0].into()), P::splat(MULTIPLIERS[1].into())];
        let third = P::splat((product >> 32) ^ u64::from(keys[1][1]));
        let fourth = P::splat(product & u64::from(u32::MAX));
        let more = P::splat(u64::from(MULTIPLIERS[0]) * step);
        // The low words don't wrap within the stretch, so that the sums are the 64-bit products.
        let mut products = [P::splat(0); GROUPS];
        for (g, product) in products.iter_mut().enumerate() {
            *product = P::count_from(first + (g * P::LANES) as u64).mul_low(factors[0]);
        }
        for _ in 0..(end - first) / step {
            // Only the low half of a multiplicand counts, so that high halves may hold rubbish.
            let mut state = [[fourth; 4]; GROUPS];
            for (c, p0) in state.iter_mut().zip(products) {
                let p1 = p0.high().xor(wide[0][1]).mul_low(factors[1]);
                *c = [p1.high().xor(wide[1][0]), p1, p0.xor(third), fourth];
            }
            for key in &wide[2..] {
                for c in &mut state {
                    let (p0, p1) = (c[0].mul_low(factors[0]), c[2].mul_low(factors[1]));
                    *c = [p1.high().xor3(c[1], key[0]), p1, p0.high().xor3(c[3], key[1]), p0];
                }
            }
            for (c, product) in state.into_iter().zip(&mut products) {
                count += u64::from(T::inside(c));
                *product = product.add(more);
            }
        }
    }
    count
}

#[cfg(test)]
mod tests;
