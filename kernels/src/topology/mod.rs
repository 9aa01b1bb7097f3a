//! Cores, SMT siblings, sockets, NUMA nodes and caches, read from sysfs and procfs under an injectable root.
//!
//! Only CPUs that are online *and* in the calling thread's affinity mask are listed, so that a container sees what it
//! may use. Where the kernel does not tell (a sandbox without sysfs), a value is `None` and every CPU counts as a core.

#[cfg(feature = "hwlocality")]
mod hwloc;
mod sysfs;

use std::path::Path;

pub use sysfs::TopologyError;

/// One usable logical CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number of it.
    pub id: usize,
    /// Physical package; `None` where the kernel does not tell.
    pub socket: Option<usize>,
    /// NUMA node; `None` where the kernel does not tell.
    pub node: Option<usize>,
    /// All CPUs of the same physical core, this one included, usable or not.
    pub siblings: Vec<usize>,
}

/// One physical core with at least one usable CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its usable CPUs, ascending.
    pub cpus: Vec<usize>,
    /// Physical package.
    pub socket: Option<usize>,
    /// NUMA node.
    pub node: Option<usize>,
}

/// What a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKind {
    /// Data only.
    Data,
    /// Instructions only.
    Instruction,
    /// Both.
    Unified,
}

/// One cache instance that a usable CPU reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// 1, 2, 3, ….
    pub level: u32,
    /// What it holds.
    pub kind: CacheKind,
    /// Capacity in bytes.
    pub bytes: u64,
    /// Line length in bytes; `None` where the kernel does not tell.
    pub line_bytes: Option<u64>,
    /// All CPUs that share it, usable or not.
    pub cpus: Vec<usize>,
}

/// The part of the machine that this process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Usable CPUs, ascending by number; never empty.
    pub cpus: Vec<Cpu>,
    /// Cache instances that usable CPUs reach, by level.
    pub caches: Vec<Cache>,
    /// Number of CPUs that are online, usable or not.
    pub online: usize,
}

impl Topology {
    /// Reads the machine: [`Self::read`] at `/`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn detect() -> Result<Self, TopologyError> {
        Self::read(Path::new("/"))
    }

    /// This machine as hwloc 2 sees it: the same as [`Self::detect`], which reads sysfs itself, wherever both know it.
    ///
    /// # Errors
    /// The library fails, or the affinity mask leaves no CPU.
    #[cfg(feature = "hwlocality")]
    pub fn from_hwloc() -> Result<Self, TopologyError> {
        hwloc::read()
    }

    /// Reads `sys/devices/system/{cpu,node}` and `proc/self/status` under `root`.
    ///
    /// # Errors
    /// A file holds something else than its format allows, or the affinity mask leaves no online CPU. Files that are
    /// absent are no error: what they would tell is `None`.
    pub fn read(root: &Path) -> Result<Self, TopologyError> {
        sysfs::read(root)
    }

    /// The physical cores, by socket, then by lowest CPU number.
    pub fn cores(&self) -> Vec<Core> {
        let mut cores: Vec<(usize, Core)> = Vec::new();
        for cpu in &self.cpus {
            let key = cpu.siblings.first().copied().unwrap_or(cpu.id);
            match cores.iter_mut().find(|(k, _)| *k == key) {
                Some((_, core)) => core.cpus.push(cpu.id),
                None => cores.push((key, Core { cpus: vec![cpu.id], socket: cpu.socket, node: cpu.node })),
            }
        }
        cores.sort_by_key(|(key, core)| (core.socket, *key));
        cores.into_iter().map(|(_, core)| core).collect()
    }

    /// CPUs in the order in which workers are placed: one of each core first, then their SMT siblings.
    pub fn placement(&self) -> Vec<usize> {
        let cores = self.cores();
        let most = cores.iter().map(|c| c.cpus.len()).max().unwrap_or(0);
        (0..most).flat_map(|way| cores.iter().filter_map(move |c| c.cpus.get(way).copied())).collect()
    }

    /// Number of sockets with a usable CPU; `None` where the kernel does not tell.
    pub fn sockets(&self) -> Option<usize> {
        distinct(self.cpus.iter().map(|c| c.socket))
    }

    /// Number of NUMA nodes with a usable CPU; `None` where the kernel does not tell.
    pub fn nodes(&self) -> Option<usize> {
        distinct(self.cpus.iter().map(|c| c.node))
    }

    /// True when a usable core has more than one hardware thread.
    pub fn has_smt(&self) -> bool {
        self.cpus.iter().any(|c| c.siblings.len() > 1)
    }

    /// Capacity in bytes of one data or unified cache of `level`; `None` where the kernel does not tell.
    pub fn cache_bytes(&self, level: u32) -> Option<u64> {
        self.caches.iter().filter(|c| c.level == level && c.kind != CacheKind::Instruction).map(|c| c.bytes).min()
    }

    /// Bytes of all last-level cache instances that the CPUs in `cpus` reach, each counted once; `None` where the
    /// kernel does not tell.
    pub fn last_level_bytes(&self, cpus: &[usize]) -> Option<u64> {
        let data = || self.caches.iter().filter(|c| c.kind != CacheKind::Instruction);
        let last = data().map(|c| c.level).max()?;
        let reached = data().filter(|c| c.level == last && c.cpus.iter().any(|id| cpus.contains(id)));
        Some(reached.map(|c| c.bytes).sum()).filter(|bytes| *bytes > 0)
    }
}

fn distinct(values: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    let mut seen = values.collect::<Option<Vec<_>>>()?;
    seen.sort_unstable();
    seen.dedup();
    Some(seen.len())
}

#[cfg(test)]
mod tests;
