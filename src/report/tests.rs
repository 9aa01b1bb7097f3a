//! The page as a whole: well-formed, escaped, the same every time, and written only where it may be.

use super::*;
use ergometer_record::measurement::Domain;
use ergometer_record::{
    Component, Counts, Interval, Kernel, KernelSpec, Precision, Setting, Size, Technique, Verdict, Watts,
};

fn interval(estimate: f64) -> Estimate {
    Interval { estimate, low: 0.75 * estimate, high: 1.25 * estimate, level: 0.95, n: 8 }.into()
}

/// A report with something in every section; `name` stands wherever a text can, `scale` multiplies every number. The
/// numbers are short in binary, so that a JSON reader that rounds the last bit still gives them back.
fn report(name: &str, scale: f64) -> Report {
    let number = |x: f64| interval(x * scale);
    let text = || name.to_owned();
    let spec = KernelSpec::new(Kernel::Triad, Size::Vector { n: 1000 }, Precision::F32).unwrap();
    let absent = ComponentEnergy { component: Component::NONE, energy: Energy::Absent { reason: text() } };
    let row = |threads| KernelRow {
        spec,
        tier: text(),
        threads,
        time: number(0.25),
        energy: vec![absent.clone()],
        error_over_bound: Some(scale),
        counts: Counts::default(),
        clock_hz: None,
    };
    let peak = |kind| Peak { name: text(), kind, threads: 1, bytes: None, value: number(10.0) };
    let cap = |watts| Setting { gpu_cap_w: Some(Watts(watts)), ..Setting::default() };
    let point = |setting: Setting, time: f64| SweepPoint {
        verdict: if setting.is_baseline() { Verdict::Baseline } else { Verdict::Held },
        setting,
        time_s: number(time),
        energy_j: number(2.0 * time),
        edp_js: number(2.0 + time),
        powers: vec![PointPower { component: Component::new(Domain::Gpu, 0), watts: number(200.0) }],
    };
    let gain = Gain {
        technique: Technique::PowerCap,
        edp_gain_pct: number(12.0),
        time_change_pct: number(3.0),
        setting: cap(200.0),
        tied: vec![cap(250.0)],
    };
    let prediction = |held_out, measured: f64| Prediction {
        quantity: Quantity::Time,
        series: text(),
        measured: measured * scale,
        predicted: 1.05 * measured * scale,
        held_out,
    };
    let value = Interval { estimate: scale, low: scale - 1.0, high: scale + 1.0, level: 0.95, n: 8 };
    let metric = |x: f64| Metric { value: number(x), difference: Some(value) };
    Report {
        title: text(),
        generated_utc: text(),
        command: text(),
        version: text(),
        headline: vec![Finding { text: text(), origin: Some(Origin::Virtual) }],
        doctor: Some(Doctor {
            machine: text(),
            checks: vec![Check {
                group: text(),
                name: text(),
                state: State::Missing,
                detail: text(),
                fix: Some(text()),
            }],
        }),
        kernels: vec![Characterisation {
            device: text(),
            origin: Origin::Measured,
            all_threads: 2,
            peaks: vec![peak(PeakKind::Bandwidth), peak(PeakKind::Arithmetic(Precision::F32))],
            rows: vec![row(1), row(2)],
        }],
        sweeps: vec![Sweep {
            device: text(),
            origin: Origin::Virtual,
            blocks: 6,
            idle: Some(IdleModel { alpha_j: number(0.125), beta_w: number(55.0), r2: 0.999 * scale }),
            kernels: vec![SweptKernel {
                name: text(),
                spec: None,
                points: vec![point(Setting::default(), 1.0), point(cap(200.0), 1.5), point(cap(250.0), 1.25)],
                gains: vec![gain],
            }],
            notes: vec![text()],
        }],
        calibrations: vec![Calibration {
            device: text(),
            model: text(),
            origin: Origin::Virtual,
            parameters: vec![Parameter {
                name: text(),
                unit: text(),
                value: number(5.0),
                prior: Some(value),
                identified: true,
                truth: Some(5.0 * scale),
            }],
            predictions: vec![prediction(true, 1.0), prediction(false, 2.0)],
            errors: vec![ErrorRow {
                predictor: text(),
                baseline: true,
                quantity: Quantity::Time,
                split: text(),
                held_out_pct: Some(number(5.0)),
                in_sample_pct: None,
                n: 2,
            }],
            notes: vec![text()],
        }],
        scenarios: vec![Scenario {
            name: text(),
            description: text(),
            origin: Origin::Modelled,
            seeds: 10,
            reference: text(),
            policies: vec![PolicyRow {
                policy: text(),
                throughput_per_h: metric(10.0),
                energy_kwh: metric(60.0),
                jct_h: Some(metric(1.0)),
                misses_pct: None,
            }],
            notes: vec![text()],
        }],
        footer: Footer {
            statements: vec![Statement { what: text(), origin: None, how: text() }],
            manifests: vec![ManifestEntry { id: text(), stage: text(), seed: 1 }],
            files: vec![FileEntry { path: text(), what: text() }],
            reproduce: vec![text()],
        },
    }
}

/// Tags of HTML that are never closed.
const VOID: [&str; 2] = ["meta", "br"];

/// Panics unless every tag is closed in order, every attribute is quoted, and ids are unique.
fn check_well_formed(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut ids = std::collections::HashSet::new();
    let mut rest = html.split_once("</style>").map_or(html, |(_, body)| body);
    open.extend(if rest.len() == html.len() { [].to_vec() } else { vec!["html".to_owned(), "head".to_owned()] });
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare > before {}", &rest[at..]);
        let end = rest[at..].find('>').expect("a tag that never ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let name = tag.split([' ', '/', '\n']).next().unwrap().to_owned();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(id) = tag.split_once(" id=\"").and_then(|(_, rest)| rest.split('"').next()) {
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
        }
        if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn every_section_is_there_well_formed_and_the_same_every_time() {
    let report = report("plain", 1.0);
    let html = to_html(&report).unwrap();
    check_well_formed(&html);
    assert_eq!(html, to_html(&report).unwrap());
    for section in report.sections() {
        assert!(html.contains(&format!("<section id=\"{}\">", section.id())));
        assert!(html.contains(&format!("<a href=\"#{}\">", section.id())));
    }
    assert_eq!(html.matches("<svg class=\"plot\"").count(), 6, "roofline, EDP, power, gains, calibration, policies");
    assert!(!html.contains("#E0"), "a placeholder colour was left");
}

#[test]
fn the_file_needs_nothing_from_outside() {
    let html = to_html(&report("plain", 1.0)).unwrap();
    for forbidden in ["<script", "<link", "src=", "@import", "url(", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn hostile_text_stays_text_everywhere() {
    let html = to_html(&report("</title><script>alert('\"&\u{0}')</script>", 1.0)).unwrap();
    check_well_formed(&html);
    assert!(!html.contains("<script") && !html.contains('\u{0}'));
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn numbers_that_are_none_neither_panic_nor_break_the_page() {
    for scale in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e300, 1e-300, f64::MIN_POSITIVE, f64::MAX] {
        check_well_formed(&to_html(&report("plain", scale)).unwrap());
    }
    let html = to_html(&report("plain", f64::NAN)).unwrap();
    assert!(html.contains("not a number") && html.contains("no data") && !html.contains("NaN"));
}

#[test]
fn an_empty_report_is_a_page_too() {
    let html = to_html(&Report::default()).unwrap();
    check_well_formed(&html);
    assert!(html.contains("no data"));
}

#[test]
fn virtual_and_modelled_numbers_are_labelled_in_heading_table_and_plot() {
    let html = to_html(&report("plain", 1.0)).unwrap();
    let part = |id: &str| {
        let from = html.find(&format!("<section id=\"{id}\">")).unwrap();
        html[from..].split("</section>").next().unwrap().to_owned()
    };
    for (id, class, word) in
        [("sweep", "virtual", "VIRTUAL"), ("calibration", "virtual", "VIRTUAL"), ("simulation", "modelled", "MODELLED")]
    {
        let part = part(id);
        let badge = format!("badge {class}");
        assert!(part.split("<h3>").nth(1).unwrap().split("</h3>").next().unwrap().contains(&badge), "{id}");
        for caption in part.split("<p class=\"caption\">").skip(1).chain(part.split("<figcaption>").skip(1)) {
            assert!(caption.split("</p>").next().unwrap().contains(&badge), "{id}: {caption}");
        }
        assert_eq!(part.matches("<svg class=\"plot\"").count(), part.matches(&format!("{word}\n")).count(), "{id}");
    }
    assert!(!part("kernels").contains("badge"));
}

#[test]
fn only_our_own_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report/index.html");
    let report = report("plain", 1.0);
    assert!(may_replace(&path).unwrap());
    write(&path, &report).unwrap();
    assert!(may_replace(&path).unwrap());
    write(&path, &report).unwrap();

    std::fs::write(&path, "<html>my own page</html>").unwrap();
    assert!(!may_replace(&path).unwrap());
    let error = write(&path, &report).unwrap_err().to_string();
    assert!(error.contains("index.html") && error.contains("--force") && error.contains("--out"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<html>my own page</html>");
    overwrite(&path, &report).unwrap();
    assert!(may_replace(&path).unwrap());
    assert!(!may_replace(folder.path()).unwrap(), "a folder is not a report");
}

#[test]
fn the_marker_can_be_neither_forged_by_text_nor_pushed_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.html");
    write(&path, &report(&"long ".repeat(10_000), 1.0)).unwrap();
    assert!(may_replace(&path).unwrap(), "the marker precedes every text of the report");
    std::fs::write(&path, "<p>&lt;meta name=\"generator\" content=\"ergometer 1\"&gt;</p>").unwrap();
    assert!(!may_replace(&path).unwrap());
}

#[test]
fn a_report_stored_as_json_gives_the_same_page() {
    let report = report("plain", 1.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    ergometer_record::format::json::write(&path, &report).unwrap();
    let back: Report = ergometer_record::format::json::read(&path).unwrap();
    assert_eq!(to_html(&back).unwrap(), to_html(&report).unwrap());
}
