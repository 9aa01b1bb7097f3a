//! Sizes by the level of the memory hierarchy that holds a kernel's operands.

use crate::kernels::Topology;
use std::fmt;

/// Where the operands of a kernel lie between executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SizeClass {
    /// Half of the first-level data cache of a core.
    L1,
    /// Half of the second-level cache of a core.
    L2,
    /// A third of the last-level cache.
    L3,
    /// Four times the last-level cache, at least 32 MiB.
    Dram,
    /// The kernel has no operands.
    Registers,
}

impl SizeClass {
    /// Those with operands, from the smallest.
    pub const MEMORY: [Self; 4] = [Self::L1, Self::L2, Self::L3, Self::Dram];

    /// The name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::Dram => "DRAM",
            Self::Registers => "none",
        }
    }

    /// Bytes of operands of this class on a machine, the same for every number of threads so that they compare. Where the
    /// kernel does not tell, caches of 32 KiB and 1 MiB are assumed, and no third level; `None` for a level that the
    /// machine lacks and for [`Self::Registers`].
    pub fn bytes(self, topology: &Topology) -> Option<u64> {
        let level = |level| topology.cache_bytes(level);
        let second = level(2).unwrap_or(1 << 20);
        match self {
            Self::L1 => Some(level(1).unwrap_or(32 << 10) / 2),
            Self::L2 => Some(second / 2),
            Self::L3 => level(3).filter(|third| *third > second).map(|third| (third / 3).max(second)),
            Self::Dram => Some(4 * level(3).unwrap_or(second).max(second).max(8 << 20)),
            Self::Registers => None,
        }
    }
}

impl fmt::Display for SizeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for SizeClass {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = |class: &Self| class.name().eq_ignore_ascii_case(text);
        Self::MEMORY.into_iter().find(known).ok_or_else(|| format!("{text:?} is none of L1, L2, L3 and DRAM"))
    }
}

#[cfg(test)]
pub(in crate::pipeline) mod tests {
    use super::*;
    use crate::kernels::topology::{Cache, CacheKind, Cpu};

    pub(in crate::pipeline) fn machine(levels: &[(u32, u64)]) -> Topology {
        let cpu = |id| Cpu { id, socket: Some(0), node: Some(0), siblings: vec![id] };
        let cache = |&(level, bytes): &(u32, u64)| Cache {
            level,
            kind: CacheKind::Unified,
            bytes,
            line_bytes: Some(64),
            cpus: vec![0, 1],
        };
        Topology { cpus: vec![cpu(0), cpu(1)], caches: levels.iter().map(cache).collect(), online: 2 }
    }

    #[test]
    fn each_class_fits_its_level_and_not_the_one_below() {
        let topology = machine(&[(1, 32 << 10), (2, 1 << 20), (3, 32 << 20)]);
        let bytes = SizeClass::MEMORY.map(|class| class.bytes(&topology).unwrap());
        assert_eq!(bytes, [16 << 10, 512 << 10, (32 << 20) / 3, 128 << 20]);
        assert_eq!(SizeClass::Registers.bytes(&topology), None);
    }

    #[test]
    fn a_machine_without_a_third_level_has_no_such_class() {
        assert_eq!(SizeClass::L3.bytes(&machine(&[(1, 64 << 10), (2, 2 << 20)])), None);
        assert_eq!(SizeClass::Dram.bytes(&machine(&[])), Some(32 << 20));
        assert_eq!("dram".parse(), Ok(SizeClass::Dram));
        assert!("L4".parse::<SizeClass>().is_err());
    }
}
