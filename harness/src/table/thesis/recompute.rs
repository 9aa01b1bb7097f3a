//! The gains that the printed powers and times give.

use super::printed::{Bench, Best, Platform, Power, Set};
use ergometer_record::Technique;

/// DRAM of the A100's host, in W: with it the recomputed gains of DVFS equal the printed ones to within a point. It is
/// inferred from them, and printed nowhere; [`super::nodes`] finds
/// the same power behind the memory's energies of tables 3.7 to 3.10.
pub const INFERRED_DRAM_W: f64 = 16.8;
/// A difference of printed and recomputed gain above this many points is flagged.
pub const FLAG_POINTS: f64 = 3.0;
/// Runs behind each mean (section 3.5.2.4).
const RUNS: f64 = 5.0;
/// Times are printed to a tenth of a percent: half of that, uniform, as a standard uncertainty in percent.
const TIME_ROUNDING_PCT: f64 = 0.05 / 1.732;

/// A printed gain beside the one that follows from the printed powers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub bench: &'static Bench,
    /// The technique's best setting.
    pub best: &'static Best,
    /// Gain of EDP = P T^2, with P the sum of both components, in percent.
    pub recomputed_pct: f64,
    /// Its standard uncertainty, from the scatter of the powers over five runs and the rounding of the time.
    pub recomputed_u_pct: f64,
    /// The same gain with [`INFERRED_DRAM_W`] in both powers; `None` where the DRAM was measured.
    pub with_dram_pct: Option<f64>,
}

impl Comparison {
    fn new(bench: &'static Bench, best: &'static Best) -> Self {
        let gain = |extra_w: f64| {
            100.0 * (1.0 - (best.power.total_w() + extra_w) / (bench.baseline.total_w() + extra_w) * slowdown2(best))
        };
        let share = best.power.total_u_w() / best.power.total_w();
        let base_share = bench.baseline.total_u_w() / bench.baseline.total_w();
        let time_share = 2.0 * TIME_ROUNDING_PCT / (100.0 + best.time_pct);
        let recomputed_pct = gain(0.0);
        // The table's own baseline as its best setting: a gain of zero, without doubt.
        let same = best.power == bench.baseline && best.time_pct == 0.0;
        let relative = if same { 0.0 } else { share.hypot(base_share).hypot(time_share) };
        Self {
            bench,
            best,
            recomputed_pct,
            recomputed_u_pct: (100.0 - recomputed_pct) * relative,
            with_dram_pct: (bench.platform == Platform::Nvidia).then(|| gain(INFERRED_DRAM_W)),
        }
    }

    /// Printed minus recomputed, in points: positive where more was printed than the powers give.
    pub fn difference(&self) -> f64 {
        self.best.gain_pct - self.recomputed_pct
    }

    /// Whether printed and recomputed gain differ by more than [`FLAG_POINTS`].
    pub fn is_flagged(&self) -> bool {
        self.difference().abs() > FLAG_POINTS
    }

    /// Whether the card drew less than its limit before there was one, so that the limit can't have acted.
    pub fn is_non_binding(&self) -> bool {
        // What the limits of the processors count (one socket or both) is not said.
        matches!(self.best.setting, Set::Cap(watts) if self.bench.platform == Platform::Nvidia && watts > self.bench.baseline.main_w)
    }

    /// Power beside the card, in W, with which the printed gain would follow; see [`super::closing`].
    pub fn implied_beside_w(&self) -> Option<f64> {
        (self.bench.platform == Platform::Nvidia).then(|| {
            let base_w = self.bench.baseline.total_w() + INFERRED_DRAM_W;
            (1.0 - self.best.gain_pct / 100.0) * base_w / slowdown2(self.best) - self.best.power.main_w
        })
    }
}

impl Power {
    fn total_w(&self) -> f64 {
        self.main_w + self.other_w
    }

    /// Of the mean over the runs.
    fn total_u_w(&self) -> f64 {
        self.main_sd_w.hypot(self.other_sd_w) / RUNS.sqrt()
    }
}

fn slowdown2(best: &Best) -> f64 {
    (1.0 + best.time_pct / 100.0).powi(2)
}

/// Every printed gain, in the order of the tables.
pub fn comparisons() -> Vec<Comparison> {
    super::printed::BENCHES
        .iter()
        .flat_map(|bench| bench.best.iter().map(move |best| Comparison::new(bench, best)))
        .collect()
}

/// All comparisons of one technique on one platform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many.
    pub n: usize,
    /// Mean printed gain, in percent.
    pub printed_pct: f64,
    /// Mean recomputed gain, in percent.
    pub recomputed_pct: f64,
    /// Largest difference in either direction, in points.
    pub largest_difference: f64,
    /// How many are flagged.
    pub flagged: usize,
}

/// The summary of one technique on one platform; `None` where it was not tried.
pub fn summary(all: &[Comparison], platform: Platform, technique: Technique) -> Option<Summary> {
    let of: Vec<_> = all.iter().filter(|c| c.bench.platform == platform && c.best.technique == technique).collect();
    let mean = |value: fn(&Comparison) -> f64| of.iter().map(|c| value(c)).sum::<f64>() / of.len() as f64;
    (!of.is_empty()).then(|| Summary {
        n: of.len(),
        printed_pct: mean(|c| c.best.gain_pct),
        recomputed_pct: mean(|c| c.recomputed_pct),
        largest_difference: of
            .iter()
            .map(|c| c.difference())
            .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a }),
        flagged: of.iter().filter(|c| c.is_flagged()).count(),
    })
}
