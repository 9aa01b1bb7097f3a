//! EDP against time for one kernel (thesis figures 3.9 to 3.12), with the Pareto front and the least EDP.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, PlotError, legend, no_data};
use crate::report::sweep::SweepPoint;
use crate::report::value::Origin;
use ergometer_record::Technique;

const TECHNIQUES: [Technique; 5] =
    [Technique::Baseline, Technique::Dvfs, Technique::PowerCap, Technique::Governor, Technique::Combined];

/// The plot with its legend, as HTML.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(
    id: &str,
    kernel: &str,
    origin: Origin,
    points: &[SweepPoint],
) -> Result<String, PlotError> {
    let title = format!("EDP against time: {kernel}");
    // Logarithmic, because the lowest clocks cost several times the time and many times the EDP of the settings that
    // matter, which would otherwise lie on top of one another.
    let usable = |value: f64| value.is_finite() && value > 0.0;
    let shown: Vec<&SweepPoint> =
        points.iter().filter(|p| usable(p.time_s.value()) && usable(p.edp_js.value())).collect();
    let axes = (
        Axis::fit("time per execution", Unit::Prefixed("s"), Scale::Log, shown.iter().map(|p| p.time_s.value())),
        Axis::fit("EDP", Unit::Prefixed("J\u{b7}s"), Scale::Log, shown.iter().map(|p| p.edp_js.value())),
    );
    let (Some(x), Some(y)) = axes else { return Ok(no_data(&title)) };
    let front = pareto_front(&shown);
    let least = front.last().copied();
    let description = format!(
        "Logarithmic axes. {} settings; {} of those that held are on the Pareto front; least EDP at {}.",
        shown.len(),
        front.len(),
        least.map_or_else(|| "none".to_owned(), |p| p.setting.to_string())
    );
    let spec = Spec { id, title: &title, description: &description, origin, x: &x, y: &y };
    let mark = |technique: Technique| Mark::series(TECHNIQUES.iter().position(|t| *t == technique).unwrap_or(0));
    let drawing = canvas::draw(&spec, |pen| {
        let corners: Vec<_> = front.iter().map(|p| (p.time_s.value(), p.edp_js.value())).collect();
        pen.line(&corners, Ink::Text, 3)?;
        for point in &shown {
            pen.bars(point.time_s, point.edp_js, Ink::Muted)?;
        }
        // The baseline last, so that it is never hidden.
        for point in
            shown.iter().filter(|p| !p.setting.is_baseline()).chain(shown.iter().filter(|p| p.setting.is_baseline()))
        {
            let fill = if point.verdict.credits_gain() { Fill::Solid } else { Fill::Hollow };
            pen.mark(point.time_s.value(), point.edp_js.value(), mark(point.setting.technique()), fill)?;
        }
        if let Some(point) = least {
            pen.ring(point.time_s.value(), point.edp_js.value())?;
            let label =
                if point.setting.is_baseline() { "baseline is least".to_owned() } else { point.setting.to_string() };
            pen.label(&[(point.time_s.value(), point.edp_js.value())], &label, Ink::Text)?;
        }
        if let Some(point) = shown.iter().find(|p| p.setting.is_baseline())
            && least.is_none_or(|l| !l.setting.is_baseline())
        {
            pen.label(&[(point.time_s.value(), point.edp_js.value())], "baseline", Ink::Text)?;
        }
        Ok(())
    })?;

    let mut entries = Vec::new();
    for technique in TECHNIQUES {
        if shown.iter().any(|p| p.setting.technique() == technique) {
            entries.push(Entry::mark(mark(technique), Fill::Solid, technique.heading())?);
        }
    }
    if shown.iter().any(|p| !p.verdict.credits_gain()) {
        entries.push(Entry::mark(Mark::KEY, Fill::Hollow, "setting did not hold, or nothing confirms it")?);
    }
    if front.len() > 1 {
        entries.push(Entry::line(Ink::Text, "Pareto front of time and EDP"));
    }
    if least.is_some() {
        entries.push(Entry::ring("least EDP"));
    }
    Ok(format!("{drawing}{}", legend(&entries)))
}

/// The settings that held and that no other beats in both time and EDP, fastest first; the last has the least EDP.
fn pareto_front<'a>(points: &[&'a SweepPoint]) -> Vec<&'a SweepPoint> {
    let mut held: Vec<&SweepPoint> = points.iter().copied().filter(|p| p.verdict.credits_gain()).collect();
    let (time, edp) = (|p: &SweepPoint| p.time_s.value(), |p: &SweepPoint| p.edp_js.value());
    held.sort_by(|a, b| time(a).total_cmp(&time(b)).then(edp(a).total_cmp(&edp(b))));
    let mut front: Vec<&SweepPoint> = Vec::new();
    for point in held {
        if front.last().is_none_or(|last| edp(point) < edp(last)) {
            front.push(point);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value::Estimate;
    use ergometer_record::{Hertz, Setting, Verdict};

    fn point(mhz: Option<f64>, time: f64, edp: f64, verdict: Verdict) -> SweepPoint {
        SweepPoint {
            setting: Setting { gpu_clock_hz: mhz.map(Hertz::from_mhz), ..Setting::default() },
            verdict,
            time_s: Estimate::Single(time),
            energy_j: Estimate::Single(edp / time),
            edp_js: Estimate::Single(edp),
        }
    }

    #[test]
    fn the_front_holds_exactly_what_nothing_beats() {
        let points = [
            point(None, 1.0, 10.0, Verdict::Baseline),
            point(Some(1200.0), 1.1, 8.0, Verdict::Held),
            point(Some(1100.0), 1.2, 9.0, Verdict::Held),
            point(Some(1000.0), 1.3, 7.0, Verdict::Held),
            point(Some(900.0), 1.0, 1.0, Verdict::Ignored),
        ];
        let front = pareto_front(&points.iter().collect::<Vec<_>>());
        // Oracle: compare all pairs.
        let held: Vec<_> = points.iter().filter(|p| p.verdict.credits_gain()).collect();
        let expected: Vec<_> = held
            .iter()
            .filter(|a| {
                !held.iter().any(|b| {
                    let (ta, tb) = (a.time_s.value(), b.time_s.value());
                    let (ea, eb) = (a.edp_js.value(), b.edp_js.value());
                    tb <= ta && eb <= ea && (tb < ta || eb < ea)
                })
            })
            .map(|p| p.setting.to_string())
            .collect();
        assert_eq!(front.iter().map(|p| p.setting.to_string()).collect::<Vec<_>>(), expected);
        assert_eq!(expected, ["baseline", "gpu_clock=1200MHz", "gpu_clock=1000MHz"]);
    }

    #[test]
    fn virtual_data_say_so_inside_the_plot() {
        let html = plot("p", "gemm", Origin::Virtual, &[point(None, 1.0, 10.0, Verdict::Baseline)]).unwrap();
        assert!(html.contains("VIRTUAL"));
        let real = plot("p", "gemm", Origin::Measured, &[point(None, 1.0, 10.0, Verdict::Baseline)]).unwrap();
        assert!(!real.contains("VIRTUAL"));
    }

    #[test]
    fn empty_and_nan_say_no_data() {
        assert!(plot("p", "gemm", Origin::Measured, &[]).unwrap().contains("no data"));
        let nan = point(None, f64::NAN, 1.0, Verdict::Baseline);
        assert!(plot("p", "gemm", Origin::Measured, &[nan]).unwrap().contains("no data"));
    }

    #[test]
    fn nothing_that_held_is_no_front_but_still_a_plot() {
        let html = plot("p", "gemm", Origin::Measured, &[point(Some(900.0), 1.0, 1.0, Verdict::Ignored)]).unwrap();
        assert!(html.contains("<svg class=\"plot\"") && !html.contains("Pareto front of"));
    }
}
