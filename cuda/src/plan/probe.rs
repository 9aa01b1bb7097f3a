//! Probes.

use super::{Arg, Buffer, Launch, Plan, SEED, blocks, extent, filling, output, real_arg, unsupported};
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::kernels::Source;
use crate::operand::{Content, ring};
use ergometer_record::{Kernel, KernelSpec, Precision};

/// Bytes from one node of the chase to the next: a cache line.
const NODE_BYTES: u64 = 128;
const MOST_BYTES: u64 = 1 << 42;

pub(super) fn plan(spec: &KernelSpec, count: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    match spec.kernel {
        Kernel::ProbeEmpty => Ok(simple(spec, vec![], launch("empty", 1, 1, vec![]), "empty")),
        Kernel::ProbeRead => read(spec, count, device),
        Kernel::ProbeCopy => copy(spec, count),
        Kernel::ProbeChase => chase(spec, count),
        Kernel::ProbeFma => match spec.precision {
            Precision::F32 | Precision::F64 => fma(spec, count, device),
            _ => mma(spec, count, device),
        },
        _ => Err(unsupported(spec, "nothing runs on the device: idle power is the sensors' part".into())),
    }
}

fn launch(function: &'static str, grid: u32, block: u32, args: Vec<Arg>) -> Launch {
    Launch { function, grid: [grid, 1, 1], block: [block, 1, 1], shared_bytes: 0, args }
}

fn simple(spec: &KernelSpec, buffers: Vec<Buffer>, launch: Launch, variant: &str) -> Plan {
    // One text holds all of them; those without arithmetic don't depend on REAL.
    let real = if spec.precision == Precision::F64 { "double" } else { "float" };
    Plan {
        spec: *spec,
        source: Source::Probes,
        defines: vec![("REAL", real.into())],
        buffers,
        launches: vec![launch],
        variant: variant.into(),
    }
}

fn read(spec: &KernelSpec, count: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    let bytes = extent(spec, "count", count, MOST_BYTES)?;
    let grid = filling(device, count.div_ceil(64));
    let buffers = vec![
        Buffer { name: "folds", content: output(grid as usize * 4) },
        Buffer { name: "from", content: Content::Bits { bytes, seed: SEED } },
    ];
    let args = vec![Arg::Buffer(0), Arg::Buffer(1), Arg::U64(count)];
    Ok(simple(spec, buffers, launch("read_words", grid, 256, args), "vec16-u4"))
}

fn copy(spec: &KernelSpec, count: u64) -> Result<Plan, CudaError> {
    let bytes = extent(spec, "count", count, MOST_BYTES)?;
    let buffers = vec![
        Buffer { name: "to", content: output(bytes) },
        Buffer { name: "from", content: Content::Bits { bytes, seed: SEED } },
    ];
    let grid = blocks(spec, count.div_ceil(256 * 4 * 16))?;
    let args = vec![Arg::Buffer(0), Arg::Buffer(1), Arg::U64(count)];
    Ok(simple(spec, buffers, launch("copy_bytes", grid, 256, args), "vec16-u4"))
}

fn chase(spec: &KernelSpec, count: u64) -> Result<Plan, CudaError> {
    extent(spec, "count", count, MOST_BYTES)?;
    let nodes = count / NODE_BYTES;
    if nodes < 2 {
        let reason = format!("count is {count} bytes, and a ring takes at least two nodes of {NODE_BYTES}");
        return Err(unsupported(spec, reason));
    }
    let buffers = vec![
        Buffer { name: "result", content: output(16) },
        Buffer { name: "ring", content: Content::Given(ring(nodes as usize, SEED)) },
    ];
    let args = vec![Arg::Buffer(0), Arg::Buffer(1), Arg::U64(nodes)];
    Ok(simple(spec, buffers, launch("chase", 1, 1, args), "ring128"))
}

fn fma(spec: &KernelSpec, count: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    if count == 0 {
        return Err(unsupported(spec, "count is 0, and the probe does at least one operation".into()));
    }
    // All multiprocessors are full even for a small count, because it is their rate that is probed.
    let grid = filling(device, u64::MAX);
    let s = spec.precision.bytes() as usize;
    let buffers = vec![Buffer { name: "sums", content: output(grid as usize * 256 * s) }];
    let real = |value| real_arg(spec.precision, value);
    let args = vec![Arg::Buffer(0), real(0.999), real(0.001), Arg::U64(count)];
    Ok(simple(spec, buffers, launch("fma_peak", grid, 256, args), "chains16"))
}

fn mma(spec: &KernelSpec, count: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    let (format, per_mma) = match spec.precision {
        Precision::Tf32 => ("0", 16 * 8 * 8),
        Precision::Bf16 => ("1", 16 * 8 * 16),
        _ => ("2", 16 * 8 * 16),
    };
    if count == 0 || !count.is_multiple_of(per_mma) {
        let next = (count / per_mma + 1) * per_mma;
        let reason = format!("one instruction does {per_mma} of them, and count is {count}: ask for {next}");
        return Err(unsupported(spec, reason));
    }
    let grid = filling(device, u64::MAX);
    let buffers = vec![Buffer { name: "sums", content: output(grid as usize * 256 * 4) }];
    let args = vec![Arg::Buffer(0), Arg::U64(count / per_mma)];
    Ok(Plan {
        spec: *spec,
        source: Source::ProbeMma,
        defines: vec![("FORMAT", format.into())],
        buffers,
        launches: vec![launch("mma_peak", grid, 256, args)],
        variant: "mma-chains8".into(),
    })
}
