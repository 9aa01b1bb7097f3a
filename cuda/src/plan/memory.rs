//! Triad, stencil, norms and Monte Carlo.

use super::{Arg, Buffer, Launch, Plan, SEED, blocks, extent, filling, output, real, real_arg, unsupported, vector};
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::kernels::Source;
use ergometer_record::KernelSpec;

/// The factor of the triad.
pub const TRIAD_FACTOR: f64 = 0.4;
/// The coefficients of the stencil: centre and neighbours. Their sum over the seven points is 1.
pub const STENCIL_COEFFICIENTS: [f64; 2] = [0.4, 0.1];

/// Largest buffers: 2^40 values, which no GPU holds.
const MOST_VALUES: u64 = 1 << 40;

pub(super) fn triad(spec: &KernelSpec, n: u64) -> Result<Plan, CudaError> {
    const UNROLL: u64 = 4;
    let real = real(spec)?;
    let len = extent(spec, "n", n, MOST_VALUES)?;
    let s = spec.precision.bytes();
    let buffers = vec![
        Buffer { name: "a", content: output(len * s as usize) },
        Buffer { name: "b", content: vector(spec.precision, len, 1) },
        Buffer { name: "c", content: vector(spec.precision, len, 2) },
    ];
    let grid = blocks(spec, (n * s).div_ceil(16 * 256 * UNROLL))?;
    let q = real_arg(spec.precision, TRIAD_FACTOR);
    let args = vec![Arg::Buffer(0), Arg::Buffer(1), Arg::Buffer(2), q, Arg::U64(n)];
    Ok(Plan {
        spec: *spec,
        source: Source::Triad,
        defines: vec![("REAL", real.into()), ("UNROLL", UNROLL.to_string())],
        buffers,
        launches: vec![Launch { function: "triad", grid: [grid, 1, 1], block: [256, 1, 1], shared_bytes: 0, args }],
        variant: format!("vec16-u{UNROLL}"),
    })
}

pub(super) fn stencil(spec: &KernelSpec, extents: [u64; 3], device: &DeviceProperties) -> Result<Plan, CudaError> {
    const BX: u32 = 32;
    const BY: u32 = 8;
    let real = real(spec)?;
    let [nx, ny, nz] = extents;
    if extents.iter().any(|&n| n < 3) {
        return Err(unsupported(spec, "a box under 3 points along an axis has no interior".into()));
    }
    for (name, n, most) in [("nx", nx, 1 << 31), ("ny", ny, 65_535 * u64::from(BY)), ("nz", nz, 1 << 31)] {
        extent(spec, name, n, most)?;
    }
    let points = nx.checked_mul(ny).and_then(|p| p.checked_mul(nz)).unwrap_or(u64::MAX);
    let points = extent(spec, "nx ny nz", points, MOST_VALUES)?;
    let columns = (nx - 2).div_ceil(u64::from(BX)) * (ny - 2).div_ceil(u64::from(BY));
    // Eight waves of blocks even out the last one; a walk of under 16 planes would read a tenth of them twice.
    let wanted = u64::from(filling(device, u64::MAX)) * 8;
    let depth = (nz - 2).div_ceil(wanted.div_ceil(columns)).max(16).max((nz - 2).div_ceil(65_535));
    let s = spec.precision.bytes() as usize;
    let buffers = vec![
        Buffer { name: "out", content: output(points * s) },
        Buffer { name: "u", content: vector(spec.precision, points, 1) },
    ];
    let [c0, c1] = STENCIL_COEFFICIENTS.map(|c| real_arg(spec.precision, c));
    let mut args = vec![Arg::Buffer(0), Arg::Buffer(1)];
    args.extend(extents.map(|n| Arg::U32(n as u32)));
    args.extend([c0, c1]);
    let cuts = [(nx - 2).div_ceil(u64::from(BX)), (ny - 2).div_ceil(u64::from(BY)), (nz - 2).div_ceil(depth)];
    let grid = [blocks(spec, cuts[0])?, blocks(spec, cuts[1])?, blocks(spec, cuts[2])?];
    Ok(Plan {
        spec: *spec,
        source: Source::Stencil,
        defines: vec![
            ("REAL", real.into()),
            ("BX", BX.to_string()),
            ("BY", BY.to_string()),
            ("DEPTH", format!("{depth}u")),
        ],
        buffers,
        launches: vec![Launch { function: "stencil", grid, block: [BX, BY, 1], shared_bytes: 0, args }],
        variant: format!("2.5d-{BX}x{BY}x{depth}"),
    })
}

pub(super) fn dist(spec: &KernelSpec, points: u64, dim: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    let real = real(spec)?;
    let s = spec.precision.bytes();
    let values = extent(spec, "points x dim", points.saturating_mul(dim), MOST_VALUES)?;
    let packed = (dim * s).is_multiple_of(16);
    let accesses = if packed { dim * s / 16 } else { dim };
    // A lane should have four loads in flight; fewer than two lanes a point would leave half of each sector unused.
    let lanes = (accesses / 4).max(1).next_power_of_two().clamp(2, 32);
    let grid = filling(device, points.saturating_mul(lanes));
    let buffers = vec![
        Buffer { name: "norms", content: output(extent(spec, "points", points, MOST_VALUES)? * s as usize) },
        Buffer { name: "points", content: vector(spec.precision, values, 1) },
    ];
    let args = vec![Arg::Buffer(0), Arg::Buffer(1), Arg::U64(points), Arg::U64(dim)];
    Ok(Plan {
        spec: *spec,
        source: Source::Dist,
        defines: vec![("REAL", real.into()), ("LANES", format!("{lanes}u")), ("PACKED", u8::from(packed).to_string())],
        buffers,
        launches: vec![Launch { function: "dist", grid: [grid, 1, 1], block: [256, 1, 1], shared_bytes: 0, args }],
        variant: format!("lanes{lanes}{}", if packed { "-vec16" } else { "" }),
    })
}

pub(super) fn monte_carlo(spec: &KernelSpec, samples: u64, device: &DeviceProperties) -> Result<Plan, CudaError> {
    let real = real(spec)?;
    if samples == 0 || samples % 2 == 1 {
        let reason =
            format!("samples is {samples}, and each Philox block gives two: ask for an even number, at least 2");
        return Err(unsupported(spec, reason));
    }
    let pairs = samples / 2;
    let grid = filling(device, pairs);
    let args = vec![Arg::Buffer(0), Arg::U64(SEED), Arg::U64(0), Arg::U64(pairs)];
    Ok(Plan {
        spec: *spec,
        source: Source::MonteCarlo,
        defines: vec![("REAL", real.into())],
        buffers: vec![Buffer { name: "counts", content: output(grid as usize * 8) }],
        launches: vec![Launch {
            function: "monte_carlo",
            grid: [grid, 1, 1],
            block: [256, 1, 1],
            shared_bytes: 0,
            args,
        }],
        variant: "philox".into(),
    })
}
