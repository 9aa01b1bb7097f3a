//! RAPL through perf's `power` PMU: preferred where it is allowed, because the kernel extends the counters to 64 bits.
//!
//! Source: `perf_event_open(2)`; Linux `arch/x86/events/rapl.c` and
//! `Documentation/ABI/testing/sysfs-bus-event_source-devices-events`: the PMU's `type`, its `cpumask` (one processor a
//! package or die), and per event `event=0x..`, `.scale` and `.unit`. Events: `energy-pkg`, `-cores`, `-gpu`, `-ram`,
//! `-psys`.

use super::powercap::{RAPL_PERIOD, rapl_gain_u};
use super::roots::{is_refusal, names_in, parse_list, read_number, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use crate::perf_event::{Counter, Event, Scope, config, paranoid};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance};
use std::io;
use std::path::Path;

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
    let config = config(folder, &description)
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
    let counter = Counter::open(roots, &format!("{event}-cpu{cpu}"), Event { kind, config }, Scope::Processor(cpu))
        .map_err(|error| access_error(roots, &id, &error))?;
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

fn access_error(roots: &Roots, id: &str, error: &io::Error) -> SensorError {
    let id = id.to_owned();
    if is_refusal(error) {
        let level = paranoid(roots);
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
        Ok(Reading { time: clock.now(), quantity: Quantity::Energy(Joules(count.value as f64 * self.scale)) })
    }
}
