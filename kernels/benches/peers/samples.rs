//! Monte Carlo: counts by Philox, by xoshiro256+, and by a crate's small generator.

use crate::Field;
use crate::contest::{Kind, Line};
use ergometer_kernels::{monte_carlo::xoshiro, prepare};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::hint::black_box;

pub(crate) fn run(field: &Field<'_>, lines: &mut Vec<Line>) -> Result<(), String> {
    let samples: u64 = if field.smoke { 1 << 16 } else { 1 << 24 };
    let work = samples as f64;
    let mut contest = field.contest("monte-carlo", "f32", format!("samples={samples}")).unit("Gsample/s");
    if !field.rounds.selects(&contest) {
        return Ok(());
    }
    let spec = KernelSpec { kernel: Kernel::MonteCarlo, size: Size::Samples { samples }, precision: Precision::F32 };
    let mut job = prepare(&spec, field.tier, &field.pool).map_err(|e| e.to_string())?;
    contest.enter(Kind::Ours, "Philox4x32-10", work, move |n| job.run(n).map_err(|e| e.to_string()));
    let (pool, tier) = (&field.pool, field.tier);
    contest.enter(Kind::Variant, "xoshiro256+", work, move |n| {
        for i in 0..n {
            black_box(xoshiro::count_inside(Some(pool), tier, i, samples).map_err(|e| e.to_string())?);
        }
        Ok(())
    });
    if pool.threads() == 1 {
        let mut generator = SmallRng::seed_from_u64(1);
        contest.enter(Kind::Peer, "rand 0.10 SmallRng", work, move |n| {
            for _ in 0..n {
                let inside = (0..samples).filter(|_| {
                    let (x, y): (f32, f32) = (generator.random(), generator.random());
                    x * x + y * y < 1.0
                });
                black_box(inside.count());
            }
            Ok(())
        });
    }
    field.rounds.hold(contest, lines)
}
