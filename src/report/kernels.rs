//! Section: the machine's measured peaks, every kernel against them, and the roofline.

use super::Section;
use super::html::{Cell, Reasons, Table, banner, escape, figure, warning_badge};
use super::number::{Style, bare, estimate, significant};
use super::plot::PlotError;
use super::plot::roofline::{self, Roof, Spot};
use super::plot::scaling::{self, Quantity};
use super::sweep::Figure;
use super::value::{Energy, Estimate, Origin};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Counts, Interval, KernelSpec, Precision};
use serde::{Deserialize, Serialize};

/// Kernels characterised on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Characterisation {
    /// The device, such as "AMD EPYC 9554, 2 threads".
    pub device: String,
    /// Where the times come from.
    pub origin: Origin,
    /// Threads that "all threads" means here.
    pub all_threads: u32,
    /// Peaks measured at the start of the same run.
    pub peaks: Vec<Peak>,
    /// One row per kernel, tier and thread count.
    pub rows: Vec<KernelRow>,
}

/// A measured ceiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// How it was measured, such as "FMA loop, AVX2".
    pub name: String,
    /// Of what.
    pub kind: PeakKind,
    /// Threads that measured it.
    pub threads: u32,
    /// Bytes that one execution touches: which cache, or the memory, a bandwidth is of. `None` where it was not kept.
    #[serde(default)]
    pub bytes: Option<f64>,
    /// 1e9 FLOP/s for arithmetic, 1e9 bytes/s for bandwidth.
    pub value: Estimate,
}

/// What a ceiling bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeakKind {
    /// Floating-point operations of one precision.
    Arithmetic(Precision),
    /// Bytes to and from memory.
    Bandwidth,
}

/// One kernel at one tier and thread count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelRow {
    /// Kernel, size and precision; FLOP/s and bytes/s are computed from it.
    pub spec: KernelSpec,
    /// Instruction-set tier, such as "scalar" or "avx2".
    pub tier: String,
    /// Threads that ran it.
    pub threads: u32,
    /// Seconds per execution.
    pub time: Estimate,
    /// Energy per execution, by component. Empty is shown as absent for a reason not given; prefer
    /// [`Energy::Absent`] with one.
    pub energy: Vec<ComponentEnergy>,
    /// Largest error against the reference over its bound: at most 1 passes; `None` was not checked.
    pub error_over_bound: Option<f64>,
    /// What performance counters counted during one execution.
    #[serde(default)]
    pub counts: Counts,
    /// Mean clock of the processors that ran it, in Hz, where they were counted.
    #[serde(default)]
    pub clock_hz: Option<f64>,
}

/// The energy of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentEnergy {
    /// Which, such as `package:0`; [`Component::NONE`] for an absence that holds for all of them.
    pub component: Component,
    /// Joules per execution, or why there are none.
    pub energy: Energy,
}

/// A row's GFLOP/s over the roof that bounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Percent. May exceed 100 where the data stay in a cache that is faster than every measured stream.
    pub percent: Estimate,
    /// The bounding roof: "arithmetic" or "memory".
    pub bound: &'static str,
}

impl KernelRow {
    /// 1e9 FLOP/s.
    pub fn gflops(&self) -> Estimate {
        self.time.rate_of(self.spec.flops() / 1e9)
    }

    /// 1e9 bytes/s of the *least* bytes; `None` for a kernel that moves no data.
    pub fn gbytes_per_s(&self) -> Option<Estimate> {
        let bytes = self.spec.least_bytes();
        (bytes > 0.0).then(|| self.time.rate_of(bytes / 1e9))
    }
}

impl Characterisation {
    /// The highest measured ceiling of a kind and thread count.
    fn peak(&self, kind: PeakKind, threads: u32) -> Option<Estimate> {
        let of_kind = self.peaks.iter().filter(|p| p.kind == kind && p.threads == threads && p.value.value() > 0.0);
        of_kind.map(|p| p.value).max_by(|a, b| a.value().total_cmp(&b.value()))
    }

    /// The highest bandwidth measured with a thread count at the footprint nearest to so many bytes: a stream from cache
    /// says nothing about memory, nor one from memory about a cache.
    fn bandwidth(&self, threads: u32, bytes: f64) -> Option<Estimate> {
        let of_kind = self.peaks.iter().filter(|p| p.kind == PeakKind::Bandwidth && p.threads == threads);
        let known: Vec<&Peak> = of_kind.filter(|p| p.value.value() > 0.0).collect();
        let distance = |p: &Peak| p.bytes.map_or(f64::INFINITY, |b| (b / bytes).ln().abs());
        let nearest = known.iter().map(|p| distance(p)).min_by(f64::total_cmp)?;
        // Reads and copies of one class differ by rounding.
        let there = known.iter().filter(|p| distance(p) <= nearest + 0.1);
        there.map(|p| p.value).max_by(|a, b| a.value().total_cmp(&b.value()))
    }

    /// How close a row comes to the roofline of its own thread count, precision and footprint: min(peak, bandwidth x
    /// intensity), with the bandwidth of the cache or memory that holds a footprint like the row's.
    /// The interval takes the row's and the peak's ends at their worst. `None` when a peak that it needs was not
    /// measured.
    pub fn share_of_peak(&self, row: &KernelRow) -> Option<Share> {
        let arithmetic = self.peak(PeakKind::Arithmetic(row.spec.precision), row.threads)?;
        let (roof, bound) = match row.spec.arithmetic_intensity() {
            None => (arithmetic, "arithmetic"),
            Some(intensity) => {
                let memory = self.bandwidth(row.threads, row.spec.least_bytes())?.scaled(intensity);
                if memory.value() < arithmetic.value() { (memory, "memory") } else { (arithmetic, "arithmetic") }
            }
        };
        let attained = row.gflops();
        let percent = match (attained, roof) {
            (Estimate::Interval(a), Estimate::Interval(r)) => Estimate::Interval(Interval {
                estimate: 100.0 * a.estimate / r.estimate,
                low: 100.0 * a.low / r.high,
                high: 100.0 * a.high / r.low,
                ..a
            }),
            (Estimate::Interval(_), Estimate::Single(r)) => attained.scaled(100.0 / r),
            (Estimate::Single(a), _) => Estimate::Single(100.0 * a / roof.value()),
        };
        Some(Share { percent, bound })
    }

    fn roofs(&self) -> Vec<Roof> {
        let mut keys: Vec<(u32, Precision)> = self.rows.iter().map(|r| (r.threads, r.spec.precision)).collect();
        keys.sort_by_key(|(threads, precision)| (std::cmp::Reverse(*threads), precision.bytes(), precision.name()));
        keys.dedup();
        let roof = |(threads, precision): (u32, Precision)| {
            let gflops = self.peak(PeakKind::Arithmetic(precision), threads)?.value();
            let gbps = self.bandwidth(threads, f64::MAX).map(Estimate::value);
            let stream = gbps.map_or("no stream measured".to_owned(), |b| format!("{} GB/s", significant(b, 3)));
            let plural = if threads == 1 { "" } else { "s" };
            let label =
                format!("roof, {threads} thread{plural}: {} GFLOP/s {precision}, {stream}", significant(gflops, 3));
            Some(Roof { label, gflops, gbps, all_threads: threads == self.all_threads })
        };
        keys.into_iter().filter_map(roof).collect()
    }

    /// Bandwidth, volume and power against the number of threads (thesis figures 3.4 and 3.5), where there were several.
    ///
    /// # Errors
    /// The plotting library fails.
    pub fn figures(&self, id: &str) -> Result<Vec<Figure>, PlotError> {
        let mut figures = Vec::new();
        for tier in scaling::tiers(self) {
            for (name, quantity) in [
                ("bandwidth", Quantity::Bandwidth),
                ("volume", Quantity::Volume),
                ("power", Quantity::Power(Domain::Package)),
                ("memory-power", Quantity::Power(Domain::Dram)),
            ] {
                let name = format!("{name}-threads-{tier}");
                let plot = scaling::plot(&format!("{id}-{name}"), self, tier, quantity)?;
                figures.push(Figure {
                    name,
                    note: "Least bytes over time, bytes that the memory moved, or energy over time.",
                    plot,
                });
            }
        }
        figures.retain(|figure| figure.plot.is_drawn());
        Ok(figures)
    }

    fn peak_table(&self) -> String {
        let mut table =
            Table::new(format!("Measured peaks{}", warning_badge(self.origin)), &["Peak", ">Threads", ">Value"])
                .note("What the machine has shown that it can do in this run.");
        for peak in &self.peaks {
            let unit = match peak.kind {
                PeakKind::Arithmetic(_) => "GFLOP/s",
                PeakKind::Bandwidth => "GB/s",
            };
            table.row(vec![
                Cell::text(&peak.name),
                Cell::text(peak.threads.to_string()).right(),
                Cell::html(match peak.value {
                    Estimate::Interval(_) => estimate(peak.value, unit, Style::Plain),
                    Estimate::Single(value) => bare(value, unit, 3),
                })
                .right(),
            ]);
        }
        table.finish()
    }

    fn kernel_table(&self) -> String {
        let mut reasons = Reasons::default();
        let headings =
            ["Tier", ">Threads", ">Time", ">GFLOP/s", ">GB/s of least bytes", ">Share of roof", "Energy", "Check"];
        let caption = format!("Kernels{}", warning_badge(self.origin));
        let mut table = Table::new(caption, &headings).note(
            "Times and energies are per execution; brackets hold 95 % intervals. The roof is the measured one of the same thread count; memory or arithmetic says \
             which bounds. Check compares the result with its reference in the same run.",
        );
        let mut group = None;
        for row in &self.rows {
            if group != Some(&row.spec) {
                group = Some(&row.spec);
                let spec = &row.spec;
                table.heading(&format!("{} {} {}", spec.kernel, spec.size, spec.precision));
            }
            let share = match self.share_of_peak(row) {
                Some(s) => format!("{} <small>{}</small>", estimate(s.percent, "%", Style::Plain), s.bound),
                None => reasons.cell("no peak was measured for this thread count and precision"),
            };
            let bandwidth = match row.gbytes_per_s() {
                Some(rate) => estimate(rate, "", Style::Plain),
                None => reasons.cell("the kernel moves no data by definition"),
            };
            table.row(vec![
                Cell::text(&row.tier),
                Cell::text(row.threads.to_string()).right(),
                Cell::html(estimate(row.time, "s", Style::Prefixed)).right(),
                Cell::html(estimate(row.gflops(), "", Style::Plain)).right(),
                Cell::html(bandwidth).right(),
                Cell::html(share).right(),
                Cell::html(energy_cell(&row.energy, &mut reasons)),
                Cell::html(check_cell(row.error_over_bound)),
            ]);
        }
        format!("{}{}", table.finish(), reasons.finish())
    }
}

fn energy_cell(energies: &[ComponentEnergy], reasons: &mut Reasons) -> String {
    if energies.is_empty() {
        return reasons.cell("");
    }
    let cell = |e: &ComponentEnergy| {
        let name = if e.component == Component::NONE {
            String::new()
        } else {
            format!("{}: ", escape(&e.component.to_string()))
        };
        match &e.energy {
            Energy::Absent { reason } => format!("{name}{}", reasons.cell(reason)),
            // A value whose provenance says that there is none contradicts itself and is not shown.
            Energy::Known { joules, provenance } => match Origin::of(*provenance) {
                None => format!("{name}{}", reasons.cell("the value carries no provenance")),
                Some(origin) => {
                    format!("{name}{}{}", estimate(*joules, "J", Style::Prefixed), warning_badge(origin))
                }
            },
        }
    };
    energies.iter().map(cell).collect::<Vec<_>>().join("<br>")
}

fn check_cell(error_over_bound: Option<f64>) -> String {
    match error_over_bound {
        None => r#"<span class="state missing">not checked</span>"#.to_owned(),
        Some(ratio) if ratio <= 1.0 => r#"<span class="state found">ok</span>"#.to_owned(),
        Some(ratio) => {
            format!(r#"<span class="state not-permitted">wrong: {} of the bound</span>"#, bare(ratio, "\u{d7}", 3))
        }
    }
}

impl Section for Vec<Characterisation> {
    fn id(&self) -> &'static str {
        "kernels"
    }

    fn title(&self) -> &'static str {
        "Kernels on this machine"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        for (i, device) in self.iter().enumerate() {
            let spots: Vec<Spot> = device
                .rows
                .iter()
                .map(|row| Spot {
                    kernel: row.spec.kernel.name().to_owned(),
                    intensity: row.spec.arithmetic_intensity(),
                    gflops: row.gflops().value(),
                    all_threads: row.threads == device.all_threads,
                    scalar: row.tier == "scalar",
                })
                .collect();
            let plot = roofline::plot(&format!("roofline{i}"), &device.device, device.origin, &device.roofs(), &spots)?;
            let title = format!("Roofline{}", warning_badge(device.origin));
            let note = "Attained GFLOP/s over arithmetic intensity (FLOPs over least bytes), under the roofs measured in the \
                        same run. A kernel that moves no data stands at the right edge.";
            out.push_str(&format!("<h3>{}{}</h3>\n", escape(&device.device), warning_badge(device.origin)));
            out.push_str(&banner(device.origin, "Times and energies in this part"));
            out.push_str(&device.peak_table());
            out.push_str(&figure(&title, &plot, note));
            out.push_str(&device.kernel_table());
            // Two points are no course; the table has them.
            let mut threads: Vec<u32> = device.rows.iter().map(|row| row.threads).collect();
            threads.sort_unstable();
            threads.dedup();
            if threads.len() > 2 {
                out.push_str("<div class=\"grid\">\n");
                for drawn in device.figures(&format!("threads{i}"))? {
                    let title = format!("{}{}", escape(drawn.plot.title()), warning_badge(device.origin));
                    out.push_str(&figure(&title, &drawn.plot.html(), drawn.note));
                }
                out.push_str("</div>\n");
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::{Kernel, Provenance, Size};

    fn interval(estimate: f64) -> Estimate {
        Interval { estimate, low: estimate * 0.9, high: estimate * 1.1, level: 0.95, n: 10 }.into()
    }

    fn row(kernel: Kernel, size: Size, time: f64, energy: Vec<ComponentEnergy>) -> KernelRow {
        let spec = KernelSpec::new(kernel, size, Precision::F32).unwrap();
        KernelRow {
            spec,
            tier: "avx2".into(),
            threads: 1,
            time: interval(time),
            energy,
            error_over_bound: Some(0.5),
            counts: Counts::default(),
            clock_hz: None,
        }
    }

    fn device(rows: Vec<KernelRow>) -> Characterisation {
        let peak = |kind, value| Peak { name: "loop".into(), kind, threads: 1, bytes: None, value: interval(value) };
        Characterisation {
            device: "cpu".into(),
            origin: Origin::Measured,
            all_threads: 2,
            peaks: vec![peak(PeakKind::Arithmetic(Precision::F32), 100.0), peak(PeakKind::Bandwidth, 10.0)],
            rows,
        }
    }

    #[test]
    fn the_share_is_of_the_roof_that_bounds() {
        let gemm = row(Kernel::Gemm, Size::square(1000), 0.04, vec![]);
        let share = device(vec![]).share_of_peak(&gemm).unwrap();
        // 2e9 FLOP in 40 ms is 50 GFLOP/s of 100.
        assert!((share.percent.value() - 50.0).abs() < 1e-9 && share.bound == "arithmetic");
        let (low, high) = share.percent.range().unwrap();
        assert!(
            (low - 100.0 * (2.0 / 0.044) / 110.0).abs() < 1e-9 && (high - 100.0 * (2.0 / 0.036) / 90.0).abs() < 1e-9
        );

        let triad = row(Kernel::Triad, Size::Vector { n: 1_000_000 }, 0.0024, vec![]);
        let share = device(vec![]).share_of_peak(&triad).unwrap();
        // 12 MB in 2.4 ms is 5 GB/s of 10.
        assert!((share.percent.value() - 50.0).abs() < 1e-9 && share.bound == "memory");
        assert_eq!(device(vec![]).share_of_peak(&KernelRow { threads: 2, ..triad }), None);
    }

    #[test]
    fn a_footprint_is_held_against_the_bandwidth_of_its_own_level() {
        let stream = |bytes, value| Peak {
            name: "stream".into(),
            kind: PeakKind::Bandwidth,
            threads: 1,
            bytes: Some(bytes),
            value: interval(value),
        };
        let mut device = device(vec![]);
        device.peaks.truncate(1);
        // In cache a copy is the faster of the two; the memory's roof is not raised by it.
        device.peaks.extend([stream(8e6, 30.0), stream(8.1e6, 40.0), stream(1e9, 10.0)]);
        let share = |n, time| {
            let triad = row(Kernel::Triad, Size::Vector { n }, time, vec![]);
            device.share_of_peak(&triad).unwrap().percent.value()
        };
        // 12 MB and 1.2 GB at 10 GB/s.
        assert!((share(1_000_000, 0.0012) - 25.0).abs() < 1e-9);
        assert!((share(100_000_000, 0.12) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn absent_energy_has_its_reason_and_is_never_zero() {
        let absent =
            ComponentEnergy { component: Component::NONE, energy: Energy::Absent { reason: "no <RAPL> here".into() } };
        let html = vec![device(vec![row(Kernel::Gemm, Size::square(100), 1.0, vec![absent])])].html().unwrap();
        assert!(html.contains("absent (a)") && html.contains("no &lt;RAPL&gt; here"), "{html}");
        assert!(!html.contains("0 J") && !html.contains("0\u{a0}J"));
        let silent = vec![device(vec![row(Kernel::Gemm, Size::square(100), 1.0, vec![])])].html().unwrap();
        assert!(silent.contains("reason not given"));
    }

    #[test]
    fn modelled_energy_carries_its_badge_and_contradictions_are_not_shown() {
        let known = |provenance| {
            let energy = Energy::Known { joules: Estimate::Single(3.0), provenance };
            vec![ComponentEnergy { component: Component::NONE, energy }]
        };
        let html = |e| vec![device(vec![row(Kernel::Gemm, Size::square(100), 1.0, e)])].html().unwrap();
        assert!(html(known(Provenance::Modelled)).contains("badge modelled"));
        assert!(!html(known(Provenance::Counter)).contains("badge"));
        assert!(html(known(Provenance::Absent)).contains("absent (a)"));
    }

    #[test]
    fn a_wrong_result_is_shown_as_wrong() {
        assert!(check_cell(Some(1.5)).contains("wrong") && check_cell(Some(f64::NAN)).contains("wrong"));
        assert!(check_cell(None).contains("not checked") && check_cell(Some(1.0)).contains("ok"));
    }
}
