//! A calibration beside the truth that made its records.

use crate::calibrate::Calibration;
use ergometer_record::{Precision, stats};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One quantity, true and recovered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// The quantity; its ending is the unit.
    pub name: String,
    /// The truth.
    pub truth: f64,
    /// What the calibration found.
    pub value: f64,
    /// Error in percent of the truth.
    pub error_percent: f64,
    /// Posterior standard deviation of ln(value).
    pub sd_log: f64,
    /// ln(value / truth) in posterior standard deviations.
    pub z: f64,
    /// Whether the records determined every parameter in it.
    pub identified: bool,
}

/// A whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// What both sides know.
    pub quantities: Vec<Recovered>,
    /// Names of the truth for which the calibration has no counterpart.
    pub unmatched: Vec<String>,
    /// Median absolute error of the identified quantities, in percent.
    pub median_identified_percent: Option<f64>,
}

/// Compares. `truth` is keyed by the parameters of the vocabulary ([`crate::device::parameters`]) or by the names that
/// the virtual node uses, nested names joined by a dot (`gemm_flops_per_s.f32`, `ridge_hz`, `active_f`): the latter are
/// brought to comparable quantities here. Parameters that only exist as a product are compared as the product.
pub fn recover(truth: &BTreeMap<String, f64>, calibration: &Calibration) -> Recovery {
    let mut quantities = Vec::new();
    let mut unmatched = Vec::new();
    for (name, value) in truth {
        match counterpart(name, *value, truth, calibration) {
            Some(found) => quantities.push(found),
            None if is_context(name) => {}
            None => unmatched.push(name.clone()),
        }
    }
    let errors: Vec<f64> = quantities.iter().filter(|q| q.identified).map(|q| q.error_percent.abs()).collect();
    Recovery { quantities, unmatched, median_identified_percent: stats::median(&errors) }
}

/// Names that only help to translate others.
fn is_context(name: &str) -> bool {
    matches!(name, "max_clock_hz" | "voltage_intercept_v" | "voltage_slope_v_per_ghz" | "cap_min_w" | "cap_max_w")
}

/// The quantity as a product of parameters and facts, with the truth in the same unit.
fn counterpart(name: &str, value: f64, truth: &BTreeMap<String, f64>, calibration: &Calibration) -> Option<Recovered> {
    let device = &calibration.device;
    let fitted = |key: &str| calibration.parameters.iter().find(|p| p.key == key);
    if fitted(name).is_some() {
        return Some(compare(name.to_owned(), value, &[name], &[], calibration));
    }
    let of = |unit: &str, truth: f64, keys: &[&str], facts: &[&str]| {
        let known = keys.iter().all(|key| fitted(key).is_some()) && facts.iter().all(|f| device.value(f).is_some());
        known.then(|| compare(unit.to_owned(), truth, keys, facts, calibration))
    };
    if let Some((family, precision)) = name.split_once('.') {
        let precision: Precision = precision.parse().ok()?;
        let peak = crate::per_op::physics::peak_key(precision);
        return match family {
            "gemm_flops_per_s" => of(name, value, &[&format!("sustained_{precision}")], &[peak]),
            "half_flops" => of(name, value, &[&format!("half_{precision}_flop")], &[]),
            _ => None,
        };
    }
    // Capacitance times f V^2 at the top clock is the power at the top clock.
    let top_hz = truth.get("max_clock_hz").copied();
    let top_v = top_hz
        .zip(truth.get("voltage_intercept_v"))
        .zip(truth.get("voltage_slope_v_per_ghz"))
        .map(|((hz, a), b)| a + b * hz / 1e9);
    let watts = |capacitance: f64| Some(capacitance * top_hz? * top_v?.powi(2));
    match name {
        "dram_bytes_per_s" => of(name, value, &["sustained_memory"], &["memory_bytes_per_s"]),
        "cache_bytes_per_s" => of(name, value, &["sustained_memory", "l2_speedup"], &["memory_bytes_per_s"]),
        "cache_bytes" => of(name, value, &["l2_share"], &["l2_bytes"]),
        "overlap" => of(name, value, &["roofline_exponent"], &[]),
        "ridge_hz" => of(name, value, &["voltage_knee"], &["clock_hz"]),
        "voltage_minimum_v" => of("voltage_floor", value / top_v?, &["voltage_floor"], &[]),
        "active_f" => of("active_w", watts(value)?, &["active_w"], &[]),
        "tensor_f" => of("tensor_w", watts(value)?, &["tensor_w"], &[]),
        "alu_f" => of("alu_w", watts(value)?, &["alu_w"], &[]),
        "memory_path_f" => of("path_w", watts(value)?, &["path_w"], &[]),
        _ => None,
    }
}

fn compare(name: String, truth: f64, keys: &[&str], facts: &[&str], calibration: &Calibration) -> Recovered {
    let parameters: Vec<_> =
        keys.iter().filter_map(|key| calibration.parameters.iter().find(|p| p.key == **key)).collect();
    let facts: f64 = facts.iter().filter_map(|fact| calibration.device.value(fact)).product();
    let value = parameters.iter().map(|p| p.value).product::<f64>() * facts;
    let sd_log = parameters.iter().map(|p| p.sd_log * p.sd_log).sum::<f64>().sqrt();
    Recovered {
        name,
        truth,
        value,
        error_percent: 100.0 * (value / truth - 1.0),
        sd_log,
        z: (value / truth).ln() / sd_log,
        identified: parameters.iter().all(|p| p.identified),
    }
}
