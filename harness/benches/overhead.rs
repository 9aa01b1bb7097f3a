//! What watching costs: two packages and two memories by RAPL files at 1 kHz, two NVIDIA cards of a fake driver at
//! 10 Hz, through the profiler's [`Meter`]. Target: under 0.5 % of one core.
//!
//! `cargo bench -p ergometer-harness --bench overhead -- [--repeats N] [--seconds S]`
//!
//! Three figures, because waking a thread a thousand times a second has a price of its own, which is a microsecond or
//! two on bare metal and twenty in a nested virtual machine: the reading itself (CPU time of sweeps back to back, times
//! their number in a second), the wall time that the sampling thread spent in its sweeps, and its whole CPU time beside
//! that of a thread that wakes up as often and does nothing.

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/fake/nvidia.rs"]
mod driver;
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/fake/trees.rs"]
mod trees;

use ergometer_harness::clock::RealClock;
use ergometer_harness::meter::Meter;
use ergometer_harness::sensor::{Roots, Selection, probe, select};
use ergometer_record::Seconds;
use ergometer_record::stats::t_interval;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Share of one core that sampling may take.
const TARGET: f64 = 0.005;
const RAPL_HZ: f64 = 1000.0;
const NVML_HZ: f64 = 10.0;

fn main() {
    let (mut repeats, mut seconds) = (10usize, 3.0f64);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<f64>().ok()).filter(|x| *x > 0.0);
        match argument.as_str() {
            "--repeats" => repeats = number().map_or(repeats, |n| (n as usize).max(2)),
            "--seconds" => seconds = number().unwrap_or(seconds),
            _ => {}
        }
    }
    let tree = trees::Tree::intel_server();
    let rapl = tree.roots();
    // The cards answer from memory: what the fake's files cost is not ours.
    let driver = driver::Driver::build(&["STEADY"]);
    let mut both = rapl.clone();
    let mut cards = Roots::fixture("/nonexistent".as_ref());
    if let Some(driver) = &driver {
        both.nvml = driver.roots().nvml;
        cards.nvml = driver.roots().nvml;
    }
    let watched = select(probe(&both));
    let names: Vec<&str> = watched.sensors.iter().map(|s| s.info().id.as_str()).collect();
    println!(
        "{}\n{repeats} repeats of {seconds} s; share of one core, 95 % intervals; target {:.1} %",
        names.join(", "),
        100.0 * TARGET
    );

    let of_rapl = sweeps(select(probe(&rapl)), repeats, 2000);
    if driver.is_some() {
        let of_cards = sweeps(select(probe(&cards)), repeats, 200);
        let reading: Vec<f64> = of_rapl.iter().zip(&of_cards).map(|(r, c)| RAPL_HZ * r + NVML_HZ * c).collect();
        line("reading, CPU time", &reading, true);
    } else {
        // What could not be built costs nothing only because it is not there.
        line("reading RAPL alone, CPU time", &of_rapl.iter().map(|r| RAPL_HZ * r).collect::<Vec<_>>(), false);
    }

    let meter = Meter::new(watched, Arc::new(RealClock::new()), Seconds(1.0 / RAPL_HZ));
    let (mut wall, mut cpu, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repeats {
        let window = meter.start("overhead");
        std::thread::sleep(Duration::from_secs_f64(seconds));
        if let Some(report) = meter.stop(window) {
            wall.push(report.sampling_share);
            cpu.extend(report.sampling_cpu_share);
        }
        empty.extend(waking(seconds));
    }
    line("reading, wall time", &wall, true);
    line("sampling thread, CPU time", &cpu, false);
    line("a thread that only wakes up", &empty, false);
    let beyond: Vec<f64> = cpu.iter().zip(&empty).map(|(cpu, empty)| cpu - empty).collect();
    line("the one less the other", &beyond, false);
}

/// CPU time of one sweep over all sensors of a selection, by repeats, in s.
fn sweeps(selection: Selection, repeats: usize, count: u32) -> Vec<f64> {
    // So rarely that its own thread stays out of the way.
    let meter = Meter::new(selection, Arc::new(RealClock::new()), Seconds(3600.0));
    let window = meter.start("sweeps");
    let each = (0..repeats).filter_map(|_| {
        let begin = thread_cpu_s()?;
        (0..count).for_each(|_| meter.sample());
        Some((thread_cpu_s()? - begin) / f64::from(count))
    });
    let each = each.collect();
    meter.stop(window);
    each
}

/// CPU share of a thread that waits for each tick as the meter does, and does nothing.
fn waking(seconds: f64) -> Option<f64> {
    std::thread::spawn(move || {
        let (lock, wake) = (std::sync::Mutex::new(()), std::sync::Condvar::new());
        let mut guard = lock.lock().ok()?;
        let (begin, cpu) = (Instant::now(), thread_cpu_s()?);
        for tick in 1..=(seconds * RAPL_HZ) as u32 {
            let due = Duration::from_secs_f64(f64::from(tick) / RAPL_HZ);
            while let Some(left) = due.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
                guard = wake.wait_timeout(guard, left).ok()?.0;
            }
        }
        Some((thread_cpu_s()? - cpu) / begin.elapsed().as_secs_f64())
    })
    .join()
    .ok()?
}

/// CPU time of this thread.
fn thread_cpu_s() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives across the call and has the type that it fills.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    (result == 0).then_some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

fn line(what: &str, shares: &[f64], judged: bool) {
    let Some(interval) = t_interval(shares, 0.95) else {
        println!("  {what:<28} not known here");
        return;
    };
    let verdict = match (interval.low > TARGET, interval.high < TARGET) {
        _ if !judged => "",
        (_, true) => ", under the target",
        (true, _) => ", over the target",
        _ => ", not told apart from the target",
    };
    let [estimate, low, high] = [interval.estimate, interval.low, interval.high].map(|share| 100.0 * share);
    println!("  {what:<28} {estimate:.3} % [{low:.3}, {high:.3}]{verdict}");
}
