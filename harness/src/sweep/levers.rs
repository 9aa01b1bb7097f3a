//! Which levers a setting pulls.

use crate::knob::{Knob, Lever};
use ergometer_record::Setting;

/// The levers that `setting` pulls and no knob realises, by name.
pub(super) fn missing<'a>(knobs: impl Iterator<Item = &'a dyn Knob>, setting: &Setting) -> Vec<&'static str> {
    let there: Vec<Lever> = knobs.map(|knob| knob.lever()).collect();
    [
        (Lever::Governor, "governor", setting.governor.is_some()),
        (Lever::Epp, "epp", setting.epp.is_some()),
        (Lever::Turbo, "turbo", setting.turbo.is_some()),
        (Lever::CpuMin, "cpu_min", setting.cpu_min_hz.is_some()),
        (Lever::CpuMax, "cpu_max", setting.cpu_max_hz.is_some()),
        (Lever::CpuCap, "cpu_cap", setting.cpu_cap_w.is_some()),
        (Lever::GpuClock, "gpu_clock", setting.gpu_clock_hz.is_some()),
        (Lever::GpuMemClock, "gpu_mem", setting.gpu_mem_clock_hz.is_some()),
        (Lever::GpuCap, "gpu_cap", setting.gpu_cap_w.is_some()),
    ]
    .into_iter()
    .filter(|(lever, _, asked)| *asked && !there.contains(lever))
    .map(|(_, name, _)| name)
    .collect()
}
