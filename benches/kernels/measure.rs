//! One point: samples by criterion with counters around each, then windows for joules where there is a sensor.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use ergometer::harness::counter::CounterReader;
use ergometer::harness::executor::cpu::CpuExecutor;
use ergometer::harness::executor::{ExecutorError, Workload};
use ergometer::harness::sensor::{self, Roots, select};
use ergometer::harness::window::{self, Rig, StopRule};
use ergometer::kernels::Pool;
use ergometer::pipeline::bench::{Effort, Point, SizeClass};
use ergometer::pipeline::summary::kernels::section;
use ergometer::record::measurement::Domain;
use ergometer::record::{KernelSpec, Row, Seconds};
use ergometer::report::Characterisation;
use std::sync::Arc;
use std::time::Duration;

/// Criterion with samples as long as the effort allows.
pub(crate) fn criterion(effort: Effort, save: Option<&str>, compare: Option<&str>) -> Criterion {
    let (warm_up, time) = if effort == Effort::Quick { (50, 150) } else { (100, 400) };
    let criterion = Criterion::default()
        .sample_size(10)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(warm_up))
        .measurement_time(Duration::from_millis(time));
    match (save, compare) {
        (_, Some(name)) => criterion.retain_baseline(name.to_owned(), true),
        (Some(name), None) => criterion.save_baseline(name.to_owned()),
        (None, None) => criterion,
    }
}

/// Rows of one point.
pub(crate) struct Rows {
    /// A sample of criterion each: time and counts.
    samples: Vec<Row>,
    /// A window and component each: energies. Empty without a sensor.
    windows: Vec<Row>,
}

/// What measures on one number of threads.
pub(crate) struct Bench<'a> {
    pool: &'a Arc<Pool>,
    device: &'a str,
    roots: &'a Roots,
    counters: Option<CounterReader>,
    options: window::Options,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        pool: &'a Arc<Pool>,
        device: &'a str,
        roots: &'a Roots,
        counters: Option<CounterReader>,
        effort: Effort,
    ) -> Self {
        let seconds = if effort == Effort::Quick { 0.1 } else { 0.3 };
        let options = window::Options { least_time: Seconds(seconds), ..window::Options::quick() };
        Self { pool, device, roots, counters, options }
    }

    /// Measures one point.
    ///
    /// # Errors
    /// The kernel can't be prepared here, or a sensor failed.
    pub(crate) fn point(&mut self, criterion: &mut Criterion, point: &Point) -> anyhow::Result<Rows> {
        let mut selection = select(sensor::probe(self.roots));
        // Kernels run on the CPU: cards beside it are not theirs.
        selection.retain(|info| info.component.domain != Domain::Gpu);
        let executor = CpuExecutor::new(point.tier, Arc::clone(self.pool), self.device);
        let mut rig = Rig::new(Box::new(executor), selection);
        let mut workload = rig.executor.prepare(&point.spec)?;
        let mut base = window::base_row(&point.spec, rig.executor.name(), self.device, workload.as_ref());
        base.error_over_bound = workload.check()?;
        let samples = self.samples(criterion, point, workload.as_mut(), &base)?;
        let windows = if rig.sensors.is_empty() {
            Vec::new()
        } else {
            window::point(&mut rig, &point.spec, &mut workload, 0, &self.options, StopRule::Fixed(3))?
        };
        Ok(Rows { samples, windows })
    }

    fn samples(
        &mut self,
        criterion: &mut Criterion,
        point: &Point,
        workload: &mut dyn Workload,
        base: &Row,
    ) -> Result<Vec<Row>, ExecutorError> {
        let KernelSpec { kernel, precision, .. } = point.spec;
        let mut group = criterion.benchmark_group(format!("{kernel}/{precision}/{}", point.class));
        // Samples of equal length: what came before them in other lengths is the warm-up.
        group.sampling_mode(SamplingMode::Flat);
        if let Some(throughput) = throughput(&point.spec) {
            group.throughput(throughput);
        }
        let mut taken: Vec<Row> = Vec::new();
        let mut failed = None;
        let counters = &mut self.counters;
        group.bench_function(BenchmarkId::new(point.tier.name(), format!("t{}", point.threads)), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut read = || counters.as_mut().and_then(|read| read());
                let before = read();
                match workload.run(iterations) {
                    Ok(time) => {
                        let counted = before.and_then(|before| Some(read()?.since(&before))).unwrap_or_default();
                        let each = 1.0 / iterations.max(1) as f64;
                        taken.push(Row {
                            iterations,
                            time: Seconds(time.0 * each),
                            counts: counted.counts.scaled(each),
                            achieved_clock: counted.clock(),
                            ..base.clone()
                        });
                        Duration::from_secs_f64(time.0)
                    }
                    Err(error) => {
                        failed = Some(error);
                        Duration::from_nanos(1)
                    }
                }
            });
        });
        group.finish();
        if let Some(error) = failed {
            return Err(error);
        }
        let last = taken.last().map_or(0, |row| row.iterations);
        let at = taken.iter().rposition(|row| row.iterations != last).map_or(0, |at| at + 1);
        let mut kept = taken.split_off(at);
        for (repeat, row) in kept.iter_mut().enumerate() {
            row.repeat = repeat as u32;
        }
        Ok(kept)
    }
}

fn throughput(spec: &KernelSpec) -> Option<Throughput> {
    let (flops, bytes) = (spec.flops(), spec.least_bytes());
    match spec.arithmetic_intensity() {
        Some(intensity) if intensity <= 2.0 => Some(Throughput::Bytes(bytes as u64)),
        _ => (flops > 0.0).then_some(Throughput::Elements(flops as u64)),
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Measured {
    points: Vec<(SizeClass, Rows)>,
}

impl Measured {
    pub(crate) fn add(&mut self, point: &Point, mut rows: Rows) {
        let order = self.points.len() as u32;
        rows.samples.iter_mut().chain(&mut rows.windows).for_each(|row| row.order = order);
        // Windows come after the samples, as a block of their own.
        rows.windows.iter_mut().for_each(|row| row.block = 1);
        self.points.push((point.class, rows));
    }

    /// Every row, in order.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.points.iter().flat_map(|(_, rows)| rows.samples.iter().chain(&rows.windows)).cloned().collect()
    }

    /// The kernels of each class under the roof that was measured for it.
    pub(crate) fn sections(&self, device: &str, absent: &str) -> Vec<(SizeClass, Characterisation)> {
        let mut sections = Vec::new();
        for class in SizeClass::MEMORY.into_iter().chain([SizeClass::Registers]) {
            // The arithmetic peak bounds every class.
            let of = |rows: fn(&Rows) -> &Vec<Row>| -> Vec<Row> {
                let mine = self.points.iter().filter(|(at, rows)| {
                    *at == class
                        || rows.samples.iter().any(|row| row.spec.kernel.is_probe() && *at == SizeClass::Registers)
                });
                mine.flat_map(|(_, all)| rows(all)).cloned().collect()
            };
            let mut timed = section(&of(|rows| &rows.samples), device, absent);
            if timed.rows.is_empty() {
                continue;
            }
            for with in section(&of(|rows| &rows.windows), device, absent).rows {
                let same = timed
                    .rows
                    .iter_mut()
                    .find(|row| (&row.spec, &row.tier, row.threads) == (&with.spec, &with.tier, with.threads));
                if let Some(row) = same {
                    row.energy = with.energy;
                }
            }
            sections.push((class, timed));
        }
        sections
    }
}
