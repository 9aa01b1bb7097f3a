//! Resolution: the greatest step of which all differences between values are multiples.
//!
//! Euclid's algorithm fails on rounded numbers, so steps are tried: the smallest difference over 1, 2, 3, …, each refined
//! by least squares over larger and larger differences. A file that states microjoules rounds the steps of the hardware
//! (61.035 uJ on Intel) to whole ones; such a coarser step beneath the rounding is looked for too. That random multiples
//! all share a factor of two has a chance of 2^-n for n of them.

use super::{Estimate, LEVEL};
use ergometer_record::stats::Interval;

/// Fewest different values from which a step is told.
const FEWEST: usize = 8;
/// Differences used: the smallest ones say most.
const DIFFERENCES: usize = 400;
/// The smallest difference may be so many steps.
const MOST_STEPS: u32 = 2000;

/// The step of `values`: powers, or the amounts by which a counter advanced.
pub fn resolution(values: &[f64]) -> Estimate {
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    let largest = distinct.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    // What is left of two equal numbers by rounding in f64.
    let rounding = 64.0 * f64::EPSILON * largest;
    distinct.dedup_by(|a, b| (*a - *b).abs() <= rounding);
    if distinct.len() < FEWEST {
        return Estimate::unknown(format!(
            "only {} different values were seen, which is too few to tell a step",
            distinct.len()
        ));
    }
    let Some(fine) = step(&distinct, rounding, 2.0 * rounding, 2) else {
        return Estimate::unknown(format!(
            "the {} values seen have no common step that could be told: it is finer than {:.1e}, or they are too even",
            distinct.len(),
            smallest_gap(&distinct)
        ));
    };
    // The step of the text beneath which that of the hardware may be hidden.
    let step = step(&distinct, 3.0 * fine.step, 2.5 * fine.step, 6).filter(|coarse| coarse.step > 8.0 * fine.step);
    let Fit { step, half_width, n } = step.unwrap_or(fine);
    Estimate::Known(Interval { estimate: step, low: step - half_width, high: step + half_width, level: LEVEL, n })
}

fn smallest_gap(sorted: &[f64]) -> f64 {
    sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min)
}

#[derive(Debug, Clone, Copy)]
struct Fit {
    step: f64,
    half_width: f64,
    n: usize,
}

/// The greatest step of which all differences above `ignored` are multiples to within `allowed`. Neighbours must lie
/// `varied` different numbers of steps apart: a counter that advances evenly is a ladder of its own, and so are
/// values that hardly vary.
fn step(sorted: &[f64], ignored: f64, allowed: f64, varied: usize) -> Option<Fit> {
    let gaps = |values: &[f64]| -> Vec<f64> {
        let mut gaps: Vec<f64> = values.windows(2).map(|p| p[1] - p[0]).filter(|gap| *gap > ignored).collect();
        gaps.sort_by(f64::total_cmp);
        gaps
    };
    let first = gaps(sorted);
    // Gaps between gaps are multiples too, and smaller; those from the lowest value are the largest.
    let mut differences: Vec<f64> = gaps(&first);
    differences.extend(&first);
    differences.sort_by(f64::total_cmp);
    differences.truncate(DIFFERENCES);
    let lowest = *sorted.first()?;
    let mut far: Vec<f64> = sorted.iter().map(|v| v - lowest).filter(|d| *d > ignored).collect();
    far.sort_by(f64::total_cmp);
    far.truncate(DIFFERENCES);
    differences.extend(far);
    differences.sort_by(f64::total_cmp);
    let smallest = *differences.first()?;
    (1..=MOST_STEPS)
        .map(|k| smallest / f64::from(k))
        .take_while(|g| *g > 2.0 * allowed)
        .find_map(|g| fit(&differences, g, allowed))
        .filter(|fit| {
            let mut counts: Vec<u64> = first.iter().map(|gap| (gap / fit.step).round() as u64).collect();
            counts.sort_unstable();
            counts.dedup();
            counts.len() >= varied
        })
}

/// Refines a step over differences in ascending order; `None` as soon as one is no multiple of it.
fn fit(differences: &[f64], guess: f64, allowed: f64) -> Option<Fit> {
    let (mut step, mut products, mut squares, mut sum) = (guess, 0.0, 0.0, 0.0);
    for difference in differences {
        let count = (difference / step).round();
        let off = difference - count * step;
        // Until larger differences have refined it, the step is only as good as the first one.
        let uncertain = count * allowed / f64::sqrt(squares + 1.0);
        if count < 1.0 || off.abs() > allowed.max(uncertain.min(0.2 * step)) + 1e-9 * difference {
            return None;
        }
        products += count * difference;
        squares += count * count;
        step = products / squares;
        sum += off * off;
    }
    let n = differences.len();
    let scatter = (sum / n.saturating_sub(1).max(1) as f64).sqrt();
    Some(Fit { step, half_width: 2.0 * scatter / squares.sqrt(), n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn multiples(step: f64, from: u32, to: u32, n: usize, seed: u64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| f64::from(random.random_range(from..to)) * step).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_step_of_random_multiples_is_found(
            log_step in -6.0..1.0f64, most in 1000u32..400_000, n in 40usize..400, seed: u64
        ) {
            let step = 10f64.powf(log_step);
            let found = resolution(&multiples(step, 1, most, n, seed));
            let interval = found.known().expect("a step");
            prop_assert!((interval.estimate / step - 1.0).abs() < 1e-6, "{} of {step}", interval.estimate);
        }
    }

    #[test]
    fn steps_of_the_hardware_are_found_beneath_whole_microjoules() {
        let step = 2f64.powi(-14);
        for seed in 0..20 {
            let values: Vec<f64> =
                multiples(step, 200, 1200, 200, seed).iter().map(|v| (v * 1e6).floor() * 1e-6).collect();
            let found = resolution(&values);
            let interval = found.known().expect("a step");
            assert!((interval.estimate / step - 1.0).abs() < 5e-3, "seed {seed}: {}", interval.estimate);
        }
    }

    #[test]
    fn whole_milliwatts_stay_milliwatts() {
        for seed in 0..20 {
            let found = resolution(&multiples(1e-3, 50_000, 400_000, 120, seed));
            assert!((found.known().unwrap().estimate - 1e-3).abs() < 1e-8, "{found:?}");
        }
    }

    #[test]
    fn an_even_counter_is_no_ladder() {
        let even: Vec<f64> = (0..200).map(|i| 7e6 + 10.0 * f64::from(i)).collect();
        assert!(resolution(&even).known().is_none(), "{:?}", resolution(&even));
        // 9.44 mJ an update, cut to whole steps of 2^-14 J.
        let step = 2f64.powi(-14);
        let cut: Vec<f64> = (0..200).map(|i| (9.443e-3 * f64::from(i) / step).floor() * step).collect();
        assert!((resolution(&cut).known().unwrap().estimate / step - 1.0).abs() < 1e-6);
    }

    #[test]
    fn too_few_values_and_values_without_a_step_say_so() {
        let Estimate::Unknown { reason } = resolution(&[1.0, 2.0, 1.0, 3.0]) else { panic!("a step") };
        assert!(reason.contains("only 3 different"), "{reason}");
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let free: Vec<f64> = (0..200).map(|_| random.random_range(50.0..400.0)).collect();
        assert!(resolution(&free).known().is_none(), "{:?}", resolution(&free));
    }
}
