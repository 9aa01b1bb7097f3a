//! GEMM, TRIAD, stencil and DIST.

use super::reference::{MOST, dot, over_bound, sample};
use super::{SEED, Work, extent};
use crate::element::Element;
use crate::error::KernelError;
use crate::gemm::{self, Operands, Scratch};
use crate::memory::{Buffer, Shared, check_fits};
use crate::pool::{Pool, Worker};
use crate::random::value;
use crate::stencil::{Grid, Part};
use crate::tier::Level;
use crate::{dist, stencil, triad};
use bytemuck::Pod;
use ergometer_record::{KernelSpec, Size};

/// Operand number `which`, random in [-1, 1).
fn random<T: Element + Pod>(len: usize, which: u64, pool: &Pool) -> Result<Buffer<T>, KernelError> {
    Buffer::filled(len, pool, |i| T::from_f64(value(SEED + which, i)))
}

fn wrong_size(spec: &KernelSpec) -> KernelError {
    ergometer_record::kernel::SpecError::WrongSize { kernel: spec.kernel, size: spec.size }.into()
}

/// C = A B.
pub(super) struct Gemm<T: Element + Pod> {
    g: gemm::Gemm<T>,
    scratch: Scratch<T>,
    a: Buffer<T>,
    b: Buffer<T>,
    c: Buffer<T>,
}

impl<T: Element + Pod> Gemm<T> {
    pub(super) fn new(spec: &KernelSpec, level: Level, pool: &Pool) -> Result<Self, KernelError> {
        let Size::Gemm { m, n, k } = spec.size else { return Err(wrong_size(spec)) };
        let (m, n, k) = (extent(m)?, extent(n)?, extent(k)?);
        let g = gemm::Gemm { m, n, k, alpha: T::ONE, beta: T::ZERO, lda: k, ldb: n, ldc: n };
        let scratch = Scratch::new(level, &g, pool.threads())?;
        check_fits(spec, (spec.least_bytes() as u64).saturating_add(scratch.bytes()))?;
        let (a, b) = (random(m * k, 0, pool)?, random(k * n, 1, pool)?);
        Ok(Self { g, scratch, a, b, c: Buffer::filled(m * n, pool, |_| T::ZERO)? })
    }
}

impl<T: Element + Pod> Work for Gemm<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let operands = Operands::new(&self.g, &self.a, &self.b, &mut self.c);
        let scratch = &self.scratch;
        // SAFETY: the buffers are borrowed by this closure and have the extents of `g`; each worker has its own index,
        // and executions are separated by barriers.
        move |_, w| unsafe { gemm::part(level, &operands, scratch, w) }
    }

    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError> {
        Ok(self.c.fill(pool, |_| T::NAN)?)
    }

    fn error(&self) -> Option<f64> {
        let g = &self.g;
        let bound = (g.k + 3) as f64 * T::ROUNDOFF;
        let worst = sample(g.m * g.n, 256).into_iter().map(|at| {
            let (i, j) = (at / g.n, at % g.n);
            let pairs = (0..g.k).map(|p| (self.a[i * g.lda + p].to_f64(), self.b[p * g.ldb + j].to_f64()));
            let (wanted, size) = dot(pairs);
            over_bound(self.c[at].to_f64(), wanted, bound * size)
        });
        Some(worst.fold(0.0, f64::max))
    }
}

/// a = b + q c.
pub(super) struct Triad<T: Element + Pod> {
    a: Buffer<T>,
    b: Buffer<T>,
    c: Buffer<T>,
    q: T,
}

impl<T: Element + Pod> Triad<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        let Size::Vector { n } = spec.size else { return Err(wrong_size(spec)) };
        check_fits(spec, spec.least_bytes() as u64)?;
        let n = extent(n)?;
        let a = Buffer::filled(n, pool, |_| T::ZERO)?;
        Ok(Self { a, b: random(n, 0, pool)?, c: random(n, 1, pool)?, q: T::from_f64(3.0) })
    }
}

impl<T: Element + Pod> Work for Triad<T> {
    fn execution(&mut self, level: Level, pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let stream = triad::streams::<T>(Some(pool), self.a.len());
        let (a, b, c, q) = (Shared::new(&mut self.a), &*self.b, &*self.c, self.q);
        move |_, w| triad::part(level, a, b, c, q, stream, w.index, w.of)
    }

    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError> {
        Ok(self.a.fill(pool, |_| T::NAN)?)
    }

    fn error(&self) -> Option<f64> {
        let worst = sample(self.a.len(), MOST).into_iter().map(|i| {
            let (b, product) = (self.b[i].to_f64(), self.q.to_f64() * self.c[i].to_f64());
            over_bound(self.a[i].to_f64(), b + product, 2.0 * T::ROUNDOFF * (b.abs() + product.abs()))
        });
        Some(worst.fold(0.0, f64::max))
    }
}

/// Ping-pong between two boxes with the same boundary.
pub(super) struct Stencil<T: Element + Pod> {
    grid: Grid,
    boxes: [Buffer<T>; 2],
    /// Which box is the input of the next execution.
    now: usize,
}

/// Factors whose sum over the seven points is 1: values stay in their range however often it runs.
const FACTORS: [f64; 2] = [0.4, 0.1];

impl<T: Element + Pod> Stencil<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        let Size::Grid { nx, ny, nz } = spec.size else { return Err(wrong_size(spec)) };
        check_fits(spec, (2.0 * spec.least_bytes()) as u64)?;
        let grid = Grid { nx: extent(nx)?, ny: extent(ny)?, nz: extent(nz)? };
        let points = grid.points()?;
        Ok(Self { grid, boxes: [random(points, 0, pool)?, random(points, 0, pool)?], now: 0 })
    }

    /// Interior point number `i`, as an offset into the boxes.
    fn interior(&self, i: usize) -> usize {
        let (ix, iy) = (self.grid.nx - 2, self.grid.ny - 2);
        ((i / (ix * iy) + 1) * self.grid.ny + i / ix % iy + 1) * self.grid.nx + i % ix + 1
    }

    fn interiors(&self) -> usize {
        let inner = |n: usize| n.saturating_sub(2);
        inner(self.grid.nx) * inner(self.grid.ny) * inner(self.grid.nz)
    }
}

impl<T: Element + Pod> Work for Stencil<T> {
    fn execution(&mut self, level: Level, pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let stream = crate::pool::exceeds_cache(Some(pool), 2 * self.boxes[0].len() * size_of::<T>());
        let [c0, c1] = FACTORS.map(T::from_f64);
        let now = self.now;
        let [first, second] = &mut self.boxes;
        let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
        let there = Part::whole(self.grid, first, second, c0, c1, stream);
        let back = Part::whole(self.grid, second, first, c0, c1, stream);
        // SAFETY: both boxes are borrowed by the returned value and have the grid's points; workers write disjoint
        // parts, and barriers separate the executions, between which the boxes change roles.
        move |i, w| unsafe {
            stencil::part(level, if (i as usize + now).is_multiple_of(2) { &there } else { &back }, w.index, w.of)
        }
    }

    fn ran(&mut self, iterations: u64) {
        self.now = (self.now + (iterations % 2) as usize) % 2;
    }

    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError> {
        let grid = self.grid;
        let out = 1 - self.now;
        // The boundary stays: it is an operand.
        let input = self.boxes[self.now].to_vec();
        Ok(self.boxes[out].fill(pool, |i| {
            let (x, y, z) = (i % grid.nx, i / grid.nx % grid.ny, i / grid.nx / grid.ny);
            let edge = |i: usize, n: usize| i == 0 || i + 1 == n;
            if edge(x, grid.nx) || edge(y, grid.ny) || edge(z, grid.nz) { input[i] } else { T::NAN }
        })?)
    }

    fn error(&self) -> Option<f64> {
        let (u, out) = (&self.boxes[1 - self.now], &self.boxes[self.now]);
        let [c0, c1] = FACTORS.map(|c| T::from_f64(c).to_f64());
        let (nx, plane) = (self.grid.nx, self.grid.nx * self.grid.ny);
        let worst = sample(self.interiors(), MOST).into_iter().map(|i| {
            let at = self.interior(i);
            let six = [at - 1, at + 1, at - nx, at + nx, at - plane, at + plane].map(|i| u[i].to_f64());
            let wanted = c0 * u[at].to_f64() + c1 * six.iter().sum::<f64>();
            let size = (c0 * u[at].to_f64()).abs() + six.iter().map(|x| (c1 * x).abs()).sum::<f64>();
            over_bound(out[at].to_f64(), wanted, 8.0 * T::ROUNDOFF * size)
        });
        Some(worst.fold(0.0, f64::max))
    }
}

/// Norms.
pub(super) struct Dist<T: Element + Pod> {
    dim: usize,
    points: Buffer<T>,
    out: Buffer<T>,
}

impl<T: Element + Pod> Dist<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        let Size::Points { points, dim } = spec.size else { return Err(wrong_size(spec)) };
        check_fits(spec, spec.least_bytes() as u64)?;
        let (points, dim) = (extent(points)?, extent(dim)?);
        Ok(Self { dim, points: random(points * dim, 0, pool)?, out: Buffer::filled(points, pool, |_| T::ZERO)? })
    }
}

impl<T: Element + Pod> Work for Dist<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let (points, dim, out) = (&*self.points, self.dim, Shared::new(&mut self.out));
        move |_, w| dist::part(level, points, dim, out, w.index, w.of)
    }

    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError> {
        Ok(self.out.fill(pool, |_| T::NAN)?)
    }

    fn error(&self) -> Option<f64> {
        let bound = (self.dim + 2) as f64 * T::ROUNDOFF;
        let most = (MOST * 64 / self.dim.max(64)).max(256);
        let worst = sample(self.out.len(), most).into_iter().map(|i| {
            let row = &self.points[i * self.dim..][..self.dim];
            let wanted = row.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>().sqrt();
            over_bound(self.out[i].to_f64(), wanted, bound * wanted)
        });
        Some(worst.fold(0.0, f64::max))
    }
}
