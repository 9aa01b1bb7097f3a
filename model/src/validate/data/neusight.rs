//! NeuSight: latencies of FP32 matrix products on five GPUs; each is predicted from the other four, with its data
//! sheet alone and with eight probes of its own.

use super::product::{OWN, Run, SHARED, Sheet, fit, ln_time};
use super::table::parse;
use super::{DataError, DataReport, DataRow, Dataset, Finding};
use crate::validate::{Compared, summarise};
use ergometer_record::stats;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::path::Path;
use std::process::Command;

/// Name in the data, short name, and the data sheet: units, TFLOP/s in FP32, GB/s, W, nm.
const GPUS: [(&str, &str, [f64; 5]); 5] = [
    ("NVIDIA A100-PCIE-40GB", "A100", [108.0, 19.5, 1555.0, 250.0, 7.0]),
    ("Tesla V100-PCIE-32GB", "V100", [80.0, 14.0, 900.0, 250.0, 12.0]),
    ("Tesla T4", "T4", [40.0, 8.1, 320.0, 70.0, 12.0]),
    ("Tesla P100-PCIE-16GB", "P100", [56.0, 9.3, 732.0, 250.0, 16.0]),
    ("Tesla P4", "P4", [20.0, 5.5, 192.0, 75.0, 16.0]),
];

/// Operation, file, and targets in percent: data sheet alone, eight probes.
const OPERATIONS: [(&str, &str, [f64; 2]); 2] =
    [("linear", "train_linear_by_gpu.csv", [20.0, 9.0]), ("bmm", "train_bmm_by_gpu.csv", [20.0, 17.0])];

/// Runs of each GPU that train, and that judge.
const DRAWN: (usize, usize) = (500, 2000);

const PROBES: usize = 8;

/// The file, or its packed form by `gzip`.
fn text(folder: &Path, file: &str) -> Result<String, DataError> {
    let plain = folder.join(file);
    if plain.exists() {
        return Ok(ergometer_record::files::read_text(&plain)?);
    }
    let packed = folder.join(format!("{file}.gz"));
    let fail = |problem: String| DataError::Content { path: packed.clone(), problem };
    let output = Command::new("gzip")
        .arg("-dc")
        .arg(&packed)
        .output()
        .map_err(|error| fail(format!("gzip can't be run ({error}): unpack the file")))?;
    if !output.status.success() {
        return Err(fail(format!("gzip can't unpack it: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    String::from_utf8(output.stdout).map_err(|_| fail("it is no text".into()))
}

fn sheets() -> [Sheet; 5] {
    GPUS.map(|(_, _, [units, tera, giga, tdp_w, process_nm])| Sheet {
        units,
        peak_flop_per_s: tera * 1e12,
        bytes_per_s: giga * 1e9,
        tdp_w,
        process_nm,
    })
}

fn runs(folder: &Path, file: &str) -> Result<Vec<Vec<Run>>, DataError> {
    let mut runs = vec![Vec::new(); GPUS.len()];
    for line in parse(&text(folder, file)?, &folder.join(file))? {
        let device = line.text("Device")?;
        let Some(gpu) = GPUS.iter().position(|(name, ..)| *name == device) else { continue };
        let number = |column| line.number(column);
        let (batch, m, n, k) = (number("B")?, number("M")?, number("N")?, number("K")?);
        let run = Run { gpu, batch, m, n, k, time_s: number("Latency")? * 1e-3 };
        if let Some(list) = runs.get_mut(gpu) {
            list.push(run);
        }
    }
    match runs.iter().zip(GPUS).find(|(list, _)| list.len() < 2 * PROBES) {
        Some((_, (name, ..))) => {
            let problem = format!("it has too few runs of {name}");
            Err(DataError::Content { path: folder.join(file), problem })
        }
        None => Ok(runs),
    }
}

/// `count` runs in an order that the seed draws, of another stream for every GPU.
fn drawn(runs: &[Run], count: usize, seed: u64, stream: usize) -> Vec<Run> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream as u64);
    let mut all = runs.to_vec();
    for i in 0..count.min(all.len()) {
        let j = random.random_range(i..all.len());
        all.swap(i, j);
    }
    all.truncate(count);
    all
}

/// The constant over the roofline that is right on average on the log scale.
fn efficiency(runs: &[Run], sheets: &[Sheet]) -> f64 {
    let logs: Vec<f64> = runs.iter().map(|run| (run.time_s / run.roofline_s(&sheets[run.gpu])).ln()).collect();
    stats::mean(&logs).unwrap_or(0.0).exp()
}

/// Comparisons of one GPU left out: model and roofline from the data sheet alone, then both with probes.
fn leave_out(runs: &[Vec<Run>], out: usize, seed: u64) -> Result<[Vec<Compared>; 4], DataError> {
    let sheets = sheets();
    let others = runs.iter().enumerate().filter(|(gpu, _)| *gpu != out);
    let training: Vec<Run> = others.flat_map(|(gpu, list)| drawn(list, DRAWN.0, seed, gpu)).collect();
    let found = fit(&sheets, &training, &[])?;
    let shared = &found[..SHARED];
    let mut test = drawn(&runs[out], DRAWN.1 + PROBES, seed, GPUS.len() + out);
    let judged = test.split_off(PROBES);
    let own_of = |theta: &[f64]| theta[OWN * out..OWN * (out + 1)].to_vec();
    let own = own_of(&fit(&sheets, &test, shared)?);
    let (plain, plain_probed) = (efficiency(&training, &sheets), efficiency(&test, &sheets));
    let sheet = &sheets[out];
    let compare = |predict: &dyn Fn(&Run) -> f64| {
        judged.iter().map(|run| Compared { group: out, predicted: predict(run), observed: run.time_s }).collect()
    };
    Ok([
        compare(&|run| ln_time(shared, &[0.0; OWN], sheet, run).exp()),
        compare(&|run| run.roofline_s(sheet) * plain),
        compare(&|run| ln_time(shared, &own, sheet, run).exp()),
        compare(&|run| run.roofline_s(sheet) * plain_probed),
    ])
}

/// Every GPU predicted from the other four.
pub(super) fn operators(folder: &Path, seed: u64) -> Result<DataReport, DataError> {
    let mut rows = Vec::new();
    for (operation, file, targets) in OPERATIONS {
        let runs = runs(folder, file)?;
        let folds: Vec<[Vec<Compared>; 4]> =
            (0..GPUS.len()).into_par_iter().map(|out| leave_out(&runs, out, seed)).collect::<Result<_, _>>()?;
        for (known, (what, target)) in ["data sheet", "8 probes"].into_iter().zip(targets).enumerate() {
            let all = |column: usize| folds.iter().flat_map(|fold| fold[column].iter().copied()).collect::<Vec<_>>();
            let mut add = |device: &str, model: &[Compared], plain: &[Compared], target_percent| {
                if let Some((model, baseline)) = summarise(model, seed).zip(summarise(plain, seed)) {
                    let quantity = format!("{operation}, {what}");
                    let baseline_name = "roofline with one efficiency".to_owned();
                    let finding = Finding::Error { quantity, model, baseline_name, baseline, target_percent };
                    rows.push(DataRow { device: device.to_owned(), finding });
                }
            };
            for (fold, (_, device, _)) in folds.iter().zip(GPUS) {
                add(device, &fold[2 * known], &fold[2 * known + 1], None);
            }
            add("all", &all(2 * known), &all(2 * known + 1), Some(target));
        }
    }
    let question =
        "FP32 matrix products on each GPU, from the other four and its data sheet or eight probes".to_owned();
    Ok(DataReport { dataset: Dataset::NeusightOperators, question, rows, notes: Vec::new() })
}
