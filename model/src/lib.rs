//! Workload characterisation, device models, time-and-power models, calibration and validation.
