//! Operand values by hash of their index: the same whatever worker writes them.

/// The finaliser of SplitMix64 (G. L. Steele et al., *Fast splittable pseudorandom number generators*, OOPSLA 2014)
/// over seed and index.
pub(crate) fn hash(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A hash as a number in [0, 1).
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Value `index` of an operand, in [-1, 1).
pub(crate) fn value(seed: u64, index: usize) -> f64 {
    2.0 * unit(hash(seed, index as u64)) - 1.0
}
