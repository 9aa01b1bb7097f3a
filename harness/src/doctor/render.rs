//! The page that a person reads.

use super::{Cache, Doctor, Item, Status, TierFact};
use crate::sensor::agreement::Finding;
use std::fmt;

const WIDTH: usize = 100;
const INDENT: usize = 10;

/// Writes words after a label of fixed width, wrapped below one another.
fn wrapped(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let mut line = format!("{label:<INDENT$}");
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{}", line.trim_end())?;
            line = " ".repeat(INDENT);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{}", line.trim_end())
}

fn size(bytes: u64) -> String {
    let (kib, mib, gib) = (1u64 << 10, 1u64 << 20, 1u64 << 30);
    match bytes {
        b if b >= 10 * gib => format!("{:.0} GiB", b as f64 / gib as f64),
        b if b >= gib => format!("{:.1} GiB", b as f64 / gib as f64),
        b if b >= mib => format!("{:.4} MiB", b as f64 / mib as f64).replace(".0000", ""),
        b => format!("{} KiB", b / kib),
    }
}

fn cache(cache: &Cache) -> String {
    let number = if cache.count > 1 { format!("{} x ", cache.count) } else { String::new() };
    format!("{} {number}{}", cache.name, size(cache.bytes))
}

fn item(f: &mut fmt::Formatter<'_>, item: &Item) -> fmt::Result {
    let mark = match item.status {
        Status::Found => "  yes",
        Status::Missing => "  no",
        Status::NotPermitted => "  denied",
    };
    wrapped(f, mark, &format!("{}: {}", item.name, item.detail))?;
    match &item.fix {
        Some(fix) => writeln!(f, "{:INDENT$}fix: {fix}", ""),
        None => Ok(()),
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, items: &[Item]) -> fmt::Result {
    writeln!(f, "{title}")?;
    // The same remedy under ten domains of one kind is told once, under the first.
    let mut told: Vec<(&str, Status)> = Vec::new();
    for entry in items {
        let key = (entry.detail.as_str(), entry.status);
        if entry.status != Status::Found && told.contains(&key) {
            continue;
        }
        told.push(key);
        item(f, entry)?;
    }
    Ok(())
}

fn or_unknown<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "unknown".into(), T::to_string)
}

impl fmt::Display for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = &self.cpu;
        let plural = |n: &Option<usize>, what: &str| match n {
            Some(1) => format!("1 {what}"),
            other => format!("{} {what}s", or_unknown(other)),
        };
        let machine = if self.virtual_machine { "a virtual machine" } else { "no hypervisor seen" };
        writeln!(f, "Machine")?;
        let usable = match (cpu.threads, cpu.online) {
            (Some(usable), Some(online)) if usable < online => format!(" usable of {online}"),
            _ => String::new(),
        };
        let shape = format!(
            "{}; {}, {}, {}{usable}; {machine}; Linux {}",
            or_unknown(&cpu.model),
            plural(&cpu.sockets, "socket"),
            plural(&cpu.cores, "core"),
            plural(&cpu.threads, "thread"),
            or_unknown(&self.kernel),
        );
        wrapped(f, "  CPU", &shape)?;
        wrapped(f, "  ISA", &if cpu.isa.is_empty() { "unknown".into() } else { cpu.isa.join(" ") })?;
        let tiers = |of: fn(&TierFact) -> Option<String>| cpu.tiers.iter().filter_map(of).collect::<Vec<_>>();
        let there = tiers(|tier| match (&tier.lacking, &tier.caveat) {
            (None, Some(caveat)) => Some(format!("{} ({caveat})", tier.name)),
            (None, None) => Some(tier.name.clone()),
            _ => None,
        });
        let lacking = tiers(|tier| tier.lacking.as_ref().map(|why| format!("; no {}: {why}", tier.name)));
        wrapped(f, "  tiers", &(there.join(", ") + &lacking.concat()))?;
        let caches: Vec<String> = cpu.caches.iter().map(cache).collect();
        wrapped(f, "  caches", &if caches.is_empty() { "unknown".into() } else { caches.join(", ") })?;
        let smt = match cpu.smt {
            Some(true) => "on",
            Some(false) => "off",
            None => "unknown",
        };
        wrapped(
            f,
            "  state",
            &format!(
                "governor {} ({}), SMT {smt}, microcode {}, {}",
                or_unknown(&cpu.governor),
                cpu.frequency_driver.as_deref().unwrap_or("no frequency driver"),
                or_unknown(&cpu.microcode),
                plural(&cpu.numa_nodes, "NUMA node"),
            ),
        )?;
        let memory = &self.memory;
        let dimms = match (&memory.dimms_reason, memory.dimms_gib.len()) {
            (Some(reason), _) => format!("; {reason}"),
            (None, 0) => String::new(),
            (None, n) => format!("; {n} modules, {} GiB in all", memory.dimms_gib.iter().sum::<f64>()),
        };
        let huge = match memory.huge_pages {
            Some(true) => "operands on huge pages",
            Some(false) => "no huge pages",
            None => "huge pages unknown",
        };
        let bytes = |value: Option<u64>| value.map_or_else(|| "unknown".into(), size);
        wrapped(
            f,
            "  memory",
            &format!("{}, {} free, {huge}{dimms}", bytes(memory.total_bytes), bytes(memory.available_bytes)),
        )?;
        section(f, "Energy sensors", &self.sensors)?;
        if !self.agreements.is_empty() {
            writeln!(f, "Cross-checks, idle")?;
            for agreement in &self.agreements {
                let mark = match agreement.finding {
                    Finding::Agrees => "  yes",
                    Finding::Disagrees => "  NO",
                    Finding::CannotTell => "  ?",
                };
                wrapped(f, mark, &agreement.to_string())?;
            }
        }
        section(f, "Performance counters", &self.counters)?;
        section(f, "Settings", &self.knobs)?;
        section(f, "Graphics cards", &self.gpus)?;
        if let Some(nvrtc) = &self.nvrtc {
            item(f, nvrtc)?;
        }
        writeln!(f, "In short")?;
        let energy = if self.measures_energy() {
            "Energy is measured here."
        } else {
            "No energy can be measured here: times are real, energies stay absent."
        };
        let control = if self.controls() {
            "Settings can be changed with --allow-control."
        } else {
            "No setting can be changed here: sweeps run on the virtual node and say so."
        };
        let mut text = format!("{energy} {control}");
        if self.items().any(|item| item.fix.is_some()) {
            text.push_str(" The lines marked `fix` would add more.");
        }
        wrapped(f, "", &text)
    }
}
