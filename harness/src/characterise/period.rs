//! Update period: the time between changes of the value.
//!
//! A value that happens to repeat hides an update, so that some distances are two or more periods: each is divided by
//! the whole number of periods that it holds. A change is seen at the first reading after it, late by at most one
//! polling interval; where the sensor changes at nearly every reading, polling is too slow to tell.

use super::{Estimate, LEVEL, value};
use crate::sensor::Reading;
use ergometer_record::stats::{Interval, median, quantile, t_interval};

/// Fewest changes from which a period is told.
pub(super) const FEWEST: usize = 8;

/// A change of the value, between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The last reading with the old value, in s.
    pub before: f64,
    /// The first reading with the new one, in s.
    pub seen: f64,
    /// The new value.
    pub value: f64,
}

impl Change {
    /// When it was, to within half the distance of the two readings.
    pub fn time(&self) -> f64 {
        (self.before + self.seen) / 2.0
    }
}

/// The changes in readings that are in order of time.
pub fn changes(readings: &[Reading]) -> Vec<Change> {
    readings
        .windows(2)
        .filter(|pair| value(&pair[0]) != value(&pair[1]))
        .map(|pair| Change { before: pair[0].time.0, seen: pair[1].time.0, value: value(&pair[1]) })
        .collect()
}

/// The update period behind `readings`, in s.
pub fn period(readings: &[Reading]) -> Estimate {
    let changes = changes(readings);
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return Estimate::unknown("there are no readings");
    };
    let span = (last.time - first.time).0;
    if changes.len() < FEWEST {
        return Estimate::unknown(format!(
            "its value changed {} times in {span:.3} s, which is too few to tell a period",
            changes.len()
        ));
    }
    let gaps: Vec<f64> = readings.windows(2).map(|pair| (pair[1].time - pair[0].time).0).collect();
    let poll = median(&gaps).unwrap_or(f64::NAN);
    if 2 * changes.len() > readings.len() {
        return Estimate::unknown(format!(
            "its value changed at {} of {} readings, which lie {:.3} ms apart: it updates oftener than it was read",
            changes.len(),
            readings.len(),
            1e3 * poll
        ));
    }
    let distances: Vec<f64> = changes.windows(2).map(|pair| pair[1].time() - pair[0].time()).collect();
    let Some(one) = shortest(&distances) else { return Estimate::unknown("its changes have no distance") };
    // Either end can be off by half a polling interval; the period itself may waver by a tenth.
    let tolerance = (1.5 * poll / one).clamp(0.1, 0.4);
    // Distances from one change to the next, each over the number of periods in it. A reading that came late makes a
    // distance that says nothing.
    let each: Vec<f64> = changes
        .windows(2)
        .filter(|pair| pair.iter().all(|change| change.seen - change.before < one / 2.0))
        .filter_map(|pair| {
            let distance = pair[1].time() - pair[0].time();
            let periods = (distance / one).round();
            ((0.5..20.5).contains(&periods) && (distance / one - periods).abs() < tolerance).then(|| distance / periods)
        })
        .collect();
    if each.len() < FEWEST || 4 * each.len() < 3 * distances.len() {
        return Estimate::unknown(format!(
            "the {} distances between changes are no multiples of one time: it does not update at a steady period",
            distances.len()
        ));
    }
    // Their ends are known to half a polling interval, which evens out between neighbours and not at the ends.
    let ends = poll / (each.len() as f64);
    match t_interval(&each, LEVEL) {
        Some(i) => Estimate::Known(Interval { low: i.low - ends, high: i.high + ends, ..i }),
        None => Estimate::unknown("too few distances are usable"),
    }
}

/// A first guess: the typical one among the shortest distances, which hold one period each.
fn shortest(distances: &[f64]) -> Option<f64> {
    let low = quantile(distances, 0.1)?;
    let lowest: Vec<f64> = distances.iter().copied().filter(|d| *d > 0.5 * low && *d < 1.5 * low).collect();
    median(&lowest).filter(|one| *one > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::Quantity;
    use ergometer_record::{Seconds, Watts};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Readings of a sensor with this period, polled every `poll` s with some jitter; `repeats` of its updates show the
    /// value of the one before.
    fn polled(period: f64, poll: f64, repeats: f64, seed: u64) -> Vec<Reading> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut values: Vec<f64> = vec![100.0];
        for i in 0..400 {
            let last = values[i];
            values.push(if random.random_range(0.0..1.0) < repeats { last } else { random.random_range(50.0..400.0) });
        }
        let (mut now, mut readings) = (random.random_range(0.0..period), Vec::new());
        while now < 300.0 * period {
            let quantity = Quantity::Power(Watts(values[(now / period) as usize]));
            readings.push(Reading { time: Seconds(now), quantity });
            now += poll * random.random_range(0.8..1.2);
        }
        readings
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_known_period_is_found_with_updates_that_hide(
            period in 1e-3..0.5f64, polls in 5.0..60.0f64, repeats in 0.0..0.5f64, seed: u64
        ) {
            let found = super::period(&polled(period, period / polls, repeats, seed));
            let interval = found.known().expect("a period");
            prop_assert!((interval.estimate / period - 1.0).abs() < 0.02, "{interval} of {period}");
        }
    }

    #[test]
    fn the_interval_covers_at_its_level_or_above() {
        let covered = (0..200)
            .filter(|seed| super::period(&polled(0.1, 0.013, 0.2, *seed)).known().is_some_and(|i| i.covers(0.1)))
            .count();
        assert!(covered >= 186, "{covered} of 200");
    }

    #[test]
    fn polling_that_is_too_slow_is_said() {
        let Estimate::Unknown { reason } = super::period(&polled(0.1, 0.12, 0.0, 1)) else { panic!("a period") };
        assert!(reason.contains("oftener than it was read"), "{reason}");
    }

    #[test]
    fn a_value_that_stands_still_and_an_irregular_one_have_no_period() {
        let still: Vec<Reading> = polled(0.1, 0.01, 1.0, 1);
        assert!(matches!(super::period(&still), Estimate::Unknown { reason } if reason.contains("changed 0 times")));
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (mut now, mut power, mut due, mut irregular) = (0.0, 1.0, 0.0, Vec::new());
        while now < 20.0 {
            if now >= due {
                power += 1.0;
                due += 0.01 * 50f64.powf(random.random_range(0.0..1.0));
            }
            irregular.push(Reading { time: Seconds(now), quantity: Quantity::Power(Watts(power)) });
            now += 1e-3;
        }
        assert!(super::period(&irregular).known().is_none(), "{:?}", super::period(&irregular));
    }
}
