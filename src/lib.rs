//! ergometer: measure, understand, model and optimise the energy of compute hardware.
