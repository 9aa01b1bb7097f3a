//! The .cu texts, embedded. They include no header: NVRTC's built-in declarations and inline PTX are enough.

/// One .cu file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// GEMM on CUDA cores, f32 and f64 by `-DREAL`.
    GemmSimt,
    /// GEMM on tensor cores by `mma.sync`, tf32, bf16 and f16 by `-DINPUT`.
    GemmMma,
    /// SpMV, compressed rows.
    SpmvCsr,
    /// SpMV, coordinate triples.
    SpmvCoo,
    /// STREAM triad.
    Triad,
    /// 7-point stencil.
    Stencil,
    /// Monte Carlo estimate of pi.
    MonteCarlo,
    /// Euclidean norms.
    Dist,
    /// Probes without inline PTX: empty, fused multiply-adds, read, copy, chase.
    Probes,
    /// Probe of the tensor cores' peak.
    ProbeMma,
    /// The multiprocessor clock, as the device itself counts it.
    Clock,
}

impl Source {
    /// Every file.
    pub const ALL: [Self; 11] = [
        Self::GemmSimt,
        Self::GemmMma,
        Self::SpmvCsr,
        Self::SpmvCoo,
        Self::Triad,
        Self::Stencil,
        Self::MonteCarlo,
        Self::Dist,
        Self::Probes,
        Self::ProbeMma,
        Self::Clock,
    ];

    /// The file's name, as in compile logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::GemmSimt => "gemm_simt.cu",
            Self::GemmMma => "gemm_mma.cu",
            Self::SpmvCsr => "spmv_csr.cu",
            Self::SpmvCoo => "spmv_coo.cu",
            Self::Triad => "triad.cu",
            Self::Stencil => "stencil.cu",
            Self::MonteCarlo => "monte_carlo.cu",
            Self::Dist => "dist.cu",
            Self::Probes => "probes.cu",
            Self::ProbeMma => "probe_mma.cu",
            Self::Clock => "clock.cu",
        }
    }

    /// The kernel's own text.
    pub fn body(self) -> &'static str {
        match self {
            Self::GemmSimt => include_str!("gemm_simt.cu"),
            Self::GemmMma => include_str!("gemm_mma.cu"),
            Self::SpmvCsr => include_str!("spmv_csr.cu"),
            Self::SpmvCoo => include_str!("spmv_coo.cu"),
            Self::Triad => include_str!("triad.cu"),
            Self::Stencil => include_str!("stencil.cu"),
            Self::MonteCarlo => include_str!("monte_carlo.cu"),
            Self::Dist => include_str!("dist.cu"),
            Self::Probes => include_str!("probes.cu"),
            Self::ProbeMma => include_str!("probe_mma.cu"),
            Self::Clock => include_str!("clock.cu"),
        }
    }

    /// Whether its inline PTX is needed, which is kept in one file so that the CPU shim can stand in for it.
    pub fn needs_ptx(self) -> bool {
        matches!(self, Self::GemmMma | Self::ProbeMma | Self::Clock)
    }

    /// The texts that NVRTC sees one after the other.
    pub fn parts(self) -> Vec<&'static str> {
        let mut parts = vec![include_str!("common.cu")];
        if self.needs_ptx() {
            parts.push(include_str!("ptx.cu"));
        }
        parts.push(self.body());
        parts
    }

    /// The texts for the CPU shim, which supplies `ptx.cu`'s functions itself.
    pub fn parts_without_ptx(self) -> [&'static str; 2] {
        [include_str!("common.cu"), self.body()]
    }
}
