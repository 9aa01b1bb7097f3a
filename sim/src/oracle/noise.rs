//! Multiplicative noise on time and power, keyed by (seed, job, placement).
//!
//! The thesis' `NoisyOracle` multiplies both by 1 +- 10 % and clamps power to k TDP (5.3.2.3); there the execution equals
//! the noisy prediction. Here belief and truth are separate, and what the noise is on is a choice ([`NoiseOn`]).
//! A hash instead of a generator makes the luck of a job on a placement the same whatever else a policy did before.

use serde::{Deserialize, Serialize};

/// Where the noise is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum NoiseOn {
    /// The scheduler believes the oracle, and the run differs (default).
    #[default]
    Truth,
    /// The scheduler errs, and the run is as the oracle says.
    Belief,
    /// The same draw on both: the thesis' reading, a scheduler that foresees all noise.
    Both,
}

/// How much noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// Half width of the uniform factor on time, below 1.
    pub time: f64,
    /// Half width of the uniform factor on power, below 1.
    pub power: f64,
    /// Where.
    pub on: NoiseOn,
    /// Noisy power never exceeds the TDP, or the cap, of the job's GPUs.
    pub clamp_to_tdp: bool,
}

impl Noise {
    /// Belief and truth agree.
    pub const NONE: Self = Self { time: 0.0, power: 0.0, on: NoiseOn::Truth, clamp_to_tdp: false };

    /// True when nothing is noisy.
    pub fn is_none(&self) -> bool {
        self.time == 0.0 && self.power == 0.0
    }

    /// Factors on time and power, each uniform in [1 - w, 1 + w).
    pub fn factors(&self, seed: u64, job: u64, placement: u64) -> (f64, f64) {
        let first = mix(mix(mix(seed ^ 0x6A09_E667_F3BC_C908).wrapping_add(job)).wrapping_add(placement));
        let second = mix(first);
        let factor = |bits: u64, width: f64| 1.0 + width * (2.0 * ((bits >> 11) as f64 * 2f64.powi(-53)) - 1.0);
        (factor(first, self.time), factor(second, self.power))
    }
}

/// The finaliser of SplitMix64 with its increment (Steele, Lea, Flood 2014): a bijection whose every output bit depends
/// on every input bit.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_fill_their_range_evenly_and_independently() {
        let noise = Noise { time: 0.1, power: 0.1, on: NoiseOn::Truth, clamp_to_tdp: false };
        let draws: Vec<(f64, f64)> = (0..40_000).map(|job| noise.factors(7, job, 3)).collect();
        let n = draws.len() as f64;
        assert!(draws.iter().all(|(t, p)| (0.9..1.1).contains(t) && (0.9..1.1).contains(p)));
        let mean = draws.iter().map(|(t, _)| t).sum::<f64>() / n;
        // Standard error 0.0577 / 200.
        assert!((mean - 1.0).abs() < 1.2e-3, "{mean}");
        let covariance = draws.iter().map(|(t, p)| (t - 1.0) * (p - 1.0)).sum::<f64>() / n;
        assert!(covariance.abs() < 6e-5, "{covariance}");
    }

    #[test]
    fn the_draw_depends_on_each_key() {
        let noise = Noise { time: 0.1, ..Noise::NONE };
        let base = noise.factors(1, 2, 3);
        assert_eq!(base, noise.factors(1, 2, 3));
        for other in [noise.factors(2, 2, 3), noise.factors(1, 3, 3), noise.factors(1, 2, 4)] {
            assert_ne!(base.0, other.0);
        }
    }
}
