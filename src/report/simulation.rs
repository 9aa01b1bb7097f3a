//! Section: scheduling policies on the simulated cluster.

use super::Section;
use super::html::{Cell, Reasons, Table, escape, figure, notes, warning_badge};
use super::number::{Style, estimate};
use super::plot::{PlotError, policies};
use super::value::{Estimate, Origin};
use ergometer_record::Interval;
use serde::{Deserialize, Serialize};

/// Policies compared on one cluster and one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Cluster, load, horizon and oracle in a sentence or two.
    pub description: String,
    /// `Virtual` when a device of the oracle was calibrated from the virtual node, `Modelled` otherwise; a simulation
    /// given as `Measured` is shown as modelled.
    pub origin: Origin,
    /// Seeds that every policy ran with.
    pub seeds: usize,
    /// The policy that differences are taken against.
    pub reference: String,
    /// One row per policy.
    pub policies: Vec<PolicyRow>,
    /// Sentences shown under the table: inputs that are assumed rather than printed in a source.
    pub notes: Vec<String>,
}

/// One policy over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Its rule with the thesis' name, such as "sjf (thesis: Pollux)".
    pub policy: String,
    /// Jobs finished per hour.
    pub throughput_per_h: Metric,
    /// Energy of the cluster in kWh, idle and host power included.
    pub energy_kwh: Metric,
    /// Mean job completion time in hours; `None` when no job finished.
    pub jct_h: Option<Metric>,
    /// Deadlines missed in percent of the jobs that have one; `None` when none has.
    pub misses_pct: Option<Metric>,
}

/// A value over seeds, and its paired difference to the reference policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The mean over seeds.
    pub value: Estimate,
    /// This policy minus the reference, seed by seed; `None` for the reference itself or under two seeds.
    pub difference: Option<Interval>,
}

impl Scenario {
    /// A simulation is never a measurement, whatever its oracle was fitted to.
    fn shown_origin(&self) -> Origin {
        if self.origin == Origin::Virtual { Origin::Virtual } else { Origin::Modelled }
    }

    fn table(&self) -> String {
        let caption = format!("Policies{}", warning_badge(self.shown_origin()));
        let note = format!(
            "{} seeds. Differences (\u{394}) are to {}, seed by seed. Brackets hold 95 % intervals.",
            self.seeds, self.reference
        );
        let headings = ["Policy", ">Throughput", ">Energy", ">Mean completion time", ">Deadlines missed"];
        let mut table = Table::new(caption, &headings).note(&note);
        let mut reasons = Reasons::default();
        for row in &self.policies {
            let mut cell = |metric: Option<Metric>, unit: &str, reason: &str| {
                let html = match metric {
                    Some(metric) => metric_html(metric, unit),
                    None => reasons.cell(reason),
                };
                Cell::html(html).right()
            };
            let cells = vec![
                Cell::text(&row.policy),
                cell(Some(row.throughput_per_h), "jobs/h", ""),
                cell(Some(row.energy_kwh), "kWh", ""),
                cell(row.jct_h, "h", "no job finished"),
                cell(row.misses_pct, "%", "no job has a deadline"),
            ];
            table.row(cells);
        }
        format!("{}{}", table.finish(), reasons.finish())
    }
}

fn metric_html(metric: Metric, unit: &str) -> String {
    let value = estimate(metric.value, unit, Style::Plain);
    match metric.difference {
        None => value,
        Some(difference) => {
            let difference = estimate(difference.into(), unit, Style::Signed);
            format!(r#"{value}<div class="diff">{}&nbsp;{difference}</div>"#, '\u{394}')
        }
    }
}

impl Section for Vec<Scenario> {
    fn id(&self) -> &'static str {
        "simulation"
    }

    fn title(&self) -> &'static str {
        "Scheduling policies, simulated"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        for (i, scenario) in self.iter().enumerate() {
            out.push_str(&format!("<h3>{}{}</h3>\n", escape(&scenario.name), warning_badge(scenario.shown_origin())));
            out.push_str(&format!("<p>{}</p>\n", escape(&scenario.description)));
            out.push_str(&scenario.table());
            out.push_str(&notes(&scenario.notes));
            let id = format!("policies{i}");
            let plot = policies::plot(&id, &scenario.name, scenario.shown_origin(), &scenario.policies)?;
            let title = format!("Throughput against energy{}", warning_badge(scenario.shown_origin()));
            out.push_str(&figure(&title, &plot, "Right and down is better; bars are 95 % intervals over seeds."));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_carry_their_interval_absent_metrics_a_reason_and_nothing_passes_for_measured() {
        let value = Interval { estimate: 12.0, low: 11.0, high: 13.0, level: 0.95, n: 10 };
        let difference = Interval { estimate: 1.5, low: 0.5, high: 2.5, level: 0.95, n: 10 };
        let metric = Metric { value: value.into(), difference: Some(difference) };
        let row = PolicyRow {
            policy: "edp (thesis: Zeus)".into(),
            throughput_per_h: metric,
            energy_kwh: Metric { difference: None, ..metric },
            jct_h: None,
            misses_pct: None,
        };
        let scenario = Scenario {
            name: "s".into(),
            description: String::new(),
            origin: Origin::Measured,
            seeds: 10,
            reference: "fifo".into(),
            policies: vec![row],
            notes: vec![],
        };
        let html = vec![scenario].html().unwrap();
        assert!(html.contains("+1.5\u{a0}jobs/h") && html.contains("[+0.5, +2.5]"), "{html}");
        assert!(html.contains("no job finished") && html.contains("no job has a deadline"));
        assert!(html.contains("badge modelled") && html.contains("MODELLED"));
    }
}
