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

#[test]
fn more_rows_than_a_block() {
    // Four planes of this box are 4 MiB and more, so that it is swept in blocks.
    check::<f32>(Grid { nx: 5, ny: 2 * BLOCK + 3, nz: 4 }, 0);
    let grid = Grid { nx: 1500, ny: 2 * BLOCK + 50, nz: 3 };
    assert!(4 * grid.nx * grid.ny * 4 >= BLOCKED_BYTES);
    let u = values::<f32>(4, grid.points().unwrap());
    let run = |tier| {
        let mut out = u.clone();
        stencil(None, tier, grid, &u, &mut out, 0.4, -0.3).unwrap();
        out
    };
    let wanted = run(Tier::Scalar);
    for &tier in tiers() {
        let error = run(tier).iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 1e-6, "{tier}: {error}");
    }
}

#[test]
fn streaming_gives_the_same_bits() {
    let grid = Grid { nx: 621, ny: 5, nz: 4 };
    let u = values::<f32>(1, grid.points().unwrap());
    for &tier in tiers() {
        let results = [false, true].map(|stream| {
            let mut out = vec![0.0; u.len()];
            let whole = Part::whole(grid, u.as_ptr(), out.as_mut_ptr(), 0.4, 0.1, stream);
            // SAFETY: both boxes have the grid's points and outlive the call.
            unsafe { part(tier.level().unwrap(), &whole, 0, 1) };
            out
        });
        assert!(same(&results[0], &results[1]), "{tier}");
    }
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
