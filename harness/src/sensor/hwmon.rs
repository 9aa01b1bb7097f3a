//! Graphics cards and platforms that report in hwmon.
//!
//! Source: Linux `Documentation/hwmon/sysfs-interface.rst` (`energy*_input` in microjoules, `power*_average` and
//! `power*_input` in microwatts); `Documentation/gpu/amdgpu/thermal.rst`; `Documentation/ABI/testing/`
//! `sysfs-driver-intel-i915-hwmon` and `sysfs-driver-intel-xe-hwmon`; `drivers/hwmon/acpi_power_meter.c` with NVIDIA,
//! *Grace Performance Tuning Guide* (`power1_oem_info`); `drivers/hwmon/amd_energy.c`, which left Linux in 5.13 and lives
//! on as a module of its own.

use super::powercap::{RAPL_PERIOD, rapl_gain_u};
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
    /// Where its attributes are: `/sys/class/hwmon/hwmonN`, or its `device` for drivers of the older interface.
    pub(crate) folder: PathBuf,
}

/// All hwmon devices, in order.
pub(crate) fn chips(roots: &Roots) -> Vec<Chip> {
    let class = roots.sys.join("class/hwmon");
    let mut chips = Vec::new();
    for hwmon in names_in(&class).unwrap_or_default() {
        let entry = class.join(&hwmon);
        let address = std::fs::read_link(entry.join("device"))
            .ok()
            .and_then(|target| target.file_name().map(|n| n.to_string_lossy().into_owned()))
            .unwrap_or(hwmon);
        // hwmon_device_register, which acpi_power_meter used up to 6.13, leaves the attributes with the device.
        let folders = [entry.clone(), entry.join("device")];
        let named = folders.into_iter().find_map(|folder| Some((read_trimmed(&folder.join("name")).ok()?, folder)));
        if let Some((name, folder)) = named {
            chips.push(Chip { name, address, folder });
        }
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
        let (domain, socket) = match chip.name.as_str() {
            name if is_card(name) => (Domain::Gpu, None),
            "amd_energy" => {
                found.extend(sockets(&chip));
                continue;
            }
            "power_meter" => match grace_domain(&chip) {
                Some(covered) => covered,
                None => continue,
            },
            _ => continue,
        };
        let next = next.entry(domain).or_default();
        let index = socket.unwrap_or(*next);
        *next = (*next).max(index) + 1;
        found.extend(open(&chip, Component::new(domain, index)));
    }
    found
}

/// What an ACPI power meter covers, and of which socket. A Grace says so in words; any other one measures the machine's
/// supply.
fn grace_domain(chip: &Chip) -> Option<(Domain, Option<u32>)> {
    let Ok(info) = read_trimmed(&chip.folder.join("power1_oem_info")) else { return Some((Domain::Meter, None)) };
    let socket = info.rsplit(' ').next().and_then(|number| number.parse().ok());
    match info.as_str() {
        words if words.starts_with("CPU Power Socket") => Some((Domain::Package, socket)),
        words if words.starts_with("Grace Power Socket") => Some((Domain::Psys, socket)),
        // The module contains Grace and, on a Grace Hopper, the card, which NVML measures; SysIO is a part of Grace.
        words if words.starts_with("Module Power Socket") || words.starts_with("SysIO Power Socket") => None,
        _ => Some((Domain::Meter, None)),
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Power,
}

/// The chip's counter and its power, as far as it has them: at most one of each, so that one card is a counter and the
/// witness of it, and never two cards.
fn open(chip: &Chip, component: Component) -> Vec<Found> {
    // xe numbers the card 1 and its package, which the card contains, 2; i915 has one. amdgpu calls the same power
    // `average` on older and `input` on newer cards.
    let there = |files: &[&'static str]| files.iter().find(|file| chip.folder.join(file).exists()).copied();
    let counter = there(&["energy1_input", "energy2_input"]).map(|file| (file, Kind::Counter));
    let power = there(&["power1_average", "power1_input"]).map(|file| (file, Kind::Power));
    let found: Vec<Found> =
        counter.into_iter().chain(power).map(|(file, kind)| sensor(chip, component, file, kind)).collect();
    if !found.is_empty() {
        return found;
    }
    vec![Err(SensorError::Missing {
        id: format!("hwmon:{}:{}", chip.name, chip.address),
        reason: "its driver offers neither energy1_input nor power1_average nor power1_input".into(),
    })]
}

fn sensor(chip: &Chip, component: Component, file: &str, kind: Kind) -> Found {
    let counter = kind == Kind::Counter;
    // ACPI meters state their averaging interval; drivers of cards do not, and firmware averages over some tens of
    // milliseconds.
    let stated = read_number::<f64>(&chip.folder.join("power1_average_interval")).ok().filter(|ms| *ms > 0.0);
    let sensor = Hwmon {
        info: SensorInfo {
            id: format!("hwmon:{}:{}:{file}", chip.name, chip.address),
            component,
            provenance: if counter { Provenance::Counter } else { Provenance::Integrated },
            period: stated.map_or(Seconds(if counter { 0.01 } else { 0.1 }), |ms| Seconds(ms * 1e-3)),
            resolution: if counter { INTEL_STEP_J } else { 1e-6 },
            // i915 and xe extend a 32-bit register to 64 bits, but only when somebody reads: a longer silence loses a
            // whole turn, so that the rule for gaps has to hold.
            wrap: (counter && component.domain == Domain::Gpu).then_some(Joules(INTEL_STEP_J * 2f64.powi(32))),
            // Not stated by the vendors; 5 % either way, uniform, as for NVML.
            gain_u: 0.05 / 3f64.sqrt(),
            characterised: None,
        },
        path: chip.folder.join(file),
        counter,
    };
    sensor.value()?;
    Ok(Box::new(sensor))
}

/// The usual unit of Intel's energy registers: 2^-14 J.
const INTEL_STEP_J: f64 = 1.0 / 16_384.0;

/// The socket counters of `amd_energy`, beside which it has one of each core. A thread of the driver reads the
/// registers before they wrap.
fn sockets(chip: &Chip) -> Vec<Found> {
    let names = names_in(&chip.folder).unwrap_or_default();
    let labels = names.iter().filter_map(|name| name.strip_suffix("_label").filter(|n| n.starts_with("energy")));
    let of_socket = |channel: &str| -> Option<(String, u32)> {
        let label = read_trimmed(&chip.folder.join(format!("{channel}_label"))).ok()?;
        Some((format!("{channel}_input"), label.strip_prefix("Esocket")?.parse().ok()?))
    };
    labels
        .filter_map(of_socket)
        .map(|(file, socket)| {
            let id = format!("hwmon:amd_energy:{file}");
            let info = SensorInfo {
                id,
                component: Component::new(Domain::Package, socket),
                provenance: Provenance::Counter,
                period: RAPL_PERIOD,
                // 2^-16 J, shown in microjoules.
                resolution: 1.0 / 65_536.0,
                wrap: None,
                gain_u: rapl_gain_u(Domain::Package),
                characterised: None,
            };
            let sensor = Hwmon { info, path: chip.folder.join(file), counter: true };
            sensor.value()?;
            Ok(Box::new(sensor) as Box<dyn Sensor>)
        })
        .collect()
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
