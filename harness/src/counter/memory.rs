//! Bytes that the memory controllers moved, by the uncore PMUs whose events sysfs names with their scale and unit: Intel's
//! `uncore_imc` (servers: `cas_count_read`, `cas_count_write`; clients: `data_reads`, `data_writes`), its free-running
//! counters, and AMD's `amd_umc` and `amd_df` where the kernel names such events (most name none, and then the bytes are
//! unknown).

use super::Absent;
use crate::perf_event::{Counter, Event, Scope, config};
use crate::sensor::Roots;
use crate::sensor::roots::{names_in, parse_list, read_number, read_trimmed};
use std::path::Path;

/// PMUs that are looked at.
const PMUS: [&str; 3] = ["uncore_imc", "amd_umc", "amd_df"];
/// How events of reads and of writes begin; the first pair of which a machine has both is taken, because another pair counts
/// the same bytes again.
const PAIRS: [[&str; 2]; 3] = [["cas_count_read", "cas_count_write"], ["data_read", "data_write"], ["read", "write"]];

/// One event of one controller on one processor.
struct Line {
    counter: Counter,
    /// Bytes of one count.
    bytes: f64,
}

/// All controllers.
pub(super) struct Memory {
    lines: Vec<Line>,
    controllers: usize,
}

impl Memory {
    pub(super) fn controllers(&self) -> usize {
        self.controllers
    }

    /// Bytes since the counters were opened; `None` when one can't be read any more or never ran.
    pub(super) fn bytes(&mut self) -> Option<f64> {
        self.lines.iter_mut().map(|line| Some(line.counter.read().ok()?.scaled()? * line.bytes)).sum()
    }
}

/// Opens reads and writes of every controller. A part of them would be less than the memory moved, so one that is refused
/// leaves none.
pub(super) fn open(roots: &Roots) -> Result<Memory, Absent> {
    let devices = roots.sys.join("bus/event_source/devices");
    let all = names_in(&devices).unwrap_or_default();
    let known = |pmu: &&String| PMUS.iter().any(|known| pmu.starts_with(known));
    let pmus: Vec<(&String, Vec<String>)> = all
        .iter()
        .filter(known)
        .map(|pmu| (pmu, names_in(&devices.join(pmu).join("events")).unwrap_or_default()))
        .collect();
    // `cas_count_read_sch0` is one of several of the same; `cas_count_read.scale` describes the event.
    let of = |events: &[String], prefix: &str| -> Vec<String> {
        events.iter().filter(|event| event.starts_with(prefix) && !event.contains('.')).cloned().collect()
    };
    for pair in PAIRS {
        let mut memory = Memory { lines: Vec::new(), controllers: 0 };
        for (pmu, events) in &pmus {
            let [reads, writes] = pair.map(|prefix| of(events, prefix));
            if reads.is_empty() || writes.is_empty() {
                continue;
            }
            memory.controllers += 1;
            for event in reads.iter().chain(&writes) {
                memory.lines.extend(lines(roots, &devices.join(pmu), pmu, event)?);
            }
        }
        if memory.controllers > 0 {
            return Ok(memory);
        }
    }
    let reason = match pmus.first() {
        Some((pmu, _)) => format!("the kernel's {pmu} names no events of reads and writes"),
        None => "the kernel shows no counters of memory controllers (uncore_imc, amd_umc); a virtual machine has none"
            .into(),
    };
    Err(Absent::new("bytes of memory", reason))
}

fn lines(roots: &Roots, folder: &Path, pmu: &str, event: &str) -> Result<Vec<Line>, Absent> {
    let name = format!("bytes of memory by {pmu}/{event}");
    let absent = |reason: String| Absent::new(&name, reason);
    let text = |file: &str| {
        let path = folder.join(file);
        read_trimmed(&path).map_err(|error| absent(format!("{} can't be read ({error})", path.display())))
    };
    let description = text(&format!("events/{event}"))?;
    let config = config(folder, &description)
        .ok_or_else(|| absent(format!("its description {description:?} is not understood")))?;
    let unit = text(&format!("events/{event}.unit"))?;
    let unit = match unit.as_str() {
        "MiB" => f64::from(1 << 20),
        "KiB" => 1024.0,
        "Bytes" | "B" => 1.0,
        _ => return Err(absent(format!("its unit {unit:?} is none of MiB, KiB and Bytes"))),
    };
    let scale = text(&format!("events/{event}.scale"))?.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0);
    let scale = scale.ok_or_else(|| absent("its scale is not a positive number".into()))?;
    let kind = read_number(&folder.join("type")).map_err(|error| absent(error.to_string()))?;
    // One processor a socket reads for it.
    let cpus = parse_list(&text("cpumask")?);
    let open = |cpu: &u32| {
        let counter =
            Counter::open(roots, &format!("{pmu}-{event}-cpu{cpu}"), Event { kind, config }, Scope::Processor(*cpu));
        let counter = counter.map_err(|error| Absent::refused(roots, &name, 0, &error))?;
        Ok(Line { counter, bytes: scale * unit })
    };
    cpus.iter().map(open).collect()
}
