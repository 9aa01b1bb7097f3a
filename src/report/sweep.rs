//! Section: energy-delay products over settings, the best gain per technique, and EDP against time.

use super::Section;
use super::html::{Cell, Table, banner, escape, figure, notes, warning_badge};
use super::number::{Style, bare, estimate};
use super::plot::{Plot, PlotError, caps, edp, gains, power};
use super::value::{Estimate, Origin};
use crate::harness::table::{least_product, pareto_front};
use ergometer_record::{Component, KernelSpec, Setting, Technique, Verdict};
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
    /// The kernel, where it is one of ours.
    #[serde(default)]
    pub spec: Option<KernelSpec>,
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
    /// Mean power by component; empty where only the sum is known.
    #[serde(default)]
    pub powers: Vec<PointPower>,
}

/// Mean power of one component at one setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PointPower {
    /// Which, such as `gpu:0`.
    pub component: Component,
    /// In W.
    pub watts: Estimate,
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

impl SweptKernel {
    /// What plots tell apart by colour: kernel and precision; sizes share it.
    pub(super) fn group(&self) -> String {
        self.spec.map_or_else(|| self.name.clone(), |spec| format!("{} {}", spec.kernel, spec.precision))
    }
}

impl SweptKernel {
    /// Each point's place among the settings that held: on the Pareto front of time and energy, the sweet spot (least EDP),
    /// the least ED2P.
    fn marks(&self) -> Vec<String> {
        let held: Vec<usize> = (0..self.points.len()).filter(|i| self.points[*i].verdict.credits_gain()).collect();
        let costs: Vec<(f64, f64)> =
            held.iter().map(|i| (self.points[*i].time_s.value(), self.points[*i].energy_j.value())).collect();
        let mut marks = vec![Vec::new(); self.points.len()];
        let mut mark = |at: Option<usize>, word: &'static str| {
            if let Some(words) = at.and_then(|at| held.get(at)).and_then(|index| marks.get_mut(*index)) {
                words.push(word);
            }
        };
        for at in pareto_front(&costs) {
            mark(Some(at), "Pareto front");
        }
        mark(least_product(&costs, 1.0), "least EDP");
        mark(least_product(&costs, 2.0), "least ED2P");
        marks.into_iter().map(|words| words.join(", ")).collect()
    }
}

/// The groups of a sweep's kernels, in the order of their first appearance.
pub(super) fn groups(sweep: &Sweep) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for kernel in &sweep.kernels {
        let group = kernel.group();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// One figure of a sweep.
pub struct Figure {
    /// Ends the file's name, such as `power-dvfs`.
    pub name: String,
    /// How to read it.
    pub note: &'static str,
    /// The plot.
    pub plot: Plot,
}

impl Sweep {
    /// Every figure that has something to show: EDP against time (thesis figures 3.7 to 3.12), power against the setting by
    /// technique (3.13 to 3.15), EDP against the cap (6.5), mean gain by technique (6.6). `id` is unique on the page.
    ///
    /// # Errors
    /// The plotting library fails.
    pub fn figures(&self, id: &str) -> Result<Vec<Figure>, PlotError> {
        let mut figures = vec![Figure {
            name: "edp-time".into(),
            note: "Relative to the machine as found; left is faster, down is less EDP; logarithmic axes.",
            plot: edp::plot(&format!("{id}-edp"), self)?,
        }];
        for technique in [Technique::Dvfs, Technique::PowerCap, Technique::Governor] {
            let name = format!("power-{}", technique.heading().to_lowercase());
            let plot = power::plot(&format!("{id}-{name}"), self, technique)?;
            figures.push(Figure { name, note: "Mean power while the kernel runs; bars are 95 % intervals.", plot });
        }
        figures.push(Figure {
            name: "edp-cap".into(),
            note: "Relative to the machine as found; logarithmic EDP.",
            plot: caps::plot(&format!("{id}-caps"), self)?,
        });
        figures.push(Figure {
            name: "gain-technique".into(),
            note: "Up is less EDP; each workload's best setting, judged on blocks that did not choose it.",
            plot: gains::plot(&format!("{id}-gains"), self)?,
        });
        figures.retain(|figure| figure.plot.is_drawn());
        Ok(figures)
    }

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
        let headings = ["Setting", "Verdict", ">Time per execution", ">Energy per execution", ">EDP", ">ED2P", "Mark"];
        let marks = kernel.marks();
        let mut table = Table::new(caption, &headings);
        for (point, mark) in kernel.points.iter().zip(marks) {
            let ed2p = point.edp_js.value() * point.time_s.value();
            table.row(vec![
                Cell::text(point.setting.to_string()),
                Cell::text(point.verdict.name()),
                Cell::html(estimate(point.time_s, "s", Style::Prefixed)).right(),
                Cell::html(estimate(point.energy_j, "J", Style::Prefixed)).right(),
                Cell::html(estimate(point.edp_js, "J\u{b7}s", Style::Prefixed)).right(),
                Cell::html(bare(ed2p, "J\u{b7}s\u{b2}", 4)).right(),
                Cell::text(mark),
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
            for drawn in sweep.figures(&format!("sweep{i}"))? {
                let title = format!("{}{}", escape(drawn.plot.title()), warning_badge(sweep.origin));
                out.push_str(&figure(&title, &drawn.plot.html(), drawn.note));
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
            powers: Vec::new(),
        };
        let faster = SweepPoint { setting: clock(1005.0), verdict: Verdict::Held, ..point.clone() };
        let kernels = vec![SweptKernel {
            name: "gemm".into(),
            spec: None,
            points: vec![point, faster],
            gains: vec![gain.clone(), gain],
        }];
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
