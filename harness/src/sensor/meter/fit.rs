//! in-band = gain x meter + offset, with intervals that take account of autocorrelation.

use super::CalibrationError;
use super::align::correlation_time;
use ergometer_record::Interval;
use ergometer_record::stats;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;
/// Fewer blocks than this give no interval worth its name.
const LEAST_BLOCKS: usize = 8;
/// A change between neighbours above this many standard deviations of the noise is a change of the load.
const STEADY: f64 = 4.0;
/// Distance in time of a steady bin from any change, and at least two bins: longer than meters and sensors usually average.
const GUARD_S: f64 = 1.5;
/// Share of the bins that must be steady for the others to be left out.
const LEAST_STEADY: f64 = 0.3;

/// The line from the meter to the sensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Slope.
    pub gain: Interval,
    /// In-band power at a meter reading of zero, in W.
    pub offset_w: Interval,
    /// Standard deviation about the line, in W.
    pub residual_w: f64,
    /// Bins used.
    pub bins: usize,
    /// True where only bins of steady power were used, so that what the two average over does not matter.
    pub steady_only: bool,
}

/// One bin: the meter, the sensors, and the meter just before and after, which shares the load with it and not its noise.
#[derive(Debug, Clone, Copy)]
struct Bin {
    x: f64,
    y: f64,
    z: f64,
}

/// Fits bins in order of time.
///
/// The meter's noise would flatten an ordinary regression; its neighbours in time serve as the instrument that does not
/// have that noise. Intervals come from a moving-block bootstrap (Künsch 1989), whose blocks are longer than what the
/// residuals remember.
pub(super) fn fit(pairs: &[Option<(f64, f64)>], bin_s: f64, seed: u64) -> Result<Line, CalibrationError> {
    let (bins, steady_only) = select(pairs, bin_s);
    let n = bins.len();
    let (Some((gain, offset)), true) = (line(bins.iter()), n >= 2 * LEAST_BLOCKS) else {
        return Err(CalibrationError::TooShort { bins: n, least: 2 * LEAST_BLOCKS });
    };
    let residuals: Vec<f64> = bins.iter().map(|bin| bin.y - offset - gain * bin.x).collect();
    // The bootstrap forgets at the seams between blocks: they have to be several memories long, two at the least.
    let memory = correlation_time(&residuals);
    let most = n / LEAST_BLOCKS;
    if 2.0 * memory > most as f64 {
        return Err(CalibrationError::TooShort { bins: (n as f64 / (2.0 * memory)) as usize, least: LEAST_BLOCKS });
    }
    let block = ((4.0 * memory).max((n as f64).cbrt()).ceil() as usize).clamp(1, most);
    let blocks = n / block;
    let spread = variance(bins.iter());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut gains, mut offsets) = (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let starts: Vec<usize> = (0..n.div_ceil(block)).map(|_| random.random_range(0..=n - block)).collect();
        let drawn = || starts.iter().flat_map(|&start| &bins[start..start + block]);
        // Blocks of one level only say nothing about a slope.
        if variance(drawn()) < 0.01 * spread {
            continue;
        }
        if let Some((gain, offset)) = line(drawn()) {
            gains.push(gain);
            offsets.push(offset);
        }
    }
    let t = stats::t_quantile(LEVEL, blocks as f64 - 2.0);
    let interval = |estimate: f64, draws: &[f64]| {
        let half = stats::standard_deviation(draws).map(|s| t * s)?;
        Some(Interval { estimate, low: estimate - half, high: estimate + half, level: LEVEL, n: blocks })
    };
    match (interval(gain, &gains), interval(offset, &offsets)) {
        (Some(gain), Some(offset_w)) => Ok(Line {
            gain,
            offset_w,
            residual_w: stats::standard_deviation(&residuals).unwrap_or(0.0),
            bins: n,
            steady_only,
        }),
        _ => Err(CalibrationError::Constant),
    }
}

/// Bins with their instrument; only steady ones where there are enough of them.
fn select(pairs: &[Option<(f64, f64)>], bin_s: f64) -> (Vec<Bin>, bool) {
    let at = |i: Option<usize>| i.and_then(|i| pairs.get(i).copied().flatten());
    // Neighbours at once can share a reading that was cut between them; those after the next can't.
    let around = |i: usize| (at(i.checked_sub(2)), at(Some(i + 2)));
    let all: Vec<(usize, Bin)> = pairs
        .iter()
        .enumerate()
        .filter_map(|(i, pair)| {
            let (x, y) = (*pair)?;
            let z = match around(i) {
                (Some((before, _)), Some((after, _))) => (before + after) / 2.0,
                (Some((one, _)), None) | (None, Some((one, _))) => one,
                (None, None) => return None,
            };
            Some((i, Bin { x, y, z }))
        })
        .collect();
    // Judged by the meter alone: to choose bins by the value that is explained would bend the line. The median of the
    // changes is that of the noise as long as the load rests most of the time.
    let change = |i: usize| Some((at(Some(i + 1))?.0 - at(Some(i))?.0).abs());
    let changes: Vec<f64> = (0..pairs.len()).filter_map(change).collect();
    let limit = STEADY * 1.4826 * stats::median(&changes).unwrap_or(0.0);
    let guard = ((GUARD_S / bin_s).ceil() as usize).clamp(2, pairs.len().max(2));
    let is_steady =
        |i: usize| i >= guard && (i - guard..i + guard).all(|j| change(j).is_some_and(|change| change <= limit));
    let steady: Vec<Bin> = all.iter().filter(|(i, _)| is_steady(*i)).map(|(_, bin)| *bin).collect();
    let everything: Vec<Bin> = all.into_iter().map(|(_, bin)| bin).collect();
    // Where the noise is as large as the changes, a change is missed exactly when noise hides it: no choice is better.
    let telling = limit <= 0.5 * variance(everything.iter()).sqrt();
    let enough = telling
        && steady.len() as f64 >= LEAST_STEADY * everything.len() as f64
        && variance(steady.iter()) >= 0.25 * variance(everything.iter());
    if enough { (steady, true) } else { (everything, false) }
}

fn variance<'a>(bins: impl Iterator<Item = &'a Bin>) -> f64 {
    let x: Vec<f64> = bins.map(|bin| bin.x).collect();
    stats::standard_deviation(&x).map_or(0.0, |s| s * s)
}

/// Slope and intercept by the instrument; `None` where it does not vary with the meter.
fn line<'a>(bins: impl Iterator<Item = &'a Bin> + Clone) -> Option<(f64, f64)> {
    let n = bins.clone().count() as f64;
    let mean = |of: fn(&Bin) -> f64| bins.clone().map(of).sum::<f64>() / n;
    let (mx, my, mz) = (mean(|b| b.x), mean(|b| b.y), mean(|b| b.z));
    let (mut zx, mut zy) = (0.0, 0.0);
    for bin in bins.clone() {
        zx += (bin.z - mz) * (bin.x - mx);
        zy += (bin.z - mz) * (bin.y - my);
    }
    let gain = zy / zx;
    (zx > 0.0 && gain.is_finite()).then_some((gain, my - gain * mx))
}
