//! The presets' own parameters are the truth.

use ergometer_harness::characterise::{Bench, Estimate, Found, Kind, observe};
use ergometer_harness::executor::Executor;
use ergometer_harness::executor::vnode::VnodeExecutor;
use ergometer_harness::vnode::{Pace, Physics, Vnode, preset};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};

fn characterise(physics: &Physics, seed: u64) -> Vec<Found> {
    let folder = tempfile::tempdir().unwrap();
    let node = Vnode::open(physics, &folder.path().join("state.json"), seed, Pace::Virtual).unwrap();
    let (mut sensors, clock) = (node.sensors(), node.clock());
    let spec = KernelSpec::new(Kernel::MonteCarlo, Size::Samples { samples: 1 << 20 }, Precision::F32).unwrap();
    let mut load = VnodeExecutor::new(&node).prepare(&spec).unwrap();
    let mut bench = Bench { sensors: &mut sensors, load: Some(load.as_mut()), clock: clock.as_ref() };
    observe(&mut bench, &mut |_| {}).unwrap()
}

/// Relative error of an estimate.
fn off(estimate: &Estimate, truth: f64) -> f64 {
    (estimate.known().unwrap_or_else(|| panic!("{estimate:?}")).estimate / truth - 1.0).abs()
}

#[test]
fn a_virtual_card_shows_what_its_preset_says() {
    for seed in 1..=4 {
        let found = characterise(&preset("a100").unwrap(), seed);
        let (counter, power) = (&found[0], &found[1]);
        assert_eq!((counter.kind, power.kind), (Kind::Counter, Kind::Power));
        for sensor in [counter, power] {
            assert!(off(&sensor.period_s, 0.1) < 0.005, "seed {seed}: {found:?}");
            assert!(off(&sensor.resolution, 0.001) < 0.001, "seed {seed}: {found:?}");
        }
        assert!(off(&power.averaging_s, 0.025) < 0.1, "seed {seed}: {found:?}");
        assert!(off(&power.gain, 1.0) < 0.005, "seed {seed}: {found:?}");
        assert!(counter.averaging_s.known().is_none() && counter.gain.known().is_none());
    }
}

#[test]
fn another_period_window_step_and_gain_are_found_too() {
    let mut physics = preset("h100").unwrap();
    let power = physics.sensors.iter_mut().find(|s| s.id == "power").unwrap();
    (power.period_s, power.averaging_s, power.resolution, power.gain) = (0.02, 0.02, 0.25, 0.95);
    for seed in 1..=2 {
        let found = characterise(&physics, seed);
        let (counter, power) = (&found[0], &found[1]);
        assert!(off(&counter.period_s, 0.1) < 0.005, "{found:?}");
        assert!(off(&power.period_s, 0.02) < 0.005, "{found:?}");
        assert!(off(&power.averaging_s, 0.02) < 0.1, "{found:?}");
        assert!(off(&power.resolution, 0.25) < 1e-6, "{found:?}");
        // Rounding down takes an eighth of a watt.
        assert!(off(&power.gain, 0.95) < 0.005, "{found:?}");
    }
}

#[test]
fn a_window_of_a_second_is_told_from_the_update_period() {
    let mut physics = preset("a100").unwrap();
    physics.sensors.iter_mut().find(|s| s.id == "power").unwrap().averaging_s = 1.0;
    let found = characterise(&physics, 3);
    assert!(off(&found[1].period_s, 0.1) < 0.005 && off(&found[1].averaging_s, 1.0) < 0.05, "{found:?}");
}

#[test]
fn counters_of_a_virtual_processor_update_every_millisecond() {
    for seed in 1..=4 {
        for sensor in characterise(&preset("xeon").unwrap(), seed) {
            assert!(off(&sensor.period_s, 1e-3) < 0.005, "seed {seed}: {sensor:?}");
            assert!(off(&sensor.resolution, 2f64.powi(-14)) < 1e-3, "seed {seed}: {sensor:?}");
            let Estimate::Unknown { reason } = &sensor.gain else { panic!("{sensor:?}") };
            assert!(reason.contains("reference"));
        }
    }
}

#[test]
fn the_intervals_cover_the_truth() {
    let (mut period, mut window, mut gain) = (0, 0, 0);
    for seed in 100..120 {
        let found = characterise(&preset("a100").unwrap(), seed);
        let covers = |estimate: &Estimate, truth| usize::from(estimate.known().is_some_and(|i| i.covers(truth)));
        period += covers(&found[1].period_s, 0.1);
        window += covers(&found[1].averaging_s, 0.025);
        gain += covers(&found[1].gain, 1.0);
    }
    // 95 % of 20 is 19; fewer than 16 has a chance of 0.3 %.
    assert!(period >= 16 && window >= 16 && gain >= 16, "period {period}, window {window}, gain {gain} of 20");
}
