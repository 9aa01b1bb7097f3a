//! Governor, clock bounds and energy-performance preference, one knob a cpufreq policy.
//!
//! Source: Linux `Documentation/admin-guide/pm/cpufreq.rst` and `intel_pstate.rst`. Frequencies are in kHz.

use super::file::{DefaultValue, FileKnob, read_error};
use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever};
use crate::sensor::Roots;
use crate::sensor::roots::{names_in, read_number, read_trimmed};

const FILES: [&str; 4] = ["scaling_governor", "scaling_min_freq", "scaling_max_freq", "energy_performance_preference"];

/// Every policy's knobs; one reason where the machine has no cpufreq at all.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let folder = roots.sys.join("devices/system/cpu/cpufreq");
    let policies: Vec<String> =
        names_in(&folder).unwrap_or_default().into_iter().filter(|n| n.starts_with("policy")).collect();
    if policies.is_empty() {
        return vec![Err(KnobError::Missing {
            id: "cpufreq".into(),
            reason: format!(
                "{} holds no policy: no cpufreq driver is loaded (usual in virtual machines)",
                folder.display()
            ),
        })];
    }
    let mut found = Vec::new();
    for policy in &policies {
        for file in FILES {
            // Only drivers with hardware-managed P-states have a preference; its absence says nothing is wrong.
            if file == "energy_performance_preference" && !folder.join(policy).join(file).exists() {
                continue;
            }
            found.push(open(&format!("cpufreq:{policy}:{file}"), roots));
        }
    }
    found
}

/// Opens `cpufreq:policy0:scaling_max_freq` and its like.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let unknown =
        || KnobError::Missing { id: id.to_owned(), reason: "it is no cpufreq knob that ergometer knows".into() };
    let mut parts = id.split(':').skip(1);
    let (Some(policy), Some(file), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unknown());
    };
    if !policy.starts_with("policy") || policy.contains('/') {
        return Err(unknown());
    }
    let folder = roots.sys.join("devices/system/cpu/cpufreq").join(policy);
    let path = folder.join(file);
    let words = |name: &str| -> Result<Allowed, KnobError> {
        let text = read_trimmed(&folder.join(name)).map_err(|e| read_error(id, &folder.join(name), &e))?;
        Ok(Allowed::List(text.split_whitespace().map(str::to_owned).collect()))
    };
    let bounds = || -> Result<Allowed, KnobError> {
        let bound = |name: &str| -> Result<f64, KnobError> {
            read_number(&folder.join(name)).map_err(|e| read_error(id, &folder.join(name), &e))
        };
        Ok(Allowed::Range { min: bound("cpuinfo_min_freq")?, max: bound("cpuinfo_max_freq")?, step: None, unit: "kHz" })
    };
    let (lever, allowed, default) = match file {
        "scaling_governor" => (Lever::Governor, words("scaling_available_governors")?, DefaultValue::Unstated),
        "scaling_min_freq" => (Lever::CpuMin, bounds()?, DefaultValue::File(folder.join("cpuinfo_min_freq"))),
        "scaling_max_freq" => (Lever::CpuMax, bounds()?, DefaultValue::File(folder.join("cpuinfo_max_freq"))),
        "energy_performance_preference" => {
            (Lever::Epp, words("energy_performance_available_preferences")?, DefaultValue::Text("default".into()))
        }
        _ => return Err(unknown()),
    };
    let knob = FileKnob { id: id.to_owned(), path, lever, allowed, default, permission: roots.permission };
    knob.read()?;
    Ok(Box::new(knob))
}
