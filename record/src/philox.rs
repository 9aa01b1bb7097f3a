//! Philox4x32-10, the counter-based generator of Monte Carlo, in plain scalar form: the oracle of every tier and of
//! the GPU kernel.
//!
//! Source: J. K. Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011; the vectors in [`VECTORS`] are
//! those of its reference distribution (Random123, `kat_vectors`).
//!
//! How the Monte Carlo kernel uses it, on every device: block `b` of seed `s` is the counter
//! `[b low, b high, 0, 0]` under the key `[s low, s high]`; its four words are two samples `(w0, w1)`, `(w2, w3)`.
//! In f32 a coordinate is `(w >> 8) * 2^-24`, in f64 `w * 2^-32`, both exact. A sample is inside when
//! `x*x + y*y < 1`, each of the three operations rounded on its own (no fused multiply-add). The count is therefore the
//! same on any device, with any number of threads.

/// Multipliers of the two lanes.
pub const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Weyl increments of the two key words.
pub const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds.
pub const ROUNDS: usize = 10;

/// One block of four words.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The four words of block `block` under `seed`.
pub fn block(seed: u64, block: u64) -> [u32; 4] {
    philox4x32([block as u32, (block >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32])
}

/// How many of the samples `2 * first .. 2 * (first + blocks)` fall inside the quarter circle, in f32 arithmetic.
pub fn count_inside_f32(seed: u64, first: u64, blocks: u64) -> u64 {
    const SCALE: f32 = 1.0 / (1u32 << 24) as f32;
    let inside = |x: u32, y: u32| {
        let (x, y) = ((x >> 8) as f32 * SCALE, (y >> 8) as f32 * SCALE);
        u64::from(x * x + y * y < 1.0)
    };
    (first..first + blocks)
        .map(|b| {
            let [w0, w1, w2, w3] = block(seed, b);
            inside(w0, w1) + inside(w2, w3)
        })
        .sum()
}

/// As [`count_inside_f32`], in f64 arithmetic.
pub fn count_inside_f64(seed: u64, first: u64, blocks: u64) -> u64 {
    const SCALE: f64 = 1.0 / (1u64 << 32) as f64;
    let inside = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) * SCALE, f64::from(y) * SCALE);
        u64::from(x * x + y * y < 1.0)
    };
    (first..first + blocks)
        .map(|b| {
            let [w0, w1, w2, w3] = block(seed, b);
            inside(w0, w1) + inside(w2, w3)
        })
        .sum()
}

/// A published test vector: counter, key, result.
pub type Vector = ([u32; 4], [u32; 2], [u32; 4]);

/// Random123's known answers for philox4x32-10.
pub const VECTORS: [Vector; 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([0xffff_ffff; 4], [0xffff_ffff; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        for (counter, key, expected) in VECTORS {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }

    #[test]
    fn the_count_estimates_pi_and_splits_anywhere() {
        let blocks = 200_000;
        let count = count_inside_f32(7, 0, blocks);
        let pi = 4.0 * count as f64 / (2 * blocks) as f64;
        // Six standard errors of a fraction pi/4 over 400,000 samples.
        assert!((pi - std::f64::consts::PI).abs() < 6.0 * 4.0 * (0.785f64 * 0.215 / 4e5).sqrt(), "{pi}");
        assert_eq!(count, count_inside_f32(7, 0, 12_345) + count_inside_f32(7, 12_345, blocks - 12_345));
        assert_ne!(count, count_inside_f32(8, 0, blocks));
    }
}
