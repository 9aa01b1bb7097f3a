//! Which run would tell a parameter.

/// The run that identifies a parameter, as the end of "to identify it, run".
pub(crate) fn run_that_identifies(key: &str) -> &'static str {
    match key {
        "launch_s" => "the empty kernel (probe_empty)",
        "idle_w" => "an idle window with an energy sensor",
        "roofline_exponent" => "a kernel near the ridge, such as gemm at small k or dist at several sizes",
        "step_fixed_s" | "comm_overlap" | "sustained_link" | "link_latency_s" | "sustained_conv" | "sustained_alu" => {
            "training steps of two networks on one and several GPUs"
        }
        "l2_speedup" | "l2_share" | "l2_sharpness" | "half_bytes" => {
            "triad at sizes from a tenth of the last-level cache to ten times it"
        }
        "wave_weight" => "gemm at several sizes between 512 and 4096",
        "sustained_memory" => "triad at ten times the last-level cache",
        "static_w" | "active_w" | "voltage_floor" | "voltage_knee" => {
            "a sweep over clocks of monte_carlo or gemm with an energy sensor"
        }
        "alu_w" => "monte_carlo and gemm in f32 at several clocks with an energy sensor",
        "tensor_w" => "gemm in bf16 or tf32 at several clocks with an energy sensor",
        "path_w" | "dram_j_per_byte" | "cache_j_per_byte" => {
            "triad at sizes in and out of the last-level cache, at several clocks, with an energy sensor"
        }
        _ if key.starts_with("sustained_") || key.starts_with("half_") => "gemm in this precision at several sizes",
        _ if key.starts_with("work_") => "this kernel at a size in the cache, where arithmetic limits it",
        _ if key.starts_with("stream_") => "this kernel at a size beyond the last-level cache",
        _ if key.starts_with("traffic_") => "this kernel beyond the last-level cache with an energy sensor",
        _ => "kernels at more sizes and settings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::parameters::{PARAMETERS, Role};

    #[test]
    fn every_property_but_one_has_its_own_advice() {
        let general = run_that_identifies("?");
        let without: Vec<_> = PARAMETERS
            .iter()
            .filter(|p| p.role == Role::Property && run_that_identifies(p.key) == general)
            .map(|p| p.key)
            .collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
