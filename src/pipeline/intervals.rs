//! Energy and time of a command against the sampling interval (thesis figure 3.3). Joins the profiler's runs with tables
//! and plots.

use crate::harness::meter::{ComponentEnergy, IntervalRun};
use crate::harness::table::Grid;
use crate::record::stats::{human_time, mean, t_interval};
use crate::record::{Component, Interval, Seconds};
use crate::report::{Estimate, Origin, Series, SeriesPlot};

/// The intervals in ascending order.
fn intervals(runs: &[IntervalRun]) -> Vec<Seconds> {
    let mut all: Vec<Seconds> = runs.iter().map(|run| run.interval_s).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.dedup();
    all
}

/// The components that have an energy in some run.
fn components(runs: &[IntervalRun]) -> Vec<Component> {
    let known =
        |run: &IntervalRun| run.components.iter().filter(|c| c.energy_j.is_some()).map(|c| c.component).collect();
    let mut all: Vec<Component> = runs.iter().flat_map(|run| -> Vec<Component> { known(run) }).collect();
    all.sort();
    all.dedup();
    all
}

/// The energies of one component at one interval.
fn energies(runs: &[IntervalRun], interval: Seconds, component: Component) -> Vec<&ComponentEnergy> {
    let at = runs.iter().filter(|run| run.interval_s == interval);
    at.flat_map(|run| &run.components).filter(|c| c.component == component && c.energy_j.is_some()).collect()
}

/// Mean over repeats with its t-interval; of a single run twice its standard uncertainty, where it has one.
fn estimate(values: &[f64], u: Option<f64>) -> Option<Estimate> {
    let centre = mean(values)?;
    Some(match (t_interval(values, 0.95), u) {
        (Some(interval), _) => Estimate::Interval(interval),
        (None, Some(u)) => Estimate::Interval(Interval {
            estimate: centre,
            low: centre - 2.0 * u,
            high: centre + 2.0 * u,
            level: 0.95,
            n: 1,
        }),
        (None, None) => Estimate::Single(centre),
    })
}

fn energy(runs: &[IntervalRun], interval: Seconds, component: Component) -> Option<Estimate> {
    let found = energies(runs, interval, component);
    let values: Vec<f64> = found.iter().filter_map(|c| c.energy_j).map(|e| e.0).collect();
    estimate(&values, found.first().and_then(|c| c.energy_u_j).map(|u| u.0))
}

fn time(runs: &[IntervalRun], interval: Seconds) -> Option<Estimate> {
    let times: Vec<f64> = runs.iter().filter(|run| run.interval_s == interval).map(|run| run.time_s.0).collect();
    estimate(&times, None)
}

/// One line an interval, for people.
pub fn grid(runs: &[IntervalRun]) -> Grid {
    let of = components(runs);
    let text = |estimate: Option<Estimate>, unit: &str| match estimate {
        None => "absent".to_owned(),
        Some(e) => match e.range() {
            Some((low, high)) => format!("{:.3} +- {:.3} {unit}", e.value(), (high - low) / 2.0),
            None => format!("{:.3} {unit}", e.value()),
        },
    };
    let rows = intervals(runs).into_iter().map(|interval| {
        let at: Vec<&IntervalRun> = runs.iter().filter(|run| run.interval_s == interval).collect();
        let share = |of: &dyn Fn(&IntervalRun) -> Option<f64>| {
            let shares: Vec<f64> = at.iter().filter_map(|run| of(run)).collect();
            mean(&shares).map_or_else(|| "absent".to_owned(), |share| format!("{:.3} %", 100.0 * share))
        };
        let mut row = vec![human_time(interval), at.len().to_string(), text(time(runs, interval), "s")];
        row.extend(of.iter().map(|component| text(energy(runs, interval, *component), "J")));
        row.push(share(&|run| Some(run.sampling_share)));
        row.push(share(&|run| run.sampling_cpu_share));
        row
    });
    let mut columns = vec!["interval".to_owned(), "runs".to_owned(), "time".to_owned()];
    columns.extend(of.iter().map(ToString::to_string));
    columns.extend(["reading (wall)".to_owned(), "reading (CPU)".to_owned()]);
    let mut notes = vec![
        "half widths: 95 % of the mean over repeats; of a single run twice the standard uncertainty".to_owned(),
        "a sensor that updates more rarely than the interval is read at its own rate".to_owned(),
    ];
    if of.is_empty() {
        notes.push("no sensor here measures energy".to_owned());
    }
    Grid {
        title: "Energy and time against the sampling interval (thesis figure 3.3)".to_owned(),
        groups: Vec::new(),
        columns,
        rows: rows.collect(),
        notes,
    }
}

/// One line a run and component, for programs; a run without any energy has one line.
pub fn table(runs: &[IntervalRun]) -> Grid {
    let columns = [
        "interval_s",
        "repeat",
        "order",
        "time_s",
        "component",
        "provenance",
        "energy_j",
        "energy_u_j",
        "readings",
        "sampling_share",
        "sampling_cpu_share",
    ];
    let number = |value: Option<f64>| value.map_or_else(String::new, |x| x.to_string());
    let rows = runs.iter().flat_map(|run| {
        let start =
            [run.interval_s.0.to_string(), run.repeat.to_string(), run.order.to_string(), run.time_s.0.to_string()];
        let end = [number(Some(run.sampling_share)), number(run.sampling_cpu_share)];
        let mut parts: Vec<[String; 5]> = run
            .components
            .iter()
            .map(|c| {
                let (energy, u) = (number(c.energy_j.map(|e| e.0)), number(c.energy_u_j.map(|e| e.0)));
                [c.component.to_string(), c.provenance.to_string(), energy, u, c.readings.to_string()]
            })
            .collect();
        if parts.is_empty() {
            parts.push(Default::default());
        }
        parts
            .into_iter()
            .map(move |part| start.iter().cloned().chain(part).chain(end.iter().cloned()).collect::<Vec<_>>())
    });
    Grid {
        title: String::new(),
        groups: Vec::new(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

/// Energy of each component against the interval.
pub fn energy_plot(runs: &[IntervalRun]) -> SeriesPlot {
    let of_component = |component: Component| {
        let points = intervals(runs).into_iter().filter_map(|i| Some((i.0, energy(runs, i, component)?))).collect();
        let modelled = runs
            .iter()
            .flat_map(|run| &run.components)
            .any(|c| c.component == component && c.energy_j.is_some() && !c.provenance.is_measured());
        let origin = if modelled { Origin::Modelled } else { Origin::Measured };
        Series { name: component.to_string(), origin, points }
    };
    plot("Energy against sampling interval", ("energy", "J"), components(runs).into_iter().map(of_component).collect())
}

/// Time of the command against the interval.
pub fn time_plot(runs: &[IntervalRun]) -> SeriesPlot {
    let points = intervals(runs).into_iter().filter_map(|i| Some((i.0, time(runs, i)?))).collect();
    let series = vec![Series { name: "time of the command".to_owned(), origin: Origin::Measured, points }];
    plot("Time against sampling interval", ("time", "s"), series)
}

fn plot(title: &str, y: (&str, &str), series: Vec<Series>) -> SeriesPlot {
    SeriesPlot {
        title: title.to_owned(),
        x: ("sampling interval".to_owned(), "s".to_owned()),
        y: (y.0.to_owned(), y.1.to_owned()),
        log_y: false,
        series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::meter::Exit;
    use crate::record::measurement::Domain;
    use crate::record::{Joules, Provenance};

    fn run(interval: f64, repeat: u32, energy: Option<f64>) -> IntervalRun {
        IntervalRun {
            interval_s: Seconds(interval),
            repeat,
            order: repeat,
            time_s: Seconds(2.0),
            components: vec![ComponentEnergy {
                component: Component::new(Domain::Package, 0),
                sensor: "s".into(),
                provenance: if energy.is_some() { Provenance::Counter } else { Provenance::Absent },
                energy_j: energy.map(Joules),
                energy_u_j: energy.map(|_| Joules(0.5)),
                mean_w: None,
                peak_w: None,
                readings: 3,
                failed_readings: 0,
                reason: None,
                characterised: None,
            }],
            sampling_share: 0.001,
            sampling_cpu_share: None,
            exit: Exit::Code(0),
        }
    }

    #[test]
    fn repeats_have_t_intervals_and_single_runs_their_own_uncertainty() {
        let runs = [run(0.1, 0, Some(10.0)), run(0.1, 1, Some(12.0)), run(0.01, 0, Some(9.0))];
        let grid = grid(&runs);
        assert_eq!(grid.columns[3], "package:0");
        // t = 12.706 at one degree of freedom, s / sqrt(2) = 1.
        assert_eq!([&grid.rows[0][3], &grid.rows[1][3]], ["9.000 +- 1.000 J", "11.000 +- 12.706 J"]);
        assert_eq!(grid.rows[0][5], "absent");
        let svg = energy_plot(&runs).svg().unwrap().unwrap();
        assert!(svg.contains("package:0") && time_plot(&runs).svg().unwrap().is_some());
    }

    #[test]
    fn what_is_absent_is_empty_for_programs_and_no_zero() {
        let runs = [run(0.1, 0, None)];
        assert_eq!(table(&runs).rows[0][4..8], ["package:0", "absent", "", ""]);
        assert!(grid(&runs).notes.iter().any(|n| n.contains("no sensor")));
        assert_eq!(energy_plot(&runs).svg().unwrap(), None);
    }
}
