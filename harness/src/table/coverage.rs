//! A thousand virtual sweeps whose truth is known: do nominal 95 % intervals cover it 95 times in a hundred, does a
//! setting that does nothing look like one that does, and what does choosing the winner do to its gain?

use super::data::{Cost, Point};
use super::gain::{LEVEL, choose, edp_p_value, mean_ratio, ratio};
use super::idle::IdleModel;
use super::*;
use crate::sweep::Plan;
use crate::sweep::tests::Bench;
use crate::vnode::{Truth, steady};
use crate::window::Slope;
use ergometer_record::{Kernel, stats};
use std::path::Path;

/// Five blocks of the machine as found, of one setting that does something, and of three that do nothing: the clock that
/// it has anyway, and two power limits far above what TRIAD draws.
const PLAN: &str = r#"
    name = "coverage"
    devices = ["vnode-a100"]
    seed = 1
    blocks = 5
    [window]
    least_s = 0.1
    periods = 8
    steady_k = 0.2
    slope = "never"
    [idle]
    times_s = [1.0, 2.0, 4.0]
    [[kernels]]
    kernel = "triad"
    sizes = ["n=268435456"]
    precisions = ["f32"]
    [[settings]]
    gpu_clock_mhz = [1005, 1410]
    [[settings]]
    gpu_cap_w = [400, 390]
"#;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.plan = Plan::from_toml(PLAN, Path::new("coverage.toml")).unwrap();
    // A small thermal mass: the intervals are on trial, not the patience of the warm-up.
    bench.physics.thermal.capacity_j_per_k = 10.0;
    bench
}

/// The sweeps of `seeds`, on two threads, each looked at by `look`.
fn sweeps<T: Send>(n: u64, make: impl Fn() -> Bench + Sync, look: impl Fn(&Bench, Vec<Row>) -> T + Sync) -> Vec<T> {
    let part = |first: u64| {
        let mut bench = make();
        let of = (first..n).step_by(2).map(|seed| {
            bench.seed = 5000 + seed;
            std::fs::remove_file(bench.folder.path().join("state.json")).ok();
            let rows = bench.rows();
            look(&bench, rows)
        });
        of.collect::<Vec<T>>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        let mut all = part(0);
        all.extend(other.join().unwrap());
        all
    })
}

/// What one sweep says.
struct Verdicts {
    gain: bool,
    energy: bool,
    idle_power: bool,
    idle_energy: bool,
    idle_unweighted: bool,
    /// Whether Holm's procedure tells any of the three idle settings from the baseline.
    told_apart: bool,
    /// Log of the winner's EDP ratio, from blocks that did not choose it, and whether its interval covers none.
    winner: (f64, bool),
    /// The same from the blocks that chose it.
    naive: f64,
}

fn look(bench: &Bench, rows: Vec<Row>) -> Verdicts {
    let physics = &bench.physics;
    let spec = &bench.plan.specs[0];
    let at = |hz: f64| steady(physics, spec, hz, physics.cap.max_w);
    let ((time, power), (slow_time, slow_power)) = (at(physics.clock.max_hz), at(1005e6));
    let device = gather(&rows, Accept::ALL).unwrap().remove(0);
    let workload = &device.workloads[0];
    let base = &workload.baseline;
    let (real, null): (Vec<&Point>, Vec<&Point>) = workload.points.iter().partition(|point| point.label == "1.005");
    let true_gain = slow_power * slow_time.powi(2) / (power * time.powi(2));
    let energies: Vec<f64> = base.blocks.values().map(|cost| cost.energy_j).collect();
    let idle_w = Truth::of(physics).idle_w;
    let idle = IdleModel::of(&rows).remove(0).line;
    let t = stats::t_quantile(LEVEL, idle.n as f64 - 2.0);
    let (two_seconds, u) = idle.at(2.0);
    let unweighted = idle::tables(&rows).remove(0).line.unwrap();
    let p: Vec<f64> = null.iter().map(|point| edp_p_value(base, point).unwrap()).collect();
    let score = |point: &Point, on: &[u32]| mean_ratio(base, point, on, Cost::edp);
    let choice = choose(base, &null, score).unwrap();
    let naive = choice.chosen.map_or(0.0, |index| ratio(base, null[index], Cost::edp).unwrap().estimate.ln());
    assert_eq!((real.len(), null.len()), (1, 3));
    Verdicts {
        gain: ratio(base, real[0], Cost::edp).unwrap().interval.unwrap().covers(true_gain),
        energy: stats::t_interval(&energies, LEVEL).unwrap().covers(power * time),
        idle_power: (idle.slope - idle_w).abs() <= idle.slope_half_width(LEVEL),
        idle_energy: (two_seconds - 2.0 * idle_w).abs() <= t * u,
        idle_unweighted: (unweighted.slope - idle_w).abs() <= unweighted.slope_half_width(LEVEL),
        told_apart: stats::holm(&p).iter().any(|p| *p < 1.0 - LEVEL),
        winner: (choice.edp.estimate.ln(), choice.edp.interval.is_some_and(|i| i.covers(1.0))),
        naive,
    }
}

#[test]
fn a_thousand_sweeps_cover_what_they_should_and_the_winner_is_not_flattered() {
    let all = sweeps(1000, bench, look);
    let share = |of: fn(&Verdicts) -> bool| all.iter().filter(|v| of(v)).count() as f64 / all.len() as f64;
    let of = |value: fn(&Verdicts) -> f64| -> (f64, f64) {
        let values: Vec<f64> = all.iter().map(value).collect();
        let error = stats::standard_deviation(&values).unwrap() / (values.len() as f64).sqrt();
        // In percent of EDP saved.
        (-100.0 * stats::mean(&values).unwrap(), 100.0 * error)
    };
    let covered = [
        ("gain of a setting", share(|v| v.gain)),
        ("mean energy", share(|v| v.energy)),
        ("idle power", share(|v| v.idle_power)),
        ("idle energy of 2 s", share(|v| v.idle_energy)),
    ];
    let told_apart = share(|v| v.told_apart);
    let (winner, naive) = (of(|v| v.winner.0), of(|v| v.naive));
    for (what, share) in covered {
        println!("{what}: covered {share:.3}");
    }
    println!("idle power without weights: covered {:.3}", share(|v| v.idle_unweighted));
    println!("a setting without effect told apart: {told_apart:.3}");
    println!(
        "winner among settings without effect: gain {:.4} +- {:.4} %, interval covers none: {:.3}; naive {:.4} +- {:.4} %",
        winner.0,
        winner.1,
        share(|v| v.winner.1),
        naive.0,
        naive.1
    );
    for (what, share) in covered {
        assert!((0.93..=0.97).contains(&share), "{what}: {share}");
    }
    // Holm holds the error of the whole family at 5 %; the three share their baseline, so that it is not used up.
    assert!((0.015..=0.065).contains(&told_apart), "{told_apart}");
    // No positive bias, where the naive estimator has one that no scatter explains.
    assert!(winner.0 < 3.0 * winner.1, "{winner:?}");
    assert!(naive.0 > 10.0 * naive.1, "{naive:?}");
}

#[test]
fn the_estimators_of_energy_are_unbiased() {
    let by = |name: &str, change: fn(&mut Bench)| {
        let make = || {
            let mut bench = bench();
            bench.plan.groups.clear();
            bench.plan.idle.clear();
            change(&mut bench);
            bench
        };
        let biases = sweeps(300, make, |bench, rows| {
            let (time, power) =
                steady(&bench.physics, &bench.plan.specs[0], bench.physics.clock.max_hz, bench.physics.cap.max_w);
            let of: Vec<f64> = rows.iter().map(|row| row.energy.unwrap().0 / (power * time) - 1.0).collect();
            stats::mean(&of).unwrap()
        });
        let mean = stats::mean(&biases).unwrap();
        let error = stats::standard_deviation(&biases).unwrap() / (biases.len() as f64).sqrt();
        println!("{name}: bias {:.4} +- {:.4} %", 100.0 * mean, 100.0 * error);
        // Three standard errors, and what the warm-up's tolerance leaves (leakage follows the temperature).
        assert!(mean.abs() < 3.0 * error + 2e-4, "{name}: {mean} +- {error}");
    };
    by("counter", |_| {});
    by("power samples by the trapezoid rule over their real times", |bench| {
        bench.physics.sensors.remove(0);
    });
    by("slope over window lengths", |bench| bench.plan.window.slope = Slope::Always);
    by("coarse counter, slope", |bench| {
        bench.physics.sensors[0].resolution = 5.0;
        bench.plan.window.slope = Slope::Always;
    });
}

#[test]
fn idle_subtraction_leaves_the_applications_energy() {
    let biases = sweeps(60, bench, |bench, rows| {
        let models = IdleModel::of(&rows);
        let (time, power) =
            steady(&bench.physics, &bench.plan.specs[0], bench.physics.clock.max_hz, bench.physics.cap.max_w);
        let truth = (power - Truth::of(&bench.physics).idle_w) * time;
        let of_baseline = rows.iter().filter(|row| row.setting.is_baseline() && row.spec.kernel == Kernel::Triad);
        let apps: Vec<f64> = of_baseline
            .map(|row| IdleModel::for_row(&models, row).unwrap().energy_app(row).unwrap().energy.0)
            .collect();
        assert_eq!(apps.len(), 5);
        stats::mean(&apps).unwrap() / truth - 1.0
    });
    let mean = stats::mean(&biases).unwrap();
    let error = stats::standard_deviation(&biases).unwrap() / (biases.len() as f64).sqrt();
    assert!(mean.abs() < 3.0 * error + 5e-4, "{mean} +- {error}");
    assert!(error < 0.01);
}
