//! Energy over time as a broken line, from readings at any times: its mean power over any stretch is exact for counters
//! and as good as the samples for powers.

use crate::sensor::Quantity;

/// An interval this many times the usual one is a gap: nothing is known of the power within.
const GAP: f64 = 5.0;

/// Energy since the first reading, piecewise linear.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    times: Vec<f64>,
    joules: Vec<f64>,
    /// Number of unusable intervals before each reading.
    gaps: Vec<u32>,
    step_s: f64,
}

impl Series {
    /// From powers that each stand for the interval that ends at their time, as integrating meters report. A meter that
    /// samples at an instant is then half an interval late, which its lag takes up.
    ///
    /// `points` are (time in s, power in W) in ascending order of time.
    pub fn of_meter(points: &[(f64, f64)]) -> Self {
        Self::build(points.iter().map(|point| point.0).collect(), |i| {
            let (time, power) = points[i];
            Some(power * (time - points[i - 1].0))
        })
    }

    /// From readings of an in-band sensor: differences of a counter, or the trapezoid rule over powers. A counter that
    /// goes back (a wrap or a reset, which samples can't tell apart) leaves a gap; one that repeats its value has not been
    /// updated, and is taken at its next update.
    ///
    /// `points` are (time in s, reading) in ascending order of time, all of one kind.
    pub fn of_sensor(points: &[(f64, Quantity)]) -> Self {
        let mut points = points.to_vec();
        points.dedup_by(|next, kept| matches!(kept.1, Quantity::Energy(_)) && next.1 == kept.1);
        Self::build(points.iter().map(|point| point.0).collect(), |i| match (points[i - 1], points[i]) {
            ((_, Quantity::Energy(from)), (_, Quantity::Energy(to))) => (to.0 >= from.0).then_some(to.0 - from.0),
            ((before, Quantity::Power(from)), (after, Quantity::Power(to))) => {
                Some((from.0 + to.0) / 2.0 * (after - before))
            }
            _ => None,
        })
    }

    fn build(times: Vec<f64>, step: impl Fn(usize) -> Option<f64>) -> Self {
        let steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let step_s = ergometer_record::stats::median(&steps).unwrap_or(0.0);
        let (mut joules, mut gaps) = (vec![0.0], vec![0]);
        for (i, length) in steps.iter().enumerate() {
            let energy = step(i + 1).filter(|energy| energy.is_finite() && *length <= GAP * step_s);
            joules.push(joules[i] + energy.unwrap_or(0.0));
            gaps.push(gaps[i] + u32::from(energy.is_none()));
        }
        joules.truncate(times.len());
        gaps.truncate(times.len());
        Self { times, joules, gaps, step_s }
    }

    /// The usual time between readings, in s.
    pub fn step_s(&self) -> f64 {
        self.step_s
    }

    /// First and last time, in s; `None` of fewer than two readings.
    pub fn range(&self) -> Option<(f64, f64)> {
        match self.times.as_slice() {
            [first, .., last] => Some((*first, *last)),
            _ => None,
        }
    }

    /// The ends of `group` readings' intervals taken together, in s.
    pub(super) fn bins(&self, group: usize) -> Vec<(f64, f64)> {
        let edges: Vec<f64> = self.times.iter().step_by(group.max(1)).copied().collect();
        edges.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// Mean power from one time to another, in W; `None` outside of the readings and across a gap.
    pub fn mean(&self, from: f64, to: f64) -> Option<f64> {
        let (start, end) = (self.at(from, true)?, self.at(to, false)?);
        // The gaps of the intervals in which both ends lie count too.
        (to > from && start.1 == end.2).then(|| (end.0 - start.0) / (to - from))
    }

    /// Energy at a time, with the gaps up to the start and up to the end of the interval that holds it: of the interval
    /// after it where one begins right there and `after` asks for it, else of the one before.
    fn at(&self, time: f64, after: bool) -> Option<(f64, u32, u32)> {
        let (first, last) = self.range()?;
        if !(first..=last).contains(&time) {
            return None;
        }
        let end = self.times.partition_point(|t| if after { *t <= time } else { *t < time });
        let end = end.clamp(1, self.times.len() - 1);
        let start = end - 1;
        let share = (time - self.times[start]) / (self.times[end] - self.times[start]);
        let energy = self.joules[start] + share * (self.joules[end] - self.joules[start]);
        Some((energy, self.gaps[start], self.gaps[end]))
    }
}
