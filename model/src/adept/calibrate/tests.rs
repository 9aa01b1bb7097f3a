use super::tiles::measurements;
use super::*;
use ergometer_record::{Setting, Watts};

fn a100() -> DeviceModel {
    DeviceModel::builtin("a100").unwrap()
}

fn quick() -> Options {
    Options { members_per_parameter: 4, generations: 150, polish_steps: 40, ..Options::default() }
}

#[test]
fn the_ladder_of_table_4_2_falls_on_a_truth_of_another_kind() {
    let fits = ladder(&a100(), &measurements(), &quick()).unwrap();
    for fit in &fits {
        println!(
            "{} {:37} time {:5.2} % power {:5.2} % combined {:5.2} %, {} evaluations, converged {}, above peak {}",
            fit.stage,
            fit.stage.title(),
            fit.time_percent,
            fit.power_percent,
            fit.combined_percent,
            fit.evaluations,
            fit.converged,
            fit.above_peak.len()
        );
        assert_eq!(fit.worse_than_contained, None);
        assert!((0.6 * fit.time_percent + 0.4 * fit.power_percent - fit.combined_percent).abs() < 1e-12);
    }
    assert!(fits.windows(2).all(|pair| pair[1].combined_percent <= pair[0].combined_percent + 1e-9));
    let at = |stage: Stage| fits.iter().find(|f| f.stage == stage).unwrap();
    assert!(at(Stage::S7).combined_percent < 0.9 * at(Stage::S1).combined_percent);
    assert_eq!(at(Stage::S4).parameters.scalars.len(), 3);
    assert!(at(Stage::S1).silent.is_empty() && at(Stage::S7).silent.is_empty());
    // A stage's own number is what its parameters give as a model.
    let (points, last) = (measurements(), at(Stage::S7));
    let model = crate::Adept::with_parameters(a100(), last.parameters.clone());
    let mape = points.iter().map(|p| {
        let step = crate::StepModel::step(&model, &p.work, &p.run).unwrap();
        100.0 * (step.time.0 / p.time.0 - 1.0).abs()
    });
    assert!((mape.sum::<f64>() / points.len() as f64 - last.time_percent).abs() < 1e-9);
}

#[test]
fn a_stage_that_fits_worse_than_what_it_contains_is_not_converged() {
    let points = measurements();
    let good = fit(&a100(), &points, Stage::S1, None, &quick()).unwrap();
    // Three generations from nothing against a hundred and fifty.
    let hasty = Options { generations: 3, polish_steps: 1, nested: false, tolerance: 1e3, ..quick() };
    let bad = fit(&a100(), &points, Stage::S2, Some(&good), &hasty).unwrap();
    assert!(bad.worse_than_contained.unwrap() > 0.0 && !bad.converged, "{bad:?}");
    let nested = fit(&a100(), &points, Stage::S2, Some(&good), &Options { nested: true, ..hasty }).unwrap();
    assert_eq!(nested.worse_than_contained, None);
}

#[test]
fn what_no_point_speaks_about_stays_and_is_named() {
    let mut points = measurements();
    points.retain(|p| p.run.gpus == 1 && p.work.name.starts_with("distilbert"));
    let options = Options { generations: 3, ..quick() };
    let fit = fit(&a100(), &points, Stage::S7, None, &options).unwrap();
    for name in
        ["beta_conv", "r_conv_in", "bus_bandwidth", "u_communication", "albert gemm", "albert memory", "bf16 conv"]
    {
        assert!(fit.silent.iter().any(|s| s == name), "{name} {:?}", fit.silent);
    }
    assert!(fit.parameters.scalars.iter().filter(|s| s.architecture == "albert").all(|s| s.factor == 1.0));
    assert!(fit.free.iter().all(|f| !f.told_from.is_empty() && f.low < f.high));
}

#[test]
fn threads_change_nothing() {
    let points = measurements();
    let options = Options { generations: 4, members_per_parameter: 2, polish_steps: 2, ..quick() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&a100(), &points, Stage::S3, None, &options).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn rates_above_the_peak_are_flagged() {
    let mut points = measurements();
    for point in &mut points {
        point.time.0 /= 50.0;
    }
    let fit = fit(&a100(), &points, Stage::S1, None, &Options { generations: 2, ..quick() }).unwrap();
    let measured: Vec<_> = fit.above_peak.iter().filter(|a| a.unit == "measured").collect();
    assert!(measured.iter().any(|a| a.line == 2 && a.over_peak > 1.0), "{:?}", fit.above_peak);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let options = quick();
    assert!(matches!(ladder(&a100(), &[], &options), Err(AdeptError::Empty)));
    let mut points = measurements();
    points.truncate(2);
    points[1].run.setting = Setting { gpu_cap_w: Some(Watts(250.0)), ..Setting::default() };
    let error = ladder(&a100(), &points, &options).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("gpu_cap=250W"), "{error}");
    for point in &mut points {
        point.power = None;
    }
    assert!(matches!(ladder(&a100(), &points, &options), Err(AdeptError::NoPower)));
}
