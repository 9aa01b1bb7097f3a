//! Stage 1: what can be measured and controlled here. Joins the harness' examination with the CUDA crate's.

use crate::cuda;
use crate::harness::clock::RealClock;
use crate::harness::doctor::{self, Doctor, Item, Status};
use crate::harness::sensor::Roots;
use crate::report;

/// Examines this machine. Writes nothing.
pub fn examine() -> Doctor {
    let mut doctor = doctor::examine(&Roots::system());
    let cuda = cuda::doctor();
    let nvrtc = &cuda.nvrtc;
    doctor.nvrtc = Some(if nvrtc.found {
        Item::found("NVRTC", &nvrtc.detail)
    } else {
        // The sentence names the one command that helps between backticks.
        Item::missing("NVRTC", &nvrtc.detail, nvrtc.detail.split('`').nth(1).map(str::to_owned))
    });
    doctor
}

/// As [`examine`], with the sensors that have a second way to their joules compared for up to two idle seconds. Reads
/// only.
pub fn examine_with_cross_check() -> Doctor {
    let mut doctor = examine();
    doctor.agreements = doctor::cross_check(&Roots::system(), &RealClock::new());
    doctor
}

/// Why no energy is measured here, in one sentence; `None` where some is.
pub fn why_no_energy(doctor: &Doctor) -> Option<String> {
    if doctor.measures_energy() {
        return None;
    }
    let missing = doctor.sensors.iter().find(|item| item.status == Status::NotPermitted);
    let missing = missing.or_else(|| doctor.sensors.iter().find(|item| item.status == Status::Missing));
    Some(match missing {
        Some(item) => format!("no energy sensor can be read here: {}: {}", item.name, item.detail),
        None => "no energy sensor was found here".to_owned(),
    })
}

/// The section of the report.
pub fn section(doctor: &Doctor) -> report::Doctor {
    let groups = [
        ("sensors", &doctor.sensors),
        ("counters", &doctor.counters),
        ("settings", &doctor.knobs),
        ("graphics cards", &doctor.gpus),
    ];
    let mut checks: Vec<report::Check> =
        groups.iter().flat_map(|(group, items)| items.iter().map(|item| check(group, item))).collect();
    checks.extend(doctor.nvrtc.iter().map(|item| check("CUDA", item)));
    report::Doctor { machine: machine(doctor), checks }
}

/// The processor's model name, as it stands in rows.
pub fn cpu_model(doctor: &Doctor) -> String {
    doctor.cpu.model.clone().unwrap_or_else(|| "CPU of unknown model".to_owned())
}

/// The processor, for headings.
pub fn device(doctor: &Doctor) -> String {
    let model = cpu_model(doctor);
    doctor.cpu.cores.map_or_else(|| model.clone(), |cores| format!("{model}, {cores} cores"))
}

/// The machine in one line.
pub fn machine(doctor: &Doctor) -> String {
    let cpu = &doctor.cpu;
    let mut parts = vec![cpu_model(doctor)];
    if let Some(cores) = cpu.cores {
        parts.push(format!("{cores} cores"));
    }
    if let Some(threads) = cpu.threads {
        parts.push(format!("{threads} hardware threads"));
    }
    if !cpu.isa.is_empty() {
        parts.push(cpu.isa.join(", "));
    }
    if let Some(bytes) = doctor.memory.total_bytes {
        parts.push(format!("{:.1} GiB of memory", bytes as f64 / (1u64 << 30) as f64));
    }
    if doctor.virtual_machine {
        parts.push("a virtual machine".to_owned());
    }
    parts.join("; ")
}

fn check(group: &str, item: &Item) -> report::Check {
    report::Check {
        group: group.to_owned(),
        name: item.name.clone(),
        state: match item.status {
            Status::Found => report::State::Found,
            Status::Missing => report::State::Missing,
            Status::NotPermitted => report::State::NotPermitted,
        },
        detail: item.detail.clone(),
        fix: item.fix.clone(),
    }
}
