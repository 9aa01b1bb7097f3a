//! Section: fitted device models, their parameters, and their errors on data that the fit did not see.

use super::Section;
use super::html::{Cell, Reasons, Table, banner, escape, figure, notes, warning_badge};
use super::number::{Style, bare, estimate, prefix};
use super::plot::{PlotError, agreement};
use super::value::{Estimate, Origin};
use ergometer_record::Interval;
use serde::{Deserialize, Serialize};

/// One calibrated device model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The device, such as "this CPU" or "vnode-a100".
    pub device: String,
    /// The model, such as "per-op".
    pub model: String,
    /// Where the data that it was fitted to come from.
    pub origin: Origin,
    /// The fitted parameters.
    pub parameters: Vec<Parameter>,
    /// Predictions beside measurements.
    pub predictions: Vec<Prediction>,
    /// Errors of the model and of the baselines.
    pub errors: Vec<ErrorRow>,
    /// Sentences shown under the tables, such as "energy was not fitted: no sensor".
    pub notes: Vec<String>,
}

/// A fitted parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the model file, such as `peak_flops_f32`.
    pub name: String,
    /// Its unit, such as "GFLOP/s"; empty for a pure number.
    pub unit: String,
    /// The fitted value with its posterior interval.
    pub value: Estimate,
    /// The prior as an interval, where there is one.
    pub prior: Option<Interval>,
    /// True when the data, not the prior, settle it.
    pub identified: bool,
    /// The virtual node's true value, where it is known.
    pub truth: Option<f64>,
}

/// A physical quantity that is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Seconds.
    Time,
    /// Watts.
    Power,
    /// Joules.
    Energy,
}

impl Quantity {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Time, Self::Power, Self::Energy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Power => "power",
            Self::Energy => "energy",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "s",
            Self::Power => "W",
            Self::Energy => "J",
        }
    }
}

/// A prediction beside its measurement, both in the quantity's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// What is predicted.
    pub quantity: Quantity,
    /// Which points share a marker, such as the kernel's name.
    pub series: String,
    /// The measurement.
    pub measured: f64,
    /// The model's value.
    pub predicted: f64,
    /// True when the fit behind this prediction did not see the measurement.
    pub held_out: bool,
}

/// The errors of one predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// The predictor, such as "per-op" or "roofline".
    pub predictor: String,
    /// True for a baseline that the model is compared with.
    pub baseline: bool,
    /// What is predicted.
    pub quantity: Quantity,
    /// How data were held out, such as "leave one kernel out".
    pub split: String,
    /// Mean absolute percentage error on data not seen by the fit; `None` where nothing was held out.
    pub held_out_pct: Option<Estimate>,
    /// Mean absolute percentage error on the data of the fit; `None` for a predictor without a fit.
    pub in_sample_pct: Option<Estimate>,
    /// Held-out predictions behind it.
    pub n: usize,
}

impl Calibration {
    fn parameter_table(&self) -> String {
        let truth = self.parameters.iter().any(|p| p.truth.is_some());
        let mut headings = vec!["Parameter", ">Value", ">Prior", "Settled by"];
        if truth {
            headings.extend([">Truth", ">Error", "Inside interval"]);
        }
        let caption =
            format!("Parameters of {} for {}{}", escape(&self.model), escape(&self.device), warning_badge(self.origin));
        let mut table = Table::new(caption, &headings).note("Brackets hold 95 % posterior and prior intervals.");
        for parameter in &self.parameters {
            let prior = match parameter.prior {
                Some(prior) => estimate(prior.into(), &parameter.unit, style(&parameter.unit)),
                None => "none".to_owned(),
            };
            let settled = if parameter.identified { "data" } else { "prior (not identified)" };
            let mut cells = vec![
                Cell::code(&parameter.name),
                Cell::html(estimate(parameter.value, &parameter.unit, style(&parameter.unit))).right(),
                Cell::html(prior).right(),
                Cell::text(settled),
            ];
            if truth {
                cells.extend(truth_cells(parameter));
            }
            table.row(cells);
        }
        table.finish()
    }

    fn error_table(&self) -> String {
        let caption = format!("Mean absolute percentage error{}", warning_badge(self.origin));
        let headings = ["Predictor", "Of", "Held out by", ">Held-out error", ">In-sample error", ">n"];
        let mut table = Table::new(caption, &headings)
            .note("Held-out data were not seen by the fit. Brackets hold 95 % intervals.");
        let mut reasons = Reasons::default();
        for row in &self.errors {
            let mut error = |value: Option<Estimate>, reason: &str| match value {
                Some(value) => estimate(value, "%", Style::Plain),
                None => reasons.cell(reason),
            };
            let held_out = error(row.held_out_pct, "nothing was held out");
            let in_sample = error(row.in_sample_pct, "the predictor is not fitted");
            let kind = if row.baseline { " <small>baseline</small>" } else { "" };
            table.row(vec![
                Cell::html(format!("{}{kind}", escape(&row.predictor))),
                Cell::text(row.quantity.name()),
                Cell::text(&row.split),
                Cell::html(held_out).right(),
                Cell::html(in_sample).right(),
                Cell::text(row.n.to_string()).right(),
            ]);
        }
        format!("{}{}", table.finish(), reasons.finish())
    }
}

/// A quantity with a unit gets the prefix that keeps it short; a pure number has none.
fn style(unit: &str) -> Style {
    if unit.is_empty() { Style::Plain } else { Style::Prefixed }
}

fn truth_cells(parameter: &Parameter) -> [Cell; 3] {
    let Some(truth) = parameter.truth else {
        return [Cell::absent("unknown").right(), Cell::text("").right(), Cell::text("")];
    };
    let error = (parameter.value.value() / truth - 1.0) * 100.0;
    let error = if error.is_finite() {
        let signed = format!("{error:+.2}\u{a0}%").replace('-', "\u{2212}");
        Cell::text(signed)
    } else {
        Cell::absent("the truth is zero")
    };
    let inside = match parameter.value.range() {
        Some((low, high)) if (low..=high).contains(&truth) => "yes",
        Some(_) => "no",
        None => "no interval",
    };
    let truth = match style(&parameter.unit) {
        Style::Prefixed => {
            let (factor, letter) = prefix(truth);
            bare(truth / factor, &format!("{letter}{}", parameter.unit), 4)
        }
        _ => bare(truth, "", 4),
    };
    [Cell::html(truth).right(), error.right(), Cell::text(inside)]
}

impl Section for Vec<Calibration> {
    fn id(&self) -> &'static str {
        "calibration"
    }

    fn title(&self) -> &'static str {
        "Calibrated device models"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        for (i, calibration) in self.iter().enumerate() {
            let (device, model) = (escape(&calibration.device), escape(&calibration.model));
            out.push_str(&format!("<h3>{device}, model {model}{}</h3>\n", warning_badge(calibration.origin)));
            out.push_str(&banner(calibration.origin, "The data that this model was fitted to"));
            out.push_str(&calibration.error_table());
            out.push_str("<div class=\"grid\">\n");
            for quantity in Quantity::ALL {
                let points = &calibration.predictions;
                // A quantity that was never predicted has no plot; the notes say why.
                if points.iter().any(|p| p.quantity == quantity) {
                    let id = format!("fit{i}-{}", quantity.name());
                    let plot = agreement::plot(&id, &calibration.device, calibration.origin, quantity, points)?;
                    let badge = warning_badge(calibration.origin);
                    let title = format!(
                        "Predicted against {} {}{badge}",
                        agreement::observed(calibration.origin),
                        quantity.name()
                    );
                    out.push_str(&figure(&title, &plot, ""));
                }
            }
            out.push_str("</div>\n");
            out.push_str(&calibration.parameter_table());
            out.push_str(&notes(&calibration.notes));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(value: f64, truth: Option<f64>) -> Parameter {
        let value = Interval { estimate: value, low: value - 1.0, high: value + 1.0, level: 0.95, n: 9 }.into();
        Parameter { name: "p".into(), unit: "W".into(), value, prior: None, identified: false, truth }
    }

    fn calibration(parameters: Vec<Parameter>, errors: Vec<ErrorRow>) -> Calibration {
        Calibration {
            device: "d".into(),
            model: "per-op".into(),
            origin: Origin::Virtual,
            parameters,
            predictions: vec![],
            errors,
            notes: vec![],
        }
    }

    #[test]
    fn the_truth_stands_beside_the_fit_only_where_it_is_known() {
        let html = vec![calibration(vec![parameter(9.0, Some(10.0)), parameter(5.0, None)], vec![])].html().unwrap();
        assert!(html.contains("\u{2212}10.00\u{a0}%") && html.contains("absent (unknown)"), "{html}");
        assert!(html.contains("not identified"));
        let real = vec![calibration(vec![parameter(5.0, None)], vec![])].html().unwrap();
        assert!(!real.contains("Truth"));
        let zero = vec![calibration(vec![parameter(5.0, Some(0.0))], vec![])].html().unwrap();
        assert!(zero.contains("the truth is zero"));
    }

    #[test]
    fn held_out_errors_come_before_in_sample_ones_and_absence_is_said() {
        let row = ErrorRow {
            predictor: "roofline".into(),
            baseline: true,
            quantity: Quantity::Time,
            split: "leave one kernel out".into(),
            held_out_pct: Some(Estimate::Single(8.0)),
            in_sample_pct: None,
            n: 12,
        };
        let html = vec![calibration(vec![], vec![row])].html().unwrap();
        assert!(html.find("Held-out error").unwrap() < html.find("In-sample error").unwrap());
        assert!(html.contains("the predictor is not fitted") && html.contains("baseline"));
    }
}
