//! Readings to joules: closed forms, wraps, resets, gaps.

use ergometer_harness::sensor::energy::{Accumulator, WindowError, integrate};
use ergometer_harness::sensor::{Quantity, Reading, SensorInfo};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use proptest::prelude::*;

fn info(wrap: Option<f64>) -> SensorInfo {
    SensorInfo {
        id: "test".into(),
        component: Component::new(Domain::Package, 0),
        provenance: Provenance::Counter,
        period: Seconds(0.001),
        resolution: 1.0 / 16_384.0,
        wrap: wrap.map(Joules),
        gain_u: 0.02,
        characterised: None,
    }
}

fn energies(points: &[(f64, f64)]) -> Vec<Reading> {
    points.iter().map(|&(t, e)| Reading { time: Seconds(t), quantity: Quantity::Energy(Joules(e)) }).collect()
}

fn powers(points: &[(f64, f64)]) -> Vec<Reading> {
    points.iter().map(|&(t, p)| Reading { time: Seconds(t), quantity: Quantity::Power(Watts(p)) }).collect()
}

#[test]
fn twelve_samples_of_4_w_over_10_31_s_are_41_2_j_and_not_48() {
    // The thesis' profiler multiplies the number of samples by the nominal period, which is why the RAM energies of its
    // tables 3.7 to 3.10 are multiples of 8.4 J (75.6 J is nine of them) whatever the run times were.
    let samples: Vec<(f64, f64)> = (0..12).map(|i| (10.31 * f64::from(i) / 11.0, 4.0)).collect();
    let window = integrate(&powers(&samples), &info(None)).unwrap();
    assert!((window.energy.0 - 41.24).abs() < 1e-9, "{}", window.energy);
    assert!((window.mean.0 - 4.0).abs() < 1e-12);
    assert_eq!(window.readings, 12);
}

#[test]
fn a_ramp_is_integrated_exactly_whatever_the_sampling() {
    // P = 10 t from 0 to 6 s: 180 J, by samples at uneven times.
    let samples: Vec<(f64, f64)> = [0.0, 0.1, 0.7, 2.0, 2.1, 5.5, 6.0].iter().map(|&t| (t, 10.0 * t)).collect();
    let window = integrate(&powers(&samples), &info(None)).unwrap();
    assert!((window.energy.0 - 180.0).abs() < 1e-9);
    assert_eq!(window.peak, Watts(60.0));
}

#[test]
fn a_wrap_is_corrected_and_counted() {
    let window =
        integrate(&energies(&[(0.0, 262_100.0), (1.0, 262_140.0), (2.0, 36.0)]), &info(Some(262_144.0))).unwrap();
    assert!((window.energy.0 - 80.0).abs() < 1e-9);
    assert_eq!((window.wraps, window.mean, window.peak), (1, Watts(40.0), Watts(40.0)));
}

#[test]
fn a_reset_is_no_wrap() {
    for wrap in [Some(262_144.0), None] {
        let error = integrate(&energies(&[(0.0, 5000.0), (1.0, 5050.0), (2.0, 10.0)]), &info(wrap)).unwrap_err();
        assert!(matches!(error, WindowError::Reset { .. }), "{error}");
    }
}

#[test]
fn a_gap_in_which_the_counter_could_wrap_unseen_makes_the_window_invalid() {
    // At 1000 W a range of 65,532 J lasts 65.5 s; half of that is the limit.
    let of = |gap: f64| integrate(&energies(&[(0.0, 100.0), (gap, 100.0 + gap)]), &info(Some(65_532.0)));
    assert!((of(32.0).unwrap().energy.0 - 32.0).abs() < 1e-9);
    let error = of(33.0).unwrap_err();
    assert!(matches!(error, WindowError::Gap { .. }) && error.to_string().contains("more often"), "{error}");
    // A counter that never wraps may be read as rarely as one likes.
    assert!(integrate(&energies(&[(0.0, 100.0), (1e5, 1e6)]), &info(None)).is_ok());
}

#[test]
fn what_no_hardware_can_do_is_not_believed() {
    let error = integrate(&energies(&[(0.0, 0.0), (1.0, 5000.0)]), &info(None)).unwrap_err();
    assert!(matches!(error, WindowError::Jump { .. }), "{error}");
}

#[test]
fn unknown_is_never_zero() {
    let stuck = integrate(&energies(&[(0.0, 7.0), (1.0, 7.0), (2.0, 7.0)]), &info(None)).unwrap_err();
    assert!(matches!(stuck, WindowError::Stuck { .. }));
    let short = integrate(&energies(&[(0.0, 7.0), (0.0005, 7.0)]), &info(None)).unwrap_err();
    assert!(matches!(short, WindowError::TooShort { .. }));
    // Two readings within one period are the same one twice: its power is not that of the window.
    let short = integrate(&powers(&[(0.0, 7.0), (0.0005, 7.0)]), &info(None)).unwrap_err();
    assert!(matches!(short, WindowError::TooShort { .. }));
    assert!(matches!(integrate(&[], &info(None)), Err(WindowError::TooFew { readings: 0 })));
    assert!(matches!(integrate(&powers(&[(0.0, 5.0)]), &info(None)), Err(WindowError::TooFew { readings: 1 })));
}

#[test]
fn readings_that_make_no_sense_are_refused() {
    for bad in [
        powers(&[(0.0, 5.0), (1.0, f64::NAN)]),
        powers(&[(0.0, 5.0), (1.0, -1.0)]),
        powers(&[(1.0, 5.0), (0.0, 5.0)]),
        [powers(&[(0.0, 5.0)]), energies(&[(1.0, 5.0)])].concat(),
    ] {
        assert!(matches!(integrate(&bad, &info(None)), Err(WindowError::Unusable { .. })));
    }
}

#[test]
fn the_budget_by_hand() {
    // 100 J over 10 s at steps of 2^-14 J and 1 ms: step / sqrt(6), 10 W * 1 ms / sqrt(6), 2 % of 100 J.
    let window = integrate(&energies(&[(0.0, 0.0), (10.0, 100.0)]), &info(None)).unwrap();
    assert!((window.budget.quantisation_j - 6.1035e-5 / 6f64.sqrt()).abs() < 1e-9);
    assert!((window.budget.period_j - 0.01 / 6f64.sqrt()).abs() < 1e-12);
    assert!((window.budget.gain_j - 2.0).abs() < 1e-12);
    assert!((window.budget.total().0 - 2.0).abs() < 1e-5);
    // Three powers a second apart carry the weights 1/2, 1, 1/2.
    let flat = integrate(&powers(&[(0.0, 5.0), (1.0, 5.0), (2.0, 5.0)]), &info(None)).unwrap();
    let step = 1.0 / 16_384.0 / 12f64.sqrt();
    assert!((flat.budget.quantisation_j - step * 1.5f64.sqrt()).abs() < 1e-12);
    assert_eq!(flat.budget.period_j, 0.0);
}

#[test]
fn quantisation_scatters_as_the_budget_says() {
    // A coarse counter (1 J) under 3.7 W, windows of 20 s beginning at every phase: the error's standard deviation is
    // at most step / sqrt(6), the bound for independent ends.
    let coarse = SensorInfo { resolution: 1.0, period: Seconds(0.0), gain_u: 0.0, ..info(None) };
    let errors: Vec<f64> = (0..2000)
        .map(|i| {
            let start = f64::from(i) * 0.618_034;
            let points: Vec<(f64, f64)> =
                (0..=20).map(|s| start + f64::from(s)).map(|t| (t, (3.7 * t).floor())).collect();
            integrate(&energies(&points), &coarse).unwrap().energy.0 - 74.0
        })
        .collect();
    let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    assert!(rms < 1.05 / 6f64.sqrt(), "{rms}");
}

proptest! {
    // Any power profile through a counter that wraps often comes out whole.
    #[test]
    fn wraps_lose_no_joule(
        start in 0.0f64..1000.0,
        steps in prop::collection::vec((0.01f64..0.4, 1.0f64..900.0), 2..200),
    ) {
        let wrap = 1000.0;
        let (mut time, mut total) = (0.0, start);
        let mut points = vec![(time, total % wrap)];
        for (dt, power) in steps {
            time += dt;
            total += dt * power;
            points.push((time, total % wrap));
        }
        let window = integrate(&energies(&points), &info(Some(wrap))).unwrap();
        prop_assert!((window.energy.0 - (total - start)).abs() < 1e-6);
        prop_assert_eq!(window.wraps, (total / wrap) as u32);
    }

    // Adjacent windows add up to the whole, for counters and powers alike.
    #[test]
    fn adjacent_windows_add_up(values in prop::collection::vec(1.0f64..500.0, 5..50), cut in 0.0f64..1.0) {
        let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, v)| (i as f64 * 0.1, *v)).collect();
        let cut = 1 + (cut * (points.len() - 3) as f64) as usize;
        let whole = integrate(&powers(&points), &info(None)).unwrap().energy;
        let parts = integrate(&powers(&points[..=cut]), &info(None)).unwrap().energy
            + integrate(&powers(&points[cut..]), &info(None)).unwrap().energy;
        prop_assert!((whole.0 - parts.0).abs() < 1e-9);
    }

    // Nothing panics, whatever arrives.
    #[test]
    fn any_readings_are_survived(readings in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..20)) {
        let mut accumulator = Accumulator::new(&info(Some(100.0)));
        for (time, value, power) in readings {
            let quantity = if power { Quantity::Power(Watts(value)) } else { Quantity::Energy(Joules(value)) };
            accumulator.push(Reading { time: Seconds(time), quantity });
        }
        if let Ok(window) = accumulator.finish() {
            prop_assert!(window.energy.0 >= 0.0);
        }
    }
}
