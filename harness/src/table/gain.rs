//! What a *chosen* setting gains, measured on blocks that did not choose it.
//!
//! Choosing the best of many noisy settings and reporting the gain on the same data overstates it. Here each block in
//! turn is left out, the setting is chosen on the others, and the left-out block says what it gains; the log-ratios of
//! all blocks give the interval (DESIGN 3.3). The baseline is always a candidate, so that "nothing helps" can win.

use super::data::{Cost, Point};
use ergometer_record::{Interval, stats};

/// Nominal coverage of every interval in the tables.
pub const LEVEL: f64 = 0.95;
/// Seed of the bootstrap, which is used from 20 blocks on.
const SEED: u64 = 0x0065_7267;

/// A ratio of new over base: the estimate, and an interval where there are two blocks or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Geometric mean over the blocks.
    pub estimate: f64,
    /// 95 % interval; `None` from a single block, which has no scatter.
    pub interval: Option<Interval>,
    /// Two-sided p-value of no change; `None` from a single block.
    pub p: Option<f64>,
    /// Blocks.
    pub n: usize,
}

impl Ratio {
    /// Of paired values; `None` when there is no pair or a value is not positive.
    pub fn of(base: &[f64], new: &[f64]) -> Option<Self> {
        if base.is_empty() || base.len() != new.len() || !base.iter().chain(new).all(|x| *x > 0.0) {
            return None;
        }
        let logs: Vec<f64> = base.iter().zip(new).map(|(b, n)| (n / b).ln()).collect();
        let interval = stats::paired_ratio(base, new, LEVEL, SEED);
        Some(Self { estimate: stats::mean(&logs)?.exp(), interval, p: stats::t_test(&logs), n: logs.len() })
    }

    /// How much is saved, in percent: positive when new is below base.
    pub fn gain_pct(&self) -> f64 {
        100.0 * (1.0 - self.estimate)
    }

    /// The interval of [`Self::gain_pct`].
    pub fn gain_interval_pct(&self) -> Option<Interval> {
        self.interval.map(|i| Interval {
            estimate: 100.0 * (1.0 - i.estimate),
            low: 100.0 * (1.0 - i.high),
            high: 100.0 * (1.0 - i.low),
            ..i
        })
    }

    /// The change in percent: positive when new is above base.
    pub fn change_pct(&self) -> f64 {
        100.0 * (self.estimate - 1.0)
    }

    /// The interval of [`Self::change_pct`].
    pub fn change_interval_pct(&self) -> Option<Interval> {
        self.interval.map(|i| i.map(|x| 100.0 * (x - 1.0)))
    }
}

/// Ratio of a metric of `point` over that of `baseline`, paired by the blocks that both have.
pub fn ratio(baseline: &Point, point: &Point, metric: impl Fn(&Cost) -> f64) -> Option<Ratio> {
    let (base, new): (Vec<f64>, Vec<f64>) = baseline
        .blocks
        .iter()
        .filter_map(|(block, base)| Some((metric(base), metric(point.blocks.get(block)?))))
        .unzip();
    Ratio::of(&base, &new)
}

/// What was chosen, and what that gains.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Index into the candidates; `None` when the baseline wins.
    pub chosen: Option<usize>,
    /// EDP over the baseline's, from blocks that did not choose; from the same block where there is only one.
    pub edp: Ratio,
    /// Time over the baseline's, likewise.
    pub time: Ratio,
    /// Energy over the baseline's, likewise.
    pub energy: Ratio,
    /// ED2P over the baseline's, likewise.
    pub ed2p: Ratio,
}

/// Chooses the candidate with the least `score`, as a mean over blocks of its value relative to the baseline (1 for the
/// baseline itself; `None` rules a candidate out), and says what the choice gains.
pub fn choose(
    baseline: &Point,
    candidates: &[&Point],
    score: impl Fn(&Point, &[u32]) -> Option<f64>,
) -> Option<Choice> {
    let blocks: Vec<u32> = baseline.blocks.keys().copied().collect();
    let best = |on: &[u32]| {
        let mut best: (Option<usize>, f64) = (None, 1.0);
        for (index, candidate) in candidates.iter().enumerate() {
            if let Some(value) = score(candidate, on)
                && value < best.1
            {
                best = (Some(index), value);
            }
        }
        best.0
    };
    let chosen = best(&blocks);
    let mut pairs: Vec<(Cost, Cost)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let others: Vec<u32> =
            if blocks.len() > 1 { [&blocks[..at], &blocks[at + 1..]].concat() } else { blocks.clone() };
        let base = *baseline.blocks.get(block)?;
        let new = match best(&others) {
            // A setting that is missing from this block says nothing about it.
            Some(index) => match candidates.get(index).and_then(|c| c.blocks.get(block)) {
                Some(cost) => *cost,
                None => continue,
            },
            None => base,
        };
        pairs.push((base, new));
    }
    let of = |metric: fn(&Cost) -> f64| {
        let (base, new): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(b, n)| (metric(b), metric(n))).unzip();
        Ratio::of(&base, &new)
    };
    Some(Choice {
        chosen,
        edp: of(Cost::edp)?,
        time: of(|c| c.time_s)?,
        energy: of(|c| c.energy_j)?,
        ed2p: of(Cost::ed2p)?,
    })
}

/// Geometric mean of a metric relative to the baseline over the given blocks.
pub fn mean_ratio(baseline: &Point, point: &Point, on: &[u32], metric: impl Fn(&Cost) -> f64) -> Option<f64> {
    let logs: Vec<f64> = on
        .iter()
        .filter_map(|block| Some((metric(point.blocks.get(block)?) / metric(baseline.blocks.get(block)?)).ln()))
        .collect();
    stats::mean(&logs).map(f64::exp)
}

/// Two-sided p-value of equal EDP, paired by block; `None` under two common blocks.
pub fn edp_p_value(a: &Point, b: &Point) -> Option<f64> {
    let logs: Vec<f64> =
        a.blocks.iter().filter_map(|(block, a)| Some((b.blocks.get(block)?.edp() / a.edp()).ln())).collect();
    stats::t_test(&logs)
}
