//! What a sweep will take, before it starts: `--dry-run`.

use super::order::{Slot, idle_time, slots};
use super::plan::Plan;
use crate::window::Rig;
use ergometer_record::{Joules, Seconds};

/// One line of a dry run.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// What would run.
    pub slot: Slot,
    /// From the lengths of warm-up and windows; kernels longer than a batch take longer.
    pub time: Seconds,
    /// At most: time times the power limit asked for, or the device's own; absent where no limit is known.
    pub energy_bound: Option<Joules>,
}

/// How long slots last, from the lengths of warm-up and windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    window_s: f64,
    warm_s: f64,
    repeats: u32,
}

impl Lengths {
    pub(super) fn of(plan: &Plan, rig: &mut Rig) -> Self {
        let instruments = rig.instruments(&plan.window);
        let (window_s, warm_s) = (instruments.window_time().0, instruments.warm_stretch().0);
        Self { window_s, warm_s, repeats: plan.most_repeats() }
    }

    /// Of one slot, in s.
    pub(super) fn slot(self, slot: &Slot) -> f64 {
        if slot.is_idle() {
            return idle_time(&slot.spec).0;
        }
        // A warm-up that is steady at once needs two stretches; heating up adds some more.
        4.0 * self.warm_s + f64::from(self.repeats) * self.window_s
    }
}

/// Every slot of the sweep in order, with its estimate. Nothing is run and nothing is set.
pub fn dry_run(plan: &Plan, rig: &mut Rig) -> Vec<Estimate> {
    let settings = plan.settings(&rig.executor.device());
    let bound_w = rig.power_bound_w;
    let lengths = Lengths::of(plan, rig);
    slots(plan, &plan.specs, &settings)
        .into_iter()
        .map(|slot| {
            let time = lengths.slot(&slot);
            let setting = &slot.setting;
            let caps = [setting.gpu_cap_w, setting.cpu_cap_w, setting.cpu_cap_short_w].map(|cap| cap.map(|w| w.0));
            let power = caps.into_iter().chain([bound_w]).flatten().reduce(f64::min);
            Estimate { slot, time: Seconds(time), energy_bound: power.map(|w| Joules(w * time)) }
        })
        .collect()
}
