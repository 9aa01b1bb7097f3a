//! Time of a single-precision matrix product on a GPU of which only the data sheet is known: tiles in waves over the
//! units, traffic, a fixed cost, and a power limit that long runs reach.
//!
//! What GPUs share is fitted to those at hand; each has a few numbers of its own, which are nothing for a GPU that
//! nobody ran and follow from a few probes otherwise.

use crate::calibrate::levenberg::LevenbergMarquardt;
use crate::per_op::p_norm;
use crate::response::ResponseError;
use argmin::core::{Error, Executor, Jacobian, Operator};

/// Facts of a data sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) units: f64,
    pub(super) peak_flop_per_s: f64,
    pub(super) bytes_per_s: f64,
    pub(super) tdp_w: f64,
    /// Feature size of the process in nm.
    pub(super) process_nm: f64,
}

/// One measured product of `batch` times m x n x k.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) gpu: usize,
    pub(super) batch: f64,
    pub(super) m: f64,
    pub(super) n: f64,
    pub(super) k: f64,
    pub(super) time_s: f64,
}

impl Run {
    fn flops(&self) -> f64 {
        2.0 * self.batch * self.m * self.n * self.k
    }

    fn bytes(&self) -> f64 {
        4.0 * self.batch * (self.m * self.n + self.m * self.k + self.n * self.k)
    }

    /// max(FLOPs / peak, bytes / bandwidth) in s.
    pub(super) fn roofline_s(&self, sheet: &Sheet) -> f64 {
        (self.flops() / sheet.peak_flop_per_s).max(self.bytes() / sheet.bytes_per_s)
    }
}

pub(super) const SHARED: usize = 11;
pub(super) const OWN: usize = 5;

/// ln median, standard deviation and range of each shared number.
const PRIORS: [(f64, f64, f64, f64); SHARED] = [
    (3e-5, 1.0, 1e-6, 1e-3),     // fixed cost in s
    (0.9, 0.15, 0.3, 1.2),       // share of the peak in a large tile
    (8.0, 1.0, 0.1, 200.0),      // tile width at which half of the rate goes to loads
    (30.0, 1.0, 0.1, 1000.0),    // steps of k that filling and writing back a tile costs
    (0.3, 1.0, 1e-3, 1.0),       // how often the library takes its largest tile instead of the best
    (0.75, 0.3, 0.1, 1.2),       // share of the bandwidth
    (3.0, 0.7, 1.0, 50.0),       // exponent of the roofline
    (18e-12, 0.5, 1e-12, 1e-10), // joules per FLOP at 12 nm
    (2.0, 0.3, 0.5, 4.0),        // exponent of the process in them
    (0.5, 0.7, 1e-3, 1.0),       // share of the last wave's idle units that is lost
    (1e-3, 1.5, 1e-6, 1.0),      // time of one run from which the power limit is reached, in s
];

/// Spread between GPUs of fixed cost, rate, bandwidth share, joules, and the taste for large tiles.
const OWN_SD: [f64; OWN] = [0.4, 0.15, 0.2, 0.4, 0.6];

/// Standard deviation of ln(time) that these equations leave: eight probes must not be believed beyond it.
const MISFIT: f64 = 0.2;

/// Extents of output tiles in current libraries.
const TILES: [f64; 3] = [32.0, 64.0, 128.0];

/// ln of the predicted time; `own` are the GPU's own departures on the log scale.
pub(super) fn ln_time(shared: &[f64], own: &[f64], sheet: &Sheet, run: &Run) -> f64 {
    let s = |i: usize| shared[i].exp();
    let rate = sheet.peak_flop_per_s / sheet.units * s(1) * own[1].exp();
    let (width, fill) = (s(2), s(3));
    let tiled = |tm: f64, tn: f64, split: f64| {
        let blocks = run.batch * (run.m / tm).ceil() * (run.n / tn).ceil() * split;
        let whole = blocks / sheet.units;
        let waves = whole.max(1.0) + s(9) * (whole.ceil() - whole.max(1.0));
        waves * 2.0 * tm * tn * (run.k / split + fill) * (1.0 + width / tm + width / tn) / rate
    };
    let mut best = f64::INFINITY;
    for tm in TILES {
        for tn in TILES {
            best = best.min(tiled(tm, tn, 1.0));
        }
    }
    for split in [2.0, 4.0, 8.0, 16.0] {
        best = best.min(tiled(32.0, 32.0, split)).min(tiled(128.0, 64.0, split));
    }
    let large = tiled(128.0, 128.0, 1.0);
    let compute = best * (large / best).powf((s(4) * own[4].exp()).min(1.0));
    // What the limit leaves for arithmetic, once a run is long enough for the controller to act.
    let joules = s(7) * (sheet.process_nm / 12.0).powf(s(8)) * own[3].exp();
    let slowed = (run.flops() * joules / (0.8 * sheet.tdp_w) / compute).max(1.0);
    let compute = compute * (1.0 + (slowed - 1.0) * compute / (compute + s(10)));
    let memory = run.bytes() / (sheet.bytes_per_s * s(5) * own[2].exp());
    (s(0) * own[0].exp() + p_norm(compute, memory, s(6))).ln()
}

/// The search: shared numbers, then those of each GPU.
#[derive(Clone)]
struct Problem<'a> {
    sheets: &'a [Sheet],
    runs: &'a [Run],
    /// Shared numbers that stay; empty where they are searched.
    fixed: &'a [f64],
}

impl Problem<'_> {
    fn searched(&self) -> usize {
        if self.fixed.is_empty() { SHARED } else { 0 }
    }

    fn residual(&self, theta: &[f64], run: &Run) -> f64 {
        let shared = if self.fixed.is_empty() { &theta[..SHARED] } else { self.fixed };
        let first = self.searched() + OWN * run.gpu;
        let misfit = ln_time(shared, &theta[first..first + OWN], &self.sheets[run.gpu], run) - run.time_s.ln();
        // Half the square of this grows like the misfit itself for outliers, which a mean percentage error asks for.
        let r = misfit / MISFIT;
        r.signum() * (2.0 * ((1.0 + r * r).sqrt() - 1.0)).sqrt()
    }

    fn priors(&self) -> Vec<(f64, f64, f64, f64)> {
        let shared = PRIORS.iter().take(self.searched()).map(|(m, sd, low, high)| (m.ln(), *sd, low.ln(), high.ln()));
        let own = (0..self.sheets.len()).flat_map(|_| OWN_SD.map(|sd| (0.0, sd, -2.0, 2.0)));
        shared.chain(own).collect()
    }
}

impl Operator for Problem<'_> {
    type Param = Vec<f64>;
    type Output = Vec<f64>;
    fn apply(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let data = self.runs.iter().map(|run| self.residual(theta, run));
        Ok(data.chain(self.priors().iter().zip(theta).map(|(p, t)| (t - p.0) / p.1)).collect())
    }
}

impl Jacobian for Problem<'_> {
    type Param = Vec<f64>;
    type Jacobian = Vec<Vec<f64>>;
    fn jacobian(&self, theta: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        const STEP: f64 = 1e-5;
        let mut moved = theta.clone();
        let mut rows = Vec::with_capacity(self.runs.len() + theta.len());
        for run in self.runs {
            let mut row = vec![0.0; theta.len()];
            let base = self.residual(theta, run);
            let first = self.searched() + OWN * run.gpu;
            for column in (0..self.searched()).chain(first..first + OWN) {
                moved[column] += STEP;
                row[column] = (self.residual(&moved, run) - base) / STEP;
                moved[column] = theta[column];
            }
            rows.push(row);
        }
        for (column, prior) in self.priors().iter().enumerate() {
            let mut row = vec![0.0; theta.len()];
            row[column] = 1.0 / prior.1;
            rows.push(row);
        }
        Ok(rows)
    }
}

/// The shared numbers of several GPUs, or with `fixed` shared numbers the GPUs' own; in both cases everything searched.
pub(super) fn fit(sheets: &[Sheet], runs: &[Run], fixed: &[f64]) -> Result<Vec<f64>, ResponseError> {
    let problem = Problem { sheets, runs, fixed };
    let priors = problem.priors();
    let (lower, upper) = priors.iter().map(|p| (p.2, p.3)).unzip();
    let solver = LevenbergMarquardt::new(lower, upper).with_tolerance(1e-5);
    let run = Executor::new(problem, solver)
        .configure(|state| state.param(priors.iter().map(|p| p.0).collect()).max_iters(60))
        .timer(false)
        .ctrlc(false)
        .run()
        .map_err(|error| ResponseError::Search(error.to_string()))?;
    run.state.best_param.ok_or_else(|| ResponseError::Search("it found nothing".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: Sheet =
        Sheet { units: 80.0, peak_flop_per_s: 14e12, bytes_per_s: 900e9, tdp_w: 250.0, process_nm: 12.0 };

    fn shared() -> Vec<f64> {
        PRIORS.iter().map(|prior| prior.0.ln()).collect()
    }

    fn square(side: f64) -> Run {
        Run { gpu: 0, batch: 1.0, m: side, n: side, k: side, time_s: 1.0 }
    }

    #[test]
    fn time_lies_above_the_roofline_and_rises_with_the_work() {
        let seconds = |run: &Run| ln_time(&shared(), &[0.0; OWN], &SHEET, run).exp();
        let mut last = 0.0;
        for side in [16.0, 100.0, 512.0, 2048.0, 8192.0] {
            let time = seconds(&square(side));
            assert!(time > square(side).roofline_s(&SHEET) && time > last, "{side}: {time}");
            last = time;
        }
        // A large product takes its FLOPs at the sustained share; a tiny one the fixed cost.
        assert!(last < 1.5 * square(8192.0).roofline_s(&SHEET));
        assert!((seconds(&square(16.0)) / 3e-5 - 1.0).abs() < 0.2);
    }

    #[test]
    fn probes_tell_what_is_a_gpus_own() {
        let own = [0.3, -0.12, 0.0, 0.0, 0.0];
        let sides = [32.0, 64.0, 300.0, 700.0, 1500.0, 2500.0, 4000.0, 6000.0];
        let probes = sides.map(|side| {
            let run = square(side);
            Run { time_s: ln_time(&shared(), &own, &SHEET, &run).exp(), ..run }
        });
        let found = fit(&[SHEET], &probes, &shared()).unwrap();
        for side in [50.0, 1000.0, 5000.0] {
            let misfit =
                ln_time(&shared(), &found, &SHEET, &square(side)) - ln_time(&shared(), &own, &SHEET, &square(side));
            assert!(misfit.abs() < 0.07, "{side}: {misfit}");
        }
    }
}
