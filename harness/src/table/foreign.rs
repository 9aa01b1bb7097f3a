//! The EDP table of a sweep measured by somebody else.

use super::TableError;
use super::data::{Cost, Device, Point, Workload};
use super::edp::{EdpTable, build};
use ergometer_record::format::foreign::{Baseline, ForeignPoint, Mapping};
use ergometer_record::{Technique, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Foreign points as a device; `name` says whose they are. Lines with the same workload and setting are repeats and become
/// blocks in the order of the file.
///
/// # Errors
/// A workload without its baseline; a baseline that is `max` or `min` of settings that are no numbers.
pub fn device(name: &str, points: &[ForeignPoint], mapping: &Mapping) -> Result<Device, TableError> {
    let mut workloads: BTreeMap<&str, Vec<&ForeignPoint>> = BTreeMap::new();
    for point in points {
        workloads.entry(&point.workload).or_default().push(point);
    }
    let mut device = Device {
        name: name.to_owned(),
        provenances: BTreeSet::new(),
        components: BTreeSet::new(),
        workloads: Vec::new(),
        remarks: vec![
            "The settings are taken as written in that file: nothing confirms that they held or that a cap was binding."
                .into(),
        ],
    };
    for (label, lines) in workloads {
        device.workloads.push(workload(label, &lines, mapping)?);
    }
    Ok(device)
}

/// The EDP table of foreign points.
///
/// # Errors
/// As [`device`].
pub fn table(name: &str, points: &[ForeignPoint], mapping: &Mapping) -> Result<EdpTable, TableError> {
    let device = device(name, points, mapping)?;
    let mut table = build(format!("best EDP improvement with associated execution time, {name}"), &device.workloads);
    table.unit = Some(mapping.unit.clone());
    table.notes.extend(device.remarks);
    Ok(table)
}

fn workload(label: &str, lines: &[&ForeignPoint], mapping: &Mapping) -> Result<Workload, TableError> {
    let baseline = baseline(label, lines, &mapping.baseline)?;
    let mut points: Vec<Point> = Vec::new();
    for line in lines {
        let index = points.iter().position(|point| point.label == line.setting).unwrap_or_else(|| {
            points.push(Point {
                label: line.setting.clone(),
                setting: None,
                technique: mapping.technique,
                // A foreign file makes no statement that could rule a setting out.
                verdicts: BTreeSet::from([Verdict::Held]),
                blocks: BTreeMap::new(),
                powers: BTreeMap::new(),
            });
            points.len() - 1
        });
        let blocks = &mut points[index].blocks;
        let block = blocks.len() as u32;
        blocks.insert(block, Cost { time_s: line.time.0, energy_j: line.energy.0 });
    }
    let at = points.iter().position(|point| point.label == baseline);
    let Some(at) = at else { return Err(no_baseline(label, &mapping.baseline)) };
    let mut baseline = points.remove(at);
    baseline.technique = Technique::Baseline;
    baseline.label = format!("{} (baseline)", baseline.label);
    Ok(Workload { label: label.to_owned(), spec: None, baseline, points })
}

fn no_baseline(label: &str, rule: &Baseline) -> TableError {
    TableError::NoBaseline { workload: label.to_owned(), baseline: String::from(rule.clone()) }
}

fn baseline(label: &str, lines: &[&ForeignPoint], rule: &Baseline) -> Result<String, TableError> {
    let value = |line: &ForeignPoint| {
        line.setting_value.ok_or_else(|| TableError::NotANumber {
            workload: label.to_owned(),
            setting: line.setting.clone(),
            line: line.line,
        })
    };
    let mut best: Option<(&ForeignPoint, f64)> = None;
    for line in lines {
        let better = match rule {
            Baseline::Value(text) if line.setting == *text => return Ok(text.clone()),
            Baseline::Value(_) => continue,
            Baseline::Max => value(line)? > best.map_or(f64::NEG_INFINITY, |(_, x)| x),
            Baseline::Min => value(line)? < best.map_or(f64::INFINITY, |(_, x)| x),
        };
        if better {
            best = Some((line, value(line)?));
        }
    }
    best.map(|(line, _)| line.setting.clone()).ok_or_else(|| no_baseline(label, rule))
}
