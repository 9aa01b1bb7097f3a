//! Finds by how much the time stamps of two records of one power differ.

use super::{CalibrationError, Series};
use ergometer_record::stats;

/// Least overlap, in bins and as a share of the shorter record.
const LEAST_BINS: usize = 20;
const LEAST_SHARE: f64 = 0.5;
/// A stretch with less than this share of a record's variance tells nothing of its alignment.
const LEAST_VARIANCE: f64 = 0.1;
/// How many standard deviations of the log of a residual variance the peak must stand out by.
const CLEAR: f64 = 4.0;
/// How many standard deviations the correlation of the changes must lie above zero.
const CHANGES: f64 = 4.0;
/// Samples of the covariance on either side of the peak, over one bin each way.
const REACH: i32 = 16;
/// Parts of the record of which the jackknife leaves out one.
const PARTS: usize = 10;
/// Bins of the first search; a longer record is searched coarsely first.
const COARSE_BINS: f64 = 2000.0;
/// Bins that are compared at most; readings of a longer record are taken together.
const MOST_BINS: f64 = 4000.0;

/// The time of the meter minus the time of the sensors, for the same event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    pub(super) seconds: f64,
    /// Standard uncertainty.
    pub(super) u: f64,
    /// Correlation of the two records at this lag.
    pub(super) correlation: f64,
}

/// The in-band power and the meter's.
pub(super) struct Records<'a> {
    pub(super) sensors: &'a [&'a Series],
    pub(super) meter: &'a Series,
    /// Common range of the sensors.
    pub(super) range: (f64, f64),
}

impl Records<'_> {
    fn in_band(&self, from: f64, to: f64) -> Option<f64> {
        self.sensors.iter().map(|sensor| sensor.mean(from, to)).sum()
    }

    /// (meter, in-band) at a lag, over the intervals between readings of whichever is read more rarely: its values are
    /// taken as they are, and only the finer record is cut. Cutting a noisy one smooths it, most where cuts fall between
    /// its readings, and a lag that depends on that is none.
    pub(super) fn pairs(&self, lag: f64) -> Vec<Option<(f64, f64)>> {
        let slowest = self.sensors.iter().max_by(|a, b| a.step_s().total_cmp(&b.step_s()));
        let pair = |from: f64, to: f64| Some((self.meter.mean(from + lag, to + lag)?, self.in_band(from, to)?));
        let group = |series: &Series, count: f64| (count / series.step_s() / MOST_BINS).ceil().max(1.0) as usize;
        match slowest {
            Some(sensor) if sensor.step_s() > self.meter.step_s() => {
                let length = self.range.1 - self.range.0;
                sensor.bins(group(sensor, length)).into_iter().map(|(from, to)| pair(from, to)).collect()
            }
            _ => {
                let length = self.meter.range().map_or(0.0, |(from, to)| to - from);
                let bins = self.meter.bins(group(self.meter, length));
                bins.into_iter().map(|(from, to)| pair(from - lag, to - lag)).collect()
            }
        }
    }

    fn starts(&self, bin: f64) -> impl Iterator<Item = f64> + '_ {
        let count = ((self.range.1 - self.range.0) / bin + 1e-9).floor().max(0.0) as usize;
        (0..count).map(move |i| self.range.0 + i as f64 * bin)
    }

    /// The lag, within `allowed` where the two clocks are the same time of day.
    pub(super) fn lag(&self, bin: f64, allowed: Option<f64>) -> Result<Lag, CalibrationError> {
        let meter_range = self.meter.range().ok_or(CalibrationError::TooShort { bins: 0, least: LEAST_BINS })?;
        let (own, other) = (self.range.1 - self.range.0, meter_range.1 - meter_range.0);
        let least = (LEAST_BINS as f64 * bin).max(LEAST_SHARE * own.min(other));
        // Lags at which enough of the two overlaps.
        let mut from = meter_range.0 - self.range.1 + least;
        let mut to = meter_range.1 - self.range.0 - least;
        if let Some(allowed) = allowed {
            (from, to) = (from.max(-allowed), to.min(allowed));
        }
        if to < from {
            return Err(CalibrationError::NoOverlap { sensors: self.range, meter: meter_range });
        }
        let coarse = bin * (own.max(other) / bin / COARSE_BINS).ceil().max(1.0);
        let mut best = self.search(coarse, from, to, true)?;
        if coarse > bin {
            best = self.search(bin, (best - 2.0 * coarse).max(from), (best + 2.0 * coarse).min(to), false)?;
        }
        self.refine(bin, best)
    }

    /// The lag of the highest correlation among steps of one bin.
    fn search(&self, bin: f64, from: f64, to: f64, judge: bool) -> Result<f64, CalibrationError> {
        let own: Vec<Option<f64>> = self.starts(bin).map(|t| self.in_band(t, t + bin)).collect();
        let steps = ((to - from) / bin).floor().max(0.0) as usize;
        // The meter's bins for lag `from + k bin` begin at index k.
        let other: Vec<Option<f64>> = (0..own.len() + steps)
            .map(|i| self.range.0 + from + i as f64 * bin)
            .map(|t| self.meter.mean(t, t + bin))
            .collect();
        let spread = |bins: &[Option<f64>]| {
            let values: Vec<f64> = bins.iter().flatten().copied().collect();
            stats::standard_deviation(&values).map_or(0.0, |s| s * s)
        };
        let least = (LEAST_VARIANCE * spread(&other), LEAST_VARIANCE * spread(&own));
        let at = |k: usize| -> Option<f64> {
            let pairs: Vec<(f64, f64)> = own.iter().zip(&other[k..]).filter_map(|(y, x)| x.zip(*y)).collect();
            if pairs.len() < LEAST_BINS {
                return None;
            }
            let fit = Moments::of(&pairs);
            (fit.xx > least.0 && fit.yy > least.1).then(|| fit.correlation())
        };
        let scores: Vec<Option<f64>> = (0..=steps).map(at).collect();
        let peak = (0..scores.len()).filter(|k| scores[*k].is_some()).max_by(|a, b| {
            let score = |k: &usize| scores[*k].unwrap_or(f64::NEG_INFINITY);
            score(a).total_cmp(&score(b))
        });
        let (Some(peak), lag) = (peak, |k: usize| from + k as f64 * bin) else {
            return Err(CalibrationError::Constant);
        };
        if judge {
            let lobe = half_width(&own);
            self.judge(lag(peak), || {
                let rivals = (0..scores.len()).filter(|k| k.abs_diff(peak) > lobe);
                let second = rivals.max_by(|a, b| scores[*a].unwrap_or(-1.0).total_cmp(&scores[*b].unwrap_or(-1.0)))?;
                Some((scores[second]?, lag(second)))
            })?;
        }
        Ok(lag(peak))
    }

    /// Refuses a peak that chance, a common drift or a repeated load explain as well.
    fn judge(&self, lag: f64, rival: impl Fn() -> Option<(f64, f64)>) -> Result<(), CalibrationError> {
        let pairs: Vec<(f64, f64)> = self.pairs(lag).into_iter().flatten().collect();
        let fit = Moments::of(&pairs);
        let correlation = fit.correlation();
        let residuals: Vec<f64> = pairs.iter().map(|(x, y)| fit.residual(*x, *y)).collect();
        let independent = pairs.len() as f64 / correlation_time(&residuals);
        // The log of a residual variance from n values has the standard deviation sqrt(2 / n); two of them, twice that.
        let clear = CLEAR * 2.0 / independent.sqrt();
        let unexplained = |r: f64| (1.0 - r.max(0.0).powi(2)).max(1e-12).ln();
        if -unexplained(correlation) < clear {
            return Err(CalibrationError::NoPeak { correlation });
        }
        if let Some((second, other)) = rival()
            && unexplained(second) - unexplained(correlation) < clear
        {
            return Err(CalibrationError::Ambiguous { lag, other });
        }
        // Two records that merely grow together agree in level and in no change.
        let changes: Vec<(f64, f64)> =
            pairs.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1)).collect();
        let of_changes = Moments::of(&changes).correlation();
        if of_changes * (changes.len() as f64).sqrt() < CHANGES {
            return Err(CalibrationError::Drift);
        }
        Ok(())
    }

    /// The lag between steps: the vertex of a parabola through the covariance around its peak. Unlike the correlation, the
    /// covariance does not grow where cutting happens to smooth noise away. The uncertainty is a jackknife over parts of
    /// the record.
    fn refine(&self, bin: f64, start: f64) -> Result<Lag, CalibrationError> {
        let lags: Vec<f64> = (-REACH..=REACH).map(|k| start + bin * f64::from(k) / f64::from(REACH)).collect();
        let records: Vec<Vec<Option<(f64, f64)>>> = lags.iter().map(|lag| self.pairs(*lag)).collect();
        let count = records.first().map_or(0, Vec::len);
        let without = |part: Option<usize>| {
            let left_out = part.map_or(0..0, |part| part * count / PARTS..(part + 1) * count / PARTS);
            let covariances: Vec<f64> = records
                .iter()
                .map(|pairs| {
                    let kept = pairs.iter().enumerate().filter(|(i, _)| !left_out.contains(i));
                    Moments::of(&kept.filter_map(|(_, pair)| *pair).collect::<Vec<_>>()).xy
                })
                .collect();
            start + bin * vertex(&covariances) / f64::from(REACH)
        };
        let seconds = without(None);
        let others: Vec<f64> = (0..PARTS).map(|part| without(Some(part))).collect();
        let mean = stats::mean(&others).unwrap_or(seconds);
        let squares: f64 = others.iter().map(|lag| (lag - mean).powi(2)).sum();
        let u = (squares * (PARTS - 1) as f64 / PARTS as f64).sqrt();
        let pairs: Vec<(f64, f64)> = self.pairs(seconds).into_iter().flatten().collect();
        Ok(Lag { seconds, u, correlation: Moments::of(&pairs).correlation() })
    }
}

/// Where a sampled curve with one peak is highest, as an offset from its middle sample: the vertex of the least-squares
/// parabola over the half of the samples around the highest one.
fn vertex(curve: &[f64]) -> f64 {
    let (middle, half) = (curve.len() / 2, curve.len() / 4);
    let highest = (0..curve.len()).max_by(|a, b| curve[*a].total_cmp(&curve[*b])).unwrap_or(middle);
    let centre = highest.clamp(half, curve.len().saturating_sub(half + 1).max(half));
    let around: Vec<(f64, f64)> =
        (0..=2 * half).filter_map(|k| Some((k as f64 - half as f64, *curve.get(centre + k - half)?))).collect();
    let n = around.len() as f64;
    let square = around.iter().map(|(u, _)| u * u).sum::<f64>() / n;
    let linear = around.iter().map(|(u, c)| u * c).sum::<f64>() / (n * square);
    let bend = around.iter().map(|(u, c)| (u * u - square) * c).sum::<f64>()
        / around.iter().map(|(u, _)| (u * u - square).powi(2)).sum::<f64>();
    let peak = if bend < 0.0 { -linear / (2.0 * bend) } else { highest as f64 - centre as f64 };
    centre as f64 - middle as f64 + peak.clamp(-(half as f64), half as f64)
}

/// Second moments of pairs about their means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    mean: (f64, f64),
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    pub(super) fn of(pairs: &[(f64, f64)]) -> Self {
        let n = pairs.len().max(1) as f64;
        let sum = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        let mean = (sum.0 / n, sum.1 / n);
        let mut moments = Self { mean, xx: 0.0, yy: 0.0, xy: 0.0 };
        for (x, y) in pairs {
            let (dx, dy) = (x - mean.0, y - mean.1);
            moments.xx += dx * dx / n;
            moments.yy += dy * dy / n;
            moments.xy += dx * dy / n;
        }
        moments
    }

    pub(super) fn correlation(&self) -> f64 {
        if self.xx > 0.0 && self.yy > 0.0 { self.xy / (self.xx * self.yy).sqrt() } else { 0.0 }
    }

    fn slope(&self) -> f64 {
        if self.xx > 0.0 { self.xy / self.xx } else { 0.0 }
    }

    fn residual(&self, x: f64, y: f64) -> f64 {
        y - self.mean.1 - self.slope() * (x - self.mean.0)
    }
}

/// The integrated autocorrelation time of a series, in steps: 1 for white noise. Summed up to the first value below 0.05.
pub(super) fn correlation_time(series: &[f64]) -> f64 {
    let mean = stats::mean(series).unwrap_or(0.0);
    let centred: Vec<f64> = series.iter().map(|x| x - mean).collect();
    let square: f64 = centred.iter().map(|x| x * x).sum();
    if square <= 0.0 {
        return 1.0;
    }
    let at = |k: usize| centred.iter().zip(&centred[k..]).map(|(a, b)| a * b).sum::<f64>() / square;
    let tail: f64 = (1..centred.len() / 4).map(at).take_while(|rho| *rho > 0.05).sum();
    1.0 + 2.0 * tail
}

/// Steps after which a record resembles itself by less than a half.
fn half_width(bins: &[Option<f64>]) -> usize {
    let mean = stats::mean(&bins.iter().flatten().copied().collect::<Vec<_>>()).unwrap_or(0.0);
    let centred: Vec<f64> = bins.iter().map(|x| x.map_or(0.0, |x| x - mean)).collect();
    let square: f64 = centred.iter().map(|x| x * x).sum();
    let at = |k: usize| centred.iter().zip(&centred[k..]).map(|(a, b)| a * b).sum::<f64>();
    (1..centred.len()).find(|k| at(*k) < 0.5 * square).unwrap_or(centred.len())
}
