//! The sweep loop.

use super::blocks::Blocks;
use super::estimate::Lengths;
use super::journal::{Journal, JournalError};
use super::left::{Drew, SoFar};
use super::levers::missing;
use super::order::{Slot, idle_time, slots};
use super::plan::Plan;
use super::verdict::{Effect, ReadBack, clock_bounds, judge};
use crate::executor::{ExecutorError, Workload};
use crate::knob::KnobError;
use crate::lease::{Applied, Lease, LeaseError, LeaseOptions, RestoreReport};
use crate::sensor::agreement::Agreement;
use crate::window::{MeasureError, Rig, append, base_row, rows, total};
use ergometer_record::measurement::point_id;
use ergometer_record::{Hertz, Joules, KernelSpec, Row, Seconds, Setting, Verdict, Watts};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How to run a sweep, beside the plan.
#[derive(Debug)]
pub struct Options<'a> {
    /// Stands in every row; a journal of another id is not resumed.
    pub manifest_id: &'a str,
    /// Where finished rows are kept; without it an interrupted sweep starts anew.
    pub journal: Option<&'a Path>,
    /// Go on with a journal that is already there.
    pub resume: bool,
    /// The sweep ends, resumably, soon after this becomes true (Ctrl-C).
    pub interrupt: &'a AtomicBool,
    /// How to hold the settings.
    pub lease: &'a LeaseOptions,
}

/// A sweep that failed. Rows of finished slots are in the journal, and settings have been put back.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Settings can't be held.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A workload or sensor failed.
    #[error(transparent)]
    Measure(#[from] MeasureError),
}

impl From<ExecutorError> for SweepError {
    fn from(error: ExecutorError) -> Self {
        Self::Measure(error.into())
    }
}

/// Why a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// Everything is measured.
    Finished,
    /// The interrupt flag was set.
    Interrupted,
    /// The plan's time budget is spent.
    TimeBudget,
    /// The device passed the plan's temperature limit, in degrees Celsius.
    TooHot(f64),
}

/// A kernel or setting that was left out, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Skipped {
    /// The kernel; `None` when a setting was left out for every kernel.
    pub spec: Option<KernelSpec>,
    /// The setting; `None` when a kernel was left out under every setting.
    pub setting: Option<Setting>,
    /// Why.
    pub reason: String,
}

/// What a sweep ended with.
#[derive(Debug)]
pub struct Outcome {
    /// Rows of all finished slots, those of a resumed journal included, in order of execution.
    pub rows: Vec<Row>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Why it ended.
    pub end: End,
    /// What became of the settings; `None` when nothing was to be set.
    pub restored: Option<RestoreReport>,
    /// How the sensors compare with their witnesses; empty where there is none.
    pub agreements: Vec<Agreement>,
    /// What the user must know of how the devices were held, in sentences.
    pub caveats: Vec<String>,
}

/// Told after each slot.
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    /// Slots finished, those of a resumed journal included.
    pub done: usize,
    /// Slots in all.
    pub total: usize,
    /// The slot that was finished.
    pub slot: &'a Slot,
    /// Its verdict; `None` for a skipped one.
    pub verdict: Option<Verdict>,
    /// Clock that it ran at.
    pub achieved_clock: Option<Hertz>,
    /// Power that it drew.
    pub power: Option<Watts>,
    /// Time left on the device's clock: what the dry run says of the slots to come, times what the slots of their kind (idle
    /// or not) took so far over what it said of them.
    pub time_left: Seconds,
    /// How the sensors compare with their witnesses: told once, after the slot that ended the comparison.
    pub agreements: Vec<Agreement>,
    /// Energy left, by the mean power of idle slots and of working ones so far; absent where no sensor measures it, and until
    /// one of each kind to come has been seen.
    pub energy_left: Option<Joules>,
}

/// Runs `plan` on `rig`. The rig's knobs move into a lease that puts them back at the end, whatever the end is.
///
/// A kernel that the executor lacks, a setting without a lever and a value that the hardware refuses are skipped with
/// their reasons; everything else that goes wrong ends the sweep.
///
/// # Errors
/// See [`SweepError`].
pub fn run(
    plan: &Plan,
    rig: &mut Rig,
    options: &Options<'_>,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Outcome, SweepError> {
    let device = rig.executor.device();
    let mut skipped = Vec::new();
    let mut settings = plan.settings(&device);
    settings.retain(|setting| {
        let missing = missing(rig.knobs.iter().map(AsRef::as_ref), setting);
        if !missing.is_empty() {
            let reason = format!("no knob for {} here (or none was allowed)", missing.join(", "));
            skipped.push(Skipped { spec: None, setting: Some(setting.clone()), reason });
        }
        missing.is_empty()
    });
    let todo = slots(plan, &plan.specs, &settings);
    let durable = !rig.clock.is_virtual();
    let (mut journal, done) = match options.journal {
        Some(path) => {
            let (journal, done) = Journal::open(path, options.manifest_id, options.resume, durable)?;
            (Some(journal), done)
        }
        None => (None, super::journal::Done::default()),
    };
    let lease = match settings.len() {
        0 | 1 => None,
        _ => Some(Lease::acquire(options.lease, std::mem::take(&mut rig.knobs))?),
    };
    let caveats = lease.iter().flat_map(Lease::caveats).map(str::to_owned).collect();
    let mut sweep = Sweep { plan, rig, lease, device, prepared: None, refused: Vec::new(), skipped };
    let mut all = done.rows;
    let start = sweep.rig.clock.now();
    let mut end = End::Finished;
    let lengths = Lengths::of(plan, sweep.rig);
    let mut told = false;
    let mut resting = Seconds(0.0);
    let mut so_far = SoFar::default();
    let mut blocks = Blocks::new(plan);
    for (index, slot) in todo.iter().enumerate() {
        if done.orders.contains(&slot.order) || blocks.is_beyond(slot, &all) {
            continue;
        }
        if let Some(reason) = sweep.stop(options.interrupt, start, resting) {
            end = reason;
            break;
        }
        let before = sweep.rig.clock.now();
        if let Some(rest) = &mut sweep.rig.rest {
            rest(u64::from(slot.order));
            // Time and counters may have jumped.
            sweep.rig.check.restart();
        }
        resting += sweep.rig.clock.now() - before;
        let began = sweep.rig.clock.now();
        let new = sweep.slot(slot, options.manifest_id)?;
        if let Some(journal) = &mut journal {
            journal.append(&new, slot.order)?;
        }
        let concluded = !told && sweep.rig.check.is_done();
        told |= concluded;
        // The power of its windows stands for the whole slot: warm-up and windows run the same kernel.
        let first = new.iter().filter(|row| row.repeat == 0);
        let powers: Option<Vec<_>> = first.map(|row| Some((row.component, row.provenance, row.power()?))).collect();
        let power = powers.and_then(|powers| total(&powers));
        let drew = if new.is_empty() { Drew::Skipped } else { power.map_or(Drew::Unknown, Drew::Power) };
        so_far.add(slot, lengths.slot(slot), sweep.rig.clock.now() - began, drew);
        let (time_left, energy_left) = so_far.left(todo.iter().skip(index + 1).map(|slot| (slot, lengths.slot(slot))));
        progress(&Progress {
            done: index + 1,
            total: todo.len(),
            slot,
            verdict: new.first().map(|row| row.verdict),
            achieved_clock: new.first().and_then(|row| row.achieved_clock),
            power,
            time_left,
            energy_left,
            agreements: if concluded { sweep.rig.check.agreements() } else { Vec::new() },
        });
        all.extend(new);
    }
    let Sweep { lease, skipped, rig, .. } = sweep;
    let agreements = rig.check.agreements();
    Ok(Outcome { rows: all, skipped, end, restored: lease.map(Lease::end), agreements, caveats })
}

struct Sweep<'a> {
    plan: &'a Plan,
    rig: &'a mut Rig,
    lease: Option<Lease>,
    device: String,
    /// The operands of the last specification: settings of one specification follow one another.
    prepared: Option<(KernelSpec, Option<Box<dyn Workload>>)>,
    /// Settings that the hardware refused once.
    refused: Vec<Setting>,
    skipped: Vec<Skipped>,
}

impl Sweep<'_> {
    fn stop(&mut self, interrupt: &AtomicBool, start: Seconds, resting: Seconds) -> Option<End> {
        if interrupt.load(Ordering::Relaxed) {
            return Some(End::Interrupted);
        }
        let spent = self.rig.clock.now() - start - resting;
        if self.plan.time_budget.is_some_and(|budget| spent.0 > budget.0) {
            return Some(End::TimeBudget);
        }
        let temperature = self.rig.thermometer.as_mut().and_then(|read| read());
        let too_hot = self.plan.temperature_limit_c.zip(temperature).filter(|(limit, c)| c > limit);
        too_hot.map(|(_, celsius)| End::TooHot(celsius))
    }

    /// Measures one slot; no rows when it is skipped.
    fn slot(&mut self, slot: &Slot, manifest_id: &str) -> Result<Vec<Row>, SweepError> {
        if self.refused.contains(&slot.setting) {
            return Ok(Vec::new());
        }
        let Some(read_back) = self.apply(&slot.setting)? else { return Ok(Vec::new()) };
        if slot.is_idle() {
            return self.idle(slot, manifest_id);
        }
        if self.prepared.as_ref().is_none_or(|(spec, _)| *spec != slot.spec) {
            // The old operands are freed before the new ones are made.
            self.prepared = None;
            let workload = match self.rig.executor.prepare(&slot.spec) {
                Ok(workload) => Some(workload),
                Err(ExecutorError::Unsupported { reason, .. }) => {
                    self.skip(Skipped { spec: Some(slot.spec), setting: None, reason });
                    None
                }
                Err(error) => return Err(error.into()),
            };
            self.prepared = Some((slot.spec, workload));
        }
        let Some((_, Some(workload))) = &mut self.prepared else { return Ok(Vec::new()) };
        let mut base = base_row(&slot.spec, self.rig.executor.name(), &self.device, workload.as_ref());
        label(&mut base, slot, manifest_id);
        let clocks = self.lease.as_ref().and_then(|lease| clock_bounds(lease.knobs()));
        let mut instruments = self.rig.instruments(&self.plan.window);
        let warm = instruments.warm_up(workload)?;
        if !warm.steady {
            append(&mut base.note, "power or temperature still moved at the end of the warm-up");
        }
        let mut result = Vec::new();
        let mut stop = self.plan.stop.start();
        let mut repeat = 0;
        while !stop.done() {
            let stretch = instruments.repeat(workload, warm.batch)?;
            let mut row = base.clone();
            let counted = stretch.counted.and_then(|counted| counted.clock());
            row.achieved_clock = workload.achieved_clock().or(counted);
            let effect = Effect { achieved: row.achieved_clock, stretch: &stretch, clocks };
            let (verdict, remark) = judge(&slot.setting, &read_back, &effect);
            row.verdict = verdict;
            if !remark.is_empty() {
                append(&mut row.note, &remark);
            }
            let time_s = stretch.busy.0 / stretch.iterations.max(1) as f64;
            stop.push(time_s, stretch.total_power().map(|power| power.0 * time_s));
            result.extend(rows(&row, &stretch, repeat));
            repeat += 1;
        }
        Ok(result)
    }

    fn idle(&mut self, slot: &Slot, manifest_id: &str) -> Result<Vec<Row>, SweepError> {
        let stretch = self.rig.instruments(&self.plan.window).idle(idle_time(&slot.spec))?;
        let mut row = Row::timed(slot.spec, self.rig.executor.name(), &self.device, Seconds(1.0));
        label(&mut row, slot, manifest_id);
        // One execution of an idle specification is the whole window.
        let whole = crate::window::Stretch { iterations: 1, ..stretch };
        Ok(rows(&row, &whole, 0))
    }

    /// Sets the hardware; `None` when it refuses the value.
    fn apply(&mut self, setting: &Setting) -> Result<Option<Vec<ReadBack>>, SweepError> {
        let Some(lease) = &mut self.lease else { return Ok(Some(Vec::new())) };
        match lease.apply(setting) {
            Ok(applied) => {
                let read_back = |applied: Applied| {
                    let knob = lease.knobs().find(|knob| knob.id() == applied.knob)?;
                    Some(ReadBack { lever: knob.lever(), rivals: knob.rivals(), applied })
                };
                Ok(Some(applied.into_iter().filter_map(read_back).collect()))
            }
            // The driver may lack a lever, not let us have it, or not take the value. A failure is another matter.
            Err(LeaseError::Knob(
                error @ (KnobError::NotAllowed { .. } | KnobError::NotPermitted { .. } | KnobError::Missing { .. }),
            )) => {
                let reason = error.to_string();
                self.skip(Skipped { spec: None, setting: Some(setting.clone()), reason });
                self.refused.push(setting.clone());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn skip(&mut self, skipped: Skipped) {
        if !self.skipped.contains(&skipped) {
            self.skipped.push(skipped);
        }
    }
}

fn label(row: &mut Row, slot: &Slot, manifest_id: &str) {
    row.manifest_id = manifest_id.to_owned();
    row.block = slot.block;
    row.order = slot.order;
    row.setting = slot.setting.clone();
    row.point_id = point_id(&slot.spec, &row.tier, row.threads, &slot.setting);
}
