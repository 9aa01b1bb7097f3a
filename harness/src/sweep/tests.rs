//! The loop against the virtual node's ground truth.

use super::*;
use crate::lease::LeaseOptions;
use crate::sensor::Roots;
use crate::vnode::{self, Pace, Physics, Vnode, steady};
use crate::window::Rig;
use ergometer_record::format::rows::to_csv;
use ergometer_record::{Row, Verdict, stats};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) physics: Physics,
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
}

const PLAN: &str = r#"
    name = "t"
    devices = ["vnode-a100"]
    seed = 1
    blocks = 3
    [idle]
    times_s = [1.0, 2.0, 4.0]
    [[kernels]]
    kernel = "triad"
    sizes = ["n=268435456"]
    precisions = ["f32"]
    [[kernels]]
    kernel = "gemm"
    sizes = ["m=4096,n=4096,k=4096"]
    precisions = ["f32"]
    [[settings]]
    gpu_clock_mhz = [1005]
    [[settings]]
    gpu_cap_w = [200, 400]
"#;

/// A folder in memory where there is one: a lease syncs its journal at every write, which a disk takes its time for.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: scratch(),
            physics: vnode::preset("a100").unwrap(),
            plan: Plan::from_toml(PLAN, Path::new("t.toml")).unwrap(),
            seed: 1,
        }
    }

    pub(crate) fn rig(&self) -> Rig {
        let state = self.folder.path().join("state.json");
        let vnode = Vnode::open(&self.physics, &state, self.seed, Pace::Virtual).unwrap();
        Rig::vnode(&vnode).unwrap()
    }

    fn lease(&self) -> LeaseOptions {
        LeaseOptions {
            state_dir: self.folder.path().join("leases"),
            roots: Roots::system(),
            guardian: None,
            holder: "test".into(),
        }
    }

    /// Runs until `slots` slots are done, or to the end.
    fn run(&self, journal: Option<&Path>, slots: usize) -> Outcome {
        let interrupt = AtomicBool::new(false);
        let count = AtomicUsize::new(0);
        let lease = self.lease();
        let options = Options { manifest_id: "m", journal, resume: true, interrupt: &interrupt, lease: &lease };
        run(&self.plan, &mut self.rig(), &options, &mut |_| {
            if count.fetch_add(1, Ordering::Relaxed) + 1 >= slots {
                interrupt.store(true, Ordering::Relaxed);
            }
        })
        .unwrap()
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let outcome = self.run(None, usize::MAX);
        assert_eq!(outcome.end, End::Finished);
        outcome.rows
    }
}

fn verdicts(rows: &[Row], kernel: &str, setting: &str) -> Vec<Verdict> {
    rows.iter()
        .filter(|r| r.spec.kernel.name() == kernel && r.setting.to_string() == setting)
        .map(|r| r.verdict)
        .collect()
}

#[test]
fn verdicts_follow_what_the_device_did() {
    let rows = Bench::new().rows();
    assert_eq!(verdicts(&rows, "gemm", "gpu_clock=1005MHz"), [Verdict::Held; 3]);
    assert_eq!(verdicts(&rows, "gemm", "gpu_cap=200W"), [Verdict::Held; 3]);
    assert_eq!(verdicts(&rows, "gemm", "baseline"), [Verdict::Baseline; 3]);
    // TRIAD draws about 220 W: a cap of 400 W binds nothing.
    assert_eq!(verdicts(&rows, "triad", "gpu_cap=400W"), [Verdict::NonBinding; 3]);
}

#[test]
fn clipped_ignored_and_refused_settings_are_told_apart() {
    let mut bench = Bench::new();
    bench.plan.groups[0].settings[0].gpu_clock_hz = Some(ergometer_record::Hertz::from_mhz(1000.0));
    let rows = bench.rows();
    assert_eq!(verdicts(&rows, "gemm", "gpu_clock=1000MHz"), [Verdict::Clipped; 3]);
    assert!(rows.iter().any(|r| r.note.contains("the device set 990000000")), "{:?}", rows[10].note);

    let mut bench = Bench::new();
    bench.physics.faults.ignores = vec!["gpu_clock".into(), "gpu_cap".into()];
    let rows = bench.rows();
    assert_eq!(verdicts(&rows, "gemm", "gpu_clock=1005MHz"), [Verdict::Ignored; 3]);
    assert_eq!(verdicts(&rows, "gemm", "gpu_cap=200W"), [Verdict::Ignored; 3]);

    let mut bench = Bench::new();
    bench.plan.groups[1].settings[1].gpu_cap_w = Some(ergometer_record::Watts(500.0));
    let outcome = bench.run(None, usize::MAX);
    assert!(verdicts(&outcome.rows, "gemm", "gpu_cap=500W").is_empty());
    assert_eq!(verdicts(&outcome.rows, "gemm", "gpu_cap=200W"), [Verdict::Held; 3]);
    assert_eq!(outcome.skipped.len(), 1, "{:?}", outcome.skipped);
    assert!(outcome.skipped[0].reason.contains("100 to 400 W"), "{:?}", outcome.skipped);

    let mut bench = Bench::new();
    bench.physics.faults.unreadable = vec!["gpu_clock".into()];
    assert_eq!(verdicts(&bench.rows(), "gemm", "gpu_clock=1005MHz"), [Verdict::Held; 3]);
}

#[test]
fn a_cap_below_what_the_lowest_clock_draws_is_clipped() {
    let mut bench = Bench::new();
    bench.physics.cap.min_w = 50.0;
    bench.plan.groups[1].settings[0].gpu_cap_w = Some(ergometer_record::Watts(60.0));
    assert_eq!(verdicts(&bench.rows(), "triad", "gpu_cap=60W"), [Verdict::Clipped; 3]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let mut bench = Bench::new();
    let first = to_csv(&bench.rows());
    assert_eq!(first, to_csv(&bench.rows()));
    bench.seed = 2;
    assert_ne!(first, to_csv(&bench.rows()));
}

#[test]
fn a_resumed_sweep_has_the_rows_of_an_uninterrupted_one() {
    let bench = Bench::new();
    let whole = to_csv(&bench.rows());
    for slots in [1, 4, 9, 17] {
        let journal = bench.folder.path().join(format!("journal-{slots}"));
        let part = bench.run(Some(&journal), slots);
        assert_eq!(part.end, End::Interrupted);
        let rest = bench.run(Some(&journal), usize::MAX);
        assert_eq!(rest.end, End::Finished);
        assert_eq!(to_csv(&rest.rows), whole, "interrupted after {slots}");
    }
}

#[test]
fn settings_are_put_back_at_the_end() {
    let bench = Bench::new();
    bench.run(None, 8);
    let state = vnode::state::State::read(&bench.folder.path().join("state.json")).unwrap();
    assert_eq!(state.limits(), (bench.physics.clock.max_hz, bench.physics.cap.max_w));
}

#[test]
fn estimates_are_unbiased() {
    // Twelve noisy blocks; the mean must lie within three standard errors and half a percent of the truth.
    let mut bench = Bench::new();
    bench.plan.blocks = 12;
    let rows = bench.rows();
    for spec in &bench.plan.specs {
        let of: Vec<&Row> = rows.iter().filter(|r| r.spec == *spec && r.setting.is_baseline()).collect();
        let (time_s, power_w) = steady(&bench.physics, spec, bench.physics.clock.max_hz, bench.physics.cap.max_w);
        for (samples, truth) in [
            (of.iter().map(|r| r.time.0).collect::<Vec<_>>(), time_s),
            (of.iter().map(|r| r.power().unwrap().0).collect(), power_w),
        ] {
            let mean = stats::mean(&samples).unwrap();
            let error = stats::standard_deviation(&samples).unwrap() / (samples.len() as f64).sqrt();
            assert!((mean - truth).abs() < 3.0 * error + 0.005 * truth, "{spec}: {mean} for {truth}, error {error}");
        }
    }
}

#[test]
fn power_is_the_same_from_a_counter_and_from_samples() {
    let counter = Bench::new();
    let mut samples = Bench::new();
    samples.physics.sensors.remove(0);
    let mean = |bench: &Bench| {
        let powers: Vec<f64> = bench.rows().iter().filter_map(|r| r.power().map(|p| p.0)).collect();
        stats::mean(&powers).unwrap()
    };
    let (a, b) = (mean(&counter), mean(&samples));
    assert!((a / b - 1.0).abs() < 0.01, "{a} W by counter, {b} W by samples");
}

#[test]
fn a_counter_that_wraps_within_windows_gives_the_same_energy() {
    let plain = Bench::new().rows();
    let mut wrapping = Bench::new();
    // 2,000 J: a window at 300 W passes it every few seconds.
    wrapping.physics.sensors[0].wrap_j = Some(2000.0);
    let wrapped = wrapping.rows();
    for (a, b) in plain.iter().zip(&wrapped) {
        let (a, b) = (a.energy.unwrap().0, b.energy.unwrap().0);
        assert!((a / b - 1.0).abs() < 1e-6, "{a} and {b}");
    }
}

#[test]
fn without_sensors_energy_is_absent_and_times_remain() {
    let mut bench = Bench::new();
    bench.physics.sensors.clear();
    let rows = bench.rows();
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|r| r.energy.is_none() && r.time.0 > 0.0));
    assert_eq!(verdicts(&rows, "gemm", "gpu_cap=200W"), [Verdict::Unverified; 3]);
}

#[test]
fn limits_end_a_sweep_resumably() {
    let mut bench = Bench::new();
    bench.plan.time_budget = Some(ergometer_record::Seconds(20.0));
    let outcome = bench.run(None, usize::MAX);
    assert_eq!(outcome.end, End::TimeBudget);
    assert!(!outcome.rows.is_empty() && outcome.rows.len() < bench.plan.blocks as usize * 8);
    let mut bench = Bench::new();
    bench.plan.temperature_limit_c = Some(40.0);
    assert!(matches!(bench.run(None, usize::MAX).end, End::TooHot(c) if c > 40.0));
}

#[test]
fn a_dry_run_lists_every_slot_and_touches_nothing() {
    let bench = Bench::new();
    let mut rig = bench.rig();
    let estimates = dry_run(&bench.plan, &mut rig);
    assert_eq!(estimates.len(), 3 + 3 * 2 * 4 + 3);
    let capped = estimates.iter().find(|e| e.slot.setting.gpu_cap_w.is_some_and(|w| w.0 == 200.0)).unwrap();
    let energy = capped.energy_bound.unwrap();
    assert!(((energy / capped.time).0 - 200.0).abs() < 1e-9);
}

#[test]
fn a_device_that_gets_too_hot_is_kept_and_labelled() {
    let mut bench = Bench::new();
    // What 38 degrees carry away is 89 W; GEMM draws more at every setting of the plan.
    bench.physics.thermal.limit_c = Some(38.0);
    let rows = bench.rows();
    assert_eq!(verdicts(&rows, "gemm", "gpu_clock=1005MHz"), [Verdict::Clipped; 3]);
    assert_eq!(verdicts(&rows, "gemm", "gpu_cap=200W"), [Verdict::Clipped; 3]);
    let gemm = |row: &&Row| row.spec.kernel.name() == "gemm";
    for row in rows.iter().filter(gemm) {
        assert!(row.note.contains("held back by the temperature (hardware)"), "{}: {}", row.setting, row.note);
        assert!(row.energy.is_some() && row.temperature_c.unwrap() < 39.0);
    }
    // A cap that binds is said too, and is no fault.
    let cool = Bench::new().rows();
    let capped = cool.iter().find(|row| gemm(row) && row.setting.to_string() == "gpu_cap=200W").unwrap();
    assert!(capped.note.contains("held back by the power limit") && capped.verdict == Verdict::Held, "{}", capped.note);
    assert!(cool.iter().filter(gemm).filter(|row| row.setting.is_baseline()).all(|row| row.note.is_empty()));
}

#[test]
fn repeats_go_on_until_the_interval_is_narrow_and_resume_alike() {
    let mut bench = Bench::new();
    let with = |target: &str| {
        let text = PLAN.replace(
            "blocks = 3",
            &format!("blocks = 3\n    stop = {{ relative_interval = {target}, most_repeats = 9 }}"),
        );
        Plan::from_toml(&text, Path::new("t.toml")).unwrap()
    };
    bench.plan = with("0.002");
    let rows = bench.rows();
    let mut repeats: Vec<u32> = Vec::new();
    for row in rows.iter().filter(|row| row.spec.kernel.name() != "idle") {
        match row.repeat {
            0 => repeats.push(1),
            n => *repeats.last_mut().unwrap() = n + 1,
        }
    }
    assert_eq!(repeats.len(), 3 * 2 * 4);
    assert!(repeats.iter().all(|n| (5..=9).contains(n)) && repeats.contains(&5) && repeats.contains(&9), "{repeats:?}");
    let whole = to_csv(&rows);
    for slots in [5, 14] {
        let journal = bench.folder.path().join(format!("relative-{slots}"));
        assert_eq!(bench.run(Some(&journal), slots).end, End::Interrupted);
        assert_eq!(to_csv(&bench.run(Some(&journal), usize::MAX).rows), whole);
    }
    bench.plan = with("0.5");
    assert!(bench.rows().iter().all(|row| row.repeat < 5));
}

#[test]
fn blocks_are_added_until_every_gain_is_known_and_resume_alike() {
    let mut bench = Bench::new();
    bench.plan.gain_interval = Some((0.006, 25));
    let rows = bench.rows();
    let blocks = rows.iter().filter(|r| r.spec.kernel.name() != "idle").map(|r| r.block).max().unwrap() + 1;
    assert!((4..25).contains(&blocks), "{blocks} blocks");
    // The idle windows after the sweep are there all the same.
    assert_eq!(rows.iter().filter(|r| r.spec.kernel.name() == "idle").count(), 6);
    let width = |blocks: u32| -> f64 {
        let of: Vec<Row> = rows.iter().filter(|r| r.block < blocks).cloned().collect();
        let devices = crate::table::gather(&of, crate::table::Accept::ALL).unwrap();
        let widths = devices[0].workloads.iter().flat_map(|w| {
            w.points.iter().map(|p| {
                let ratio = crate::table::gain::ratio(&w.baseline, p, crate::table::data::Cost::edp).unwrap();
                ratio.interval.unwrap().relative_half_width()
            })
        });
        widths.fold(0.0, f64::max)
    };
    assert!(width(blocks) <= 0.006 && width(blocks - 1) > 0.006, "{} {}", width(blocks), width(blocks - 1));
    let whole = to_csv(&rows);
    for slots in [20, 30] {
        let journal = bench.folder.path().join(format!("blocks-{slots}"));
        assert_eq!(bench.run(Some(&journal), slots).end, End::Interrupted);
        assert_eq!(to_csv(&bench.run(Some(&journal), usize::MAX).rows), whole);
    }
    // Never more than allowed.
    bench.plan.gain_interval = Some((1e-9, 4));
    assert_eq!(bench.rows().iter().map(|r| r.block).max(), Some(3));
}

#[test]
fn progress_tells_time_and_energy_left() {
    let bench = Bench::new();
    let (interrupt, lease) = (AtomicBool::new(false), bench.lease());
    let options = Options { manifest_id: "m", journal: None, resume: false, interrupt: &interrupt, lease: &lease };
    let mut told = Vec::new();
    run(&bench.plan, &mut bench.rig(), &options, &mut |at| {
        told.push((at.slot.is_idle(), at.time_left.0, at.energy_left.map(|energy| energy.0)));
    })
    .unwrap();
    let last = told.last().unwrap();
    assert_eq!((told.len(), last.1, last.2), (30, 0.0, Some(0.0)));
    // Idle windows say nothing of what kernels need.
    let first_kernel = told.iter().position(|(idle, ..)| !idle).unwrap();
    assert!(first_kernel > 0 && told[..first_kernel].iter().all(|(.., energy)| energy.is_none()));
    // Then the power implied lies between idling and GEMM.
    for (done, (_, time_s, energy)) in told[..29].iter().enumerate().skip(first_kernel) {
        let power = energy.unwrap() / time_s;
        assert!((50.0..350.0).contains(&power), "after {done}: {power} W");
    }
}
