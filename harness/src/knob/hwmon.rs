//! Power caps of graphics cards whose driver offers them in hwmon (amdgpu, xe). Values are in microwatts.
//!
//! Source: Linux `Documentation/hwmon/sysfs-interface.rst` (`power*_cap`, `_cap_min`, `_cap_max`, `_cap_default`). The
//! id names the card by its bus address, because hwmon numbers change from boot to boot.

use super::file::{DefaultValue, FileKnob, read_error};
use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever};
use crate::sensor::Roots;
use crate::sensor::hwmon::{chips, is_card};
use crate::sensor::roots::read_number;

/// The cap of every card; nothing where there is no such card.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    chips(roots)
        .into_iter()
        .filter(|chip| is_card(&chip.name) && chip.folder.join("power1_cap").exists())
        .map(|chip| open(&format!("hwmon:{}:power1_cap", chip.address), roots))
        .collect()
}

/// Opens `hwmon:0000:03:00.0:power1_cap`.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let address = id.strip_prefix("hwmon:").and_then(|rest| rest.strip_suffix(":power1_cap"));
    let chip = chips(roots).into_iter().find(|chip| Some(chip.address.as_str()) == address);
    let Some(chip) = chip else {
        return Err(KnobError::Missing {
            id: id.to_owned(),
            reason: "no card with that address has a power cap".into(),
        });
    };
    let path = chip.folder.join("power1_cap");
    let number = |name: &str| -> Result<f64, KnobError> {
        let file = chip.folder.join(name);
        read_number(&file).map_err(|error| read_error(id, &file, &error))
    };
    let default = chip.folder.join("power1_cap_default");
    let knob = FileKnob {
        id: id.to_owned(),
        lever: Lever::GpuCap,
        allowed: Allowed::Range {
            min: number("power1_cap_min").unwrap_or(0.0),
            max: number("power1_cap_max")?,
            step: None,
            unit: "uW",
        },
        default: if default.exists() { DefaultValue::File(default) } else { DefaultValue::Unstated },
        permission: roots.permission,
        path,
    };
    knob.read()?;
    Ok(Box::new(knob))
}
