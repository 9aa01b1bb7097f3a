//! The order of execution: randomised complete blocks from a seed.
//!
//! A block holds every specification once, in random order, and within a specification every setting once, in random
//! order, the baseline among them as the anchor. Settings are compared within (block, specification), where they lie
//! close in time and share whatever drifts slowly.

use super::plan::Plan;
use ergometer_record::{Kernel, KernelSpec, Precision, Seconds, Setting, Size};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// One thing to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Position in the whole run, from 0.
    pub order: u32,
    /// Complete block, from 0; idle windows before and after belong to the first and the last.
    pub block: u32,
    /// What runs.
    pub spec: KernelSpec,
    /// Under which setting.
    pub setting: Setting,
}

impl Slot {
    /// True for an idle window.
    pub fn is_idle(&self) -> bool {
        self.spec.kernel == Kernel::Idle
    }
}

/// The specification of an idle window: its count is in milliseconds.
pub fn idle_spec(time: Seconds) -> KernelSpec {
    let count = (time.0 * 1e3).round().clamp(1.0, 1e12) as u64;
    KernelSpec { kernel: Kernel::Idle, size: Size::Probe { count }, precision: Precision::F32 }
}

/// The time that an idle specification stands for.
pub fn idle_time(spec: &KernelSpec) -> Seconds {
    match spec.size {
        Size::Probe { count } => Seconds(count as f64 / 1e3),
        _ => Seconds(0.0),
    }
}

/// Every slot of a sweep of `specs` and `settings` in the order of execution.
pub fn slots(plan: &Plan, specs: &[KernelSpec], settings: &[Setting]) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut push = |block: u32, spec: KernelSpec, setting: Setting| {
        slots.push(Slot { order: slots.len() as u32, block, spec, setting });
    };
    for time in &plan.idle {
        push(0, idle_spec(*time), Setting::default());
    }
    for block in 0..plan.most_blocks() {
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        random.set_stream(u64::from(block));
        let mut specs = specs.to_vec();
        specs.shuffle(&mut random);
        for spec in specs {
            let mut settings = settings.to_vec();
            settings.shuffle(&mut random);
            for setting in settings {
                push(block, spec, setting);
            }
        }
    }
    for time in &plan.idle {
        push(plan.most_blocks().saturating_sub(1), idle_spec(*time), Setting::default());
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn plan(seed: u64) -> Plan {
        let text = format!(
            "name = \"t\"\ndevices = [\"d\"]\nseed = {seed}\nblocks = 4\n[idle]\ntimes_s = [1.0, 2.0]\n\
             [[kernels]]\nkernel = \"triad\"\nsizes = [\"n=64\", \"n=128\", \"n=256\"]\nprecisions = [\"f32\"]\n\
             [[settings]]\ngpu_cap_w = [100, 200, 300]\n"
        );
        Plan::from_toml(&text, Path::new("t.toml")).unwrap()
    }

    fn order(seed: u64) -> Vec<Slot> {
        let plan = plan(seed);
        slots(&plan, &plan.specs, &plan.settings("d"))
    }

    #[test]
    fn every_block_is_complete_and_has_its_anchor() {
        let slots = order(3);
        assert_eq!(slots.len(), 2 + 4 * 3 * 4 + 2);
        for block in 0..4 {
            let points: Vec<_> = slots.iter().filter(|s| s.block == block && !s.is_idle()).collect();
            let different: BTreeSet<String> = points.iter().map(|s| format!("{}@{}", s.spec, s.setting)).collect();
            assert_eq!((points.len(), different.len()), (12, 12));
            assert_eq!(points.iter().filter(|s| s.setting.is_baseline()).count(), 3);
        }
        assert!(slots.iter().enumerate().all(|(i, s)| s.order == i as u32));
    }

    #[test]
    fn the_seed_and_nothing_else_decides() {
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
        let blocks: Vec<Vec<String>> = (0..4)
            .map(|b| order(3).iter().filter(|s| s.block == b && !s.is_idle()).map(|s| s.setting.to_string()).collect())
            .collect();
        assert_ne!(blocks[0], blocks[1]);
    }
}
