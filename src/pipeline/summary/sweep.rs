//! Sweep rows as the EDP section.

use super::{LEVEL, estimate};
use crate::harness::table::data::{Device, Point, Workload};
use crate::harness::table::gain::Ratio;
use crate::harness::table::{Accept, edp, gather, idle};
use crate::record::stats::t_quantile;
use crate::record::{Interval, Provenance, Row, Setting};
use crate::report::{Estimate, Gain, IdleModel, Origin, PointPower, Sweep, SweepPoint, SweptKernel};

/// One section a device.
///
/// # Errors
/// No row carries an energy.
pub fn sections(rows: &[Row]) -> anyhow::Result<Vec<Sweep>> {
    Ok(gather(rows, Accept::ALL)?.iter().map(|device| section(device, rows)).collect())
}

fn section(device: &Device, rows: &[Row]) -> Sweep {
    let table = edp::table(device);
    let origin = if device.provenances.contains(&Provenance::Virtual) {
        Origin::Virtual
    } else if device.provenances.contains(&Provenance::Modelled) {
        Origin::Modelled
    } else {
        Origin::Measured
    };
    let kernels = device
        .workloads
        .iter()
        .map(|workload| SweptKernel {
            name: workload.label.clone(),
            spec: workload.spec,
            points: std::iter::once(&workload.baseline).chain(&workload.points).filter_map(point).collect(),
            gains: table
                .rows
                .iter()
                .filter(|row| row.workload == workload.label)
                .flat_map(|row| table.techniques.iter().zip(&row.cells))
                .filter_map(|(technique, cell)| {
                    let cell = cell.as_ref()?;
                    let gain = cell.choice.edp;
                    Some(Gain {
                        technique: *technique,
                        edp_gain_pct: from_ratio(&gain, Ratio::gain_pct, Ratio::gain_interval_pct),
                        time_change_pct: from_ratio(&cell.choice.time, Ratio::change_pct, Ratio::change_interval_pct),
                        setting: cell.setting.as_ref().map_or_else(Setting::default, |s| labelled(workload, s)),
                        tied: cell.tied.iter().map(|label| labelled(workload, label)).collect(),
                    })
                })
                .collect(),
        })
        .collect();
    Sweep {
        device: device.name.clone(),
        origin,
        blocks: device.workloads.iter().map(|w| w.baseline.blocks.len()).min().unwrap_or(0),
        idle: idle_model(device, rows),
        kernels,
        notes: table.notes,
    }
}

/// The setting behind a label; the baseline for the baseline's.
fn labelled(workload: &Workload, label: &str) -> Setting {
    let point = workload.points.iter().find(|point| point.label == label);
    point.and_then(|point| point.setting.clone()).unwrap_or_default()
}

fn from_ratio(ratio: &Ratio, value: fn(&Ratio) -> f64, interval: fn(&Ratio) -> Option<Interval>) -> Estimate {
    interval(ratio).map_or_else(|| Estimate::Single(value(ratio)), Estimate::Interval)
}

fn point(point: &Point) -> Option<SweepPoint> {
    let of = |value: fn(&crate::harness::table::data::Cost) -> f64| {
        estimate(&point.blocks.values().map(value).collect::<Vec<_>>())
    };
    Some(SweepPoint {
        setting: point.setting.clone().unwrap_or_default(),
        // Over several blocks the worst verdict is the one that counts.
        verdict: point.verdicts.iter().copied().find(|v| !v.credits_gain()).or(point.verdicts.first().copied())?,
        time_s: of(|cost| cost.time_s)?,
        energy_j: of(|cost| cost.energy_j)?,
        edp_js: of(crate::harness::table::data::Cost::edp)?,
        powers: point
            .powers
            .iter()
            .filter_map(|(component, by_block)| {
                let watts = estimate(&by_block.values().copied().collect::<Vec<_>>())?;
                Some(PointPower { component: *component, watts })
            })
            .collect(),
    })
}

/// The idle line of the device's first component, with intervals of its coefficients.
fn idle_model(device: &Device, rows: &[Row]) -> Option<IdleModel> {
    let table = idle::tables(rows).into_iter().find(|table| table.device == device.name)?;
    let line = table.line?;
    let of = |estimate: f64, u: f64| {
        if line.n < 3 || !u.is_finite() {
            return Estimate::Single(estimate);
        }
        let half = t_quantile(LEVEL, line.n as f64 - 2.0) * u;
        Estimate::Interval(Interval { estimate, low: estimate - half, high: estimate + half, level: LEVEL, n: line.n })
    };
    // The intercept's standard error follows from the slope's: s_a = s_b sqrt(mean of x^2).
    let squares =
        table.windows.iter().map(|window| window.time_s * window.time_s).sum::<f64>() / table.windows.len() as f64;
    Some(IdleModel {
        alpha_j: of(line.intercept, line.slope_u * squares.sqrt()),
        beta_w: of(line.slope, line.slope_u),
        r2: line.r2,
    })
}

/// The best gain of a technique over all kernels, for the findings: kernel and gain.
pub fn best(sweep: &Sweep) -> Option<(&str, &Gain)> {
    let gains =
        sweep.kernels.iter().flat_map(|kernel| kernel.gains.iter().map(move |gain| (kernel.name.as_str(), gain)));
    gains.max_by(|a, b| a.1.edp_gain_pct.value().total_cmp(&b.1.edp_gain_pct.value()))
}
