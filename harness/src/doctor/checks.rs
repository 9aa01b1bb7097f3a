//! What was looked for, item by item.

use super::{Item, Status};
use crate::counter::{self, Absent};
use crate::knob::{self, Allowed, Knob, KnobError, permission};
use crate::perf_event::{self, Event, Scope};
use crate::sensor::roots::{PerfSource, names_in, read_trimmed};
use crate::sensor::{self, Roots, SensorError, nvml};
use ergometer_record::Provenance;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) fn sensors(roots: &Roots, virtual_machine: bool) -> Vec<Item> {
    sensor::probe(roots).into_iter().map(|found| sensor_item(found, roots, virtual_machine)).collect()
}

fn sensor_item(found: sensor::Found, roots: &Roots, virtual_machine: bool) -> Item {
    match found {
        Ok(sensor) => {
            let info = sensor.info();
            let how = match info.provenance {
                Provenance::Counter => "energy counter".to_owned(),
                Provenance::Integrated => "power, integrated over time".to_owned(),
                other => format!("{other}, not measured"),
            };
            let period =
                if info.period.0 > 0.0 { format!(", every {:.0} ms", info.period.0 * 1e3) } else { String::new() };
            let known = info.characterised.as_ref().map_or_else(String::new, |known| format!("; {known}"));
            Item::found(info.component.to_string(), format!("{how}{period} ({}){known}", info.id))
        }
        Err(SensorError::Missing { id, reason }) => {
            let module = match id.as_str() {
                "powercap" => Some("sudo modprobe intel_rapl_msr"),
                "perf:power" => Some("sudo modprobe rapl"),
                "nvml" if has_nvidia_card(roots) => Some("sudo modprobe nvidia"),
                _ => None,
            };
            // Loading a driver helps where there is hardware for it to drive.
            let fix = module.filter(|_| id == "nvml" || !virtual_machine).map(str::to_owned);
            Item::missing(id, reason, fix)
        }
        Err(SensorError::NotPermitted { id, reason, remedy }) => Item::not_permitted(id, reason, remedy),
        Err(SensorError::Failed { id, reason }) => Item::missing(id, format!("it failed: {reason}"), None),
    }
}

/// NVIDIA's number on the PCI bus is 0x10de.
fn has_nvidia_card(roots: &Roots) -> bool {
    let folder = roots.sys.join("bus/pci/devices");
    names_in(&folder)
        .unwrap_or_default()
        .iter()
        .any(|device| read_trimmed(&folder.join(device).join("vendor")).is_ok_and(|vendor| vendor == "0x10de"))
}

pub(super) fn counters(roots: &Roots, virtual_machine: bool) -> Vec<Item> {
    const HARDWARE: u32 = 0;
    const SOFTWARE: u32 = 1;
    const FIRST_OF_ITS_KIND: u64 = 0; // cycles, and the CPU clock
    let own = "counters of our own code";
    let machine = "counters of the whole machine";
    let level = read_trimmed(&roots.proc.join("sys/kernel/perf_event_paranoid"));
    let Ok(level) = level else {
        return vec![Item::missing(own, "this kernel has no perf events", None), memory_controllers(roots)];
    };
    let stated = format!("kernel.perf_event_paranoid is {level}");
    if roots.perf != PerfSource::Kernel {
        return vec![
            Item::missing(own, format!("{stated}; a fixture tree has no counters to open"), None),
            memory_controllers(roots),
        ];
    }
    let refused = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM));
    let item = |name: &str, opened: io::Result<()>, needed: u32| match opened {
        Ok(()) => Item::found(name, format!("perf events can be opened ({stated})")),
        Err(error) if refused(&error) => Item::not_permitted(
            name,
            format!("the system refused ({stated}; a container can refuse by seccomp too)"),
            format!("sudo sysctl kernel.perf_event_paranoid={needed}"),
        ),
        Err(_) if virtual_machine => {
            Item::missing(name, "the hypervisor passes no hardware counters on; run on the host to have them", None)
        }
        Err(error) => Item::missing(name, format!("the kernel did not open cycles ({error})"), None),
    };
    let open = |kind, scope| perf_event::open(Event { kind, config: FIRST_OF_ITS_KIND }, scope).map(drop);
    vec![
        item(own, open(HARDWARE, Scope::Thread), 2),
        item(machine, open(SOFTWARE, Scope::Processor(0)), 0),
        memory_controllers(roots),
    ]
}

/// The bytes that kernels really move, beside the least that they must.
fn memory_controllers(roots: &Roots) -> Item {
    let name = "counters of memory";
    match counter::memory_controllers(roots) {
        Ok(n) => Item::found(name, format!("reads and writes of {n} memory controllers")),
        Err(Absent { reason, remedy: Some(command), .. }) => Item::not_permitted(name, reason, command),
        Err(Absent { reason, remedy: None, .. }) => Item::missing(name, reason, None),
    }
}

/// One item a kind of knob: the policies of a machine are many and alike.
pub(super) fn knobs(roots: &Roots) -> Vec<Item> {
    let mut groups: Vec<(String, Vec<Box<dyn Knob>>)> = Vec::new();
    let mut items = Vec::new();
    for found in knob::probe(roots) {
        match found {
            Ok(knob) => {
                let kind = kind(knob.id());
                match groups.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, knobs)) => knobs.push(knob),
                    None => groups.push((kind, vec![knob])),
                }
            }
            Err(KnobError::NotPermitted { id, reason, remedy }) => {
                items.push(Item::not_permitted(kind(&id), reason, remedy))
            }
            Err(KnobError::Missing { id, reason }) => items.push(Item::missing(kind(&id), reason, None)),
            Err(error) => items.push(Item::missing("knob", error.to_string(), None)),
        }
    }
    items.dedup();
    let mut all: Vec<Item> = groups.iter().map(|(kind, knobs)| group_item(kind, knobs)).collect();
    all.extend(items);
    all
}

/// `cpufreq:policy3:scaling_governor` is of the kind `cpufreq scaling_governor`.
fn kind(id: &str) -> String {
    let mut parts = id.split(':');
    let first = parts.next().unwrap_or_default();
    match parts.next_back() {
        Some(last) => format!("{first} {last}"),
        None => first.to_owned(),
    }
}

fn group_item(kind: &str, knobs: &[Box<dyn Knob>]) -> Item {
    let mut values: Vec<String> = Vec::new();
    for value in knobs.iter().filter_map(|knob| knob.read().ok().flatten()) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let present = match values.as_slice() {
        [] => "its present value can't be read".to_owned(),
        [one] => format!("now {one}"),
        many => format!("now {}", many.join(" or ")),
    };
    let allowed = match knobs.first().map(|knob| knob.allowed()) {
        Some(Ok(Allowed::List(list))) if list.len() > 6 => {
            format!("; {} to {}", list.first().map_or("", String::as_str), list.last().map_or("", String::as_str))
        }
        Some(Ok(allowed)) => format!("; {allowed}"),
        _ => String::new(),
    };
    let number = if knobs.len() > 1 { format!(" ({} of them)", knobs.len()) } else { String::new() };
    let detail = format!("{present}{allowed}{number}");
    if permission::is_forbidden() {
        return Item::not_permitted(
            kind,
            format!("{detail}; ERGOMETER_NO_CONTROL is set"),
            "unset ERGOMETER_NO_CONTROL",
        );
    }
    let writable = knobs.iter().all(|knob| knob.file().map_or_else(is_root, is_writable));
    if writable {
        Item::found(kind, detail)
    } else {
        Item::not_permitted(
            kind,
            format!("{detail}; only root may change it"),
            "sudo ergometer sweep PLAN.toml --allow-control",
        )
    }
}

/// Asks whether a file could be written, without opening it.
fn is_writable(path: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: `path` is a zero-terminated string that lives across the call; nothing else is touched.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), libc::W_OK, libc::AT_EACCESS) == 0 }
}

fn is_root() -> bool {
    // SAFETY: geteuid takes no argument, touches no memory and never fails.
    unsafe { libc::geteuid() == 0 }
}

pub(super) fn gpus(roots: &Roots) -> Vec<Item> {
    let mut items = nvidia(roots);
    for chip in sensor::hwmon::chips(roots) {
        if sensor::hwmon::is_card(&chip.name) {
            items.push(Item::found(
                format!("{} {}", chip.name, chip.address),
                "power by hwmon; ergometer has no kernels for it",
            ));
        }
    }
    items
}

fn nvidia(roots: &Roots) -> Vec<Item> {
    let library = match nvml::load(&roots.nvml) {
        Ok(library) => library,
        Err(error) => {
            let (status, detail, fix) = match error {
                SensorError::NotPermitted { reason, remedy, .. } => (Status::NotPermitted, reason, Some(remedy)),
                SensorError::Missing { reason, .. } if has_nvidia_card(roots) => {
                    (Status::Missing, reason, Some("sudo modprobe nvidia".to_owned()))
                }
                SensorError::Missing { reason, .. } | SensorError::Failed { reason, .. } => {
                    (Status::Missing, reason, None)
                }
            };
            return vec![Item { name: "NVIDIA".into(), status, detail, fix }];
        }
    };
    let driver = library.sys_driver_version().unwrap_or_else(|_| "unknown".into());
    let count = library.device_count().unwrap_or(0);
    if count == 0 {
        return vec![Item::missing("NVIDIA", format!("driver {driver} lists no card"), None)];
    }
    (0..count)
        .map(|index| {
            let name = format!("gpu:{index}");
            let device = match library.device_by_index(index) {
                Ok(device) => device,
                Err(error) => return Item::missing(name, error.to_string(), None),
            };
            let mut parts = vec![device.name().unwrap_or_else(|_| "unnamed".into())];
            if let Ok(memory) = device.memory_info() {
                parts.push(format!("{:.1} GiB", memory.total as f64 / f64::from(1 << 30)));
            }
            parts.push(format!("driver {driver}"));
            let card = device.uuid().map_err(|error| error.to_string());
            match card.and_then(|uuid| nvml::Card::open(&uuid, roots).map_err(|error| error.to_string())) {
                Ok(card) => {
                    parts.push(format!("offers {}", card.features()));
                    parts.extend(card.state().map(|state| state.to_string()));
                    parts.extend(card.features().sharing.caveat().map(str::to_owned));
                }
                Err(reason) => parts.push(reason),
            }
            Item::found(name, parts.join(", "))
        })
        .collect()
}
