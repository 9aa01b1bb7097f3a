//! Scalar rungs of the CPU kernels, built without vectorisation.
