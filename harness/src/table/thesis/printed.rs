//! The printed numbers, typed from R. Nana Tchakoute, *Energy-aware high-performance artificial intelligence*, doctoral
//! thesis, Universite PSL, 2025: best gains and settings from tables 3.19 to 3.24, powers from tables 3.25 to 3.27.

use Platform::{Amd, Intel, Nvidia};
use ergometer_record::Technique;

/// The machines of section 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Two Xeon of the Ice Lake SP generation: processors and memory.
    Intel,
    /// EPYC of the Zen 3 generation: processors and memory.
    Amd,
    /// One A100: card and the host's processors.
    Nvidia,
}

/// Mean and standard deviation of five runs, in W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Processors, or the card.
    pub main_w: f64,
    /// Its standard deviation.
    pub main_sd_w: f64,
    /// Memory, or the host's processors.
    pub other_w: f64,
    /// Its standard deviation.
    pub other_sd_w: f64,
}

/// The setting with the least EDP of one technique.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// The technique.
    pub technique: Technique,
    /// Printed gain of EDP over the baseline, in percent; positive is less EDP.
    pub gain_pct: f64,
    /// Printed change of time, in percent; positive is slower.
    pub time_pct: f64,
    /// The setting.
    pub setting: Set,
    /// Printed power at that setting.
    pub power: Power,
}

/// A setting as the tables give it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Set {
    /// Clock, in GHz.
    Clock(f64),
    /// Power limit, in W.
    Cap(f64),
    /// Governor.
    Governor(&'static str),
}

/// One line of one of the tables 3.19 to 3.24 with its powers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bench {
    /// Number of the table with the gains.
    pub table: &'static str,
    /// Machine.
    pub platform: Platform,
    /// Framework.
    pub framework: &'static str,
    /// Kernel, by our name.
    pub kernel: &'static str,
    /// Power as found (`performance`, highest clock, no cap).
    pub baseline: Power,
    /// Each technique's best.
    pub best: &'static [Best],
}

const fn power(main_w: f64, main_sd_w: f64, other_w: f64, other_sd_w: f64) -> Power {
    Power { main_w, main_sd_w, other_w, other_sd_w }
}

const fn dvfs(gain_pct: f64, time_pct: f64, ghz: f64, power: Power) -> Best {
    Best { technique: Technique::Dvfs, gain_pct, time_pct, setting: Set::Clock(ghz), power }
}

const fn cap(gain_pct: f64, time_pct: f64, watts: f64, power: Power) -> Best {
    Best { technique: Technique::PowerCap, gain_pct, time_pct, setting: Set::Cap(watts), power }
}

const fn governor(gain_pct: f64, time_pct: f64, name: &'static str, power: Power) -> Best {
    Best { technique: Technique::Governor, gain_pct, time_pct, setting: Set::Governor(name), power }
}

const fn bench(
    table: &'static str,
    platform: Platform,
    framework: &'static str,
    kernel: &'static str,
    baseline: Power,
    best: &'static [Best],
) -> Bench {
    Bench { table, platform, framework, kernel, baseline, best }
}

/// Every line.
#[rustfmt::skip]
pub const BENCHES: [Bench; 32] = [
    // Tables 3.19 and 3.26.
    bench("3.19", Intel, "JAX", "dist", power(259.2, 2.7, 54.6, 1.0), &[
        dvfs(6.9, 0.0, 2.4, power(238.7, 3.2, 53.3, 0.9)),
        cap(10.5, -4.4, 250.0, power(252.5, 4.6, 54.9, 1.0)),
        governor(0.1, 2.5, "powersave", power(245.7, 4.2, 52.9, 1.8)),
    ]),
    bench("3.19", Intel, "JAX", "gemm", power(482.4, 12.9, 68.7, 1.3), &[
        dvfs(16.7, -6.4, 2.1, power(456.8, 17.8, 68.9, 2.4)),
        cap(8.4, -4.1, 250.0, power(481.5, 18.5, 69.1, 2.7)),
        governor(2.5, -1.8, "powersave", power(489.2, 6.7, 69.2, 0.7)),
    ]),
    bench("3.19", Intel, "JAX", "monte_carlo", power(262.0, 2.7, 56.3, 1.2), &[
        dvfs(0.7, 3.7, 2.4, power(239.2, 2.0, 54.6, 0.6)),
        cap(-0.8, 3.1, 200.0, power(246.6, 3.6, 55.5, 1.0)),
        governor(0.5, 2.4, "powersave", power(247.2, 9.0, 55.2, 1.6)),
    ]),
    bench("3.19", Intel, "JAX", "stencil", power(265.7, 0.9, 44.7, 0.2), &[
        dvfs(-2.9, 1.3, 3.4, power(266.6, 1.7, 44.9, 0.3)),
        cap(-4.3, 2.3, 250.0, power(265.8, 1.2, 44.6, 0.1)),
        governor(0.0, 0.0, "performance", power(265.7, 0.9, 44.7, 0.2)),
    ]),
    bench("3.19", Intel, "JAX", "triad", power(261.1, 3.7, 56.6, 1.4), &[
        dvfs(5.9, 1.2, 2.1, power(235.8, 3.0, 56.3, 1.0)),
        cap(2.6, 1.3, 150.0, power(246.3, 5.3, 55.3, 1.5)),
        governor(0.0, 0.0, "performance", power(261.1, 3.7, 56.6, 1.4)),
    ]),
    // Tables 3.20 and 3.26.
    bench("3.20", Intel, "TensorFlow", "dist", power(457.8, 0.7, 85.7, 0.2), &[
        dvfs(32.3, 0.5, 0.8, power(280.7, 1.6, 84.5, 0.4)),
        cap(18.1, 0.3, 150.0, power(355.6, 6.2, 87.3, 0.5)),
        governor(12.8, 0.2, "powersave", power(387.7, 9.0, 85.2, 0.2)),
    ]),
    bench("3.20", Intel, "TensorFlow", "gemm", power(472.6, 3.1, 52.3, 0.6), &[
        dvfs(0.8, 0.0, 2.7, power(468.5, 4.1, 52.2, 1.2)),
        cap(-1.5, 0.3, 250.0, power(477.7, 10.6, 53.4, 1.7)),
        governor(0.0, 0.0, "performance", power(472.6, 3.1, 52.3, 0.6)),
    ]),
    bench("3.20", Intel, "TensorFlow", "monte_carlo", power(493.3, 1.2, 60.6, 0.1), &[
        dvfs(-1.5, 0.9, 3.4, power(492.0, 5.6, 60.4, 0.6)),
        cap(-4.7, 3.4, 250.0, power(482.9, 10.4, 59.5, 1.2)),
        governor(0.0, 0.0, "performance", power(493.3, 1.2, 60.6, 0.1)),
    ]),
    bench("3.20", Intel, "TensorFlow", "stencil", power(364.0, 5.8, 65.3, 0.6), &[
        dvfs(12.7, 8.5, 1.5, power(257.9, 7.2, 60.3, 2.5)),
        cap(9.8, 0.0, 250.0, power(322.2, 9.2, 64.9, 2.9)),
        governor(3.7, 3.9, "powersave", power(319.5, 5.1, 63.3, 2.0)),
    ]),
    bench("3.20", Intel, "TensorFlow", "triad", power(479.9, 1.7, 90.4, 0.3), &[
        dvfs(31.8, 1.5, 0.8, power(289.0, 2.8, 89.4, 1.3)),
        cap(10.9, 5.0, 150.0, power(372.0, 13.2, 89.0, 0.4)),
        governor(5.4, 0.3, "powersave", power(446.5, 15.7, 90.4, 0.4)),
    ]),
    // Tables 3.21 and 3.25.
    bench("3.21", Amd, "JAX", "dist", power(124.5, 2.5, 32.2, 0.2), &[
        dvfs(6.1, -3.3, 2.4, power(125.0, 1.5, 32.4, 0.3)),
        governor(11.1, -6.6, "ondemand", power(127.0, 1.8, 32.5, 0.1)),
    ]),
    bench("3.21", Amd, "JAX", "gemm", power(161.5, 3.2, 16.2, 0.3), &[
        dvfs(3.9, -1.8, 3.3, power(160.9, 5.4, 16.0, 0.2)),
        governor(3.1, -2.2, "schedutil", power(163.7, 1.1, 16.1, 0.1)),
    ]),
    bench("3.21", Amd, "JAX", "monte_carlo", power(133.3, 1.5, 22.1, 1.0), &[
        dvfs(10.8, -6.4, 2.7, power(136.1, 0.9, 22.2, 1.1)),
        governor(1.7, -0.6, "schedutil", power(132.8, 1.8, 22.0, 0.8)),
    ]),
    bench("3.21", Amd, "JAX", "stencil", power(138.0, 3.5, 28.6, 0.5), &[
        dvfs(4.5, -2.8, 3.6, power(139.9, 1.9, 28.7, 0.4)),
        governor(0.0, 0.0, "performance", power(138.0, 3.5, 28.6, 0.5)),
    ]),
    bench("3.21", Amd, "JAX", "triad", power(123.8, 2.2, 28.7, 0.5), &[
        dvfs(7.9, -3.4, 2.7, power(121.7, 3.1, 29.0, 0.1)),
        governor(3.7, 8.3, "powersave", power(96.7, 1.7, 28.7, 0.1)),
    ]),
    // Tables 3.22 and 3.25.
    bench("3.22", Amd, "TensorFlow", "dist", power(137.9, 2.7, 22.1, 0.4), &[
        dvfs(22.5, 2.8, 1.5, power(93.9, 0.7, 23.5, 0.9)),
        governor(24.5, 2.3, "powersave", power(92.5, 1.9, 23.0, 1.0)),
    ]),
    bench("3.22", Amd, "TensorFlow", "gemm", power(155.9, 4.2, 15.7, 0.1), &[
        dvfs(2.4, -1.3, 2.1, power(156.2, 3.1, 15.6, 0.2)),
        governor(1.6, -0.6, "schedutil", power(155.3, 4.3, 15.8, 0.2)),
    ]),
    bench("3.22", Amd, "TensorFlow", "monte_carlo", power(173.9, 0.6, 22.3, 0.2), &[
        dvfs(1.0, 0.0, 2.1, power(172.2, 1.1, 21.9, 0.6)),
        governor(1.4, 0.2, "ondemand", power(171.2, 2.0, 21.7, 0.4)),
    ]),
    bench("3.22", Amd, "TensorFlow", "stencil", power(140.6, 2.5, 18.3, 0.2), &[
        dvfs(14.6, 4.8, 1.8, power(105.5, 0.6, 18.2, 0.5)),
        governor(10.9, 9.8, "powersave", power(99.1, 1.0, 18.4, 0.9)),
    ]),
    bench("3.22", Amd, "TensorFlow", "triad", power(142.0, 3.4, 23.2, 0.6), &[
        dvfs(25.5, 3.4, 1.5, power(91.8, 3.1, 23.3, 0.6)),
        governor(23.3, 4.5, "powersave", power(92.9, 2.2, 23.1, 0.3)),
    ]),
    // Tables 3.23 and 3.27.
    bench("3.23", Nvidia, "JAX", "dist", power(254.8, 3.4, 71.9, 0.2), &[
        dvfs(21.4, 0.8, 1.005, power(177.4, 2.4, 72.1, 0.1)),
        cap(37.4, 0.9, 200.0, power(182.7, 2.1, 72.9, 0.2)),
    ]),
    bench("3.23", Nvidia, "JAX", "gemm", power(413.5, 36.7, 64.7, 0.2), &[
        dvfs(30.6, 0.1, 1.005, power(257.1, 25.4, 67.9, 0.4)),
        cap(34.2, 0.0, 300.0, power(303.3, 51.0, 72.5, 0.5)),
    ]),
    bench("3.23", Nvidia, "JAX", "monte_carlo", power(255.6, 7.1, 70.0, 0.3), &[
        dvfs(21.6, 0.6, 1.005, power(177.7, 5.4, 70.4, 0.4)),
        cap(37.4, 1.1, 200.0, power(188.7, 2.5, 72.7, 0.4)),
    ]),
    bench("3.23", Nvidia, "JAX", "spmv", power(108.7, 2.2, 69.4, 0.2), &[
        dvfs(0.0, 0.0, 1.41, power(108.7, 2.2, 69.4, 0.2)),
        cap(34.1, 0.4, 100.0, power(104.0, 1.1, 72.2, 0.2)),
    ]),
    bench("3.23", Nvidia, "JAX", "stencil", power(54.1, 6.5, 58.5, 0.3), &[
        dvfs(0.0, 0.0, 1.41, power(54.1, 6.5, 58.5, 0.3)),
        cap(37.3, 2.3, 300.0, power(52.5, 8.7, 60.2, 0.6)),
    ]),
    bench("3.23", Nvidia, "JAX", "triad", power(46.8, 5.2, 57.8, 0.5), &[
        dvfs(0.0, 0.0, 1.41, power(46.8, 5.2, 57.8, 0.5)),
        cap(41.8, -0.9, 300.0, power(44.2, 3.7, 59.2, 1.0)),
    ]),
    // Tables 3.24 and 3.27.
    bench("3.24", Nvidia, "TensorFlow", "dist", power(229.8, 6.3, 69.5, 0.5), &[
        dvfs(30.8, -7.2, 1.005, power(166.8, 1.2, 70.4, 0.2)),
        cap(32.5, -0.9, 200.0, power(192.8, 6.2, 71.9, 0.6)),
    ]),
    bench("3.24", Nvidia, "TensorFlow", "gemm", power(407.3, 32.0, 68.0, 0.6), &[
        dvfs(12.8, 15.0, 1.005, power(238.4, 10.4, 69.4, 0.3)),
        cap(16.3, 14.5, 300.0, power(291.7, 32.6, 71.4, 0.3)),
    ]),
    bench("3.24", Nvidia, "TensorFlow", "monte_carlo", power(268.4, 14.3, 71.2, 0.8), &[
        dvfs(8.6, 7.6, 1.215, power(193.5, 3.3, 71.1, 0.2)),
        cap(32.4, 8.1, 200.0, power(186.9, 1.1, 73.0, 0.2)),
    ]),
    bench("3.24", Nvidia, "TensorFlow", "spmv", power(188.2, 2.0, 68.4, 0.1), &[
        dvfs(0.0, 0.0, 1.41, power(188.2, 2.0, 68.4, 0.1)),
        cap(24.2, 0.3, 350.0, power(173.9, 7.8, 72.7, 0.5)),
    ]),
    bench("3.24", Nvidia, "TensorFlow", "stencil", power(232.8, 2.8, 71.1, 0.2), &[
        dvfs(6.5, 7.7, 1.215, power(168.0, 1.5, 71.4, 0.3)),
        cap(29.9, 3.2, 200.0, power(185.7, 4.3, 72.9, 0.3)),
    ]),
    bench("3.24", Nvidia, "TensorFlow", "triad", power(234.9, 7.2, 66.4, 0.4), &[
        dvfs(40.5, -14.2, 0.81, power(172.1, 11.1, 67.7, 0.5)),
        cap(23.9, 0.6, 200.0, power(208.5, 8.0, 70.1, 0.1)),
    ]),
];
