//! The estimators on logs of a real A100 against what its makers published of it.
//!
//! Data: Z. Yang, github.com/JimZeyuYang/GPU_Power_Benchmark (MIT), of Yang et al., *Part-time Power Measurements*, SC 2024.

use crate::a100::{Log, folder, log, text};
use ergometer_harness::characterise::{self, Load, averaging, changes};

/// (Update period, averaging window) of the A100 in ms, as published, one pair a driver that gives both.
fn published() -> Option<Vec<(f64, f64)>> {
    let table = text(&folder()?, "overall_Local_GPUs.csv")?;
    let rows = table.lines().skip_while(|line| !line.starts_with("NVIDIA_A100-PCIE-40GB")).skip(1);
    let (mut found, mut period) = (Vec::new(), None);
    for row in rows.take_while(|line| !line.starts_with("Tesla")) {
        let cells: Vec<&str> = row.split(',').collect();
        // A row with a driver's version begins a new set.
        if cells.get(1).is_some_and(|cell| cell.split('.').count() == 3) {
            period = cells.get(2).and_then(|cell| cell.parse::<f64>().ok());
        }
        // Mean of the window, in the twelfth column.
        if let (Some(period), Some(Ok(window))) = (period, cells.get(11).map(|cell| cell.parse::<f64>())) {
            found.push((period, window));
        }
    }
    assert!(!found.is_empty(), "the table of results has no A100");
    Some(found)
}

#[test]
fn the_period_agrees_with_the_published_one() {
    let (Some(log), Some(published)) = (log("pwr_update_freq__A100_gpudata.csv.gz", None), published()) else { return };
    let found = characterise::period(&log.readings);
    let interval = found.known().unwrap();
    println!("update period {interval:.5} s");
    // They state whole polls of the log, 13 ms apart.
    let near = published.iter().any(|(period, _)| (1e3 * interval.estimate - period).abs() < 4.0);
    assert!(near && interval.high - interval.low < 1e-3, "{interval:.5} of {published:?}");
}

#[test]
fn the_step_of_the_log_is_a_hundredth_of_a_watt_or_a_multiple() {
    let Some(log) = log("pwr_update_freq__A100_gpudata.csv.gz", None) else { return };
    let values: Vec<f64> = log.readings.iter().map(crate::a100::watts).collect();
    let found = characterise::resolution(&values);
    let step = found.known().unwrap().estimate;
    println!("resolution {step:.4} W");
    assert!((step / 0.01 - (step / 0.01).round()).abs() < 1e-3 && step >= 0.0099, "{found:?}");
}

/// The stretches of work in a log: between every other pair of its time stamps.
fn load(log: &Log) -> Load {
    let mut edges = log.changes.clone();
    edges.dedup();
    let mut load = Load::default();
    edges.chunks_exact(2).for_each(|pair| load.push(pair[0], pair[1]));
    load
}

#[test]
fn the_window_agrees_with_the_published_one() {
    let files = ("5050__A100__gpudata.csv.gz", "5050__A100__timestamps.csv.gz");
    let (Some(log), Some(published)) = (log(files.0, Some(files.1)), published()) else { return };
    let period = characterise::period(&log.readings);
    let period = period.known().unwrap().estimate;
    let load = load(&log);
    let inside: Vec<_> = {
        let (start, end) = (log.changes[0] + 0.5, log.changes[log.changes.len() - 1]);
        changes(&log.readings).into_iter().filter(|c| (start..end).contains(&c.seen)).collect()
    };
    let found = averaging(&inside, &load, period);
    let interval = found.known().unwrap_or_else(|| panic!("{found:?}"));
    println!("averaging window {interval:.4} s; published {published:?} ms");
    let near = published.iter().any(|(_, window)| (1e3 * interval.estimate - window).abs() < 5.0);
    assert!(near, "{interval:.4} s of {published:?} ms");
}
