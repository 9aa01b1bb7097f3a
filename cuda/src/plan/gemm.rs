//! GEMM: CUDA cores for f32 and f64, tensor cores for tf32, bf16 and f16.

use super::{Arg, Buffer, Launch, Plan, SEED, blocks, extent, output, real_arg, unsupported};
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::kernels::Source;
use crate::operand::Content;
use ergometer_record::{KernelSpec, Precision};

/// Bytes of one slot of shared memory of `gemm_mma.cu`: 128 rows of A and as much of B.
const STAGE_BYTES: u32 = 16 * 1024;

pub(super) fn plan(spec: &KernelSpec, m: u64, n: u64, k: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    // Tile coordinates are 32-bit and run up to a tile beyond the extent.
    let most = u64::from(u32::MAX) - 1024;
    let [m, n, k] = [("m", m), ("n", n), ("k", k)].map(|(name, x)| extent(spec, name, x, most));
    let (m, n, k) = (m?, n?, k?);
    let s = spec.precision.bytes() as usize;
    // 16 bytes for the tensor cores' chunks, four values for the CUDA cores' quads.
    let align = if spec.precision == Precision::F64 { 4 } else { 16 / s };
    let (lda, ldb, ldc) = (k.next_multiple_of(align), n.next_multiple_of(align), n.next_multiple_of(align));
    let matrix =
        |rows, cols, ld, seed| Content::Uniform { precision: spec.precision, rows, cols, ld, seed: SEED ^ seed };
    let buffers = vec![
        Buffer { name: "c", content: output(m * ldc * s) },
        Buffer { name: "a", content: matrix(m, k, lda, 1) },
        Buffer { name: "b", content: matrix(k, n, ldb, 2) },
    ];
    let scalar = |value| real_arg(spec.precision, value);
    let mut args: Vec<Arg> = (0..3).map(Arg::Buffer).collect();
    args.extend([m, n, k, lda, ldb, ldc].map(|x| Arg::U32(x as u32)));
    args.extend([scalar(1.0), scalar(0.0)]);

    let (source, defines, function, tile, shared_bytes, variant) = match spec.precision {
        Precision::F32 => simt("float", 8, 8),
        Precision::F64 => simt("double", 8, 4),
        Precision::Tf32 | Precision::Bf16 | Precision::F16 => {
            // Two blocks fit a multiprocessor of compute capability 8.0 or 9.0 with four stages each; parts with
            // 100 KB take three.
            let stages = if device.shared_per_block_bytes >= 128 * 1024 { 4 } else { 3 };
            let format = match spec.precision {
                Precision::Tf32 => "0",
                Precision::Bf16 => "1",
                _ => "2",
            };
            let defines = vec![("FORMAT", format.to_owned()), ("STAGES", stages.to_string())];
            let variant = format!("mma-128x128-s{stages}");
            (Source::GemmMma, defines, "gemm_mma", (128, 128), stages * STAGE_BYTES, variant)
        }
    };
    if shared_bytes > device.shared_per_block_bytes {
        let reason = format!(
            "its tiles take {shared_bytes} bytes of shared memory and a block of {} has {}",
            device.name, device.shared_per_block_bytes
        );
        return Err(unsupported(spec, reason));
    }
    let grid = blocks(spec, m.div_ceil(tile.0) as u64 * n.div_ceil(tile.1) as u64)?;
    let launch = Launch { function, grid: [grid, 1, 1], block: [256, 1, 1], shared_bytes, args };
    Ok(Plan { spec: *spec, source, defines, buffers, launches: vec![launch], variant })
}

type Choice = (Source, Vec<(&'static str, String)>, &'static str, (usize, usize), u32, String);

fn simt(real: &str, tm: usize, tn: usize) -> Choice {
    let defines = [("REAL", real.to_owned()), ("TM", tm.to_string()), ("TN", tn.to_string()), ("BK", "8".to_owned())];
    let variant = format!("simt-{}x{}", 16 * tm, 16 * tn);
    (Source::GemmSimt, defines.into(), "gemm_simt", (16 * tm, 16 * tn), 0, variant)
}
