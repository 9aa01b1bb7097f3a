//! Poisson arrivals from a seed (5.3.2.2, 5.5.1).
//!
//! Times, templates, users and urgency come from separate streams of one ChaCha8 generator, so that changing the users
//! leaves the arrival times as they were.

use super::file::Workload;
use super::{Arrival, TemplateId, UserId};
use crate::time::Time;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Arrivals in order of time, as an iterator, so that a long run need not hold them all.
#[derive(Debug, Clone)]
pub struct Poisson {
    rate_per_s: f64,
    until: Time,
    now: f64,
    templates: Vec<f64>,
    users: Vec<f64>,
    urgent: Option<(f64, f64)>,
    samples: Vec<f64>,
    least_time_s: Vec<f64>,
    times: ChaCha8Rng,
    kinds: ChaCha8Rng,
    submitters: ChaCha8Rng,
    urgency: ChaCha8Rng,
}

impl Poisson {
    /// Arrivals at `rate_per_s` until `until`. `least_time_s` is the shortest predicted run time of each template on
    /// the whole cluster, which deadlines are multiples of.
    pub fn new(workload: &Workload, rate_per_s: f64, until: Time, least_time_s: Vec<f64>, seed: u64) -> Self {
        let stream = |number| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(number);
            random
        };
        Self {
            rate_per_s,
            until,
            now: 0.0,
            templates: cumulative(workload.templates.iter().map(|template| template.weight)),
            users: cumulative(workload.users.iter().copied()),
            urgent: workload.urgent,
            samples: workload.templates.iter().map(|template| template.samples).collect(),
            least_time_s,
            times: stream(0),
            kinds: stream(1),
            submitters: stream(2),
            urgency: stream(3),
        }
    }
}

impl Iterator for Poisson {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.now += exponential(&mut self.times, self.rate_per_s);
        let time = Time::from_seconds(self.now);
        // A rate of zero gives an infinite gap: nobody comes.
        if !self.now.is_finite() || time > self.until {
            return None;
        }
        let kind = pick(&self.templates, uniform(&mut self.kinds));
        let user = pick(&self.users, uniform(&mut self.submitters));
        let draw = uniform(&mut self.urgency);
        let least = self.least_time_s.get(kind).copied().unwrap_or(f64::INFINITY);
        let deadline = self
            .urgent
            .filter(|(share, _)| draw < *share)
            .map(|(_, factor)| time.after(Time::from_seconds(factor * least)));
        let samples = self.samples.get(kind).copied()?;
        Some(Arrival { time, template: TemplateId(kind as u16), user: UserId(user as u32), samples, deadline })
    }
}

/// A uniform number in [0, 1) with 53 bits.
pub fn uniform(random: &mut impl Rng) -> f64 {
    (random.next_u64() >> 11) as f64 * 2f64.powi(-53)
}

/// An exponential number with mean 1 / `rate`.
pub fn exponential(random: &mut impl Rng, rate: f64) -> f64 {
    -(1.0 - uniform(random)).ln() / rate
}

fn cumulative(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sums: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let total = sums.last().copied().unwrap_or(0.0);
    sums.iter_mut().for_each(|sum| *sum /= total);
    sums
}

/// The first index whose cumulative share exceeds `draw`.
fn pick(cumulative: &[f64], draw: f64) -> usize {
    cumulative.partition_point(|&sum| sum <= draw).min(cumulative.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::file::WorkloadFile;

    fn workload(users: u32) -> Workload {
        let text = format!(
            "schema_version = 1\nname = 'w'\n[users]\ncount = {users}\n\
             [urgent]\nshare = 0.1\ndeadline_factor = 3.5\n\
             [[templates]]\nname = 'a'\nsamples = 10.0\ngpus = [1]\nbatches = [1]\n\
             [[templates]]\nname = 'b'\nsamples = 20.0\ngpus = [1]\nbatches = [1]\nweight = 3.0"
        );
        WorkloadFile::parse(&text, "w").unwrap().resolve("w").unwrap()
    }

    fn arrivals(users: u32, seed: u64) -> Vec<Arrival> {
        Poisson::new(&workload(users), 0.5, Time::from_seconds(40_000.0), vec![10.0, 20.0], seed).collect()
    }

    #[test]
    fn rate_shares_and_deadlines_are_those_asked_for() {
        let jobs = arrivals(5, 1);
        let n = jobs.len() as f64;
        // 20,000 expected, standard deviation 141.
        assert!((n - 20_000.0).abs() < 600.0, "{n}");
        let share = |hit: &dyn Fn(&Arrival) -> bool| jobs.iter().filter(|job| hit(job)).count() as f64 / n;
        assert!((share(&|job| job.template == TemplateId(1)) - 0.75).abs() < 0.015);
        assert!((share(&|job| job.user == UserId(3)) - 0.2).abs() < 0.015);
        assert!((share(&|job| job.deadline.is_some()) - 0.1).abs() < 0.01);
        let urgent = jobs.iter().find(|job| job.deadline.is_some()).unwrap();
        assert_eq!(urgent.deadline.unwrap().since(urgent.time), Time::from_seconds(urgent.samples * 3.5));
        assert!(jobs.is_sorted_by_key(|job| job.time));
    }

    #[test]
    fn gaps_are_exponential_by_kolmogorov_and_smirnov() {
        let jobs = arrivals(5, 2);
        let mut gaps: Vec<f64> = jobs.windows(2).map(|pair| pair[1].time.since(pair[0].time).seconds()).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(index, gap)| (1.0 - (-0.5 * gap).exp() - index as f64 / n).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.63 / n.sqrt(), "{distance} exceeds the 1 % point");
    }

    #[test]
    fn users_do_not_move_the_arrivals() {
        let (few, many) = (arrivals(2, 3), arrivals(50, 3));
        assert!(few.iter().zip(&many).all(|(a, b)| (a.time, a.template) == (b.time, b.template)));
        assert_ne!(few[0].time, arrivals(2, 4)[0].time);
    }
}
