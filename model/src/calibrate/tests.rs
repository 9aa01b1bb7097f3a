//! Synthetic records from a generator that shares no code with the model: closed forms of one device, written down
//! again with other names and units, a bisection for the cap, and log-normal noise.

use super::*;
use crate::testing::cpu;
use crate::validate::recover;
use ergometer_record::measurement::{Component, Domain, point_id};
use ergometer_record::{
    Hertz, Joules, Kernel, KernelSpec, Precision, Provenance, Row, Seconds, Setting, Size, Verdict, Watts,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The truth: an A100-like card.
struct Card {
    rate: f64,
    tensor_rate: f64,
    ramp: f64,
    bandwidth: f64,
    cache_bandwidth: f64,
    cache: f64,
    empty: f64,
    idle: f64,
    always: f64,
    toggling: f64,
    alu: f64,
    tensor: f64,
    path: f64,
    pj_per_byte: f64,
}

const CARD: Card = Card {
    rate: 17e12,
    tensor_rate: 230e12,
    ramp: 15e-6,
    bandwidth: 1.36e12,
    cache_bandwidth: 4.2e12,
    cache: 38e6,
    empty: 4e-6,
    idle: 51.0,
    always: 43.0,
    toggling: 44.0,
    alu: 230.0,
    tensor: 290.0,
    path: 50.0,
    pj_per_byte: 55.0,
};

impl Card {
    fn volts(mhz: f64) -> f64 {
        // 0.72 V up to 1000 MHz, then 0.56 V per GHz: 0.9496 V at 1410 MHz.
        if mhz < 1000.0 { 0.72 } else { 0.72 + 0.56e-3 * (mhz - 1000.0) }
    }

    fn run(&self, spec: &KernelSpec, mhz: f64) -> (f64, f64) {
        let slow = 1410.0 / mhz;
        let tensor = spec.precision == Precision::Bf16;
        let flops = spec.flops();
        let arithmetic = match spec.kernel {
            Kernel::Gemm => flops / if tensor { self.tensor_rate } else { self.rate } + self.ramp,
            Kernel::MonteCarlo => flops / 1.6e12 + self.ramp,
            Kernel::Dist => flops / 6e12 + 4e-6,
            _ => flops / 12e12 + 4e-6,
        } * slow;
        let inflation = match spec.kernel {
            Kernel::Gemm => 1.25,
            Kernel::Stencil => 1.15,
            _ => 1.0,
        };
        let bytes = spec.least_bytes() * inflation;
        let hit = if bytes > 0.0 { 1.0 / (1.0 + (bytes / self.cache).powi(3)) } else { 0.0 };
        let traffic = (bytes + 1.5e6 * f64::from(u8::from(bytes > 0.0)))
            * (hit / self.cache_bandwidth + (1.0 - hit) / self.bandwidth);
        let time = self.empty + (arithmetic.powi(4) + traffic.powi(4)).powf(0.25);
        let swing = mhz / 1410.0 * (Self::volts(mhz) / Self::volts(1410.0)).powi(2);
        let unit = if tensor { self.tensor } else { self.alu };
        let power = self.always
            + swing * (self.toggling + (unit * arithmetic + self.path * traffic) / time)
            + (self.pj_per_byte * (1.0 - hit) + 12.0 * hit) * 1e-12 * bytes / time;
        (time, power)
    }

    fn settle(&self, spec: &KernelSpec, setting: &Setting) -> (f64, f64) {
        let top = setting.gpu_clock_hz.map_or(1410.0, Hertz::mhz);
        let cap = setting.gpu_cap_w.map_or(400.0, |w| w.0);
        let (mut low, mut high) = (210.0, top);
        if self.run(spec, top).1 <= cap {
            low = top;
        }
        while high - low > 1e-9 {
            let middle = (low + high) / 2.0;
            if self.run(spec, middle).1 > cap { high = middle } else { low = middle }
        }
        self.run(spec, low)
    }
}

fn settings() -> Vec<Setting> {
    let clock = |mhz| Setting { gpu_clock_hz: Some(Hertz::from_mhz(mhz)), ..Setting::default() };
    let cap = |w| Setting { gpu_cap_w: Some(Watts(w)), ..Setting::default() };
    let mut all = vec![Setting::default()];
    all.extend([510.0, 765.0, 1005.0, 1140.0, 1275.0].map(clock));
    all.extend([150.0, 200.0, 250.0, 300.0].map(cap));
    all
}

fn specs() -> Vec<KernelSpec> {
    let spec = |kernel, size, precision| KernelSpec::new(kernel, size, precision).unwrap();
    let f32 = Precision::F32;
    let mut all = Vec::new();
    for n in [512, 1024, 2048, 4096] {
        all.push(spec(Kernel::Gemm, Size::square(n), f32));
        all.push(spec(Kernel::Gemm, Size::square(n), Precision::Bf16));
    }
    for n in [1 << 19, 1 << 21, 1 << 22, 1 << 24, 1 << 26] {
        all.push(spec(Kernel::Triad, Size::Vector { n }, f32));
    }
    all.extend([64, 400].map(|n| spec(Kernel::Stencil, Size::cube(n), f32)));
    all.extend([1 << 22, 1 << 28].map(|samples| spec(Kernel::MonteCarlo, Size::Samples { samples }, f32)));
    all.extend([1 << 16, 1 << 22].map(|points| spec(Kernel::Dist, Size::Points { points, dim: 32 }, f32)));
    all
}

/// Virtual rows of the card with `noise` (standard deviation of ln) in two blocks.
fn rows(noise: f64) -> Vec<Row> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    // Twelve uniforms: normal enough.
    let mut scatter = move || noise * ((0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0);
    let mut rows = Vec::new();
    let mut push = |spec: KernelSpec, setting: Setting, block: u32, time: f64, power: f64| {
        rows.push(Row {
            block,
            point_id: point_id(&spec, "", 0, &setting),
            verdict: if setting.is_baseline() { Verdict::Baseline } else { Verdict::Held },
            setting,
            component: Component::new(Domain::Gpu, 0),
            energy: Some(Joules(power * time)),
            provenance: Provenance::Virtual,
            ..Row::timed(spec, "vnode", "vnode-a100", Seconds(time))
        });
    };
    let probe = |kernel| KernelSpec::new(kernel, Size::Probe { count: 0 }, Precision::F32).unwrap();
    for block in 0..2 {
        for setting in settings() {
            for spec in specs() {
                let (time, power) = CARD.settle(&spec, &setting);
                push(spec, setting.clone(), block, time * scatter().exp(), power * scatter().exp());
            }
        }
        push(probe(Kernel::Idle), Setting::default(), block, 2.0, CARD.idle * scatter().exp());
        let empty = CARD.always + CARD.toggling;
        push(probe(Kernel::ProbeEmpty), Setting::default(), block, CARD.empty * scatter().exp(), empty);
    }
    rows
}

fn options() -> Options {
    Options { starts: 2, accept: Accept { virtual_rows: true, ..Accept::default() }, ..Options::default() }
}

fn start() -> DeviceModel {
    start::gpu("vnode-a100").unwrap()
}

fn fitted(calibration: &Calibration, key: &str) -> ParameterFit {
    calibration.parameters.iter().find(|p| p.key == key).unwrap().clone()
}

#[test]
fn the_truth_is_recovered_and_held_out_errors_are_near_the_noise() {
    let calibration = calibrate(&start(), &rows(0.01), &options()).unwrap();
    assert!(calibration.converged && calibration.is_virtual && calibration.device.is_virtual());
    let truth = BTreeMap::from(
        [
            ("gemm_flops_per_s.f32", CARD.rate),
            ("gemm_flops_per_s.bf16", CARD.tensor_rate),
            ("dram_bytes_per_s", CARD.bandwidth),
            ("launch_s", CARD.empty),
            ("idle_w", CARD.idle),
            ("static_w", CARD.always),
            ("active_w", CARD.toggling),
            ("alu_w", CARD.alu),
            ("tensor_w", CARD.tensor),
            ("ridge_hz", 1e9),
            ("voltage_floor", 0.72 / 0.9496),
            ("cache_bytes", CARD.cache),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let recovery = recover(&truth, &calibration);
    assert_eq!(recovery.unmatched, Vec::<String>::new());
    assert_eq!(recovery.quantities.len(), truth.len());
    for quantity in &recovery.quantities {
        assert!(quantity.identified, "{quantity:?}");
        let room = if ["cache_bytes", "static_w", "active_w"].contains(&quantity.name.as_str()) { 15.0 } else { 5.0 };
        assert!(quantity.error_percent.abs() < room, "{quantity:?}");
    }
    for fold in &calibration.held_out {
        let (time, power) = (fold.time.as_ref().unwrap(), fold.power.as_ref().unwrap());
        // Two sizes of a kernel can't tell its rate from its ramp: that is what leaving out one of them shows.
        let (limit, power_limit) = match fold.held_out {
            HeldOut::Kernel => (25.0, 8.0),
            HeldOut::Size => (10.0, 4.0),
            HeldOut::Setting => (1.5, 1.5),
        };
        assert!(
            time.mape_percent < limit && power.mape_percent < power_limit,
            "{:?} {time:?} {power:?}",
            fold.held_out
        );
        assert!(time.mape_percent < fold.baseline_time.as_ref().unwrap().mape_percent);
        assert!(power.mape_percent < fold.baseline_power.as_ref().unwrap().mape_percent);
    }
    assert!(calibration.in_sample_time.as_ref().unwrap().mape_percent < 2.0);
    assert!(calibration.points.iter().all(|p| p.time_s.is_none() || p.fitted_time_s.is_some()));
    assert_eq!(calibration.points_held_out_by, Some(HeldOut::Setting));
    // What nobody ran is neither fitted nor identified, and stays at its prior.
    for key in ["work_spmv_csr", "sustained_f64", "sustained_link", "comm_overlap"] {
        let parameter = fitted(&calibration, key);
        assert!(!parameter.fitted && !parameter.identified && parameter.would_identify.is_some(), "{parameter:?}");
        assert_eq!(Some(parameter.value), start().value(key));
    }
}

#[test]
fn the_same_seed_gives_the_same_calibration_on_any_number_of_threads() {
    let few = |row: &Row| row.setting.gpu_clock_hz.is_none() && row.setting.gpu_cap_w.is_none_or(|cap| cap.0 == 200.0);
    let rows: Vec<Row> = rows(0.01).into_iter().filter(few).collect();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| calibrate(&start(), &rows, &options()).unwrap())
    };
    let (one, three) = (on(1), on(3));
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(text, serde_json::to_string(&three).unwrap());
    let again: Calibration = serde_json::from_str(&text).unwrap();
    // JSON's reader may miss the last bit of a number; the device travels as its own text.
    assert_eq!(again.device, one.device);
}

#[test]
fn a_perturbed_measurement_changes_the_device() {
    let rows: Vec<Row> = rows(0.0).into_iter().filter(|r| r.setting.is_baseline()).collect();
    let mut perturbed = rows.clone();
    let triad = perturbed.iter_mut().find(|r| r.spec.kernel == Kernel::Triad).unwrap();
    triad.time = triad.time * 1.1;
    let device = |rows: &[Row]| calibrate(&start(), rows, &options()).unwrap().device;
    assert_ne!(device(&rows).to_toml(), device(&perturbed).to_toml());
}

#[test]
fn virtual_rows_need_leave_and_never_mix() {
    let mut rows: Vec<Row> = rows(0.0).into_iter().filter(|r| r.setting.is_baseline()).collect();
    let refused = calibrate(&start(), &rows, &Options::default()).unwrap_err();
    assert!(matches!(refused, CalibrationError::Virtual { .. }), "{refused}");
    rows[0].provenance = Provenance::Counter;
    rows[0].executor = "cuda".into();
    let mixed = calibrate(&start(), &rows, &options()).unwrap_err();
    assert!(matches!(mixed, CalibrationError::Mixed { measured_rows: 1, .. }), "{mixed}");
    rows[0].executor = "vnode".into();
    rows[0].device = "vnode-h100".into();
    assert!(matches!(calibrate(&start(), &rows, &options()).unwrap_err(), CalibrationError::Devices { .. }));
}

/// A two-threaded processor with times only: 40 GFLOP/s, 20 GB/s.
fn cpu_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (tier, threads, speed) in [("scalar", 2, 0.2), ("avx2", 1, 0.6), ("avx2", 2, 1.0)] {
        for spec in specs().into_iter().filter(|s| s.precision == Precision::F32) {
            let slow = if spec.kernel == Kernel::Gemm { 4e10 } else { 1e10 } * speed;
            let time = 2e-6 + (spec.flops() / slow).max(spec.least_bytes() / 2e10);
            rows.push(Row { tier: tier.into(), threads, ..Row::timed(spec, "cpu", "Some processor", Seconds(time)) });
        }
    }
    rows
}

#[test]
fn a_cpu_with_times_alone_has_no_power_at_all() {
    let facts = start::CpuFacts {
        name: "this-cpu".into(),
        title: "Some processor".into(),
        cores: 2,
        clock_hz: None,
        last_level_cache_bytes: Some(3e7),
    };
    let rows = cpu_rows();
    let start = start::cpu(&facts, &rows).unwrap();
    let calibration = calibrate(&start, &rows, &Options::default()).unwrap();
    assert!(!calibration.device.has_power() && !calibration.is_virtual);
    for key in crate::device::parameters::POWER_KEYS {
        assert_eq!(calibration.device.value(key), None, "{key}");
        assert!(calibration.parameters.iter().all(|p| p.key != key));
    }
    assert_eq!(calibration.discrepancy_power, None);
    assert!(calibration.held_out.iter().all(|fold| fold.power.is_none()));
    let by_size = calibration.held_out.iter().find(|f| f.held_out == HeldOut::Size).unwrap();
    assert!(by_size.time.as_ref().unwrap().mape_percent < 25.0, "{by_size:?}");
    // One setting only: that fold says why it has no error instead of showing none.
    let by_setting = calibration.held_out.iter().find(|f| f.held_out == HeldOut::Setting).unwrap();
    assert!(by_setting.time.is_none() && by_setting.note.as_ref().unwrap().contains("1 setting"));
    // The slower tier and the single thread are accounted for, not mixed in.
    assert_eq!(calibration.device.configuration(), Some("avx2, 2 threads"));
    let slower = calibration.left_out.iter().find(|l| l.reason.contains("faster")).unwrap();
    assert_eq!(slower.rows, rows.len() / 3 * 2);
}

#[test]
fn rows_that_prove_nothing_are_refused_with_the_reasons() {
    let mut rows: Vec<Row> = rows(0.0).into_iter().take(4).collect();
    rows.iter_mut().for_each(|row| row.verdict = Verdict::Ignored);
    let error = calibrate(&start(), &rows, &options()).unwrap_err().to_string();
    assert!(error.contains("4 because the setting had no effect"), "{error}");
    assert!(calibrate(&cpu(), &[], &Options::default()).unwrap_err().to_string().contains("none of the 0 rows"));
    let mut failed = cpu_rows();
    failed.iter_mut().for_each(|row| row.error_over_bound = Some(3.0));
    assert!(calibrate(&cpu(), &failed, &Options::default()).unwrap_err().to_string().contains("failed its check"));
    let mut bursts = cpu_rows();
    bursts.iter_mut().for_each(|row| row.setting.cpu_cap_short_w = Some(Watts(90.0)));
    assert!(calibrate(&cpu(), &bursts, &Options::default()).unwrap_err().to_string().contains("short-term"));
}

#[test]
fn names_of_cards_lead_to_their_descriptions() {
    for (name, expected) in
        [("NVIDIA A100-SXM4-40GB", "a100-sxm4-40gb"), ("vnode-h100", "h100-sxm5-80gb"), ("Quadro RTX 6000", "rtx6000")]
    {
        assert_eq!(start::gpu(name).unwrap().name(), expected);
    }
    assert!(start::gpu("MI300X").is_err());
}
