//! Roofline (Williams, Waterman and Patterson 2009): attained GFLOP/s over arithmetic intensity, under measured roofs.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, PlotError, legend, no_data};
use crate::report::value::Origin;

/// The roof of one thread count.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Roof {
    /// Words of the legend.
    pub(in crate::report) label: String,
    /// The flat part, 1e9 FLOP/s.
    pub(in crate::report) gflops: f64,
    /// The slope, 1e9 bytes/s; `None` draws the flat part alone.
    pub(in crate::report) gbps: Option<f64>,
    /// True for the roof of all threads, drawn solid; others are dashed.
    pub(in crate::report) all_threads: bool,
}

/// One kernel at one tier and thread count.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Spot {
    /// The kernel: equal names share marker and label.
    pub(in crate::report) kernel: String,
    /// FLOPs per byte; `None` for a kernel that moves no data, which stands at the right edge.
    pub(in crate::report) intensity: Option<f64>,
    /// Attained, 1e9 FLOP/s.
    pub(in crate::report) gflops: f64,
    /// Run by all threads (solid) or not (hollow).
    pub(in crate::report) all_threads: bool,
    /// Run by the scalar tier (small).
    pub(in crate::report) scalar: bool,
}

/// The plot with its legend, as HTML.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(
    id: &str,
    device: &str,
    origin: Origin,
    roofs: &[Roof],
    spots: &[Spot],
) -> Result<String, PlotError> {
    let title = format!("Roofline of {device}");
    let shown: Vec<&Spot> = spots.iter().filter(|s| s.gflops.is_finite() && s.gflops > 0.0).collect();
    let ridge = |r: &Roof| r.gbps.filter(|b| *b > 0.0).map(|b| r.gflops / b);
    let across = shown.iter().filter_map(|s| s.intensity).chain(roofs.iter().filter_map(ridge));
    // Half a decade to the right of the last ridge shows that the roof is flat there.
    let across: Vec<f64> = across.flat_map(|x| [x, x * 3.0]).collect();
    let up = shown.iter().map(|s| s.gflops).chain(roofs.iter().map(|r| r.gflops));
    let axes = (
        Axis::fit("arithmetic intensity", Unit::Plain("FLOP/byte"), Scale::Log, across),
        Axis::fit("attained", Unit::Plain("GFLOP/s"), Scale::Log, up),
    );
    let ((Some(x), Some(y)), false) = (axes, shown.is_empty()) else { return Ok(no_data(&title)) };
    let (left, right) = (x.value(x.low), x.value(x.high));
    let edge = x.value(x.high - 0.04 * (x.high - x.low));

    let mut kernels: Vec<&str> = Vec::new();
    for spot in &shown {
        if !kernels.contains(&spot.kernel.as_str()) {
            kernels.push(&spot.kernel);
        }
    }
    let place = |spot: &Spot| (spot.intensity.unwrap_or(edge), spot.gflops);
    let description = format!(
        "Logarithmic axes. {} kernels under {} measured roofs; the table beside it holds the same numbers.",
        kernels.len(),
        roofs.len()
    );
    let spec = Spec { id, title: &title, description: &description, origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        for roof in roofs {
            let ink = if roof.all_threads { Ink::Text } else { Ink::DashedText };
            let bend = ridge(roof).unwrap_or(left);
            let slope = roof.gbps.map(|bandwidth| (left, bandwidth * left));
            let corners: Vec<_> = slope.into_iter().chain([(bend, roof.gflops), (right, roof.gflops)]).collect();
            pen.line(&corners, ink, 4)?;
        }
        for (i, kernel) in kernels.iter().enumerate() {
            for spot in shown.iter().filter(|s| s.kernel == *kernel) {
                let (across, up) = place(spot);
                pen.mark(across, up, Mark::series(i), fill(spot.all_threads, spot.scalar))?;
            }
        }
        for (i, kernel) in kernels.iter().enumerate() {
            let mut places: Vec<_> = shown.iter().filter(|s| s.kernel == *kernel).map(|s| place(s)).collect();
            places.sort_by(|a, b| b.1.total_cmp(&a.1));
            pen.label(&places, kernel, Mark::series(i).ink())?;
        }
        Ok(())
    })?;

    let mut entries = Vec::new();
    for roof in roofs {
        entries.push(Entry::line(if roof.all_threads { Ink::Text } else { Ink::DashedText }, &roof.label));
    }
    for (i, kernel) in kernels.iter().enumerate() {
        entries.push(Entry::mark(Mark::series(i), Fill::Solid, kernel)?);
    }
    for (all_threads, scalar, words) in [
        (true, false, "all threads, SIMD"),
        (false, false, "one thread, SIMD"),
        (true, true, "all threads, scalar"),
        (false, true, "one thread, scalar"),
    ] {
        if shown.iter().any(|s| s.all_threads == all_threads && s.scalar == scalar) {
            entries.push(Entry::mark(Mark::KEY, fill(all_threads, scalar), words)?);
        }
    }
    Ok(format!("{drawing}{}", legend(&entries)))
}

fn fill(all_threads: bool, scalar: bool) -> Fill {
    match (all_threads, scalar) {
        (true, false) => Fill::Solid,
        (false, false) => Fill::Hollow,
        (true, true) => Fill::SmallSolid,
        (false, true) => Fill::SmallHollow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(intensity: Option<f64>, gflops: f64) -> Spot {
        Spot { kernel: "gemm".into(), intensity, gflops, all_threads: true, scalar: false }
    }

    #[test]
    fn bad_numbers_are_left_out_and_nothing_left_says_no_data() {
        for gflops in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            let html = plot("p", "cpu", Origin::Measured, &[], &[spot(Some(1.0), gflops)]).unwrap();
            assert!(html.contains("no data") && !html.contains("<svg"), "{gflops}");
        }
        assert!(plot("p", "cpu", Origin::Measured, &[], &[]).unwrap().contains("no data"));
    }

    #[test]
    fn one_point_without_roofs_is_a_plot() {
        let html = plot("p", "cpu", Origin::Measured, &[], &[spot(Some(1.0), 5.0)]).unwrap();
        assert!(html.contains(">\ngemm\n<") || html.contains(">gemm<") || html.contains("gemm\n"), "{html}");
    }

    #[test]
    fn a_kernel_without_traffic_stands_at_the_right_edge() {
        let roof = Roof { label: "roof".into(), gflops: 100.0, gbps: Some(20.0), all_threads: true };
        let html = plot("p", "cpu", Origin::Measured, &[roof], &[spot(None, 50.0)]).unwrap();
        assert!(html.contains("<svg class=\"plot\""));
    }
}
