//! What a newcomer would predict without any of this: a plain roofline with one efficiency, and a share of the power
//! limit. Each is given its one constant from the same training points as the model.

use ergometer_record::{KernelSpec, stats};

/// Facts that the baselines use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Facts {
    pub(crate) peak_flop_per_s: f64,
    pub(crate) memory_bytes_per_s: f64,
    /// Clock bound over the top clock.
    pub(crate) clock_ratio: f64,
    /// Power limit in force; absent for a device without one.
    pub(crate) cap_w: Option<f64>,
}

/// max(FLOPs / peak, bytes / bandwidth), in s; `None` for kernels without either.
pub(crate) fn roofline_s(spec: &KernelSpec, facts: &Facts) -> Option<f64> {
    let compute = spec.flops() / (facts.peak_flop_per_s * facts.clock_ratio);
    let memory = spec.least_bytes() / facts.memory_bytes_per_s;
    let time = compute.max(memory);
    (time > 0.0).then_some(time)
}

/// The constant that makes `constant * bare` right on average on the log scale; `None` of nothing.
pub(crate) fn one_constant(pairs: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<f64> = pairs.iter().map(|(bare, observed)| (observed / bare).ln()).collect();
    stats::mean(&logs).map(f64::exp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::{Kernel, Size, measurement::f32_spec};

    #[test]
    fn the_roofline_takes_the_slower_side() {
        let facts = Facts { peak_flop_per_s: 1e12, memory_bytes_per_s: 1e11, clock_ratio: 0.5, cap_w: None };
        let gemm = f32_spec(Kernel::Gemm, Size::square(1000));
        assert!((roofline_s(&gemm, &facts).unwrap() - 2e9 / 5e11).abs() < 1e-15);
        let triad = f32_spec(Kernel::Triad, Size::Vector { n: 1000 });
        assert!((roofline_s(&triad, &facts).unwrap() - 12e3 / 1e11).abs() < 1e-18);
        assert_eq!(roofline_s(&f32_spec(Kernel::ProbeEmpty, Size::Probe { count: 0 }), &facts), None);
    }

    #[test]
    fn the_constant_is_the_geometric_mean_of_the_ratios() {
        assert!((one_constant(&[(1.0, 2.0), (1.0, 8.0)]).unwrap() - 4.0).abs() < 1e-12);
    }
}
