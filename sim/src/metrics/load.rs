//! Offered load: the arrival rate over the highest rate that the cluster could bear.
//!
//! The highest rate is that of the fluid limit, in which each job may be split over its placements at will: the linear
//! programme max r subject to r sum_t w_t sum_c x_tc g_tc <= N_h for each type h, sum_c x_tc = 1, with g the GPU-seconds
//! of a job of template t on candidate c. By duality it is the least, over prices p_h of a GPU-second with
//! sum_h p_h N_h = 1, of 1 / sum_t w_t min_c p_h(c) g_tc. Queues grow without bound when the load exceeds 1 under any
//! policy, and under a given policy may do so before.

use crate::cluster::Cluster;
use crate::job::{Template, TemplateId};
use crate::oracle::Book;

/// Steps of the price search for three or more types.
const STEPS: usize = 4000;

/// The highest arrival rate in jobs per second at which queues can stay bounded, for the mix of `templates` and the
/// candidates that a policy may use. Exact for one or two types; above, an upper bound that is close.
pub fn capacity_per_s(cluster: &Cluster, templates: &[Template], book: &Book, rigid: bool, settings: bool) -> f64 {
    let gpus: Vec<f64> = cluster.hardware_ids().map(|id| f64::from(cluster.gpus_of(id))).collect();
    let weights: f64 = templates.iter().map(|template| template.weight).sum();
    // Per template: its share, and the least GPU-seconds on each type.
    let demands: Vec<(f64, Vec<f64>)> = (0u16..)
        .zip(templates)
        .map(|(index, template)| {
            let id = TemplateId(index);
            let mut least = vec![f64::INFINITY; gpus.len()];
            for position in book.allowed(id, rigid, settings) {
                let candidate = &book.candidates(id)[position as usize];
                let configuration = candidate.configuration;
                let need = candidate.truth.seconds_per_sample * template.samples * f64::from(configuration.gpus);
                let entry = &mut least[usize::from(configuration.hardware.0)];
                *entry = entry.min(need);
            }
            (template.weight / weights, least)
        })
        .filter(|(share, _)| *share > 0.0)
        .collect();
    highest_rate(&gpus, &demands)
}

fn highest_rate(gpus: &[f64], demands: &[(f64, Vec<f64>)]) -> f64 {
    let bound = |prices: &[f64]| {
        let value: f64 = prices.iter().zip(gpus).map(|(price, gpus)| price * gpus).sum();
        let cost: f64 = demands
            .iter()
            .map(|(share, least)| share * cheapest(prices, least).map_or(f64::INFINITY, |(_, cost)| cost))
            .sum();
        value / cost
    };
    if gpus.len() == 1 {
        return bound(&[1.0]);
    }
    if gpus.len() == 2 {
        // The bound is quasi-convex in the price ratio, with kinks where a template changes type.
        let kinks = demands.iter().map(|(_, least)| least[0] / least[1]).filter(|ratio| ratio.is_finite());
        let ends = [[1.0, 0.0], [0.0, 1.0]];
        let inner = kinks.map(|ratio| [1.0, ratio]);
        return ends
            .into_iter()
            .chain(inner)
            .map(|prices| bound(&prices))
            .filter(|x| !x.is_nan())
            .fold(f64::INFINITY, f64::min);
    }
    // Multiplicative weights: raise the price of the type whose demand per GPU is highest.
    let mut prices = vec![1.0; gpus.len()];
    let mut lowest = f64::INFINITY;
    for step in 0..STEPS {
        let rate = bound(&prices);
        if rate < lowest {
            lowest = rate;
        }
        let mut demand = vec![0.0; gpus.len()];
        for (share, least) in demands {
            if let Some((index, _)) = cheapest(&prices, least) {
                demand[index] += share * least[index] / gpus[index];
            }
        }
        let most = demand.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let eta = 0.5 / (1.0 + step as f64).sqrt();
        for (price, demand) in prices.iter_mut().zip(&demand) {
            *price *= (eta * demand / most).exp();
        }
        let sum: f64 = prices.iter().sum();
        prices.iter_mut().for_each(|price| *price /= sum);
    }
    lowest
}

fn cheapest(prices: &[f64], least: &[f64]) -> Option<(usize, f64)> {
    prices
        .iter()
        .zip(least)
        .map(|(price, need)| if need.is_finite() { price * need } else { f64::INFINITY })
        .enumerate()
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_type_is_gpus_over_work() {
        assert_eq!(highest_rate(&[16.0], &[(0.5, vec![100.0]), (0.5, vec![300.0])]), 16.0 / 200.0);
    }

    #[test]
    fn two_types_by_hand() {
        // One template, 8 GPUs each, 100 and 50 GPU-seconds: rates add.
        let rate = highest_rate(&[8.0, 8.0], &[(1.0, vec![100.0, 50.0])]);
        assert!((rate - (0.08 + 0.16)).abs() < 1e-12, "{rate}");
        // Two templates that each prefer another type: each type serves its own, and halves of the rate.
        let rate = highest_rate(&[8.0, 8.0], &[(0.5, vec![10.0, 1000.0]), (0.5, vec![1000.0, 10.0])]);
        assert!((rate - 1.6).abs() < 1e-12, "{rate}");
    }

    #[test]
    fn prices_find_the_same_for_more_types() {
        let demands = [(0.3, vec![100.0, 60.0, 200.0]), (0.7, vec![50.0, 45.0, 60.0])];
        let close = highest_rate(&[8.0, 4.0, 16.0], &demands);
        // A type that nobody can use changes nothing; the search must agree with the exact value of two types.
        let pair: Vec<(f64, Vec<f64>)> = demands.iter().map(|(w, d)| (*w, d[..2].to_vec())).collect();
        let exact = highest_rate(&[8.0, 4.0], &pair);
        let padded: Vec<(f64, Vec<f64>)> = pair.iter().map(|(w, d)| (*w, vec![d[0], d[1], f64::INFINITY])).collect();
        let search = highest_rate(&[8.0, 4.0, 1.0], &padded);
        assert!(search >= exact - 1e-12 && search < 1.01 * exact, "{search} {exact}");
        assert!(close > exact);
    }
}
