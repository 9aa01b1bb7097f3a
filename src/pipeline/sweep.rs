//! Stage 3: kernels under settings. Joins plan, rig and lease; the device is the virtual node unless control of real
//! hardware was allowed.

use super::{Interrupted, Observer, sensors};
use crate::cuda::Selector;
use crate::harness::counter;
use crate::harness::executor::cpu::CpuExecutor;
use crate::harness::executor::cuda::CudaExecutor;
use crate::harness::knob::{self, Permission};
use crate::harness::lease::{GuardianCommand, LeaseOptions};
use crate::harness::sensor::facts::{self, SensorsFile};
use crate::harness::sensor::{self, Roots, select};
use crate::harness::sweep::{self, End, Outcome, Plan};
use crate::harness::vnode::{self, Pace, Truth, Vnode};
use crate::harness::window::Rig;
use crate::kernels::{Pool, Tier, Topology};
use crate::record::format::json;
use crate::record::measurement::Domain;
use crate::record::stats::human_time;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The device that a sweep drives.
#[derive(Debug)]
pub struct Target {
    /// What runs, measures and controls.
    pub rig: Rig,
    /// Where leases find the knobs again.
    pub roots: Roots,
    /// The ground truth, where the device is virtual.
    pub truth: Option<Truth>,
}

/// A preset of the virtual node, with its settings in `state_file`.
///
/// # Errors
/// No such preset, or its state file can't be used.
pub fn virtual_target(preset: &str, state_file: &Path, seed: u64, pace: Pace) -> anyhow::Result<Target> {
    // Knob ids carry this path, and `restore` may be called from another folder.
    let state_file = std::path::absolute(state_file).with_context(|| format!("{} is no path", state_file.display()))?;
    let node = Vnode::open(&vnode::preset(preset)?, &state_file, seed, pace)?;
    let truth = node.truth();
    Ok(Target { rig: Rig::vnode(&node)?, roots: Roots::system(), truth: Some(truth) })
}

/// This machine's CPU with its knobs and sensors.
///
/// # Errors
/// Nothing can be controlled here, or no energy can be measured: a sweep would have no result.
pub fn real_target(device: &str) -> anyhow::Result<Target> {
    let roots = Roots::system().with_permission(Permission::AllowControl);
    let found = knob::probe(&roots);
    let refused: Vec<String> = found.iter().filter_map(|k| k.as_ref().err().map(ToString::to_string)).collect();
    let knobs: Vec<_> = found.into_iter().flatten().collect();
    let on_cpu = |id: &str| !id.starts_with("nvml:") && !id.starts_with("hwmon:");
    let knobs: Vec<_> = knobs.into_iter().filter(|k| on_cpu(k.id())).collect();
    if knobs.is_empty() {
        bail!(
            "--allow-control was given, but no setting of this machine's CPU can be changed: {}. Without --allow-control \
             the sweep runs on the virtual node",
            if refused.is_empty() { "no knob was found".to_owned() } else { refused.join("; ") }
        );
    }
    let mut selection = select(sensor::probe(&roots));
    selection.retain(|info| info.component.domain != Domain::Gpu);
    if !selection.sensors.iter().any(|s| s.info().provenance.is_measured()) {
        bail!(
            "--allow-control was given, but no sensor measures this CPU's energy, so no setting could be compared; \
             `ergometer doctor` says what is missing. Without --allow-control the sweep runs on the virtual node"
        );
    }
    let topology = Topology::detect()?;
    let pool = Arc::new(Pool::new(&topology, None)?);
    let mut rig = Rig::new(Box::new(CpuExecutor::new(Tier::best(), Arc::clone(&pool), device)), selection);
    rig.knobs = knobs;
    rig.counters = counter::open(&pool, &roots).reader;
    Ok(Target { rig, roots, truth: None })
}

/// An NVIDIA card with its knobs and sensors.
///
/// # Errors
/// There is no such card, or nothing of it can be set or measured.
pub fn card_target(selector: &str) -> anyhow::Result<Target> {
    let roots = Roots::system().with_permission(Permission::AllowControl);
    let executor = CudaExecutor::open(&selector.parse::<Selector>()?)?;
    let (rig, absent) = Rig::cuda(executor, &roots);
    let why = if absent.is_empty() { "none was found".to_owned() } else { absent.join("; ") };
    if rig.knobs.is_empty() {
        bail!("no setting of {} can be changed: {why}", rig.executor.device());
    }
    if rig.sensors.is_empty() {
        bail!("no sensor measures the energy of {}, so no setting could be compared: {why}", rig.executor.device());
    }
    Ok(Target { rig, roots, truth: None })
}

/// Where a sweep keeps what it needs to survive.
#[derive(Debug, Clone)]
pub struct Places {
    /// Finished rows; a sweep that is run again with the same journal goes on where it stopped.
    pub journal: PathBuf,
    /// Journals and locks of the lease.
    pub state_dir: PathBuf,
}

/// Runs a plan on a target, resuming from the journal if it is there. A guardian process, which is this executable once
/// more, restores the settings when this one is killed.
///
/// # Errors
/// The lease can't be taken, a workload or sensor fails, or the user stopped; settings have been put back.
pub fn run(
    plan: &Plan,
    target: &mut Target,
    manifest_id: &str,
    places: &Places,
    observer: &dyn Observer,
) -> anyhow::Result<Outcome> {
    guarded(plan, target, manifest_id, places, observer, Some(GuardianCommand::default()))
}

/// As [`run`], for executables that are not ergometer and so can't be their own guardian: after a SIGKILL the settings
/// wait for `ergometer restore`.
///
/// # Errors
/// As [`run`].
pub fn run_without_guardian(
    plan: &Plan,
    target: &mut Target,
    manifest_id: &str,
    places: &Places,
    observer: &dyn Observer,
) -> anyhow::Result<Outcome> {
    guarded(plan, target, manifest_id, places, observer, None)
}

fn guarded(
    plan: &Plan,
    target: &mut Target,
    manifest_id: &str,
    places: &Places,
    observer: &dyn Observer,
    guardian: Option<GuardianCommand>,
) -> anyhow::Result<Outcome> {
    let lease = LeaseOptions {
        state_dir: places.state_dir.clone(),
        roots: target.roots.clone(),
        guardian,
        holder: format!("ergometer, process {}", std::process::id()),
    };
    let interrupt = AtomicBool::new(observer.interrupted());
    let options = sweep::Options {
        manifest_id,
        journal: Some(&places.journal),
        resume: true,
        interrupt: &interrupt,
        lease: &lease,
    };
    let folder = places.journal.parent().unwrap_or(Path::new("."));
    let mut record = SensorsFile::of(&target.rig);
    let file = folder.join(facts::FILE);
    if !file.exists() {
        json::write(&file, &record)?;
    }
    let mut unwritten = None;
    let in_real_time = !target.rig.clock.is_virtual();
    let outcome = sweep::run(plan, &mut target.rig, &options, &mut |at| {
        if !at.agreements.is_empty() {
            record.agreements.clone_from(&at.agreements);
            // Kept at once: a sweep that is killed has been compared all the same.
            unwritten = json::write(&file, &record).err();
            sensors::warn(&at.agreements, observer);
        }
        if in_real_time {
            observer.remaining(at.time_left);
        }
        observer.progress(at.done as u64, at.total as u64, &message(at, in_real_time));
        interrupt.store(observer.interrupted(), Ordering::SeqCst);
    })
    .context("the sweep failed; what it had set was put back")?;
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    match outcome.end {
        End::Finished => Ok(outcome),
        End::Interrupted => {
            let kept = format!("{} rows are kept in {}", outcome.rows.len(), places.journal.display());
            Err(Interrupted { stage: "the sweep".to_owned(), kept }.into())
        }
        End::TimeBudget => bail!(
            "the plan's time budget is spent; {} rows are kept in {}: raise [limits] time_s and resume",
            outcome.rows.len(),
            places.journal.display()
        ),
        End::TooHot(celsius) => bail!(
            "the device reached {celsius:.0} degrees Celsius, above the plan's limit; {} rows are kept in {}",
            outcome.rows.len(),
            places.journal.display()
        ),
    }
}

fn message(at: &sweep::Progress<'_>, in_real_time: bool) -> String {
    let mut text = format!("{} at {}", at.slot.spec.kernel, at.slot.setting);
    if let Some(clock) = at.achieved_clock {
        text.push_str(&format!(", {:.0} MHz", clock.mhz()));
    }
    if let Some(power) = at.power {
        text.push_str(&format!(", {power:.0}"));
    }
    // A virtual clock runs ahead of the progress bar's, which tells the time that is left otherwise.
    let time = (!in_real_time).then(|| human_time(at.time_left));
    let energy = at.energy_left.map(|energy| format!("{:.1} kJ", energy.0 / 1e3));
    let left: Vec<String> = time.into_iter().chain(energy).collect();
    if !left.is_empty() {
        text.push_str(&format!("; left for the device: {}", left.join(", ")));
    }
    text
}
