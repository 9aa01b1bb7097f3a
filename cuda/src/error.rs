//! What can go wrong between a specification and a time, each with what helps.

use crate::arch::Arch;
use ergometer_record::KernelSpec;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum CudaError {
    /// libcuda is not on the loader path, or only the toolkit's stub of it is.
    #[error(
        "there is no NVIDIA driver here ({reason}): install one (Debian: `sudo apt install nvidia-driver`; Ubuntu: \
         `sudo ubuntu-drivers install`), or in a container start it with `--gpus all`"
    )]
    NoDriver {
        /// What was tried.
        reason: String,
    },
    /// The driver is older than every version that this crate can talk to.
    #[error(
        "the NVIDIA driver speaks CUDA {found}, and ergometer needs {needed} or later: update the driver (Debian, \
         Ubuntu: `sudo apt install --only-upgrade nvidia-driver`)"
    )]
    DriverTooOld {
        /// What the driver reports.
        found: Version,
        /// The least that is needed.
        needed: Version,
    },
    /// The driver is there and sees no GPU.
    #[error(
        "the NVIDIA driver sees no GPU ({reason}): run `nvidia-smi -L`, and look whether CUDA_VISIBLE_DEVICES hides it"
    )]
    NoDevice {
        /// What the driver said.
        reason: String,
    },
    /// No device matches the selection.
    #[error("no GPU matches {selector:?}; there are: {}", available.join("; "))]
    NoSuchDevice {
        /// What was asked for.
        selector: String,
        /// Index, UUID, PCI address and name of each device.
        available: Vec<String>,
    },
    /// NVRTC was not found.
    #[error(
        "NVRTC, which compiles the kernels, was not found: run `{fix}`. Looked at: {}",
        looked_at.join(", ")
    )]
    NoNvrtc {
        /// Every place looked at.
        looked_at: Vec<String>,
        /// The command that installs one that suits the driver.
        fix: String,
    },
    /// The NVRTC found makes code that the driver can't load.
    #[error(
        "NVRTC {nvrtc} ({}) makes code that the driver (CUDA {driver}) can't load: run `{fix}`, or update the driver",
        path.display()
    )]
    DriverOlderThanNvrtc {
        /// The driver's version.
        driver: Version,
        /// NVRTC's version.
        nvrtc: Version,
        /// Where NVRTC lies.
        path: PathBuf,
        /// The command that installs one that suits the driver.
        fix: String,
    },
    /// The NVRTC found does not know the card.
    #[error(
        "NVRTC {nvrtc} ({}) does not know the architecture {arch}: run `{fix}`", path.display()
    )]
    NvrtcTooOld {
        /// The card's architecture.
        arch: Arch,
        /// NVRTC's version.
        nvrtc: Version,
        /// Where NVRTC lies.
        path: PathBuf,
        /// The command that installs a later one.
        fix: String,
    },
    /// An NVRTC call failed outside the compilation proper.
    #[error(
        "NVRTC's {call} failed with code {code}: reinstall it (`pip install --force-reinstall nvidia-cuda-nvrtc-cu12`)"
    )]
    Nvrtc {
        /// The C function.
        call: &'static str,
        /// Its nvrtcResult.
        code: i32,
    },
    /// A kernel's text does not compile.
    #[error("{source_name} does not compile for {arch}: please report it with this log:\n{log}")]
    Compile {
        /// The .cu file.
        source_name: &'static str,
        /// For which architecture.
        arch: Arch,
        /// NVRTC's log.
        log: String,
    },
    /// A CUBIN that is not what NVRTC should make.
    #[error("the CUBIN can't be read ({reason}): try another NVRTC version (`pip install -U nvidia-cuda-nvrtc-cu12`)")]
    Cubin {
        /// What was wrong.
        reason: String,
    },
    /// The kernels exist, this request doesn't.
    #[error("the CUDA kernels can't run {spec}: {reason}")]
    Unsupported {
        /// What was asked.
        spec: KernelSpec,
        /// Why not, and what would work.
        reason: String,
    },
    /// The operands don't fit.
    #[error(
        "{spec} needs {needed_bytes} bytes of GPU memory and {free_bytes} are free: ask for a smaller size, or free the GPU (`nvidia-smi` lists who uses it)"
    )]
    OutOfMemory {
        /// What was asked.
        spec: KernelSpec,
        /// Bytes of all operands.
        needed_bytes: u64,
        /// Bytes that the device had.
        free_bytes: u64,
    },
    /// A launch or a copy failed on the device.
    #[error("{spec} failed on the GPU at {at}: {reason}. {}", if *sticky {
        "The error is sticky: this process can't use the GPU any more; start it again, and see `dmesg | grep Xid`"
    } else {
        "The GPU can still be used: try a smaller size"
    })]
    Device {
        /// What ran.
        spec: KernelSpec,
        /// Which call or kernel function.
        at: String,
        /// What the driver said.
        reason: String,
        /// Whether the context is lost.
        sticky: bool,
    },
    /// A driver call failed outside any kernel.
    #[error("the NVIDIA driver failed at {at}: {reason}; `nvidia-smi` shows whether the GPU is well")]
    Driver {
        /// Which call.
        at: &'static str,
        /// What the driver said.
        reason: String,
    },
}

/// A CUDA version, of the driver or of NVRTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// Major.
    pub major: i32,
    /// Minor.
    pub minor: i32,
}

impl Version {
    /// From the driver's `1000 major + 10 minor`.
    pub fn from_driver(number: i32) -> Self {
        Self { major: number / 1000, minor: number % 1000 / 10 }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
