//! Percentage errors with intervals by group.

use ergometer_record::Interval;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Mean absolute percentage error over points, with a bootstrap interval over groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// MAPE (eq. 4.16) in percent.
    pub mape_percent: f64,
    /// Bootstrap over groups, 95 %; absent under two groups.
    pub interval: Option<Interval>,
    /// Points behind it.
    pub points: usize,
    /// Groups that the interval resamples.
    pub groups: usize,
}

/// One compared number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Which group it belongs to.
    pub group: usize,
    /// What was predicted.
    pub predicted: f64,
    /// What was observed.
    pub observed: f64,
}

impl Compared {
    /// |predicted - observed| / observed, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * ((self.predicted - self.observed) / self.observed).abs()
    }
}

const RESAMPLES: usize = 1000;

/// Summarises; `None` of nothing.
///
/// Points within a group share their kernel, size or setting and so their errors; resampling groups keeps that.
pub fn summarise(compared: &[Compared], seed: u64) -> Option<ErrorSummary> {
    if compared.is_empty() {
        return None;
    }
    let mut groups: Vec<(usize, f64, usize)> = Vec::new();
    for point in compared {
        let index = groups.iter().position(|g| g.0 == point.group).unwrap_or_else(|| {
            groups.push((point.group, 0.0, 0));
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(index) {
            group.1 += point.percent();
            group.2 += 1;
        }
    }
    let total = |picked: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = picked
            .filter_map(|i| groups.get(i))
            .fold((0.0, 0usize), |(sum, count), group| (sum + group.1, count + group.2));
        sum / count.max(1) as f64
    };
    let mape_percent = total(&mut (0..groups.len()));
    let interval = (groups.len() > 1).then(|| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let n = groups.len();
        let mut means: Vec<f64> =
            (0..RESAMPLES).map(|_| total(&mut (0..n).map(|_| random.random_range(0..n)))).collect();
        means.sort_by(f64::total_cmp);
        let at = |q: f64| ergometer_record::stats::quantile(&means, q).unwrap_or(mape_percent);
        Interval { estimate: mape_percent, low: at(0.025), high: at(0.975), level: 0.95, n }
    });
    Some(ErrorSummary { mape_percent, interval, points: compared.len(), groups: groups.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(group: usize, predicted: f64) -> Compared {
        Compared { group, predicted, observed: 100.0 }
    }

    #[test]
    fn mape_by_hand() {
        let summary = summarise(&[compared(0, 110.0), compared(0, 90.0), compared(1, 140.0)], 1).unwrap();
        assert!((summary.mape_percent - 20.0).abs() < 1e-12);
        let interval = summary.interval.unwrap();
        // Both draws from group 0 give 10, both from group 1 give 40.
        assert!((interval.low - 10.0).abs() < 1e-9 && (interval.high - 40.0).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn one_group_has_no_interval_and_nothing_has_no_error() {
        assert_eq!(summarise(&[compared(0, 110.0)], 1).unwrap().interval, None);
        assert_eq!(summarise(&[], 1), None);
    }
}
