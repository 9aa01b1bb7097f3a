//! All knobs of a machine, and each of them from its journal id.

use super::{Allowed, Knob, KnobError, Lever, cpufreq, hwmon, nvml, powercap, turbo};
use crate::sensor::Roots;
use ergometer_record::Setting;

/// A knob, or why there is none.
pub type Found = Result<Box<dyn Knob>, KnobError>;

/// Opens the knobs of one kind by id.
type Opener = fn(&str, &Roots) -> Found;

/// Kinds by the first part of their ids. To add one: a file beside this one, and a line here.
const KINDS: [(&str, Opener); 5] = [
    ("cpufreq", cpufreq::open),
    ("turbo", turbo::open),
    ("powercap", powercap::open),
    ("nvml", nvml::open),
    ("hwmon", hwmon::open),
];

/// Looks for every knob; what is absent or may not be read comes back as its reason. Nothing is written.
pub fn probe(roots: &Roots) -> Vec<Found> {
    let mut found = cpufreq::probe(roots);
    found.extend(turbo::probe(roots));
    found.extend(powercap::probe(roots));
    found.extend(nvml::probe(roots));
    found.extend(hwmon::probe(roots));
    found
}

/// Opens any knob again from its journal id; those of the virtual node (`vnode:…`) too.
///
/// # Errors
/// No such knob exists here, or it may not be read.
pub fn open(id: &str, roots: &Roots) -> Found {
    let kind = id.split(':').next().unwrap_or_default();
    if let Some(virtual_knob) = crate::vnode::open_knob(id) {
        return virtual_knob.map(|knob| Box::new(knob) as Box<dyn Knob>);
    }
    match KINDS.iter().find(|(name, _)| *name == kind) {
        Some((_, open)) => open(id, roots),
        None => Err(KnobError::Missing {
            id: id.to_owned(),
            reason: format!("{kind:?} is no kind of knob; known are vnode, {}", KINDS.map(|(name, _)| name).join(", ")),
        }),
    }
}

/// The device that a knob belongs to, as lock files name it: knobs of one device are never shared by two leases.
pub fn device(id: &str) -> &str {
    match id.split(':').next().unwrap_or_default() {
        // Clocks, turbo and package limits act on one another: the processors are one device.
        "cpufreq" | "turbo" | "powercap" => "cpu",
        _ => id.rsplit_once(':').map_or(id, |(device, _)| device),
    }
}

/// What to write to `knob` so that it realises `setting`: the field of its lever in the knob's own unit. `None` where
/// the setting leaves that field as found.
///
/// # Errors
/// The knob does not accept that value.
pub fn encode(knob: &dyn Knob, setting: &Setting) -> Result<Option<String>, KnobError> {
    let allowed = knob.allowed()?;
    let unit = match &allowed {
        Allowed::Range { unit, .. } => unit,
        // Lists of clocks are in MHz (NVML).
        Allowed::List(_) => "MHz",
    };
    let scale = match unit {
        "uW" => 1e6,
        "mW" => 1e3,
        "kHz" => 1e-3,
        "MHz" => 1e-6,
        _ => 1.0,
    };
    let clock = |hz: Option<ergometer_record::Hertz>| hz.map(|hz| format!("{}", (hz.0 * scale).round()));
    let cap = |w: Option<ergometer_record::Watts>| w.map(|w| format!("{}", (w.0 * scale).round()));
    let text = match knob.lever() {
        Lever::Governor => setting.governor.clone(),
        Lever::Epp => setting.epp.clone(),
        Lever::Turbo => setting.turbo.map(|on| u8::from(on != (knob.id() == turbo::NO_TURBO)).to_string()),
        Lever::CpuMin => clock(setting.cpu_min_hz),
        Lever::CpuMax => clock(setting.cpu_max_hz),
        Lever::GpuClock => clock(setting.gpu_clock_hz),
        Lever::GpuMemClock => clock(setting.gpu_mem_clock_hz),
        Lever::CpuCap => cap(setting.cpu_cap_w),
        Lever::CpuCapShort => cap(setting.cpu_cap_short_w),
        Lever::CpuCapEnable => setting.cpu_cap_w.map(|_| "1".to_owned()),
        Lever::GpuCap => cap(setting.gpu_cap_w),
    };
    match text {
        Some(value) if !allowed.accepts(&value) => {
            Err(KnobError::NotAllowed { id: knob.id().to_owned(), value, allowed })
        }
        text => Ok(text),
    }
}

/// The levers whose fields `setting` names.
pub fn levers(setting: &Setting) -> Vec<Lever> {
    [
        (setting.governor.is_some(), Lever::Governor),
        (setting.epp.is_some(), Lever::Epp),
        (setting.turbo.is_some(), Lever::Turbo),
        (setting.cpu_min_hz.is_some(), Lever::CpuMin),
        (setting.cpu_max_hz.is_some(), Lever::CpuMax),
        (setting.cpu_cap_w.is_some(), Lever::CpuCap),
        (setting.cpu_cap_short_w.is_some(), Lever::CpuCapShort),
        (setting.gpu_clock_hz.is_some(), Lever::GpuClock),
        (setting.gpu_mem_clock_hz.is_some(), Lever::GpuMemClock),
        (setting.gpu_cap_w.is_some(), Lever::GpuCap),
    ]
    .into_iter()
    .filter_map(|(named, lever)| named.then_some(lever))
    .collect()
}
