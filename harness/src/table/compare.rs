//! Two results files, point by point: did energy, time or EDP change?

use super::data::{Cost, Device, Point};
use super::gain::{Ratio, ratio};
use super::grid::Grid;
use ergometer_record::Interval;

/// What happened to one point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointChange {
    /// Device, workload and setting.
    pub point: String,
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
    for (name, old) in &base_points {
        let Some((_, new)) = new_points.iter().find(|(other, _)| other == name) else {
            only_in_base.push(name.clone());
            continue;
        };
        let of = |metric: fn(&Cost) -> f64| ratio(old, new, metric);
        if let (Some(time), Some(energy), Some(edp)) = (of(|c| c.time_s), of(|c| c.energy_j), of(Cost::edp)) {
            changes.push(PointChange { point: name.clone(), time, energy, edp });
        } else {
            only_in_base.push(format!("{name} (no common block)"));
        }
    }
    let only_in_new =
        new_points.iter().map(|(n, _)| n).filter(|n| base_points.iter().all(|(o, _)| o != *n)).cloned().collect();
    let label = base.iter().chain(new).find_map(Device::label);
    Comparison { overall: overall(&changes), points: changes, only_in_base, only_in_new, label }
}

fn points(devices: &[Device]) -> Vec<(String, &Point)> {
    let mut points = Vec::new();
    for device in devices {
        for workload in &device.workloads {
            for point in std::iter::once(&workload.baseline).chain(&workload.points) {
                let setting = point.setting.as_ref().map_or_else(|| point.label.clone(), ToString::to_string);
                points.push((format!("{}: {} @{setting}", device.name, workload.label), point));
            }
        }
    }
    points
}

fn overall(changes: &[PointChange]) -> Option<PointChange> {
    let of = |ratio: fn(&PointChange) -> f64| {
        let new: Vec<f64> = changes.iter().map(ratio).collect();
        Ratio::of(&vec![1.0; new.len()], &new)
    };
    Some(PointChange {
        point: "all points".into(),
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

impl Comparison {
    /// Increases beyond `share` (0.03 is 3 %) that are more than scatter: the estimate exceeds the threshold and the
    /// interval excludes "no change". A single block has no interval; its estimate alone decides, and the text says so.
    pub fn over(&self, share: f64) -> Vec<Exceeded> {
        let mut exceeded = Vec::new();
        for change in self.overall.iter().filter(|_| self.points.len() > 1).chain(&self.points) {
            for (what, ratio) in [("time", change.time), ("energy", change.energy), ("EDP", change.edp)] {
                if ratio.estimate > 1.0 + share && ratio.interval.is_none_or(|interval| interval.low > 1.0) {
                    exceeded.push(Exceeded { point: change.point.clone(), what, ratio });
                }
            }
        }
        exceeded
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
            .chain(&self.overall)
            .map(|c| vec![c.point.clone(), text(c.energy), text(c.time), text(c.edp), c.edp.n.to_string()])
            .collect();
        let mut notes = vec!["Changes are new over base, paired by block, with 95 % intervals.".to_owned()];
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
