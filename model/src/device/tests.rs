use super::*;
use crate::step::ModelError;
use ergometer_record::{Hertz, Setting, Watts};

fn parse(text: &str) -> Result<DeviceModel, DeviceError> {
    DeviceModel::from_toml(text, Path::new("mine.toml"))
}

const SMALL: &str = r#"
name = "mine"
title = "Mine"
kind = "gpu"
[specification]
clock_hz = { value = 1e9, source = "a" }
[assumed]
idle_w = { value = 20, low = 10, high = 40, reason = "b" }
"#;

#[test]
fn every_builtin_reads_and_has_what_predictions_need() {
    for name in BUILTIN_NAMES {
        let device = DeviceModel::builtin(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(device.name(), *name);
        assert!(device.has_power(), "{name}");
        for key in ["clock_hz", "peak_f32_flop_per_s", "memory_bytes_per_s", "memory_bytes", "tdp_w", "launch_s"] {
            assert!(device.value(key).is_some(), "{name} lacks {key}");
        }
        assert!(device.fit().is_none() && !device.is_virtual());
    }
}

#[test]
fn files_round_trip() {
    for name in BUILTIN_NAMES {
        let device = DeviceModel::builtin(name).unwrap();
        assert_eq!(parse(&device.to_toml()).unwrap(), device);
    }
    let mut fitted = parse(SMALL).unwrap();
    fitted.configuration = Some("avx2, 2 \"threads\"".into());
    fitted.fit =
        Some(FitRecord { data: "x\\y".into(), date: Some("2025-01-01".into()), rows: 7, provenance: "virtual".into() });
    fitted.fitted.insert("idle_w".into(), Fitted { value: 1.0 / 3.0, sd_log: 1e-20, identified: true });
    fitted.fitted.insert("static_w".into(), Fitted { value: 2.0, sd_log: 0.5, identified: false });
    fitted.posterior = Some(Posterior {
        discrepancy_time: 0.1,
        discrepancy_power: Some(1.0 / 3.0),
        keys: vec!["idle_w".into(), "static_w".into()],
        correlation: vec![vec![1.0], vec![-0.1 / 3.0, 1.0]],
    });
    let again = parse(&fitted.to_toml()).unwrap();
    assert_eq!(again, fitted);
    assert!(again.is_virtual());
}

#[test]
fn an_unknown_device_lists_the_known_ones() {
    let error = DeviceModel::find("b200").unwrap_err().to_string();
    assert!(error.contains("b200") && error.contains("a100-sxm4-40gb") && error.contains("t4"), "{error}");
}

#[test]
fn bad_files_are_refused_with_file_section_and_key() {
    for (from, to, expected) in [
        ("clock_hz", "clok_hz", "mine.toml: the key clok_hz is not allowed under [specification]"),
        ("value = 1e9", "value = -1.0", "specification.clock_hz is -1, but a number from"),
        ("value = 1e9", "value = nan", "specification.clock_hz is NaN"),
        ("value = 1e9", "value = inf", "specification.clock_hz is inf"),
        ("source = \"a\"", "source = \"\"", "a fact needs its citation"),
        ("low = 10", "low = 30", "0 < low <= value <= high"),
        ("clock_hz", "idle_w", "it belongs under [assumed] or [fitted]"),
        ("title", "titel", "unknown field"),
        ("kind = \"gpu\"", "kind = \"tpu\"", "tpu"),
    ] {
        let error = parse(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with("mine.toml") && error.contains(expected), "{from} -> {to}: {error}");
    }
    let correlated =
        format!("{SMALL}\n[posterior]\ndiscrepancy_time = 0.1\nkeys = ['idle_w']\ncorrelation = [[1.0]]\n");
    assert!(parse(&correlated).unwrap_err().to_string().contains("only fitted values"));
    let orphan = format!("{SMALL}\n[fitted]\nidle_w = {{ value = 1.0, sd_log = 0.1, identified = true }}\n");
    assert!(parse(&orphan).unwrap_err().to_string().contains("[fit]"));
}

#[test]
fn fitted_goes_before_fact_before_assumption() {
    let mut device = parse(SMALL).unwrap();
    assert_eq!(device.value("idle_w"), Some(20.0));
    device.fitted.insert("idle_w".into(), Fitted { value: 31.0, sd_log: 0.01, identified: true });
    assert_eq!(device.value("idle_w"), Some(31.0));
    assert_eq!(device.value("tensor_w"), None);
}

#[test]
fn settings_outside_the_range_are_refused() {
    let a100 = DeviceModel::builtin("a100").unwrap();
    let cap = |w: f64| Setting { gpu_cap_w: Some(Watts(w)), ..Setting::default() };
    assert_eq!(a100.limits(&cap(250.0)).unwrap().cap, Some(Watts(250.0)));
    assert_eq!(a100.limits(&Setting::default()).unwrap().cap, Some(Watts(400.0)));
    for bad in [90.0, 450.0, -1.0, f64::NAN] {
        let error = a100.limits(&cap(bad)).unwrap_err();
        assert!(matches!(error, ModelError::Setting { .. }), "{error}");
        assert!(error.to_string().contains("from 100 to 400 W"), "{error}");
    }
    let clock = Setting { gpu_clock_hz: Some(Hertz::from_mhz(2000.0)), ..Setting::default() };
    assert!(a100.limits(&clock).unwrap_err().to_string().contains("210 to 1410 MHz"));
}

#[test]
fn a_what_if_changes_one_value_and_checks_it() {
    let a100 = DeviceModel::builtin("a100").unwrap();
    assert_eq!(a100.with_value("l2_bytes", 80e6).unwrap().value("l2_bytes"), Some(80e6));
    assert!(a100.with_value("l3_bytes", 80e6).is_err());
    assert!(a100.with_value("l2_bytes", f64::NAN).is_err());
}

#[test]
fn a_spread_keeps_both_ends_and_stays_on_steps() {
    let range = Range { min: 210.0, max: 1410.0, step: Some(15.0) };
    let values = range.spread(7);
    assert_eq!((values[0], *values.last().unwrap(), values.len()), (210.0, 1410.0, 7));
    assert!(values.iter().all(|v| ((v - 210.0) / 15.0).fract() == 0.0));
}
