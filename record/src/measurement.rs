//! One row of a results file: one (point, block, repeat, component).
//!
//! Rows are measurements only. Means, gains and intervals are computed from rows and never stored among them.

use crate::budget::Budget;
use crate::counts::Counts;
use crate::kernel::{Kernel, KernelSpec, Precision, Size};
use crate::provenance::{Provenance, UnknownName, Verdict};
use crate::setting::Setting;
use crate::units::{Hertz, Joules, Seconds, Watts};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Version of the row layout that this build writes. A reader refuses a newer one and migrates an older one.
pub const SCHEMA_VERSION: u32 = 3;

/// What an energy value covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// A CPU package (RAPL package; contains core and uncore).
    Package,
    /// The cores of a package (RAPL PP0).
    Core,
    /// Integrated graphics of a client CPU (RAPL PP1).
    Uncore,
    /// Main memory.
    Dram,
    /// The platform as the CPU sees it (RAPL psys; contains packages).
    Psys,
    /// A graphics card.
    Gpu,
    /// The host of a GPU, while the GPU works.
    Host,
    /// An external meter.
    Meter,
    /// No sensor: the row carries a time only.
    None,
}

impl Domain {
    /// All variants, in file order.
    pub const ALL: [Self; 9] = [
        Self::Package,
        Self::Core,
        Self::Uncore,
        Self::Dram,
        Self::Psys,
        Self::Gpu,
        Self::Host,
        Self::Meter,
        Self::None,
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Core => "core",
            Self::Uncore => "uncore",
            Self::Dram => "dram",
            Self::Psys => "psys",
            Self::Gpu => "gpu",
            Self::Host => "host",
            Self::Meter => "meter",
            Self::None => "none",
        }
    }

    /// True when this domain's energy already contains `other`'s: the two must never be added.
    pub fn contains(self, other: Self) -> bool {
        match self {
            Self::Package => matches!(other, Self::Core | Self::Uncore),
            Self::Psys => matches!(other, Self::Package | Self::Core | Self::Uncore | Self::Dram),
            Self::Host => matches!(other, Self::Package | Self::Core | Self::Uncore | Self::Dram | Self::Psys),
            Self::Meter => !matches!(other, Self::Meter | Self::None),
            _ => false,
        }
    }
}

/// A domain with the index of the device that it belongs to; written `gpu:0`, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Component {
    /// What is covered.
    pub domain: Domain,
    /// Which one of several (package, card).
    pub index: u32,
}

impl Component {
    /// Stands in rows that carry a time only.
    pub const NONE: Self = Self { domain: Domain::None, index: 0 };

    /// The `index`-th device of a domain.
    pub fn new(domain: Domain, index: u32) -> Self {
        Self { domain, index }
    }

    /// True when this component's energy already contains `other`'s. A package contains the cores of the same package only.
    pub fn contains(self, other: Self) -> bool {
        self.domain.contains(other.domain) && (self.domain != Domain::Package || self.index == other.index)
    }
}

/// Those of `parts` whose energy no other one contains: what may be added.
pub fn outermost<T>(parts: &[T], component: impl Fn(&T) -> Component) -> impl Iterator<Item = &T> {
    let all: Vec<Component> = parts.iter().map(&component).collect();
    parts.iter().filter(move |part| !all.iter().any(|other| other.contains(component(part))))
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain == Domain::None {
            f.pad("none")
        } else {
            f.pad(&format!("{}:{}", self.domain.name(), self.index))
        }
    }
}

impl FromStr for Component {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new(s, Domain::ALL.iter().map(|d| d.name()).chain(["<domain>:<index>"]));
        if s == "none" {
            return Ok(Self::NONE);
        }
        let (domain, index) = s.split_once(':').ok_or_else(unknown)?;
        let domain = Domain::ALL.into_iter().find(|d| d.name() == domain && *d != Domain::None).ok_or_else(unknown)?;
        Ok(Self { domain, index: index.parse().map_err(|_| unknown())? })
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One measurement. Times and energies are *per execution* of the kernel; the window that they were taken over lasted
/// `iterations` executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Of the run that this row belongs to.
    pub manifest_id: String,
    /// Kernel, size, precision and setting: rows with the same id are repeats of one point.
    pub point_id: String,
    /// Complete block of the randomised design, from 0.
    pub block: u32,
    /// Position in the order of execution within the whole run, from 0.
    pub order: u32,
    /// Repeat within the block, from 0.
    pub repeat: u32,
    /// The computation. Foreign sweeps name their own workload in `label` and have `Kernel::Idle` nowhere.
    pub spec: KernelSpec,
    /// What ran it: `cpu`, `cuda`, `vnode`, `command`.
    pub executor: String,
    /// The device as the executor names it, without host name or UUID.
    pub device: String,
    /// Instruction-set tier or kernel variant.
    pub tier: String,
    /// Threads that worked; 0 where the notion does not apply.
    pub threads: u32,
    /// What was asked of the hardware.
    pub setting: Setting,
    /// Whether it held.
    pub verdict: Verdict,
    /// What the energy covers.
    pub component: Component,
    /// Executions in the window.
    pub iterations: u64,
    /// Time of one execution.
    pub time: Seconds,
    /// Energy of one execution; absent where nothing measured it.
    pub energy: Option<Joules>,
    /// Standard uncertainty of `energy` from quantisation, update period and gain; scatter is between rows.
    pub energy_u: Option<Joules>,
    /// The parts of `energy_u`; absent where they are not known one by one.
    pub budget: Option<Budget>,
    /// Where `energy` comes from; `Absent` exactly when it is absent.
    pub provenance: Provenance,
    /// Clock that the device reported while it worked.
    pub achieved_clock: Option<Hertz>,
    /// What performance counters counted during one execution; empty where there are none.
    #[serde(default)]
    pub counts: Counts,
    /// Temperature at the end of the window.
    pub temperature_c: Option<f64>,
    /// Largest error against the reference, relative to the bound that the kernel's contract states; at most 1 passes.
    pub error_over_bound: Option<f64>,
    /// Anything else that a reader must know (throttled, clipped sample).
    pub note: String,
}

impl Row {
    /// A row with a time only; the caller fills in what else it knows.
    pub fn timed(spec: KernelSpec, executor: &str, device: &str, time: Seconds) -> Self {
        Self {
            manifest_id: String::new(),
            point_id: point_id(&spec, "", 0, &Setting::default()),
            block: 0,
            order: 0,
            repeat: 0,
            spec,
            executor: executor.to_owned(),
            device: device.to_owned(),
            tier: String::new(),
            threads: 0,
            setting: Setting::default(),
            verdict: Verdict::Baseline,
            component: Component::NONE,
            iterations: 1,
            time,
            energy: None,
            energy_u: None,
            budget: None,
            provenance: Provenance::Absent,
            achieved_clock: None,
            counts: Counts::default(),
            temperature_c: None,
            error_over_bound: None,
            note: String::new(),
        }
    }

    /// Mean power over the window, where energy is known.
    pub fn power(&self) -> Option<Watts> {
        self.energy.map(|energy| energy / self.time)
    }

    /// GFLOP/s by the definition of [`KernelSpec::flops`].
    pub fn gflops(&self) -> f64 {
        self.spec.flops() / self.time.0 / 1e9
    }

    /// GB/s on least bytes.
    pub fn gbytes_per_s(&self) -> f64 {
        self.spec.least_bytes() / self.time.0 / 1e9
    }
}

/// The id of a point: equal for repeats, different for anything that changes the result.
pub fn point_id(spec: &KernelSpec, tier: &str, threads: u32, setting: &Setting) -> String {
    let mut id = spec.to_string();
    if !tier.is_empty() {
        id.push_str(&format!("/{tier}"));
    }
    if threads > 0 {
        id.push_str(&format!("/t{threads}"));
    }
    id.push_str(&format!("@{setting}"));
    id
}

/// Shorthand for tests and examples: an f32 specification that is known to be valid.
///
/// # Panics
/// When kernel and size do not fit together.
pub fn f32_spec(kernel: Kernel, size: Size) -> KernelSpec {
    KernelSpec::new(kernel, size, Precision::F32).expect("kernel and size fit together")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_round_trip() {
        for domain in Domain::ALL {
            let component = if domain == Domain::None { Component::NONE } else { Component::new(domain, 3) };
            assert_eq!(component.to_string().parse::<Component>(), Ok(component));
        }
        for bad in ["gpu", "gpu:x", "none:1", "tpu:0", ""] {
            assert!(bad.parse::<Component>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_container_is_never_added_to_what_it_contains() {
        assert!(Domain::Package.contains(Domain::Core));
        assert!(Domain::Psys.contains(Domain::Package));
        assert!(!Domain::Package.contains(Domain::Dram));
        for domain in Domain::ALL {
            assert!(!domain.contains(domain));
        }
    }

    #[test]
    fn only_the_outermost_of_components_are_added() {
        let [psys, package, other, cores, dram, gpu] = [
            (Domain::Psys, 0),
            (Domain::Package, 0),
            (Domain::Package, 1),
            (Domain::Core, 0),
            (Domain::Dram, 0),
            (Domain::Gpu, 0),
        ]
        .map(|(domain, index)| Component::new(domain, index));
        let of = |parts: &[Component]| outermost(parts, |c| *c).copied().collect::<Vec<_>>();
        assert_eq!(of(&[cores, package, other, dram, gpu]), [package, other, dram, gpu]);
        // The cores of a package that nothing measures count by themselves.
        assert_eq!(of(&[cores, other]), [cores, other]);
        assert_eq!(of(&[psys, package, cores, dram, gpu]), [psys, gpu]);
    }

    #[test]
    fn power_is_absent_when_energy_is() {
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1000 });
        let mut row = Row::timed(spec, "cpu", "test", Seconds(1e-6));
        assert_eq!(row.power(), None);
        assert_eq!(row.gbytes_per_s(), 12.0);
        row.energy = Some(Joules(2e-4));
        assert!((row.power().unwrap().0 - 200.0).abs() < 1e-9);
    }
}
