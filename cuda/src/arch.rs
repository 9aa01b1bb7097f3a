//! Architectures that NVRTC compiles for.

use crate::error::Version;
use std::fmt;

/// A real architecture, `sm_80` or `sm_90a`.
///
/// Hopper gets the `a` suffix, because only `sm_90a` has `wgmma` and `setmaxnreg` (PTX ISA, target directives); such
/// code runs on compute capability 9.0 alone, which is why it is chosen only for exactly that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arch {
    /// Compute capability, major.
    pub major: u32,
    /// Compute capability, minor.
    pub minor: u32,
}

impl Arch {
    /// The architectures that the compile gate holds budgets for.
    pub const GATE: [Self; 4] = [Self::new(8, 0), Self::new(9, 0), Self::new(10, 0), Self::new(12, 0)];

    /// The architecture of a compute capability.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// 80 for compute capability 8.0: NVRTC's number.
    pub fn number(self) -> u32 {
        10 * self.major + self.minor
    }

    /// The first NVRTC that knows it: 12.8 for 10.0 and later (CUDA 12.8 release notes), 11.8 for 9.0 and 8.9.
    pub fn first_nvrtc(self) -> Version {
        let (major, minor) = match self.number() {
            100.. => (12, 8),
            89.. => (11, 8),
            _ => (11, 4),
        };
        Version { major, minor }
    }

    /// The least architecture that the kernels are written for: `cp.async`, bf16 and tf32 `mma` appear with 8.0.
    pub const LEAST: Self = Self::new(8, 0);
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.number() == 90 { "a" } else { "" };
        f.pad(&format!("sm_{}{suffix}", self.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nvccs() {
        let names: Vec<_> = Arch::GATE.iter().map(Arch::to_string).collect();
        assert_eq!(names, ["sm_80", "sm_90a", "sm_100", "sm_120"]);
        assert_eq!(Arch::new(8, 6).to_string(), "sm_86");
    }
}
