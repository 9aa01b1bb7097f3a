//! Predicted against measured (or virtual) values, with the diagonal and the lines at +-10 %.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, PlotError, legend, no_data};
use crate::report::calibration::{Prediction, Quantity};
use crate::report::value::Origin;

/// What the data that a prediction is compared with are called: only real hardware is measured.
pub(in crate::report) fn observed(origin: Origin) -> &'static str {
    match origin {
        Origin::Measured => "measured",
        Origin::Modelled => "modelled",
        Origin::Virtual => "virtual",
    }
}

/// The plot of one quantity with its legend, as HTML.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(
    id: &str,
    device: &str,
    origin: Origin,
    quantity: Quantity,
    predictions: &[Prediction],
) -> Result<String, PlotError> {
    let observed = observed(origin);
    let title = format!("Predicted against {observed} {}: {device}", quantity.name());
    let usable = |value: f64| value.is_finite() && value > 0.0;
    let shown: Vec<&Prediction> =
        predictions.iter().filter(|p| p.quantity == quantity && usable(p.measured) && usable(p.predicted)).collect();
    // Both axes hold the same values, so that the diagonal is one.
    let values: Vec<f64> = shown.iter().flat_map(|p| [p.measured, p.predicted]).collect();
    let fit = |word: &str| {
        let title = format!("{word} {}", quantity.name());
        Axis::fit(&title, Unit::Prefixed(quantity.unit()), Scale::Log, values.iter().copied())
    };
    let (Some(x), Some(y)) = (fit(observed), fit("predicted")) else { return Ok(no_data(&title)) };
    let (low, high) = (x.value(x.low), x.value(x.high));

    let mut series: Vec<&str> = Vec::new();
    for prediction in &shown {
        if !series.contains(&prediction.series.as_str()) {
            series.push(&prediction.series);
        }
    }
    let close = shown.iter().filter(|p| (p.predicted / p.measured - 1.0).abs() <= 0.1).count();
    let description =
        format!("Logarithmic axes. {} predictions, {close} of them within 10 % of the {observed} value.", shown.len());
    let spec = Spec { id, title: &title, description: &description, origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        pen.line(&[(low, low), (high, high)], Ink::Text, 3)?;
        for factor in [0.9, 1.1] {
            pen.line(&[(low, low * factor), (high, high * factor)], Ink::DashedMuted, 3)?;
        }
        for (i, name) in series.iter().enumerate() {
            for p in shown.iter().filter(|p| p.series == *name) {
                pen.mark(p.measured, p.predicted, Mark::series(i), fill(p.held_out))?;
            }
        }
        Ok(())
    })?;

    let mut entries = vec![Entry::line(Ink::Text, "equal"), Entry::line(Ink::DashedMuted, "\u{b1}10 %")];
    for (i, name) in series.iter().enumerate() {
        entries.push(Entry::mark(Mark::series(i), Fill::Solid, name)?);
    }
    for (held_out, words) in [(true, "held out"), (false, "seen by the fit")] {
        if shown.iter().any(|p| p.held_out == held_out) {
            entries.push(Entry::mark(Mark::KEY, fill(held_out), words)?);
        }
    }
    Ok(format!("{drawing}{}", legend(&entries)))
}

fn fill(held_out: bool) -> Fill {
    if held_out { Fill::Solid } else { Fill::SmallHollow }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(measured: f64, predicted: f64) -> Prediction {
        Prediction { quantity: Quantity::Time, series: "gemm".into(), measured, predicted, held_out: true }
    }

    #[test]
    fn what_cannot_stand_on_a_logarithmic_axis_is_left_out() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let html = plot("p", "cpu", Origin::Measured, Quantity::Time, &[prediction(bad, 1.0)]).unwrap();
            assert!(html.contains("no data"), "{bad}");
        }
    }

    #[test]
    fn only_the_asked_quantity_is_counted() {
        let html = plot("p", "cpu", Origin::Measured, Quantity::Power, &[prediction(1.0, 1.0)]).unwrap();
        assert!(html.contains("no data"));
        let points = [prediction(1.0, 1.05), prediction(1.0, 1.2)];
        let html = plot("p", "cpu", Origin::Measured, Quantity::Time, &points).unwrap();
        assert!(html.contains("2 predictions, 1 of them within 10 %"), "{html}");
    }

    #[test]
    fn virtual_data_are_never_called_measured() {
        let html = plot("p", "vnode", Origin::Virtual, Quantity::Time, &[prediction(1.0, 1.05)]).unwrap();
        assert!(!html.contains("measured") && html.contains("virtual time") && html.contains("VIRTUAL"), "{html}");
    }
}
