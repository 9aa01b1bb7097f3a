//! Cluster-scheduling simulation with calibrated oracles.
