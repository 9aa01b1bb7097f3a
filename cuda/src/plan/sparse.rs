//! SpMV, compressed rows and coordinate triples.

use super::{Arg, Buffer, Launch, Plan, SEED, blocks, extent, filling, output, real, unsupported, vector};
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::kernels::Source;
use crate::operand::{Content, Csr, index_bytes, laplacian, power_law};
use ergometer_record::kernel::Pattern;
use ergometer_record::{Kernel, KernelSpec, Size};

pub(super) fn plan(
    spec: &KernelSpec,
    rows: u64,
    nnz: u64,
    pattern: Pattern,
    device: &DeviceProperties,
) -> Result<Plan, CudaError> {
    let real = real(spec)?;
    let most = u64::from(u32::MAX) - 1;
    let row_count = extent(spec, "rows", rows, most)?;
    let count = extent(spec, "nnz", nnz, most)?;
    let matrix = generate(spec, row_count, count, pattern)?;
    let s = spec.precision.bytes() as usize;
    let y = Buffer { name: "y", content: output(row_count * s) };
    let given = |name, indices: &[u32]| Buffer { name, content: Content::Given(index_bytes(indices)) };
    let columns = given("columns", &matrix.columns);
    let values = Buffer { name: "values", content: vector(spec.precision, count, 1) };
    let x = Buffer { name: "x", content: vector(spec.precision, row_count, 2) };
    let mut args: Vec<Arg> = (0..5).map(Arg::Buffer).collect();
    let launch =
        |function, grid, args| Launch { function, grid: [grid, 1, 1], block: [256, 1, 1], shared_bytes: 0, args };

    if spec.kernel == Kernel::SpmvCoo {
        let zero = launch("zero", filling(device, rows), vec![Arg::Buffer(0), Arg::U32(rows as u32)]);
        args.push(Arg::U64(nnz));
        let multiply = launch("spmv_coo", blocks(spec, nnz.div_ceil(256))?, args);
        return Ok(Plan {
            spec: *spec,
            source: Source::SpmvCoo,
            defines: vec![("REAL", real.into())],
            buffers: vec![y, given("row_of", &matrix.row_of()), columns, values, x],
            launches: vec![zero, multiply],
            variant: "segmented".into(),
        });
    }
    let lanes = lanes(rows, nnz);
    args.push(Arg::U32(rows as u32));
    let grid = blocks(spec, (rows * lanes).div_ceil(256))?;
    Ok(Plan {
        spec: *spec,
        source: Source::SpmvCsr,
        defines: vec![("REAL", real.into()), ("LANES", format!("{lanes}u"))],
        buffers: vec![y, given("offsets", &matrix.offsets), columns, values, x],
        launches: vec![launch("spmv_csr", grid, args)],
        variant: if lanes == 1 { "scalar".into() } else { format!("vector{lanes}") },
    })
}

/// Lanes per row: the power of two nearest below the mean row length, so that on average every lane has work.
fn lanes(rows: u64, nnz: u64) -> u64 {
    let mean = nnz / rows.max(1);
    if mean < 2 { 1 } else { (1 << mean.ilog2()).min(32) }
}

fn generate(spec: &KernelSpec, rows: usize, nnz: usize, pattern: Pattern) -> Result<Csr, CudaError> {
    let (dimensions, side) = match pattern {
        Pattern::Laplace5 => (2, (rows as f64).sqrt().round() as usize),
        Pattern::Laplace7 => (3, (rows as f64).cbrt().round() as usize),
        Pattern::PowerLaw => return Ok(power_law(rows, nnz, SEED ^ 3)),
    };
    let size = if dimensions == 2 { Size::laplace5(side as u64) } else { Size::laplace7(side as u64) };
    if spec.size != size {
        let reason = format!("no grid has these rows and non-zeros: the nearest is {size}");
        return Err(unsupported(spec, reason));
    }
    Ok(laplacian(side, dimensions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_follow_the_mean_row() {
        for (mean, expected) in [(0, 1), (1, 1), (2, 2), (5, 4), (7, 4), (8, 8), (31, 16), (32, 32), (1000, 32)] {
            assert_eq!(lanes(100, 100 * mean), expected, "mean {mean}");
        }
    }
}
