//! From rows to observations: which rows speak about the device, and what they say.

use super::CalibrationError;
use crate::device::{DeviceKind, DeviceModel};
use ergometer_record::measurement::Domain;
use ergometer_record::{Kernel, KernelSpec, Provenance, Row, Setting, Verdict, stats};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One point: a kernel under a setting, with what its repeats say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) spec: KernelSpec,
    pub(crate) setting: Setting,
    /// Geometric mean and standard error of ln; absent for idling, whose time is the window's.
    pub(crate) time_s: Option<Observed>,
    /// The same of mean power; absent where nothing measured energy.
    pub(crate) power_w: Option<Observed>,
    pub(crate) rows: usize,
}

/// A positive quantity, observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observed {
    pub(crate) value: f64,
    /// Standard error of ln(value) from scatter and stated uncertainty.
    pub(crate) sd_log: f64,
    /// Variance of ln between repeats.
    variance: f64,
    repeats: usize,
    /// Relative standard uncertainty that the sensor states.
    stated: f64,
}

/// Rows that did not enter, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The reason, as the end of "left out because".
    pub reason: String,
    /// How many rows.
    pub rows: usize,
}

/// What a calibration may use beside measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    /// Rows of the virtual node. The result is then labelled virtual; measured rows beside them are refused.
    pub virtual_rows: bool,
    /// Energies that a model made (DRAM model, TDP model).
    pub modelled_energy: bool,
}

/// The points of the rows that speak about `device`.
pub(crate) struct Selection {
    pub(crate) points: Vec<Point>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) is_virtual: bool,
    /// Instruction set and threads, where rows name them.
    pub(crate) configuration: Option<String>,
    pub(crate) devices: Vec<String>,
    pub(crate) manifests: Vec<String>,
    pub(crate) rows: usize,
}

fn is_virtual(row: &Row) -> bool {
    row.executor == "vnode" || row.provenance == Provenance::Virtual
}

/// Picks and averages the rows that can be compared with predictions.
pub(crate) fn select(rows: &[Row], device: &DeviceModel, accept: Accept) -> Result<Selection, CalibrationError> {
    let virtual_rows = rows.iter().filter(|row| is_virtual(row)).count();
    if virtual_rows > 0 && !accept.virtual_rows {
        return Err(CalibrationError::Virtual { rows: virtual_rows, device: device.name().to_owned() });
    }
    if virtual_rows > 0 && virtual_rows < rows.len() {
        return Err(CalibrationError::Mixed { virtual_rows, measured_rows: rows.len() - virtual_rows });
    }
    let mut names: Vec<String> = rows.iter().map(|row| row.device.clone()).collect();
    names.sort();
    names.dedup();
    if names.len() > 1 {
        return Err(CalibrationError::Devices { names });
    }
    let mut left: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kept: Vec<&Row> = Vec::new();
    let best = best_configuration(rows);
    for row in rows {
        if let Some(reason) = refusal(row, device.kind(), &best) {
            *left.entry(reason).or_default() += 1;
            continue;
        }
        if let Some(reason) = energy_refusal(row, device.kind(), accept) {
            *left.entry(reason).or_default() += 1;
        }
        kept.push(row);
    }
    let mut groups: BTreeMap<(KernelSpec, String), Vec<&Row>> = BTreeMap::new();
    for row in &kept {
        groups.entry((row.spec, row.setting.to_string())).or_default().push(row);
    }
    let mut points: Vec<Point> = groups.values().filter_map(|rows| point(rows, device.kind(), accept)).collect();
    moderate(points.iter_mut().filter_map(|point| point.time_s.as_mut()));
    moderate(points.iter_mut().filter_map(|point| point.power_w.as_mut()));
    if points.iter().all(|point| point.time_s.is_none()) {
        return Err(CalibrationError::Nothing { rows: rows.len(), left_out: listed(&left) });
    }
    let mut manifests: Vec<String> = kept.iter().map(|row| row.manifest_id.clone()).filter(|m| !m.is_empty()).collect();
    manifests.sort();
    manifests.dedup();
    Ok(Selection {
        points,
        left_out: listed(&left),
        is_virtual: virtual_rows > 0,
        configuration: configuration(&kept),
        devices: names,
        manifests,
        rows: kept.len(),
    })
}

fn listed(left: &BTreeMap<&'static str, usize>) -> Vec<LeftOut> {
    left.iter().map(|(reason, rows)| LeftOut { reason: (*reason).to_owned(), rows: *rows }).collect()
}

/// For each kernel the tier that is fastest at the most threads: a device model describes one way of using the device.
fn best_configuration(rows: &[Row]) -> BTreeMap<Kernel, (String, u32)> {
    let most = rows.iter().map(|row| row.threads).max().unwrap_or(0);
    let mut rates: BTreeMap<(Kernel, &str), Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.threads == most && row.time.0 > 0.0) {
        // Work per time on a scale that compares tiers at equal sizes; for kernels without FLOPs, bytes.
        let work = if row.spec.flops() > 0.0 { row.spec.flops() } else { row.spec.least_bytes().max(1.0) };
        rates.entry((row.spec.kernel, row.tier.as_str())).or_default().push((work / row.time.0).ln());
    }
    let mut best: BTreeMap<Kernel, (f64, String)> = BTreeMap::new();
    for ((kernel, tier), logs) in &rates {
        let rate = stats::mean(logs).unwrap_or(f64::NEG_INFINITY);
        if best.get(kernel).is_none_or(|(known, _)| rate > *known) {
            best.insert(*kernel, (rate, (*tier).to_owned()));
        }
    }
    best.into_iter().map(|(kernel, (_, tier))| (kernel, (tier, most))).collect()
}

fn configuration(kept: &[&Row]) -> Option<String> {
    let threads = kept.iter().map(|row| row.threads).max().filter(|t| *t > 0)?;
    let mut tiers: Vec<&str> = kept.iter().map(|row| row.tier.as_str()).filter(|t| !t.is_empty()).collect();
    tiers.sort_unstable();
    tiers.dedup();
    Some(format!("{}{threads} threads", tiers.iter().map(|t| format!("{t}, ")).collect::<String>()))
}

fn refusal(row: &Row, kind: DeviceKind, best: &BTreeMap<Kernel, (String, u32)>) -> Option<&'static str> {
    if !(row.time.0 > 0.0 && row.time.is_finite()) {
        return Some("the time is not a positive number");
    }
    if row.error_over_bound.is_some_and(|error| error.is_nan() || error > 1.0) {
        return Some("the result failed its check");
    }
    match row.verdict {
        Verdict::Clipped => return Some("the hardware replaced the setting by another"),
        Verdict::Ignored => return Some("the setting had no effect"),
        Verdict::Held | Verdict::NonBinding | Verdict::Unverified | Verdict::Baseline => {}
    }
    let setting = &row.setting;
    if kind == DeviceKind::Cpu && (setting.governor.is_some() || setting.epp.is_some() || setting.turbo.is_some()) {
        return Some("the model knows clocks and caps, not governors");
    }
    if setting.cpu_cap_short_w.is_some() {
        return Some("the model knows the long-term power limit, not the short-term one");
    }
    match row.spec.kernel {
        Kernel::ProbeFma | Kernel::ProbeRead | Kernel::ProbeCopy | Kernel::ProbeChase => {
            return Some("probes of the machine's peaks serve the starting description");
        }
        Kernel::Idle | Kernel::ProbeEmpty => {}
        kernel => {
            if best.get(&kernel).is_some_and(|(tier, threads)| *tier != row.tier || *threads != row.threads) {
                return Some("another instruction set or thread count is faster and is what the model describes");
            }
        }
    }
    None
}

/// Why a row's energy says nothing about the device's power, although its time counts.
fn energy_refusal(row: &Row, kind: DeviceKind, accept: Accept) -> Option<&'static str> {
    row.energy?;
    let wanted = match kind {
        DeviceKind::Gpu => Domain::Gpu,
        DeviceKind::Cpu => Domain::Package,
    };
    if row.component.domain != wanted {
        return Some("the energy covers another component (the time was used)");
    }
    if row.provenance == Provenance::Modelled && !accept.modelled_energy {
        return Some("the energy comes from a model (the time was used)");
    }
    None
}

fn point(rows: &[&Row], kind: DeviceKind, accept: Accept) -> Option<Point> {
    let first = rows.first()?;
    // One row per component shares the time of its window; the same window must count once.
    let mut windows: BTreeMap<(u32, u32, u32), &Row> = BTreeMap::new();
    for row in rows {
        windows.entry((row.block, row.order, row.repeat)).or_insert(row);
    }
    let idle = first.spec.kernel == Kernel::Idle;
    let times: Vec<f64> = windows.values().map(|row| row.time.0.ln()).collect();
    let mut powers = Vec::new();
    let mut stated: f64 = 0.0;
    let usable = || rows.iter().filter(|row| energy_refusal(row, kind, accept).is_none());
    for row in usable() {
        let Some(power) = row.power().filter(|p| p.0 > 0.0 && p.is_finite()) else { continue };
        powers.push(power.0.ln());
        if let (Some(u), Some(energy)) = (row.energy_u, row.energy) {
            stated = stated.max(u.0 / energy.0);
        }
    }
    // On a CPU with several packages, the mean over packages would not be the machine's power.
    let packages = usable().filter(|r| r.energy.is_some()).map(|r| r.component.index).max().unwrap_or(0);
    let several = kind == DeviceKind::Cpu && packages > 0;
    Some(Point {
        spec: first.spec,
        setting: first.setting.clone(),
        time_s: if idle { None } else { observed(&times, 0.0) },
        power_w: if several { None } else { observed(&powers, stated) },
        rows: rows.len(),
    })
}

/// A mean with the scatter that its own repeats show; [`moderate`] completes it.
fn observed(logs: &[f64], stated: f64) -> Option<Observed> {
    let mean = stats::mean(logs)?;
    let variance = stats::standard_deviation(logs).map_or(0.0, |sd| sd * sd);
    Some(Observed { value: mean.exp(), sd_log: 0.0, variance, repeats: logs.len(), stated })
}

/// Weight of the pooled scatter, in repeats: two or three repeats say little about their own scatter.
const POOLED_REPEATS: f64 = 4.0;

/// Gives each mean its standard error: the variance of its own repeats, moderated by the variance of all points
/// together, over the number of repeats, and the stated uncertainty beside it.
fn moderate<'a>(observed: impl Iterator<Item = &'a mut Observed>) {
    let mut all: Vec<&mut Observed> = observed.collect();
    let spare = |o: &Observed| o.repeats as f64 - 1.0;
    let freedom: f64 = all.iter().map(|o| spare(o)).sum();
    let pooled = if freedom > 0.0 { all.iter().map(|o| spare(o) * o.variance).sum::<f64>() / freedom } else { 0.0 };
    for o in &mut all {
        let variance = (POOLED_REPEATS * pooled + spare(o) * o.variance) / (POOLED_REPEATS + spare(o));
        o.sd_log = (variance / o.repeats as f64).sqrt().hypot(o.stated);
    }
}
