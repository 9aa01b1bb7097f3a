//! Mean gain of EDP of each technique over the kernels (thesis figure 6.6), with its interval and the kernels behind it.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, Plot, PlotError};
use crate::report::sweep::{Sweep, groups};
use crate::report::value::Estimate;
use ergometer_record::{Technique, stats};

/// The plot; empty where nothing was compared.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(id: &str, sweep: &Sweep) -> Result<Plot, PlotError> {
    let title = format!("EDP gain by technique: {}", sweep.device);
    let mut techniques: Vec<Technique> =
        sweep.kernels.iter().flat_map(|k| k.gains.iter().map(|g| g.technique)).collect();
    techniques.sort_unstable();
    techniques.dedup();
    let groups = groups(sweep);
    let of = |technique: Technique| -> Vec<(usize, f64)> {
        let gains = sweep.kernels.iter().flat_map(|kernel| {
            let colour = groups.iter().position(|name| *name == kernel.group()).unwrap_or(0);
            kernel.gains.iter().filter(move |g| g.technique == technique).map(move |g| (colour, g.edp_gain_pct.value()))
        });
        gains.filter(|(_, gain)| gain.is_finite()).collect()
    };
    let columns: Vec<(Technique, Vec<(usize, f64)>)> = techniques.iter().map(|t| (*t, of(*t))).collect();
    let means: Vec<Option<Estimate>> = columns.iter().map(|(_, gains)| mean(gains)).collect();
    let ends = means.iter().flatten().flat_map(|m| m.range().map_or(vec![m.value()], |(low, high)| vec![low, high]));
    let values = columns.iter().flat_map(|(_, gains)| gains.iter().map(|(_, gain)| *gain)).chain(ends).chain([0.0]);
    let names: Vec<String> = techniques.iter().map(|t| t.heading().to_owned()).collect();
    let axes = (Axis::names("technique", &names), Axis::fit("gain of EDP", Unit::Plain("%"), Scale::Linear, values));
    let (Some(x), Some(y)) = axes else { return Ok(Plot::empty(title)) };
    let description = format!(
        "Best setting of each technique, chosen and judged on different blocks; mean over {} workloads with its 95 % \
         interval over workloads.",
        sweep.kernels.len()
    );
    let spec = Spec { id, title: &title, description: &description, origin: sweep.origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        pen.line(&[(x.low, 0.0), (x.high, 0.0)], Ink::Muted, 2)?;
        for (at, (_, gains)) in columns.iter().enumerate() {
            for (nth, (colour, gain)) in gains.iter().enumerate() {
                // Beside one another, so that equal gains do not hide each other.
                let aside = 0.12 + 0.26 * nth as f64 / gains.len().max(2) as f64;
                pen.mark(at as f64 + aside, *gain, Mark::series(*colour), Fill::SmallSolid)?;
            }
        }
        for (at, mean) in means.iter().enumerate() {
            let Some(mean) = mean else { continue };
            pen.bars(Estimate::Single(at as f64), *mean, Ink::Text)?;
            pen.mark(at as f64, mean.value(), Mark::of(3, Ink::Text), Fill::Solid)?;
        }
        for (at, mean) in means.iter().enumerate() {
            let Some(mean) = mean else { continue };
            let text = format!("{:+.1} %", mean.value()).replace('-', "\u{2212}");
            pen.label(&[(at as f64, mean.value())], &text, Ink::Text)?;
        }
        Ok(())
    })?;
    let mut entries = vec![Entry::mark(Mark::of(3, Ink::Text), Fill::Solid, "mean, 95 % interval over workloads")?];
    for (colour, group) in groups.iter().enumerate() {
        entries.push(Entry::mark(Mark::series(colour), Fill::Solid, group)?);
    }
    Ok(Plot::new(title, drawing, entries))
}

fn mean(gains: &[(usize, f64)]) -> Option<Estimate> {
    let values: Vec<f64> = gains.iter().map(|(_, gain)| *gain).collect();
    stats::t_interval(&values, 0.95).map(Estimate::from).or_else(|| stats::mean(&values).map(Estimate::Single))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_workloads_and_one_has_no_interval() {
        let estimate = mean(&[(0, 10.0), (1, 20.0)]).unwrap();
        assert_eq!((estimate.value(), estimate.range().is_some()), (15.0, true));
        assert_eq!(mean(&[(0, 10.0)]), Some(Estimate::Single(10.0)));
        assert_eq!(mean(&[]), None);
    }
}
