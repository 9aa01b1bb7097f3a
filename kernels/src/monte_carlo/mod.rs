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
    let step = (GROUPS * P::LANES) as u64;
    let whole = blocks / step * step;
    let mut count = 0;
    // SAFETY: the tier is the caller's to guarantee.
    unsafe {
        let mut keys = [[P::splat(0); 2]; ROUNDS];
        let [mut k0, mut k1] = [seed as u32, (seed >> 32) as u32];
        for key in &mut keys {
            *key = [P::splat(k0.into()), P::splat(k1.into())];
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        let factors = MULTIPLIERS.map(|m| P::splat(m.into()));
        let mut block = first;
        while block < first + whole {
            // Only the low half of a multiplicand counts, so that high halves may hold rubbish.
            let mut c = [[P::splat(0); 4]; GROUPS];
            for (g, c) in c.iter_mut().enumerate() {
                c[0] = P::count_from(block + (g * P::LANES) as u64);
                c[1] = c[0].high();
            }
            for key in &keys {
                for c in &mut c {
                    let (p0, p1) = (c[0].mul_low(factors[0]), c[2].mul_low(factors[1]));
                    *c = [p1.high().xor3(c[1], key[0]), p1, p0.high().xor3(c[3], key[1]), p0];
                }
            }
            for c in c {
                count += u64::from(T::inside(c));
            }
            block += step;
        }
    }
    count + (T::RUNGS.count_inside)(seed, first + whole, blocks - whole)
}

#[cfg(test)]
mod tests;
