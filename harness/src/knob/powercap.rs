//! RAPL power limits of the packages. Values are in microwatts.
//!
//! Source: Linux `Documentation/power/powercap/powercap.rst`. The cap of a setting is the long-term constraint, as in
//! thesis 3.5.2.1. The limits of `intel-rapl-mmio` are a second set, of which the lower binds; they are left as found,
//! and a cap above them shows as clipped by its effect.

use super::file::{DefaultValue, FileKnob, read_error};
use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever};
use crate::sensor::Roots;
use crate::sensor::roots::{names_in, read_number, read_trimmed};

/// The long-term limit of every package; one reason where there is none.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let folder = roots.sys.join("class/powercap");
    let mut found = Vec::new();
    for zone in names_in(&folder).unwrap_or_default() {
        let is_package = zone.strip_prefix("intel-rapl:").is_some_and(|rest| !rest.contains(':'))
            && read_trimmed(&folder.join(&zone).join("name")).is_ok_and(|name| name.starts_with("package"));
        if !is_package {
            continue;
        }
        for n in 0..4 {
            let name = folder.join(&zone).join(format!("constraint_{n}_name"));
            if read_trimmed(&name).is_ok_and(|name| name == "long_term") {
                found.push(open(&format!("powercap:{zone}:constraint_{n}_power_limit_uw"), roots));
            }
        }
    }
    if found.is_empty() {
        found.push(Err(KnobError::Missing {
            id: "powercap".into(),
            reason: format!("{} holds no package with a long-term power limit", folder.display()),
        }));
    }
    found
}

/// Opens `powercap:intel-rapl:0:constraint_0_power_limit_uw`.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let parts = id.strip_prefix("powercap:").and_then(|rest| rest.rsplit_once(':'));
    let constraint = parts.and_then(|(_, file)| file.strip_suffix("_power_limit_uw"));
    let (Some((zone, file)), Some(constraint)) = (parts, constraint) else {
        return Err(KnobError::Missing {
            id: id.to_owned(),
            reason: "it is no power limit that ergometer knows".into(),
        });
    };
    if zone.contains('/') || file.contains('/') {
        return Err(KnobError::Missing { id: id.to_owned(), reason: "its name holds a slash".into() });
    }
    let folder = roots.sys.join("class/powercap").join(zone);
    let path = folder.join(file);
    let present: f64 = read_number(&path).map_err(|e| read_error(id, &path, &e))?;
    let stated = |what: &str| read_number::<f64>(&folder.join(format!("{constraint}_{what}_power_uw"))).ok();
    // Some firmware states a maximum below the limit that it set itself, or none: what is in force is allowed.
    let max = stated("max").filter(|max| *max > 0.0).map_or(present, |max| max.max(present));
    let knob = FileKnob {
        id: id.to_owned(),
        path,
        lever: Lever::CpuCap,
        allowed: Allowed::Range { min: stated("min").unwrap_or(0.0), max, step: None, unit: "uW" },
        default: DefaultValue::Unstated,
        permission: roots.permission,
    };
    knob.read()?;
    Ok(Box::new(knob))
}
