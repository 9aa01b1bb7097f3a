//! An external meter against in-band sensors: synthetic loads whose lag, gain and offset are known, and the virtual node.

use ergometer_harness::sensor::Quantity;
use ergometer_harness::sensor::meter::{
    Calibration, CalibrationError, Clock, Fit, MeterRecord, SampleRecord, SensorSamples, Series, calibrate, read_meter,
    read_samples,
};
use ergometer_harness::vnode::physics::{Covers, SensorModel, SensorQuantity};
use ergometer_harness::vnode::{self, Pace, Vnode};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Kernel, KernelSpec, Precision, Provenance, Seconds, Size, Watts};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const GAIN: f64 = 1.07;
const OFFSET_W: f64 = 12.0;
const LAG_S: f64 = 37.42;

/// A load of plateaus: (end in s, watts).
struct Load(Vec<(f64, f64)>);

impl Load {
    fn random(length_s: f64, random: &mut ChaCha8Rng) -> Self {
        let (mut time, mut plateaus) = (0.0, Vec::new());
        while time < length_s {
            time += random.random_range(4.0..25.0);
            plateaus.push((time, [55.0, 120.0, 210.0, 290.0][random.random_range(0..4usize)]));
        }
        Self(plateaus)
    }

    /// Energy up to a time, in J.
    fn energy(&self, until: f64) -> f64 {
        let (mut from, mut sum) = (0.0, 0.0);
        for (end, watts) in &self.0 {
            sum += watts * (until.clamp(from, *end) - from);
            from = *end;
        }
        sum
    }

    fn mean(&self, from: f64, to: f64) -> f64 {
        (self.energy(to) - self.energy(from)) / (to - from)
    }
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// How a meter looks at the load.
#[derive(Clone, Copy)]
struct Meter {
    step_s: f64,
    averaging_s: f64,
    noise_w: f64,
}

const USUAL: Meter = Meter { step_s: 1.0, averaging_s: 1.0, noise_w: 1.0 };

fn metered(load: &Load, meter: Meter, length_s: f64, random: &mut ChaCha8Rng) -> MeterRecord {
    let mut points = Vec::new();
    let mut time = meter.averaging_s.max(meter.step_s);
    while time < length_s {
        let power = load.mean(time - meter.averaging_s, time) + meter.noise_w * normal(random);
        points.push((time + LAG_S, power.max(0.0)));
        // No meter keeps time to the millisecond.
        time += meter.step_s * random.random_range(0.98..1.02);
    }
    MeterRecord { series: Series::of_meter(&points), clock: Clock::Arbitrary }
}

fn sensor(id: &str, domain: Domain, provenance: Provenance, readings: Vec<(f64, Quantity)>) -> SensorSamples {
    let readings = readings.into_iter().map(|(time, quantity)| (1.8e9 + time, time, quantity)).collect();
    SensorSamples { id: id.into(), component: Component::new(domain, 0), provenance, readings }
}

/// A power sensor with gain, offset and a slow error that remembers itself for about three seconds.
fn in_band(load: &Load, step_s: f64, length_s: f64, random: &mut ChaCha8Rng) -> SensorSamples {
    let (mut readings, mut time, mut wander) = (Vec::new(), step_s, 0.0);
    while time < length_s {
        let memory = (-step_s / 3.0f64).exp();
        wander = memory * wander + (1.0 - memory * memory).sqrt() * 1.5 * normal(random);
        let watts = GAIN * load.mean(time - step_s, time) + OFFSET_W + wander;
        readings.push((time, Quantity::Power(Watts(watts))));
        time += step_s;
    }
    sensor("power", Domain::Gpu, Provenance::Integrated, readings)
}

fn run(meter: Meter, step_s: f64, length_s: f64, seed: u64) -> Result<Calibration, CalibrationError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let load = Load::random(length_s, &mut random);
    let record = metered(&load, meter, length_s, &mut random);
    calibrate(&record, &SampleRecord { sensors: vec![in_band(&load, step_s, length_s, &mut random)] }, seed)
}

#[test]
fn intervals_cover_gain_and_offset_whatever_the_sampling() {
    // Finer and coarser than the sensors, averaging over more than its own step, and noisy.
    for (name, meter, step_s) in [
        ("usual", USUAL, 0.1),
        ("fine", Meter { step_s: 0.2, averaging_s: 0.2, noise_w: 2.0 }, 0.5),
        ("averaging", Meter { step_s: 1.0, averaging_s: 3.0, noise_w: 0.5 }, 0.1),
        ("noisy", Meter { step_s: 0.5, averaging_s: 0.5, noise_w: 25.0 }, 0.5),
    ] {
        let seeds = 30;
        let (mut gains, mut offsets, mut widest) = (0, 0, 0.0f64);
        for seed in 0..seeds {
            let calibration = run(meter, step_s, 400.0, seed).unwrap_or_else(|e| panic!("{name}, seed {seed}: {e}"));
            let line = calibration.fits[0].line.as_ref().unwrap();
            gains += u32::from(line.gain.covers(GAIN));
            offsets += u32::from(line.offset_w.covers(OFFSET_W));
            widest = widest.max(line.gain.high - line.gain.low);
            // An average is half of what it covers late; the meter's own step is allowed for.
            let expected = LAG_S + (meter.averaging_s - meter.step_s) / 2.0 - step_s / 2.0;
            let room = 0.1 + 4.0 * calibration.lag_u_s;
            assert!((calibration.lag_s - expected).abs() < room, "{name}, seed {seed}: {expected} {calibration}");
        }
        println!("{name}: {gains} and {offsets} of {seeds}, widest {widest:.4}");
        // 95 % of 30 are 28.5; fewer than 24 would come up once in a few thousand.
        assert!(gains >= 24 && offsets >= 24, "{name}: {gains} and {offsets} of {seeds}");
        assert!(widest < 0.12, "{name}: {widest}");
    }
}

#[test]
fn the_lag_is_found_between_the_samples_with_its_uncertainty() {
    let errors: Vec<(f64, f64)> = (100..120)
        .map(|seed| run(USUAL, 0.1, 400.0, seed).unwrap())
        // The sensor's power is the average of the last tenth of a second.
        .map(|calibration| (calibration.lag_s - (LAG_S - 0.05), calibration.lag_u_s))
        .collect();
    let rms = (errors.iter().map(|(e, _)| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    // The bins are a second long.
    assert!(rms < 0.1, "{rms}");
    let covered = errors.iter().filter(|(e, u)| e.abs() < 3.0 * u + 0.01).count();
    println!("rms {rms:.4}, {covered} of {} within 3 u: {errors:.3?}", errors.len());
    assert!(covered >= 17 && errors.iter().all(|(_, u)| *u > 0.0 && *u < 0.2), "{errors:?}");
}

#[test]
fn what_fixes_no_lag_is_refused_with_what_to_do() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let build = |load: &Load, random: &mut ChaCha8Rng| {
        let record = metered(load, USUAL, 400.0, random);
        calibrate(&record, &SampleRecord { sensors: vec![in_band(load, 0.1, 400.0, random)] }, 1)
    };
    // Constant power: only the noise of the two is there to be compared.
    let constant = build(&Load(vec![(1e4, 150.0)]), &mut random).unwrap_err();
    assert!(matches!(constant, CalibrationError::NoPeak { .. } | CalibrationError::Constant), "{constant}");
    assert!(constant.to_string().contains("up and down"), "{constant}");
    // A slow drift is common to both at any lag.
    let ramp = Load((1..4000).map(|i| (0.1 * f64::from(i), 100.0 + 0.02 * f64::from(i))).collect());
    let drift = build(&ramp, &mut random).unwrap_err();
    assert!(
        matches!(drift, CalibrationError::Drift | CalibrationError::Ambiguous { .. } | CalibrationError::NoPeak { .. }),
        "{drift}"
    );
    // A load of equal periods fits at every one of them.
    let periodic = Load((1..60).map(|i| (8.0 * f64::from(i), if i % 2 == 0 { 60.0 } else { 260.0 })).collect());
    let error = build(&periodic, &mut random).unwrap_err();
    let CalibrationError::Ambiguous { lag, other } = error else { panic!("{error}") };
    assert!(
        ((lag - other).abs() / 16.0).fract().min(1.0 - ((lag - other).abs() / 16.0).fract()) < 0.1,
        "{lag} {other}"
    );
    // Two loads that have nothing to do with one another.
    let (one, other) = (Load::random(400.0, &mut random), Load::random(400.0, &mut random));
    let record = metered(&one, USUAL, 400.0, &mut random);
    let strangers = SampleRecord { sensors: vec![in_band(&other, 0.1, 400.0, &mut random)] };
    assert!(matches!(
        calibrate(&record, &strangers, 1),
        Err(CalibrationError::NoPeak { .. } | CalibrationError::Ambiguous { .. } | CalibrationError::Drift)
    ));
}

#[test]
fn records_that_do_not_overlap_or_do_not_measure_are_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let load = Load::random(400.0, &mut random);
    let mut record = metered(&load, USUAL, 400.0, &mut random);
    let samples = SampleRecord { sensors: vec![in_band(&load, 0.1, 400.0, &mut random)] };
    // Two times of day that are 57 years apart.
    record.clock = Clock::TimeOfDay;
    let error = calibrate(&record, &samples, 1).unwrap_err();
    assert!(
        matches!(error, CalibrationError::NoOverlap { .. }) && error.to_string().contains("within 300 s"),
        "{error}"
    );
    record.clock = Clock::Arbitrary;
    let mut modelled = samples.clone();
    modelled.sensors[0].provenance = Provenance::Modelled;
    assert_eq!(calibrate(&record, &modelled, 1), Err(CalibrationError::NoSensor));
    assert_eq!(calibrate(&record, &SampleRecord::default(), 1), Err(CalibrationError::NoSensor));
    let mut short = samples;
    short.sensors[0].readings.truncate(100);
    let error = calibrate(&record, &short, 1).unwrap_err();
    assert!(matches!(error, CalibrationError::NoOverlap { .. } | CalibrationError::Constant), "{error}");
}

#[test]
fn the_outermost_sensors_are_added_and_each_stands_alone_too() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let load = Load::random(400.0, &mut random);
    let record = metered(&load, USUAL, 400.0, &mut random);
    // A card with six tenths of the power, a package with three, its cores (contained) with two, and a model.
    let counter = |share: f64| -> Vec<(f64, Quantity)> {
        let times = (1..4000).map(|i| 0.1 * f64::from(i));
        times.map(|time| (time, Quantity::Energy(Joules(1e5 + share * load.energy(time))))).collect()
    };
    let samples = SampleRecord {
        sensors: vec![
            sensor("card", Domain::Gpu, Provenance::Counter, counter(0.6)),
            sensor("package", Domain::Package, Provenance::Counter, counter(0.3)),
            sensor("cores", Domain::Core, Provenance::Counter, counter(0.2)),
            sensor("model", Domain::Dram, Provenance::Modelled, counter(5.0)),
        ],
    };
    let calibration = calibrate(&record, &samples, 1).unwrap();
    let gain = |fit: &Fit| (fit.line.as_ref().unwrap().gain.estimate * 100.0).round() / 100.0;
    let gains: Vec<(Vec<String>, f64)> = calibration.fits.iter().map(|fit| (fit.sensors.clone(), gain(fit))).collect();
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        gains,
        [
            (names(&["card", "package"]), 0.9),
            (names(&["card"]), 0.6),
            (names(&["package"]), 0.3),
            (names(&["cores"]), 0.2)
        ]
    );
    assert!(calibration.to_string().contains("gpu:0 + package:0 together"), "{calibration}");
    let text = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
}

#[test]
fn the_virtual_node_s_gain_is_found_against_its_true_power() {
    let mut physics = vnode::preset("a100").unwrap();
    let truth = SensorModel {
        id: "meter".into(),
        quantity: SensorQuantity::Power,
        component: Component::new(Domain::Meter, 0),
        covers: Covers::Board,
        period_s: 0.5,
        averaging_s: 0.5,
        resolution: 0.1,
        wrap_j: None,
        gain: 1.0,
        gain_u: 0.001,
        noise: 0.0,
    };
    physics.sensors[0].gain = GAIN;
    physics.sensors.truncate(1);
    physics.sensors.push(truth);
    let folder = tempfile::tempdir().unwrap();
    let node = Vnode::open(&physics, &folder.path().join("state.json"), 11, Pace::Virtual).unwrap();
    let clock = node.clock();
    let mut sensors = node.sensors();
    let specs = [
        KernelSpec::new(Kernel::Gemm, Size::square(2048), Precision::F32).unwrap(),
        KernelSpec::new(Kernel::Triad, Size::Vector { n: 1 << 26 }, Precision::F32).unwrap(),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (start, mut counter, mut metered) = (clock.now().0, Vec::new(), Vec::new());
    while clock.now().0 < start + 300.0 {
        let (kind, end) = (random.random_range(0..3usize), clock.now().0 + random.random_range(3.0..15.0));
        while clock.now().0 < end {
            match specs.get(kind) {
                Some(spec) => {
                    let (time, _) = node.node().run(spec, 1).unwrap();
                    let rest = (0.05 / time.0).floor() as u64;
                    node.node().run(spec, rest).unwrap();
                }
                None => clock.sleep(Seconds(0.05)),
            }
            let now = clock.now().0 - start;
            counter.push((now, sensors[0].read(clock.as_ref()).unwrap().quantity));
            let Quantity::Power(power) = sensors[1].read(clock.as_ref()).unwrap().quantity else { panic!("no power") };
            if metered.last().is_none_or(|(time, _)| now - time >= 0.5) {
                metered.push((now, power.0));
            }
        }
    }
    let record = MeterRecord { series: Series::of_meter(&metered), clock: Clock::Arbitrary };
    let samples = SampleRecord { sensors: vec![sensor("vnode:energy", Domain::Gpu, Provenance::Virtual, counter)] };
    let calibration = calibrate(&record, &samples, 1).unwrap();
    let fit = &calibration.fits[0];
    let line = fit.line.as_ref().unwrap();
    assert!(fit.is_virtual && calibration.to_string().contains("[virtual]"));
    assert!((line.gain.estimate - GAIN).abs() < 0.01 && line.gain.high - line.gain.low < 0.04, "{calibration}");
    assert!(line.gain.low - 0.003 < GAIN && GAIN < line.gain.high + 0.003, "{calibration}");
    assert!(line.offset_w.estimate.abs() < 3.0, "{calibration}");
}

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter.csv");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn times_and_powers_are_read_in_their_units() {
    for (text, clock, watts) in [
        ("unix_s,power_w\n1800000000.0,100\n1800000001.0,120\n", Clock::TimeOfDay, 120.0),
        ("Time,Watts\n0.0,100\n1.0,120\n", Clock::Arbitrary, 120.0),
        (
            "note,timestamp,power_mW\na,2026-11-20T12:00:00Z,100000\nb,2026-11-20T12:00:01Z,120000\n",
            Clock::TimeOfDay,
            120.0,
        ),
        (
            "timestamp,power_kw\n2026-11-20T12:00:00+01:00,0.1\n2026-11-20T12:00:01+01:00,0.12\n",
            Clock::TimeOfDay,
            120.0,
        ),
        // No zone: the time of an unknown place.
        ("time,power\n2026-11-20 12:00:00.5,100\n2026-11-20 12:00:01.5,120\n", Clock::Arbitrary, 120.0),
    ] {
        let (_folder, path) = file(text);
        let record = read_meter(&path).unwrap();
        let (from, to) = record.series.range().unwrap();
        assert_eq!(record.clock, clock, "{text}");
        assert!(
            (to - from - 1.0).abs() < 1e-6 && (record.series.mean(from, to).unwrap() - watts).abs() < 1e-6,
            "{text}"
        );
    }
    let (_folder, path) = file("timestamp,w\n2026-11-20T12:00:00+01:00,1\n2026-11-20T12:00:01+01:00,1\n");
    // 2026-11-20T11:00:00Z.
    assert_eq!(read_meter(&path).unwrap().series.range().unwrap().0, 1_795_172_400.0);
}

#[test]
fn a_bad_line_is_refused_by_file_line_and_field() {
    for (text, expected) in [
        ("time,power\n0,1\nsoon,2\n", "meter.csv, line 3, field time: found \"soon\""),
        ("time,power\n0,1\n1,-2\n", "line 3, field power: found \"-2\", but a power of zero or more"),
        ("time,power\n0,1\n1,\n", "line 3, field power: found \"\""),
        ("time,power\n0,1\n1,NaN\n", "line 3, field power"),
        ("time,power\n1,1\n1,2\n", "line 3, field time: found \"1\", but it is not later"),
        ("time,power\n5,1\n1800000000,2\n", "line 3, field time: found \"1800000000\", but the lines before it count"),
        ("when,power\n0,1\n1,2\n", "none of the columns unix_s, time_s, time, timestamp; its columns are when, power"),
        ("time,volts\n0,1\n1,2\n", "none of the columns power_w"),
        ("time,power\n0,1\n", "fewer than two rows"),
        ("time,power\n0,1\n1\n", "meter.csv"),
    ] {
        let (_folder, path) = file(text);
        let error = read_meter(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn samples_are_read_by_sensor_and_bad_ones_refused() {
    let header = "unix_s,time_s,sensor,component,provenance,energy_j,power_w\n";
    let good = format!(
        "{header}1800000000.1,0.1,a,gpu:0,counter,5.0,\n1800000000.1,0.1,b,dram:0,modelled,,7\n1800000000.2,0.2,a,gpu:0,counter,6.0,\n"
    );
    let (_folder, path) = file(&good);
    let samples = read_samples(&path).unwrap();
    assert_eq!(samples.sensors.len(), 2);
    assert_eq!(samples.sensors[0].readings[1], (1_800_000_000.2, 0.2, Quantity::Energy(Joules(6.0))));
    assert_eq!(samples.sensors[1].component(), Component::new(Domain::Dram, 0));
    for (from, to, expected) in [
        (
            "gpu:0,counter,5.0,",
            "gpu:0,counter,5.0,1",
            "line 2, field energy_j: found \"5.0\", but a number is needed in exactly one",
        ),
        ("gpu:0,counter,5.0,", "tpu:0,counter,5.0,", "line 2, field component: found \"tpu:0\""),
        ("dram:0,modelled", "dram:0,guessed", "line 3, field provenance: found \"guessed\""),
        ("0.2,a", "0.1,a", "line 4, field time_s"),
        ("unix_s,", "unix,", "none of the columns unix_s"),
    ] {
        let (_folder, path) = file(&good.replacen(from, to, 1));
        let error = read_samples(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
}

proptest! {
    // Mean powers are those of the readings, however they are cut, and nothing is made up across a gap.
    #[test]
    fn a_series_keeps_its_energy(powers in prop::collection::vec(0.0f64..500.0, 3..60), cut in 0.0f64..1.0) {
        let points: Vec<(f64, f64)> = powers.iter().enumerate().map(|(i, p)| (i as f64 * 0.5, *p)).collect();
        let series = Series::of_meter(&points);
        let (from, to) = series.range().unwrap();
        let middle = from + cut.clamp(0.01, 0.99) * (to - from);
        let whole = series.mean(from, to).unwrap() * (to - from);
        let parts = series.mean(from, middle).unwrap() * (middle - from) + series.mean(middle, to).unwrap() * (to - middle);
        prop_assert!((whole - parts).abs() < 1e-6 * whole.max(1.0));
        prop_assert!((whole - 0.5 * powers[1..].iter().sum::<f64>()).abs() < 1e-6 * whole.max(1.0));
        prop_assert_eq!(series.mean(from - 0.1, to), None);
        let mut gap = points.clone();
        gap.iter_mut().skip(2).for_each(|point| point.0 += 60.0);
        prop_assert_eq!(Series::of_meter(&gap).mean(0.5, 61.0).is_none(), points.len() > 3);
    }

    #[test]
    fn a_counter_that_goes_back_leaves_a_gap(at in 2usize..8) {
        let total = |i: usize| if i < at { 100.0 + i as f64 } else { i as f64 };
        let points: Vec<_> = (0..10).map(|i| (i as f64, Quantity::Energy(Joules(total(i))))).collect();
        let series = Series::of_sensor(&points);
        prop_assert_eq!(series.mean(at as f64 - 1.0, at as f64), None);
        prop_assert!((series.mean(0.0, at as f64 - 1.0).unwrap() - 1.0).abs() < 1e-9);
    }
}
