//! Which parameters describe a device.

use super::Physics;

impl Physics {
    /// Refuses parameters that describe no device: not positive where they must be, or bounds the wrong way round.
    ///
    /// # Errors
    /// The parameter, what was found, and what is allowed.
    pub fn validate(&self) -> Result<(), String> {
        let positive = [
            ("clock.min_hz", self.clock.min_hz),
            ("clock.step_hz", self.clock.step_hz),
            ("voltage.minimum_v", self.voltage.minimum_v),
            ("voltage.slope_v_per_ghz", self.voltage.slope_v_per_ghz),
            ("power.static_w", self.power.static_w),
            ("cap.min_w", self.cap.min_w),
            ("thermal.resistance_k_per_w", self.thermal.resistance_k_per_w),
            ("thermal.capacity_j_per_k", self.thermal.capacity_j_per_k),
            ("memory.dram_bytes_per_s", self.memory.dram_bytes_per_s),
            ("memory.cache_bytes_per_s", self.memory.cache_bytes_per_s),
            ("memory.cache_bytes", self.memory.cache_bytes),
            ("overlap", self.overlap),
            ("launch_s", self.launch_s),
        ];
        let rates = self.compute.values().map(|c| ("compute.peak_flops", c.peak_flops));
        let shares = self.kernels.values().flat_map(|e| {
            [("kernels.compute", e.compute), ("kernels.memory", e.memory), ("kernels.traffic", e.traffic)]
        });
        let periods = self.sensors.iter().map(|s| ("sensors.period_s", s.period_s));
        for (name, value) in positive.into_iter().chain(rates).chain(shares).chain(periods) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("{name} is {value}, where a positive number is needed"));
            }
        }
        if self.clock.max_hz < self.clock.min_hz || self.cap.max_w < self.cap.min_w {
            return Err("a maximum of `clock` or `cap` lies below its minimum".into());
        }
        if self.power.leakage_w_per_k * self.thermal.resistance_k_per_w >= 1.0 {
            return Err("power.leakage_w_per_k times thermal.resistance_k_per_w is 1 or more: it would overheat".into());
        }
        Ok(())
    }
}
