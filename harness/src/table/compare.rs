//! Two results files, point by point: did energy, time or EDP change?

use super::data::{Cost, Device, Point};
use super::gain::{LEVEL, Ratio, ratio};
use super::grid::Grid;
use ergometer_record::{Interval, stats};

/// What happened to one point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointChange {
    /// Device, workload and setting.
    pub point: String,
    /// Device and workload.
    pub workload: String,
    /// New over base, paired by block.
    pub time: Ratio,
    /// Likewise.
    pub energy: Ratio,
    /// Likewise.
    pub edp: Ratio,
}

/// What happened overall.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Points that both files have.
    pub points: Vec<PointChange>,
    /// Over the settings of each workload, where there are several: geometric mean of their ratios, with an interval over
    /// settings. A regression of one kernel shows here with more certainty than in any of its points.
    pub workloads: Vec<PointChange>,
    /// Over the points: geometric mean of their ratios, with an interval over points. `None` without common points.
    pub overall: Option<PointChange>,
    /// Points that only the base has.
    pub only_in_base: Vec<String>,
    /// Points that only the new file has.
    pub only_in_new: Vec<String>,
    /// `VIRTUAL` or the like, where either file has such energies.
    pub label: Option<&'static str>,
}

/// Compares two gatherings of rows.
pub fn compare(base: &[Device], new: &[Device]) -> Comparison {
    let (base_points, new_points) = (points(base), points(new));
    let mut changes = Vec::new();
    let mut only_in_base = Vec::new();
    for (name, workload, old) in &base_points {
        let Some((.., new)) = new_points.iter().find(|(other, ..)| other == name) else {
            only_in_base.push(name.clone());
            continue;
        };
        let of = |metric: fn(&Cost) -> f64| ratio(old, new, metric);
        if let (Some(time), Some(energy), Some(edp)) = (of(|c| c.time_s), of(|c| c.energy_j), of(Cost::edp)) {
            changes.push(PointChange { point: name.clone(), workload: workload.clone(), time, energy, edp });
        } else {
            only_in_base.push(format!("{name} (no common block)"));
        }
    }
    let only_in_new =
        new_points.iter().map(|(n, ..)| n).filter(|n| base_points.iter().all(|(o, ..)| o != *n)).cloned().collect();
    let label = base.iter().chain(new).find_map(Device::label);
    let all: Vec<&PointChange> = changes.iter().collect();
    Comparison {
        overall: over_points("all points", &all),
        workloads: by_workload(&changes),
        points: changes,
        only_in_base,
        only_in_new,
        label,
    }
}

/// One change a workload that has several points.
fn by_workload(changes: &[PointChange]) -> Vec<PointChange> {
    let mut names: Vec<&str> = changes.iter().map(|change| change.workload.as_str()).collect();
    names.dedup();
    let of = |name: &str| {
        let of: Vec<&PointChange> = changes.iter().filter(|change| change.workload == name).collect();
        if of.len() < 2 { None } else { over_points(&format!("{name}, all settings"), &of) }
    };
    names.into_iter().filter_map(of).collect()
}

/// Name, device with workload, point.
fn points(devices: &[Device]) -> Vec<(String, String, &Point)> {
    let mut points = Vec::new();
    for device in devices {
        for workload in &device.workloads {
            for point in std::iter::once(&workload.baseline).chain(&workload.points) {
                let setting = point.setting.as_ref().map_or_else(|| point.label.clone(), ToString::to_string);
                let workload = format!("{}: {}", device.name, workload.label);
                points.push((format!("{workload} @{setting}"), workload, point));
            }
        }
    }
    points
}

/// Geometric mean over points, with an interval over them.
fn over_points(name: &str, changes: &[&PointChange]) -> Option<PointChange> {
    let of = |ratio: fn(&PointChange) -> f64| {
        let new: Vec<f64> = changes.iter().map(|change| ratio(change)).collect();
        Ratio::of(&vec![1.0; new.len()], &new)
    };
    Some(PointChange {
        point: name.to_owned(),
        workload: changes.first()?.workload.clone(),
        time: of(|c| c.time.estimate)?,
        energy: of(|c| c.energy.estimate)?,
        edp: of(|c| c.edp.estimate)?,
    })
}

/// The point's own changes that exceed a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceeded {
    /// Which point.
    pub point: String,
    /// `time`, `energy` or `EDP`.
    pub what: &'static str,
    /// The change.
    pub ratio: Ratio,
}

/// The members of a family that exceed a threshold.
fn exceeding(family: &[PointChange], share: f64) -> Vec<Exceeded> {
    let all: Vec<(&PointChange, &'static str, Ratio)> = family
        .iter()
        .flat_map(|c| [("time", c.time), ("energy", c.energy), ("EDP", c.edp)].map(|(what, ratio)| (c, what, ratio)))
        .collect();
    let known: Vec<f64> = all.iter().filter_map(|(.., ratio)| ratio.p).collect();
    let mut adjusted = stats::holm(&known).into_iter();
    let mut exceeded = Vec::new();
    for (change, what, ratio) in all {
        let p = ratio.p.and_then(|_| adjusted.next());
        if ratio.estimate > 1.0 + share && p.is_none_or(|p| p < 1.0 - LEVEL) {
            exceeded.push(Exceeded { point: change.point.clone(), what, ratio });
        }
    }
    exceeded
}

impl Comparison {
    /// Increases beyond `share` (0.03 is 3 %) that are more than scatter: the estimate exceeds the threshold and no change is
    /// rejected at 5 %, adjusted by Holm over all points, and over all workloads, so that a file of many points does not
    /// raise an alarm by their number. A single block has no p-value; its estimate alone decides, and the text says so.
    pub fn over(&self, share: f64) -> Vec<Exceeded> {
        let overall: Vec<PointChange> = self.overall.iter().filter(|_| self.points.len() > 1).cloned().collect();
        [&overall, &self.workloads, &self.points].into_iter().flat_map(|family| exceeding(family, share)).collect()
    }

    /// One row a point, with intervals.
    pub fn grid(&self) -> Grid {
        let label = self.label.map_or_else(String::new, |label| format!("{label}: "));
        let text = |ratio: Ratio| {
            let change = ratio.change_pct();
            match ratio.change_interval_pct() {
                Some(Interval { low, high, .. }) => format!("{change:+.2}% [{low:+.2}, {high:+.2}]"),
                None => format!("{change:+.2}%"),
            }
        };
        let rows = self
            .points
            .iter()
            .chain(&self.workloads)
            .chain(&self.overall)
            .map(|c| vec![c.point.clone(), text(c.energy), text(c.time), text(c.edp), c.edp.n.to_string()])
            .collect();
        let mut notes = vec![
            "Changes are new over base, paired by block, with 95 % intervals; over several settings the interval is over them."
                .to_owned(),
        ];
        if self.points.iter().any(|c| c.edp.interval.is_none()) {
            notes.push("Points with n = 1 have no interval: their change may be scatter.".into());
        }
        for (names, which) in [(&self.only_in_base, "base"), (&self.only_in_new, "new file")] {
            if !names.is_empty() {
                notes.push(format!("Only in the {which}: {}.", names.join("; ")));
            }
        }
        Grid {
            title: format!("{label}energy, time and EDP, new against base"),
            groups: Vec::new(),
            columns: ["Point", "Energy", "Time", "EDP", "n"].map(str::to_owned).to_vec(),
            rows,
            notes,
        }
    }
}
