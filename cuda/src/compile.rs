//! From .cu text to CUBIN.

use crate::arch::Arch;
use crate::error::CudaError;
use crate::kernels::Source;
use crate::nvrtc::Nvrtc;
use crate::resources::{self, Resources};
use sha2::{Digest, Sha256};

/// Machine code of one .cu file with one set of parameters for one architecture.
#[derive(Debug, Clone)]
pub struct Cubin {
    /// The ELF image.
    pub bytes: Vec<u8>,
    /// SHA-256 of the image, in hexadecimal: two results with equal hashes ran the same instructions.
    pub sha256: String,
    /// Registers and memory of each kernel function in it.
    pub resources: Vec<Resources>,
}

/// The `-D` parameters of a kernel text, in a fixed order.
pub type Defines = Vec<(&'static str, String)>;

/// The whole text that NVRTC sees: shared definitions, then the kernel.
pub fn text(source: Source) -> String {
    source.parts().concat()
}

/// Compiles `source` for `arch`.
///
/// `-fmad` stays on (the default): a kernel that must not contract says so itself with `__fmul_rn` and `__fadd_rn`.
///
/// # Errors
/// NVRTC does not know the architecture or fails; the text does not compile (with the log); the image can't be read.
pub fn compile(nvrtc: &Nvrtc, source: Source, defines: &Defines, arch: Arch) -> Result<Cubin, CudaError> {
    if !nvrtc.knows(arch.number()) {
        return Err(CudaError::NvrtcTooOld {
            arch,
            nvrtc: nvrtc.version(),
            path: nvrtc.path().to_owned(),
            fix: crate::open::install_command(None),
        });
    }
    let mut options = vec![format!("--gpu-architecture={arch}"), "--std=c++17".into()];
    options.extend(defines.iter().map(|(name, value)| format!("-D{name}={value}")));
    let bytes = nvrtc.compile(source.name(), &text(source), &options)?.map_err(|log| CudaError::Compile {
        source_name: source.name(),
        arch,
        log,
    })?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let resources = resources::read(&bytes)?;
    Ok(Cubin { bytes, sha256, resources })
}
