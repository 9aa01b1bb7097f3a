//! Which computation: kernel, size and precision, with the operations and the least bytes that it needs.
//!
//! The counts are definitions, not measurements. They are what GFLOP/s, GB/s and arithmetic intensity are computed
//! from, on every executor alike:
//!
//! | kernel | one execution | FLOPs | least bytes (s = bytes per value) |
//! |---|---|---|---|
//! | `gemm` | C = A B, row-major, A m x k, B k x n | 2 m n k | s (m k + k n + m n) |
//! | `spmv_csr` | y = A x, 32-bit indices | 2 nnz | nnz (s + 4) + 4 (rows + 1) + s (cols + rows) |
//! | `spmv_coo` | y = A x, 32-bit index pairs | 2 nnz | nnz (s + 8) + s (cols + rows) |
//! | `triad` | a = b + q c | 2 n | 3 n s (no write-allocate) |
//! | `stencil` | 7-point, out = c0 u + c1 (sum of six), interior of nx x ny x nz | 8 per interior point | s (points + interior) |
//! | `monte_carlo` | Philox4x32-10, two samples a block, see [`crate::philox`] | 5 per sample | 0 |
//! | `dist` | Euclidean norm of each of n points of dimension d | 2 d n | s (n d + n) |
//!
//! FLOPs are those of the arithmetic named above; the integer work of Monte Carlo's generator and the comparison are
//! not counted. The probes at the end measure the machine itself and serve calibration.

use crate::provenance::UnknownName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A computation of DESIGN section 4, or a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Dense matrix product.
    Gemm,
    /// Sparse matrix times vector, compressed rows.
    SpmvCsr,
    /// Sparse matrix times vector, coordinate triples.
    SpmvCoo,
    /// STREAM triad.
    Triad,
    /// 7-point 3-D stencil.
    Stencil,
    /// Monte Carlo estimate of pi.
    MonteCarlo,
    /// Euclidean norm of each point of a set.
    Dist,
    /// Probe: independent fused multiply-adds, the arithmetic peak.
    ProbeFma,
    /// Probe: sequential read, the read bandwidth of the level that holds the size.
    ProbeRead,
    /// Probe: copy.
    ProbeCopy,
    /// Probe: dependent loads, the latency of the level that holds the size.
    ProbeChase,
    /// Probe: a kernel that does nothing, the launch (GPU) or fork-join (CPU) cost.
    ProbeEmpty,
    /// Nothing runs: idle power over a time.
    Idle,
}

impl Kernel {
    /// The kernels of DESIGN section 4 (SpMV in both formats), without the probes.
    pub const ALL: [Self; 7] =
        [Self::Gemm, Self::SpmvCsr, Self::SpmvCoo, Self::Triad, Self::Stencil, Self::MonteCarlo, Self::Dist];

    /// The probes.
    pub const PROBES: [Self; 6] =
        [Self::ProbeFma, Self::ProbeRead, Self::ProbeCopy, Self::ProbeChase, Self::ProbeEmpty, Self::Idle];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gemm => "gemm",
            Self::SpmvCsr => "spmv_csr",
            Self::SpmvCoo => "spmv_coo",
            Self::Triad => "triad",
            Self::Stencil => "stencil",
            Self::MonteCarlo => "monte_carlo",
            Self::Dist => "dist",
            Self::ProbeFma => "probe_fma",
            Self::ProbeRead => "probe_read",
            Self::ProbeCopy => "probe_copy",
            Self::ProbeChase => "probe_chase",
            Self::ProbeEmpty => "probe_empty",
            Self::Idle => "idle",
        }
    }

    /// True for the probes.
    pub fn is_probe(self) -> bool {
        Self::PROBES.contains(&self)
    }
}

impl FromStr for Kernel {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let all = Self::ALL.into_iter().chain(Self::PROBES);
        all.clone().find(|k| k.name() == s).ok_or_else(|| UnknownName::new(s, all.map(Self::name)))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Number format of the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// IEEE binary64.
    F64,
    /// IEEE binary32.
    F32,
    /// Tensor-core TF32: binary32 in memory, 10 bits of mantissa in the product.
    Tf32,
    /// bfloat16 in memory, binary32 accumulation.
    Bf16,
    /// IEEE binary16 in memory, binary32 accumulation.
    F16,
}

impl Precision {
    /// All variants.
    pub const ALL: [Self; 5] = [Self::F64, Self::F32, Self::Tf32, Self::Bf16, Self::F16];

    /// Bytes of one value in memory.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 | Self::Tf32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

impl FromStr for Precision {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|p| p.name())))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Structure of a generated sparse matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// 5-point Laplacian on a square grid.
    Laplace5,
    /// 7-point Laplacian on a cubic grid.
    Laplace7,
    /// Row lengths by a power law, columns at random.
    PowerLaw,
}

impl Pattern {
    const ALL: [Self; 3] = [Self::Laplace5, Self::Laplace7, Self::PowerLaw];

    /// The name used in sizes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Laplace5 => "laplace5",
            Self::Laplace7 => "laplace7",
            Self::PowerLaw => "powerlaw",
        }
    }
}

/// The extents of one kernel. Written as `m=512,n=512,k=512`, which is also how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// C (m x n) = A (m x k) B (k x n).
    Gemm {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
    },
    /// A sparse matrix.
    Sparse {
        /// Rows; the generated matrices are square.
        rows: u64,
        /// Stored non-zeros.
        nnz: u64,
        /// Structure.
        pattern: Pattern,
    },
    /// Vectors of n values.
    Vector {
        /// Values per vector.
        n: u64,
    },
    /// A box including its boundary layer.
    Grid {
        /// Points along the contiguous axis.
        nx: u64,
        /// Points along the middle axis.
        ny: u64,
        /// Points along the slowest axis.
        nz: u64,
    },
    /// Samples drawn.
    Samples {
        /// How many; a multiple of two.
        samples: u64,
    },
    /// A set of points, row-major.
    Points {
        /// How many points.
        points: u64,
        /// Coordinates per point.
        dim: u64,
    },
    /// Bytes touched, or fused multiply-adds done, or nothing: the probes' extent.
    Probe {
        /// Bytes for the memory probes, operations for the arithmetic one, 0 for the empty one.
        count: u64,
    },
}

impl Size {
    /// A square product.
    pub fn square(n: u64) -> Self {
        Self::Gemm { m: n, n, k: n }
    }

    /// The 5-point Laplacian of a `side` x `side` grid: 5 side^2 - 4 side non-zeros.
    pub fn laplace5(side: u64) -> Self {
        Self::Sparse { rows: side * side, nnz: 5 * side * side - 4 * side, pattern: Pattern::Laplace5 }
    }

    /// The 7-point Laplacian of a `side`^3 grid: 7 side^3 - 6 side^2 non-zeros.
    pub fn laplace7(side: u64) -> Self {
        Self::Sparse {
            rows: side * side * side,
            nnz: 7 * side * side * side - 6 * side * side,
            pattern: Pattern::Laplace7,
        }
    }

    /// A cubic box.
    pub fn cube(n: u64) -> Self {
        Self::Grid { nx: n, ny: n, nz: n }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Gemm { m, n, k } => format!("m={m},n={n},k={k}"),
            Self::Sparse { rows, nnz, pattern } => format!("rows={rows},nnz={nnz},pattern={}", pattern.name()),
            Self::Vector { n } => format!("n={n}"),
            Self::Grid { nx, ny, nz } => format!("nx={nx},ny={ny},nz={nz}"),
            Self::Samples { samples } => format!("samples={samples}"),
            Self::Points { points, dim } => format!("points={points},dim={dim}"),
            Self::Probe { count } => format!("count={count}"),
        };
        f.pad(&text)
    }
}

/// A size text that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the size {found:?} is not one of m=,n=,k= (gemm), rows=,nnz=,pattern= (spmv), n= (triad), nx=,ny=,nz= (stencil), \
     samples= (monte_carlo), points=,dim= (dist), count= (probes): {why}"
)]
pub struct SizeError {
    /// What stood there.
    pub found: String,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Size {
    type Err = SizeError;
    fn from_str(s: &str) -> Result<Self, SizeError> {
        let fail = |why: String| SizeError { found: s.to_owned(), why };
        let mut keys = Vec::new();
        let mut values = Vec::new();
        let mut pattern = None;
        for part in s.split(',') {
            let (key, value) =
                part.split_once('=').ok_or_else(|| fail(format!("{part:?} is not of the form name=number")))?;
            if key == "pattern" {
                pattern = Some(
                    Pattern::ALL
                        .into_iter()
                        .find(|p| p.name() == value)
                        .ok_or_else(|| fail(UnknownName::new(value, Pattern::ALL.map(Pattern::name)).to_string()))?,
                );
            } else {
                let number = value.parse::<u64>();
                values.push(number.map_err(|_| fail(format!("{value:?} is not a whole number of at most 2^64 - 1")))?);
            }
            keys.push(key);
        }
        match (keys.as_slice(), values.as_slice(), pattern) {
            (["m", "n", "k"], &[m, n, k], None) => Ok(Self::Gemm { m, n, k }),
            (["rows", "nnz", "pattern"], &[rows, nnz], Some(pattern)) => Ok(Self::Sparse { rows, nnz, pattern }),
            (["n"], &[n], None) => Ok(Self::Vector { n }),
            (["nx", "ny", "nz"], &[nx, ny, nz], None) => Ok(Self::Grid { nx, ny, nz }),
            (["samples"], &[samples], None) => Ok(Self::Samples { samples }),
            (["points", "dim"], &[points, dim], None) => Ok(Self::Points { points, dim }),
            (["count"], &[count], None) => Ok(Self::Probe { count }),
            _ => Err(fail(format!("its names are {}", keys.join(", ")))),
        }
    }
}

macro_rules! serde_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
serde_as_text!(Size);

/// A kernel at a size and precision: what an executor is asked to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelSpec {
    /// The computation.
    pub kernel: Kernel,
    /// Its extents; the variant must be the kernel's own.
    pub size: Size,
    /// Its number format.
    pub precision: Precision,
}

/// A specification that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The size belongs to another kernel.
    #[error("the size {size} is not a size of {kernel}")]
    WrongSize {
        /// The kernel asked for.
        kernel: Kernel,
        /// The size given.
        size: Size,
    },
    /// The product of the extents does not fit the machine's addresses.
    #[error("{kernel} at {size} needs more than 2^63 bytes or operations: give smaller extents")]
    Overflow {
        /// The kernel asked for.
        kernel: Kernel,
        /// The size given.
        size: Size,
    },
    /// The kernel does not exist in this precision.
    #[error("{kernel} has no {precision} version: tf32, bf16 and f16 exist for gemm only")]
    Precision {
        /// The kernel asked for.
        kernel: Kernel,
        /// The precision given.
        precision: Precision,
    },
}

impl KernelSpec {
    /// A specification whose parts fit together: see [`Self::validate`].
    ///
    /// # Errors
    /// A size of another kernel, extents whose product overflows, a precision that the kernel does not have.
    pub fn new(kernel: Kernel, size: Size, precision: Precision) -> Result<Self, SpecError> {
        let spec = Self { kernel, size, precision };
        spec.validate()?;
        Ok(spec)
    }

    /// Whether size and precision are the kernel's own and nothing overflows. A deserialised specification must be
    /// validated before it is used.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn validate(&self) -> Result<(), SpecError> {
        let Self { kernel, size, precision } = *self;
        if matches!(precision, Precision::Tf32 | Precision::Bf16 | Precision::F16)
            && !matches!(kernel, Kernel::Gemm | Kernel::ProbeFma)
        {
            return Err(SpecError::Precision { kernel, precision });
        }
        let fits = matches!(
            (kernel, size),
            (Kernel::Gemm, Size::Gemm { .. })
                | (Kernel::SpmvCsr | Kernel::SpmvCoo, Size::Sparse { .. })
                | (Kernel::Triad, Size::Vector { .. })
                | (Kernel::Stencil, Size::Grid { .. })
                | (Kernel::MonteCarlo, Size::Samples { .. })
                | (Kernel::Dist, Size::Points { .. })
        ) || (kernel.is_probe() && matches!(size, Size::Probe { .. }));
        if !fits {
            return Err(SpecError::WrongSize { kernel, size });
        }
        let limit = 2f64.powi(63);
        if self.flops() >= limit || self.least_bytes() >= limit {
            return Err(SpecError::Overflow { kernel, size });
        }
        Ok(())
    }

    /// Floating-point operations of one execution, by the table above. Exact up to 2^53.
    pub fn flops(&self) -> f64 {
        match self.size {
            Size::Gemm { m, n, k } => 2.0 * m as f64 * n as f64 * k as f64,
            Size::Sparse { nnz, .. } => 2.0 * nnz as f64,
            Size::Vector { n } => 2.0 * n as f64,
            Size::Grid { nx, ny, nz } => 8.0 * interior(nx, ny, nz),
            Size::Samples { samples } => 5.0 * samples as f64,
            Size::Points { points, dim } => 2.0 * points as f64 * dim as f64,
            Size::Probe { count } => {
                if self.kernel == Kernel::ProbeFma {
                    2.0 * count as f64
                } else {
                    0.0
                }
            }
        }
    }

    /// The least bytes that one execution must move between memory and the chip, by the table above.
    pub fn least_bytes(&self) -> f64 {
        let s = self.precision.bytes() as f64;
        match self.size {
            Size::Gemm { m, n, k } => {
                let (m, n, k) = (m as f64, n as f64, k as f64);
                s * (m * k + k * n + m * n)
            }
            Size::Sparse { rows, nnz, .. } => {
                let (rows, nnz) = (rows as f64, nnz as f64);
                match self.kernel {
                    Kernel::SpmvCoo => nnz * (s + 8.0) + s * 2.0 * rows,
                    _ => nnz * (s + 4.0) + 4.0 * (rows + 1.0) + s * 2.0 * rows,
                }
            }
            Size::Vector { n } => 3.0 * s * n as f64,
            Size::Grid { nx, ny, nz } => s * (nx as f64 * ny as f64 * nz as f64 + interior(nx, ny, nz)),
            Size::Samples { .. } => 0.0,
            Size::Points { points, dim } => s * points as f64 * (dim as f64 + 1.0),
            Size::Probe { count } => match self.kernel {
                Kernel::ProbeRead | Kernel::ProbeChase => count as f64,
                Kernel::ProbeCopy => 2.0 * count as f64,
                _ => 0.0,
            },
        }
    }

    /// FLOPs per least byte; `None` where no bytes need to move.
    pub fn arithmetic_intensity(&self) -> Option<f64> {
        let bytes = self.least_bytes();
        (bytes > 0.0).then(|| self.flops() / bytes)
    }

    /// A size whose operands fill about `bytes`, for kernels that have operands: how size classes for L1, L2, L3 and
    /// DRAM are picked. Monte Carlo has none and gets one sample a byte.
    pub fn size_for(kernel: Kernel, precision: Precision, bytes: u64) -> Size {
        let s = precision.bytes();
        let root = |x: u64| (x as f64).sqrt() as u64;
        match kernel {
            Kernel::Gemm => Size::square((root(bytes / (3 * s)) / 8 * 8).max(8)),
            Kernel::SpmvCsr => Size::laplace5(root(bytes / (5 * (s + 4) + 4 + 2 * s)).max(2)),
            Kernel::SpmvCoo => Size::laplace5(root(bytes / (5 * (s + 8) + 2 * s)).max(2)),
            Kernel::Triad => Size::Vector { n: (bytes / (3 * s) / 64 * 64).max(64) },
            Kernel::Stencil => Size::cube((((bytes / (2 * s)) as f64).cbrt() as u64).max(3)),
            Kernel::MonteCarlo => Size::Samples { samples: bytes.max(2) / 2 * 2 },
            Kernel::Dist => Size::Points { points: (bytes / (s * 65)).max(1), dim: 64 },
            Kernel::ProbeCopy => Size::Probe { count: bytes / 2 },
            _ => Size::Probe { count: bytes },
        }
    }
}

impl fmt::Display for KernelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}[{}]{}", self.kernel, self.size, self.precision))
    }
}

fn interior(nx: u64, ny: u64, nz: u64) -> f64 {
    let inner = |n: u64| n.saturating_sub(2) as f64;
    inner(nx) * inner(ny) * inner(nz)
}

#[cfg(test)]
mod tests;
