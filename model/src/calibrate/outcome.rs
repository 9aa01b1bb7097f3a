//! From a mode of the posterior to what is reported: the device, its parameters and its points.

use super::advice;
use super::held_out;
use super::points::Point;
use super::problem::{self, Fit};
use super::{CalibrationError, ParameterFit, PointFit};
use crate::device::{Allowed, DeviceModel, FitRecord, Fitted, Posterior, Range};
use crate::validate::Compared;

/// The description with the clocks and caps that the records held, so that none of them is refused and a prediction
/// stays where there was a measurement.
pub(super) fn covering(start: &DeviceModel, points: &[Point]) -> DeviceModel {
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
pub(super) fn drop_silent(fit: &mut Fit) -> Result<(), CalibrationError> {
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

pub(super) fn describe(fit: &Fit, all: &[problem::Free], theta: &[f64], covariance: &[Vec<f64>]) -> Vec<ParameterFit> {
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

pub(super) fn fitted_device(
    start: &DeviceModel,
    parameters: &[ParameterFit],
    posterior: Posterior,
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
    device.posterior = Some(posterior);
    device
}

/// What the device file keeps of the posterior beside the spreads.
pub(super) fn spread(fit: &Fit, covariance: &[Vec<f64>], with_power: bool) -> Posterior {
    let entry = |i: usize, j: usize| covariance.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0.0);
    let correlation = (0..fit.free.len())
        .map(|i| {
            let lower = (0..i).map(|j| entry(i, j) / (entry(i, i) * entry(j, j)).sqrt());
            lower.chain([1.0]).collect()
        })
        .collect();
    Posterior {
        discrepancy_time: fit.discrepancy.time,
        discrepancy_power: with_power.then_some(fit.discrepancy.power),
        keys: fit.free.iter().map(|free| free.key.to_owned()).collect(),
        correlation,
    }
}

pub(super) fn point_fits(
    fit: &Fit,
    theta: &[f64],
    held_out: &[held_out::Prediction],
) -> Result<Vec<PointFit>, CalibrationError> {
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

pub(super) fn in_sample(points: &[PointFit], pick: impl Fn(&PointFit) -> (Option<f64>, Option<f64>)) -> Vec<Compared> {
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
