//! Perseus: forward and backward time and energy of the pipeline stages of GPT-3 175B at locked clocks.

use super::table::{Split, judge, lines};
use super::{DataError, DataReport, Dataset};
use crate::response::{Bound, Observation, fit};
use std::collections::BTreeMap;
use std::path::Path;

/// One GPU of the data.
struct Device {
    name: &'static str,
    file: &'static str,
    /// Power limit as found in W, which scales the priors.
    tdp_w: f64,
    /// Whether that limit is reached at the top clocks. The A40's 300 W are; the A100's is not stated with the data,
    /// in which it draws up to 482 W.
    binds: bool,
    /// Targets of time and power in percent.
    targets: [Option<f64>; 2],
}

const DEVICES: [Device; 2] = [
    Device {
        name: "A100 SXM",
        file: "gpt3-175b+a100_sxm_bf16.csv",
        tdp_w: 500.0,
        binds: false,
        targets: [Some(1.0), Some(3.5)],
    },
    Device { name: "A40", file: "gpt3-175b+a40_bf16.csv", tdp_w: 300.0, binds: true, targets: [None, None] },
];

/// Every other clock, from the lowest.
fn is_known(index: usize, _: usize) -> bool {
    index.is_multiple_of(2)
}

/// Every second clock of every stage, predicted from the others.
pub(super) fn clocks(folder: &Path, seed: u64) -> Result<DataReport, DataError> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for Device { name: device, file, tdp_w, binds, targets } in DEVICES {
        let lines = lines(&folder.join(file))?;
        let mut top: f64 = 0.0;
        for line in &lines {
            top = top.max(line.number("frequency")?);
        }
        let mut groups: BTreeMap<String, Vec<(f64, Observation)>> = BTreeMap::new();
        for line in &lines {
            let name = format!("stage {} {}", line.text("stage")?, line.text("instruction")?);
            let (mhz, time_s) = (line.number("frequency")?, line.number("time")?);
            let bound = Bound { clock: mhz / top, cap_w: binds.then_some(tdp_w) };
            let point = Observation { bound, time_s, power_w: line.number("energy")? / time_s };
            groups.entry(name).or_default().push((mhz, point));
        }
        let sorted = |(name, mut points): (String, Vec<(f64, Observation)>)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by(|a, b| a.0 == b.0);
            Split { name, points, is_known }
        };
        let splits: Vec<Split> = groups.into_iter().map(sorted).collect();
        let series: Vec<_> = splits.iter().map(Split::series).collect();
        let fit = fit(&series, tdp_w)?;
        if !fit.converged {
            notes.push(format!("{device}: the search did not converge"));
        }
        rows.extend(judge(device, &splits, &fit, targets, seed));
    }
    let question = "time and power of pipeline stages at every second clock, from the others".to_owned();
    Ok(DataReport { dataset: Dataset::PerseusClocks, question, rows, notes })
}
