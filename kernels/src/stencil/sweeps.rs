//! Many sweeps, blocked in time: each stretch of the box goes through several sweeps while it is in cache.
//!
//! Sweep `s` of a point needs sweep `s - 1` of its neighbours, and overwrites sweep `s - 2` of the point, which only they read:
//! any order that does the neighbours' sweep first is right with two boxes. Two shapes have such orders (M. Wolf and M. Lam, *A
//! data locality optimizing algorithm*, PLDI 1991, for the skewing; T. Muranushi and J. Makino, *Optimal temporal blocking for
//! stencil computation*, Procedia Computer Science 51, 2015, on how such shapes compare):
//!
//! - within a worker's planes, blocks of rows that move back by one row and one plane a sweep;
//! - between workers, planes that shrink by one a sweep at each border, and then the triangles that this leaves there.

use super::{Grid, Part, cut, sweep};
use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, Worker, spread};
use crate::tier::{Level, Tier};
use std::ops::Range;

/// Sweeps of one pass over the box: memory traffic falls by this factor, and the planes at work grow with it.
const DEPTH: usize = 6;
/// Bytes that the rows at work may take in a second-level cache of 1 MiB.
const AT_WORK: usize = 640 << 10;

/// `steps` sweeps of [`super::stencil`], the first from `boxes[0]` to `boxes[1]`, the next back, and so on: the result is in
/// `boxes[steps % 2]`, and what the last but one sweep left in the other. Each box keeps its own boundary (Dirichlet).
///
/// Blocked in time, so that a box goes to memory and back once in several sweeps instead of in each. The result is bit for bit
/// that of single sweeps by the same tier, whatever the thread count.
///
/// # Errors
/// As [`super::stencil`].
pub fn stencil_sweeps<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    grid: Grid,
    boxes: [&mut [T]; 2],
    c0: T,
    c1: T,
    steps: usize,
) -> Result<(), KernelError> {
    let level = tier.level()?;
    let [u, out] = boxes;
    grid.check(u.len(), out.len())?;
    let (u, out) = (u.as_mut_ptr(), out.as_mut_ptr());
    let there = Part::whole(grid, u.cast_const(), out, c0, c1, false);
    let back = Part::whole(grid, out.cast_const(), u, c0, c1, false);
    spread(pool, |w| {
        let mut done = 0;
        while done < steps {
            let depth = DEPTH.min(steps - done);
            let pass =
                Pass { level, sweeps: if done.is_multiple_of(2) { [&there, &back] } else { [&back, &there] }, depth };
            // SAFETY: both boxes have the grid's points and stay borrowed until all workers are done; every worker runs the
            // same passes and meets the others between phases.
            unsafe { pass.run(w) };
            done += depth;
        }
    })
}

/// Some sweeps over the whole box.
struct Pass<'a, T> {
    level: Level,
    /// The even and the odd ones.
    sweeps: [&'a Part<T>; 2],
    depth: usize,
}

impl<T: Element> Pass<'_, T> {
    /// # Safety
    /// The boxes are alive, and all workers run this pass with the same `of`.
    unsafe fn run(&self, w: &Worker<'_>) {
        let planes = &self.sweeps[0].z;
        // Shares so thick that triangles do not meet; other workers only wait.
        let of = (planes.len() / (2 * self.depth)).clamp(1, w.of);
        if w.index < of {
            let mine = cut(planes, w.index, of);
            let shrink = |edge: usize, s: usize| if edge == planes.start || edge == planes.end { 0 } else { s };
            // SAFETY: what a sweep leaves out at a border is what the next one there would need from the neighbour.
            unsafe { self.skewed(|s| mine.start + shrink(mine.start, s)..mine.end - shrink(mine.end, s)) };
        }
        w.barrier();
        if w.index + 1 < of {
            let border = cut(planes, w.index, of).end;
            // SAFETY: everything around the triangle is done, and triangles do not meet.
            unsafe { self.skewed(|s| border - s..border + s) };
        }
        w.barrier();
    }

    /// Sweep `s` of the planes `planes(s)`, whose ends move by at most one a sweep, for all `s`.
    ///
    /// # Safety
    /// The boxes are alive; what the planes need of others is done, and nobody else works on them.
    unsafe fn skewed(&self, planes: impl Fn(usize) -> Range<usize>) {
        let rows = &self.sweeps[0].y;
        let block = self.block();
        let (first, last) = (0..self.depth).fold((usize::MAX, 0), |(first, last), s| {
            let planes = planes(s);
            if planes.is_empty() { (first, last) } else { (first.min(planes.start + s), last.max(planes.end + s)) }
        });
        // Blocks go on until the last sweep, furthest back, has seen the last row.
        for start in (rows.start..rows.end + self.depth - 1).step_by(block) {
            for front in first..last {
                for s in 0..self.depth.min(front + 1) {
                    let z = front - s;
                    if planes(s).contains(&z) {
                        let back = |row: usize| row.saturating_sub(s).clamp(rows.start, rows.end);
                        let part = Part {
                            y: back(start)..back(start + block),
                            z: z..z + 1,
                            ahead: s == 0,
                            ..self.sweeps[s % 2].clone()
                        };
                        // SAFETY: the order does the neighbours' earlier sweeps first; see the module.
                        unsafe { sweep(self.level, &part) };
                    }
                }
            }
        }
    }

    /// Rows of a block: `depth + 2` planes of both boxes are at work.
    fn block(&self) -> usize {
        let row = self.sweeps[0].grid.nx * size_of::<T>();
        (AT_WORK / (2 * (self.depth + 2) * row.max(1))).max(8)
    }
}
