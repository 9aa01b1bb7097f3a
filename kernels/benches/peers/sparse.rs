//! SpMV: compressed rows, coordinates, and our inspected format.

use crate::Field;
use crate::blas::Blas;
use crate::contest::{Contest, Kind, Line};
use crate::dense::{Target, on_pool, share};
use crate::loops::Loops;
use crate::memory::Huge;
use crate::mkl::{Mkl, Sparse};
use ergometer_kernels::sparse::{Generated, generate};
use ergometer_kernels::spmv_csr::Csr;
use ergometer_kernels::spmv_sell::{Sell, spmv_sell};
use ergometer_kernels::{Element, prepare};
use ergometer_record::kernel::Pattern;
use ergometer_record::{Kernel, KernelSpec, Precision, Size};
use std::time::Instant;

type CsrLoop<T> = unsafe extern "C" fn(*mut T, *const u32, *const u32, *const T, *const T, usize, usize);

pub(crate) fn run(field: &Field<'_>, lines: &mut Vec<Line>) -> Result<(), String> {
    let sizes = if field.smoke {
        vec![Size::laplace5(30), Size::Sparse { rows: 1000, nnz: 10_000, pattern: Pattern::PowerLaw }]
    } else {
        // About ten million entries each, far beyond the last-level cache.
        vec![
            Size::laplace5(1400),
            Size::laplace7(112),
            Size::Sparse { rows: 1 << 20, nnz: 10 << 20, pattern: Pattern::PowerLaw },
        ]
    };
    for size in sizes {
        for kernel in [Kernel::SpmvCsr, Kernel::SpmvCoo] {
            let spec = |precision| KernelSpec { kernel, size, precision };
            contest::<f32>(field, spec(Precision::F32), "f32", |mkl| mkl.f32, lines)?;
            contest::<f64>(field, spec(Precision::F64), "f64", |mkl| mkl.f64, lines)?;
        }
    }
    Ok(())
}

fn contest<T>(
    field: &Field<'_>,
    spec: KernelSpec,
    suffix: &'static str,
    functions: fn(&Mkl) -> Sparse<T>,
    lines: &mut Vec<Line>,
) -> Result<(), String>
where
    T: Element + bytemuck::Pod + sprs::MulAcc + num_traits::Zero + num_traits::One,
{
    let one = T::one();
    let compressed = spec.kernel == Kernel::SpmvCsr;
    let kernel = if compressed { "spmv-csr" } else { "spmv-coo" };
    let mut contest = field.contest(kernel, suffix, spec.size.to_string());
    if !field.rounds.selects(&contest) {
        return Ok(());
    }
    let flops = spec.flops();
    let mut job = prepare(&spec, field.tier, &field.pool).map_err(|e| e.to_string())?;
    contest.enter(Kind::Ours, "ergometer", flops, move |n| job.run(n).map_err(|e| e.to_string()));
    let matrix = generate(&spec, 1).map_err(|e| e.to_string())?;
    let n = matrix.row_pointer.len() - 1;
    if compressed {
        enter_sell(field, &mut contest, &matrix, one, flops)?;
        if field.pool.threads() == 1 {
            let values = vec![one; matrix.columns.len()];
            let view = sprs::CsMatI::<T, u32>::new((n, n), matrix.row_pointer.clone(), matrix.columns.clone(), values);
            let (x, mut y) = (Huge::new(n, |_| one)?, Huge::new(n, |_| one)?);
            contest.enter(Kind::Peer, "sprs 0.11", flops, move |times| {
                for _ in 0..times {
                    y.fill(T::zero());
                    sprs::prod::mul_acc_mat_vec_csr(view.view(), &*x, &mut *y);
                }
                Ok(())
            });
        }
    }
    for (library, mkl) in field.blas.iter().filter_map(|b| b.mkl.as_ref().map(|m| (b, m))) {
        enter_mkl(field, &mut contest, (library, functions(mkl)), &matrix, compressed, flops)?;
    }
    for loops in field.loops {
        enter_loop(field, &mut contest, loops, &matrix, compressed, (one, suffix), flops)?;
    }
    field.rounds.hold(contest, lines)
}

fn enter_sell<'c, T: Element + bytemuck::Pod>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    matrix: &Generated,
    one: T,
    flops: f64,
) -> Result<(), String> {
    let n = matrix.row_pointer.len() - 1;
    let values = vec![one; matrix.columns.len()];
    let csr = Csr::new(n, n, &matrix.row_pointer, &matrix.columns, &values).map_err(|e| e.to_string())?;
    let start = Instant::now();
    let sell = Sell::inspect(&csr).map_err(|e| e.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}: the inspection took {seconds:.3} s; {sell:?}", contest.label());
    let (x, mut y) = (Huge::new(n, |_| one)?, Huge::new(n, |_| one)?);
    contest.enter(Kind::Variant, "SELL-16-sigma, inspected", flops, move |times| {
        for _ in 0..times {
            spmv_sell(Some(&field.pool), field.tier, &sell, &x, &mut y).map_err(|e| e.to_string())?;
        }
        Ok(())
    });
    Ok(())
}

/// MKL's products: plain from either format, and after an inspection from compressed rows.
fn enter_mkl<'c, T: bytemuck::Pod + num_traits::Zero + num_traits::One>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    (library, functions): (&'c Blas, Sparse<T>),
    matrix: &Generated,
    compressed: bool,
    flops: f64,
) -> Result<(), String> {
    let n = matrix.row_pointer.len() - 1;
    let copy = |from: &[u32]| Huge::new(from.len(), |i| from[i]);
    for inspected in [false, true] {
        if inspected && !compressed {
            continue;
        }
        let list = if compressed { copy(&matrix.row_pointer)? } else { copy(&matrix.rows())? };
        let (columns, values) = (copy(&matrix.columns)?, Huge::new(matrix.columns.len(), |_| T::one())?);
        // SAFETY: a valid matrix; the closure below keeps the arrays as long as MKL's matrix.
        let mut theirs = unsafe {
            if compressed {
                functions.compressed(n, &list, &columns, &values)?
            } else {
                functions.coordinates(n, &list, &columns, &values)?
            }
        };
        let mut name = library.name.clone();
        if inspected {
            let start = Instant::now();
            theirs.inspect()?;
            let seconds = start.elapsed().as_secs_f64();
            println!("{}: the inspection by MKL took {seconds:.3} s", contest.label());
            name = format!("{name}, inspected");
        }
        let kind = if inspected { Kind::Inspected } else { Kind::Peer };
        let (x, mut y) = (Huge::new(n, |_| T::one())?, Huge::new(n, |_| T::one())?);
        contest.enter(kind, name, flops, move |times| {
            let _arrays = (&list, &columns, &values);
            let _placed = library.placed(field.pool.cpus().unwrap_or(&[]));
            (0..times).try_for_each(|_| theirs.product([T::one(), T::zero()], &x, &mut y))
        });
    }
    Ok(())
}

fn enter_loop<'c, T: bytemuck::Pod + Send + Sync>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    loops: &'c Loops,
    matrix: &Generated,
    compressed: bool,
    (one, suffix): (T, &str),
    flops: f64,
) -> Result<(), String> {
    let n = matrix.row_pointer.len() - 1;
    let copy = |from: &[u32]| Huge::new(from.len(), |i| from[i]);
    let (pointer, columns) = (copy(&matrix.row_pointer)?, copy(&matrix.columns)?);
    let rows = if compressed { copy(&[])? } else { copy(&matrix.rows())? };
    let (x, mut y) = (Huge::new(n, |_| one)?, Huge::new(n, |_| one)?);
    let values = Huge::new(columns.len(), |_| one)?;
    let which = if compressed { "csr" } else { "coo" };
    // SAFETY: the type is the one in `loops.c`, the same for both formats.
    let call = unsafe { loops.get::<CsrLoop<T>>(&format!("{which}_{suffix}"))? };
    // The loop of scipy's `coo_matvec` and `csr_matvec`, for this CPU and on all threads, which scipy's are not.
    contest.enter(Kind::Peer, format!("{}, scipy's loop", loops.name), flops, move |times| {
        let y = Target::of(&mut y);
        on_pool(&field.pool, times, |w| {
            // Cut where about equal numbers of entries begin, at a row.
            let border = |i: usize| pointer[..n].partition_point(|p| (*p as usize) < i);
            let entries = share(columns.len(), w);
            let mine = border(entries.start)..if w.index + 1 == w.of { n } else { border(entries.end) };
            let (first, list) = if compressed {
                (mine.clone(), &pointer)
            } else {
                (pointer[mine.start] as usize..pointer[mine.end] as usize, &rows)
            };
            // SAFETY: rows and entries of a valid matrix; every worker writes its own rows. All zero bits are 0.0.
            unsafe {
                if !compressed {
                    std::ptr::write_bytes(y.at(mine.start), 0, mine.len());
                }
                call(y.at(0), list.as_ptr(), columns.as_ptr(), values.as_ptr(), x.as_ptr(), first.start, first.end);
            }
        })
    });
    Ok(())
}
