//! From records to a device model: maximum a posteriori over log-parameters with physical priors.
//!
//! A starting description ([`start`], or any device file) gives facts and priors; the records' points move the
//! parameters that they say something about. Misfit beyond the scatter of repeats is the model's own error and is
//! estimated with the parameters, so that a wrong model does not look certain. The result says for each parameter what
//! the prior was, what the posterior is, and whether the records determined it; errors are those on held-out points.
//!
//! A parameter at its prior is not a measurement: [`ParameterFit::identified`] tells.

mod advice;
mod held_out;
mod levenberg;
mod linear;
mod points;
mod posterior;
mod problem;
pub mod start;
#[cfg(test)]
mod tests;

pub use held_out::{FoldReport, GroupError, HeldOut};
pub use points::{Accept, LeftOut};

use crate::device::{Allowed, DeviceModel, FitRecord, Fitted, Prior, Range};
use crate::step::ModelError;
use crate::validate::{Compared, ErrorSummary, summarise};
use ergometer_record::Row;
use held_out::hold_out;
use points::{Point, select};
use problem::{Discrepancy, Fit};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How to calibrate.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed of the starts and of the bootstrap.
    pub seed: u64,
    /// Searches: one from the prior medians, the others from draws of the prior.
    pub starts: usize,
    /// What may be used beside measurements.
    pub accept: Accept,
    /// Name of the resulting device; the records' own device name where absent.
    pub name: Option<String>,
    /// Calendar date to write into the result.
    pub date: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, starts: 4, accept: Accept::default(), name: None, date: None }
    }
}

/// One parameter before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterFit {
    /// Key of the vocabulary; its ending is the unit.
    pub key: String,
    /// What it means.
    pub meaning: String,
    /// Posterior mode; the prior median where `fitted` is false.
    pub value: f64,
    /// Before.
    pub prior: Prior,
    /// Posterior standard deviation of ln(value).
    pub sd_log: f64,
    /// Whether any record depends on it.
    pub fitted: bool,
    /// Whether the records at least halved the prior's spread.
    pub identified: bool,
    /// The parameter that it can least be told from, with the posterior correlation, where that is above 0.8.
    pub entangled_with: Option<(String, f64)>,
    /// Which run would identify it; absent where it is identified.
    pub would_identify: Option<String>,
}

/// One point, predicted and observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointFit {
    /// Kernel, size and precision.
    pub spec: ergometer_record::KernelSpec,
    /// The setting's label.
    pub setting: String,
    /// Observed time of one execution in s (geometric mean of the repeats).
    pub time_s: Option<f64>,
    /// Predicted by the fit that has seen it.
    pub fitted_time_s: Option<f64>,
    /// Predicted by the fit that has not.
    pub held_out_time_s: Option<f64>,
    /// Observed mean power in W.
    pub power_w: Option<f64>,
    /// Predicted by the fit that has seen it.
    pub fitted_power_w: Option<f64>,
    /// Predicted by the fit that has not.
    pub held_out_power_w: Option<f64>,
}

/// A calibrated device with everything that qualifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The device model.
    pub device: DeviceModel,
    /// True when the records come from the virtual node: everything here is then about no real device.
    pub is_virtual: bool,
    /// Every parameter that was free or could have been, in the order of the vocabulary.
    pub parameters: Vec<ParameterFit>,
    /// Errors on held-out points, by what was left out.
    pub held_out: Vec<FoldReport>,
    /// What was left out for the `held_out_` values of `points`; absent where nothing could be.
    pub points_held_out_by: Option<HeldOut>,
    /// Error on the points that were fitted. Smaller than any honest error: never to be shown alone.
    pub in_sample_time: Option<ErrorSummary>,
    /// Of power; absent without power.
    pub in_sample_power: Option<ErrorSummary>,
    /// Standard deviation of ln(time) that the model can't describe.
    pub discrepancy_time: f64,
    /// Of ln(power); absent without power.
    pub discrepancy_power: Option<f64>,
    /// Points, for a plot.
    pub points: Vec<PointFit>,
    /// Rows that did not enter.
    pub left_out: Vec<LeftOut>,
    /// Whether the best search converged.
    pub converged: bool,
    /// Searches that ended at the same optimum, of all.
    pub agreeing_starts: (usize, usize),
}

/// A calibration that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Virtual rows without leave.
    #[error(
        "{rows} of the rows come from the virtual node, and {device} would then describe no real hardware: leave them \
         out, or accept virtual rows (the result is labelled virtual)"
    )]
    Virtual {
        /// How many.
        rows: usize,
        /// The starting description.
        device: String,
    },
    /// Virtual and measured rows together.
    #[error(
        "{virtual_rows} virtual and {measured_rows} measured rows stand together: a device is one or the other, \
         calibrate them apart"
    )]
    Mixed {
        /// From the virtual node.
        virtual_rows: usize,
        /// From hardware.
        measured_rows: usize,
    },
    /// Several devices.
    #[error("the rows are of several devices ({}): calibrate each from its own", names.join(", "))]
    Devices {
        /// As they name themselves.
        names: Vec<String>,
    },
    /// Nothing usable.
    #[error("none of the {rows} rows can be used{}", reasons(left_out))]
    Nothing {
        /// How many rows there were.
        rows: usize,
        /// Why each was left out.
        left_out: Vec<LeftOut>,
    },
    /// The equations refuse the description or a row.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The starting description can't be made.
    #[error(transparent)]
    Device(#[from] crate::device::DeviceError),
    /// The optimiser failed.
    #[error("the search for the parameters failed: {0}")]
    Search(String),
}

fn reasons(left_out: &[LeftOut]) -> String {
    left_out.iter().map(|l| format!("; {} because {}", l.rows, l.reason)).collect()
}

/// Fits the assumed parameters of `start` to rows.
///
/// # Errors
/// Rows of several devices or of both kinds, virtual rows without leave, nothing usable, a precision that the device
/// does not have.
pub fn calibrate(start: &DeviceModel, rows: &[Row], options: &Options) -> Result<Calibration, CalibrationError> {
    let selection = select(rows, start, options.accept)?;
    let start = covering(start, &selection.points);
    let mut fit = Fit::new(&start, selection.points)?;
    let all = fit.free.clone();
    drop_silent(&mut fit)?;
    let modes = posterior::multi_start(&fit, options.starts, options.seed)?;
    let best = modes.iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut mode = best.cloned().ok_or_else(|| CalibrationError::Search("there was no start".into()))?;
    let agreeing = modes.iter().filter(|m| m.cost <= mode.cost * 1.001 + 1e-6).count();
    // The discrepancy and the mode depend on one another; two or three rounds settle both.
    for _ in 0..4 {
        let spread = posterior::covariance(&fit, &mode.theta)?;
        let new = posterior::discrepancy(&fit, &mode.theta, &posterior::shrinkage(&fit, &spread))?;
        let settled = |a: f64, b: f64| (a / b - 1.0).abs() < 0.05;
        let done = settled(new.time, fit.discrepancy.time) && settled(new.power, fit.discrepancy.power);
        fit.discrepancy = new;
        mode = posterior::search(&fit, mode.theta, 1e-9)?;
        if done {
            break;
        }
    }
    let covariance = posterior::covariance(&fit, &mode.theta)?;
    let parameters = describe(&fit, &all, &mode.theta, &covariance);
    let folds = HeldOut::ALL
        .par_iter()
        .map(|kind| hold_out(&fit, &start, &mode.theta, *kind, options.seed))
        .collect::<Result<Vec<_>, _>>()?;
    // Settings are the sweep's question; where there is one setting only, sizes.
    let shown = [2, 1, 0].into_iter().filter_map(|i| folds.get(i)).find(|fold| !fold.predictions.is_empty());
    let points = point_fits(&fit, &mode.theta, shown.map_or(&[][..], |fold| &fold.predictions))?;
    let with_power = points.iter().any(|p| p.power_w.is_some());
    let Discrepancy { time, power } = fit.discrepancy;
    let data = format!(
        "{} rows of {}{}",
        selection.rows,
        selection.devices.join(", "),
        match selection.manifests.as_slice() {
            [] => String::new(),
            ids => format!(", manifests {}", ids.join(" ")),
        }
    );
    let record = FitRecord {
        data,
        date: options.date.clone(),
        rows: selection.rows,
        provenance: if selection.is_virtual { "virtual" } else { "measured" }.to_owned(),
    };
    let name = options.name.clone().or_else(|| selection.devices.first().cloned().filter(|n| !n.is_empty()));
    Ok(Calibration {
        device: fitted_device(&start, &parameters, record, name, selection.configuration, selection.is_virtual),
        is_virtual: selection.is_virtual,
        in_sample_time: summarise(&in_sample(&points, |p| (p.time_s, p.fitted_time_s)), options.seed),
        in_sample_power: summarise(&in_sample(&points, |p| (p.power_w, p.fitted_power_w)), options.seed),
        points_held_out_by: shown.map(|fold| fold.report.held_out),
        held_out: folds.into_iter().map(|fold| fold.report).collect(),
        parameters,
        discrepancy_time: time,
        discrepancy_power: with_power.then_some(power),
        points,
        left_out: selection.left_out,
        converged: mode.converged,
        agreeing_starts: (agreeing, modes.len()),
    })
}

/// The description with the clocks and caps that the records held, so that none of them is refused and a prediction
/// stays where there was a measurement.
fn covering(start: &DeviceModel, points: &[Point]) -> DeviceModel {
    let mut device = start.clone();
    let (mut clocks, mut caps) = (Vec::new(), Vec::new());
    for point in points {
        let setting = &point.setting;
        clocks.extend(setting.gpu_clock_hz.or(setting.cpu_max_hz).map(|clock| clock.mhz()));
        caps.extend(setting.gpu_cap_w.or(setting.cpu_cap_w).map(|cap| cap.0));
        if setting.is_baseline() {
            clocks.extend(start.value("clock_hz").map(|hz| hz / 1e6));
            caps.extend(start.value("tdp_w"));
        }
    }
    let mut copied = Vec::new();
    let mut widest = |values: &[f64], range: &mut Option<Range>, what: &'static str| {
        let (min, max) = values.iter().fold((f64::INFINITY, 0.0f64), |(a, b), v| (a.min(*v), b.max(*v)));
        if min > 0.0 && min < max {
            *range = Some(Range { min, max, step: None });
            copied.push(what);
        }
    };
    widest(&clocks, &mut device.allowed.clocks_mhz, "clocks");
    widest(&caps, &mut device.allowed.caps_w, "caps");
    if !copied.is_empty() {
        let rest = if copied.len() == 2 { String::new() } else { format!("; otherwise {}", start.allowed.source) };
        let source = format!("{} that the records held{rest}", copied.join(" and "));
        device.allowed = Allowed { source, ..device.allowed };
    }
    device
}

/// Fixes the parameters on which no observation depends.
fn drop_silent(fit: &mut Fit) -> Result<(), CalibrationError> {
    let jacobian = fit.derivatives(&fit.start())?;
    let data = fit.observations.len();
    let spoken: Vec<bool> = (0..fit.free.len())
        .map(|column| {
            let prior = fit.free.get(column).map_or(0.0, |free| free.prior.sd_log);
            jacobian.iter().take(data).any(|row| row.get(column).is_some_and(|d| (d * prior).abs() > 1e-2))
        })
        .collect();
    fit.retain(|column| spoken.get(column).copied().unwrap_or(false));
    Ok(())
}

fn describe(fit: &Fit, all: &[problem::Free], theta: &[f64], covariance: &[Vec<f64>]) -> Vec<ParameterFit> {
    let variance = |i: usize, j: usize| covariance.get(i).and_then(|row| row.get(j)).copied().unwrap_or(f64::NAN);
    all.iter()
        .map(|free| {
            let place = fit.free.iter().position(|f| f.key == free.key);
            let sd_log = place.map_or(free.prior.sd_log, |i| variance(i, i).sqrt().min(free.prior.sd_log));
            let identified = place.is_some() && sd_log < 0.5 * free.prior.sd_log;
            let entangled_with = place.and_then(|i| {
                let correlation = |j: usize| variance(i, j) / (variance(i, i) * variance(j, j)).sqrt();
                let others = (0..fit.free.len()).filter(|j| *j != i).map(|j| (j, correlation(j)));
                let (j, r) = others.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
                (r.abs() > 0.8).then(|| (fit.free[j].key.to_owned(), r))
            });
            ParameterFit {
                key: free.key.to_owned(),
                meaning: crate::device::parameters::find(free.key).map_or("", |p| p.meaning).to_owned(),
                value: place.and_then(|i| theta.get(i)).map_or(free.prior.median, |ln| ln.exp()),
                prior: free.prior,
                sd_log,
                fitted: place.is_some(),
                identified,
                entangled_with,
                would_identify: (!identified).then(|| advice::run_that_identifies(free.key).to_owned()),
            }
        })
        .collect()
}

fn fitted_device(
    start: &DeviceModel,
    parameters: &[ParameterFit],
    record: FitRecord,
    name: Option<String>,
    configuration: Option<String>,
    is_virtual: bool,
) -> DeviceModel {
    let mut device = start.clone();
    if let Some(name) = name {
        device.title = if is_virtual { format!("{name} (virtual)") } else { name.clone() };
        device.name = name;
    }
    device.configuration = configuration.or(device.configuration);
    device.fitted = parameters
        .iter()
        .filter(|p| p.fitted)
        .map(|p| (p.key.clone(), Fitted { value: p.value, sd_log: p.sd_log, identified: p.identified }))
        .collect();
    device.fit = Some(record);
    device
}

fn point_fits(fit: &Fit, theta: &[f64], held_out: &[held_out::Prediction]) -> Result<Vec<PointFit>, CalibrationError> {
    let physics = fit.physics(theta)?;
    let finite = |x: f64| x.is_finite().then_some(x);
    (0..fit.points.len())
        .map(|index| {
            let (time, power) = fit.predict(&physics, index)?;
            let (point, _) = &fit.points[index];
            let outside = held_out.iter().find(|p| p.0 == index);
            Ok(PointFit {
                spec: point.spec,
                setting: point.setting.to_string(),
                time_s: point.time_s.map(|o| o.value),
                fitted_time_s: point.time_s.and(finite(time.exp())),
                held_out_time_s: point.time_s.and(outside.and_then(|p| finite(p.1))),
                power_w: point.power_w.map(|o| o.value),
                fitted_power_w: finite(power.exp()),
                held_out_power_w: outside.and_then(|p| finite(p.2)),
            })
        })
        .collect()
}

fn in_sample(points: &[PointFit], pick: impl Fn(&PointFit) -> (Option<f64>, Option<f64>)) -> Vec<Compared> {
    let mut kernels = Vec::new();
    let mut compared = Vec::new();
    for point in points {
        let (Some(observed), Some(predicted)) = pick(point) else { continue };
        let group = kernels.iter().position(|k| *k == point.spec.kernel).unwrap_or_else(|| {
            kernels.push(point.spec.kernel);
            kernels.len() - 1
        });
        compared.push(Compared { group, predicted, observed });
    }
    // Kernels whose errors are not judged on held-out points are not judged here.
    compared.retain(|c| {
        kernels
            .get(c.group)
            .is_some_and(|k| !matches!(k, ergometer_record::Kernel::Idle | ergometer_record::Kernel::ProbeEmpty))
    });
    compared
}
