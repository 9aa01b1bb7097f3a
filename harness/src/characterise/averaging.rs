//! Averaging window: the length of the stretch before each update whose mean load explains the readings best.
//!
//! The readings under a load that is switched on and off at known times are fitted by a + b s(t - d - w, t - d), where s
//! is the share of time in which the load was on, w the window and d the delay until a value shows. a and b follow by
//! least squares; w and d are scanned. The interval of w holds every w whose best fit is not worse than the best of all
//! by more than chance allows (profile likelihood). Yang et al. (SC 2024) fit the same boxcar to a square wave whose
//! period is a little off the sensor's, so that the window drifts through it.

use super::{Change, Estimate, LEVEL};
use ergometer_record::stats::{Interval, fit_line, t_quantile};

/// Fewest updates from which a window is told.
const FEWEST: usize = 30;
/// Longest window that is tried, in update periods.
pub(super) const LONGEST: f64 = 20.0;
/// Shortest and longest.
const RANGE: (f64, f64) = (0.02, LONGEST);
/// Shortest and longest delay, in update periods. A little below zero, because clocks are read late.
const DELAYS: (f64, f64) = (-0.2, 1.2);
/// Share of the readings' variance that the load must explain.
const LEAST_R2: f64 = 0.5;

/// A load that was on in known stretches of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Load {
    /// Start and end of each stretch, and the time at work before it, in s.
    stretches: Vec<(f64, f64, f64)>,
}

impl Load {
    /// Adds a stretch of work; stretches come in order of time and do not overlap.
    pub fn push(&mut self, start: f64, end: f64) {
        let before = self.stretches.last().map_or(0.0, |(start, end, before)| before + (end - start));
        self.stretches.push((start, end, before));
    }

    /// Time at work until `time`, in s.
    fn until(&self, time: f64) -> f64 {
        let after = self.stretches.partition_point(|(start, ..)| *start <= time);
        let last = after.checked_sub(1).and_then(|index| self.stretches.get(index));
        last.map_or(0.0, |(start, end, before)| before + (time.min(*end) - start))
    }

    /// Share of the time from `from` to `to` in which it was on.
    pub fn share(&self, from: f64, to: f64) -> f64 {
        (self.until(to) - self.until(from)) / (to - from)
    }
}

/// The averaging window of a power sensor with this update period, from its updates under a load, in s.
pub fn averaging(updates: &[Change], load: &Load, period: f64) -> Estimate {
    let n = updates.len();
    if n < FEWEST {
        return Estimate::unknown(format!("{n} updates were seen under the load, {FEWEST} are needed"));
    }
    let mean = updates.iter().map(|u| u.value).sum::<f64>() / n as f64;
    let total: f64 = updates.iter().map(|u| (u.value - mean).powi(2)).sum();
    let updates = &on_ticks(updates, period);
    let windows = grid(RANGE.0 * period, RANGE.1 * period, 70);
    let delays: Vec<f64> = (0..=28).map(|i| period * (DELAYS.0 + 0.05 * f64::from(i))).collect();
    let coarse = scan(updates, load, &windows, &delays);
    let Some(&(rough, delay, _)) = shortest(&coarse, total) else {
        return Estimate::unknown("no window explains the readings");
    };
    // The best residual of a window over all delays near the one found.
    let of_window = |window: f64| {
        let of_delay = |delay: f64| residual(updates, load, window, delay).unwrap_or(f64::INFINITY);
        least_of(delay - 0.06 * period, delay + 0.06 * period, of_delay).1
    };
    let near = grid(rough / 1.2, rough * 1.2, 25);
    let Some(close) = near.into_iter().min_by(|a, b| of_window(*a).total_cmp(&of_window(*b))) else {
        return Estimate::unknown("no window explains the readings");
    };
    let (window, least) = least_of(close / 1.02, close * 1.02, of_window);
    if total <= 0.0 || least > (1.0 - LEAST_R2) * total {
        return Estimate::unknown(format!(
            "the load explains {:.0} % of what its readings do: it hardly shows, or the sensor does not average over a \
             fixed window",
            if total > 0.0 { 100.0 * (1.0 - least / total) } else { 0.0 }
        ));
    }
    // Four parameters: a, b, w, d.
    let freedom = (n - 4) as f64;
    let bound = least * (1.0 + t_quantile(LEVEL, freedom).powi(2) / freedom);
    let outside = |window: f64| of_window(window) > bound;
    let low = border(window, RANGE.0 * period, outside);
    let high = border(window, 1.1 * RANGE.1 * period, outside);
    if high > 0.98 * RANGE.1 * period {
        return Estimate::unknown(format!("it is longer than {low:.3} s; the load was too fast to tell how long"));
    }
    // Below the shortest window tried nothing can be told apart.
    let low = if low < 1.02 * RANGE.0 * period { 0.0 } else { low };
    Estimate::Known(Interval { estimate: window, low, high, level: LEVEL, n })
}

/// The updates with their times moved to the nearest regular ticks that polling allows: a sensor updates by a clock, and
/// the times of many changes together tell its ticks better than each its own.
fn on_ticks(updates: &[Change], period: f64) -> Vec<Change> {
    let mut numbers = vec![0.0];
    for pair in updates.windows(2) {
        let last = numbers.last().copied().unwrap_or(0.0);
        numbers.push(last + ((pair[1].time() - pair[0].time()) / period).round());
    }
    let times: Vec<f64> = updates.iter().map(Change::time).collect();
    let Some(line) = fit_line(&numbers, &times) else { return updates.to_vec() };
    let moved = |(update, number): (&Change, &f64)| {
        let tick = (line.intercept + line.slope * number).clamp(update.before, update.seen);
        Change { before: tick, seen: tick, ..*update }
    };
    updates.iter().zip(&numbers).map(moved).collect()
}

/// `n` numbers from `low` to `high` in equal ratios.
fn grid(low: f64, high: f64, n: u32) -> Vec<f64> {
    (0..n).map(|i| low * (high / low).powf(f64::from(i) / f64::from(n - 1))).collect()
}

/// Where a function of one minimum between `low` and `high` is least, and its value there (golden section).
fn least_of(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> (f64, f64) {
    const SHARE: f64 = 0.618_033_988_749_894_9;
    let (mut left, mut right) = (high - SHARE * (high - low), low + SHARE * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..16 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - SHARE * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + SHARE * (high - low);
            at_right = f(right);
        }
    }
    if at_left <= at_right { (left, at_left) } else { (right, at_right) }
}

/// The first window from `inside` towards `end` that is outside: in growing steps, then halved.
fn border(inside: f64, end: f64, outside: impl Fn(f64) -> bool) -> f64 {
    let (mut last, mut step) = (inside, 1e-3);
    loop {
        let next = if end > inside { (inside * (1.0 + step)).min(end) } else { (inside / (1.0 + step)).max(end) };
        if outside(next) {
            let (mut within, mut beyond) = (last, next);
            for _ in 0..8 {
                let middle = (within + beyond) / 2.0;
                if outside(middle) { beyond = middle } else { within = middle }
            }
            return beyond;
        }
        if next == end {
            return end;
        }
        (last, step) = (next, 2.0 * step);
    }
}

/// For each window the best delay: (window, delay, sum of squared residuals).
fn scan(updates: &[Change], load: &Load, windows: &[f64], delays: &[f64]) -> Vec<(f64, f64, f64)> {
    let of_window = |window: &f64| {
        delays
            .iter()
            .filter_map(|delay| Some((*window, *delay, residual(updates, load, *window, *delay)?)))
            .min_by(|a, b| a.2.total_cmp(&b.2))
    };
    windows.iter().filter_map(of_window).collect()
}

/// The shortest window whose fit is nearly as good as the best: a wave of one period can't tell a window from the same
/// with that period added, and the longer one would have to average over changes that nobody asked for.
fn shortest(fits: &[(f64, f64, f64)], total: f64) -> Option<&(f64, f64, f64)> {
    let bound = 1.5 * best(fits)?.2 + 1e-3 * total;
    let first = fits.iter().position(|(.., squares)| *squares <= bound)?;
    let good = fits.get(first..)?.iter().take_while(|(.., squares)| *squares <= bound);
    good.min_by(|a, b| a.2.total_cmp(&b.2))
}

fn best(fits: &[(f64, f64, f64)]) -> Option<&(f64, f64, f64)> {
    fits.iter().min_by(|a, b| a.2.total_cmp(&b.2))
}

/// Sum of squared residuals of the best a + b s; `None` where s does not vary, or where power falls under load.
fn residual(updates: &[Change], load: &Load, window: f64, delay: f64) -> Option<f64> {
    let n = updates.len() as f64;
    let (mut x, mut y, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for update in updates {
        let end = update.time() - delay;
        let share = load.share(end - window, end);
        x += share;
        y += update.value;
        xx += share * share;
        xy += share * update.value;
        yy += update.value * update.value;
    }
    let (sxx, sxy, syy) = (xx - x * x / n, xy - x * y / n, yy - y * y / n);
    (sxx > 1e-9 * n && sxy > 0.0).then(|| (syy - sxy * sxy / sxx).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const PERIOD: f64 = 0.1;

    /// A wave a little off the period, one much slower, and what a sensor with this window and delay makes of them.
    fn observed(window: f64, delay: f64, noise: f64, seed: u64) -> (Vec<Change>, Load) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut load, mut now) = (Load::default(), 2.0);
        for (ratio, count) in [(1.04, 40), (2.6, 16), (16.6, 4)] {
            for _ in 0..count {
                load.push(now, now + PERIOD * ratio / 2.0);
                now += PERIOD * ratio;
            }
        }
        let updates = (0..((now - 2.0) / PERIOD) as u32)
            .map(|i| {
                let time = 2.0 + PERIOD * f64::from(i);
                let share = load.share(time - delay - window, time - delay);
                let value = 60.0 + 150.0 * share + noise * random.random_range(-1.7..1.7);
                let early = 0.002 * random.random_range(0.0..1.0);
                Change { before: time - early, seen: time + 0.002 - early, value }
            })
            .collect();
        (updates, load)
    }

    #[test]
    fn shares_are_those_of_the_stretches() {
        let mut load = Load::default();
        load.push(1.0, 2.0);
        load.push(3.0, 3.5);
        for (from, to, share) in [(0.0, 1.0, 0.0), (0.0, 4.0, 0.375), (1.5, 3.25, 0.75 / 1.75), (1.2, 1.3, 1.0)] {
            assert!((load.share(from, to) - share).abs() < 1e-12, "{from} to {to}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        // Up to 16 of the 20 periods that are tried; nearer to the border the interval is open upwards.
        #[test]
        fn a_known_window_is_found(log_window in -1.8..0.2f64, delay in 0.0..0.08f64, seed: u64) {
            let window = 10f64.powf(log_window);
            let (updates, load) = observed(window, delay, 1.0, seed);
            let found = averaging(&updates, &load, PERIOD);
            let interval = found.known().expect("a window");
            prop_assert!((interval.estimate - window).abs() < 0.003 + 0.05 * window, "{interval} of {window}");
        }
    }

    #[test]
    fn the_interval_covers_the_window() {
        let covered = (0..40).filter(|seed| {
            let (updates, load) = observed(0.025, 0.01, 2.0, *seed);
            averaging(&updates, &load, PERIOD).known().is_some_and(|i| i.covers(0.025))
        });
        let covered = covered.count();
        assert!(covered >= 35, "{covered} of 40");
    }

    #[test]
    fn a_window_longer_than_those_tried_is_not_told() {
        let (updates, load) = observed(2.5, 0.01, 1.0, 3);
        assert_eq!(averaging(&updates, &load, PERIOD).known(), None);
    }

    #[test]
    fn a_load_that_does_not_show_tells_nothing() {
        let (mut updates, load) = observed(0.025, 0.0, 1.0, 1);
        let mut random = ChaCha8Rng::seed_from_u64(9);
        updates.iter_mut().for_each(|u| u.value = random.random_range(50.0..60.0));
        assert!(
            matches!(averaging(&updates, &load, PERIOD), Estimate::Unknown { reason } if reason.contains("hardly shows"))
        );
        assert!(averaging(&updates[..20], &load, PERIOD).known().is_none());
    }
}
