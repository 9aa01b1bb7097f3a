//! Kernels at the present settings: what `ergometer bench` does.

use super::stop::{Fixed, RelativeInterval, Stop};
use super::{MeasureError, Rig, append, base_row, rows};
use crate::executor::{ExecutorError, Workload};
use ergometer_record::{KernelSpec, Row};

/// Which stop rule repeats a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopRule {
    /// This many repeats.
    Fixed(u32),
    /// Until the relative half width of the 95 % interval is below the first number, within at most so many repeats.
    Relative(f64, usize),
}

impl StopRule {
    /// A fresh instance of the rule.
    pub fn start(self) -> Box<dyn Stop> {
        match self {
            Self::Fixed(repeats) => Box::new(Fixed::new(repeats)),
            Self::Relative(half_width, maximum) => Box::new(RelativeInterval::new(half_width, 5, maximum)),
        }
    }
}

/// A specification that could not be measured, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Skipped {
    /// What was asked for.
    pub spec: KernelSpec,
    /// Why there is no row of it.
    pub reason: String,
}

/// Rows, and what is missing among them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Characterisation {
    /// One row a (specification, repeat, component).
    pub rows: Vec<Row>,
    /// What the executor can't run.
    pub skipped: Vec<Skipped>,
}

/// Measures each specification at the present settings: check against the reference, warm-up, repeats until `stop` is
/// satisfied. `progress` is called before each specification with its number; it returns false to end early, with the
/// rows so far.
///
/// # Errors
/// A workload or sensor that fails on the way. A specification that the executor does not have is skipped, with its
/// reason.
pub fn characterise(
    rig: &mut Rig,
    specs: &[KernelSpec],
    options: &super::Options,
    stop: StopRule,
    progress: &mut dyn FnMut(usize, &KernelSpec) -> bool,
) -> Result<Characterisation, MeasureError> {
    let mut result = Characterisation::default();
    for (order, spec) in specs.iter().enumerate() {
        if !progress(order, spec) {
            break;
        }
        let mut workload = match rig.executor.prepare(spec) {
            Ok(workload) => workload,
            Err(ExecutorError::Unsupported { reason, .. }) => {
                result.skipped.push(Skipped { spec: *spec, reason });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        result.rows.extend(point(rig, spec, &mut workload, order as u32, options, stop)?);
    }
    Ok(result)
}

/// Measures one specification whose workload is in place at the present settings: check against the reference, warm-up,
/// repeats until `stop` is satisfied.
///
/// # Errors
/// The workload or a sensor failed.
pub fn point(
    rig: &mut Rig,
    spec: &KernelSpec,
    workload: &mut Box<dyn Workload>,
    order: u32,
    options: &super::Options,
    stop: StopRule,
) -> Result<Vec<Row>, MeasureError> {
    let mut base = base_row(spec, rig.executor.name(), &rig.executor.device(), workload.as_ref());
    base.order = order;
    base.error_over_bound = workload.check()?;
    let mut instruments = rig.instruments(options);
    let warm = instruments.warm_up(workload)?;
    if !warm.steady {
        append(&mut base.note, "power or temperature still moved at the end of the warm-up");
    }
    let (mut result, mut repeat) = (Vec::new(), 0);
    let mut stop = stop.start();
    while !stop.done() {
        let stretch = instruments.repeat(workload, warm.batch)?;
        base.achieved_clock = workload.achieved_clock();
        let time_s = stretch.busy.0 / stretch.iterations.max(1) as f64;
        stop.push(time_s, stretch.total_power().map(|power| power.0 * time_s));
        result.extend(rows(&base, &stretch, repeat));
        repeat += 1;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Totals;
    use crate::vnode::{self, Pace, Vnode};
    use crate::window::{Options, Slope};
    use ergometer_record::measurement::f32_spec;
    use ergometer_record::{Counts, Kernel, Seconds, Size};

    #[test]
    fn rows_carry_what_was_counted_during_their_window_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let physics = vnode::preset("vnode-xeon").unwrap();
        let node = Vnode::open(&physics, &folder.path().join("state.json"), 1, Pace::Virtual).unwrap();
        let mut rig = Rig::vnode(&node).unwrap();
        // A gigacycle between any two readings: a window that is read at its ends has one.
        let mut reads = 0.0;
        rig.counters = Some(Box::new(move || {
            reads += 1.0;
            let counts = Counts { cycles: Some(1e9 * reads), instructions: Some(2e9 * reads), ..Counts::default() };
            Some(Totals { counts, on_cpu: Some(Seconds(0.5 * reads)) })
        }));
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1 << 24 });
        let options = Options { slope: Slope::Never, ..Options::quick() };
        let measured = characterise(&mut rig, &[spec], &options, StopRule::Fixed(2), &mut |_, _| true).unwrap();
        assert_eq!(measured.rows.len(), 4, "two repeats of two components");
        for row in &measured.rows {
            let whole = row.counts.scaled(row.iterations as f64);
            assert!((whole.cycles.unwrap() / 1e9 - 1.0).abs() < 1e-9, "{whole:?}");
            assert_eq!((row.counts.ipc(), row.counts.dram_bytes), (Some(2.0), None));
        }
        // A counter that fails leaves its windows uncounted.
        rig.counters = Some(Box::new(|| None));
        let measured = characterise(&mut rig, &[spec], &options, StopRule::Fixed(1), &mut |_, _| true).unwrap();
        assert!(measured.rows.iter().all(|row| row.counts.is_empty()));
    }
}
