//! Stage 2: this machine's CPU, measured. Joins topology and kernels with the harness' windows.

use super::bench::{SizeClass, powers_of_two};
use super::{Interrupted, Observer, interference, sensors};
use crate::harness::counter::{self, Absent};
use crate::harness::executor::cpu::CpuExecutor;
use crate::harness::sensor::facts::{FILE, SensorsFile};
use crate::harness::sensor::{self, Roots, select};
use crate::harness::sweep::Plan;
use crate::harness::window::{self, Rig, StopRule};
use crate::kernels::{Pool, Tier, Topology};
use crate::record::format::{json, rows};
use crate::record::{Component, Kernel, KernelSpec, Precision, Row, Seconds, Size};
use anyhow::Context as _;
use std::path::Path;
use std::sync::Arc;

/// What to measure, and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Kernels, probes included.
    pub kernels: Vec<Kernel>,
    /// Instruction-set tiers.
    pub tiers: Vec<Tier>,
    /// Thread counts.
    pub threads: Vec<usize>,
    /// Number format.
    pub precision: Precision,
    /// One size for every kernel that it fits, instead of sizes for the machine's caches.
    pub size: Option<Size>,
    /// Repeats per point.
    pub repeats: u32,
    /// Shorter windows and fewer sizes.
    pub quick: bool,
    /// One size a kernel; every tier on the first number of threads and the first and last tier on every number; idle
    /// windows with as many sleeping threads before and after: what tables 3.14 to 3.16 of the thesis are made of.
    pub paradigms: bool,
    /// Sizes and lengths of sleep with which kernels and idle windows take seconds each, as in the thesis, instead of sizes for
    /// this machine.
    pub thesis_sizes: bool,
}

impl Options {
    /// The passes over the kernels, in order.
    pub fn configurations(&self) -> Vec<Configuration> {
        let all = self
            .tiers
            .iter()
            .flat_map(|&tier| self.threads.iter().map(move |&threads| Configuration { tier, threads }));
        let ends = [self.tiers.first(), self.tiers.last()];
        let wanted = |c: &Configuration| {
            !self.paradigms || Some(&c.threads) == self.threads.first() || ends.contains(&Some(&c.tier))
        };
        all.filter(wanted).collect()
    }

    /// Lengths of idle windows, with how many threads asleep: 1 to 8 s by threads in table 3.14 of the thesis, up to 64 s with
    /// one in table 3.13.
    pub fn idle_windows(&self) -> Vec<(Vec<Seconds>, Vec<u32>)> {
        let seconds = |lengths: &[f64]| lengths.iter().copied().map(Seconds).collect::<Vec<_>>();
        let threads: Vec<u32> = self.threads.iter().filter_map(|&n| u32::try_from(n).ok()).collect();
        if self.thesis_sizes {
            return vec![(seconds(&[1.0, 2.0, 4.0, 8.0]), threads), (seconds(&[16.0, 32.0, 64.0]), vec![1])];
        }
        vec![(seconds(if self.quick { &[0.25, 0.5, 1.0] } else { &[1.0, 2.0, 4.0] }), threads)]
    }
}

/// The sizes of the plan `table-3.18`. The thesis prints none; with these, sequential code takes about as long as its tables
/// say.
fn thesis_size(kernel: Kernel) -> anyhow::Result<Option<Size>> {
    // Both formats of a sparse matrix have the same size.
    let like = if kernel == Kernel::SpmvCoo { Kernel::SpmvCsr } else { kernel };
    let plan = Plan::load("table-3.18")?;
    Ok(plan.specs.iter().find(|spec| spec.kernel == like).map(|spec| spec.size))
}

/// One pass over the kernels: a tier on a number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// Tier.
    pub tier: Tier,
    /// Threads.
    pub threads: usize,
}

impl std::fmt::Display for Configuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.tier, self.threads)
    }
}

/// What a characterisation gave.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The rows, in order of execution.
    pub rows: Vec<Row>,
    /// What could not be measured, in words.
    pub skipped: Vec<String>,
    /// The sensors, as the first configuration found and compared them; `None` when nothing was measured anew.
    pub sensors: Option<SensorsFile>,
    /// What could not be counted in the configurations that were measured anew.
    pub uncounted: Vec<Absent>,
}

/// The usual options on this machine: every kernel and probe, scalar and the best tier, one thread and all cores; with
/// `smt` all hardware threads.
pub fn defaults(topology: &Topology, quick: bool, smt: bool) -> Options {
    let mut tiers = vec![Tier::Scalar, Tier::best()];
    tiers.dedup();
    let mut threads = vec![1, most_threads(topology, smt)];
    threads.dedup();
    let probes = [Kernel::ProbeFma, Kernel::ProbeRead, Kernel::ProbeCopy, Kernel::ProbeEmpty];
    Options {
        kernels: probes.into_iter().chain(Kernel::ALL).collect(),
        tiers,
        threads,
        precision: Precision::F32,
        size: None,
        repeats: if quick { 3 } else { 5 },
        quick,
        paradigms: false,
        thesis_sizes: false,
    }
}

/// The options for tables 3.14 to 3.16 of the thesis: every kernel and every tier that this CPU has, threads in powers of two
/// up to its cores, with `smt` its hardware threads.
pub fn paradigms(topology: &Topology, quick: bool, smt: bool) -> Options {
    Options {
        kernels: Kernel::ALL.to_vec(),
        tiers: Tier::available().to_vec(),
        threads: powers_of_two(most_threads(topology, smt)),
        paradigms: true,
        ..defaults(topology, quick, smt)
    }
}

fn most_threads(topology: &Topology, smt: bool) -> usize {
    if smt { topology.cpus.len() } else { topology.cores().len() }
}

/// The idle windows of the virtual node, with up to four threads asleep.
pub fn virtual_idle(quick: bool) -> Options {
    let topology = Topology { cpus: Vec::new(), caches: Vec::new(), online: 0 };
    Options { threads: vec![1, 2, 4], ..paradigms(&topology, quick, false) }
}

/// Measures every configuration. With a folder, each finished one is kept there as a file of its own, and one that is
/// there already is read instead of measured again: that is how an interrupted characterisation goes on.
///
/// # Errors
/// The machine's topology can't be read, a thread count is not to be had, a kernel fails, a file can't be written, or
/// the user stopped.
pub fn characterise(
    options: &Options,
    manifest_id: &str,
    device: &str,
    topology: &Topology,
    parts: Option<&Path>,
    observer: &dyn Observer,
) -> anyhow::Result<Outcome> {
    let configurations = options.configurations();
    let plans: Vec<Vec<KernelSpec>> =
        configurations.iter().map(|c| specs(options, c.tier, topology)).collect::<anyhow::Result<_>>()?;
    let total = plans.iter().map(Vec::len).sum::<usize>() as u64;
    let mut outcome = Outcome::default();
    let mut done = 0;
    if options.paradigms {
        observer.progress(0, total, "idle windows");
        outcome.add(idle(options, 0, device, topology)?, manifest_id);
    }
    for (configuration, plan) in configurations.iter().zip(&plans) {
        let file = parts.map(|folder| folder.join(format!("{configuration}.csv")));
        if let Some(file) = file.as_ref().filter(|file| file.exists()) {
            outcome.rows.extend(rows::read(file)?);
        } else {
            let mut part = one(options, *configuration, plan, device, topology, &mut |spec| {
                observer.progress(done, total, &format!("{} on {configuration}", spec.kernel));
                done += 1;
                !observer.interrupted()
            })?;
            if observer.interrupted() {
                let kept = "finished configurations are kept".to_owned();
                return Err(Interrupted { stage: "the characterisation".to_owned(), kept }.into());
            }
            number(&mut part.rows, &outcome.rows, manifest_id);
            if let Some(file) = &file {
                rows::write(file, &part.rows)?;
            }
            outcome.rows.extend(part.rows);
            outcome.skipped.extend(part.skipped);
            for absent in part.uncounted {
                if !outcome.uncounted.contains(&absent) {
                    outcome.uncounted.push(absent);
                }
            }
            if outcome.sensors.is_none() {
                sensors::warn(part.sensors.as_ref().map_or(&[], |file| file.agreements.as_slice()), observer);
                if let (Some(folder), Some(file)) = (parts, &part.sensors) {
                    json::write(&folder.join(FILE), file)?;
                }
                outcome.sensors = part.sensors;
            }
            continue;
        }
        done += plan.len() as u64;
    }
    if options.paradigms {
        observer.progress(total, total, "idle windows");
        outcome.add(idle(options, 1, device, topology)?, manifest_id);
    }
    observer.progress(total, total, "done");
    Ok(outcome)
}

/// Gives rows their run and their place after those that are there.
pub(super) fn number(rows: &mut [Row], before: &[Row], manifest_id: &str) {
    let first = before.iter().map(|row| row.order + 1).max().unwrap_or(0);
    for row in rows {
        row.manifest_id = manifest_id.to_owned();
        row.order += first;
    }
}

impl Outcome {
    fn add(&mut self, mut rows: Vec<Row>, manifest_id: &str) {
        number(&mut rows, &self.rows, manifest_id);
        self.rows.extend(rows);
    }
}

/// Idle windows with sleeping threads; none where no sensor gives an energy to subtract.
fn idle(options: &Options, block: u32, device: &str, topology: &Topology) -> anyhow::Result<Vec<Row>> {
    let (mut rig, _) = rig(Configuration { tier: Tier::Scalar, threads: 1 }, device, topology)?;
    // What the sleepers' pool would count is not theirs.
    rig.counters = None;
    if rig.sensors.is_empty() {
        return Ok(Vec::new());
    }
    asleep(&mut rig, options, block)
}

/// The idle windows of a device.
///
/// # Errors
/// A sensor failed.
pub fn asleep(rig: &mut Rig, options: &Options, block: u32) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (lengths, threads) in options.idle_windows() {
        let mut more = window::sleep(rig, &lengths, &threads, block, &window::Options::quick())
            .context("the idle windows failed")?;
        number(&mut more, &rows, "");
        rows.extend(more);
    }
    Ok(rows)
}

/// The CPU with its sensors and counters, and what can't be counted.
fn rig(c: Configuration, device: &str, topology: &Topology) -> anyhow::Result<(Rig, Vec<Absent>)> {
    let pool = Arc::new(Pool::new(topology, Some(c.threads))?);
    let roots = Roots::system();
    let mut selection = select(sensor::probe(&roots));
    // Kernels run on the CPU: cards beside it are not theirs.
    selection.retain(|info| info.component.domain != crate::record::measurement::Domain::Gpu);
    let opened = counter::open(&pool, &roots);
    let mut rig = Rig::new(Box::new(CpuExecutor::new(c.tier, pool, device)), selection);
    rig.counters = opened.reader;
    Ok((rig, opened.absent))
}

fn one(
    options: &Options,
    configuration: Configuration,
    plan: &[KernelSpec],
    device: &str,
    topology: &Topology,
    go_on: &mut dyn FnMut(&KernelSpec) -> bool,
) -> anyhow::Result<Outcome> {
    let (mut rig, uncounted) = rig(configuration, device, topology)?;
    let mut windows = window::Options::quick();
    windows.least_time = Seconds(if options.quick { 0.02 } else { 0.08 });
    windows.longest_warm_up = Seconds(if options.quick { 0.05 } else { 0.25 });
    let mut watch = interference::Watch::start();
    // What others took while the specification of that number was measured.
    let mut others: Vec<Option<f64>> = Vec::new();
    let stop = StopRule::Fixed(options.repeats);
    let mut result = window::characterise(&mut rig, plan, &windows, stop, &mut |number, spec| {
        let share = watch.share();
        if number > 0 {
            others.push(share);
        }
        go_on(spec)
    })
    .with_context(|| format!("the characterisation of {configuration} failed"))?;
    others.push(watch.share());
    for row in &mut result.rows {
        let share = others.get(row.order as usize).copied().flatten();
        if let Some(share) = share.filter(|share| *share > interference::LIMIT) {
            if !row.note.is_empty() {
                row.note.push_str("; ");
            }
            row.note.push_str(&format!("{DISTURBED} {:.0} % of a core", 100.0 * share));
        }
    }
    let skipped = result.skipped.iter().map(|s| format!("{} on {configuration}: {}", s.spec, s.reason)).collect();
    Ok(Outcome { rows: result.rows, skipped, sensors: Some(SensorsFile::of(&rig)), uncounted })
}

/// How the note of a disturbed row begins.
pub const DISTURBED: &str = "other processes took";

/// The specifications of one tier: sizes in the second-level cache, the last-level cache and memory; the scalar tier,
/// which is there for comparison, without the largest.
fn specs(options: &Options, tier: Tier, topology: &Topology) -> anyhow::Result<Vec<KernelSpec>> {
    let memory = SizeClass::Dram.bytes(topology).unwrap_or(128 << 20);
    let mut classes = vec![SizeClass::L2, SizeClass::L3, SizeClass::Dram];
    if options.quick {
        classes.remove(1);
    }
    let mut bytes: Vec<u64> = classes.iter().filter_map(|class| class.bytes(topology)).collect();
    if tier == Tier::Scalar && Tier::best() != Tier::Scalar {
        bytes.pop();
    }
    let mut specs = Vec::new();
    for &kernel in &options.kernels {
        let sizes: Vec<Size> = match (options.size, kernel) {
            (Some(size), _) => vec![size],
            (None, _) if options.thesis_sizes && !kernel.is_probe() => thesis_size(kernel)?.into_iter().collect(),
            // The same for every tier, or there is nothing to compare.
            (None, Kernel::Gemm) if options.paradigms => vec![Size::square(if options.quick { 128 } else { 512 })],
            (None, Kernel::MonteCarlo) if options.paradigms => vec![Size::Samples { samples: 1 << 22 }],
            (None, _) if options.paradigms => vec![KernelSpec::size_for(kernel, options.precision, memory)],
            // Arithmetic, not footprint, is the extent of these.
            (None, Kernel::Gemm) => gemm_sizes(options, tier),
            (None, Kernel::MonteCarlo) => counts(options, tier, 20).map(|samples| Size::Samples { samples }).collect(),
            (None, Kernel::ProbeFma) => vec![Size::Probe { count: 1 << if options.quick { 24 } else { 27 } }],
            (None, Kernel::ProbeEmpty) => vec![Size::Probe { count: 0 }],
            // At the kernels' own sizes, so that each is held against the cache or memory that it runs from; the memory's
            // belongs to every roofline.
            (None, Kernel::ProbeRead | Kernel::ProbeCopy) => {
                let all = bytes.iter().copied().filter(|b| *b != memory).chain([memory]);
                all.map(|b| KernelSpec::size_for(kernel, options.precision, b)).collect()
            }
            (None, _) => bytes.iter().map(|&b| KernelSpec::size_for(kernel, options.precision, b)).collect(),
        };
        // A size that the user gave fits some kernels and not others.
        specs.extend(sizes.into_iter().filter_map(|size| KernelSpec::new(kernel, size, options.precision).ok()));
    }
    Ok(specs)
}

fn gemm_sizes(options: &Options, tier: Tier) -> Vec<Size> {
    let sides: &[u64] = match (options.quick, tier) {
        (true, _) => &[128, 256],
        (false, Tier::Scalar) => &[256, 512],
        (false, _) => &[256, 512, 1024],
    };
    sides.iter().map(|&n| Size::square(n)).collect()
}

fn counts(options: &Options, tier: Tier, least: u32) -> impl Iterator<Item = u64> {
    let sizes = if options.quick || tier == Tier::Scalar { 2 } else { 3 };
    (0..sizes).map(move |i| 1u64 << (least + 2 * i))
}

/// Rows of one configuration, for a model of the machine as that configuration uses it.
pub fn of_configuration(rows: &[Row], tier: &str, threads: u32) -> Vec<Row> {
    rows.iter().filter(|row| row.tier == tier && row.threads == threads).cloned().collect()
}

/// True when any row carries an energy that a sensor measured.
pub fn has_measured_energy(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.component != Component::NONE && row.energy.is_some() && row.provenance.is_measured())
}
