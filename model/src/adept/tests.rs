use super::*;
use crate::testing::toy_workload;
use ergometer_record::{Precision, Setting};

fn adept() -> Adept {
    let device = DeviceModel::builtin("a100").unwrap();
    let mut parameters = Parameters::from_device(&device).unwrap();
    parameters.saturation = Saturation::Tanh;
    parameters.beta_gemm = 0.5;
    parameters.beta_alu = 0.25;
    parameters.r_gemm = [1e-6; 3];
    parameters.r_alu = 1e-6;
    parameters.c_mem = 1.25;
    parameters.lambda_miss = 0.4;
    Adept::with_parameters(device, parameters)
}

#[test]
fn equations_4_9_to_4_13_by_hand() {
    let work = toy_workload();
    let terms = adept().terms(&work, &RunConfig::default()).unwrap();
    // 24 products of 8192 x 3072 x 1024 at half of 312 TFLOP/s, 16 pointwise passes at a quarter of 19.5 TFLOP/s.
    let (m, n, k) = (8192.0, 3072.0, 1024.0);
    let gemm = 24.0 * 2.0 * m * n * k / 156e12;
    let alu = 16.0 * 8.0 * m * n / (19.5e12 / 4.0);
    assert!((terms.compute_s / (gemm + alu) - 1.0).abs() < 1e-12);
    // Every working set is beyond 40 MB, so f_L2 is 1.
    let bytes = 24.0 * 2.0 * (m * k + k * n + m * n) + 16.0 * 4.0 * m * n;
    assert!((terms.memory_s / (bytes / 1.555e12 * 1.25) - 1.0).abs() < 1e-12);
    assert!((terms.optimizer_s / (8.0 * n * k * 28.0 / 1.555e12 * 1.25) - 1.0).abs() < 1e-12);
}

#[test]
fn the_l2_factor_stays_between_its_base_and_one() {
    let mut model = adept();
    let work = toy_workload();
    let time = |model: &Adept| model.terms(&work, &RunConfig::default()).unwrap().memory_s;
    let full = time(&model);
    model.device = model.device.with_value("l2_bytes", 1e12).unwrap();
    assert!((time(&model) / full - 0.4).abs() < 1e-12);
}

#[test]
fn phases_add_up_and_accumulation_multiplies_passes_and_launches() {
    let (model, work) = (adept(), toy_workload());
    let run = |accumulation, gpus| RunConfig { accumulation, gpus, ..RunConfig::default() };
    let one = model.step(&work, &run(1, 4)).unwrap();
    let total: f64 = one.phases.iter().map(|p| p.time.0).sum();
    assert!((total / one.time.0 - 1.0).abs() < 1e-12);
    let energy: f64 = one.phases.iter().map(|p| p.time.0 * p.power.0 * 4.0).sum();
    assert!((energy / one.energy.0 - 1.0).abs() < 1e-12);
    let three = model.step(&work, &run(3, 4)).unwrap();
    let time = |step: &StepPrediction, name: &str| step.phases.iter().find(|p| p.name == name).unwrap().time.0;
    assert!((time(&three, "compute") / time(&one, "compute") - 3.0).abs() < 1e-12);
    assert_eq!(time(&three, "communication"), time(&one, "communication"));
    let terms = |g| model.terms(&work, &run(g, 4)).unwrap().kernels_s;
    let update = f64::from(work.optimizer_work.launches) * model.parameters.launch_s;
    assert!(((terms(3) - update) / (terms(1) - update) - 3.0).abs() < 1e-12);
}

#[test]
fn beta_and_c_are_one_ratio() {
    let work = toy_workload();
    let mut other = adept();
    other.parameters.beta_gemm *= 2.0;
    other.parameters.c_gemm *= 2.0;
    let time = |m: &Adept| m.terms(&work, &RunConfig::default()).unwrap().compute_s;
    assert!((time(&other) / time(&adept()) - 1.0).abs() < 1e-12);
}

#[test]
fn scalars_apply_where_their_condition_holds() {
    let mut model = adept();
    let mut work = toy_workload();
    let memory = |m: &Adept, w: &Workload| m.terms(w, &RunConfig::default()).unwrap().memory_s;
    let before = memory(&model, &work);
    model.parameters.scalars.push(Scalar {
        architecture: "albert".into(),
        precision: Some(Precision::Bf16),
        term: Term::Memory,
        factor: 2.82,
    });
    assert_eq!(memory(&model, &work), before);
    work.name = "albert-base-v2/seq256".into();
    assert!((memory(&model, &work) / before - 2.82).abs() < 1e-12);
    work.precision = Precision::Tf32;
    assert_eq!(memory(&model, &work), before);
}

#[test]
fn clocks_and_caps_are_refused_instead_of_ignored() {
    let setting = Setting { gpu_cap_w: Some(Watts(200.0)), ..Setting::default() };
    let error = adept().step(&toy_workload(), &RunConfig { setting, ..RunConfig::default() }).unwrap_err();
    assert!(error.to_string().contains("use per-op"), "{error}");
}
