//! The EDP table: for each kernel and technique the best EDP gain, the change of time and the setting (tables 3.19 to
//! 3.24 of the thesis), with intervals and tied sets.

use super::data::{Cost, Device, Point, Workload};
use super::gain::{Choice, LEVEL, choose, edp_p_value, mean_ratio};
use super::grid::Grid;
use ergometer_record::{Interval, Technique, stats};

/// One table.
#[derive(Debug, Clone, PartialEq)]
pub struct EdpTable {
    /// Names the device, and `VIRTUAL` or `MODELLED` where that is so.
    pub title: String,
    /// The column groups.
    pub techniques: Vec<Technique>,
    /// Unit of the settings where the sweep was somebody else's.
    pub unit: Option<String>,
    /// One row a workload.
    pub rows: Vec<EdpRow>,
    /// Caveats, one sentence each.
    pub notes: Vec<String>,
}

/// One workload.
#[derive(Debug, Clone, PartialEq)]
pub struct EdpRow {
    /// The workload.
    pub workload: String,
    /// One cell a technique; `None` where the technique was not tried.
    pub cells: Vec<Option<EdpCell>>,
}

/// The best of one technique for one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct EdpCell {
    /// The setting with the least mean EDP over all blocks; `None` when that is the baseline.
    pub setting: Option<String>,
    /// What choosing gains; see [`Choice`].
    pub choice: Choice,
    /// Settings (the baseline among them) whose EDP can't be told from the chosen one's.
    pub tied: Vec<String>,
    /// p-value of the chosen setting against the baseline, adjusted by Holm over all settings of this workload; `None`
    /// for the baseline itself and from a single block.
    pub p_holm: Option<f64>,
    /// Settings that were left out because their verdicts credit no gain, with the verdicts.
    pub not_credited: Vec<String>,
}

/// The table of one device.
pub fn table(device: &Device) -> EdpTable {
    let label = device.label().map_or_else(String::new, |label| format!("{label}: "));
    let mut table = build(
        format!("{label}best EDP improvement with associated execution time on {}", device.name),
        &device.workloads,
    );
    let components: Vec<String> = device.components.iter().map(ToString::to_string).collect();
    table.notes.insert(0, format!("Energy is the sum of {}.", components.join(" + ")));
    if device.label().is_some() {
        table.notes.insert(0, "These energies are not measurements of real hardware.".into());
    }
    table.notes.extend(device.remarks.iter().cloned());
    table
}

/// A table of any workloads.
pub(super) fn build(title: String, workloads: &[Workload]) -> EdpTable {
    let mut techniques: Vec<Technique> = workloads.iter().flat_map(|w| w.points.iter().map(|p| p.technique)).collect();
    techniques.sort_unstable();
    techniques.dedup();
    let rows: Vec<EdpRow> = workloads
        .iter()
        .map(|workload| EdpRow {
            workload: workload.label.clone(),
            cells: techniques.iter().map(|technique| cell(workload, *technique)).collect(),
        })
        .collect();
    let blocks = workloads.iter().map(|w| w.baseline.blocks.len()).min().unwrap_or(0);
    let notes = if blocks < 2 {
        vec![
            "n = 1: each setting was run once. The least EDP is picked and reported from the same run, which overstates \
             its gain; there is no interval, and nothing is ranked."
                .into(),
        ]
    } else {
        vec![format!(
            "Gains and changes of time come from the {blocks} blocks that did not choose the setting (one left out at a \
             time), with {:.0} % intervals. Settings in brackets can't be told apart from the chosen one.",
            100.0 * LEVEL
        )]
    };
    EdpTable { title, techniques, unit: None, rows, notes }
}

fn cell(workload: &Workload, technique: Technique) -> Option<EdpCell> {
    let baseline = &workload.baseline;
    let tried: Vec<&Point> = workload.points.iter().filter(|p| p.technique == technique).collect();
    if tried.is_empty() {
        return None;
    }
    let (candidates, refused): (Vec<&Point>, Vec<&Point>) = tried.into_iter().partition(|p| p.is_credited());
    let choice = choose(baseline, &candidates, |point, on| mean_ratio(baseline, point, on, Cost::edp))?;
    let chosen = choice.chosen.and_then(|index| candidates.get(index).copied());
    Some(EdpCell {
        setting: chosen.map(|point| point.label.clone()),
        tied: tied(baseline, &candidates, chosen),
        p_holm: chosen.and_then(|point| adjusted(workload, point)),
        not_credited: refused.iter().map(|point| refusal(point)).collect(),
        choice,
    })
}

fn refusal(point: &Point) -> String {
    let verdicts: Vec<&str> = point.verdicts.iter().filter(|v| !v.credits_gain()).map(|v| v.name()).collect();
    format!("{} ({})", point.label, verdicts.join(", "))
}

/// Everything that Holm's procedure can't tell from the winner.
pub(super) fn tied(baseline: &Point, candidates: &[&Point], chosen: Option<&Point>) -> Vec<String> {
    let winner = chosen.unwrap_or(baseline);
    let rivals: Vec<&Point> = std::iter::once(baseline)
        .chain(candidates.iter().copied())
        .filter(|point| !std::ptr::eq(*point, winner))
        .collect();
    let p: Option<Vec<f64>> = rivals.iter().map(|rival| edp_p_value(winner, rival)).collect();
    let Some(p) = p else { return Vec::new() };
    rivals
        .iter()
        .zip(stats::holm(&p))
        .filter(|(_, p)| *p >= 1.0 - LEVEL)
        .map(|(rival, _)| rival.label.clone())
        .collect()
}

fn adjusted(workload: &Workload, chosen: &Point) -> Option<f64> {
    let credited: Vec<&Point> = workload.points.iter().filter(|p| p.is_credited()).collect();
    let p: Option<Vec<f64>> = credited.iter().map(|point| edp_p_value(&workload.baseline, point)).collect();
    let index = credited.iter().position(|point| std::ptr::eq(*point, chosen))?;
    stats::holm(&p?).get(index).copied()
}

fn unit_heading(technique: Technique) -> &'static str {
    match technique {
        Technique::Dvfs => "Freq (GHz)",
        Technique::PowerCap => "Power (W)",
        Technique::Governor => "Mode",
        Technique::Baseline | Technique::Combined => "Setting",
    }
}

fn signed(value: f64, interval: Option<Interval>) -> String {
    match interval {
        // An interval that rounding hides says nothing: every block agreed.
        Some(i) if i.high - i.low > 0.05 => format!("{value:+.1}% [{:+.1}, {:+.1}]", i.low, i.high),
        _ => format!("{value:+.1}%"),
    }
}

impl EdpTable {
    /// The layout of tables 3.19 to 3.24.
    pub fn grid(&self) -> Grid {
        let heading = |technique: Technique| match &self.unit {
            Some(unit) if !unit.is_empty() => format!("Setting ({unit})"),
            Some(_) => "Setting".to_owned(),
            None => unit_heading(technique).to_owned(),
        };
        let mut columns = vec!["Bench".to_owned()];
        let mut groups = vec![(String::new(), 1)];
        for technique in &self.techniques {
            groups.push((technique.heading().to_owned(), 3));
            columns.extend(["EDP".to_owned(), "Time".to_owned(), heading(*technique)]);
        }
        let mut notes = self.notes.clone();
        let rows = self
            .rows
            .iter()
            .map(|row| {
                let mut line = vec![row.workload.clone()];
                for (cell, technique) in row.cells.iter().zip(&self.techniques) {
                    let Some(cell) = cell else {
                        line.extend(["".to_owned(), "".to_owned(), "not tried".to_owned()]);
                        continue;
                    };
                    let tied =
                        if cell.tied.is_empty() { String::new() } else { format!(" [{}]", cell.tied.join(", ")) };
                    line.extend([
                        signed(cell.choice.edp.gain_pct(), cell.choice.edp.gain_interval_pct()),
                        signed(cell.choice.time.change_pct(), cell.choice.time.change_interval_pct()),
                        format!("{}{tied}", cell.setting.as_deref().unwrap_or("baseline")),
                    ]);
                    if !cell.not_credited.is_empty() {
                        notes.push(format!(
                            "{}, {}: not credited: {}.",
                            row.workload,
                            technique.heading(),
                            cell.not_credited.join(", ")
                        ));
                    }
                }
                line
            })
            .collect();
        Grid { title: self.title.clone(), groups, columns, rows, notes }
    }

    /// One line a cell with bare numbers: what the CSV holds.
    pub fn flat_grid(&self) -> Grid {
        let columns = [
            "workload",
            "technique",
            "setting",
            "edp_gain_pct",
            "edp_gain_low_pct",
            "edp_gain_high_pct",
            "time_change_pct",
            "time_change_low_pct",
            "time_change_high_pct",
            "energy_change_pct",
            "n",
            "p_holm",
            "tied",
            "not_credited",
        ];
        let number = |x: f64| format!("{x:.4}");
        let mut rows = Vec::new();
        for row in &self.rows {
            for (cell, technique) in row.cells.iter().zip(&self.techniques) {
                let Some(cell) = cell else { continue };
                let ends = |interval: Option<Interval>| match interval {
                    Some(i) => [number(i.low), number(i.high)],
                    None => [String::new(), String::new()],
                };
                let [edp_low, edp_high] = ends(cell.choice.edp.gain_interval_pct());
                let [time_low, time_high] = ends(cell.choice.time.change_interval_pct());
                rows.push(vec![
                    row.workload.clone(),
                    technique.heading().to_owned(),
                    cell.setting.clone().unwrap_or_else(|| "baseline".into()),
                    number(cell.choice.edp.gain_pct()),
                    edp_low,
                    edp_high,
                    number(cell.choice.time.change_pct()),
                    time_low,
                    time_high,
                    number(cell.choice.energy.change_pct()),
                    cell.choice.edp.n.to_string(),
                    cell.p_holm.map_or_else(String::new, |p| format!("{p:.6}")),
                    cell.tied.join(" "),
                    cell.not_credited.join(" "),
                ]);
            }
        }
        Grid {
            title: self.title.clone(),
            groups: Vec::new(),
            columns: columns.map(str::to_owned).to_vec(),
            rows,
            notes: self.notes.clone(),
        }
    }
}
