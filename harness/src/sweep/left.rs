//! Time and energy that a running sweep has left.

use super::order::Slot;
use ergometer_record::{Joules, Seconds, Watts};

/// What a slot drew.
#[derive(Debug, Clone, Copy)]
pub(super) enum Drew {
    Power(Watts),
    /// No sensor measured it.
    Unknown,
    /// It did not run.
    Skipped,
}

/// What the slots so far took, idle ones apart: those before the first kernel say nothing of what kernels will need.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    working: Kind,
    idle: Kind,
}

#[derive(Debug, Default)]
struct Kind {
    /// What the dry run said of them, in s.
    expected_s: f64,
    took: Seconds,
    energy: Joules,
    /// Slots whose power is not known, where no sensor measured it.
    without_power: bool,
}

impl SoFar {
    fn kind(&self, slot: &Slot) -> &Kind {
        if slot.is_idle() { &self.idle } else { &self.working }
    }

    /// Adds a slot that the dry run said takes `expected_s`. One that was skipped took next to nothing, and so may those to
    /// come.
    pub(super) fn add(&mut self, slot: &Slot, expected_s: f64, took: Seconds, drew: Drew) {
        let kind = if slot.is_idle() { &mut self.idle } else { &mut self.working };
        kind.expected_s += expected_s;
        kind.took += took;
        match drew {
            Drew::Power(power) => kind.energy += power * took,
            Drew::Unknown => kind.without_power = true,
            Drew::Skipped => {}
        }
    }

    /// What the slots to come, each with what the dry run says of it, need by the mean of their kind. Until one of a kind
    /// has been seen its time is the dry run's, and the energy is not known.
    pub(super) fn left<'a>(&self, to_come: impl Iterator<Item = (&'a Slot, f64)>) -> (Seconds, Option<Joules>) {
        let (mut time, mut energy) = (Seconds(0.0), Some(Joules(0.0)));
        for (slot, expected_s) in to_come {
            let kind = self.kind(slot);
            let seen = kind.expected_s > 0.0;
            let share = expected_s / kind.expected_s;
            time += if seen { kind.took * share } else { Seconds(expected_s) };
            energy = energy.filter(|_| seen && !kind.without_power).map(|sum| sum + kind.energy * share);
        }
        (time, energy)
    }
}
