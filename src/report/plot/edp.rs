//! EDP against time of all kernels of one device (thesis figures 3.7 to 3.12): kernels by colour, techniques by shape.
//!
//! Kernels differ by orders of magnitude, so that both axes are relative to the machine as found, which is one point for all
//! of them.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, Plot, PlotError};
use crate::report::sweep::{Sweep, SweepPoint, SweptKernel, groups};
use crate::report::value::Estimate;
use ergometer_record::Technique;

/// The order of the shapes; the circle is the baseline.
pub(super) const TECHNIQUES: [Technique; 5] =
    [Technique::Baseline, Technique::Dvfs, Technique::PowerCap, Technique::Governor, Technique::Combined];

/// Settings that take more than so many times the baseline's time or EDP are counted instead of drawn: they are what nobody
/// chooses, and would press everything else into a corner.
const FRAME: f64 = 2.0;

/// The shape of a technique, in a colour.
fn mark(technique: Technique, ink: Ink) -> Mark {
    Mark::of(TECHNIQUES.iter().position(|t| *t == technique).unwrap_or(0), ink)
}

/// A setting relative to the baseline.
struct Relative<'a> {
    point: &'a SweepPoint,
    colour: usize,
    time: f64,
    edp: f64,
    least: bool,
}

/// The plot.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(id: &str, sweep: &Sweep) -> Result<Plot, PlotError> {
    let title = format!("EDP against time: {}", sweep.device);
    let groups = groups(sweep);
    let mut shown: Vec<Relative<'_>> = Vec::new();
    for kernel in &sweep.kernels {
        let colour = groups.iter().position(|name| *name == kernel.group()).unwrap_or(0);
        shown.extend(relative(kernel, colour));
    }
    let all = shown.len();
    shown.retain(|r| r.time <= FRAME && r.edp <= FRAME);
    let beyond = all - shown.len();
    let axes = (
        Axis::fit("time over baseline", Unit::Plain(""), Scale::Log, shown.iter().map(|r| r.time).chain([1.0])),
        Axis::fit("EDP over baseline", Unit::Plain(""), Scale::Log, shown.iter().map(|r| r.edp).chain([1.0])),
    );
    let (Some(x), Some(y)) = axes else { return Ok(Plot::empty(title)) };
    if shown.is_empty() {
        return Ok(Plot::empty(title));
    }
    let better = shown.iter().filter(|r| r.least).count();
    let description = format!(
        "Logarithmic axes, relative to the machine as found. {all} settings of {} workloads, {beyond} of them beyond the \
         frame; {better} workloads have a setting that held with less EDP than the baseline.",
        sweep.kernels.len(),
    );
    let spec = Spec { id, title: &title, description: &description, origin: sweep.origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        let (wide, high) = ((x.value(x.low), x.value(x.high)), (y.value(y.low), y.value(y.high)));
        pen.line(&[(1.0, high.0), (1.0, high.1)], Ink::DashedMuted, 2)?;
        pen.line(&[(wide.0, 1.0), (wide.1, 1.0)], Ink::DashedMuted, 2)?;
        for r in &shown {
            let fill = if r.point.verdict.credits_gain() { Fill::SmallSolid } else { Fill::SmallHollow };
            pen.mark(r.time, r.edp, mark(r.point.setting.technique(), Ink::Series(r.colour)), fill)?;
        }
        pen.mark(1.0, 1.0, mark(Technique::Baseline, Ink::Text), Fill::Solid)?;
        for r in shown.iter().filter(|r| r.least) {
            pen.ring(r.time, r.edp)?;
        }
        pen.label(&[(1.0, 1.0)], "baseline", Ink::Text)
    })?;

    let mut entries = Vec::new();
    for (colour, name) in groups.iter().enumerate() {
        entries.push(Entry::line(Ink::Series(colour), name));
    }
    for technique in TECHNIQUES {
        if technique == Technique::Baseline || shown.iter().any(|r| r.point.setting.technique() == technique) {
            entries.push(Entry::mark(mark(technique, Ink::Muted), Fill::Solid, technique.heading())?);
        }
    }
    if shown.iter().any(|r| !r.point.verdict.credits_gain()) {
        entries.push(Entry::mark(Mark::KEY, Fill::Hollow, "did not hold, bound nothing, or unconfirmed")?);
    }
    if better > 0 {
        entries.push(Entry::ring("least EDP of a workload"));
    }
    if beyond > 0 {
        entries
            .push(Entry::words(&format!("{beyond} settings cost more than {FRAME} times the time or EDP: not drawn")));
    }
    Ok(Plot::new(title, drawing, entries))
}

/// The settings of a kernel over its baseline.
fn relative(kernel: &SweptKernel, colour: usize) -> Vec<Relative<'_>> {
    let usable = |estimate: Estimate| Some(estimate.value()).filter(|x| x.is_finite() && *x > 0.0);
    let Some(baseline) = kernel.points.iter().find(|p| p.setting.is_baseline()) else { return Vec::new() };
    let (Some(time), Some(edp)) = (usable(baseline.time_s), usable(baseline.edp_js)) else { return Vec::new() };
    let mut points: Vec<Relative<'_>> = kernel
        .points
        .iter()
        .filter(|point| !point.setting.is_baseline())
        .filter_map(|point| {
            let (time, edp) = (usable(point.time_s)? / time, usable(point.edp_js)? / edp);
            Some(Relative { point, colour, time, edp, least: false })
        })
        .collect();
    let held = points.iter_mut().filter(|r| r.point.verdict.credits_gain());
    if let Some(least) = held.min_by(|a, b| a.edp.total_cmp(&b.edp)).filter(|least| least.edp < 1.0) {
        least.least = true;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value::Origin;
    use ergometer_record::{Hertz, Setting, Verdict};

    fn point(mhz: Option<f64>, time: f64, edp: f64, verdict: Verdict) -> SweepPoint {
        SweepPoint {
            setting: Setting { gpu_clock_hz: mhz.map(Hertz::from_mhz), ..Setting::default() },
            verdict,
            time_s: Estimate::Single(time),
            energy_j: Estimate::Single(edp / time),
            edp_js: Estimate::Single(edp),
            powers: Vec::new(),
        }
    }

    fn sweep(origin: Origin, points: Vec<SweepPoint>) -> Sweep {
        let kernels = vec![SweptKernel { name: "gemm[n=1]f32".into(), spec: None, points, gains: Vec::new() }];
        Sweep { device: "card".into(), origin, blocks: 1, idle: None, kernels, notes: Vec::new() }
    }

    #[test]
    fn everything_is_relative_to_the_baseline_and_what_did_not_hold_is_not_least() {
        let sweep = sweep(
            Origin::Measured,
            vec![
                point(None, 2.0, 10.0, Verdict::Baseline),
                point(Some(1200.0), 2.2, 8.0, Verdict::Held),
                point(Some(900.0), 2.0, 1.0, Verdict::Ignored),
            ],
        );
        let points = relative(&sweep.kernels[0], 0);
        assert_eq!(
            points.iter().map(|r| (r.time, r.edp, r.least)).collect::<Vec<_>>(),
            [(1.1, 0.8, true), (1.0, 0.1, false)]
        );
        let html = plot("p", &sweep).unwrap().html();
        assert!(
            html.contains("2 settings of 1 workloads, 0 of them beyond") && html.contains("did not hold"),
            "{html}"
        );
    }

    #[test]
    fn what_nobody_chooses_is_counted() {
        let points = vec![
            point(None, 1.0, 1.0, Verdict::Baseline),
            point(Some(1200.0), 1.1, 0.9, Verdict::Held),
            point(Some(210.0), 6.0, 9.0, Verdict::Held),
        ];
        let html = plot("p", &sweep(Origin::Measured, points)).unwrap().html();
        assert!(html.contains("1 settings cost more than 2 times"), "{html}");
    }

    #[test]
    fn virtual_data_say_so_inside_the_plot_and_the_file() {
        let points = || vec![point(None, 1.0, 10.0, Verdict::Baseline), point(Some(1.0), 1.0, 10.0, Verdict::Held)];
        let virtual_plot = plot("p", &sweep(Origin::Virtual, points())).unwrap();
        assert!(virtual_plot.html().contains("VIRTUAL") && virtual_plot.file().unwrap().contains("VIRTUAL"));
        assert!(!plot("p", &sweep(Origin::Measured, points())).unwrap().html().contains("VIRTUAL"));
    }

    #[test]
    fn a_baseline_alone_or_not_a_number_says_no_data() {
        for points in [
            vec![],
            vec![point(None, 1.0, 1.0, Verdict::Baseline)],
            vec![point(None, f64::NAN, 1.0, Verdict::Baseline), point(Some(1.0), 1.0, 1.0, Verdict::Held)],
        ] {
            let plot = plot("p", &sweep(Origin::Measured, points)).unwrap();
            assert!(plot.html().contains("no data") && plot.file().is_none());
        }
    }
}
