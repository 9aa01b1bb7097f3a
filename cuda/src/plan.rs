//! Plans: everything that running a kernel takes, as plain data, derived from a specification and a device's properties.

mod gemm;
mod memory;
mod probe;
mod sparse;

use crate::compile::Defines;
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::kernels::Source;
use crate::operand::Content;
use ergometer_record::{Kernel, KernelSpec, Precision, Size};

pub use memory::{STENCIL_COEFFICIENTS, TRIAD_FACTOR};

/// The seed of all operands: results of different runs are of the same data.
pub const SEED: u64 = 0x0e79_0e7e;

/// One kernel at one size on one kind of device.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it computes.
    pub spec: KernelSpec,
    /// The .cu text.
    pub source: Source,
    /// Its `-D` parameters.
    pub defines: Defines,
    /// Operands, in the order that [`Arg::Buffer`] counts.
    pub buffers: Vec<Buffer>,
    /// The launches of one execution, in order.
    pub launches: Vec<Launch>,
    /// Which variant was chosen, for the result's `tier` column: `mma-128x128-s4`, `vector8`.
    pub variant: String,
}

/// An operand.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Its name in the kernel's text.
    pub name: &'static str,
    /// What it holds.
    pub content: Content,
}

/// One launch.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The kernel function.
    pub function: &'static str,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: [u32; 3],
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u32,
    /// Arguments, in the order of the function's parameters.
    pub args: Vec<Arg>,
}

/// An argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arg {
    /// The address of buffer i.
    Buffer(usize),
    /// A `u32`.
    U32(u32),
    /// A `u64`.
    U64(u64),
    /// A `float`.
    F32(f32),
    /// A `double`.
    F64(f64),
}

impl Plan {
    /// Bytes of device memory that it needs.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(|b| b.content.bytes() as u64).sum()
    }
}

/// Plans `spec` for `device`.
///
/// # Errors
/// [`CudaError::Unsupported`] with the reason: a precision that the kernel lacks, an extent that is zero or too large
/// for the kernel's indices, `idle`, or a device before compute capability 8.0.
pub fn plan(spec: &KernelSpec, device: &DeviceProperties) -> Result<Plan, CudaError> {
    spec.validate().map_err(|e| unsupported(spec, e.to_string()))?;
    if device.arch() < crate::Arch::LEAST {
        let (major, minor) = device.compute_capability;
        let reason =
            format!("{} has compute capability {major}.{minor}, and the kernels need 8.0 or later", device.name);
        return Err(unsupported(spec, reason));
    }
    // Before anything is generated: a size that no memory holds must not be made on the host first.
    if spec.least_bytes() > device.memory_bytes as f64 {
        return Err(CudaError::OutOfMemory {
            spec: *spec,
            needed_bytes: spec.least_bytes() as u64,
            free_bytes: device.memory_bytes,
        });
    }
    match (spec.kernel, spec.size) {
        (Kernel::Gemm, Size::Gemm { m, n, k }) => gemm::plan(spec, m, n, k, device),
        (Kernel::SpmvCsr | Kernel::SpmvCoo, Size::Sparse { rows, nnz, pattern }) => {
            sparse::plan(spec, rows, nnz, pattern, device)
        }
        (Kernel::Triad, Size::Vector { n }) => memory::triad(spec, n),
        (Kernel::Stencil, Size::Grid { nx, ny, nz }) => memory::stencil(spec, [nx, ny, nz], device),
        (Kernel::Dist, Size::Points { points, dim }) => memory::dist(spec, points, dim, device),
        (Kernel::MonteCarlo, Size::Samples { samples }) => memory::monte_carlo(spec, samples, device),
        (_, Size::Probe { count }) => probe::plan(spec, count, device),
        _ => Err(unsupported(spec, "the size is another kernel's".into())),
    }
}

pub(crate) fn unsupported(spec: &KernelSpec, reason: String) -> CudaError {
    CudaError::Unsupported { spec: *spec, reason }
}

/// `REAL` for kernels that exist in both plain formats.
fn real(spec: &KernelSpec) -> Result<&'static str, CudaError> {
    match spec.precision {
        Precision::F32 => Ok("float"),
        Precision::F64 => Ok("double"),
        other => Err(unsupported(spec, format!("it exists in f32 and f64, not in {other}"))),
    }
}

/// A scalar argument of type `REAL`.
fn real_arg(precision: Precision, value: f64) -> Arg {
    if precision == Precision::F64 { Arg::F64(value) } else { Arg::F32(value as f32) }
}

/// What the kernel sees of a constant: f32 rounds it.
pub(crate) fn real_constant(precision: Precision, value: f64) -> f64 {
    if precision == Precision::F64 { value } else { f64::from(value as f32) }
}

/// An extent as an index, or the reason why it is none.
fn extent(spec: &KernelSpec, name: &str, value: u64, most: u64) -> Result<usize, CudaError> {
    match usize::try_from(value) {
        Ok(index) if (1..=most).contains(&value) => Ok(index),
        _ => Err(unsupported(spec, format!("{name} is {value}, and the kernel takes 1 to {most}"))),
    }
}

/// Blocks in x up to the limit of a grid.
fn blocks(spec: &KernelSpec, count: u64) -> Result<u32, CudaError> {
    u32::try_from(count)
        .ok()
        .filter(|&n| n <= i32::MAX as u32)
        .ok_or_else(|| unsupported(spec, format!("it would take {count} blocks, and a grid has at most 2^31 - 1")))
}

/// Blocks of 256 threads that fill the device, and no more than there is work for.
fn filling(device: &DeviceProperties, threads_of_work: u64) -> u32 {
    let resident = u64::from(device.sm_count) * u64::from(device.threads_per_sm / 256).max(1);
    threads_of_work.div_ceil(256).clamp(1, resident.max(1)) as u32
}

fn vector(precision: Precision, n: usize, seed: u64) -> Content {
    Content::Uniform { precision, rows: 1, cols: n, ld: n, seed: SEED ^ seed }
}

fn output(bytes: usize) -> Content {
    Content::Output { bytes }
}

#[cfg(test)]
pub(crate) mod tests;
