//! What a sweep will take, before it starts: `--dry-run`.

use super::order::{Slot, slots};
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

/// Every slot of the sweep in order, with its estimate. Nothing is run and nothing is set.
pub fn dry_run(plan: &Plan, rig: &mut Rig) -> Vec<Estimate> {
    let settings = plan.settings(&rig.executor.device());
    let bound_w = rig.power_bound_w;
    let instruments = rig.instruments(&plan.window);
    let (window, warm) = (instruments.window_time().0, instruments.warm_stretch().0);
    slots(plan, &plan.specs, &settings)
        .into_iter()
        .map(|slot| {
            // A warm-up that is steady at once needs two stretches; heating up adds some more.
            let time =
                if slot.is_idle() { idle_seconds(&slot) } else { 4.0 * warm + f64::from(plan.most_repeats()) * window };
            let cap = slot.setting.gpu_cap_w.or(slot.setting.cpu_cap_w).map(|w| w.0);
            let power = [cap, bound_w].into_iter().flatten().reduce(f64::min);
            Estimate { slot, time: Seconds(time), energy_bound: power.map(|w| Joules(w * time)) }
        })
        .collect()
}

fn idle_seconds(slot: &Slot) -> f64 {
    super::order::idle_time(&slot.spec).0
}
