//! What performance counters counted during one execution of a kernel.

use serde::{Deserialize, Serialize};

/// Events of one execution, summed over its threads. What was not counted is `None`, never zero. Values are means over a
/// window and need not be whole.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Core clock cycles in user code.
    pub cycles: Option<f64>,
    /// Instructions retired in user code, those of threads that wait at a spinning barrier among them.
    pub instructions: Option<f64>,
    /// Accesses that missed the last-level cache.
    pub llc_misses: Option<f64>,
    /// Bytes that the memory controllers moved, for whomever: other processes are in it.
    pub dram_bytes: Option<f64>,
}

impl Counts {
    /// Names, in the order of [`Self::values`], with which rows and tables call them.
    pub const NAMES: [&'static str; 4] = ["cycles", "instructions", "llc_misses", "dram_bytes"];

    /// The values by [`Self::NAMES`].
    pub fn values(&self) -> [Option<f64>; 4] {
        [self.cycles, self.instructions, self.llc_misses, self.dram_bytes]
    }

    /// The reverse of [`Self::values`].
    pub fn from_values([cycles, instructions, llc_misses, dram_bytes]: [Option<f64>; 4]) -> Self {
        Self { cycles, instructions, llc_misses, dram_bytes }
    }

    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.values().iter().all(Option::is_none)
    }

    /// Instructions per cycle.
    pub fn ipc(&self) -> Option<f64> {
        let cycles = self.cycles.filter(|cycles| *cycles > 0.0)?;
        Some(self.instructions? / cycles)
    }

    /// Each of `parts` added up; what one of them lacks the sum lacks.
    pub fn sum(parts: &[Self]) -> Self {
        let values = parts.iter().map(Self::values).reduce(|a, b| {
            let mut both = a.into_iter().zip(b).map(|(a, b)| Some(a? + b?));
            [(); 4].map(|()| both.next().flatten())
        });
        values.map_or_else(Self::default, Self::from_values)
    }

    /// The counts of `factor` times as much work.
    pub fn scaled(&self, factor: f64) -> Self {
        Self::from_values(self.values().map(|value| value.map(|value| value * factor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_lacks_what_a_part_lacks() {
        let all = Counts::from_values([Some(10.0), Some(25.0), Some(1.0), Some(64.0)]);
        let some = Counts { dram_bytes: None, ..all };
        assert_eq!(Counts::sum(&[all, all]), all.scaled(2.0));
        assert_eq!(Counts::sum(&[all, some]), Counts { dram_bytes: None, ..all.scaled(2.0) });
        assert!(Counts::sum(&[]).is_empty() && !some.is_empty());
        assert_eq!((all.ipc(), Counts { instructions: None, ..all }.ipc()), (Some(2.5), None));
        assert_eq!(Counts { cycles: Some(0.0), ..all }.ipc(), None);
    }
}
