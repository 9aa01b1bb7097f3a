//! Gain: integrated power over the counter's energy of the same stretches of steady load, as a t-interval.
//!
//! The counter is the reference here because it comes with the device, not because it is right: Yang et al. (SC 2024) found
//! cards whose readings are 5 % off a meter in the supply, counter and power alike. A ratio of one says that the two agree.

use super::{Estimate, LEVEL};
use ergometer_record::stats::{mean, t_interval};

/// Fewest stretches from which a gain is told.
const FEWEST: usize = 3;

/// The gain from pairs of (integrated power, energy of the counter), one a stretch, in J.
pub fn gain(pairs: &[(f64, f64)]) -> Estimate {
    let ratios: Vec<f64> =
        pairs.iter().filter(|(_, counter)| *counter > 0.0).map(|(power, counter)| power / counter).collect();
    if ratios.len() < FEWEST {
        return Estimate::unknown(format!("{} stretches have both energies, {FEWEST} are needed", ratios.len()));
    }
    match t_interval(&ratios, LEVEL) {
        Some(interval) => Estimate::Known(interval),
        None => Estimate::unknown(format!("the ratios of the energies have no mean ({:?})", mean(&ratios))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_of_the_energies_is_the_gain() {
        let found = gain(&[(95.0, 100.0), (96.0, 100.0), (188.0, 200.0)]);
        let interval = found.known().unwrap();
        assert!((interval.estimate - 0.95).abs() < 1e-12 && interval.n == 3);
        // t = 4.303 at two degrees of freedom, s = 0.01.
        assert!((interval.high - 0.95 - 4.3027 * 0.01 / 3f64.sqrt()).abs() < 1e-5, "{interval}");
    }

    #[test]
    fn stretches_without_energy_do_not_count() {
        assert!(gain(&[(95.0, 100.0), (96.0, 0.0), (95.0, 100.0)]).known().is_none());
    }
}
