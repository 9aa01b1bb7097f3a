//! RAPL through the powercap files of sysfs.
//!
//! Source: Linux `Documentation/power/powercap/powercap.rst` and `drivers/powercap/intel_rapl_common.c`: zones
//! `intel-rapl:<n>` (packages, psys) and `intel-rapl:<n>:<m>` (core, uncore, dram), each with `energy_uj`, a 32-bit
//! hardware counter in units of the processor, scaled to microjoules. Packages of several dies are zones of their own
//! (`package-0-die-1`). `intel-rapl-mmio` (`processor_thermal_rapl.c`) offers the same package once more through memory
//! of the thermal device: it is left out, and listed with that reason.

use super::roots::{is_refusal, names_in, read_number, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Registers are updated about once a millisecond (Intel SDM volume 3, 16.10.1).
pub(crate) const RAPL_PERIOD: Seconds = Seconds(0.001);

/// Standard uncertainty of RAPL's gain. Vendors state none. Packages since Haswell follow a reference meter within
/// about 2 % (Hackenberg et al., IPDPSW 2015); DRAM domains lie within 20 % of the measured rail (Desrochers et al.,
/// MEMSYS 2016), taken as the half-width of a uniform distribution.
pub(crate) fn rapl_gain_u(domain: Domain) -> f64 {
    if domain == Domain::Dram { 0.2 / 3f64.sqrt() } else { 0.02 }
}

struct Powercap {
    info: SensorInfo,
    path: PathBuf,
    /// Kept open: reading from the start again asks the driver anew, at a fraction of the cost of opening.
    file: File,
}

impl Powercap {
    fn microjoules(file: &File) -> io::Result<u64> {
        // Read a thousand times a second: on the stack, without a detour by text.
        let mut text = [0; 32];
        let length = file.read_at(&mut text, 0)?;
        let text = text.get(..length).unwrap_or_default();
        decimal(text).ok_or_else(|| {
            let shown = String::from_utf8_lossy(text);
            io::Error::new(io::ErrorKind::InvalidData, format!("{:?} is not a number", shown.trim()))
        })
    }
}

/// The number of a file that holds nothing else but white space around it; `None` for anything else.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let value = |sum: u64, digit: &u8| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(digit)) }
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, value) }
}

/// All zones; one reason where there is none.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let folder = roots.sys.join("class/powercap");
    let zones: Vec<String> =
        names_in(&folder).unwrap_or_default().into_iter().filter(|name| name.starts_with("intel-rapl:")).collect();
    if zones.is_empty() {
        let modules = "sudo modprobe intel_rapl_msr";
        return vec![Err(SensorError::Missing {
            id: "powercap".into(),
            reason: format!(
                "{} holds no RAPL zone; on a real Intel or AMD machine try `{modules}`, a virtual machine has none",
                folder.display()
            ),
        })];
    }
    let amd = is_amd(roots);
    let mut indices = Indices::default();
    let mut found: Vec<Found> = zones.iter().map(|zone| open(&folder, zone, amd, &mut indices)).collect();
    let again = names_in(&folder).unwrap_or_default().into_iter().filter(|name| name.starts_with("intel-rapl-mmio:"));
    found.extend(again.map(|zone| {
        let name = read_trimmed(&folder.join(&zone).join("name")).unwrap_or_else(|_| "a package".into());
        Err(SensorError::Missing {
            id: format!("powercap:{zone}"),
            reason: format!(
                "{name} a second time, through memory instead of registers; left out so that it is counted once"
            ),
        })
    }));
    found
}

fn is_amd(roots: &Roots) -> bool {
    read_trimmed(&roots.proc.join("cpuinfo"))
        .is_ok_and(|text| text.contains("AuthenticAMD") || text.contains("HygonGenuine"))
}

/// Numbers the zones of each domain: a package by its name, its parts by their package, others in order.
#[derive(Default)]
struct Indices {
    of_zone: BTreeMap<String, u32>,
    next: BTreeMap<Domain, u32>,
}

impl Indices {
    fn assign(&mut self, zone: &str, domain: Domain, name: &str) -> u32 {
        let parent = zone.rsplit_once(':').and_then(|(parent, _)| self.of_zone.get(parent)).copied();
        // `package-1`; packages of several dies (`package-1-die-0`) are numbered in order, die by die.
        let named = name.strip_prefix("package-").and_then(|rest| rest.parse().ok());
        let next = self.next.entry(domain).or_default();
        let index = match domain {
            Domain::Package => named.unwrap_or(*next),
            Domain::Psys => *next,
            _ => parent.unwrap_or(*next),
        };
        *next = (*next).max(index) + 1;
        self.of_zone.insert(zone.to_owned(), index);
        index
    }
}

fn open(folder: &Path, zone: &str, amd: bool, indices: &mut Indices) -> Found {
    let id = format!("powercap:{zone}");
    let path = folder.join(zone).join("energy_uj");
    let refused = |error: &io::Error, file: &Path| access_error(&id, file, error);
    let name_file = folder.join(zone).join("name");
    let name = read_trimmed(&name_file).map_err(|e| refused(&e, &name_file))?;
    let domain = match name.as_str() {
        "core" => Domain::Core,
        "uncore" => Domain::Uncore,
        "dram" => Domain::Dram,
        "psys" => Domain::Psys,
        _ if name.starts_with("package") => Domain::Package,
        _ => {
            return Err(SensorError::Missing {
                id,
                reason: format!("its domain {name:?} is not one that ergometer knows"),
            });
        }
    };
    let index = indices.assign(zone, domain, &name);
    if amd && domain == Domain::Core {
        // AMD counts each core by itself and the driver reads only one (MSR C001_029A, AMD PPR).
        return Err(SensorError::Missing {
            id,
            reason: "on AMD this zone counts a single core, not the cores of the package".into(),
        });
    }
    let range_file = folder.join(zone).join("max_energy_range_uj");
    let range: f64 = read_number(&range_file).map_err(|e| refused(&e, &range_file))?;
    let file = File::open(&path).map_err(|e| refused(&e, &path))?;
    Powercap::microjoules(&file).map_err(|e| refused(&e, &path))?;
    // The range is 2^32 - 1 steps of the hardware counter: that gives the step, which sysfs does not state.
    let step = range * 1e-6 / f64::from(u32::MAX);
    Ok(Box::new(Powercap {
        info: SensorInfo {
            id,
            component: Component::new(domain, index),
            provenance: Provenance::Counter,
            period: RAPL_PERIOD,
            resolution: step.max(1e-6),
            wrap: (range > 0.0).then_some(Joules(range * 1e-6 + step)),
            gain_u: rapl_gain_u(domain),
            characterised: None,
        },
        path,
        file,
    }))
}

fn access_error(id: &str, file: &Path, error: &io::Error) -> SensorError {
    let id = id.to_owned();
    if is_refusal(error) {
        SensorError::NotPermitted {
            id,
            reason: format!("{} is readable by root only since Linux 5.10 (CVE-2020-8694)", file.display()),
            remedy: format!("sudo chmod a+r {}", file.display()),
        }
    } else if error.kind() == io::ErrorKind::NotFound {
        SensorError::Missing { id, reason: format!("there is no {}", file.display()) }
    } else {
        SensorError::Failed { id, reason: format!("{}: {error}", file.display()) }
    }
}

impl Sensor for Powercap {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let value = Self::microjoules(&self.file).map_err(|e| access_error(&self.info.id, &self.path, &e))?;
        Ok(Reading { time: clock.now(), quantity: Quantity::Energy(Joules(value as f64 * 1e-6)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "\n", "-1", "1 2", "0x1", "18446744073709551616", "12a"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_library_does(value: u64, spaces in "[ \n\t]{0,3}") {
            prop_assert_eq!(decimal(format!("{value}{spaces}").as_bytes()), Some(value));
        }
    }
}
