//! Errors on what a fit has not seen: every kernel, size and setting left out in turn.

use super::CalibrationError;
use super::points::Point;
use super::posterior::search;
use super::problem::{Fit, Target};
use crate::device::DeviceModel;
use crate::validate::baseline::{self, Facts};
use crate::validate::{Compared, ErrorSummary, summarise};
use ergometer_record::Kernel;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What is left out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// All points of one kernel: what the model says of a kernel that nobody ran.
    Kernel,
    /// All points of one kernel at one size.
    Size,
    /// All points under one setting.
    Setting,
}

impl HeldOut {
    /// All variants.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Size, Self::Setting];

    /// The name used in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Size => "size",
            Self::Setting => "setting",
        }
    }

    fn group(self, point: &Point) -> String {
        match self {
            Self::Kernel => point.spec.kernel.name().to_owned(),
            Self::Size => point.spec.to_string(),
            Self::Setting => point.setting.to_string(),
        }
    }
}

/// Errors of one kind of fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldReport {
    /// What was left out.
    pub held_out: HeldOut,
    /// Of the model's times.
    pub time: Option<ErrorSummary>,
    /// Of its powers; absent where nothing measured power.
    pub power: Option<ErrorSummary>,
    /// A roofline with one efficiency, fitted to the same training points.
    pub baseline_time: Option<ErrorSummary>,
    /// One share of the power limit, fitted to the same training points.
    pub baseline_power: Option<ErrorSummary>,
    /// Errors of each group, in percent.
    pub groups: Vec<GroupError>,
    /// Why there is no error, where there is none.
    pub note: Option<String>,
}

/// Mean errors of one group that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupError {
    /// Its name.
    pub group: String,
    /// Mean absolute percentage error of time.
    pub time_percent: Option<f64>,
    /// Of power.
    pub power_percent: Option<f64>,
    /// Points in it.
    pub points: usize,
}

/// Held-out prediction of one point: its index, time in s and power in W (NaN where there is none).
pub(crate) type Prediction = (usize, f64, f64);

pub(crate) struct FoldResult {
    pub(crate) report: FoldReport,
    pub(crate) predictions: Vec<Prediction>,
}

/// One group's predictions by those that have not seen it.
struct Fold {
    model: Vec<Prediction>,
    plain: Vec<Prediction>,
}

impl Fold {
    fn model(&self) -> &[Prediction] {
        &self.model
    }

    fn plain(&self) -> &[Prediction] {
        &self.plain
    }
}

/// True for points that are judged; the others (idle, empty kernel) always train.
pub(crate) fn is_judged(point: &Point) -> bool {
    !matches!(point.spec.kernel, Kernel::Idle | Kernel::ProbeEmpty)
}

/// Leaves each group out in turn, refits, predicts it. The search begins at `theta`, the mode with everything; it ends
/// at the mode without the group.
pub(crate) fn hold_out(
    fit: &Fit,
    device: &DeviceModel,
    theta: &[f64],
    kind: HeldOut,
    seed: u64,
) -> Result<FoldResult, CalibrationError> {
    let label = |point: &Point| kind.group(point);
    let mut names: Vec<String> = fit.points.iter().filter(|(p, _)| is_judged(p)).map(|(p, _)| label(p)).collect();
    names.sort();
    names.dedup();
    let mut report = FoldReport {
        held_out: kind,
        time: None,
        power: None,
        baseline_time: None,
        baseline_power: None,
        groups: Vec::new(),
        note: None,
    };
    if names.len() < 2 {
        let name = kind.name();
        report.note = Some(format!(
            "the records have {} {name}{}: leaving it out leaves nothing; run at least two",
            names.len(),
            if names.len() == 1 { "" } else { "s" }
        ));
        return Ok(FoldResult { report, predictions: Vec::new() });
    }
    let folds: Vec<Fold> = names
        .par_iter()
        .map(|name| {
            let outside = |point: &Point| !(is_judged(point) && label(point) == *name);
            let part = fit.restricted(outside);
            let mode = search(&part, theta.to_vec(), 1e-6)?;
            let physics = part.physics(&mode.theta)?;
            let held = fit.points.iter().enumerate().filter(|(_, (point, _))| !outside(point)).map(|(i, _)| i);
            let predictions = held
                .clone()
                .map(|i| fit.predict(&physics, i).map(|(time, power)| (i, time.exp(), power.exp())))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Fold { model: predictions, plain: baselines(fit, device, &outside, held) })
        })
        .collect::<Result<_, CalibrationError>>()?;
    let compare = |pick: fn(&Fold) -> &[Prediction], target: Target| {
        let mut compared = Vec::new();
        for (group, fold) in folds.iter().enumerate() {
            for &(index, time, power) in pick(fold) {
                let Some((point, _)) = fit.points.get(index) else { continue };
                let (predicted, observed) = match target {
                    Target::Time => (time, point.time_s),
                    Target::Power => (power, point.power_w),
                };
                if let Some(observed) = observed.filter(|_| predicted.is_finite()) {
                    compared.push(Compared { group, predicted, observed: observed.value });
                }
            }
        }
        compared
    };
    let (times, powers) = (compare(Fold::model, Target::Time), compare(Fold::model, Target::Power));
    let mean_of = |compared: &[Compared], group: usize| {
        let errors: Vec<f64> = compared.iter().filter(|c| c.group == group).map(Compared::percent).collect();
        ergometer_record::stats::mean(&errors)
    };
    report.groups = names
        .iter()
        .enumerate()
        .map(|(i, name)| GroupError {
            group: name.clone(),
            time_percent: mean_of(&times, i),
            power_percent: mean_of(&powers, i),
            points: folds.get(i).map_or(0, |fold| fold.model.len()),
        })
        .collect();
    report.time = summarise(&times, seed);
    report.power = summarise(&powers, seed);
    report.baseline_time = summarise(&compare(Fold::plain, Target::Time), seed);
    report.baseline_power = summarise(&compare(Fold::plain, Target::Power), seed);
    Ok(FoldResult { report, predictions: folds.into_iter().flat_map(|fold| fold.model).collect() })
}

/// The baselines' predictions of the points in `held`, with their constants from the points of `training`.
fn baselines(
    fit: &Fit,
    device: &DeviceModel,
    training: &dyn Fn(&Point) -> bool,
    held: impl Iterator<Item = usize>,
) -> Vec<Prediction> {
    let facts = |index: usize| -> Option<(&Point, Facts)> {
        let (point, limits) = fit.points.get(index)?;
        let peak = crate::per_op::physics::peak_key(point.spec.precision);
        let facts = Facts {
            peak_flop_per_s: device.value(peak)?,
            memory_bytes_per_s: device.value("memory_bytes_per_s")?,
            clock_ratio: limits.clock.0 / device.value("clock_hz")?,
            cap_w: limits.cap.map(|cap| cap.0),
        };
        Some((point, facts))
    };
    let (mut time_pairs, mut power_pairs) = (Vec::new(), Vec::new());
    for index in 0..fit.points.len() {
        let Some((point, facts)) = facts(index).filter(|(point, _)| is_judged(point) && training(point)) else {
            continue;
        };
        if let (Some(bare), Some(observed)) = (baseline::roofline_s(&point.spec, &facts), point.time_s) {
            time_pairs.push((bare, observed.value));
        }
        if let (Some(cap), Some(observed)) = (facts.cap_w, point.power_w) {
            power_pairs.push((cap, observed.value));
        }
    }
    let (slowdown, share) = (baseline::one_constant(&time_pairs), baseline::one_constant(&power_pairs));
    held.filter_map(|index| {
        let (point, facts) = facts(index)?;
        let time = baseline::roofline_s(&point.spec, &facts).zip(slowdown).map_or(f64::NAN, |(t, s)| t * s);
        let power = facts.cap_w.zip(share).map_or(f64::NAN, |(cap, share)| cap * share);
        Some((index, time, power))
    })
    .collect()
}
