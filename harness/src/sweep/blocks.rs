//! How many complete blocks are enough.

use super::order::Slot;
use super::plan::Plan;
use crate::table::data::Cost;
use crate::table::{Accept, gain, gather};
use ergometer_record::Row;

/// Ends a sweep whose plan asks for blocks until every gain is known well enough.
///
/// It is asked before each block beyond the least number, and looks at the rows of the blocks before, and at nothing else:
/// a resumed sweep stops at the same block. Looking after each block makes the intervals slightly optimistic; the least
/// number of blocks bounds that.
pub(super) struct Blocks {
    least: u32,
    target: Option<f64>,
    /// The last block that was decided on.
    decided: Option<u32>,
    enough: bool,
}

impl Blocks {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { least: plan.blocks, target: plan.gain_interval.map(|(target, _)| target), decided: None, enough: false }
    }

    /// True for a slot of a block that need not be measured.
    pub(super) fn is_beyond(&mut self, slot: &Slot, rows: &[Row]) -> bool {
        let Some(target) = self.target.filter(|_| !slot.is_idle() && slot.block >= self.least) else { return false };
        if !self.enough && self.decided != Some(slot.block) {
            self.decided = Some(slot.block);
            let before: Vec<Row> = rows.iter().filter(|row| row.block < slot.block).cloned().collect();
            self.enough = are_narrow(&before, target);
        }
        self.enough
    }
}

/// Whether the 95 % interval of every setting's EDP over the baseline's has a relative half width of at most `target`.
fn are_narrow(rows: &[Row], target: f64) -> bool {
    // Without energies there is no gain to know.
    let Ok(devices) = gather(rows, Accept::ALL) else { return false };
    devices.iter().flat_map(|device| &device.workloads).all(|workload| {
        workload.points.iter().all(|point| {
            let interval = gain::ratio(&workload.baseline, point, Cost::edp).and_then(|ratio| ratio.interval);
            interval.is_some_and(|interval| interval.relative_half_width() <= target)
        })
    })
}
