use super::*;
use crate::testing::{assert_close, pools, same, tiers, values};
use proptest::prelude::*;

fn check<T: Element>(grid: Grid, offset: usize) {
    let points = grid.points().unwrap();
    let u = values::<T>(4, points + offset);
    let u = &u[offset..];
    let (c0, c1) = (T::from_f64(0.4), T::from_f64(-0.3));
    let at = |x: usize, y: usize, z: usize| u[(z * grid.ny + y) * grid.nx + x].to_f64();
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut out = vec![T::NAN; points + offset];
            stencil(pool.as_ref(), tier, grid, u, &mut out[offset..], c0, c1).unwrap();
            for i in 0..points {
                let (x, y, z) = (i % grid.nx, i / grid.nx % grid.ny, i / grid.nx / grid.ny);
                let edge = |i: usize, n: usize| i == 0 || i + 1 == n;
                let found = out[offset + i].to_f64();
                if edge(x, grid.nx) || edge(y, grid.ny) || edge(z, grid.nz) {
                    assert!(found.is_nan(), "{tier} wrote the boundary");
                    continue;
                }
                let six = [
                    at(x - 1, y, z),
                    at(x + 1, y, z),
                    at(x, y - 1, z),
                    at(x, y + 1, z),
                    at(x, y, z - 1),
                    at(x, y, z + 1),
                ];
                let wanted = c0.to_f64() * at(x, y, z) + c1.to_f64() * six.iter().sum::<f64>();
                assert_close(found, wanted, 8.0 * T::ROUNDOFF * 3.0, &(tier, grid, i));
            }
            assert!(same(first.get_or_insert_with(|| out.clone()), &out), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_box(nx in 0usize..40, ny in 0usize..9, nz in 0usize..9, offset in 0usize..5) {
        check::<f32>(Grid { nx, ny, nz }, offset);
        check::<f64>(Grid { nx, ny, nz }, offset);
    }
}

/// The output of one sweep by `of` workers, streamed or not; it begins `offset` elements into its allocation.
fn swept<T: Element>(tier: Tier, grid: Grid, u: &[T], offset: usize, stream: bool, of: usize) -> Vec<T> {
    let mut out = vec![T::NAN; u.len() + offset];
    let whole = Part::whole(grid, u.as_ptr(), out[offset..].as_mut_ptr(), T::from_f64(0.4), T::from_f64(0.1), stream);
    for index in 0..of {
        // SAFETY: both boxes have the grid's points and outlive the call.
        unsafe { part(tier.level().unwrap(), &whole, index, of) };
    }
    out.split_off(offset)
}

fn check_streams<T: Element>(grid: Grid, offset: usize) {
    let u = values::<T>(4, grid.points().unwrap());
    for &tier in tiers() {
        let plain = swept(tier, grid, &u, offset, false, 1);
        for of in [1, 2, 3] {
            assert!(same(&plain, &swept(tier, grid, &u, offset, true, of)), "{tier} {grid:?} {offset} {of}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Rows that end anywhere in a line, boxes that begin anywhere, shares of planes and of rows.
    #[test]
    fn streaming_gives_the_same_bits(nx in 3usize..90, ny in 3usize..7, nz in 3usize..7, offset in 0usize..17) {
        check_streams::<f32>(Grid { nx, ny, nz }, offset);
        check_streams::<f64>(Grid { nx, ny, nz }, offset);
    }
}

#[test]
fn more_rows_than_a_block() {
    // Blocks of the cached sweep have at least 8 rows, and 8 of these rows take more than is kept at work; those of the
    // streamed one begin at three planes of 1 MiB.
    let grid = Grid { nx: 6200, ny: 27, nz: 5 };
    let u = values::<f32>(4, grid.points().unwrap());
    let wanted = swept(Tier::Scalar, grid, &u, 0, false, 1);
    check_streams::<f32>(Grid { nx: 700, ny: 135, nz: 3 }, 3);
    for &tier in tiers() {
        for stream in [false, true] {
            let found = swept(tier, grid, &u, 0, stream, 1);
            let close = |a: &f32, b: &f32| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6;
            assert!(found.iter().zip(&wanted).all(|(a, b)| close(a, b)), "{tier} {stream}");
        }
    }
}

#[test]
fn specials_follow_ieee() {
    let grid = Grid { nx: 40, ny: 4, nz: 3 };
    let (middle, tiny) = (40 * 4 + 40 + 20, f32::from_bits(1));
    for &tier in tiers() {
        for stream in [false, true] {
            let around = |x: f32| {
                let mut u = vec![tiny; grid.points().unwrap()];
                u[middle] = x;
                let mut out = vec![7.0; u.len()];
                let whole = Part::whole(grid, u.as_ptr(), out.as_mut_ptr(), 1.0, 1.0, stream);
                // SAFETY: both boxes have the grid's points and outlive the call.
                unsafe { part(tier.level().unwrap(), &whole, 0, 1) };
                out
            };
            for (x, out) in [f32::NAN, f32::INFINITY, -f32::INFINITY].map(|x| (x, around(x))) {
                // The point itself, its two neighbours in the row and the one in the other row; the planes have none.
                for i in [middle - 1, middle, middle + 1, middle + 40] {
                    assert!(
                        out[i].to_bits() == x.to_bits() || (x.is_nan() && out[i].is_nan()),
                        "{tier} {x} {}",
                        out[i]
                    );
                }
                assert_eq!(out.iter().filter(|x| !x.is_finite()).count(), 4, "{tier} {x}");
            }
            // Denormals are neither flushed nor rounded: seven times the least number.
            assert_eq!(around(tiny)[middle].to_bits(), 7, "{tier}");
        }
    }
}

fn check_sweeps<T: Element>(grid: Grid, steps: usize) {
    let points = grid.points().unwrap();
    let (c0, c1) = (T::from_f64(0.4), T::from_f64(0.1));
    for &tier in tiers() {
        // Boundaries that differ show from which box each sweep took its own.
        let mut wanted = [values::<T>(4, points), values::<T>(5, points)];
        for _ in 0..steps {
            let [u, out] = &mut wanted;
            stencil(None, tier, grid, u, out, c0, c1).unwrap();
            wanted.swap(0, 1);
        }
        if steps % 2 == 1 {
            wanted.swap(0, 1);
        }
        for pool in pools() {
            let mut found = [values::<T>(4, points), values::<T>(5, points)];
            let [u, out] = &mut found;
            stencil_sweeps(pool.as_ref(), tier, grid, [u, out], c0, c1, steps).unwrap();
            let threads = pool.as_ref().map(Pool::threads);
            assert!(same(&found[0], &wanted[0]) && same(&found[1], &wanted[1]), "{tier} {grid:?} {steps} {threads:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn many_sweeps_are_as_many_single_ones(nx in 0usize..25, ny in 0usize..19, nz in 0usize..50, steps in 0usize..15) {
        check_sweeps::<f32>(Grid { nx, ny, nz }, steps);
        check_sweeps::<f64>(Grid { nx, ny, nz }, steps);
    }
}

#[test]
fn sweeps_of_all_shapes_of_passes() {
    // Whole passes and shorter last ones, with triangles between all workers, and blocks of rows that move back.
    for steps in [0, 1, 2, 3, 6, 7, 12, 13] {
        check_sweeps::<f32>(Grid { nx: 5, ny: 30, nz: 80 }, steps);
    }
    check_sweeps::<f64>(Grid { nx: 5000, ny: 20, nz: 5 }, 5);
}

#[test]
fn sweeps_refuse_what_a_sweep_refuses() {
    let grid = Grid { nx: 3, ny: 3, nz: 3 };
    let (mut u, mut out) = ([0.0f32; 27], [0.0; 26]);
    let found = stencil_sweeps(None, Tier::Scalar, grid, [&mut u, &mut out], 1.0, 1.0, 0);
    assert_eq!(found, Err(KernelError::Length { what: "out", expected: 27, found: 26 }));
    let pool = Pool::unpinned(2).unwrap();
    let nested = std::sync::Mutex::new(None);
    pool.run(|w| {
        if w.index == 0 {
            let (mut u, mut out) = ([0.0f32; 27], [0.0; 27]);
            let result = stencil_sweeps(Some(&pool), Tier::Scalar, grid, [&mut u, &mut out], 1.0, 1.0, 1);
            *nested.lock().unwrap() = Some(result);
        }
    })
    .unwrap();
    assert_eq!(nested.into_inner().unwrap(), Some(Err(crate::PoolError::Nested.into())));
}

#[test]
fn a_linear_field_is_a_fixed_point() {
    // c0 + 6 c1 = 1 and a discrete Laplacian of zero: each point keeps its value up to rounding.
    let grid = Grid { nx: 20, ny: 7, nz: 6 };
    let u: Vec<f64> = (0..grid.points().unwrap()).map(|i| (i % 20) as f64 + 2.0 * (i / 20 % 7) as f64).collect();
    for &tier in tiers() {
        let mut out = u.clone();
        stencil(None, tier, grid, &u, &mut out, 0.4, 0.1).unwrap();
        assert!(u.iter().zip(&out).all(|(u, o)| (u - o).abs() < 1e-13), "{tier}");
    }
}

#[test]
fn bad_extents_are_refused() {
    let grid = Grid { nx: usize::MAX, ny: 2, nz: 2 };
    let found = stencil(None, Tier::Scalar, grid, &[0.0f32], &mut [0.0], 1.0, 1.0);
    assert_eq!(found, Err(KernelError::Overflow { what: "the box" }));
    let grid = Grid { nx: 3, ny: 3, nz: 3 };
    let found = stencil(None, Tier::Scalar, grid, &[0.0f32; 27], &mut [0.0; 26], 1.0, 1.0);
    assert_eq!(found, Err(KernelError::Length { what: "out", expected: 27, found: 26 }));
}
