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
pub(crate) mod levenberg;
pub(crate) mod linear;
mod outcome;
mod points;
mod posterior;
mod problem;
mod result;
pub mod start;
#[cfg(test)]
mod tests;
pub mod training;

pub use held_out::{FoldReport, GroupError, HeldOut};
pub use points::{Accept, LeftOut};
pub use result::{Calibration, CalibrationError, Options, ParameterFit, PointFit};

use crate::device::{DeviceModel, FitRecord};
use crate::validate::summarise;
use ergometer_record::Row;
use held_out::hold_out;
use outcome::{covering, describe, drop_silent, fitted_device, in_sample, point_fits, spread};
use points::select;
use problem::{Discrepancy, Fit};
use rayon::prelude::*;

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
        device: fitted_device(
            &start,
            &parameters,
            spread(&fit, &covariance, with_power),
            record,
            name,
            selection.configuration,
            selection.is_virtual,
        ),
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
