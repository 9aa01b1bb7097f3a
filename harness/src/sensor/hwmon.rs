//! Graphics cards and platforms that report in hwmon.
//!
//! Source: Linux `Documentation/hwmon/sysfs-interface.rst` (`energy*_input` in microjoules, `power*_average` and
//! `power*_input` in microwatts); `Documentation/gpu/amdgpu/thermal.rst`; the i915 and xe hwmon drivers; NVIDIA, *Grace
//! Performance Tuning Guide* (`power_meter` with `power1_oem_info`).

use super::roots::{is_refusal, names_in, read_number, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One hwmon device.
#[derive(Debug, Clone)]
pub(crate) struct Chip {
    /// Driver's name, such as `amdgpu`.
    pub(crate) name: String,
    /// Bus address where it hangs on a bus (`0000:03:00.0`), else its hwmon name.
    pub(crate) address: String,
    /// `/sys/class/hwmon/hwmonN`.
    pub(crate) folder: PathBuf,
}

/// All hwmon devices, in order.
pub(crate) fn chips(roots: &Roots) -> Vec<Chip> {
    let class = roots.sys.join("class/hwmon");
    let mut chips = Vec::new();
    for hwmon in names_in(&class).unwrap_or_default() {
        let folder = class.join(&hwmon);
        let Ok(name) = read_trimmed(&folder.join("name")) else { continue };
        let address = std::fs::read_link(folder.join("device"))
            .ok()
            .and_then(|target| target.file_name().map(|n| n.to_string_lossy().into_owned()))
            .unwrap_or(hwmon);
        chips.push(Chip { name, address, folder });
    }
    chips
}

/// True for the drivers of graphics cards.
pub(crate) fn is_card(name: &str) -> bool {
    matches!(name, "amdgpu" | "i915" | "xe")
}

struct Hwmon {
    info: SensorInfo,
    path: PathBuf,
    counter: bool,
}

/// Every chip of a kind that is known; cards are numbered from `first_card`. Nothing where there is none.
pub(crate) fn probe(roots: &Roots, first_card: u32) -> Vec<Found> {
    let mut found = Vec::new();
    let mut next: BTreeMap<Domain, u32> = BTreeMap::from([(Domain::Gpu, first_card)]);
    for chip in chips(roots) {
        let domain = match chip.name.as_str() {
            name if is_card(name) => Domain::Gpu,
            "power_meter" => match grace_domain(&chip) {
                Some(domain) => domain,
                None => continue,
            },
            _ => continue,
        };
        let index = next.entry(domain).or_default();
        found.extend(open(&chip, Component::new(domain, *index)));
        *index += 1;
    }
    found
}

/// What an ACPI power meter covers. A Grace says so in words; any other one measures the machine's supply.
fn grace_domain(chip: &Chip) -> Option<Domain> {
    match read_trimmed(&chip.folder.join("power1_oem_info")) {
        Ok(info) if info.starts_with("CPU Power Socket") => Some(Domain::Package),
        Ok(info) if info.starts_with("Grace Power Socket") => Some(Domain::Psys),
        // The module contains Grace and, on a Grace Hopper, the card, which NVML measures; SysIO is a part of Grace.
        Ok(info) if info.starts_with("Module Power Socket") || info.starts_with("SysIO Power Socket") => None,
        _ => Some(Domain::Meter),
    }
}

/// The chip's counter and its power, as far as it has them.
fn open(chip: &Chip, component: Component) -> Vec<Found> {
    let mut found = Vec::new();
    // xe numbers the card 1 and its package 2; i915 has one.
    for (file, counter) in [("energy1_input", true), ("power1_average", false), ("power1_input", false)] {
        let path = chip.folder.join(file);
        if !path.exists() || (file == "power1_input" && found.iter().any(Result::is_ok)) {
            continue;
        }
        let mut sensor = Hwmon {
            info: SensorInfo {
                id: format!("hwmon:{}:{}:{file}", chip.name, chip.address),
                component,
                provenance: if counter { Provenance::Counter } else { Provenance::Integrated },
                // ACPI meters state their averaging interval; drivers of cards do not, and firmware averages over
                // some tens of milliseconds.
                period: read_number::<f64>(&chip.folder.join("power1_average_interval"))
                    .ok()
                    .filter(|ms| *ms > 0.0)
                    .map_or(Seconds(if counter { 0.01 } else { 0.1 }), |ms| Seconds(ms * 1e-3)),
                resolution: 1e-6,
                wrap: None,
                // Not stated by the vendors; 5 % either way, uniform, as for NVML.
                gain_u: 0.05 / 3f64.sqrt(),
                characterised: None,
            },
            path,
            counter,
        };
        if counter {
            // The drivers extend the hardware's counter to 64 bits.
            sensor.info.resolution = 2f64.powi(-14);
        }
        found.push(match sensor.value() {
            Ok(_) => Ok(Box::new(sensor) as Box<dyn Sensor>),
            Err(error) => Err(error),
        });
    }
    if found.is_empty() {
        found.push(Err(SensorError::Missing {
            id: format!("hwmon:{}:{}", chip.name, chip.address),
            reason: "its driver offers neither energy1_input nor power1_average nor power1_input".into(),
        }));
    }
    found
}

impl Hwmon {
    fn value(&self) -> Result<f64, SensorError> {
        read_number::<f64>(&self.path).map(|micro| micro * 1e-6).map_err(|error| {
            let id = self.info.id.clone();
            if is_refusal(&error) {
                SensorError::NotPermitted {
                    id,
                    reason: format!("{} can't be read ({error})", self.path.display()),
                    remedy: format!("sudo chmod a+r {}", self.path.display()),
                }
            } else {
                SensorError::Failed { id, reason: format!("{}: {error}", self.path.display()) }
            }
        })
    }
}

impl Sensor for Hwmon {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let value = self.value()?;
        let quantity = if self.counter { Quantity::Energy(Joules(value)) } else { Quantity::Power(Watts(value)) };
        Ok(Reading { time: clock.now(), quantity })
    }
}
