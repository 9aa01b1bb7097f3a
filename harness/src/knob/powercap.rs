//! RAPL power limits of the packages: long-term and short-term constraint, and the flag that puts them into force.
//! Limits are in microwatts.
//!
//! Source: Linux `Documentation/power/powercap/powercap.rst` and `drivers/powercap/intel_rapl_common.c`: constraint 0 is
//! `long_term` (PL1, tens of seconds), constraint 1 `short_term` (PL2, milliseconds), and a zone's `enabled` is the enable
//! bit of PL1 (it reads 0, and refuses writes, where the firmware has locked the register). The cap of thesis 3.5.2.1 is
//! the long-term one.
//!
//! `intel-rapl-mmio` is a second set of limits on the same package. The hardware obeys the lower of the two. Those of MMIO
//! are left as found: [`Knob::rivals`] tells them, so that a verdict can say which one binds.

use super::file::{DefaultValue, FileKnob, read_error};
use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever, Rival};
use crate::sensor::Roots;
use crate::sensor::roots::{names_in, read_number, read_trimmed};
use std::path::{Path, PathBuf};

/// The constraints of a package by the names that the driver gives them.
const CONSTRAINTS: [(&str, Lever); 2] = [("long_term", Lever::CpuCap), ("short_term", Lever::CpuCapShort)];
const ENABLED: &str = "enabled";

/// Limits and flag of every package; one reason where there is no limit.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let class = class(roots);
    let mut found = Vec::new();
    for (zone, _) in packages(&class, "intel-rapl:") {
        let limits: Vec<String> = constraints(&class.join(&zone)).into_iter().map(|(_, file)| file).collect();
        // The flag comes last: a limit is in place before it is put into force, and is withdrawn before it changes back.
        let flag = class.join(&zone).join(ENABLED).exists() && !limits.is_empty();
        let files = limits.into_iter().chain(flag.then(|| ENABLED.to_owned()));
        found.extend(files.map(|file| open(&format!("powercap:{zone}:{file}"), roots)));
    }
    if found.is_empty() {
        found.push(Err(KnobError::Missing {
            id: "powercap".into(),
            reason: format!("{} holds no package with a power limit", class.display()),
        }));
    }
    found
}

fn class(roots: &Roots) -> PathBuf {
    roots.sys.join("class/powercap")
}

/// Zones of a control type that are whole packages, with the package's name.
fn packages(class: &Path, prefix: &str) -> Vec<(String, String)> {
    let zones = names_in(class).unwrap_or_default().into_iter();
    let whole = zones.filter(|zone| zone.strip_prefix(prefix).is_some_and(|rest| !rest.contains(':')));
    whole
        .filter_map(|zone| {
            let name = read_trimmed(&class.join(&zone).join("name")).ok().filter(|name| name.starts_with("package"))?;
            Some((zone, name))
        })
        .collect()
}

/// The power limits of a zone: the constraint's name, and the file, long-term first.
fn constraints(folder: &Path) -> Vec<(&'static str, String)> {
    let of = |wanted: &'static str| {
        (0..4).find_map(|n| {
            let name = read_trimmed(&folder.join(format!("constraint_{n}_name"))).ok()?;
            (name == wanted).then(|| (wanted, format!("constraint_{n}_power_limit_uw")))
        })
    };
    CONSTRAINTS.iter().filter_map(|(name, _)| of(name)).collect()
}

/// Opens `powercap:intel-rapl:0:constraint_0_power_limit_uw` and its like, or `powercap:intel-rapl:0:enabled`.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let missing = |reason: &str| KnobError::Missing { id: id.to_owned(), reason: reason.into() };
    let (zone, file) = id
        .strip_prefix("powercap:")
        .and_then(|rest| rest.rsplit_once(':'))
        .filter(|(zone, file)| !zone.contains('/') && !file.contains('/'))
        .ok_or_else(|| missing("it is no power limit that ergometer knows"))?;
    let folder = class(roots).join(zone);
    let knob = |lever, allowed| FileKnob {
        id: id.to_owned(),
        path: folder.join(file),
        lever,
        allowed,
        default: DefaultValue::Unstated,
        permission: roots.permission,
    };
    if file == ENABLED {
        let flag = knob(Lever::CpuCapEnable, Allowed::List(vec!["0".into(), "1".into()]));
        flag.read()?;
        return Ok(Box::new(flag));
    }
    let constraint = file
        .strip_suffix("_power_limit_uw")
        .filter(|rest| rest.starts_with("constraint_"))
        .ok_or_else(|| missing("it is no power limit that ergometer knows"))?;
    let path = folder.join(file);
    let present: f64 = read_number(&path).map_err(|e| read_error(id, &path, &e))?;
    let name = read_trimmed(&folder.join(format!("{constraint}_name"))).unwrap_or_default();
    let (name, lever) = *CONSTRAINTS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| missing("it is neither the long-term nor the short-term limit"))?;
    let stated = |what: &str| read_number::<f64>(&folder.join(format!("{constraint}_{what}_power_uw"))).ok();
    // Some firmware states a maximum below the limit that it set itself, or none: what is in force is allowed.
    let max = stated("max").filter(|max| *max > 0.0).map_or(present, |max| max.max(present));
    let allowed = Allowed::Range { min: stated("min").unwrap_or(0.0), max, step: None, unit: "uW" };
    Ok(Box::new(Limit { file: knob(lever, allowed), class: class(roots), zone: zone.to_owned(), name }))
}

/// One power limit of a package.
struct Limit {
    file: FileKnob,
    class: PathBuf,
    zone: String,
    /// `long_term` or `short_term`.
    name: &'static str,
}

impl Knob for Limit {
    fn id(&self) -> &str {
        self.file.id()
    }

    fn lever(&self) -> Lever {
        self.file.lever()
    }

    fn allowed(&self) -> Result<Allowed, KnobError> {
        self.file.allowed()
    }

    fn read(&self) -> Result<Option<String>, KnobError> {
        self.file.read()
    }

    fn write(&mut self, value: &str) -> Result<(), KnobError> {
        self.file.write(value)
    }

    fn reset(&mut self) -> Result<(), KnobError> {
        self.file.reset()
    }

    fn file(&self) -> Option<&Path> {
        self.file.file()
    }

    fn rivals(&self) -> Vec<Rival> {
        let package = read_trimmed(&self.class.join(&self.zone).join("name")).unwrap_or_default();
        let mmio = packages(&self.class, "intel-rapl-mmio:").into_iter().filter(|(_, name)| *name == package);
        let zones = std::iter::once((self.zone.clone(), "")).chain(mmio.map(|(zone, _)| (zone, "MMIO ")));
        zones
            .flat_map(|(zone, interface)| {
                let folder = self.class.join(&zone);
                // The flag is that of the long-term limit; a zone without one has its limits in force.
                let off = read_trimmed(&folder.join(ENABLED)).is_ok_and(|flag| flag == "0");
                let in_force = constraints(&folder).into_iter().filter(move |(name, _)| !off || *name != "long_term");
                in_force
                    .filter(|(name, _)| zone != self.zone || *name != self.name)
                    .filter_map(|(name, file)| {
                        let watts = read_number::<f64>(&folder.join(file)).ok().filter(|uw| *uw > 0.0)? * 1e-6;
                        Some(Rival { name: format!("the {interface}{} limit", name.replace('_', "-")), watts })
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}
