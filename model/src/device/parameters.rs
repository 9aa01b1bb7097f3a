//! The vocabulary of device descriptions: every key with its meaning, and the range outside which it is a typing
//! error. A key that is not here is refused.

/// In which sections a key may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A fact of the hardware: `[specification]`, or `[assumed]` where no document tells.
    Fact,
    /// A property that only measurements tell: `[assumed]` and `[fitted]`.
    Property,
}

/// One key of the vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// As in the file; the unit is the name's ending, shares and ratios have none.
    pub key: &'static str,
    /// Where it may stand.
    pub role: Role,
    /// Smallest and largest value that is not a typing error.
    pub range: (f64, f64),
    /// What it means.
    pub meaning: &'static str,
}

const fn fact(key: &'static str, low: f64, high: f64, meaning: &'static str) -> Parameter {
    Parameter { key, role: Role::Fact, range: (low, high), meaning }
}

const fn property(key: &'static str, low: f64, high: f64, meaning: &'static str) -> Parameter {
    Parameter { key, role: Role::Property, range: (low, high), meaning }
}

/// Every key, facts first.
pub const PARAMETERS: &[Parameter] = &[
    fact("compute_units", 1.0, 1e5, "streaming multiprocessors of a GPU, cores of a CPU"),
    fact("clock_hz", 1e7, 1e11, "compute clock at which the peak rates hold"),
    fact("tensor_clock_hz", 1e7, 1e11, "clock at which the tensor peaks hold, where it is another"),
    fact("memory_clock_hz", 1e7, 1e11, "memory clock at which the memory bandwidth holds"),
    fact("peak_f64_flop_per_s", 1e6, 1e18, "FP64 peak of the ordinary arithmetic units"),
    fact("peak_f32_flop_per_s", 1e6, 1e18, "FP32 peak of the ordinary arithmetic units"),
    fact("peak_tf32_flop_per_s", 1e6, 1e19, "TF32 tensor peak, dense"),
    fact("peak_bf16_flop_per_s", 1e6, 1e19, "BF16 tensor peak with FP32 accumulation, dense"),
    fact("peak_f16_flop_per_s", 1e6, 1e19, "FP16 tensor peak with FP32 accumulation, dense"),
    fact("memory_bytes", 1e6, 1e15, "capacity of the device memory"),
    fact("memory_bytes_per_s", 1e6, 1e16, "bandwidth of the device memory"),
    fact("l2_bytes", 1e3, 1e12, "last-level cache: L2 of a GPU, L3 of a CPU"),
    fact("link_bytes_per_s", 1e6, 1e14, "GPU-to-GPU bandwidth of one GPU, one direction"),
    fact("tdp_w", 1.0, 1e5, "default power limit"),
    property("sustained_f64", 1e-4, 3.0, "share of the FP64 peak that a large GEMM sustains"),
    property("sustained_f32", 1e-4, 3.0, "share of the FP32 peak that a large GEMM sustains"),
    property("sustained_tf32", 1e-4, 3.0, "share of the TF32 peak that a large GEMM sustains"),
    property("sustained_bf16", 1e-4, 3.0, "share of the BF16 peak that a large GEMM sustains"),
    property("sustained_f16", 1e-4, 3.0, "share of the FP16 peak that a large GEMM sustains"),
    property("sustained_conv", 1e-3, 3.0, "a convolution's rate relative to a GEMM's"),
    property("sustained_alu", 1e-4, 3.0, "share of the FP32 peak that elementwise arithmetic sustains"),
    property("sustained_memory", 1e-3, 3.0, "share of the memory bandwidth that TRIAD sustains"),
    property(
        "sustained_link",
        1e-3,
        3.0,
        "share of the link bandwidth that a ring all-reduce sustains (bus bandwidth)",
    ),
    property("l2_speedup", 1.0, 1e3, "bandwidth out of the last-level cache over the sustained memory bandwidth"),
    property("l2_share", 1e-3, 10.0, "bytes moved at which half of them miss, over the cache's capacity"),
    property("l2_sharpness", 0.1, 100.0, "exponent of the passage from cache to memory"),
    property("half_f64_flop", 1.0, 1e15, "FP64 GEMM work at which half of the sustained rate is reached"),
    property("half_f32_flop", 1.0, 1e15, "FP32 GEMM work at which half of the sustained rate is reached"),
    property("half_tf32_flop", 1.0, 1e15, "TF32 GEMM work at which half of the sustained rate is reached"),
    property("half_bf16_flop", 1.0, 1e15, "BF16 GEMM work at which half of the sustained rate is reached"),
    property("half_f16_flop", 1.0, 1e15, "FP16 GEMM work at which half of the sustained rate is reached"),
    property("half_alu_flop", 1.0, 1e15, "work of other kernels than GEMM at which half of their rate is reached"),
    property("half_bytes", 1.0, 1e12, "traffic at which half of the bandwidth is reached"),
    property("wave_weight", 1e-4, 1.0, "how much of the rounding to whole waves of output tiles costs: 0 none, 1 all"),
    property("roofline_exponent", 1.0, 100.0, "p of (Tc^p + Tm^p)^(1/p): how well arithmetic and traffic overlap"),
    property("launch_s", 1e-10, 1.0, "cost of one kernel launch (GPU) or fork and join (CPU)"),
    property("step_fixed_s", 1e-10, 10.0, "time of a training step that no kernel explains"),
    property("link_latency_s", 1e-10, 1.0, "latency of one hop of the ring (eq. 4.8)"),
    property("comm_overlap", 1e-6, 1.0, "share of the backward pass that can hide communication"),
    property("work_triad", 1e-3, 1e4, "issue slots that TRIAD needs per counted FLOP"),
    property("work_spmv_csr", 1e-3, 1e4, "issue slots that CSR SpMV needs per counted FLOP"),
    property("work_spmv_coo", 1e-3, 1e4, "issue slots that COO SpMV needs per counted FLOP"),
    property("work_stencil", 1e-3, 1e4, "issue slots that the stencil needs per counted FLOP"),
    property(
        "work_monte_carlo",
        1e-3,
        1e4,
        "issue slots that Monte Carlo needs per counted FLOP, its generator included",
    ),
    property("work_dist", 1e-3, 1e4, "issue slots that DIST needs per counted FLOP"),
    property("stream_gemm", 1e-3, 1e2, "bandwidth that GEMM reaches over TRIAD's"),
    property("stream_spmv_csr", 1e-3, 1e2, "bandwidth that CSR SpMV reaches over TRIAD's"),
    property("stream_spmv_coo", 1e-3, 1e2, "bandwidth that COO SpMV reaches over TRIAD's"),
    property("stream_stencil", 1e-3, 1e2, "bandwidth that the stencil reaches over TRIAD's"),
    property("stream_dist", 1e-3, 1e2, "bandwidth that DIST reaches over TRIAD's"),
    property("traffic_gemm", 1e-2, 1e3, "bytes that GEMM moves over the least"),
    property("traffic_spmv_csr", 1e-2, 1e3, "bytes that CSR SpMV moves over the least"),
    property("traffic_spmv_coo", 1e-2, 1e3, "bytes that COO SpMV moves over the least"),
    property("traffic_stencil", 1e-2, 1e3, "bytes that the stencil moves over the least"),
    property("traffic_dist", 1e-2, 1e3, "bytes that DIST moves over the least"),
    property("idle_w", 1e-3, 1e5, "power while nothing runs"),
    property(
        "static_w",
        1e-3,
        1e5,
        "power of a busy device that does not follow the core clock: leakage, board, memory standby",
    ),
    property("active_w", 1e-3, 1e5, "clock distribution and scheduling while any kernel runs, at the top clock"),
    property("alu_w", 1e-3, 1e5, "dynamic power of fully busy arithmetic units at the top clock"),
    property("tensor_w", 1e-3, 1e5, "dynamic power of fully busy tensor cores at the top clock"),
    property("path_w", 1e-3, 1e5, "dynamic power of the on-chip path to memory, fully busy, at the top clock"),
    property("dram_j_per_byte", 1e-13, 1e-6, "energy of a byte to or from the device memory"),
    property("cache_j_per_byte", 1e-14, 1e-6, "energy of a byte to or from the last-level cache"),
    property("voltage_floor", 0.05, 1.0, "lowest voltage over the voltage at the top clock"),
    property("voltage_knee", 0.01, 1.0, "clock up to which the voltage stays at its floor, over the top clock"),
];

/// The entry of a key.
pub fn find(key: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.key == key)
}

/// The keys that power predictions need beside those of time; `tensor_w` only where there are tensor cores.
pub const POWER_KEYS: [&str; 10] = [
    "idle_w",
    "static_w",
    "active_w",
    "alu_w",
    "tensor_w",
    "path_w",
    "dram_j_per_byte",
    "cache_j_per_byte",
    "voltage_floor",
    "voltage_knee",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_ranges_are_ranges() {
        for (i, parameter) in PARAMETERS.iter().enumerate() {
            assert!(PARAMETERS[..i].iter().all(|other| other.key != parameter.key), "{} stands twice", parameter.key);
            assert!(0.0 < parameter.range.0 && parameter.range.0 < parameter.range.1, "{}", parameter.key);
        }
        assert!(POWER_KEYS.iter().all(|key| find(key).is_some()));
    }
}
