//! What the command line says and records of sensors.

use assert_cmd::Command;
use ergometer::harness::sensor::agreement::Finding;
use ergometer::harness::sensor::facts::SensorsFile;
use ergometer::harness::sensor::meter::Calibration;
use ergometer::record::format::json;
use predicates::prelude::*;
use std::fs;
use std::path::Path;

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ergometer").unwrap();
    // Leases keep their journals inside the test's own folder.
    command.current_dir(folder).env("ERGOMETER_STATE_DIR", folder.join("state"));
    command
}

#[test]
fn sweep_and_bench_record_their_sensors_and_how_two_ways_to_the_same_joules_compare() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), include_str!("plans/small.toml")).unwrap();
    ergometer(folder.path()).args(["sweep", "plan.toml", "--quiet", "--out", "swept"]).assert().success();
    let bench = ["bench", "triad", "--device", "vnode-a100", "--precision", "f32", "--quiet", "--out", "measured"];
    ergometer(folder.path()).args(bench).assert().success();
    for run in ["swept", "measured"] {
        let file: SensorsFile = json::read(&folder.path().join(run).join("sensors.json")).unwrap();
        let ids: Vec<&str> = file.sensors.iter().chain(&file.witnesses).map(|sensor| sensor.id.as_str()).collect();
        assert_eq!(ids, ["vnode:energy", "vnode:power"], "{run}");
        let [agreement] = file.agreements.as_slice() else { panic!("{run}: {:?}", file.agreements) };
        assert_eq!(agreement.finding, Finding::Agrees, "{run}: {agreement}");
        assert!(agreement.span_s.0 >= 2.0 && (agreement.ratio.unwrap() - 1.0).abs() < 0.03, "{run}: {agreement}");
    }
}

/// A meter and a sensor that sees nine tenths of it less 5 W, over plateaus of unequal lengths; the meter's clock is 4 s
/// ahead.
fn records(folder: &Path, constant: bool) {
    let level = |time: f64| {
        let ends = [20.0, 33.0, 58.0, 66.0, 91.0, 104.0, 140.0, 151.0, 175.0, 183.0, 214.0, 222.0, 260.0];
        let plateau = ends.iter().filter(|end| time >= **end).count();
        if constant { 150.0 } else { [60.0, 240.0, 130.0][plateau % 3] }
    };
    let (mut meter, mut samples) =
        (String::from("unix_s,watts\n"), String::from("unix_s,time_s,sensor,component,provenance,energy_j,power_w\n"));
    let mut energy = 1000.0;
    for i in 1..2600u32 {
        let time = 0.1 * f64::from(i);
        // Something that neither shares with the other, without a generator.
        let ripple = (f64::from(i) * 0.7).sin() + (f64::from(i) * 2.3).sin();
        energy += 0.1 * (0.9 * level(time - 0.05) - 5.0 + 0.4 * ripple);
        samples.push_str(&format!("{},{time},nvml:0:energy,gpu:0,counter,{energy},\n", 1.8e9 + time));
        if i % 10 == 0 {
            let mean = (0..10).map(|k| level(time - 0.1 * f64::from(k) - 0.05)).sum::<f64>() / 10.0;
            meter.push_str(&format!("{},{}\n", 1.8e9 + time + 4.0, mean + 0.3 * (f64::from(i) * 1.1).cos()));
        }
    }
    fs::write(folder.join("meter.csv"), meter).unwrap();
    fs::write(folder.join("samples.csv"), samples).unwrap();
}

#[test]
fn a_meter_gives_gain_and_offset_of_the_sensors() {
    let folder = tempfile::tempdir().unwrap();
    records(folder.path(), false);
    let doctor = ["doctor", "--meter", "meter.csv", "--samples", "samples.csv"];
    let output = ergometer(folder.path()).args(doctor).arg("--json").assert().success().get_output().stdout.clone();
    let calibration: Calibration = serde_json::from_slice(&output).unwrap();
    assert!((calibration.lag_s - 4.0).abs() < 0.1, "{calibration}");
    let line = calibration.fits[0].line.as_ref().unwrap();
    assert!((line.gain.estimate - 0.9).abs() < 0.01 && (line.offset_w.estimate + 5.0).abs() < 1.0, "{calibration}");
    ergometer(folder.path()).args(doctor).assert().success().stdout(
        predicate::str::contains("ahead of this machine's by ")
            .and(predicate::str::contains("gpu:0 (nvml:0:energy): gain 0.")),
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "doctor writes nothing");
}

#[test]
fn what_can_not_be_compared_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    records(folder.path(), true);
    let doctor = ["doctor", "--meter", "meter.csv", "--samples", "samples.csv"];
    ergometer(folder.path()).args(doctor).assert().code(1).stderr(predicate::str::contains("up and down"));
    ergometer(folder.path()).args(&doctor[..3]).assert().code(2).stderr(predicate::str::contains("--samples"));
    fs::write(folder.path().join("meter.csv"), "unix_s,watts\n1,2\n2,much\n").unwrap();
    let named = predicate::str::contains("meter.csv, line 3, field watts: found \"much\"");
    ergometer(folder.path()).args(doctor).assert().code(1).stderr(named);
}
