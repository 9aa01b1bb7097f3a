//! The parameters that a calibration moves: their boxes, what speaks about them, and what cannot be told.

use crate::adept::{Facts, Parameters};

/// One global parameter.
pub(super) struct Free {
    /// Field of [`Parameters`].
    pub(super) name: &'static str,
    /// Box of the search.
    pub(super) range: (f64, f64),
    /// Searched on a logarithmic axis; otherwise on a straight one.
    pub(super) log: bool,
    /// Which points depend on it (facts, GPUs).
    pub(super) touches: fn(&Facts, u32) -> bool,
    pub(super) set: fn(&mut Parameters, f64),
    pub(super) get: fn(&Parameters) -> f64,
    /// What a fit can and cannot tell.
    pub(super) told_from: &'static str,
}

fn always(_: &Facts, _: u32) -> bool {
    true
}

fn gemm(facts: &Facts, _: u32) -> bool {
    facts.gemm_flops > 0.0
}

fn conv(facts: &Facts, _: u32) -> bool {
    facts.conv_flops > 0.0
}

fn alu(facts: &Facts, _: u32) -> bool {
    facts.alu_flops > 0.0
}

fn several(_: &Facts, gpus: u32) -> bool {
    gpus > 1
}

macro_rules! free {
    ($field:ident $([$index:literal])?, $name:literal, $range:expr, $log:expr, $touches:ident, $told:literal) => {
        Free {
            name: $name,
            range: $range,
            log: $log,
            touches: $touches,
            set: |p, x| p.$field$([$index])? = x,
            get: |p| p.$field$([$index])?,
            told_from: $told,
        }
    };
}

/// The 21 global parameters. C_gemm, C_conv and C_alu are not among them: eq. 4.9 has them only as C / beta, so they
/// stay at 1 and beta carries the ratio. P_TDP stays at the data sheet: eq. 4.14 has it only as
/// (P_TDP - P_static) C_P.
pub(super) const FREE: [Free; 21] = [
    free!(
        beta_gemm,
        "beta_gemm",
        (0.01, 1.0),
        true,
        gemm,
        "compute-bound steps of networks of products; only C / beta is told, and not apart from the references where the sigmoid stands at one half or at one"
    ),
    free!(beta_conv, "beta_conv", (0.01, 1.0), true, conv, "as beta_gemm, from networks of convolutions"),
    free!(
        beta_alu,
        "beta_alu",
        (0.001, 1.0),
        true,
        alu,
        "a network whose pointwise work differs from the others' in proportion to its products"
    ),
    free!(
        c_mem,
        "c_mem",
        (0.1, 10.0),
        true,
        always,
        "memory-bound steps; where max() picks arithmetic, the optimiser alone"
    ),
    free!(
        c_opt,
        "c_opt",
        (0.1, 10.0),
        true,
        always,
        "networks with many parameters and little work; a product with c_mem where the update is memory-bound"
    ),
    free!(
        r_gemm[0],
        "r_gemm_m",
        (1e-3, 1e5),
        true,
        gemm,
        "products of different m; the sigmoid never falls below one half, so a reference far above every dimension is one factor of two in beta"
    ),
    free!(r_gemm[1], "r_gemm_n", (1e-3, 1e5), true, gemm, "products of different n; otherwise as r_gemm_m"),
    free!(r_gemm[2], "r_gemm_k", (1e-3, 1e5), true, gemm, "products of different k; otherwise as r_gemm_m"),
    free!(r_conv[0], "r_conv_in", (1e-3, 1e5), true, conv, "convolutional networks of different width, two at least"),
    free!(r_conv[1], "r_conv_out", (1e-3, 1e5), true, conv, "moves with r_conv_in in every usual network"),
    free!(r_conv[2], "r_conv_pixels", (1e-3, 1e6), true, conv, "convolutional networks at different image sizes"),
    free!(
        r_alu,
        "r_alu",
        (1e2, 1e11),
        true,
        alu,
        "steps of very different size; otherwise one factor of two in beta_alu"
    ),
    free!(
        lambda_miss,
        "lambda_miss",
        (0.01, 1.0),
        true,
        always,
        "memory-bound steps whose working set fits in the L2; without effect where every working set is larger"
    ),
    free!(
        launch_s,
        "launch_s",
        (1e-7, 1e-4),
        true,
        always,
        "networks with different numbers of kernels; eq. 4.7 adds launches that hardware hides, so the fit is below a measured launch"
    ),
    free!(fixed_s, "fixed_s", (1e-6, 0.1), true, always, "short steps"),
    free!(
        hop_latency_s,
        "hop_latency_s",
        (1e-7, 1e-3),
        true,
        several,
        "several numbers of GPUs; with two numbers only one sum of latency and bandwidth per gradient size is told"
    ),
    free!(
        bus_bandwidth,
        "bus_bandwidth",
        (1e9, 1e12),
        true,
        several,
        "networks with different numbers of parameters on several GPUs; overlap is not in eq. 4.7 and raises it"
    ),
    free!(static_w, "static_w", (1.0, 1e3), true, always, "power of steps with little utilisation"),
    free!(
        c_power,
        "c_power",
        (0.05, 5.0),
        true,
        always,
        "power of steps with much utilisation; a product with P_TDP - P_static"
    ),
    free!(
        u_communication,
        "u_communication",
        (0.0, 1.0),
        false,
        several,
        "power on several GPUs beside one, where communication takes a part of the step"
    ),
    free!(u_overhead, "u_overhead", (0.0, 1.0), false, always, "power of steps in which launches take a part"),
];

/// Box of every targeted scalar, and what speaks about it.
pub(super) const SCALAR_RANGE: (f64, f64) = (0.02, 50.0);

/// What a fit can tell of a scalar.
pub(super) const SCALAR_TOLD_FROM: &str = "points inside and outside its condition that agree in everything else; for an \
     architecture that is one network, it absorbs every other error of that network";
