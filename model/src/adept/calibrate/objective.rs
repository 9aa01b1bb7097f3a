//! The composite error of equations 4.16 to 4.18 as a function of a point in the unit box.

use super::free::{FREE, Free, SCALAR_RANGE, SCALAR_TOLD_FROM};
use super::{AdeptError, Options, Stage};
use crate::adept::{Factors, Facts, Parameters, Scalar, Term};
use crate::calibrate::training::TrainingPoint;
use crate::device::DeviceModel;
use argmin::core::{CostFunction, Error};

/// One training measurement, counted.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) facts: Facts,
    /// Bit i: scalar i of the last stage applies to the term of its kind.
    applies: u32,
    gpus: u32,
    accumulation: u32,
    time_s: f64,
    power_w: Option<f64>,
}

/// Counts the points once.
pub(super) fn count(device: &DeviceModel, points: &[TrainingPoint]) -> Result<Vec<Point>, AdeptError> {
    let all = Stage::S7.scalars();
    let counted = |point: &TrainingPoint| -> Result<Point, AdeptError> {
        crate::step::check_run(&point.run)?;
        if !point.run.setting.is_baseline() {
            return Err(AdeptError::Setting { line: point.line, setting: point.run.setting.to_string() });
        }
        let bit = |(i, scalar): (usize, &Scalar)| u32::from(scalar.applies(&point.work, scalar.term)) << i;
        Ok(Point {
            facts: Facts::of(&point.work, device)?,
            applies: all.iter().enumerate().map(bit).sum(),
            gpus: point.run.gpus,
            accumulation: point.run.accumulation,
            time_s: point.time.0,
            power_w: point.power.map(|power| power.0),
        })
    };
    points.iter().map(counted).collect()
}

/// An axis of the search.
#[derive(Clone, Copy)]
pub(super) enum Axis {
    Global(&'static Free),
    /// Index in the scalars of the last stage.
    Scalar(usize),
}

impl Axis {
    pub(super) fn range(self) -> (f64, f64) {
        match self {
            Self::Global(free) => free.range,
            Self::Scalar(_) => SCALAR_RANGE,
        }
    }

    fn is_log(self) -> bool {
        match self {
            Self::Global(free) => free.log,
            Self::Scalar(_) => true,
        }
    }

    pub(super) fn told_from(self) -> &'static str {
        match self {
            Self::Global(free) => free.told_from,
            Self::Scalar(_) => SCALAR_TOLD_FROM,
        }
    }

    /// Value at `x` of the unit interval.
    pub(super) fn value(self, x: f64) -> f64 {
        let (low, high) = self.range();
        if self.is_log() { (low.ln() + x * (high.ln() - low.ln())).exp() } else { low + x * (high - low) }
    }

    /// The place of a value in the unit interval, clipped to it.
    pub(super) fn place(self, value: f64) -> f64 {
        let (low, high) = self.range();
        let x = if self.is_log() { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) };
        x.clamp(0.0, 1.0)
    }
}

/// Errors of one parameter set, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Errors {
    pub(super) time: f64,
    pub(super) power: f64,
}

/// The objective of one stage.
#[derive(Clone)]
pub(super) struct Objective<'a> {
    pub(super) points: &'a [Point],
    base: Parameters,
    pub(super) axes: Vec<Axis>,
    weights: (f64, f64),
}

impl<'a> Objective<'a> {
    /// The axes on which a point depends are free; the others, named in the second value, stay where they are.
    pub(super) fn new(points: &'a [Point], base: &Parameters, stage: Stage, options: &Options) -> (Self, Vec<String>) {
        let mut silent = Vec::new();
        let mut axes = Vec::new();
        for free in &FREE {
            if points.iter().any(|point| (free.touches)(&point.facts, point.gpus)) {
                axes.push(Axis::Global(free));
            } else {
                silent.push(free.name.to_owned());
            }
        }
        for (index, scalar) in stage.scalars().iter().enumerate() {
            let speaks = |point: &Point| {
                let has_term = match scalar.term {
                    Term::Gemm => point.facts.gemm_flops > 0.0,
                    Term::Conv => point.facts.conv_flops > 0.0,
                    Term::Alu => point.facts.alu_flops > 0.0,
                    Term::Memory => true,
                };
                has_term && point.applies & (1 << index) != 0
            };
            if points.iter().any(speaks) { axes.push(Axis::Scalar(index)) } else { silent.push(scalar_name(scalar)) }
        }
        let base = Parameters { saturation: options.saturation, scalars: Vec::new(), ..base.clone() };
        (Self { points, base, axes, weights: options.weights }, silent)
    }

    /// The parameters at `x`, with the factors of the scalars by their index.
    pub(super) fn parameters(&self, x: &[f64]) -> (Parameters, [f64; 6]) {
        let mut parameters = self.base.clone();
        let mut scalars = [1.0; 6];
        for (axis, x) in self.axes.iter().zip(x) {
            let value = axis.value(*x);
            match axis {
                Axis::Global(free) => (free.set)(&mut parameters, value),
                Axis::Scalar(index) => {
                    if let Some(scalar) = scalars.get_mut(*index) {
                        *scalar = value;
                    }
                }
            }
        }
        (parameters, scalars)
    }

    /// The place of given parameters in the box.
    pub(super) fn place(&self, parameters: &Parameters) -> Vec<f64> {
        let of = |axis: &Axis| match axis {
            Axis::Global(free) => axis.place((free.get)(parameters)),
            Axis::Scalar(index) => axis.place(parameters.scalars.get(*index).map_or(1.0, |s| s.factor)),
        };
        self.axes.iter().map(of).collect()
    }

    /// MAPE of time (4.16) and of power (4.17).
    pub(super) fn errors(&self, x: &[f64]) -> Errors {
        let (parameters, scalars) = self.parameters(x);
        let (mut time, mut power, mut powers) = (0.0, 0.0, 0usize);
        for point in self.points {
            let (seconds, watts) = predict(&parameters, point, &scalars);
            time += (seconds / point.time_s - 1.0).abs();
            if let Some(observed) = point.power_w {
                power += (watts / observed - 1.0).abs();
                powers += 1;
            }
        }
        let percent = |sum: f64, count: usize| 100.0 * sum / count.max(1) as f64;
        Errors { time: percent(time, self.points.len()), power: percent(power, powers) }
    }

    /// L of eq. 4.18 in percent.
    pub(super) fn composite(&self, errors: Errors) -> f64 {
        self.weights.0 * errors.time + self.weights.1 * errors.power
    }
}

/// Time in s and power of all GPUs in W.
fn predict(parameters: &Parameters, point: &Point, scalars: &[f64; 6]) -> (f64, f64) {
    let factors = point.factors(scalars);
    let terms = parameters.terms(&point.facts, &factors, point.gpus, point.accumulation);
    let phases = parameters.phases(&point.facts, &terms, point.accumulation);
    let time: f64 = phases.iter().map(|phase| phase.1).sum();
    let energy: f64 = phases.iter().map(|phase| phase.1 * phase.2).sum();
    (time, energy / time * f64::from(point.gpus))
}

impl Point {
    /// The products of the scalars that apply, by term; the order is that of table 4.2.
    pub(super) fn factors(&self, scalars: &[f64; 6]) -> Factors {
        let of = |index: usize| if self.applies & (1 << index) != 0 { scalars[index] } else { 1.0 };
        Factors { gemm: of(0) * of(3), alu: of(1) * of(5), memory: of(2), conv: of(4) }
    }
}

/// `albert gemm`, `bf16 conv`.
pub(super) fn scalar_name(scalar: &Scalar) -> String {
    let term = match scalar.term {
        Term::Gemm => "gemm",
        Term::Conv => "conv",
        Term::Alu => "alu",
        Term::Memory => "memory",
    };
    let whose = match scalar.precision {
        Some(precision) => precision.name(),
        None => &scalar.architecture,
    };
    format!("{whose} {term}")
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.composite(self.errors(x)))
    }
}
