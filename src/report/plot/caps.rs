//! EDP of GEMM and TRIAD against the power cap (thesis figure 6.5): a kernel bound by arithmetic beside one bound by memory.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, Plot, PlotError, Points, power};
use crate::report::sweep::{Sweep, SweptKernel, groups};
use crate::report::value::Estimate;
use ergometer_record::Technique;

/// The plot; empty where neither kernel was run under a cap.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(id: &str, sweep: &Sweep) -> Result<Plot, PlotError> {
    let title = format!("EDP of GEMM and TRIAD against the power cap: {}", sweep.device);
    let wanted = |kernel: &&SweptKernel| ["gemm", "triad"].iter().any(|name| kernel.group().starts_with(name));
    let groups = groups(sweep);
    let lines: Vec<(usize, Points)> = sweep
        .kernels
        .iter()
        .filter(wanted)
        .map(|kernel| (groups.iter().position(|name| *name == kernel.group()).unwrap_or(0), line(kernel)))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let all = || lines.iter().flat_map(|(_, line)| line);
    let axes = (
        Axis::fit("power cap", Unit::Plain("W"), Scale::Linear, all().map(|(cap, ..)| *cap)),
        Axis::fit("EDP over baseline", Unit::Plain(""), Scale::Log, all().map(|(_, edp, _)| edp.value()).chain([1.0])),
    );
    let (Some(x), Some(y)) = axes else { return Ok(Plot::empty(title)) };
    let description = format!("{} workloads; EDP relative to the machine as found, logarithmic.", lines.len());
    let spec = Spec { id, title: &title, description: &description, origin: sweep.origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        pen.line(&[(x.low, 1.0), (x.high, 1.0)], Ink::DashedMuted, 2)?;
        for (colour, line) in &lines {
            pen.line(
                &line.iter().map(|(cap, edp, _)| (*cap, edp.value())).collect::<Vec<_>>(),
                Ink::Series(*colour),
                3,
            )?;
            for (cap, edp, held) in line {
                pen.bars(Estimate::Single(*cap), *edp, Ink::Series(*colour))?;
                pen.mark(*cap, edp.value(), Mark::series(*colour), if *held { Fill::Solid } else { Fill::Hollow })?;
            }
        }
        Ok(())
    })?;
    let mut entries = Vec::new();
    for (colour, group) in groups.iter().enumerate().filter(|(i, _)| lines.iter().any(|(colour, _)| colour == i)) {
        entries.push(Entry::mark(Mark::series(colour), Fill::Solid, group)?);
    }
    if all().any(|(.., held)| !held) {
        entries.push(Entry::mark(Mark::KEY, Fill::Hollow, "cap bound nothing, or did not hold")?);
    }
    entries.push(Entry::line(Ink::DashedMuted, "as found"));
    Ok(Plot::new(title, drawing, entries))
}

/// EDP over the baseline's by cap; the interval is the cap's own, the baseline being taken as known.
fn line(kernel: &SweptKernel) -> Points {
    let Some(base) = kernel.points.iter().find(|p| p.setting.is_baseline()).map(|p| p.edp_js.value()) else {
        return Vec::new();
    };
    let caps = kernel.points.iter().filter(|p| p.setting.technique() == Technique::PowerCap);
    let mut line: Points = caps
        .filter_map(|p| Some((power::value(&p.setting)?, p.edp_js.scaled(1.0 / base), p.verdict.credits_gain())))
        .filter(|(_, edp, _)| edp.value().is_finite() && edp.value() > 0.0)
        .collect();
    line.sort_by(|a, b| a.0.total_cmp(&b.0));
    line
}
