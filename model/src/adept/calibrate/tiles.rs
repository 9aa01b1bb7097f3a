//! A truth of another kind than the model: every operation runs alone, product tiles go in waves over the units, each
//! kernel waits for the slower of its tiles and its traffic, and energy is counted by operation and byte.

use crate::calibrate::training::TrainingPoint;
use crate::step::RunConfig;
use crate::workload::{Op, OpShape, Workload, open, options_for};
use ergometer_record::{Precision, Seconds, Watts};

const UNITS: f64 = 108.0;
const TILE: u64 = 128;

/// FLOP/s of one unit on a full tile, and joules per FLOP.
fn tensor(precision: Precision) -> (f64, f64) {
    match precision {
        Precision::Bf16 => (230e12 / UNITS, 0.9e-12),
        Precision::Tf32 => (112e12 / UNITS, 1.8e-12),
        _ => (16.5e12 / UNITS, 14e-12),
    }
}

/// Time in s and energy above static in J of one operation.
fn run(op: &Op, precision: Precision, is_albert: bool) -> (f64, f64) {
    let (rate, joules) = tensor(precision);
    let product = |tiles: u64, k: u64| {
        let waves = (tiles as f64 / UNITS).ceil();
        let fill = k as f64 / (k as f64 + 48.0);
        waves * (2 * TILE * TILE * k) as f64 / (rate * fill)
    };
    let (tiles_s, flop_j) = match op.shape {
        OpShape::Gemm { batch, m, n, k } => (product(batch * m.div_ceil(TILE) * n.div_ceil(TILE), k), joules),
        OpShape::Conv { batch, c_in, c_out, h_out, w_out, kh, kw, groups } => {
            let pixels = (batch * h_out * w_out).div_ceil(TILE);
            (product(pixels * c_out.div_ceil(TILE), c_in * kh * kw / groups), joules)
        }
        _ => (op.flops as f64 / 9e12, 20e-12),
    };
    let bytes = (op.bytes_read + op.bytes_written) as f64;
    let cached = (op.working_set as f64) < 25e6;
    // Shared weights are read again for every layer, and their gradients added up: ALBERT's quirk.
    let quirk = if is_albert { 1.7 } else { 1.0 };
    let memory_s = bytes * quirk / if cached { 3.4e12 } else { 1.32e12 };
    let time = tiles_s.max(memory_s) + 2.5e-6 * f64::from(op.launches);
    let energy = op.flops as f64 * flop_j + bytes * quirk * if cached { 15e-12 } else { 70e-12 };
    (time * op.count as f64, energy * op.count as f64)
}

/// Step time in s and mean power of all GPUs in W.
fn step(work: &Workload, gpus: u32, accumulation: u32) -> (f64, f64) {
    let is_albert = work.name.starts_with("albert");
    let (mut time, mut energy) = (0.0, 0.0);
    for op in &work.ops {
        let (t, e) = run(op, work.precision, is_albert);
        time += t * f64::from(accumulation);
        energy += e * f64::from(accumulation);
    }
    let update = (work.optimizer_work.bytes_read + work.optimizer_work.bytes_written) as f64;
    time += update / 1.25e12 + 350e-6;
    energy += update * 70e-12;
    let n = f64::from(gpus);
    if gpus > 1 {
        time += 0.6 * (2.0 * (n - 1.0) / n * work.trainable as f64 * 4.0 / 190e9 + 2.0 * (n - 1.0) * 9e-6);
    }
    // A throttled card takes as long as its energy needs.
    let (static_w, cap_w) = (82.0, 400.0);
    let time = time.max(energy / (cap_w - static_w));
    (time, n * (static_w + energy / time))
}

/// The thesis' six networks (table 4.1, with smaller batches), on one and four GPUs, in three precisions.
pub(super) fn measurements() -> Vec<TrainingPoint> {
    let networks = [
        ("albert-base-v2", 32, 1, 128, 224),
        ("distilbert-base", 32, 1, 128, 224),
        ("resnet50", 256, 1, 128, 32),
        ("tinyllama-1.1b", 2, 8, 512, 224),
        ("vgg16", 256, 1, 128, 32),
        ("vit-b16", 32, 1, 128, 224),
    ];
    let mut points = Vec::new();
    for (network, batch, accumulation, sequence, image) in networks {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            let mut options = options_for(network).expect("a preset");
            (options.batch, options.sequence, options.image, options.precision) = (batch, sequence, image, precision);
            let work = open(network, &options).expect("a workload");
            for gpus in [1, 4] {
                let (time, power) = step(&work, gpus, accumulation);
                let run = RunConfig { gpus, accumulation, ..RunConfig::default() };
                let line = points.len() as u64 + 2;
                points.push(TrainingPoint {
                    work: work.clone(),
                    run,
                    time: Seconds(time),
                    power: Some(Watts(power)),
                    line,
                });
            }
        }
    }
    points
}
