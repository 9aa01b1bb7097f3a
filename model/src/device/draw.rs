//! Devices drawn from what is known about one: every fitted or assumed value moved within its spread.

use super::parameters::PARAMETERS;
use super::{DeviceModel, Origin};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A standard normal number (Box and Muller 1958).
pub(crate) fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius: f64 = 1.0 - random.random::<f64>();
    let angle: f64 = random.random::<f64>() * std::f64::consts::TAU;
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// One uncertain value.
struct Moved {
    key: &'static str,
    ln: f64,
    sd_log: f64,
    ln_range: (f64, f64),
    /// Row of the correlation matrix; absent for values that are drawn alone.
    row: Option<usize>,
}

/// How to draw devices around one.
pub(crate) struct Draws {
    moved: Vec<Moved>,
    /// Lower Cholesky factor of the correlation; empty where none is known.
    factor: Vec<Vec<f64>>,
    seed: u64,
}

impl Draws {
    /// Draws around `device`. Values from documents stay; fitted ones follow the posterior's correlation where the
    /// description has it; assumed ones are drawn alone.
    pub(crate) fn around(device: &DeviceModel, seed: u64) -> Self {
        let posterior = device.posterior();
        let factor = posterior.and_then(|p| p.factor()).unwrap_or_default();
        let moved = PARAMETERS.iter().filter_map(|parameter| {
            let quantity = device.quantity(parameter.key)?;
            let (sd_log, row) = match quantity.origin {
                Origin::Specification { .. } => return None,
                Origin::Assumed { prior, .. } => (prior.sd_log, None),
                Origin::Fitted { sd_log, .. } => {
                    let row = posterior.and_then(|p| p.keys.iter().position(|key| key == parameter.key));
                    (sd_log, row.filter(|row| *row < factor.len()))
                }
            };
            let (low, high) = parameter.range;
            let ln_range = (low.ln(), high.ln());
            (sd_log > 0.0).then(|| Moved { key: parameter.key, ln: quantity.value.ln(), sd_log, ln_range, row })
        });
        Self { moved: moved.collect(), factor, seed }
    }

    /// Puts draw number `index` into `device`, which must be the one that the draws are around or an earlier draw of
    /// it, and gives the generator for what else the caller draws. Each draw has a stream of its own, so that the
    /// order in which they are made changes nothing.
    pub(crate) fn put(&self, index: usize, device: &mut DeviceModel) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(index as u64);
        let normals: Vec<f64> = self.factor.iter().map(|_| normal(&mut random)).collect();
        for moved in &self.moved {
            let z = match moved.row.and_then(|row| self.factor.get(row)) {
                Some(row) => row.iter().zip(&normals).map(|(l, z)| l * z).sum(),
                None => normal(&mut random),
            };
            // A draw beyond what the equations allow (a voltage floor above 1) stands at the edge.
            let value = (moved.ln + moved.sd_log * z).clamp(moved.ln_range.0, moved.ln_range.1).exp();
            if let Some(fitted) = device.fitted.get_mut(moved.key) {
                fitted.value = value;
            } else if let Some(assumed) = device.assumed.get_mut(moved.key) {
                assumed.value = value;
            }
        }
        random
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{FitRecord, Fitted, Posterior};
    use ergometer_record::stats;

    fn card(correlation: f64) -> DeviceModel {
        let mut device = DeviceModel::builtin("a100").unwrap();
        device.fit = Some(FitRecord { data: "x".into(), date: None, rows: 1, provenance: "measured".into() });
        for key in ["sustained_bf16", "sustained_memory"] {
            device.fitted.insert(key.into(), Fitted { value: 0.5, sd_log: 0.1, identified: true });
        }
        device.posterior = Some(Posterior {
            discrepancy_time: 0.0,
            discrepancy_power: None,
            keys: vec!["sustained_bf16".into(), "sustained_memory".into()],
            correlation: vec![vec![1.0], vec![correlation, 1.0]],
        });
        device
    }

    #[test]
    fn draws_have_the_spread_and_the_correlation_of_the_description() {
        let device = card(-0.9);
        let draws = Draws::around(&device, 5);
        let mut one = device.clone();
        let pairs: Vec<(f64, f64)> = (0..4000)
            .map(|i| {
                draws.put(i, &mut one);
                (one.value("sustained_bf16").unwrap().ln(), one.value("sustained_memory").unwrap().ln())
            })
            .collect();
        let sd = stats::standard_deviation(&pairs.iter().map(|p| p.0).collect::<Vec<_>>()).unwrap();
        assert!((sd - 0.1).abs() < 0.005, "{sd}");
        // ln of the product: variance 2 (1 + r) 0.1^2.
        let product = stats::standard_deviation(&pairs.iter().map(|p| p.0 + p.1).collect::<Vec<_>>()).unwrap();
        assert!((product - (0.2f64 * 0.01).sqrt()).abs() < 0.003, "{product}");
    }

    #[test]
    fn facts_stay_and_a_draw_does_not_depend_on_those_before_it() {
        let device = card(0.0);
        let draws = Draws::around(&device, 5);
        let (mut one, mut other) = (device.clone(), device.clone());
        draws.put(3, &mut one);
        draws.put(1, &mut other);
        draws.put(3, &mut other);
        assert_eq!(one.quantities(), other.quantities());
        assert_eq!(one.value("peak_bf16_flop_per_s"), device.value("peak_bf16_flop_per_s"));
        assert_ne!(one.value("idle_w"), device.value("idle_w"));
    }
}
