//! The CPU kernels of ergometer, per instruction-set tier, with their pinned pool.
