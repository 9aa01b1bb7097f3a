//! Section: energy-delay products over settings, the best gain per technique, and EDP against time.

use super::Section;
use super::html::{Cell, Table, banner, escape, figure, notes, warning_badge};
use super::number::{Style, bare, estimate};
use super::plot::{PlotError, edp};
use super::value::{Estimate, Origin};
use ergometer_record::{Setting, Technique, Verdict};
use serde::{Deserialize, Serialize};

/// One sweep of kernels over the settings of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The device, such as "vnode-a100".
    pub device: String,
    /// Where the energies come from.
    pub origin: Origin,
    /// Complete randomised blocks behind the estimates.
    pub blocks: usize,
    /// The fitted idle model, where one was measured.
    pub idle: Option<IdleModel>,
    /// The kernels, each with its points and its gains.
    pub kernels: Vec<SweptKernel>,
    /// Sentences shown under the table: what was left out, and why.
    pub notes: Vec<String>,
}

/// E_idle(t) = alpha + beta t (thesis eq. 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IdleModel {
    /// alpha, joules.
    pub alpha_j: Estimate,
    /// beta, watts.
    pub beta_w: Estimate,
    /// Coefficient of determination of the fit.
    pub r2: f64,
}

/// One kernel of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweptKernel {
    /// Kernel and size, such as "gemm m=4096,n=4096,k=4096 f32".
    pub name: String,
    /// One point per setting, the baseline among them.
    pub points: Vec<SweepPoint>,
    /// The best setting of each technique.
    pub gains: Vec<Gain>,
}

/// One setting of one kernel, averaged over the blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The setting.
    pub setting: Setting,
    /// Whether it held.
    pub verdict: Verdict,
    /// Seconds per execution.
    pub time_s: Estimate,
    /// Joules per execution.
    pub energy_j: Estimate,
    /// Joule-seconds per execution.
    pub edp_js: Estimate,
}

/// What one technique gains for one kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The lever.
    pub technique: Technique,
    /// EDP saved against the baseline in percent, positive is better; from blocks that did not choose the setting.
    pub edp_gain_pct: Estimate,
    /// Change of time against the baseline in percent, positive is slower.
    pub time_change_pct: Estimate,
    /// The chosen setting; the baseline when nothing was better.
    pub setting: Setting,
    /// Settings that can't be told apart from the chosen one, without it.
    pub tied: Vec<Setting>,
}

impl Sweep {
    fn gain_table(&self) -> String {
        let caption = format!("Best EDP gain per technique{}", warning_badge(self.origin));
        let headings = ["Technique", ">EDP gain", ">Time change", "Setting", "Tied with"];
        let note = format!(
            "{} blocks; gains come from blocks that did not choose the setting. Brackets hold 95 % intervals.",
            self.blocks
        );
        let mut table = Table::new(caption, &headings).note(&note);
        for kernel in &self.kernels {
            table.heading(&kernel.name);
            for gain in &kernel.gains {
                let tied = if gain.tied.is_empty() {
                    "none".to_owned()
                } else {
                    gain.tied.iter().map(Setting::to_string).collect::<Vec<_>>().join(", ")
                };
                table.row(vec![
                    Cell::text(gain.technique.heading()),
                    Cell::html(estimate(gain.edp_gain_pct, "%", Style::Signed)).right(),
                    Cell::html(estimate(gain.time_change_pct, "%", Style::Signed)).right(),
                    Cell::text(gain.setting.to_string()),
                    Cell::text(tied).wide(),
                ]);
            }
        }
        table.finish()
    }

    fn point_table(&self, kernel: &SweptKernel) -> String {
        let caption = format!("{}{}", escape(&kernel.name), warning_badge(self.origin));
        let headings = ["Setting", "Verdict", ">Time per execution", ">Energy per execution", ">EDP"];
        let mut table = Table::new(caption, &headings);
        for point in &kernel.points {
            table.row(vec![
                Cell::text(point.setting.to_string()),
                Cell::text(point.verdict.name()),
                Cell::html(estimate(point.time_s, "s", Style::Prefixed)).right(),
                Cell::html(estimate(point.energy_j, "J", Style::Prefixed)).right(),
                Cell::html(estimate(point.edp_js, "J\u{b7}s", Style::Prefixed)).right(),
            ]);
        }
        table.finish()
    }
}

impl Section for Vec<Sweep> {
    fn id(&self) -> &'static str {
        "sweep"
    }

    fn title(&self) -> &'static str {
        "Energy-delay product over settings"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        for (i, sweep) in self.iter().enumerate() {
            out.push_str(&format!("<h3>{}{}</h3>\n", escape(&sweep.device), warning_badge(sweep.origin)));
            out.push_str(&banner(sweep.origin, "Times, energies and gains in this part"));
            if let Some(idle) = sweep.idle {
                out.push_str(&format!(
                    "<p>Idle model E(t) = \u{3b1} + \u{3b2} t{}: \u{3b1} = {}, \u{3b2} = {}, R\u{b2} = {}.</p>\n",
                    warning_badge(sweep.origin),
                    estimate(idle.alpha_j, "J", Style::Plain),
                    estimate(idle.beta_w, "W", Style::Plain),
                    bare(idle.r2, "", 5)
                ));
            }
            out.push_str(&sweep.gain_table());
            out.push_str(&notes(&sweep.notes));
            out.push_str("<div class=\"grid\">\n");
            for (j, kernel) in sweep.kernels.iter().enumerate() {
                let plot = edp::plot(&format!("edp{i}-{j}"), &kernel.name, sweep.origin, &kernel.points)?;
                let title = format!("{}{}", escape(&kernel.name), warning_badge(sweep.origin));
                out.push_str(&figure(
                    &title,
                    &plot,
                    "Left is faster, down is less EDP; logarithmic axes; bars are 95 % intervals.",
                ));
            }
            out.push_str("</div>\n<details><summary>Every setting with time, energy and EDP</summary>\n");
            for kernel in &sweep.kernels {
                out.push_str(&sweep.point_table(kernel));
            }
            out.push_str("</details>\n");
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::Hertz;

    #[test]
    fn virtual_sweeps_say_so_in_banner_table_and_plot_and_ties_are_named() {
        let clock = |mhz| Setting { gpu_clock_hz: Some(Hertz::from_mhz(mhz)), ..Setting::default() };
        let gain = Gain {
            technique: Technique::Dvfs,
            edp_gain_pct: Estimate::Single(12.0),
            time_change_pct: Estimate::Single(3.0),
            setting: clock(1005.0),
            tied: vec![clock(1065.0)],
        };
        let point = SweepPoint {
            setting: Setting::default(),
            verdict: Verdict::Baseline,
            time_s: Estimate::Single(1.0),
            energy_j: Estimate::Single(2.0),
            edp_js: Estimate::Single(2.0),
        };
        let kernels = vec![SweptKernel { name: "gemm".into(), points: vec![point], gains: vec![gain.clone(), gain] }];
        let sweep =
            Sweep { device: "vnode".into(), origin: Origin::Virtual, blocks: 6, idle: None, kernels, notes: vec![] };
        let html = vec![sweep.clone()].html().unwrap();
        assert!(html.contains("banner virtual") && html.contains("VIRTUAL\n"));
        assert!(html.matches("badge virtual").count() >= 4);
        assert!(html.contains("gpu_clock=1065MHz"));
        let measured = vec![Sweep { origin: Origin::Measured, ..sweep }].html().unwrap();
        assert!(!measured.to_lowercase().contains("virtual"));
    }
}
