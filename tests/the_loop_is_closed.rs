//! A measurement moves the device model, the device model moves the prediction, the prediction moves the schedule; and
//! the same seed gives the same bytes, whatever the number of threads.

use ergometer::harness::sweep::Plan;
use ergometer::harness::vnode::Pace;
use ergometer::model::calibrate::Calibration;
use ergometer::model::workload::preset;
use ergometer::model::{PerOp, RunConfig, StepModel};
use ergometer::pipeline::sweep::{Places, virtual_target};
use ergometer::pipeline::{Silent, calibrate, simulate, sweep};
use ergometer::record::format::rows;
use ergometer::record::{Kernel, Row, Seconds, files};
use ergometer::sim::scenario::Overrides;
use std::path::Path;

const PLAN: &str = include_str!("plans/small.toml");

/// A sweep of the virtual node, in a folder of its own.
fn swept() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::from_toml(PLAN, Path::new("small.toml")).unwrap();
    let mut target = virtual_target("vnode-a100", &folder.path().join("node.json"), 5, Pace::Virtual).unwrap();
    let places = Places { journal: folder.path().join("journal"), state_dir: folder.path().join("state") };
    // No guardian process: this executable is a test, not ergometer.
    sweep::run_without_guardian(&plan, &mut target, "0000000000000000", &places, &Silent).unwrap().rows
}

fn calibrated(rows: &[Row]) -> Calibration {
    calibrate::sweep(rows, &calibrate::start_for(rows).unwrap(), 1).unwrap()
}

fn step_seconds(calibration: &Calibration) -> f64 {
    let options = preset::default_options("vit-b16").unwrap();
    let workload = preset::build("vit-b16", &options).unwrap();
    let model = PerOp::new(calibration.device.clone()).unwrap();
    model.step(&workload, &RunConfig::default()).unwrap().time.0
}

fn schedule(calibration: &Calibration) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("device.toml");
    files::write_whole(&file, calibration.device.to_toml().as_bytes()).unwrap();
    let overrides = Overrides { seeds: Some(2), horizon_s: Some(7200.0), ..Overrides::default() };
    let scenario = simulate::scenario("calibrated", Some(&file), overrides).unwrap();
    simulate::run(&scenario, &Silent).to_csv().unwrap()
}

#[test]
fn one_slower_measurement_changes_model_prediction_and_schedule() {
    let rows = swept();
    let before = calibrated(&rows);
    let mut slower = rows.clone();
    let spec = slower.iter().filter(|row| row.spec.kernel == Kernel::Gemm).map(|row| row.spec).max().unwrap();
    for row in slower.iter_mut().filter(|row| row.spec == spec) {
        // Longer at the same power.
        row.time = Seconds(row.time.0 * 1.5);
        row.energy = row.energy.map(|energy| energy * 1.5);
    }
    let after = calibrated(&slower);
    assert_ne!(before.device.to_toml(), after.device.to_toml(), "the device model did not move");
    assert!(step_seconds(&after) > step_seconds(&before), "slower GEMMs must predict slower training");
    assert_ne!(schedule(&before), schedule(&after), "the schedule did not move");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let rows = swept();
            let calibration = calibrated(&rows);
            (rows::to_csv(&rows), serde_json::to_string(&calibration).unwrap(), schedule(&calibration))
        })
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one.0, three.0, "sweep rows differ");
    assert_eq!(one.1, three.1, "calibrations differ");
    assert_eq!(one.2, three.2, "simulation rows differ");
}

#[test]
fn everything_from_the_virtual_node_says_so() {
    let rows = swept();
    assert!(rows.iter().all(|row| row.energy.is_none() || row.provenance.name() == "virtual"));
    let calibration = calibrated(&rows);
    assert!(calibration.is_virtual && calibration.device.is_virtual());
    assert!(calibration.device.to_toml().contains("virtual"));
}
