//! Intervals and paired comparisons, used by every stage that states an uncertainty (DESIGN 3.3).

mod line;

pub use line::{Line, fit_line, fit_weighted_line};

use crate::units::Seconds;
use rand_like::SplitMix64;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::fmt;

/// An estimate with a confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nominal coverage, such as 0.95.
    pub level: f64,
    /// Independent observations behind it.
    pub n: usize,
}

impl Interval {
    /// True when `value` lies inside, ends included.
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half the width over the estimate's magnitude.
    pub fn relative_half_width(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.estimate.abs()
    }

    /// The interval of a monotone increasing function of the value.
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { estimate: f(self.estimate), low: f(self.low), high: f(self.high), ..self }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = f.precision().unwrap_or(3);
        write!(f, "{:.p$} [{:.p$}, {:.p$}]", self.estimate, self.low, self.high)
    }
}

/// The arithmetic mean; `None` of nothing.
pub fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

/// The sample standard deviation (n - 1); `None` under two samples.
pub fn standard_deviation(samples: &[f64]) -> Option<f64> {
    let centre = mean(samples)?;
    let n = samples.len();
    (n > 1).then(|| (samples.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt())
}

/// The median; `None` of nothing. NaN sorts last.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The `q`-quantile by linear interpolation between order statistics (type 7); `None` of nothing.
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, share) = (position.floor() as usize, position.fract());
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + share * (sorted[above] - sorted[below]))
}

/// The two-sided Student quantile: t with P(|T| <= t) = `level` at `df` degrees of freedom.
pub fn t_quantile(level: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df) {
        Ok(t) => t.inverse_cdf(0.5 + level / 2.0),
        Err(_) => f64::NAN,
    }
}

/// The t-interval of the mean; `None` under two samples, because one sample has no scatter.
pub fn t_interval(samples: &[f64], level: f64) -> Option<Interval> {
    let estimate = mean(samples)?;
    let half =
        t_quantile(level, samples.len() as f64 - 1.0) * standard_deviation(samples)? / (samples.len() as f64).sqrt();
    Some(Interval { estimate, low: estimate - half, high: estimate + half, level, n: samples.len() })
}

/// The percentile bootstrap of the mean with `resamples` draws from `seed`; `None` under two samples.
pub fn bootstrap_interval(samples: &[f64], level: f64, resamples: usize, seed: u64) -> Option<Interval> {
    let estimate = mean(samples)?;
    let n = samples.len();
    if n < 2 {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    let means: Vec<f64> = (0..resamples)
        .map(|_| (0..n).map(|_| samples[random.below(n as u64) as usize]).sum::<f64>() / n as f64)
        .collect();
    let tail = (1.0 - level) / 2.0;
    Some(Interval { estimate, low: quantile(&means, tail)?, high: quantile(&means, 1.0 - tail)?, level, n })
}

/// The paired log-ratio of `new` over `base`, block by block, as an interval of the *ratio*: t under 20 blocks,
/// bootstrap from there (DESIGN 3.3). `None` when the lengths differ, under two blocks, or at a non-positive value.
pub fn paired_ratio(base: &[f64], new: &[f64], level: f64, seed: u64) -> Option<Interval> {
    if base.len() != new.len() || base.iter().chain(new).any(|x| x.is_nan() || *x <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = base.iter().zip(new).map(|(b, n)| (n / b).ln()).collect();
    let interval =
        if logs.len() < 20 { t_interval(&logs, level)? } else { bootstrap_interval(&logs, level, 2000, seed)? };
    Some(interval.map(f64::exp))
}

/// The paired difference `new - base` as a t-interval; `None` when the lengths differ or under two pairs.
pub fn paired_difference(base: &[f64], new: &[f64], level: f64) -> Option<Interval> {
    (base.len() == new.len())
        .then(|| base.iter().zip(new).map(|(b, n)| n - b).collect::<Vec<_>>())
        .and_then(|differences| t_interval(&differences, level))
}

/// Two-sided p-value of a zero mean; `None` under two samples. Zero scatter about a non-zero mean gives 0.
pub fn t_test(samples: &[f64]) -> Option<f64> {
    let centre = mean(samples)?;
    let error = standard_deviation(samples)? / (samples.len() as f64).sqrt();
    if error == 0.0 {
        return Some(if centre == 0.0 { 1.0 } else { 0.0 });
    }
    let t = StudentsT::new(0.0, 1.0, samples.len() as f64 - 1.0).ok()?;
    Some(2.0 * (1.0 - t.cdf((centre / error).abs())))
}

/// Holm's step-down adjustment of p-values, in the given order.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let n = p_values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; n];
    let mut floor: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        floor = floor.max((p_values[index] * (n - rank) as f64).min(1.0));
        adjusted[index] = floor;
    }
    adjusted
}

/// A duration in words that fit a progress line: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub fn human_time(time: Seconds) -> String {
    let s = time.0;
    if s < 1e-6 {
        format!("{:.0} ns", s * 1e9)
    } else if s < 1e-3 {
        format!("{:.1} us", s * 1e6)
    } else if s < 1.0 {
        format!("{:.0} ms", s * 1e3)
    } else if s < 60.0 {
        format!("{s:.1} s")
    } else if s < 3600.0 {
        format!("{} min {:02} s", (s / 60.0) as u64, (s % 60.0) as u64)
    } else {
        format!("{} h {:02} min", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64)
    }
}

/// A fixed, portable generator for resampling, so that an interval printed today is the one printed tomorrow.
mod rand_like {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    pub(super) struct SplitMix64(u64);

    impl SplitMix64 {
        pub(super) fn new(seed: u64) -> Self {
            Self(seed)
        }

        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }

        /// Below `n`, by multiplication; the bias of n / 2^64 is far below any resampling error.
        pub(super) fn below(&mut self, n: u64) -> u64 {
            ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_quantiles_match_the_tables() {
        for (df, expected) in [(1.0, 12.706), (4.0, 2.776), (9.0, 2.262), (30.0, 2.042)] {
            assert!((t_quantile(0.95, df) - expected).abs() < 1e-3, "df {df}");
        }
    }

    #[test]
    fn one_sample_has_no_interval() {
        assert_eq!(t_interval(&[3.0], 0.95), None);
        assert_eq!(bootstrap_interval(&[3.0], 0.95, 100, 1), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn t_interval_by_hand() {
        let interval = t_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
        // s = sqrt(2.5), s / sqrt(5) = sqrt(1/2), t = 2.7764.
        assert!((interval.high - (3.0 + 2.776_445 * 0.5f64.sqrt())).abs() < 1e-5);
    }

    #[test]
    fn coverage_of_the_t_interval_is_nominal() {
        // Sums of twelve uniforms are normal enough; 4,000 trials of five.
        let mut random = rand_like::SplitMix64::new(3);
        let mut normal = || (0..12).map(|_| random.below(1 << 30) as f64 / (1u64 << 30) as f64).sum::<f64>() - 6.0;
        let trials = 4000;
        let hits = (0..trials)
            .filter(|_| {
                let samples: Vec<f64> = (0..5).map(|_| normal()).collect();
                t_interval(&samples, 0.95).unwrap().covers(0.0)
            })
            .count();
        let coverage = hits as f64 / f64::from(trials);
        assert!((0.94..=0.96).contains(&coverage), "{coverage}");
    }

    #[test]
    fn paired_ratio_cancels_what_the_pair_shares() {
        let base = [1.0, 2.0, 4.0, 8.0];
        let new = base.map(|x| 0.9 * x);
        let ratio = paired_ratio(&base, &new, 0.95, 1).unwrap();
        assert!((ratio.estimate - 0.9).abs() < 1e-12 && ratio.high - ratio.low < 1e-9);
        assert_eq!(paired_ratio(&base, &new[..3], 0.95, 1), None);
        assert_eq!(paired_ratio(&[1.0, 0.0], &[1.0, 1.0], 0.95, 1), None);
    }

    #[test]
    fn holm_by_hand() {
        let adjusted = holm(&[0.01, 0.04, 0.03]);
        for (got, expected) in adjusted.iter().zip([0.03, 0.06, 0.06]) {
            assert!((got - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn times_for_people() {
        assert_eq!(human_time(Seconds(0.0123)), "12 ms");
        assert_eq!(human_time(Seconds(245.0)), "4 min 05 s");
    }
}
