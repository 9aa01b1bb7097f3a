//! Energy per execution as the slope of energy over executions, from windows of several lengths.
//!
//! A window's energy is wrong by about one step and one update period of its sensor, however long it is. The slope of a
//! line through windows of different lengths is free of whatever is the same in all of them (the ends, a start-up energy:
//! the line's intercept), and its scatter says how wrong it is, where a single window can only quote the sensor's data
//! sheet. It costs seven times as long as one window, and is taken where one window would be poor ([`Slope::Auto`]).

use super::{ComponentPower, Instruments, Load, MeasureError, Stretch};
use crate::sensor::{Quantity, Reading};
use ergometer_record::stats::fit_line;
use ergometer_record::{Budget, Component, Seconds};

/// When to take the slope over window lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slope {
    /// Where the first window's budget says that the sensor's step outweighs its update period and its gain, and where
    /// [`super::Options::longest_window`] leaves no room for the update periods asked for.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Lengths of the further windows over that of the first, which has length 1. There and back, so that a drift does not
/// look like a slope.
const LENGTHS: [f64; 5] = [0.5, 2.0, 2.0, 0.5, 1.0];

/// Different lengths, that of the first window among them.
fn lengths() -> usize {
    let mut all: Vec<f64> = LENGTHS.into_iter().chain([1.0]).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all.len()
}

/// The golden ratio less one: its multiples spread evenly over a circle, however many there are.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Instruments<'_> {
    /// One repeat of a point: a window, or windows of three lengths and the slope over them.
    pub(crate) fn repeat(&mut self, load: &mut dyn Load, batch: u64) -> Result<Stretch, MeasureError> {
        let first = self.window(load, batch)?;
        let slope = match self.options.slope {
            Slope::Always => true,
            Slope::Never => false,
            Slope::Auto => self.is_short() || first.powers.iter().any(|(_, power)| is_coarse(power)),
        };
        if !slope || first.powers.is_empty() {
            return Ok(first);
        }
        let length = self.window_time();
        let step = self.step_time(&first);
        let mut stretches = vec![first];
        for (i, share) in LENGTHS.into_iter().enumerate() {
            // Each window begins at another phase of the counter's step. Left to itself the phase goes on where the warm-up
            // ended, and a warm-up ends where two stretches agree, which of a coarse counter is a matter of its phase.
            let start = self.clock.now();
            let wait = step * ((i + 1) as f64 * GOLDEN).fract();
            while (self.clock.now() - start).0 < wait.0 {
                load.run(batch)?;
            }
            stretches.push(self.stretch(load, batch, length * share)?);
        }
        Ok(combine(stretches))
    }

    /// In what time the coarsest counter advances by one step or one update, at most a window.
    fn step_time(&mut self, first: &Stretch) -> Seconds {
        let clock = self.clock;
        let mut longest = 0.0f64;
        for (sensor, (_, power)) in self.sensors.iter_mut().zip(&first.powers) {
            if let (Ok(power), Ok(Reading { quantity: Quantity::Energy(_), .. })) = (power, sensor.read(clock)) {
                longest = longest.max(sensor.info().resolution / power.mean.0).max(sensor.info().period.0);
            }
        }
        Seconds(longest.min(self.window_time().0))
    }

    /// Whether a window has to be shorter than the update periods asked for.
    fn is_short(&self) -> bool {
        self.slowest_period().is_some_and(|period| self.window_time().0 < 0.999 * period.0 * self.options.periods)
    }
}

/// Whether the step of the sensor is the largest part of the uncertainty.
fn is_coarse(power: &Result<ComponentPower, String>) -> bool {
    power.as_ref().is_ok_and(|power| {
        let Budget { quantisation_j, period_j, gain_j } = power.budget;
        quantisation_j > period_j && quantisation_j > gain_j
    })
}

/// One stretch that stands for all: iterations and times together, powers by slope.
fn combine(stretches: Vec<Stretch>) -> Stretch {
    let iterations: u64 = stretches.iter().map(|s| s.iterations).sum();
    let busy: Seconds = stretches.iter().map(|s| s.busy).sum();
    let components: Vec<Component> =
        stretches.first().map_or_else(Vec::new, |first| first.powers.iter().map(|(component, _)| *component).collect());
    let mut remarks = Vec::new();
    let mut throttling = stretches.first().and_then(|first| first.throttling.clone());
    for other in stretches.iter().skip(1) {
        if let (Some(sum), Some(other)) = (&mut throttling, &other.throttling) {
            sum.absorb(other);
        }
    }
    let powers = components
        .into_iter()
        .enumerate()
        .map(|(index, component)| {
            let power = slope(&stretches, index, iterations, busy).map(|(power, start_j)| {
                remarks.push(format!(
                    "{component}: slope over {} windows of {} lengths, intercept {start_j:.3} J",
                    stretches.len(),
                    lengths()
                ));
                power
            });
            (component, power)
        })
        .collect();
    let temperature_c = stretches.last().and_then(|last| last.temperature_c);
    let counted = stretches.iter().map(|s| s.counted).reduce(|a, b| Some(a?.and(&b?))).flatten();
    Stretch { iterations, busy, powers, temperature_c, throttling, counted, remarks }
}

/// The power of the `index`-th component by slope, and the intercept in J.
fn slope(stretches: &[Stretch], index: usize, iterations: u64, busy: Seconds) -> Result<(ComponentPower, f64), String> {
    let mut points: Vec<(f64, f64, Budget)> = Vec::new();
    let mut provenance = None;
    for stretch in stretches {
        let (_, power) = stretch.powers.get(index).ok_or("a sensor was lost between two windows")?;
        let power = power.as_ref().map_err(Clone::clone)?;
        provenance = Some(power.provenance);
        let share = stretch.busy / power.span;
        points.push((stretch.iterations as f64, power.mean.0 * stretch.busy.0, power.budget.scaled(share)));
    }
    let (executions, energies): (Vec<f64>, Vec<f64>) = points.iter().map(|(n, e, _)| (*n, *e)).unzip();
    // Every window is wrong by the same step and period, so that all weigh alike. Weights from the windows' own budgets
    // would lean towards those that by chance read too little.
    let line = fit_line(&executions, &energies)
        .filter(|line| line.slope > 0.0)
        .ok_or("the windows' energies do not rise with their executions: measure for longer")?;
    // The scatter about the line or what the budgets explain, whichever is more: few windows scatter little by luck.
    let n = points.len() as f64;
    let window_j = (points.iter().map(|(_, _, b)| b.random_j().powi(2)).sum::<f64>() / n).sqrt();
    let centre = executions.iter().sum::<f64>() / n;
    let explained = window_j / executions.iter().map(|x| (x - centre).powi(2)).sum::<f64>().sqrt();
    let all = iterations as f64;
    let random_j = line.slope_u.max(explained) * all;
    let parts = points.iter().fold(Budget::default(), |sum, (_, _, b)| Budget {
        quantisation_j: sum.quantisation_j.hypot(b.quantisation_j),
        period_j: sum.period_j.hypot(b.period_j),
        gain_j: sum.gain_j + b.gain_j / energies.iter().sum::<f64>(),
    });
    let share = random_j / parts.random_j().max(f64::MIN_POSITIVE);
    let energy_j = line.slope * all;
    let budget = Budget {
        quantisation_j: parts.quantisation_j * share,
        period_j: parts.period_j * share,
        gain_j: parts.gain_j * energy_j,
    };
    let provenance = provenance.ok_or("there was no window")?;
    let (mean, mean_u) = (ergometer_record::Joules(energy_j) / busy, budget.total() / busy);
    Ok((ComponentPower { mean, mean_u, budget, span: busy, provenance }, line.intercept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::Bench;
    use crate::vnode::physics::Covers;
    use ergometer_record::{Kernel, KernelSpec, Precision, Row, Size, stats};

    /// A processor whose memory counter has steps of 1 J, every 100 ms, and no other error; a kernel of 1.5 ms. (At idle,
    /// 9.4 W, an update is about one step, and this quiet a device keeps in step with its counter for minutes.)
    fn coarse(slope: Slope) -> Bench {
        let mut bench = Bench::new();
        bench.physics = crate::vnode::preset("xeon").unwrap();
        bench.physics.sensors.retain(|sensor| sensor.covers == Covers::Dram);
        let sensor = &mut bench.physics.sensors[0];
        (sensor.period_s, sensor.resolution, sensor.gain_u) = (0.1, 1.0, 0.0);
        (bench.physics.noise.power_point, bench.physics.noise.time_point) = (0.0, 0.0);
        bench.plan.specs =
            vec![KernelSpec::new(Kernel::Triad, Size::Vector { n: 20_000_000 }, Precision::F32).unwrap()];
        bench.plan.groups.clear();
        bench.plan.idle.clear();
        bench.plan.blocks = 1;
        bench.plan.window.slope = slope;
        bench
    }

    /// Energies and standard uncertainties of many points, and the truth.
    fn points(slope: Slope, n: u64) -> (Vec<Row>, f64) {
        let mut bench = coarse(slope);
        let rows = (0..n).map(|seed| {
            bench.seed = seed;
            std::fs::remove_file(bench.folder.path().join("state.json")).ok();
            bench.rows().remove(0)
        });
        let rows = rows.collect();
        let (spec, physics) = (&bench.plan.specs[0], &bench.physics);
        let at = physics.throttle(spec, physics.clock.max_hz, physics.cap.max_w, 50.0);
        (rows, at.dram_w * at.time_s)
    }

    #[test]
    fn a_coarse_counter_is_measured_by_slope_and_a_fine_one_is_not() {
        let (rows, _) = points(Slope::Auto, 1);
        assert!(rows[0].note.contains("dram:0: slope over 6 windows of 3 lengths, intercept"), "{}", rows[0].note);
        let mut fine = coarse(Slope::Auto);
        fine.physics.sensors[0].resolution = 1e-4;
        assert!(fine.rows()[0].note.is_empty());
        // Nor where the plan leaves no choice.
        assert!(points(Slope::Never, 1).0[0].note.is_empty());
        fine.plan.window.slope = Slope::Always;
        assert!(fine.rows()[0].note.contains("slope"));
        // A sensor whose periods do not fit the longest window.
        fine.plan.window.slope = Slope::Auto;
        fine.plan.window.longest_window = Seconds(1.0);
        assert!(fine.rows()[0].note.contains("slope"));
    }

    #[test]
    fn the_slope_is_unbiased_covers_the_truth_and_beats_a_single_window() {
        let (by_slope, truth) = points(Slope::Auto, 300);
        let errors = |rows: &[Row]| -> Vec<f64> { rows.iter().map(|r| r.energy.unwrap().0 / truth - 1.0).collect() };
        let rms = |e: &[f64]| (e.iter().map(|x| x * x).sum::<f64>() / e.len() as f64).sqrt();
        let of_slope = errors(&by_slope);
        let (mean, error) =
            (stats::mean(&of_slope).unwrap(), stats::standard_deviation(&of_slope).unwrap() / (300f64).sqrt());
        assert!(mean.abs() < 3.0 * error, "bias {mean} +- {error}");
        // Six windows and two coefficients leave four degrees of freedom.
        let t = stats::t_quantile(0.95, 4.0);
        let covered = by_slope.iter().filter(|r| (r.energy.unwrap().0 - truth).abs() <= t * r.energy_u.unwrap().0);
        let covered = covered.count() as f64 / 300.0;
        assert!(covered >= 0.93, "{covered}");
        let single = rms(&errors(&points(Slope::Never, 300).0));
        println!(
            "bias {mean:.2e} +- {error:.1e}, coverage {covered:.3}, rms {:.2e}, single {single:.2e}",
            rms(&of_slope)
        );
        assert!(rms(&of_slope) < 0.9 * single, "{} and {single}", rms(&of_slope));
    }
}
