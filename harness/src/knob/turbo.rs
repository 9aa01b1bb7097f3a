//! Opportunistic clocks above nominal, for the whole machine.
//!
//! Source: Linux `Documentation/admin-guide/pm/intel_pstate.rst` (`no_turbo`, 1 forbids) and `cpufreq.rst` (`boost`, 1
//! allows).

use super::file::{DefaultValue, FileKnob};
use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever};
use crate::sensor::Roots;

/// Journal id of `intel_pstate/no_turbo`, whose sense is reversed.
pub const NO_TURBO: &str = "turbo:intel_pstate:no_turbo";
/// Journal id of `cpufreq/boost`.
pub const BOOST: &str = "turbo:cpufreq:boost";

/// The one of the two that this machine has.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    for id in [NO_TURBO, BOOST] {
        match open(id, roots) {
            Err(KnobError::Missing { .. }) => {}
            other => return vec![other],
        }
    }
    vec![Err(KnobError::Missing {
        id: "turbo".into(),
        reason: "there is neither intel_pstate/no_turbo nor cpufreq/boost below /sys/devices/system/cpu".into(),
    })]
}

/// Opens one by its id.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let (file, allows_turbo) = match id {
        NO_TURBO => ("intel_pstate/no_turbo", "0"),
        BOOST => ("cpufreq/boost", "1"),
        _ => {
            return Err(KnobError::Missing {
                id: id.to_owned(),
                reason: "it is no turbo knob that ergometer knows".into(),
            });
        }
    };
    let knob = FileKnob {
        id: id.to_owned(),
        path: roots.sys.join("devices/system/cpu").join(file),
        lever: Lever::Turbo,
        allowed: Allowed::List(vec!["0".into(), "1".into()]),
        default: DefaultValue::Text(allows_turbo.into()),
        permission: roots.permission,
    };
    knob.read()?;
    Ok(Box::new(knob))
}
