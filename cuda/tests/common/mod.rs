//! The parameter sets that plans can choose, each once.

use ergometer_cuda::compile::Defines;
use ergometer_cuda::kernels::Source;

/// A text with its parameters.
pub(crate) struct Variant {
    pub(crate) source: Source,
    pub(crate) defines: Defines,
}

impl Variant {
    /// The budget file's name of one of its functions: `gemm_simt-double-8-4-8`.
    pub(crate) fn name_of(&self, function: &str) -> String {
        self.defines.iter().fold(function.to_owned(), |name, (_, value)| format!("{name}-{value}"))
    }
}

/// Every text in both formats, with the parameters that plans use.
pub(crate) fn variants() -> Vec<Variant> {
    let mut all = Vec::new();
    let mut add = |source, defines: &[(&'static str, &str)]| {
        all.push(Variant { source, defines: defines.iter().map(|&(name, value)| (name, value.to_owned())).collect() });
    };
    for real in ["float", "double"] {
        add(Source::Triad, &[("REAL", real), ("UNROLL", "4")]);
        add(Source::Stencil, &[("REAL", real), ("BX", "32"), ("BY", "8"), ("DEPTH", "62u")]);
        add(Source::MonteCarlo, &[("REAL", real)]);
        add(Source::SpmvCoo, &[("REAL", real)]);
        for lanes in ["1u", "4u"] {
            add(Source::SpmvCsr, &[("REAL", real), ("LANES", lanes)]);
        }
        for (lanes, packed) in [("2u", "0"), ("4u", "1")] {
            add(Source::Dist, &[("REAL", real), ("LANES", lanes), ("PACKED", packed)]);
        }
    }
    add(Source::GemmSimt, &[("REAL", "float"), ("TM", "8"), ("TN", "8"), ("BK", "8")]);
    add(Source::GemmSimt, &[("REAL", "double"), ("TM", "8"), ("TN", "4"), ("BK", "8")]);
    for format in ["0", "1", "2"] {
        for stages in ["3", "4"] {
            add(Source::GemmMma, &[("FORMAT", format), ("STAGES", stages)]);
        }
        add(Source::ProbeMma, &[("FORMAT", format)]);
    }
    // Only one of its functions depends on REAL.
    add(Source::Probes, &[("REAL", "double")]);
    add(Source::Clock, &[]);
    all
}
