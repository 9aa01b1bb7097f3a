//! Zeus: mean time of an epoch and mean power at every power limit, for networks and batch sizes on three GPUs.

use super::table::{Split, judge, lines};
use super::{DataError, DataReport, Dataset};
use crate::response::{Bound, Observation, fit};
use std::collections::BTreeMap;
use std::path::Path;

/// GPU, file, power limit as found in W (the largest limit of the file).
const DEVICES: [(&str, &str, f64); 3] = [
    ("V100", "summary_power_v100.csv", 250.0),
    ("A40", "summary_power_a40.csv", 300.0),
    ("RTX6000", "summary_power_rtx6000.csv", 260.0),
];

/// The lowest, the middle and the highest limit.
fn is_known(index: usize, count: usize) -> bool {
    index == 0 || index == count / 2 || index + 1 == count
}

/// Every other limit than the lowest, middle and highest, predicted from those three of all workloads on the GPU.
pub(super) fn caps(folder: &Path, seed: u64) -> Result<DataReport, DataError> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for (device, file, tdp_w) in DEVICES {
        let path = folder.join(file);
        let mut groups: BTreeMap<String, Vec<(f64, Observation)>> = BTreeMap::new();
        for line in lines(&path)? {
            let names = ["dataset", "network", "batch_size", "optimizer"].map(|column| line.text(column));
            let name = names.into_iter().collect::<Result<Vec<_>, _>>()?.join(" ");
            let cap = line.number("power_limit")?;
            let point = Observation {
                bound: Bound { clock: 1.0, cap_w: Some(cap) },
                time_s: line.number("time_per_epoch")?,
                power_w: line.number("average_power")?,
            };
            groups.entry(name).or_default().push((cap, point));
        }
        let mut splits = Vec::new();
        for (name, mut points) in groups {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by(|a, b| a.0 == b.0);
            if points.len() < 4 {
                notes.push(format!("{device}: {name} has {} limits, too few to hold one out", points.len()));
                continue;
            }
            splits.push(Split { name, points, is_known });
        }
        let series: Vec<_> = splits.iter().map(Split::series).collect();
        let fit = fit(&series, tdp_w)?;
        if !fit.converged {
            notes.push(format!("{device}: the search did not converge"));
        }
        rows.extend(judge(device, &splits, &fit, [Some(6.0), Some(3.0)], seed));
    }
    let question = "time and power at the other power limits, from the lowest, middle and highest".to_owned();
    Ok(DataReport { dataset: Dataset::ZeusCaps, question, rows, notes })
}
