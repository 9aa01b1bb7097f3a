use super::*;
use crate::step::RunConfig;
use crate::testing::{cpu, toy_workload};
use ergometer_record::{Hertz, Kernel, KernelSpec, Precision, Setting, Size, Watts};
use proptest::prelude::*;

fn a100() -> PerOp {
    PerOp::new(DeviceModel::builtin("a100").unwrap()).unwrap()
}

fn clock(mhz: f64) -> Setting {
    Setting { gpu_clock_hz: Some(Hertz::from_mhz(mhz)), ..Setting::default() }
}

fn cap(watts: f64) -> Setting {
    Setting { gpu_cap_w: Some(Watts(watts)), ..Setting::default() }
}

fn gemm(n: u64, precision: Precision) -> KernelSpec {
    KernelSpec::new(Kernel::Gemm, Size::square(n), precision).unwrap()
}

fn triad(n: u64) -> KernelSpec {
    KernelSpec::new(Kernel::Triad, Size::Vector { n }, Precision::F32).unwrap()
}

#[test]
fn a_large_exponent_gives_the_classic_roofline() {
    let device = DeviceModel::builtin("a100").unwrap();
    let mut sharp = device.with_value("roofline_exponent", 100.0).unwrap();
    for (key, value) in
        [("launch_s", 1e-10), ("half_bytes", 1.0), ("half_f32_flop", 1.0), ("wave_weight", 1e-4), ("traffic_gemm", 1.0)]
    {
        sharp = sharp.with_value(key, value).unwrap();
    }
    let get = |key: &str| device.value(key).unwrap();
    let model = PerOp::new(sharp).unwrap();
    let free = Setting { gpu_cap_w: Some(Watts(400.0)), ..clock(1410.0) };
    // Far right of the ridge: arithmetic alone; far left: traffic alone.
    let spec = gemm(8192, Precision::F32);
    let time = model.predict_kernel(&spec, &free).unwrap();
    let rate = get("peak_f32_flop_per_s") * get("sustained_f32") * (time.clock.0 / 1410e6);
    assert!((time.time.0 * rate / spec.flops() - 1.0).abs() < 2e-3, "{time:?}");
    let spec = triad(1 << 28);
    let time = model.predict_kernel(&spec, &Setting::default()).unwrap().time;
    let bandwidth = get("memory_bytes_per_s") * get("sustained_memory");
    assert!((time.0 * bandwidth / spec.least_bytes() - 1.0).abs() < 1e-3, "{time}");
}

#[test]
fn arithmetic_follows_the_clock_and_memory_does_not() {
    let model = a100();
    let ratio = |spec: &KernelSpec| {
        let at = |mhz: f64| model.predict_kernel(spec, &clock(mhz)).unwrap().time.0;
        at(600.0) / at(1200.0)
    };
    assert!((ratio(&gemm(4096, Precision::F32)) - 2.0).abs() < 0.02);
    assert!((ratio(&triad(1 << 28)) - 1.0).abs() < 0.01);
}

#[test]
fn a_binding_cap_is_met_exactly_and_a_loose_one_changes_nothing() {
    let model = a100();
    let spec = gemm(8192, Precision::Bf16);
    let free = model.predict_kernel(&spec, &cap(400.0)).unwrap();
    assert_eq!(free, model.predict_kernel(&spec, &Setting::default()).unwrap());
    let free_w = free.power.unwrap().0;
    let capped = model.predict_kernel(&spec, &cap(0.7 * free_w)).unwrap();
    assert!((capped.power.unwrap().0 - 0.7 * free_w).abs() < 1e-6 * free_w, "{capped:?}");
    assert!(capped.clock.0 < free.clock.0 && capped.time.0 > free.time.0);
    // The clock that the cap leads to, locked without the cap, gives the same point: a round trip.
    let locked = model.predict_kernel(&spec, &Setting { gpu_clock_hz: Some(capped.clock), ..cap(400.0) }).unwrap();
    assert!((locked.power.unwrap().0 / capped.power.unwrap().0 - 1.0).abs() < 1e-9);
    assert!((locked.time.0 / capped.time.0 - 1.0).abs() < 1e-12);
}

#[test]
fn a_cap_below_the_lowest_clocks_power_runs_at_the_lowest_clock() {
    let device = a100().device().with_value("static_w", 150.0).unwrap();
    let model = PerOp::new(device).unwrap();
    let point = model.predict_kernel(&gemm(8192, Precision::F32), &cap(100.0)).unwrap();
    assert!((point.clock.mhz() - 210.0).abs() < 1e-9 && point.power.unwrap().0 > 150.0);
}

#[test]
fn small_footprints_run_out_of_the_cache() {
    let model = a100();
    let gbytes = |n: u64| triad(n).least_bytes() / model.predict_kernel(&triad(n), &Setting::default()).unwrap().time.0;
    // 6 MB against 3 GB.
    assert!(gbytes(1 << 19) > 0.5 * gbytes(1 << 28));
    let without = PerOp::new(model.device().with_value("l2_bytes", 1e3).unwrap()).unwrap();
    let time = |m: &PerOp| m.predict_kernel(&triad(1 << 20), &Setting::default()).unwrap().time.0;
    assert!(time(&without) > 1.5 * time(&model));
}

#[test]
fn tiles_that_do_not_fill_the_last_wave_cost() {
    assert_eq!(load::wave_efficiency(1, 128 * 108, 128, 108.0), 1.0);
    assert!((load::wave_efficiency(1, 128 * 109, 128, 108.0) - 109.0 / 216.0).abs() < 1e-12);
    assert!((load::wave_efficiency(1, 1, 1, 108.0) - 1.0 / 108.0).abs() < 1e-12);
}

#[test]
fn the_phases_partition_the_step_and_its_energy() {
    let model = a100();
    for (gpus, accumulation, setting) in [(1, 1, Setting::default()), (4, 3, cap(200.0)), (8, 1, clock(900.0))] {
        let run = RunConfig { gpus, accumulation, setting };
        let step = model.step(&toy_workload(), &run).unwrap();
        let time: f64 = step.phases.iter().map(|p| p.time.0).sum();
        let energy: f64 = step.phases.iter().map(|p| p.time.0 * p.power.0).sum::<f64>() * f64::from(gpus);
        assert!((time / step.time.0 - 1.0).abs() < 1e-12);
        assert!((energy / step.energy.0 - 1.0).abs() < 1e-12);
        assert!((step.power.0 * step.time.0 / step.energy.0 - 1.0).abs() < 1e-12);
        assert!(step.phases.iter().all(|p| p.power.0 > 40.0 && p.power.0 < 420.0), "{step:?}");
        assert!(step.clock.mhz() <= 1410.0 && step.clock.mhz() >= 210.0);
    }
}

#[test]
fn accumulation_multiplies_the_passes_and_not_the_update() {
    let model = a100();
    let step =
        |accumulation| model.step(&toy_workload(), &RunConfig { accumulation, ..RunConfig::default() }).unwrap().phases;
    let (one, four) = (step(1), step(4));
    let time = |phases: &[crate::Phase], name: &str| phases.iter().find(|p| p.name == name).unwrap().time.0;
    assert!((time(&four, "forward") / time(&one, "forward") - 4.0).abs() < 1e-12);
    assert!((time(&four, "optimizer") / time(&one, "optimizer") - 1.0).abs() < 1e-12);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_with_both_sizes() {
    let mut work = toy_workload();
    work.activation_bytes = 60_000_000_000;
    let error = a100().step(&work, &RunConfig::default()).unwrap_err();
    assert!(matches!(error, ModelError::Memory { .. }));
    assert!(error.to_string().contains("40.0 GB"), "{error}");
}

#[test]
fn a_precision_without_unit_is_refused_with_the_ones_there() {
    let v100 = PerOp::new(DeviceModel::builtin("v100").unwrap()).unwrap();
    let error = v100.predict_kernel(&gemm(64, Precision::Bf16), &Setting::default()).unwrap_err().to_string();
    assert!(error.contains("no bf16") && error.contains("f64, f32, f16"), "{error}");
}

#[test]
fn nothing_runs_on_no_gpus() {
    for run in [RunConfig { gpus: 0, ..RunConfig::default() }, RunConfig { accumulation: 0, ..RunConfig::default() }] {
        assert!(matches!(a100().step(&toy_workload(), &run), Err(ModelError::Config(_))));
    }
}

#[test]
fn a_device_without_power_parameters_has_times_and_no_power() {
    let model = PerOp::new(cpu()).unwrap();
    let point = model.predict_kernel(&triad(1 << 20), &Setting::default()).unwrap();
    assert_eq!(point.power, None);
    assert!(point.time.0 > 0.0);
    assert_eq!(model.idle_power(), None);
    let capped = Setting { cpu_cap_w: Some(Watts(50.0)), ..Setting::default() };
    assert!(model.predict_kernel(&triad(1 << 20), &capped).is_err());
    assert!(matches!(model.step(&toy_workload(), &RunConfig::default()), Err(ModelError::Missing { .. })));
}

#[test]
fn several_gpus_draw_more_and_exchange_gradients() {
    let model = a100();
    let mut work = toy_workload();
    work.trainable = 300_000_000;
    work.parameters = work.trainable;
    let step = |gpus| model.step(&work, &RunConfig { gpus, ..RunConfig::default() }).unwrap();
    let (one, four) = (step(1), step(4));
    assert!(one.phases.iter().all(|p| p.name != "communication"));
    let exchange = four.phases.iter().find(|p| p.name == "communication").unwrap().time.0;
    assert!((four.time.0 - one.time.0 - exchange).abs() < 1e-12);
    assert!(four.power.0 > 3.0 * one.power.0);
}

proptest! {
    #[test]
    fn more_clock_is_never_slower_and_never_draws_less(a in 210.0..1410f64, b in 210.0..1410f64, n in 6u32..13) {
        let model = a100();
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        for spec in [gemm(1 << n, Precision::F32), gemm(1 << n, Precision::Bf16), triad(1 << (2 * n))] {
            let at = |mhz: f64| model.predict_kernel(&spec, &clock(mhz)).unwrap();
            prop_assert!(at(high).time.0 <= at(low).time.0 * (1.0 + 1e-9));
            prop_assert!(at(high).power.unwrap().0 >= at(low).power.unwrap().0 * (1.0 - 1e-9));
        }
    }

    #[test]
    fn more_cap_is_never_slower_and_is_kept(a in 150.0..400f64, b in 150.0..400f64) {
        let model = a100();
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        let at = |w: f64| model.step(&toy_workload(), &RunConfig { setting: cap(w), ..RunConfig::default() }).unwrap();
        prop_assert!(at(high).time.0 <= at(low).time.0 * (1.0 + 1e-9));
        prop_assert!(at(low).phases.iter().all(|p| p.power.0 <= low * (1.0 + 1e-6)));
    }
}
