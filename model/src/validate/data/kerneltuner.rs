//! Kernel Tuner: one FP32 kernel at ten locked clocks; where the voltage begins to rise.

use super::{DataError, DataReport, DataRow, Dataset, Finding};
use crate::device::Z95;
use crate::response::{Bound, Observation, Series, fit};
use ergometer_record::{Interval, files};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Cache {
    cache: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    /// Clock that was reached, in MHz; the two highest that were asked for were not.
    core_freq: f64,
    /// In ms.
    time: f64,
    /// In W.
    nvml_power: f64,
}

/// GPU, file, power limit in W, published ridge in MHz (Schoonhoven et al. 2022 give 1350 for the A4000).
const DEVICES: [(&str, &str, f64, Option<f64>); 2] = [
    ("RTX A4000", "synthetic_fp32_cache_NVIDIA_RTX_A4000.json", 140.0, Some(1350.0)),
    ("A100 PCIe", "synthetic_fp32_cache_NVIDIA_A100-PCIE-40GB.json", 250.0, None),
];

/// The clock at which the voltage leaves its floor, with its posterior interval.
pub(super) fn ridge(folder: &Path) -> Result<DataReport, DataError> {
    let mut rows = Vec::new();
    for (device, file, tdp_w, published_mhz) in DEVICES {
        let path = folder.join(file);
        let problem = |problem: String| DataError::Content { path: path.clone(), problem };
        let cache: Cache =
            serde_json::from_str(&files::read_text(&path)?).map_err(|error| problem(error.to_string()))?;
        let top = cache.cache.values().map(|run| run.core_freq).fold(0.0, f64::max);
        let points = cache.cache.values().map(|run| Observation {
            bound: Bound { clock: run.core_freq / top, cap_w: None },
            time_s: run.time * 1e-3,
            power_w: run.nvml_power,
        });
        let series = Series { name: device.to_owned(), points: points.collect() };
        let points = series.points.len();
        let fit = fit(&[series], tdp_w)?;
        let estimate = fit.device.voltage_knee * top;
        let half = (Z95 * fit.device_sd_log[3]).exp();
        let found_mhz = Interval { estimate, low: estimate / half, high: estimate * half, level: 0.95, n: points };
        let finding = Finding::Ridge { found_mhz, published_mhz, target_percent: published_mhz.map(|_| 5.0) };
        rows.push(DataRow { device: device.to_owned(), finding });
    }
    let question = "the clock at which the voltage leaves its floor, from time and power at locked clocks".to_owned();
    Ok(DataReport { dataset: Dataset::KerneltunerRidge, question, rows, notes: Vec::new() })
}
