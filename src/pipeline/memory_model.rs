//! The DRAM model beside a measured DRAM domain over footprint (thesis figure 4.1). Joins the harness' comparison with
//! table and plot.

use crate::harness::footprint::Step;
use crate::harness::table::Grid;
use crate::record::Joules;
use crate::record::stats::human_time;
use crate::report::{Estimate, Origin, Series, SeriesPlot};

/// The table: text for people; with `bare`, plain numbers for programs.
pub fn grid(steps: &[Step], bare: bool) -> Grid {
    let columns: &[&str] = if bare {
        &["footprint_bytes", "passes", "time_s", "modelled_j", "modelled_u_j", "measured_j", "measured_u_j"]
    } else {
        &["footprint", "time", "modelled", "measured", "model/measured"]
    };
    let mut notes: Vec<String> = Vec::new();
    let mut note = |text: &String| {
        if !notes.contains(text) {
            notes.push(text.clone());
        }
    };
    let rows = steps.iter().map(|step| {
        step.modelled.as_ref().err().into_iter().for_each(|reason| note(&format!("modelled: absent, {reason}")));
        step.measured.as_ref().err().into_iter().for_each(|reason| note(&format!("measured: absent, {reason}")));
        let (modelled, measured) = (step.modelled.as_ref().ok(), step.measured.as_ref().ok());
        if bare {
            let pair = |value: Option<&(Joules, Joules)>| {
                value.map_or_else(
                    || [String::new(), String::new()],
                    |(energy, u)| [energy.0.to_string(), u.0.to_string()],
                )
            };
            let numbers = [step.footprint_bytes.to_string(), step.passes.to_string(), step.time_s.0.to_string()];
            return numbers.into_iter().chain(pair(modelled)).chain(pair(measured)).collect();
        }
        let text = |value: Option<&(Joules, Joules)>| {
            value.map_or_else(|| "absent".to_owned(), |(energy, u)| format!("{:.3} +- {:.3} J", energy.0, u.0))
        };
        let ratio = modelled.zip(measured).map_or_else(String::new, |(a, b)| format!("{:.2}", a.0 / b.0));
        vec![size(step.footprint_bytes), human_time(step.time_s), text(modelled), text(measured), ratio]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if steps.iter().any(|step| step.modelled.is_ok()) {
        notes.push(
            "modelled: equations 4.1 and 4.2 of the thesis, by the share of memory in use; it does not know what the \
             memory does"
                .to_owned(),
        );
    }
    notes.push(
        "energy and time of one pass over the footprint, reading and writing it; standard uncertainties".to_owned(),
    );
    Grid {
        title: "DRAM over footprint (thesis figure 4.1)".to_owned(),
        groups: Vec::new(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows,
        notes,
    }
}

fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 1024.0 { format!("{:.4} GiB", mib / 1024.0).replace(".0000", "") } else { format!("{mib:.0} MiB") }
}

/// Energy of a pass over footprint, modelled and measured.
pub fn energy_plot(steps: &[Step]) -> SeriesPlot {
    let series = |name: &str, origin, energy: &dyn Fn(&Step) -> Option<(Joules, Joules)>| Series {
        name: name.to_owned(),
        origin,
        points: steps
            .iter()
            .filter_map(|step| energy(step).map(|(e, u)| (step.footprint_bytes as f64, with_u(e.0, u.0))))
            .collect(),
    };
    let mut lines = vec![series("model (eq. 4.1)", Origin::Modelled, &|s| s.modelled.clone().ok())];
    lines.push(series("RAPL DRAM domains", Origin::Measured, &|s| s.measured.clone().ok()));
    lines.retain(|line| !line.points.is_empty());
    SeriesPlot {
        title: "DRAM energy of one pass".to_owned(),
        x: ("footprint".to_owned(), "B".to_owned()),
        y: ("energy".to_owned(), "J".to_owned()),
        log_y: true,
        series: lines,
    }
}

/// Time of a pass over footprint.
pub fn time_plot(steps: &[Step]) -> SeriesPlot {
    let points = steps.iter().map(|s| (s.footprint_bytes as f64, Estimate::Single(s.time_s.0))).collect();
    SeriesPlot {
        title: "Time of one pass".to_owned(),
        x: ("footprint".to_owned(), "B".to_owned()),
        y: ("time".to_owned(), "s".to_owned()),
        log_y: true,
        series: vec![Series { name: "time".to_owned(), origin: Origin::Measured, points }],
    }
}

/// A value with the interval of two standard uncertainties.
pub(super) fn with_u(value: f64, u: f64) -> Estimate {
    // A logarithmic axis has no place for what lies below zero.
    let (low, high) = ((value - 2.0 * u).max(0.01 * value), value + 2.0 * u);
    Estimate::Interval(crate::record::Interval { estimate: value, low, high, level: 0.95, n: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Seconds;

    fn steps() -> Vec<Step> {
        let of = |gib: u64, measured| Step {
            footprint_bytes: gib << 30,
            passes: 2.0,
            time_s: Seconds(0.1 * gib as f64),
            modelled: Ok((Joules(1.5 * gib as f64), Joules(0.4))),
            measured,
        };
        vec![of(1, Ok((Joules(1.0), Joules(0.1)))), of(2, Err("no DRAM domain is measured here".into()))]
    }

    #[test]
    fn what_is_absent_is_said_and_empty_for_programs() {
        let people = grid(&steps(), false);
        assert_eq!(people.rows[0], ["1 GiB", "100 ms", "1.500 +- 0.400 J", "1.000 +- 0.100 J", "1.50"]);
        assert_eq!(people.rows[1][3..], ["absent", ""]);
        assert!(people.notes.iter().any(|n| n.contains("no DRAM domain")));
        let bare = grid(&steps(), true);
        assert_eq!(bare.rows[1], ["2147483648", "2", "0.2", "3", "0.4", "", ""]);
    }

    #[test]
    fn the_plot_says_which_line_is_modelled() {
        let svg = energy_plot(&steps()).svg().unwrap().unwrap();
        assert!(svg.contains("model (eq. 4.1) (modelled)") && svg.contains("RAPL DRAM domains</text>"));
        let alone = energy_plot(&steps()[1..]).svg().unwrap().unwrap();
        assert!(alone.contains("MODELLED") && !alone.contains("RAPL"));
    }
}
