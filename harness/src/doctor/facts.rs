//! Facts about processors and memory, from procfs and sysfs. What the system does not tell is `None`.

use crate::sensor::Roots;
use crate::sensor::dram::{Dimm, dimms};
use crate::sensor::roots::{is_refusal, names_in, read_trimmed};
use ergometer_kernels::memory::{HugePages, huge_pages};
use ergometer_kernels::topology::CacheKind;
use ergometer_kernels::{Tier, Topology};
use serde::{Deserialize, Serialize};

/// One kind of cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// `L1d`, `L1i`, `L2`, `L3`.
    pub name: String,
    /// Capacity of one.
    pub bytes: u64,
    /// How many there are.
    pub count: usize,
    /// Hardware threads that share one.
    pub shared_by: usize,
}

/// An instruction-set tier of the kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierFact {
    /// `scalar`, `sse`, `avx2`, `avx512`.
    pub name: String,
    /// Why it can't run here; `None` where it can.
    pub lacking: Option<String>,
    /// What results of it must say.
    pub caveat: Option<String>,
}

/// The processors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuFacts {
    /// Model name.
    pub model: Option<String>,
    /// `GenuineIntel`, `AuthenticAMD`, ….
    pub vendor: Option<String>,
    /// Packages.
    pub sockets: Option<usize>,
    /// NUMA nodes.
    pub numa_nodes: Option<usize>,
    /// Physical cores that this process may use.
    pub cores: Option<usize>,
    /// Hardware threads that this process may use.
    pub threads: Option<usize>,
    /// Hardware threads of the machine.
    pub online: Option<usize>,
    /// Instruction-set extensions that matter to the kernels, as the kernel names them.
    pub isa: Vec<String>,
    /// Every tier of the kernels.
    pub tiers: Vec<TierFact>,
    /// Caches, from the first level on.
    pub caches: Vec<Cache>,
    /// Whether cores run two threads or more.
    pub smt: Option<bool>,
    /// Frequency governor of the first policy.
    pub governor: Option<String>,
    /// Frequency driver of the first policy.
    pub frequency_driver: Option<String>,
    /// Microcode revision.
    pub microcode: Option<String>,
}

/// Main memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MemoryFacts {
    /// All of it.
    pub total_bytes: Option<u64>,
    /// What is free for use.
    pub available_bytes: Option<u64>,
    /// Whether operands lie on huge pages.
    pub huge_pages: Option<bool>,
    /// Sizes of the modules in GiB, where the DMI tables can be read.
    pub dimms_gib: Vec<f64>,
    /// Why there are none.
    pub dimms_reason: Option<String>,
}

const ISA: [&str; 20] = [
    "sse2",
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx512f",
    "avx512vl",
    "avx512dq",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "sve",
    "sve2",
];

fn cpuinfo_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim()).filter(|value| !value.is_empty())
    })
}

fn flags(text: &str) -> Vec<&str> {
    cpuinfo_field(text, "flags").or_else(|| cpuinfo_field(text, "Features")).unwrap_or_default().split(' ').collect()
}

pub(super) fn is_virtual_machine(roots: &Roots) -> bool {
    read_trimmed(&roots.proc.join("cpuinfo")).is_ok_and(|text| flags(&text).contains(&"hypervisor"))
}

pub(super) fn kernel_release(roots: &Roots) -> Option<String> {
    read_trimmed(&roots.proc.join("sys/kernel/osrelease")).ok()
}

pub(super) fn cpu(roots: &Roots) -> CpuFacts {
    let text = read_trimmed(&roots.proc.join("cpuinfo")).unwrap_or_default();
    let field = |name: &str| cpuinfo_field(&text, name).map(str::to_owned);
    let present = flags(&text);
    // The topology's root is the folder that holds `sys` and `proc`.
    let topology = roots.sys.parent().and_then(|root| Topology::read(root).ok());
    let policy = roots.sys.join("devices/system/cpu/cpufreq");
    let first = names_in(&policy).unwrap_or_default().into_iter().find(|name| name.starts_with("policy"));
    let of_policy = |file: &str| first.as_ref().and_then(|name| read_trimmed(&policy.join(name).join(file)).ok());
    CpuFacts {
        model: field("model name"),
        vendor: field("vendor_id"),
        sockets: topology.as_ref().and_then(Topology::sockets),
        numa_nodes: topology.as_ref().and_then(Topology::nodes),
        cores: topology.as_ref().map(|t| t.cores().len()),
        threads: topology.as_ref().map(|t| t.cpus.len()),
        online: topology.as_ref().map(|t| t.online),
        isa: ISA.iter().filter(|name| present.contains(name)).map(|name| (*name).to_owned()).collect(),
        tiers: Tier::ALL.map(|tier| tier_fact(tier, &present)).to_vec(),
        caches: topology.as_ref().map(caches).unwrap_or_default(),
        smt: smt(roots, topology.as_ref()),
        governor: of_policy("scaling_governor"),
        frequency_driver: of_policy("scaling_driver"),
        microcode: field("microcode"),
    }
}

fn tier_fact(tier: Tier, flags: &[&str]) -> TierFact {
    TierFact { name: tier.to_string(), lacking: tier.lacking(flags), caveat: tier.caveat() }
}

fn smt(roots: &Roots, topology: Option<&Topology>) -> Option<bool> {
    match read_trimmed(&roots.sys.join("devices/system/cpu/smt/active")).as_deref() {
        Ok("1") => Some(true),
        Ok("0") => Some(false),
        _ => topology.map(Topology::has_smt),
    }
}

fn caches(topology: &Topology) -> Vec<Cache> {
    let mut kinds: Vec<Cache> = Vec::new();
    for cache in &topology.caches {
        let suffix = match cache.kind {
            CacheKind::Data => "d",
            CacheKind::Instruction => "i",
            CacheKind::Unified => "",
        };
        let name = format!("L{}{suffix}", cache.level);
        match kinds.iter_mut().find(|known| known.name == name && known.bytes == cache.bytes) {
            Some(known) => known.count += 1,
            None => kinds.push(Cache { name, bytes: cache.bytes, count: 1, shared_by: cache.cpus.len() }),
        }
    }
    kinds
}

pub(super) fn memory(roots: &Roots) -> MemoryFacts {
    let text = read_trimmed(&roots.proc.join("meminfo")).unwrap_or_default();
    let bytes = |name: &str| {
        let kib: u64 = cpuinfo_field(&text, name)?.split(' ').next()?.parse().ok()?;
        Some(kib * 1024)
    };
    let path = roots.sys.join("firmware/dmi/tables/DMI");
    let (modules, reason): (Vec<Dimm>, Option<String>) = match std::fs::read(&path) {
        Ok(table) => (dimms(&table), None),
        Err(error) if is_refusal(&error) => (Vec::new(), Some("only root may read the module list".into())),
        Err(_) => (Vec::new(), Some("the firmware offers no module list".into())),
    };
    MemoryFacts {
        total_bytes: bytes("MemTotal"),
        available_bytes: bytes("MemAvailable"),
        huge_pages: roots.sys.parent().and_then(huge_pages).map(|given| given == HugePages::Given),
        dimms_gib: modules.iter().map(|dimm| dimm.gib).collect(),
        dimms_reason: reason,
    }
}
