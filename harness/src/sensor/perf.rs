//! RAPL through perf's `power` PMU: preferred where it is allowed, because the kernel extends the counters to 64 bits.
//!
//! Source: `perf_event_open(2)`; Linux `arch/x86/events/rapl.c` and
//! `Documentation/ABI/testing/sysfs-bus-event_source-devices-events`: the PMU's `type`, its `cpumask` (one processor a
//! package or die), and per event `event=0x..`, `.scale` and `.unit`. Events: `energy-pkg`, `-cores`, `-gpu`, `-ram`,
//! `-psys`.

use super::powercap::{RAPL_PERIOD, rapl_gain_u};
use super::roots::{PerfSource, is_refusal, names_in, parse_list, read_number, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The events counted, and what they cover.
const EVENTS: [(&str, Domain); 5] = [
    ("energy-pkg", Domain::Package),
    ("energy-cores", Domain::Core),
    ("energy-gpu", Domain::Uncore),
    ("energy-ram", Domain::Dram),
    ("energy-psys", Domain::Psys),
];

/// The hardware's step behind the scaled count: 2^-14 J since Haswell, 2^-16 J on AMD (Intel SDM volume 3, 16.10.1). The
/// PMU does not state it, so the coarser one is assumed.
const STEP_J: f64 = 1.0 / 16_384.0;

/// A running count.
enum Counter {
    /// Of the kernel.
    Event(File),
    /// A fixture's file, read anew each time.
    Fixture(PathBuf),
}

impl Counter {
    fn read(&mut self) -> io::Result<u64> {
        match self {
            Self::Event(file) => {
                let mut count = [0; 8];
                file.read_exact(&mut count)?;
                Ok(u64::from_ne_bytes(count))
            }
            Self::Fixture(path) => read_number(path),
        }
    }
}

/// `struct perf_event_attr` as of its first version (64 bytes), which every kernel accepts.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
}

/// Opens an event of all processes on one processor (`cpu` of `Some`), or of the calling thread on any.
///
/// # Errors
/// What the kernel said.
pub(crate) fn open_event(kind: u32, config: u64, cpu: Option<u32>) -> io::Result<OwnedFd> {
    const EXCLUDE_KERNEL_AND_HYPERVISOR: u64 = 1 << 5 | 1 << 6;
    let mut attributes = Attributes { kind, size: size_of::<Attributes>() as u32, config, ..Attributes::default() };
    let (pid, cpu): (libc::pid_t, libc::c_int) = match cpu {
        Some(cpu) => (-1, cpu as libc::c_int),
        None => {
            // An ordinary user may count only what user code does.
            attributes.flags = EXCLUDE_KERNEL_AND_HYPERVISOR;
            (0, -1)
        }
    };
    let no_group: libc::c_int = -1;
    let close_on_exec: libc::c_ulong = 8;
    // SAFETY: `attributes` is a live perf_event_attr whose `size` field states its true length, so the kernel reads no
    // byte beyond it; the other arguments are plain integers.
    let fd =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attributes, pid, cpu, no_group, close_on_exec) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so `fd` is a descriptor that nobody else owns yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

struct PerfSensor {
    info: SensorInfo,
    counter: Counter,
    scale: f64,
}

/// All events on all processors of the mask; one reason where there is no such PMU.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let folder = roots.sys.join("bus/event_source/devices/power");
    if !folder.exists() {
        return vec![Err(SensorError::Missing {
            id: "perf:power".into(),
            reason: format!(
                "there is no {}; on a real Intel or AMD machine try `sudo modprobe rapl`, a virtual machine has none",
                folder.display()
            ),
        })];
    }
    let broken = |error: io::Error| SensorError::Failed { id: "perf:power".into(), reason: error.to_string() };
    let (kind, cpus) = match read_number::<u32>(&folder.join("type"))
        .and_then(|kind| Ok((kind, parse_list(&read_trimmed(&folder.join("cpumask"))?))))
    {
        Ok(pair) => pair,
        Err(error) => return vec![Err(broken(error))],
    };
    let packages = packages(roots, &cpus);
    let present = names_in(&folder.join("events")).unwrap_or_default();
    let mut found = Vec::new();
    for (event, domain) in EVENTS {
        if !present.iter().any(|name| name == event) {
            continue;
        }
        for (cpu, package) in cpus.iter().zip(&packages) {
            // The platform is one, whichever package is asked.
            if domain == Domain::Psys && *package != packages[0] {
                continue;
            }
            found.push(open(roots, &folder, kind, event, Component::new(domain, *package), *cpu));
        }
    }
    found
}

/// The package of each processor; when a package has several dies, each with its own counter, they are numbered in order.
fn packages(roots: &Roots, cpus: &[u32]) -> Vec<u32> {
    let of = |cpu: &u32| {
        read_number::<u32>(&roots.sys.join(format!("devices/system/cpu/cpu{cpu}/topology/physical_package_id"))).ok()
    };
    let stated: Option<Vec<u32>> = cpus.iter().map(of).collect();
    let in_order = || (0..cpus.len() as u32).collect();
    match stated {
        Some(ids) => {
            let mut distinct = ids.clone();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() == ids.len() { ids } else { in_order() }
        }
        None => in_order(),
    }
}

fn open(roots: &Roots, folder: &Path, kind: u32, event: &str, component: Component, cpu: u32) -> Found {
    let id = format!("perf:power/{event}/cpu{cpu}");
    let failed = |reason: String| SensorError::Failed { id: id.clone(), reason };
    let text = |file: &str| {
        let path = folder.join("events").join(file);
        read_trimmed(&path).map_err(|error| failed(format!("{}: {error}", path.display())))
    };
    let description = text(event)?;
    let config = event_config(&description)
        .ok_or_else(|| failed(format!("its description {description:?} is not of the form event=0x02")))?;
    let unit = text(&format!("{event}.unit"))?;
    if unit != "Joules" {
        return Err(failed(format!("its unit is {unit:?}, not Joules")));
    }
    let scale: f64 = text(&format!("{event}.scale"))?
        .parse()
        .ok()
        .filter(|scale: &f64| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| failed("its scale is not a positive number".into()))?;
    let mut counter = match &roots.perf {
        PerfSource::Kernel => open_event(kind, config, Some(cpu)).map(|fd| Counter::Event(File::from(fd))),
        PerfSource::Fixture(files) => Ok(Counter::Fixture(files.join(format!("{event}-cpu{cpu}")))),
    }
    .map_err(|error| access_error(roots, &id, &error))?;
    counter.read().map_err(|error| access_error(roots, &id, &error))?;
    let info = SensorInfo {
        id,
        component,
        provenance: Provenance::Counter,
        period: RAPL_PERIOD,
        resolution: STEP_J.max(scale),
        wrap: None,
        gain_u: rapl_gain_u(component.domain),
        characterised: None,
    };
    Ok(Box::new(PerfSensor { info, counter, scale }))
}

/// The number in `event=0x02` (or `event=0x02,umask=…`, whose other terms RAPL does not use).
fn event_config(description: &str) -> Option<u64> {
    let value = description.split(',').find_map(|term| term.trim().strip_prefix("event="))?;
    match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}

fn access_error(roots: &Roots, id: &str, error: &io::Error) -> SensorError {
    let id = id.to_owned();
    if is_refusal(error) {
        let level = read_trimmed(&roots.proc.join("sys/kernel/perf_event_paranoid"));
        let level = level.map_or_else(|_| String::new(), |level| format!(" (kernel.perf_event_paranoid is {level})"));
        SensorError::NotPermitted {
            id,
            reason: format!("counting for the whole machine is reserved to root and CAP_PERFMON{level}"),
            remedy: "sudo sysctl kernel.perf_event_paranoid=0".into(),
        }
    } else {
        SensorError::Missing { id, reason: format!("the kernel did not open it ({error})") }
    }
}

impl Sensor for PerfSensor {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let count = self
            .counter
            .read()
            .map_err(|error| SensorError::Failed { id: self.info.id.clone(), reason: error.to_string() })?;
        Ok(Reading { time: clock.now(), quantity: Quantity::Energy(Joules(count as f64 * self.scale)) })
    }
}
