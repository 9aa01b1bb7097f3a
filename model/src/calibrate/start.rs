//! Starting descriptions: facts and priors before the fit.

use crate::device::{Assumed, BUILTIN_NAMES, DeviceError, DeviceKind, DeviceModel, Specified};
use ergometer_record::{Kernel, Precision, Row};
use std::collections::BTreeMap;

use super::CalibrationError;

/// What the machine tells about itself without measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuFacts {
    /// A short name, without the host's.
    pub name: String,
    /// The model name for people.
    pub title: String,
    /// Physical cores that the kernels used.
    pub cores: u32,
    /// Top clock in Hz, where the machine tells.
    pub clock_hz: Option<f64>,
    /// Last-level cache in B, where the machine tells.
    pub last_level_cache_bytes: Option<f64>,
}

/// The description of a CPU from what the machine says and from its own probes: peaks from `probe_fma` (else the best
/// kernel), bandwidth from `probe_read`, `probe_copy` or TRIAD. Power priors are there only where rows carry energy.
///
/// # Errors
/// No row that tells a rate or a bandwidth.
pub fn cpu(facts: &CpuFacts, rows: &[Row]) -> Result<DeviceModel, CalibrationError> {
    let mut device = DeviceModel {
        name: facts.name.clone(),
        title: facts.title.clone(),
        kind: DeviceKind::Cpu,
        configuration: None,
        allowed: crate::device::Allowed::default(),
        specification: BTreeMap::new(),
        assumed: crate::device::common(DeviceKind::Cpu)?,
        fit: None,
        fitted: BTreeMap::new(),
        posterior: None,
    };
    let mut fact = |key: &str, value: f64, source: &str| {
        device.specification.insert(key.to_owned(), Specified { value, source: source.to_owned() });
    };
    fact("compute_units", f64::from(facts.cores.max(1)), "cores that the kernels used");
    // Without a clock setting the rates hold at whatever clock the machine chose; its number then does not matter.
    match facts.clock_hz.filter(|hz| *hz > 1e7) {
        Some(hz) => fact("clock_hz", hz, "top clock as the machine reports it"),
        None => fact("clock_hz", 1e9, "unknown: a nominal 1 GHz, to which clock settings would be relative"),
    }
    if let Some(bytes) = facts.last_level_cache_bytes.filter(|b| *b >= 1e3) {
        fact("l2_bytes", bytes, "last-level cache as the machine reports it");
    }
    let most = rows.iter().map(|row| row.threads).max().unwrap_or(0);
    let best = |rate: &dyn Fn(&Row) -> Option<f64>| {
        let rates = rows.iter().filter(|row| row.threads == most && row.time.0 > 0.0).filter_map(rate);
        rates.filter(|r| r.is_finite() && *r > 0.0).max_by(f64::total_cmp)
    };
    let mut any_peak = false;
    for (precision, key) in [(Precision::F64, "peak_f64_flop_per_s"), (Precision::F32, "peak_f32_flop_per_s")] {
        let of = |probe: bool| {
            best(&|row: &Row| {
                let wanted = row.spec.precision == precision && (row.spec.kernel == Kernel::ProbeFma) == probe;
                wanted.then(|| row.spec.flops() / row.time.0)
            })
        };
        let found = of(true).map(|r| (r, "fastest run of the FMA probe"));
        if let Some((rate, source)) = found.or_else(|| of(false).map(|r| (r, "fastest kernel: no FMA probe was run"))) {
            fact(key, rate, source);
            any_peak = true;
        }
    }
    // In-cache sizes stream faster than memory; the largest footprint of each kernel is the one that speaks of memory.
    let streams = [Kernel::Triad, Kernel::ProbeRead, Kernel::ProbeCopy];
    let largest = |kernel: Kernel| {
        rows.iter().filter(|r| r.spec.kernel == kernel).map(|r| r.spec.least_bytes()).max_by(f64::total_cmp)
    };
    let bandwidth = best(&|row: &Row| {
        let speaks = streams.contains(&row.spec.kernel) && largest(row.spec.kernel) == Some(row.spec.least_bytes());
        speaks.then(|| row.spec.least_bytes() / row.time.0)
    });
    if let Some(rate) = bandwidth {
        fact("memory_bytes_per_s", rate, "fastest stream among the largest sizes of TRIAD and the memory probes");
    }
    if !any_peak || bandwidth.is_none() {
        return Err(CalibrationError::Search(
            "the records hold no stream (triad, probe_read or probe_copy) or no arithmetic at the largest thread count, \
             so that neither peak nor bandwidth is known: run `ergometer bench triad gemm`"
                .into(),
        ));
    }
    let watts = |row: &Row| row.power().map(|p| p.0).filter(|_| row.component.domain.name() == "package");
    if let Some(top) = rows.iter().filter_map(watts).max_by(f64::total_cmp) {
        device.assumed.extend(cpu_power(top));
    }
    Ok(device)
}

/// Wide power priors in proportion to the largest power in the records.
fn cpu_power(top_w: f64) -> impl Iterator<Item = (String, Assumed)> {
    let reason = "a share of the largest power in the records, known within a factor of four";
    let shares = [("idle_w", 0.25), ("static_w", 0.25), ("active_w", 0.2), ("alu_w", 0.35), ("path_w", 0.15)];
    let watts = shares.into_iter().map(move |(key, share)| {
        let value = share * top_w;
        (key, Assumed { value, low: value / 4.0, high: value * 4.0, reason: reason.into() })
    });
    let other = [
        (
            "dram_j_per_byte",
            5e-11,
            1e-11,
            3e-10,
            "the controller's part of a DRAM access; the package leaves out the DIMM",
        ),
        ("cache_j_per_byte", 2e-11, 4e-12, 1e-10, "on-chip SRAM and wires"),
        ("voltage_floor", 0.7, 0.5, 0.95, "0.6 to 0.7 V of 1 to 1.2 V"),
        ("voltage_knee", 0.45, 0.25, 0.8, "most of the range follows the voltage"),
    ];
    let other = other
        .into_iter()
        .map(|(key, value, low, high, reason)| (key, Assumed { value, low, high, reason: reason.into() }));
    watts.chain(other).map(|(key, assumed)| (key.to_owned(), assumed))
}

/// The shipped description that a GPU's own name points to: `vnode-a100`, `NVIDIA A100-SXM4-40GB`, `Tesla T4`.
///
/// # Errors
/// No shipped description fits: the error lists them.
pub fn gpu(device_name: &str) -> Result<DeviceModel, DeviceError> {
    let plain: String = device_name.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let stem = |name: &str| name.split('-').next().unwrap_or(name).to_owned();
    match BUILTIN_NAMES.iter().find(|name| plain.contains(&stem(name))) {
        Some(name) => DeviceModel::builtin(name),
        None => Err(DeviceError::Unknown { name: device_name.to_owned() }),
    }
}
