//! Repeats until the interval of the mean is narrow enough.

use super::Stop;
use ergometer_record::stats::t_interval;

/// Stops when the 95 % t-interval of time, and of energy where it is known, is narrower than a share of the mean, or at
/// a maximum. Looking after each repeat makes the interval slightly optimistic; the minimum of repeats bounds that.
#[derive(Debug, Clone)]
pub struct RelativeInterval {
    half_width: f64,
    minimum: usize,
    maximum: usize,
    times_s: Vec<f64>,
    energies_j: Vec<f64>,
}

impl RelativeInterval {
    /// Stops at a relative half width (0.01 is 1 %), after `minimum` (at least 3) and at most `maximum` repeats.
    pub fn new(half_width: f64, minimum: usize, maximum: usize) -> Self {
        let minimum = minimum.max(3);
        Self { half_width, minimum, maximum: maximum.max(minimum), times_s: Vec::new(), energies_j: Vec::new() }
    }

    fn narrow(&self, samples: &[f64]) -> bool {
        t_interval(samples, 0.95).is_some_and(|interval| interval.relative_half_width() <= self.half_width)
    }
}

impl Stop for RelativeInterval {
    fn push(&mut self, time_s: f64, energy_j: Option<f64>) {
        self.times_s.push(time_s);
        self.energies_j.extend(energy_j);
    }

    fn done(&self) -> bool {
        let n = self.times_s.len();
        let energy = self.energies_j.len() != n || self.narrow(&self.energies_j);
        n >= self.maximum || (n >= self.minimum && self.narrow(&self.times_s) && energy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_series_ends_early_and_a_noisy_one_at_the_maximum() {
        let run = |spread: f64| {
            let mut stop = RelativeInterval::new(0.02, 3, 30);
            let mut n = 0;
            while !stop.done() {
                stop.push(1.0 + spread * if n % 2 == 0 { 1.0 } else { -1.0 }, None);
                n += 1;
            }
            n
        };
        assert_eq!(run(0.0), 3);
        assert_eq!(run(0.5), 30);
        assert!((4..30).contains(&run(0.04)), "{}", run(0.04));
    }

    #[test]
    fn energy_must_be_narrow_too() {
        let mut stop = RelativeInterval::new(0.02, 3, 30);
        for i in 0..5 {
            stop.push(1.0, Some(if i % 2 == 0 { 1.0 } else { 2.0 }));
        }
        assert!(!stop.done());
    }
}
