//! The CUDA kernels of ergometer as .cu text, compiled at run time by NVRTC.
