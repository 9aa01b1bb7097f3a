//! The stencil.

/// The largest componentwise error of the interior; infinity if a boundary point was written.
pub(super) fn worst([nx, ny, nz]: [usize; 3], [c0, c1]: [f64; 2], out: &[f64], u: &[f64]) -> f64 {
    let points = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [x, y, z])));
    super::worst(points.map(|[x, y, z]| {
        let i = (z * ny + y) * nx + x;
        let inside = |at: usize, n: usize| at > 0 && at + 1 < n;
        if !(inside(x, nx) && inside(y, ny) && inside(z, nz)) {
            // Poison that is still there is right: an error of zero; anything else is infinitely wrong.
            return if out[i].is_nan() { (0.0, 0.0, 1.0) } else { (f64::NAN, 0.0, 1.0) };
        }
        let around = [i - 1, i + 1, i - nx, i + nx, i - nx * ny, i + nx * ny];
        let sum: f64 = around.iter().map(|&j| u[j]).sum();
        let scale: f64 = around.iter().map(|&j| (c1 * u[j]).abs()).sum();
        (out[i], c0 * u[i] + c1 * sum, scale + (c0 * u[i]).abs())
    }))
}
