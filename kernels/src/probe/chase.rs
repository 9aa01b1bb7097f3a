//! Dependent loads: one cache line after the other, in an order that no prefetcher guesses.

use crate::random::hash;

/// Values of one cache line of 64 bytes.
pub(crate) const STRIDE: usize = 16;

/// A single cycle through `lines` cache lines (S. Sattolo, *An algorithm to generate a random cyclic permutation*,
/// Information Processing Letters 22, 1986): element `i * STRIDE` holds the index of the next element.
pub(crate) fn cycle(lines: usize, seed: u64) -> Vec<u32> {
    let mut next: Vec<u32> = (0..lines as u32).collect();
    for i in (1..lines).rev() {
        next.swap(i, (hash(seed, i as u64) % i as u64) as usize);
    }
    let mut chain = vec![0; lines * STRIDE];
    for (i, n) in next.into_iter().enumerate() {
        chain[i * STRIDE] = n * STRIDE as u32;
    }
    chain
}

/// Follows the chain for `steps` loads from `at`; returns where it ends.
pub(crate) fn follow(chain: &[u32], mut at: u32, steps: usize) -> u32 {
    for _ in 0..steps {
        at = chain[at as usize];
    }
    at
}
