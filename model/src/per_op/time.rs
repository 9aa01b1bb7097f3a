//! Time of one kernel: T = launches t_launch + (Tc^p + Tm^p)^(1/p).
//!
//! Arithmetic follows the compute clock, memory does not. p = 1 adds the two, p to infinity takes the larger (the
//! classic roofline).

use super::load::Load;
use super::physics::Physics;

/// Where the time of one kernel goes; parts overlap, so they do not add up to the total.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Timing {
    /// Launch gaps, in s.
    pub(crate) launch_s: f64,
    /// Arithmetic if traffic were free, in s.
    pub(crate) compute_s: f64,
    /// Traffic if arithmetic were free, in s.
    pub(crate) memory_s: f64,
    /// All of it, in s.
    pub(crate) total_s: f64,
    /// Bytes to and from the device memory.
    pub(crate) dram_bytes: f64,
    /// Bytes to and from the last-level cache that the device memory did not see.
    pub(crate) cache_bytes: f64,
}

/// The part of a [`Timing`] that does not depend on the compute clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traffic {
    launch_s: f64,
    memory_s: f64,
    dram_bytes: f64,
    cache_bytes: f64,
}

/// (a^p + b^p)^(1/p) without overflow or underflow.
pub(crate) fn p_norm(a: f64, b: f64, p: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large <= 0.0 {
        return 0.0;
    }
    let ratio = small / large;
    // Below 1e-17 of relative effect the power is not worth computing; ratio^p is monotone in both.
    if ratio < 1e-9 && p >= 2.0 {
        return large;
    }
    large * (1.0 + ratio.powf(p)).powf(1.0 / p)
}

impl Physics {
    /// What does not depend on the compute clock, so that a search over clocks computes it once.
    pub(crate) fn traffic(&self, load: &Load, memory_ratio: f64) -> Traffic {
        let dram_share = self.dram_share(load.footprint);
        let memory_s = if load.bytes > 0.0 {
            let bandwidth = self.bandwidth * memory_ratio;
            let per_byte = dram_share / bandwidth + (1.0 - dram_share) / (bandwidth * self.l2_speedup);
            (load.bytes + self.half_bytes) * per_byte / load.stream
        } else {
            0.0
        };
        Traffic {
            launch_s: load.launches * self.launch_s,
            memory_s,
            dram_bytes: load.bytes * dram_share,
            cache_bytes: load.bytes * (1.0 - dram_share),
        }
    }

    /// Time of one execution at a compute clock over the top clock.
    pub(crate) fn at(&self, load: &Load, traffic: &Traffic, compute_ratio: f64) -> Timing {
        let Traffic { launch_s, memory_s, dram_bytes, cache_bytes } = *traffic;
        let compute_s = load.compute_s / compute_ratio;
        let total_s = launch_s + p_norm(compute_s, memory_s, self.exponent);
        Timing { launch_s, compute_s, memory_s, total_s, dram_bytes, cache_bytes }
    }

    /// Share of the traffic that misses the last-level cache.
    fn dram_share(&self, footprint: f64) -> f64 {
        match self.l2_half {
            Some(half) if footprint > 0.0 => 1.0 / (1.0 + (half / footprint).powf(self.l2_sharpness)),
            Some(_) => 0.0,
            None => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_norm_lies_between_the_larger_and_the_sum(a in 0.0..1e3f64, b in 0.0..1e3f64, p in 1.0..100f64) {
            let norm = p_norm(a, b, p);
            prop_assert!(norm >= a.max(b) * (1.0 - 1e-12) && norm <= (a + b) * (1.0 + 1e-12));
        }
    }

    #[test]
    fn the_limits_of_the_exponent_are_sum_and_maximum() {
        assert_eq!(p_norm(2.0, 3.0, 1.0), 5.0);
        assert!((p_norm(2.0, 3.0, 1000.0) - 3.0).abs() < 1e-12);
        assert!((p_norm(3.0, 4.0, 2.0) - 5.0).abs() < 1e-12);
        // Microseconds to the 100th power underflow unless scaled.
        assert!((p_norm(1e-6, 1e-6, 100.0) - 1e-6 * 2f64.powf(0.01)).abs() < 1e-18);
    }
}
