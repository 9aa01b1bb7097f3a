//! Gradient exchange of data-parallel training.

use ergometer_record::Seconds;

/// Time of a ring all-reduce (eq. 4.8): 2 (n - 1) hops of latency, and 2 (n - 1) / n of the bytes at the bus bandwidth.
///
/// `bus_bandwidth` in B/s is what NCCL's tests call busbw = algbw x 2 (n - 1) / n; the thesis' text writes (n - 1) / n,
/// which is the factor of a reduce-scatter or an all-gather alone.
///
/// ```
/// # use ergometer_model::per_op::ring_all_reduce;
/// # use ergometer_record::Seconds;
/// let time = ring_all_reduce(4, 1e9, 220e9, Seconds(0.0));
/// assert!((time.0 * 1e3 - 6.818).abs() < 1e-3);
/// ```
pub fn ring_all_reduce(gpus: u32, bytes: f64, bus_bandwidth: f64, hop_latency: Seconds) -> Seconds {
    let n = f64::from(gpus.max(1));
    let hops = 2.0 * (n - 1.0);
    Seconds(hops * hop_latency.0 + hops / n * bytes / bus_bandwidth)
}

/// What is left of a communication of `time_s` when a share `overlap` of `behind_s` can hide it.
pub(crate) fn exposed(time_s: f64, overlap: f64, behind_s: f64) -> f64 {
    (time_s - overlap * behind_s).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gpu_has_nothing_to_exchange() {
        assert_eq!(ring_all_reduce(1, 1e9, 1e9, Seconds(1.0)), Seconds(0.0));
    }

    #[test]
    fn latency_counts_every_hop() {
        assert!((ring_all_reduce(8, 0.0, 1e9, Seconds(1e-6)).0 - 14e-6).abs() < 1e-18);
    }

    #[test]
    fn only_the_rest_is_exposed() {
        assert_eq!(exposed(3.0, 0.5, 4.0), 1.0);
        assert_eq!(exposed(3.0, 1.0, 4.0), 0.0);
    }
}
