use super::*;
use crate::table::render;

fn find(kernel: &str, framework: &str, platform: Platform, technique: Technique) -> Comparison {
    let of = |c: &Comparison| {
        (c.bench.kernel, c.bench.framework, c.bench.platform, c.best.technique)
            == (kernel, framework, platform, technique)
    };
    comparisons().into_iter().find(of).unwrap()
}

#[test]
fn a_gain_by_hand() {
    // (182.7 + 72.9) / (254.8 + 71.9) * 1.009^2 = 0.79651.
    let cap = find("dist", "JAX", Platform::Nvidia, Technique::PowerCap);
    assert!((cap.recomputed_pct - 20.349).abs() < 2e-3, "{}", cap.recomputed_pct);
    assert!((cap.difference() - 17.051).abs() < 2e-3 && cap.is_flagged());
    // With 16.8 W on both sides: 272.4 / 343.5 * 1.009^2.
    assert!((cap.with_dram_pct.unwrap() - 19.265).abs() < 2e-3);
    // Means of five runs: hypot(2.1, 0.2) / sqrt 5 of 255.6 W, hypot(3.4, 0.2) / sqrt 5 of 326.7 W, and twice 0.029 % of
    // time.
    assert!((cap.recomputed_u_pct - 0.4757).abs() < 2e-3, "{}", cap.recomputed_u_pct);
}

#[test]
fn the_processors_tables_agree_with_their_powers() {
    for c in comparisons().iter().filter(|c| c.bench.platform != Platform::Nvidia) {
        assert!(c.difference().abs() < 0.5, "{c:?}");
        assert!(c.with_dram_pct.is_none() && !c.is_flagged());
    }
}

#[test]
fn on_the_a100_dvfs_agrees_and_no_cap_does() {
    for c in comparisons().iter().filter(|c| c.bench.platform == Platform::Nvidia) {
        match c.best.technique {
            // 13 to 42 points too high.
            Technique::PowerCap => assert!((12.5..42.5).contains(&c.difference()), "{c:?}"),
            _ => {
                assert!(c.difference().abs() < 2.2 && (c.best.gain_pct - c.with_dram_pct.unwrap()).abs() < 0.9, "{c:?}")
            }
        }
    }
    let non_binding: Vec<_> = comparisons().into_iter().filter(Comparison::is_non_binding).collect();
    let names: Vec<_> = non_binding.iter().map(|c| (c.bench.kernel, c.bench.framework)).collect();
    assert_eq!(names, [("stencil", "JAX"), ("triad", "JAX"), ("spmv", "TensorFlow")]);
}

#[test]
fn a_best_setting_that_is_the_baseline_gains_nothing() {
    let same: Vec<_> =
        comparisons().into_iter().filter(|c| c.best.power == c.bench.baseline && c.best.time_pct == 0.0).collect();
    assert_eq!(same.len(), 9);
    assert!(same.iter().all(|c| c.recomputed_pct == 0.0 && c.recomputed_u_pct == 0.0 && c.best.gain_pct == 0.0));
}

#[test]
fn the_closing_sentences_carry_the_numbers() {
    let text = closing().join("\n");
    for expected in [
        "caps gain +8.4 % on average where +31.8 % is printed, DVFS +15.3 % where +14.4 % is printed",
        "DVFS gains more in 7 of 12 benchmarks, and 3 of the caps lie above",
        "12 of 12 gains of caps are off by more than 3 points",
        "19 to 32 W had been counted beside the card",
        "the largest slowdown of DVFS in the tables is 8.5 %",
        "those gains cost +2.3 and +4.5 % of time",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn every_format_shows_all_of_it() {
    let gains = comparisons().len();
    assert_eq!((BENCHES.len(), gains), (32, 74));
    let csv = render(render::format("csv").unwrap());
    assert_eq!(csv.lines().filter(|line| line.starts_with("3.")).count(), gains, "{csv}");
    let text = render(render::format("text").unwrap());
    assert!(text.contains("Thesis table 3.24: NVIDIA A100, TensorFlow") && text.contains("+42.0 !"), "{text}");
    assert!(!text.contains("-0.0") && !text.contains("NaN"));
}

/// The same tables, typed by somebody else.
#[test]
fn the_numbers_are_typed_rightly() {
    let folder = std::env::var_os("ERGOMETER_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        std::path::PathBuf::from,
    );
    let Ok(gains) = std::fs::read_to_string(folder.join("thesis/best_edp_t319_324.csv")) else {
        println!("skipped: no reference data");
        return;
    };
    let powers = std::fs::read_to_string(folder.join("thesis/power_t325_327.csv")).unwrap();
    let key = |c: &Comparison| {
        let platform = match c.bench.platform {
            Platform::Intel => "intel",
            Platform::Amd => "amd",
            Platform::Nvidia => "nvidia",
        };
        let framework = if c.bench.framework == "JAX" { "jax" } else { "tf" };
        let kernel = if c.bench.kernel == "monte_carlo" { "m_c" } else { c.bench.kernel };
        format!("{platform},{framework},{kernel}")
    };
    let mut seen = 0;
    for c in comparisons() {
        let technique = c.best.technique.heading();
        let start = format!("{},{technique},", key(&c));
        let line = gains.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{start}"));
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0].parse(), Ok(c.best.gain_pct), "{start}");
        assert_eq!(cells[1].parse(), Ok(c.best.time_pct), "{start}");
        match c.best.setting {
            Set::Clock(x) | Set::Cap(x) => assert_eq!(cells[2].parse(), Ok(x), "{start}"),
            Set::Governor(name) => assert_eq!(cells[2], name, "{start}"),
        }
        for (state, power) in [("base", c.bench.baseline), (technique, c.best.power)] {
            for (part, mean, sd) in [("main", power.main_w, power.main_sd_w), ("aux", power.other_w, power.other_sd_w)]
            {
                let state = if state == "POWERCAP" && !powers.contains("POWERCAP") { "P_C" } else { state };
                let start = format!("{},{state},{part},", key(&c));
                let line =
                    powers.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{start}"));
                assert_eq!(line.split(',').map(|x| x.parse().unwrap()).collect::<Vec<f64>>(), [mean, sd], "{start}");
                seen += 1;
            }
        }
    }
    assert_eq!((gains.lines().count() - 1, seen), (74, 4 * 74));
}
