//! Percentiles in bounded memory: exact for up to 4096 values, then from a histogram whose bins are 0.5 % wide.

/// Values that are kept as they are.
const EXACT: usize = 4096;
/// Ratio of the ends of a bin.
const RATIO: f64 = 1.005;
/// Lower end of the first bin; smaller values count as zero. A microsecond, for times in seconds.
const LOWEST: f64 = 1e-6;
/// Bins up to 10^12.
const BINS: usize = 8312;

/// A stream of values that are not negative.
#[derive(Debug, Clone, Default)]
pub struct Quantiles {
    exact: Vec<f64>,
    /// Empty until there are too many values; the first counts zeros.
    bins: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Quantiles {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        if self.bins.is_empty() {
            self.exact.push(value);
            if self.exact.len() > EXACT {
                self.bins = vec![0; BINS + 1];
                for value in std::mem::take(&mut self.exact) {
                    self.bins[bin(value)] += 1;
                }
            }
        } else {
            self.bins[bin(value)] += 1;
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The `q` quantile, exact (type 7) or the middle of its bin, within 0.25 %; `None` of nothing.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.bins.is_empty() {
            return ergometer_record::stats::quantile(&self.exact, q);
        }
        let rank = (q.clamp(0.0, 1.0) * (self.count - 1) as f64).round() as u64;
        let mut below = 0;
        self.bins
            .iter()
            .position(|count| {
                below += count;
                below > rank
            })
            .map(|index| match index {
                0 => 0.0,
                index => LOWEST * RATIO.powf(index as f64 - 0.5),
            })
    }
}

fn bin(value: f64) -> usize {
    if value < LOWEST { 0 } else { (((value / LOWEST).ln() / RATIO.ln()) as usize + 1).min(BINS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_agrees_with_the_exact_quantiles_within_its_bins() {
        let values: Vec<f64> = (0..50_000).map(|i| f64::from(i * 7919 % 50_000) / 10.0).collect();
        let mut stream = Quantiles::default();
        values.iter().for_each(|value| stream.add(*value));
        assert!(stream.exact.is_empty());
        for q in [0.01, 0.5, 0.9, 0.99] {
            let exact = ergometer_record::stats::quantile(&values, q).unwrap();
            let got = stream.quantile(q).unwrap();
            assert!((got / exact - 1.0).abs() < 0.003, "{q}: {got} {exact}");
        }
        assert!((stream.mean().unwrap() - 2499.95).abs() < 1e-6);
    }

    #[test]
    fn few_values_are_exact_and_none_have_none() {
        let mut stream = Quantiles::default();
        assert_eq!(stream.quantile(0.5), None);
        [3.0, 1.0, 2.0].iter().for_each(|value| stream.add(*value));
        assert_eq!(stream.quantile(0.5), Some(2.0));
    }
}
