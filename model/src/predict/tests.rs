use super::*;
use crate::testing::toy_workload;

fn a100() -> DeviceModel {
    DeviceModel::builtin("a100").unwrap()
}

#[test]
fn an_epoch_is_its_steps() {
    let run = RunConfig { gpus: 2, accumulation: 3, ..RunConfig::default() };
    let answer = predict(ModelKind::PerOp, &a100(), &toy_workload(), &run, Some(1000)).unwrap();
    assert_eq!(answer.samples_per_step, 32 * 2 * 3);
    let epoch = answer.epoch.unwrap();
    assert_eq!(epoch.steps, 6);
    assert!((epoch.energy.0 / (6.0 * answer.step.energy.0) - 1.0).abs() < 1e-12);
    assert!((epoch.edp_js / (36.0 * answer.edp_js) - 1.0).abs() < 1e-12);
    assert!(!answer.is_calibrated && !answer.is_virtual);
    assert!(matches!(
        predict(ModelKind::Adept, &a100(), &toy_workload(), &run, Some(0)),
        Err(PredictError::EmptyEpoch)
    ));
}

#[test]
fn classes_are_named_with_what_limits_them() {
    let answer = predict(ModelKind::PerOp, &a100(), &toy_workload(), &RunConfig::default(), None).unwrap();
    let dominant = |class: &str| answer.classes.iter().find(|c| c.class.name() == class).unwrap().dominant;
    assert_eq!(dominant("linear"), crate::per_op::Term::Arithmetic);
    assert_eq!(dominant("activation"), crate::per_op::Term::Memory);
    assert!(answer.classes.windows(2).all(|pair| pair[0].time.0 >= pair[1].time.0));
}

#[test]
fn a_what_if_reads_suffixes_and_aliases_and_names_what_it_cannot_read() {
    let changed = what_if(&a100(), "l2=80MB,bandwidth=3e12, tdp=0.5k").unwrap();
    assert_eq!(changed.value("l2_bytes"), Some(80e6));
    assert_eq!(changed.value("memory_bytes_per_s"), Some(3e12));
    assert_eq!(changed.value("tdp_w"), Some(500.0));
    for bad in ["l2", "l2=many", "l3=4MB", "", "l2=", "l2=-4", "l2=µ"] {
        let error = what_if(&a100(), bad).unwrap_err().to_string();
        assert!(error.contains("what-if"), "{bad}: {error}");
    }
    let fast = |device: &DeviceModel| {
        predict(ModelKind::PerOp, device, &toy_workload(), &RunConfig::default(), None).unwrap().step.time.0
    };
    assert!(fast(&changed) < fast(&a100()));
}

#[test]
fn a_sweep_finds_a_minimum_inside_the_range() {
    let sweep = sweep(&a100(), &toy_workload(), &RunConfig::default(), Axis::Clock, 9).unwrap();
    assert_eq!(sweep.points.len(), 9);
    assert!(sweep.points.windows(2).all(|pair| pair[0].step.time.0 >= pair[1].step.time.0 * (1.0 - 1e-9)));
    assert!(sweep.points.iter().all(|p| p.edp_js >= sweep.best.edp_js));
    // The lowest clock saves no voltage and costs time: it can't be best.
    assert!(sweep.best.step.clock.mhz() > 600.0, "{:?}", sweep.best.setting);
}

#[test]
fn every_preset_on_every_device_is_predicted_or_refused_with_a_reason() {
    use crate::workload::preset;
    for network in preset::NAMES {
        let options = preset::default_options(network).unwrap();
        let work = preset::build(network, &options).unwrap();
        for name in crate::device::BUILTIN_NAMES {
            let device = DeviceModel::builtin(name).unwrap();
            for gpus in [1, 4] {
                let run = RunConfig { gpus, ..RunConfig::default() };
                match predict(ModelKind::PerOp, &device, &work, &run, None) {
                    Ok(answer) => {
                        let mean = answer.step.power.0 / f64::from(gpus);
                        let tdp = device.value("tdp_w").unwrap();
                        assert!(mean > 0.1 * tdp && mean <= tdp * 1.0001, "{network} on {name}: {mean} W");
                        assert!(answer.step.time.0 > 1e-3 && answer.step.time.0 < 100.0, "{network} on {name}");
                    }
                    Err(PredictError::Model(ModelError::Memory { .. } | ModelError::Precision { .. })) => {}
                    Err(error) => panic!("{network} on {name}: {error}"),
                }
            }
        }
    }
}

#[test]
fn intervals_hold_the_estimate_and_shrink_with_what_is_known() {
    let (work, run) = (toy_workload(), RunConfig::default());
    let ask = |device: &DeviceModel, seed| {
        predict_with_spread(ModelKind::PerOp, device, &work, &run, Some(1000), 200, seed).unwrap()
    };
    let wide = ask(&a100(), 1);
    assert_eq!(wide.prediction, predict(ModelKind::PerOp, &a100(), &work, &run, Some(1000)).unwrap());
    let all = |answer: &PredictionWithSpread| {
        let i = answer.intervals.clone();
        let epoch = i.epoch.unwrap();
        [i.time_s, i.power_w, i.energy_j, i.edp_js, epoch.time_s, epoch.energy_j, epoch.edp_js]
    };
    for interval in all(&wide) {
        assert!(interval.low < interval.estimate && interval.estimate < interval.high, "{interval:?}");
    }
    assert_eq!(wide, ask(&a100(), 1));
    assert_ne!(wide.intervals, ask(&a100(), 2).intervals);
    let mut known = a100();
    for quantity in known.assumed.values_mut() {
        (quantity.low, quantity.high) = (quantity.value, quantity.value);
    }
    for interval in all(&ask(&known, 1)) {
        assert!((interval.high / interval.low - 1.0).abs() < 1e-12, "{interval:?}");
    }
    assert!(!wide.intervals.has_model_error && !wide.intervals.is_joint);
    let few = predict_with_spread(ModelKind::PerOp, &a100(), &work, &run, None, 5, 1).unwrap_err();
    assert!(few.to_string().contains("at least 40"), "{few}");
}

#[test]
fn one_uncertain_rate_gives_its_own_interval() {
    // Every value but the fixed time of a step is exact, and both models add that time.
    let mut device = a100();
    for (key, quantity) in &mut device.assumed {
        if key != "step_fixed_s" {
            (quantity.low, quantity.high) = (quantity.value, quantity.value);
        }
    }
    let (work, run) = (toy_workload(), RunConfig::default());
    let range = device.assumed["step_fixed_s"].clone();
    let half = (range.high / range.low).sqrt();
    for kind in [ModelKind::PerOp, ModelKind::Adept] {
        let interval = predict_with_spread(kind, &device, &work, &run, None, 2000, 3).unwrap().intervals.time_s;
        let (low, high) = (range.value / half, range.value * half);
        let width = high - low;
        assert!((interval.low - (interval.estimate + low - range.value)).abs() < 0.05 * width, "{kind:?} {interval:?}");
        assert!(
            (interval.high - (interval.estimate + high - range.value)).abs() < 0.1 * width,
            "{kind:?} {interval:?}"
        );
    }
}

#[test]
fn the_misfit_of_the_calibration_widens_the_interval() {
    use crate::device::Posterior;
    let mut device = a100();
    for quantity in device.assumed.values_mut() {
        (quantity.low, quantity.high) = (quantity.value, quantity.value);
    }
    device.posterior = Some(Posterior {
        discrepancy_time: 0.05,
        discrepancy_power: Some(0.02),
        keys: Vec::new(),
        correlation: Vec::new(),
    });
    let answer =
        predict_with_spread(ModelKind::PerOp, &device, &toy_workload(), &RunConfig::default(), None, 4000, 1).unwrap();
    let intervals = answer.intervals;
    let sd = |i: ergometer_record::Interval| (i.high / i.low).ln() / (2.0 * crate::device::Z95);
    assert!((sd(intervals.time_s) - 0.05).abs() < 0.003 && (sd(intervals.power_w) - 0.02).abs() < 0.0015);
    assert!((sd(intervals.energy_j) - 0.05f64.hypot(0.02)).abs() < 0.003);
    assert!(intervals.has_model_error);
}
