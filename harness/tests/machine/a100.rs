//! Logs of a real A100 under known loads: what integration gets right, and what no integration can, because the card
//! looks at a quarter of the time only.
//!
//! Data: Z. Yang, github.com/JimZeyuYang/GPU_Power_Benchmark (MIT), of Yang et al., *Part-time Power Measurements*, SC 2024.

use ergometer_harness::sensor::energy::integrate;
use ergometer_harness::sensor::{Quantity, Reading, SensorInfo};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Provenance, Seconds, Watts};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The log of `nvidia-smi` and the times at which the load changed, both in seconds of the day.
pub(crate) struct Log {
    pub(crate) readings: Vec<Reading>,
    pub(crate) changes: Vec<f64>,
}

pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ERGOMETER_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from)
        .join("sensors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no reference data");
    None
}

/// A text file, unpacked where its name ends in `.gz`.
pub(crate) fn text(folder: &Path, name: &str) -> Option<String> {
    let path = folder.join(name);
    if !name.ends_with(".gz") {
        return Some(std::fs::read_to_string(path).unwrap());
    }
    match Command::new("gzip").arg("-dc").arg(path).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            println!("skipped: no gzip ({error})");
            None
        }
    }
}

pub(crate) fn log(data: &str, changes: Option<&str>) -> Option<Log> {
    let folder = folder()?;
    let readings = text(&folder, data)?
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(", ").collect();
            let clock = cells[0].split(' ').nth(1).unwrap();
            let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
            let time = Seconds(parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]);
            Reading { time, quantity: Quantity::Power(Watts(cells[6].trim().parse().unwrap())) }
        })
        .collect();
    let changes = match changes {
        // Microseconds since 1970, an hour behind the log's local time.
        Some(name) => {
            let times = text(&folder, name)?;
            times.lines().skip(1).map(|line| line.parse::<f64>().unwrap() * 1e-6 % 86_400.0 + 3600.0).collect()
        }
        None => Vec::new(),
    };
    Some(Log { readings, changes })
}

pub(crate) fn watts(reading: &Reading) -> f64 {
    match reading.quantity {
        Quantity::Power(power) => power.0,
        Quantity::Energy(_) => panic!("the logs hold powers"),
    }
}

impl Log {
    fn between(&self, from: f64, to: f64) -> Vec<Reading> {
        self.readings.iter().filter(|r| (from..=to).contains(&r.time.0)).copied().collect()
    }

    /// Mean power by our own integration, in W.
    fn mean(&self, from: f64, to: f64) -> f64 {
        let info = SensorInfo {
            id: "nvidia-smi".into(),
            component: Component::new(Domain::Gpu, 0),
            provenance: Provenance::Integrated,
            period: Seconds(0.1),
            resolution: 0.01,
            wrap: None,
            gain_u: 0.0,
            characterised: None,
        };
        integrate(&self.between(from, to), &info).unwrap().mean.0
    }
}

#[test]
fn the_reading_changes_ten_times_a_second() {
    let Some(log) = log("pwr_update_freq__A100_gpudata.csv.gz", None) else { return };
    let updates = log.readings.windows(2).filter(|pair| watts(&pair[0]) != watts(&pair[1]));
    let times: Vec<f64> = updates.map(|pair| pair[1].time.0).collect();
    let mut intervals: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    intervals.sort_by(f64::total_cmp);
    let median = intervals[intervals.len() / 2];
    assert!(intervals.len() > 1000 && (median - 0.1).abs() < 2e-3, "{median} s");
}

#[test]
fn the_energy_of_a_long_step_is_right_to_three_percent() {
    let files = ("Transient_Response__A100_TR__gpudata.csv.gz", "Transient_Response__A100_TR__timestamps.csv");
    let Some(log) = log(files.0, Some(files.1)) else { return };
    let (start, end) = (log.changes[0], log.changes[2]);
    let (first, last) = (log.readings[0].time.0, log.readings[log.readings.len() - 1].time.0);
    // Levels far from the edges, then the time at the high level that the energy of the whole log amounts to.
    let (low, high) = (log.mean(last - 4.0, last), log.mean(start + 1.5, end - 0.5));
    assert!(high > 3.0 * low, "{low} W, {high} W");
    let at_high = (log.mean(first, last) - low) * (last - first) / (high - low);
    let share = at_high / (end - start) - 1.0;
    assert!(share.abs() < 0.03, "{at_high} s of {} s", end - start);
}

#[test]
fn a_wave_as_fast_as_the_updates_is_seen_in_long_windows_only() {
    let files = ("5050__A100__gpudata.csv.gz", "5050__A100__timestamps.csv.gz");
    let Some(log) = log(files.0, Some(files.1)) else { return };
    let (start, end) = (log.changes[0] + 1.0, log.changes[log.changes.len() - 1] - 0.3);
    // On and off for 52 ms each, between the levels of the step above: any whole number of periods has their mean.
    let expected = 0.5 * (59.7 + 189.8);
    let whole = log.mean(start, end);
    assert!((whole / expected - 1.0).abs() < 0.03, "{whole} W of {expected} W");
    // The card averages 25 ms of each 100 ms (Yang et al.), which drift through the wave's 104 ms in 2.4 s. A window of
    // five updates says little but the phase that it met.
    let short: Vec<f64> =
        (0..12).map(|i| log.mean(start + 0.5 * f64::from(i), start + 0.5 * f64::from(i + 1))).collect();
    let (low, high) = short.iter().fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!(low < 0.7 * expected && high > 1.3 * expected, "{short:?}");
}
