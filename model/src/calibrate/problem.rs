//! The posterior of a device's parameters given its points: residuals for a least-squares solver.

use super::points::Point;
use crate::device::parameters::{self, POWER_KEYS, Role};
use crate::device::{DeviceKind, DeviceModel, Limits, Prior};
use crate::per_op::physics::Physics;
use crate::step::ModelError;
use argmin::core::{Error, Jacobian, Operator};
use ergometer_record::Kernel;
use std::collections::BTreeMap;

/// What an observation observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Time,
    Power,
}

/// One number that a prediction is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub(crate) point: usize,
    pub(crate) target: Target,
    pub(crate) ln: f64,
    /// Standard error of the mean that was observed.
    pub(crate) sd_log: f64,
}

/// A parameter that may move.
#[derive(Debug, Clone)]
pub(crate) struct Free {
    pub(crate) key: &'static str,
    pub(crate) prior: Prior,
}

/// Standard deviation of what the model can't describe, on the log scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Discrepancy {
    pub(crate) time: f64,
    pub(crate) power: f64,
}

/// Points, free parameters and everything that stays fixed.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    device: String,
    kind: DeviceKind,
    fixed: BTreeMap<&'static str, f64>,
    pub(crate) free: Vec<Free>,
    place: BTreeMap<&'static str, usize>,
    pub(crate) points: Vec<(Point, Limits)>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) discrepancy: Discrepancy,
}

/// Relative step of the derivatives: small against curvature, large against the tolerance of the cap inversion.
const STEP: f64 = 1e-5;

impl Fit {
    /// The problem of fitting `device`'s assumed parameters to points.
    pub(crate) fn new(device: &DeviceModel, points: Vec<Point>) -> Result<Self, ModelError> {
        let points = points
            .into_iter()
            .map(|point| device.limits(&point.setting).map(|limits| (point, limits)))
            .collect::<Result<Vec<_>, _>>()?;
        let with_power = points.iter().any(|(point, _)| point.power_w.is_some());
        let free: Vec<Free> = parameters::PARAMETERS
            .iter()
            .filter(|p| p.role == Role::Property)
            .filter(|p| with_power || !(POWER_KEYS.contains(&p.key) || p.key.starts_with("traffic_")))
            .filter_map(|p| Some(Free { key: p.key, prior: device.prior(p.key)? }))
            .filter(|free| free.prior.sd_log > 0.0)
            .collect();
        let fixed = parameters::PARAMETERS.iter().filter_map(|p| Some((p.key, device.prior_value(p.key)?))).collect();
        let mut fit = Self {
            device: device.name().to_owned(),
            kind: device.kind(),
            fixed,
            free,
            place: BTreeMap::new(),
            points,
            observations: Vec::new(),
            discrepancy: Discrepancy { time: 0.05, power: 0.05 },
        };
        fit.index();
        fit.observations = fit.all_observations();
        Ok(fit)
    }

    fn index(&mut self) {
        self.place = self.free.iter().enumerate().map(|(i, free)| (free.key, i)).collect();
    }

    fn all_observations(&self) -> Vec<Observation> {
        let mut observations = Vec::new();
        for (index, (point, _)) in self.points.iter().enumerate() {
            let pairs = [(Target::Time, point.time_s), (Target::Power, point.power_w)];
            for (target, observed) in pairs.into_iter().filter_map(|(t, o)| Some((t, o?))) {
                observations.push(Observation {
                    point: index,
                    target,
                    ln: observed.value.ln(),
                    sd_log: observed.sd_log,
                });
            }
        }
        observations
    }

    /// The same problem with only the observations of the points that `keep` keeps.
    pub(crate) fn restricted(&self, keep: impl Fn(&Point) -> bool) -> Self {
        let mut part = self.clone();
        part.observations.retain(|o| self.points.get(o.point).is_some_and(|(point, _)| keep(point)));
        part
    }

    /// Keeps the parameters for which `keep` holds free; the others stay at their prior medians.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let free = std::mem::take(&mut self.free);
        self.free = free.into_iter().enumerate().filter(|(i, _)| keep(*i)).map(|(_, free)| free).collect();
        self.index();
    }

    /// ln of the prior medians.
    pub(crate) fn start(&self) -> Vec<f64> {
        self.free.iter().map(|free| free.prior.median.ln()).collect()
    }

    /// ln of the vocabulary's ranges.
    pub(crate) fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let range =
            |free: &Free| parameters::find(free.key).map_or((-700.0, 700.0), |p| (p.range.0.ln(), p.range.1.ln()));
        self.free.iter().map(range).unzip()
    }

    /// The device at ln parameters `theta`.
    pub(crate) fn physics(&self, theta: &[f64]) -> Result<Physics, ModelError> {
        Physics::from_lookup(&self.device, self.kind, &|key| match self.place.get(key).and_then(|i| theta.get(*i)) {
            Some(ln) => Some(ln.exp()),
            None => self.fixed.get(key).copied(),
        })
    }

    /// ln of the predicted time and power of a point; time of idling and power of a device without power are NaN.
    pub(crate) fn predict(&self, physics: &Physics, index: usize) -> Result<(f64, f64), ModelError> {
        let Some((point, limits)) = self.points.get(index) else {
            return Err(ModelError::Config("a point that is not there".into()));
        };
        if point.spec.kernel == Kernel::Idle {
            return Ok((f64::NAN, physics.power.map_or(f64::NAN, |law| law.idle_w.ln())));
        }
        let run = physics.run(&physics.kernel_load(&point.spec)?, limits);
        Ok((run.time.0.ln(), run.power.map_or(f64::NAN, |power| power.0.ln())))
    }

    /// Standard deviation with which an observation is compared.
    fn sigma(&self, observation: &Observation) -> f64 {
        observation.sd_log.hypot(match observation.target {
            Target::Time => self.discrepancy.time,
            Target::Power => self.discrepancy.power,
        })
    }

    /// ln(predicted / observed) of every observation.
    pub(crate) fn misfits(&self, theta: &[f64]) -> Result<Vec<f64>, ModelError> {
        let physics = self.physics(theta)?;
        let mut last = None;
        let mut misfits = Vec::with_capacity(self.observations.len());
        for observation in &self.observations {
            // Time and power of a point come from one prediction.
            let (time, power) = match last {
                Some((index, pair)) if index == observation.point => pair,
                _ => self.predict(&physics, observation.point)?,
            };
            last = Some((observation.point, (time, power)));
            let predicted = if observation.target == Target::Time { time } else { power };
            if !predicted.is_finite() {
                return Err(ModelError::Config(format!(
                    "the prediction of point {} at these parameters is not a number",
                    observation.point
                )));
            }
            misfits.push(predicted - observation.ln);
        }
        Ok(misfits)
    }

    /// Misfits over their standard deviations, then the distances from the prior over its own.
    pub(crate) fn residuals(&self, theta: &[f64]) -> Result<Vec<f64>, ModelError> {
        let mut residuals = self.misfits(theta)?;
        for (residual, observation) in residuals.iter_mut().zip(&self.observations) {
            *residual /= self.sigma(observation);
        }
        residuals.extend(self.free.iter().zip(theta).map(|(f, t)| (t - f.prior.median.ln()) / f.prior.sd_log));
        Ok(residuals)
    }

    /// Derivatives of [`Self::residuals`], one row a residual; steps that would leave the box go inward.
    pub(crate) fn derivatives(&self, theta: &[f64]) -> Result<Vec<Vec<f64>>, ModelError> {
        let base = self.residuals(theta)?;
        let (_, upper) = self.bounds();
        let mut rows = vec![vec![0.0; theta.len()]; base.len()];
        for column in 0..theta.len() {
            let mut moved = theta.to_vec();
            let step = if theta[column] + STEP > upper[column] { -STEP } else { STEP };
            moved[column] += step;
            for ((row, new), old) in rows.iter_mut().zip(self.residuals(&moved)?).zip(&base) {
                row[column] = (new - old) / step;
            }
        }
        Ok(rows)
    }
}

impl Operator for Fit {
    type Param = Vec<f64>;
    type Output = Vec<f64>;
    fn apply(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.residuals(theta)?)
    }
}

impl Jacobian for Fit {
    type Param = Vec<f64>;
    type Jacobian = Vec<Vec<f64>>;
    fn jacobian(&self, theta: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(self.derivatives(theta)?)
    }
}
