//! From nothing to a device that can run kernels.

use crate::compile::{Cubin, Defines, compile};
use crate::device::{DeviceProperties, Selector};
use crate::error::{CudaError, Version};
use crate::kernels::Source;
use crate::nvrtc::{self, Nvrtc, Places};
use crate::plan::plan;
use crate::prepared::Prepared;
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use cudarc::driver::{CudaContext, CudaModule, CudaStream, DriverError, result};
use cudarc::nvrtc::Ptx;
use ergometer_record::KernelSpec;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Driver versions below this lack entry points that cudarc calls, and it panics on a missing one.
const LEAST_DRIVER: Version = Version { major: 11, minor: 4 };

/// A device with a compiler for it.
#[derive(Debug)]
pub struct Cuda {
    properties: DeviceProperties,
    driver: Version,
    nvrtc: Nvrtc,
    stream: Arc<CudaStream>,
    // A sweep prepares the same kernels again and again; compiling takes up to half a second each.
    cubins: Mutex<BTreeMap<(Source, Defines), Arc<Cubin>>>,
}

impl Cuda {
    /// Opens the selected device.
    ///
    /// # Errors
    /// Tells apart: no driver, a driver too old for this crate, no device, no such device, no NVRTC, an NVRTC newer than
    /// the driver, an NVRTC older than the device; each says the command that helps.
    pub fn open(selector: &Selector) -> Result<Self, CudaError> {
        let driver = driver_version()?;
        let devices = devices()?;
        let properties = devices.iter().find(|d| selector.matches(d)).cloned().ok_or_else(|| {
            let available = devices.iter().map(DeviceProperties::line).collect();
            CudaError::NoSuchDevice { selector: selector.to_string(), available }
        })?;
        let nvrtc = find_nvrtc(&Places::here(), driver, Some(&properties))?;
        let context = CudaContext::new(properties.index as usize).map_err(|e| failed("cuDevicePrimaryCtxRetain", e))?;
        // SAFETY: cudarc's events order accesses from several streams; this crate uses one, whose work is in order anyway.
        // With them every launch would record an event per buffer, and be timed with it.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(|e| failed("cuStreamCreate", e))?;
        Ok(Self { properties, driver, nvrtc, stream, cubins: Mutex::default() })
    }

    /// The device.
    pub fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// The CUDA version that the driver speaks.
    pub fn driver(&self) -> Version {
        self.driver
    }

    /// The compiler.
    pub fn nvrtc(&self) -> &Nvrtc {
        &self.nvrtc
    }

    /// Every device that the driver shows, for `--device all`.
    ///
    /// # Errors
    /// No driver, or no device.
    pub fn devices() -> Result<Vec<DeviceProperties>, CudaError> {
        devices()
    }

    /// Plans, compiles, uploads: the kernel is ready to run.
    ///
    /// # Errors
    /// The kernels can't run this specification on this device, the operands don't fit its memory, or it failed.
    pub fn prepare(&self, spec: &KernelSpec) -> Result<Prepared, CudaError> {
        let plan = plan(spec, &self.properties)?;
        let cubin = self.compile(plan.source, &plan.defines)?;
        let modules = [self.load(&cubin)?, self.load(&*self.compile(Source::Clock, &Vec::new())?)?];
        Prepared::new(plan, &cubin, modules, &self.stream, &self.properties)
    }

    fn compile(&self, source: Source, defines: &Defines) -> Result<Arc<Cubin>, CudaError> {
        let key = (source, defines.clone());
        // The map is only ever added to, so one that a panicking thread left is still whole.
        let mut cubins = self.cubins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cubin) = cubins.get(&key) {
            return Ok(cubin.clone());
        }
        let cubin = Arc::new(compile(&self.nvrtc, source, defines, self.properties.arch())?);
        cubins.insert(key, cubin.clone());
        Ok(cubin)
    }

    fn load(&self, cubin: &Cubin) -> Result<Arc<CudaModule>, CudaError> {
        let loaded = self.stream.context().load_module(Ptx::from_binary(cubin.bytes.clone()));
        loaded.map_err(|e| match e.0 {
            // A later minor version of NVRTC mostly suits an earlier driver; this is the driver saying that it doesn't.
            sys::CUresult::CUDA_ERROR_INVALID_IMAGE
            | sys::CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU
            | sys::CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => too_new(self.driver, &self.nvrtc),
            _ => failed("cuModuleLoadData", e),
        })
    }
}

fn too_new(driver: Version, nvrtc: &Nvrtc) -> CudaError {
    let fix = install(driver.major, &format!("=={driver}.*"));
    CudaError::DriverOlderThanNvrtc { driver, nvrtc: nvrtc.version(), path: nvrtc.path().to_owned(), fix }
}

pub(crate) fn failed(at: &'static str, error: DriverError) -> CudaError {
    CudaError::Driver { at, reason: describe(error) }
}

/// The driver's name and sentence for an error.
pub(crate) fn describe(error: DriverError) -> String {
    let text = |result: Result<&std::ffi::CStr, DriverError>| result.map(|c| c.to_string_lossy().into_owned());
    match (text(error.error_name()), text(error.error_string())) {
        (Ok(name), Ok(sentence)) => format!("{name}: {sentence}"),
        _ => format!("code {}", error.0 as u32),
    }
}

/// The version that the driver speaks, once libcuda is known to be there.
///
/// # Errors
/// No driver, or one too old.
pub(crate) fn driver_version() -> Result<Version, CudaError> {
    let missing = |reason: &str| CudaError::NoDriver { reason: reason.to_owned() };
    // SAFETY: loading libcuda runs the driver's own initialisers, which have no preconditions. This comes before any
    // other cudarc call, because those panic when the library is missing.
    if !unsafe { sys::is_culib_present() } {
        return Err(missing("libcuda.so.1 is not on the loader path"));
    }
    // SAFETY: the reference to the loaded library is only used to look for a symbol, which is not called.
    let complete = unsafe { sys::culib().get::<unsafe extern "C" fn()>(b"cuDeviceGetUuid_v2\0") }.is_ok();
    let mut number = 0;
    // SAFETY: cuDriverGetVersion writes one int to a live int and may be called before cuInit.
    let code = unsafe { sys::cuDriverGetVersion(&mut number) };
    if code == sys::CUresult::CUDA_ERROR_STUB_LIBRARY {
        return Err(missing(
            "the libcuda found is the toolkit's stub: LD_LIBRARY_PATH must not hold its `stubs` folder",
        ));
    }
    code.result().map_err(|e| failed("cuDriverGetVersion", e))?;
    let found = Version::from_driver(number);
    if found < LEAST_DRIVER || !complete {
        return Err(CudaError::DriverTooOld { found, needed: LEAST_DRIVER });
    }
    Ok(found)
}

/// All devices that the driver shows.
///
/// # Errors
/// No driver, or no device.
pub(crate) fn devices() -> Result<Vec<DeviceProperties>, CudaError> {
    driver_version()?;
    let none = |e: DriverError| CudaError::NoDevice { reason: describe(e) };
    match result::init() {
        Ok(()) => {}
        Err(e) if e.0 == sys::CUresult::CUDA_ERROR_STUB_LIBRARY => {
            return Err(CudaError::NoDriver { reason: "the libcuda found is the toolkit's stub".into() });
        }
        Err(e) => return Err(none(e)),
    }
    let count = result::device::get_count().map_err(none)?;
    if count < 1 {
        return Err(CudaError::NoDevice { reason: "it counts 0 devices".into() });
    }
    (0..count).map(|index| properties(index).map_err(|e| failed("cuDeviceGetAttribute", e))).collect()
}

fn properties(index: i32) -> Result<DeviceProperties, DriverError> {
    let device = result::device::get(index)?;
    let uuid = result::device::get_uuid(device)?;
    let mut pci = [0 as std::ffi::c_char; 32];
    // SAFETY: the driver writes at most 31 characters and a NUL into a buffer whose length it is given.
    unsafe { sys::cuDeviceGetPCIBusId(pci.as_mut_ptr(), 32, device) }.result()?;
    // SAFETY: `device` came from cuDeviceGet, so it is valid.
    let memory = unsafe { result::device::total_mem(device) }?;
    let number = |attribute: Attribute| -> Result<u32, DriverError> {
        // SAFETY: as above.
        let value = unsafe { result::device::get_attribute(device, attribute) }?;
        Ok(u32::try_from(value).unwrap_or(0))
    };
    let bytes: Vec<u8> = pci.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    let hex: Vec<String> = uuid.bytes.iter().map(|&b| format!("{:02x}", b as u8)).collect();
    let part = |from: usize, to: usize| hex[from..to].concat();
    Ok(DeviceProperties {
        index: index as u32,
        name: result::device::get_name(device)?,
        uuid: format!("GPU-{}-{}-{}-{}-{}", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)),
        pci_address: String::from_utf8_lossy(&bytes).to_ascii_lowercase(),
        compute_capability: (
            number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        sm_count: number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        threads_per_sm: number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR)?,
        shared_per_block_bytes: number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
        l2_bytes: u64::from(number(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?),
        memory_bytes: memory as u64,
    })
}

/// An NVRTC whose code the driver can load, and that knows the device where one is given.
///
/// A CUBIN of the driver's own major version loads whatever the minor versions (CUDA compatibility guide, "minor version
/// compatibility"); one of a later major version does not.
pub(crate) fn find_nvrtc(
    places: &Places,
    driver: Version,
    device: Option<&DeviceProperties>,
) -> Result<Nvrtc, CudaError> {
    let fix = install_command(Some(driver));
    nvrtc::find(places, &fix, |nvrtc| {
        let (version, path) = (nvrtc.version(), nvrtc.path().to_owned());
        if version.major > driver.major {
            return Err(too_new(driver, nvrtc));
        }
        match device.map(DeviceProperties::arch) {
            Some(arch) if !nvrtc.knows(arch.number()) => {
                Err(CudaError::NvrtcTooOld { arch, nvrtc: version, path, fix: fix.clone() })
            }
            _ => Ok(()),
        }
    })
}

/// The command that installs an NVRTC whose code the driver loads.
pub(crate) fn install_command(driver: Option<Version>) -> String {
    match driver {
        Some(Version { major: major @ (11 | 12), .. }) => install(major, ""),
        Some(Version { major: major @ 13.., .. }) => install(major, &format!("=={major}.*")),
        _ => install(12, ""),
    }
}

/// Into a `.venv`, because distributions refuse `pip install` into their own Python, and `.venv` is searched. From CUDA 13
/// on the wheel's name has no suffix.
fn install(major: i32, version: &str) -> String {
    let suffix = if major < 13 { format!("-cu{major}") } else { String::new() };
    format!("python3 -m venv .venv && .venv/bin/pip install 'nvidia-cuda-nvrtc{suffix}{version}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_suits_the_driver() {
        let command = |major| install_command(Some(Version { major, minor: 4 }));
        assert!(command(12).ends_with("'nvidia-cuda-nvrtc-cu12'"));
        assert!(command(13).ends_with("'nvidia-cuda-nvrtc==13.*'"));
        assert_eq!(install_command(None), command(12));
        assert!(install(12, "==12.4.*").ends_with("'nvidia-cuda-nvrtc-cu12==12.4.*'"));
    }

    #[test]
    fn versions_come_apart() {
        let version = Version::from_driver(12_090);
        assert_eq!((version.to_string().as_str(), version < LEAST_DRIVER), ("12.9", false));
        assert!(Version::from_driver(11_020) < LEAST_DRIVER);
    }
}
