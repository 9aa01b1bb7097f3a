//! GEMM, TRIAD, the stencil and DIST.

use crate::Field;
use crate::blas::{self, Blas};
use crate::contest::{Contest, Kind, Line};
use crate::loops::Loops;
use crate::memory::Huge;
use ergometer_kernels::pool::Worker;
use ergometer_kernels::stencil::{Grid, stencil_sweeps};
use ergometer_kernels::{Element, Pool, Topology, prepare};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};
use std::ffi::c_int;
use std::ops::Range;

/// Starts rayon's workers, each on a core of its own: they would inherit the main thread's mask.
pub(crate) fn start_rayon(topology: &Topology) -> Result<(), String> {
    let cpus = topology.placement();
    let threads = topology.cores().len();
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let builder = builder.start_handler(move |i| crate::load::pin_main(cpus.get(i..=i).unwrap_or(&[])));
    builder.build_global().map_err(|e| e.to_string())
}

pub(crate) fn run(field: &Field<'_>, lines: &mut Vec<Line>) -> Result<(), String> {
    for precision in [Precision::F32, Precision::F64] {
        for size in gemm_sizes(field) {
            match precision {
                Precision::F32 => gemm::<f32>(field, size, precision, |b| b.sgemm, lines)?,
                _ => gemm::<f64>(field, size, precision, |b| b.dgemm, lines)?,
            }
        }
        match precision {
            Precision::F32 => memory_bound::<f32>(field, precision, "f32", lines)?,
            _ => memory_bound::<f64>(field, precision, "f64", lines)?,
        }
    }
    Ok(())
}

/// What the operands and the peers need of an element.
trait Real: Element + bytemuck::Pod + From<i8> + std::ops::Mul<Output = Self> + Send + Sync {}
impl Real for f32 {}
impl Real for f64 {}

/// The operand value at `i`, in [-1, 1).
fn value<T: Real>(i: usize) -> T {
    // Multiplication by a large odd number scatters; the top byte is taken.
    let byte = ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 as i8;
    T::from(byte)
}

/// Our kernel as the first entrant; false where the words of the command line leave the contest out.
fn ours(field: &Field<'_>, contest: &mut Contest<'_>, spec: KernelSpec, work: f64) -> Result<bool, String> {
    if !field.rounds.selects(contest) {
        return Ok(false);
    }
    let mut job = prepare(&spec, field.tier, &field.pool).map_err(|e| e.to_string())?;
    contest.enter(Kind::Ours, "ergometer", work, move |n| job.run(n).map_err(|e| e.to_string()));
    Ok(true)
}

fn ceiling(
    field: &Field<'_>,
    contest: &mut Contest<'_>,
    spec: KernelSpec,
    name: &str,
    work: f64,
) -> Result<(), String> {
    let mut job = prepare(&spec, field.tier, &field.pool).map_err(|e| e.to_string())?;
    contest.enter(Kind::Ceiling, name, work, move |n| job.run(n).map_err(|e| e.to_string()));
    Ok(())
}

fn gemm_sizes(field: &Field<'_>) -> Vec<Size> {
    let skinny = |m, n| Size::Gemm { m, n, k: 4096 };
    match (field.smoke, field.long) {
        (true, _) => vec![Size::square(96)],
        (_, false) => {
            vec![Size::square(512), Size::square(1024), Size::square(2048), skinny(32, 4096), skinny(4096, 32)]
        }
        (_, true) => {
            let squares = [512, 1024, 2048, 4096].map(Size::square);
            squares.into_iter().chain([skinny(32, 4096), skinny(4096, 32)]).collect()
        }
    }
}

fn gemm<T: Real>(
    field: &Field<'_>,
    size: Size,
    precision: Precision,
    function: fn(&Blas) -> blas::Gemm<T>,
    lines: &mut Vec<Line>,
) -> Result<(), String> {
    let Size::Gemm { m, n, k } = size else { return Ok(()) };
    let spec = KernelSpec { kernel: Kernel::Gemm, size, precision };
    let (m, n, k) = (m as usize, n as usize, k as usize);
    let flops = spec.flops();
    let mut contest = field.contest("gemm", name::<T>(), size.to_string());
    if !ours(field, &mut contest, spec, flops)? {
        return Ok(());
    }
    let count = if field.smoke { 1 << 20 } else { 1 << 28 };
    let fma = KernelSpec { kernel: Kernel::ProbeFma, size: Size::Probe { count }, precision };
    ceiling(field, &mut contest, fma, "multiply-adds in registers", fma.flops())?;
    let threads = field.pool.threads();
    let operands = || -> Result<_, String> {
        Ok((Huge::<T>::new(m * k, value)?, Huge::<T>::new(k * n, value)?, Huge::<T>::new(m * n, value)?))
    };
    for library in field.blas {
        let call = function(library);
        let (a, b, mut c) = operands()?;
        contest.enter(Kind::Peer, &library.name, flops, move |times| {
            let _placed = library.placed(field.pool.cpus().unwrap_or(&[]));
            for _ in 0..times {
                let (plain, lead) = (blas::PLAIN, |x: usize| x as c_int);
                // SAFETY: the matrices have the extents and leading dimensions that the call names.
                unsafe {
                    call(
                        blas::ROW_MAJOR,
                        plain,
                        plain,
                        lead(m),
                        lead(n),
                        lead(k),
                        T::from(1),
                        a.as_ptr(),
                        lead(k),
                        b.as_ptr(),
                        lead(n),
                        T::from(0),
                        c.as_mut_ptr(),
                        lead(n),
                    );
                }
            }
            Ok(())
        });
    }
    let (a, b, mut c) = operands()?;
    contest.enter(Kind::Peer, "gemm 0.19 x86-v4", flops, move |times| {
        let parallel = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
        for _ in 0..times {
            // SAFETY: row-major matrices of these extents; C is not read.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    1,
                    n as isize,
                    false,
                    a.as_ptr(),
                    1,
                    k as isize,
                    b.as_ptr(),
                    1,
                    n as isize,
                    T::from(0),
                    T::from(1),
                    false,
                    false,
                    false,
                    parallel,
                );
            }
        }
        Ok(())
    });
    if threads == 1 {
        let (a, b, mut c) = operands()?;
        contest.enter(Kind::Peer, "matrixmultiply 0.3", flops, move |times| {
            for _ in 0..times {
                // SAFETY: row-major matrices of these extents.
                unsafe { matrix_multiply(m, k, n, &a, &b, &mut c) };
            }
            Ok(())
        });
    }
    field.rounds.hold(contest, lines)
}

fn name<T>() -> &'static str {
    if size_of::<T>() == 4 { "f32" } else { "f64" }
}

/// # Safety
/// `a` is m x k, `b` is k x n, `c` is m x n.
unsafe fn matrix_multiply<T: Real>(m: usize, k: usize, n: usize, a: &[T], b: &[T], c: &mut [T]) {
    let (rk, rn) = (k as isize, n as isize);
    // SAFETY: the extents are the caller's to guarantee; `T` is f32 or f64, told apart by its size.
    unsafe {
        if size_of::<T>() == 4 {
            let (a, b, c) = (a.as_ptr().cast(), b.as_ptr().cast(), c.as_mut_ptr().cast());
            matrixmultiply::sgemm(m, k, n, 1.0, a, rk, 1, b, rn, 1, 0.0, c, rn, 1);
        } else {
            let (a, b, c) = (a.as_ptr().cast(), b.as_ptr().cast(), c.as_mut_ptr().cast());
            matrixmultiply::dgemm(m, k, n, 1.0, a, rk, 1, b, rn, 1, 0.0, c, rn, 1);
        }
    }
}

/// Runs `part` on every worker, `n` times with a barrier in between: what our own kernels run in.
pub(crate) fn on_pool(pool: &Pool, n: u64, part: impl Fn(&Worker<'_>) + Sync) -> Result<(), String> {
    let job = |w: &Worker<'_>| {
        for _ in 0..n {
            part(w);
            w.barrier();
        }
    };
    pool.run(job).map_err(|e| e.to_string())
}

/// The share of `0..n` of one worker.
pub(crate) fn share(n: usize, w: &Worker<'_>) -> Range<usize> {
    n * w.index / w.of..n * (w.index + 1) / w.of
}

/// An output that workers write in disjoint parts.
#[derive(Clone, Copy)]
pub(crate) struct Target<T>(*mut T);
// SAFETY: workers write disjoint parts.
unsafe impl<T: Send> Send for Target<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Target<T> {}

impl<T> Target<T> {
    pub(crate) fn of(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// Where element `i` is.
    pub(crate) fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

type Triad<T> = unsafe extern "C" fn(*mut T, *const T, *const T, T, usize);
type Stencil<T> = unsafe extern "C" fn(*mut T, *const T, usize, usize, usize, usize, T, T);
type Dist<T> = unsafe extern "C" fn(*mut T, *const T, usize, usize);

/// Bytes of the last-level contests, a quarter of the cache, and of the memory contests, eight times the cache but at most
/// 512 MiB.
pub(crate) fn byte_sizes(field: &Field<'_>) -> Vec<u64> {
    let cache = field.pool.last_level_bytes();
    if field.smoke { vec![1 << 18] } else { vec![cache / 4, (8 * cache).min(512 << 20)] }
}

fn memory_bound<T: Real>(
    field: &Field<'_>,
    precision: Precision,
    suffix: &'static str,
    lines: &mut Vec<Line>,
) -> Result<(), String> {
    for bytes in byte_sizes(field) {
        let spec = |kernel| KernelSpec { kernel, size: KernelSpec::size_for(kernel, precision, bytes), precision };
        let triad = spec(Kernel::Triad);
        let mut contest = field.contest("triad", suffix, triad.size.to_string()).unit("GB/s");
        if ours(field, &mut contest, triad, triad.least_bytes())? {
            for loops in field.loops {
                enter_triad::<T>(field, &mut contest, loops, &triad)?;
            }
            field.rounds.hold(contest, lines)?;
        }
        let stencil = spec(Kernel::Stencil);
        let Size::Grid { nx, ny, nz } = stencil.size else { continue };
        let points = (nx - 2) as f64 * (ny - 2) as f64 * (nz - 2) as f64;
        let mut contest = field.contest("stencil", suffix, stencil.size.to_string()).unit("Gpoint/s");
        if ours(field, &mut contest, stencil, points)? {
            enter_sweeps::<T>(field, &mut contest, [nx, ny, nz].map(|n| n as usize), points)?;
            for loops in field.loops {
                enter_stencil::<T>(field, &mut contest, loops, [nx, ny, nz].map(|n| n as usize), points)?;
            }
            field.rounds.hold(contest, lines)?;
        }
        for dim in [3, 64, 256] {
            let points = bytes / ((dim + 1) * size_of::<T>() as u64);
            let dist = KernelSpec { kernel: Kernel::Dist, size: Size::Points { points, dim }, precision };
            let mut contest = field.contest("dist", suffix, dist.size.to_string()).unit("GB/s");
            if ours(field, &mut contest, dist, dist.least_bytes())? {
                let read = KernelSpec { kernel: Kernel::ProbeRead, size: Size::Probe { count: bytes }, precision };
                ceiling(field, &mut contest, read, "reads alone", bytes as f64)?;
                for loops in field.loops {
                    enter_dist::<T>(field, &mut contest, loops, (points as usize, dim as usize), dist.least_bytes())?;
                }
                field.rounds.hold(contest, lines)?;
            }
        }
    }
    Ok(())
}

fn enter_triad<'c, T: Real>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    loops: &'c Loops,
    spec: &KernelSpec,
) -> Result<(), String> {
    let Size::Vector { n } = spec.size else { return Ok(()) };
    let n = n as usize;
    // SAFETY: the type is the one in `loops.c`.
    let call = unsafe { loops.get::<Triad<T>>(&format!("triad_{}", name::<T>()))? };
    let (mut a, b, c) = (Huge::<T>::new(n, value)?, Huge::<T>::new(n, value)?, Huge::<T>::new(n, value)?);
    contest.enter(Kind::Peer, &loops.name, spec.least_bytes(), move |times| {
        let a = Target::of(&mut a);
        on_pool(&field.pool, times, |w| {
            let mine = share(n, w);
            // SAFETY: the share lies in all three arrays, and shares don't overlap.
            unsafe {
                call(a.at(mine.start), b.as_ptr().add(mine.start), c.as_ptr().add(mine.start), T::from(2), mine.len())
            };
        })
    });
    Ok(())
}

/// Sweeps of an execution of the variant that is blocked in time.
const SWEEPS: u8 = 12;

fn enter_sweeps<'c, T: Real>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    [nx, ny, nz]: [usize; 3],
    points: f64,
) -> Result<(), String> {
    let (mut u, mut out) = (Huge::<T>::new(nx * ny * nz, value)?, Huge::<T>::new(nx * ny * nz, value)?);
    let name = format!("{SWEEPS} sweeps, blocked in time");
    contest.enter(Kind::Variant, name, f64::from(SWEEPS) * points, move |times| {
        for _ in 0..times {
            let (grid, boxes, [c0, c1]) = (Grid { nx, ny, nz }, [&mut *u, &mut *out], [T::from(1), T::from(0)]);
            let done = stencil_sweeps(Some(&field.pool), field.tier, grid, boxes, c0, c1, SWEEPS.into());
            done.map_err(|e| e.to_string())?;
        }
        Ok(())
    });
    Ok(())
}

fn enter_stencil<'c, T: Real>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    loops: &'c Loops,
    [nx, ny, nz]: [usize; 3],
    work: f64,
) -> Result<(), String> {
    // SAFETY: the type is the one in `loops.c`.
    let call = unsafe { loops.get::<Stencil<T>>(&format!("stencil_{}", name::<T>()))? };
    let (mut u, mut out) =
        (Huge::<T>::new(nx * ny * nz, |_| T::from(1))?, Huge::<T>::new(nx * ny * nz, |_| T::from(1))?);
    contest.enter(Kind::Peer, &loops.name, work, move |times| {
        // Ping-pong, as ours: the two boxes change places.
        let boxes = [Target::of(&mut u), Target::of(&mut out)];
        let turn = std::sync::atomic::AtomicUsize::new(0);
        on_pool(&field.pool, times, |w| {
            let i = turn.load(std::sync::atomic::Ordering::SeqCst) / w.of;
            let (from, to) = (boxes[i % 2], boxes[(i + 1) % 2]);
            let planes = share(nz - 2, w);
            // SAFETY: interior planes of boxes with these extents, disjoint between workers; nobody writes `from` now.
            unsafe { call(to.at(0), from.at(0), nx, ny, planes.start + 1, planes.end + 1, T::from(1), T::from(0)) };
            w.barrier();
            turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        })
    });
    Ok(())
}

fn enter_dist<'c, T: Real>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    loops: &'c Loops,
    (points, dim): (usize, usize),
    work: f64,
) -> Result<(), String> {
    // SAFETY: the type is the one in `loops.c`.
    let call = unsafe { loops.get::<Dist<T>>(&format!("dist_{}", name::<T>()))? };
    let (set, mut out) = (Huge::<T>::new(points * dim, value)?, Huge::<T>::new(points, value)?);
    contest.enter(Kind::Peer, &loops.name, work, move |times| {
        let out = Target::of(&mut out);
        on_pool(&field.pool, times, |w| {
            let mine = share(points, w);
            // SAFETY: the share lies in both arrays, and shares don't overlap.
            unsafe { call(out.at(mine.start), set.as_ptr().add(mine.start * dim), dim, mine.len()) };
        })
    });
    Ok(())
}
