//! Table 3.17 of the thesis: kernels under four frameworks on one A100, and whether energy is power times time.

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Framework.
    pub framework: &'static str,
    /// Kernel.
    pub kernel: &'static str,
    /// In s.
    pub time_s: f64,
    /// Energy of the card, in J.
    pub gpu_j: f64,
    /// Energy of the host's processors, in J.
    pub cpu_j: f64,
    /// Mean power of the card, in W.
    pub gpu_w: f64,
    /// Mean power of the processors, in W.
    pub cpu_w: f64,
}

const fn line(framework: &'static str, kernel: &'static str, x: [f64; 5]) -> Line {
    let [time_s, gpu_j, cpu_j, gpu_w, cpu_w] = x;
    Line { framework, kernel, time_s, gpu_j, cpu_j, gpu_w, cpu_w }
}

/// Every line.
#[rustfmt::skip]
pub const LINES: [Line; 24] = [
    line("JAX", "triad", [22.707, 1019.163, 1333.950, 44.883, 58.746]),
    line("JAX", "gemm", [2.868, 1124.698, 200.235, 392.185, 69.823]),
    line("JAX", "dist", [16.405, 4199.758, 1189.615, 256.004, 72.515]),
    line("JAX", "stencil", [20.468, 1139.352, 1238.476, 55.665, 60.508]),
    line("JAX", "spmv", [4.507, 496.708, 328.250, 110.197, 72.824]),
    line("JAX", "monte_carlo", [5.761, 1409.745, 428.575, 244.721, 74.397]),
    line("TORCH", "triad", [23.729, 913.214, 1354.176, 38.485, 57.068]),
    line("TORCH", "gemm", [22.346, 7832.080, 1621.745, 350.498, 72.576]),
    line("TORCH", "dist", [6.460, 1477.742, 458.006, 228.736, 70.894]),
    line("TORCH", "stencil", [9.561, 2304.111, 685.952, 240.980, 71.742]),
    line("TORCH", "spmv", [26.672, 5853.350, 1928.214, 219.460, 72.295]),
    line("TORCH", "monte_carlo", [6.983, 1194.045, 486.140, 171.004, 69.622]),
    line("TF", "triad", [3.496, 828.763, 245.760, 237.071, 70.300]),
    line("TF", "gemm", [3.964, 1426.650, 298.625, 359.942, 75.343]),
    line("TF", "dist", [6.292, 1511.220, 450.808, 240.175, 71.646]),
    line("TF", "stencil", [12.418, 2942.685, 904.744, 236.968, 72.857]),
    line("TF", "spmv", [3.416, 632.714, 246.714, 185.196, 72.213]),
    line("TF", "monte_carlo", [7.890, 2084.313, 572.970, 264.187, 72.624]),
    line("CUPY", "triad", [3.477, 983.167, 246.026, 282.737, 70.752]),
    line("CUPY", "gemm", [23.337, 8309.033, 1685.315, 356.049, 72.217]),
    line("CUPY", "dist", [6.191, 1909.106, 445.360, 308.350, 71.933]),
    line("CUPY", "stencil", [8.585, 2331.348, 621.098, 271.563, 72.348]),
    line("CUPY", "spmv", [23.529, 3263.848, 1712.680, 138.718, 72.791]),
    line("CUPY", "monte_carlo", [5.725, 1777.493, 414.570, 310.486, 72.416]),
];

impl Line {
    /// Printed energy over time and printed power, of card and processors, in W.
    pub fn powers(&self) -> [(f64, f64); 2] {
        [(self.gpu_j / self.time_s, self.gpu_w), (self.cpu_j / self.time_s, self.cpu_w)]
    }
}

/// How many printed powers are printed energy over time to within rounding, of how many, and the largest deviation in W.
pub fn check() -> (usize, usize, f64) {
    let (mut follow, mut cells, mut largest) = (0, 0, 0.0f64);
    for line in &LINES {
        for (from_energy, printed) in line.powers() {
            cells += 1;
            let off = printed - from_energy;
            // Three decimals in energy, time and power.
            let rounding = 0.0005 * (1.0 + (1.0 + from_energy) / line.time_s);
            follow += usize::from(off.abs() <= rounding);
            largest = if off.abs() > largest.abs() { off } else { largest };
        }
    }
    (follow, cells, largest)
}
