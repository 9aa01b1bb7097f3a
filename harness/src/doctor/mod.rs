//! What can be measured and controlled on this machine, what cannot, and the exact command that would fix it.
//!
//! Nothing is written, not even to see whether it could be.

mod checks;
mod facts;
mod render;

pub use facts::{Cache, CpuFacts, MemoryFacts, TierFact};

use crate::clock::Clock;
use crate::sensor::agreement::{Agreement, CrossCheck};
use crate::sensor::{Roots, Selection, probe, select};
use ergometer_record::Seconds;
use serde::{Deserialize, Serialize};

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is there and can be used.
    Found,
    /// It is not there.
    Missing,
    /// It is there and may not be used.
    NotPermitted,
}

/// One thing looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub name: String,
    /// Whether it is there.
    pub status: Status,
    /// What was found, or why not.
    pub detail: String,
    /// The exact command that would fix it, where one would.
    pub fix: Option<String>,
}

impl Item {
    /// Something that is there.
    pub fn found(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Found, detail: detail.into(), fix: None }
    }

    /// Something that is not there.
    pub fn missing(name: impl Into<String>, detail: impl Into<String>, fix: Option<String>) -> Self {
        Self { name: name.into(), status: Status::Missing, detail: detail.into(), fix }
    }

    /// Something that may not be used.
    pub fn not_permitted(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::NotPermitted, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// The examination of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// Kernel release, such as `6.8.0-40-generic`.
    pub kernel: Option<String>,
    /// True where the CPU says that it runs under a hypervisor.
    pub virtual_machine: bool,
    /// The processors.
    pub cpu: CpuFacts,
    /// Main memory.
    pub memory: MemoryFacts,
    /// Sources of energy and power.
    pub sensors: Vec<Item>,
    /// Performance counters.
    pub counters: Vec<Item>,
    /// Settings that could be changed with `--allow-control`.
    pub knobs: Vec<Item>,
    /// Graphics cards.
    pub gpus: Vec<Item>,
    /// Sensors compared with a second way to their joules, by [`cross_check`]; empty where there is none, or before.
    #[serde(default)]
    pub agreements: Vec<Agreement>,
    /// The run-time compiler of CUDA, which the command line asks the cuda crate for; `None`: not looked for.
    pub nvrtc: Option<Item>,
}

/// Looks at everything, and writes nothing.
pub fn examine(roots: &Roots) -> Doctor {
    let virtual_machine = facts::is_virtual_machine(roots);
    Doctor {
        kernel: facts::kernel_release(roots),
        virtual_machine,
        cpu: facts::cpu(roots),
        memory: facts::memory(roots),
        sensors: checks::sensors(roots, virtual_machine),
        counters: checks::counters(roots, virtual_machine),
        knobs: checks::knobs(roots),
        gpus: checks::gpus(roots),
        agreements: Vec::new(),
        nvrtc: None,
    }
}

/// The longest that [`cross_check`] waits.
const CROSS_CHECK: Seconds = Seconds(2.5);

/// Compares every sensor that has a second way to its joules (RAPL by perf and by powercap, a card's counter and its
/// power) over a short window in which nothing is done. Takes twenty update periods of the slower sensor, two seconds for
/// a card, and no time where there is no such pair. Reads only.
pub fn cross_check(roots: &Roots, clock: &dyn Clock) -> Vec<Agreement> {
    let Selection { mut sensors, witnesses, .. } = select(probe(roots));
    // Models and sensors without a witness have nothing to be compared with.
    sensors.retain(|sensor| witnesses.iter().any(|w| w.info().component == sensor.info().component));
    CrossCheck::new(witnesses).run(&mut sensors, clock, CROSS_CHECK)
}

impl Doctor {
    /// True when some component's energy is measured here.
    pub fn measures_energy(&self) -> bool {
        self.sensors.iter().any(|item| item.status == Status::Found && !item.detail.contains("modelled"))
    }

    /// True when some setting of this machine could be changed now.
    pub fn controls(&self) -> bool {
        self.knobs.iter().any(|item| item.status == Status::Found)
    }

    /// Everything looked for, in the order of the page.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.sensors.iter().chain(&self.counters).chain(&self.knobs).chain(&self.gpus).chain(&self.nvrtc)
    }
}
