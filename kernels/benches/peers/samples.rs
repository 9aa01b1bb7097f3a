//! Monte Carlo: counts by Philox, by xoshiro256+, by MKL's generators and by a crate's small one.

use crate::Field;
use crate::contest::{Contest, Kind, Line};
use crate::dense::{on_pool, share};
use crate::memory::Huge;
use crate::mkl::GENERATORS;
use ergometer_kernels::{monte_carlo::xoshiro, prepare};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::ffi::c_int;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

/// Points that MKL draws at once: their coordinates stay in L1.
const DRAWN: usize = 2048;

/// `count_f32` of `loops.c`.
type Count = unsafe extern "C" fn(*const f32, *const f32, usize) -> u32;

/// Two contests, so that like stands beside like: the counter-based generator, and the fastest.
pub(crate) fn run(field: &Field<'_>, lines: &mut Vec<Line>) -> Result<(), String> {
    let samples: u64 = if field.smoke { 1 << 16 } else { 1 << 24 };
    let mut contest = field.contest("monte-carlo", "f32", format!("samples={samples}")).unit("Gsample/s");
    if field.rounds.selects(&contest) {
        let size = Size::Samples { samples };
        let spec = KernelSpec { kernel: Kernel::MonteCarlo, size, precision: Precision::F32 };
        let mut job = prepare(&spec, field.tier, &field.pool).map_err(|e| e.to_string())?;
        let work = samples as f64;
        contest.enter(Kind::Ours, "Philox4x32-10", work, move |n| job.run(n).map_err(|e| e.to_string()));
        enter_small(field, &mut contest, samples as usize)?;
        enter_mkl(field, &mut contest, &GENERATORS[..1], samples as usize)?;
        field.rounds.hold(contest, lines)?;
    }
    let mut contest = field.contest("monte-carlo-xoshiro", "f32", format!("samples={samples}")).unit("Gsample/s");
    if field.rounds.selects(&contest) {
        let (pool, tier) = (&field.pool, field.tier);
        contest.enter(Kind::Ours, "xoshiro256+", samples as f64, move |n| {
            for i in 0..n {
                black_box(xoshiro::count_inside(Some(pool), tier, i, samples).map_err(|e| e.to_string())?);
            }
            Ok(())
        });
        enter_small(field, &mut contest, samples as usize)?;
        enter_mkl(field, &mut contest, &GENERATORS[1..], samples as usize)?;
        field.rounds.hold(contest, lines)?;
    }
    Ok(())
}

/// The crate rand's small generator, one a worker.
fn enter_small<'c>(field: &'c Field<'_>, contest: &mut Contest<'c>, samples: usize) -> Result<(), String> {
    let pool = &field.pool;
    let generators = Mutexes::new(pool.threads(), |w| Ok(SmallRng::seed_from_u64(w as u64)))?;
    contest.enter(Kind::Peer, "rand 0.10 SmallRng", samples as f64, move |n| {
        on_pool(pool, n, |w| {
            generators.with(w.index, |generator| {
                let inside = share(samples, w).filter(|_| {
                    let (x, y): (f32, f32) = (generator.random(), generator.random());
                    x * x + y * y < 1.0
                });
                black_box(inside.count());
            });
        })
    });
    Ok(())
}

/// MKL's generators on our pool, a stream a worker, counted by the compiler's vectors.
fn enter_mkl<'c>(
    field: &'c Field<'_>,
    contest: &mut Contest<'c>,
    generators: &[(&str, c_int)],
    samples: usize,
) -> Result<(), String> {
    let Some((library, mkl)) = field.blas.iter().find_map(|b| b.mkl.as_ref().map(|mkl| (&b.name, mkl))) else {
        return Ok(());
    };
    let Some(loops) = field.loops.first() else {
        println!("absent: MKL's generators (their numbers are counted by a C loop)");
        return Ok(());
    };
    // SAFETY: the type is the one in `loops.c`.
    let count = unsafe { loops.get::<Count>("count_f32")? };
    let pool = &field.pool;
    for &(name, generator) in generators {
        let streams =
            Mutexes::new(pool.threads(), |w| Ok((mkl.stream(generator, w)?, Huge::new(2 * DRAWN, |_| 0f32)?)))?;
        let count = count.clone();
        contest.enter(Kind::Peer, format!("{name}, {library}"), samples as f64, move |n| {
            on_pool(pool, n, |w| {
                streams.with(w.index, |(stream, numbers)| {
                    let mut left = share(samples, w).len();
                    let mut inside = 0u64;
                    while left > 0 {
                        let now = left.min(DRAWN);
                        stream.fill(&mut numbers[..2 * now]);
                        let (x, y) = numbers.split_at(now);
                        // SAFETY: both have `now` numbers at least.
                        inside += u64::from(unsafe { count(x.as_ptr(), y.as_ptr(), now) });
                        left -= now;
                    }
                    black_box(inside);
                });
            })
        });
    }
    Ok(())
}

/// A state of its own for each worker.
struct Mutexes<S>(Vec<Mutex<S>>);

impl<S> Mutexes<S> {
    fn new(workers: usize, state: impl Fn(usize) -> Result<S, String>) -> Result<Self, String> {
        Ok(Self((0..workers).map(|w| Ok(Mutex::new(state(w)?))).collect::<Result<_, String>>()?))
    }

    fn with(&self, worker: usize, use_it: impl FnOnce(&mut S)) {
        if let Some(state) = self.0.get(worker) {
            use_it(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
