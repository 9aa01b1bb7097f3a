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
        "it falls from the second thread on",
        "+3.0 +- 2.5 W (AMD), +3.1 +- 3.5 W (Intel)",
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
    assert!(!text.contains("-0.0 ") && !text.contains("NaN"));
}

#[test]
fn the_memorys_energies_count_samples() {
    let (off, multiples): (Vec<nodes::Node>, Vec<nodes::Node>) =
        nodes::NODES.into_iter().partition(|n| n.samples().1.abs() > 0.05);
    assert_eq!((multiples.len(), off.len()), (15, 1));
    // 201.0 is printed where 24 samples are 201.6 J.
    assert_eq!(off[0].samples().0, 24.0);
    assert!((off[0].samples().1 + 0.6).abs() < 1e-9);
    // No larger number divides them all: 9 and 10 samples occur.
    let counts: Vec<f64> = multiples.iter().map(|n| n.samples().0).collect();
    assert!(counts.contains(&9.0) && counts.contains(&10.0));
    // Not the integral over time: 4 samples in 1.24 s, 126 in 74.66 s.
    let line = nodes::sample_line().unwrap();
    assert!((1.0 / line.slope - 0.6).abs() < 0.02 && line.r2 > 0.998, "{line:?}");
    let (short, long) = (nodes::NODES[10], nodes::NODES[4]);
    let over = |n: nodes::Node| n.joules[5] / (INFERRED_DRAM_W * n.time_s);
    assert!((over(short) - 1.613).abs() < 1e-3 && (over(long) - 0.8438).abs() < 1e-3);
    // 8.4 J in half a second are the 16.8 W that the DVFS gains of the A100 imply.
    assert!((nodes::QUANTUM_J / 0.5 - INFERRED_DRAM_W).abs() < 1e-9);
    // 8 x 6 W x 0.35, by the program's tiers and by no others.
    let found = nodes::explanations();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].modules, found[0].gb, found[0].factor, found[0].period_s), (8, 64.0, 0.35, 0.5));
    assert!((found[0].power_w - INFERRED_DRAM_W).abs() < 1e-9);
}

#[test]
fn one_total_leaves_a_node_out() {
    let wrong = nodes::wrong_totals();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let (table, column, printed, sum) = wrong[0];
    assert_eq!((table, column, printed), ("3.7", "RAM", 596.4));
    assert!((sum - 797.4).abs() < 1e-9);
    assert!(render(render::format("text").unwrap()).contains("node 3 is left out"));
}

#[test]
fn the_idle_lines_follow_but_for_one() {
    for equation in &idle::EQUATIONS {
        let line = equation.refit().unwrap();
        assert_eq!(line.n, if equation.equation == "3.3" { 7 } else { 24 });
        let close = (line.slope - equation.beta_w).abs() < 0.011
            && (line.intercept - equation.alpha_j).abs() < 0.011
            && (line.rmse - equation.rmse_j).abs() < 0.011;
        assert_eq!(close, (equation.equation, equation.component) != ("3.3", 0), "{equation:?} {line:?}");
    }
    // Intel: (4.94 + 1.43 + 4.98 + 0.87) / 4 W more with 32 sleeping threads.
    let (watts, half) = idle::sleeping_threads_w(1).unwrap();
    assert!((watts - 3.055).abs() < 1e-9 && half > watts, "{watts} {half}");
}

#[test]
fn round_powers_were_subtracted_on_intel() {
    let (follow, cells, off) = paradigms::gains();
    assert_eq!((cells, follow + off.len()), (36 * 8, cells));
    // SpMV, scalar: (991.37 - 476.01) J / 9.91 s = 52.00 W; GEMM 50.00 W with every number of threads.
    let gemm: Vec<_> = paradigms::apps(1).into_iter().filter(|a| a.run.kernel == "gemm").collect();
    assert_eq!(gemm.len(), 9);
    assert!(gemm.iter().all(|a| (a.subtracted_w - 50.0).abs() <= a.rounding_w), "{gemm:?}");
    assert!((paradigms::apps(1)[0].subtracted_w - 52.004).abs() < 1e-3);
    // AMD, SpMV: 1108.50 J - (1.88 + 56.14 x 14.26) J = 306.06 J, where 328.50 J is printed.
    let spmv = paradigms::apps(0)[0];
    assert!((spmv.by_line_j - 306.0636).abs() < 1e-6 && spmv.printed_j == 328.5);
}

#[test]
fn every_table_is_checked() {
    let all = checks();
    assert!(all.iter().all(|c| c.follow <= c.cells && c.cells > 0 && (c.follow == c.cells || !c.remark.is_empty())));
    let of = |rule: &str| all.iter().find(|c| c.rule.contains(rule)).unwrap();
    assert_eq!((of("total is").follow, of("integral").follow, of("least squares").follow), (27, 1, 5));
    assert_eq!((of("energy over time").follow, of("energy over time").cells), (48, 48));
    assert!(of("E_app").follow < of("E_app").cells / 2);
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
