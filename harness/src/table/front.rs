//! The settings worth a look: those that no other beats in both time and energy, with the sweet spot (least EDP) and the
//! least ED2P among them.
//!
//! The two products answer different questions: EDP trades a percent of time for a percent of energy, ED2P for two.

use super::data::{Cost, Device, Point, Workload};
use super::edp::tied;
use super::gain::{Choice, Ratio, choose, mean_ratio, ratio};
use super::grid::Grid;
use super::pareto::{least_product, pareto_front};
use ergometer_record::{Interval, Technique};

/// One setting on the front.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontPoint {
    /// Its label.
    pub setting: String,
    /// The lever that it pulls.
    pub technique: Technique,
    /// Over the baseline's; `None` for the baseline itself.
    pub time: Option<Ratio>,
    /// Likewise.
    pub energy: Option<Ratio>,
    /// Likewise.
    pub edp: Option<Ratio>,
    /// Likewise.
    pub ed2p: Option<Ratio>,
    /// `least time`, `least EDP`, `least ED2P`, `least energy`.
    pub marks: Vec<&'static str>,
}

/// One workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Front {
    /// The workload.
    pub workload: String,
    /// Settings that held, and the baseline, that no other beats in both time and energy; fastest first.
    pub points: Vec<FrontPoint>,
    /// How many settings were compared, the baseline among them.
    pub compared: usize,
    /// What choosing the least EDP gains, from blocks that did not choose.
    pub sweet_spot: Option<Choice>,
    /// Settings whose EDP can't be told from the least.
    pub tied: Vec<String>,
    /// What choosing the least ED2P gains, likewise.
    pub least_ed2p: Option<Choice>,
}

/// The front of each workload of a device.
pub fn fronts(device: &Device) -> Vec<Front> {
    device.workloads.iter().filter_map(front).collect()
}

fn front(workload: &Workload) -> Option<Front> {
    let baseline = &workload.baseline;
    let credited: Vec<&Point> = workload.points.iter().filter(|p| p.is_credited()).collect();
    let relative = |point: &Point| {
        let of = |metric: fn(&Cost) -> f64| Some(ratio(baseline, point, metric)?.estimate);
        Some((of(|c| c.time_s)?, of(|c| c.energy_j)?))
    };
    let known: Vec<(&Point, (f64, f64))> = std::iter::once(baseline)
        .chain(credited.iter().copied())
        .filter_map(|point| Some((point, relative(point)?)))
        .collect();
    let costs: Vec<(f64, f64)> = known.iter().map(|(_, cost)| *cost).collect();
    let on_front = pareto_front(&costs);
    let least = [
        ("least time", on_front.first().copied()),
        ("least EDP", least_product(&costs, 1.0)),
        ("least ED2P", least_product(&costs, 2.0)),
        ("least energy", on_front.last().copied()),
    ];
    let of = |index: &usize| {
        let (point, _) = known.get(*index)?;
        let is_baseline = std::ptr::eq(*point, baseline);
        let over = |metric: fn(&Cost) -> f64| ratio(baseline, point, metric).filter(|_| !is_baseline);
        Some(FrontPoint {
            setting: point.label.clone(),
            technique: point.technique,
            time: over(|c| c.time_s),
            energy: over(|c| c.energy_j),
            edp: over(Cost::edp),
            ed2p: over(Cost::ed2p),
            marks: least.iter().filter(|(_, at)| *at == Some(*index)).map(|(mark, _)| *mark).collect(),
        })
    };
    let by =
        |metric: fn(&Cost) -> f64| choose(baseline, &credited, |point, on| mean_ratio(baseline, point, on, metric));
    let sweet_spot = by(Cost::edp);
    let winner = sweet_spot.as_ref().and_then(|c| c.chosen).and_then(|index| credited.get(index).copied());
    Some(Front {
        workload: workload.label.clone(),
        points: on_front.iter().filter_map(of).collect(),
        compared: known.len(),
        tied: tied(baseline, &credited, winner),
        sweet_spot,
        least_ed2p: by(Cost::ed2p),
    })
}

fn change(ratio: Option<Ratio>) -> String {
    let Some(ratio) = ratio else { return "as found".into() };
    // Never "-0.0".
    let tenth = |x: f64| (x * 10.0).round() / 10.0 + 0.0;
    match ratio.change_interval_pct() {
        Some(Interval { low, high, .. }) if high - low > 0.05 => {
            format!("{:+.1}% [{:+.1}, {:+.1}]", tenth(ratio.change_pct()), tenth(low), tenth(high))
        }
        _ => format!("{:+.1}%", tenth(ratio.change_pct())),
    }
}

/// The fronts of a device as one table.
pub fn grid(device: &Device) -> Grid {
    let fronts = fronts(device);
    let label = device.label().map_or_else(String::new, |label| format!("{label}: "));
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for front in &fronts {
        for point in &front.points {
            rows.push(vec![
                front.workload.clone(),
                point.technique.heading().to_owned(),
                point.setting.clone(),
                change(point.time),
                change(point.energy),
                change(point.edp),
                change(point.ed2p),
                point.marks.join(", "),
            ]);
        }
        notes.extend(front.sentence());
    }
    notes.insert(
        0,
        "Changes are against the machine as found, paired by block, with 95 % intervals. Settings that did not hold, and \
         caps that bound nothing, are no candidates; the baseline is one."
            .into(),
    );
    notes.extend(device.remarks.iter().cloned());
    if let Some(label) = device.label() {
        notes.insert(0, format!("{label}: these energies are not measurements of real hardware."));
    }
    Grid {
        title: format!("{label}Pareto front of time and energy on {}", device.name),
        groups: Vec::new(),
        columns: ["Bench", "Technique", "Setting", "Time", "Energy", "EDP", "ED2P", "Mark"].map(str::to_owned).to_vec(),
        rows,
        notes,
    }
}

impl Front {
    /// The sweet spot in words: what choosing it gains on blocks that did not choose.
    fn sentence(&self) -> Option<String> {
        let gain = |ratio: Ratio| match ratio.gain_interval_pct() {
            Some(i) => format!("{:+.1} % [{:+.1}, {:+.1}]", ratio.gain_pct(), i.low, i.high),
            None => format!("{:+.1} % (no interval)", ratio.gain_pct()),
        };
        let (edp, ed2p) = (self.sweet_spot.as_ref()?, self.least_ed2p.as_ref()?);
        let tied = match self.tied.as_slice() {
            [] => "nothing ties with the sweet spot".to_owned(),
            tied => format!("the sweet spot can't be told from {}", tied.join(", ")),
        };
        Some(format!(
            "{}: of {} settings {} are on the front; choosing the least EDP gains {} of EDP and the least ED2P {} of ED2P \
             on blocks that did not choose; {tied}.",
            self.workload,
            self.compared,
            self.points.len(),
            gain(edp.edp),
            gain(ed2p.ed2p),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Accept, gather};
    use ergometer_record::measurement::{Domain, f32_spec};
    use ergometer_record::{Component, Hertz, Joules, Kernel, Provenance, Row, Seconds, Setting, Size, Verdict};

    /// (time, energy): baseline (1, 200), 1.2 GHz (1.05, 180), 1.0 GHz (1.3, 140), 0.8 GHz (1.5, 150), and 0.6 GHz
    /// (1.0, 50), which did not hold. EDP: 200, 189, 182, 225; ED2P: 200, 198.45, 236.6, 337.5.
    fn device() -> Device {
        let clock = |mhz| Setting { gpu_clock_hz: Some(Hertz::from_mhz(mhz)), ..Setting::default() };
        let mut rows = Vec::new();
        for block in 0..3 {
            for (setting, verdict, time, energy) in [
                (Setting::default(), Verdict::Baseline, 1.0, 200.0),
                (clock(1200.0), Verdict::Held, 1.05, 180.0),
                (clock(1000.0), Verdict::Held, 1.3, 140.0),
                (clock(800.0), Verdict::Held, 1.5, 150.0),
                (clock(600.0), Verdict::Ignored, 1.0, 50.0),
            ] {
                rows.push(Row {
                    block,
                    setting,
                    verdict,
                    component: Component::new(Domain::Gpu, 0),
                    energy: Some(Joules(energy)),
                    provenance: Provenance::Counter,
                    ..Row::timed(f32_spec(Kernel::Triad, Size::Vector { n: 64 }), "cuda", "card", Seconds(time))
                });
            }
        }
        gather(&rows, Accept::default()).unwrap().remove(0)
    }

    #[test]
    fn sweet_spot_and_least_ed2p_are_told_apart() {
        let front = fronts(&device()).remove(0);
        let points: Vec<_> = front.points.iter().map(|p| (p.setting.as_str(), p.marks.as_slice())).collect();
        let expected: [(&str, &[&str]); 3] =
            [("baseline", &["least time"]), ("1.2", &["least ED2P"]), ("1", &["least EDP", "least energy"])];
        assert_eq!(points, expected);
        assert_eq!(front.compared, 4);
        assert!((front.sweet_spot.unwrap().edp.gain_pct() - 9.0).abs() < 1e-9);
        assert!((front.least_ed2p.unwrap().ed2p.gain_pct() - 100.0 * (1.0 - 198.45 / 200.0)).abs() < 1e-9);
        assert!(front.points[0].edp.is_none());
    }

    #[test]
    fn the_table_says_what_was_compared() {
        let grid = grid(&device());
        assert_eq!(grid.rows.len(), 3);
        assert_eq!(grid.rows[1][2..7], ["1.2", "+5.0%", "-10.0%", "-5.5%", "-0.8%"]);
        assert!(grid.notes[1].contains("of 4 settings 3 are on the front"), "{}", grid.notes[1]);
    }
}
