//! The nine NVRTC functions that compiling to a CUBIN takes.

use crate::error::{CudaError, Version};
use libloading::Library;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

type Program = *mut c_void;
type CreateProgram = unsafe extern "C" fn(
    *mut Program,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;

/// A loaded NVRTC.
pub struct Nvrtc {
    // The functions below point into it.
    _library: Library,
    path: PathBuf,
    version: Version,
    archs: Vec<u32>,
    create: CreateProgram,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    log: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    cubin_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    cubin: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    destroy: unsafe extern "C" fn(*mut Program) -> c_int,
}

impl std::fmt::Debug for Nvrtc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Nvrtc {} at {}", self.version, self.path.display())
    }
}

/// What a compilation gave: the CUBIN, or the log that says why there is none.
pub(crate) type Outcome = Result<Vec<u8>, String>;

impl Nvrtc {
    /// Loads a library file or a name for the loader to find.
    ///
    /// # Errors
    /// A sentence: it can't be loaded, or it lacks a function.
    pub fn load(file: &OsStr) -> Result<Self, String> {
        let at = |error: libloading::Error| format!("{}: {error}", Path::new(file).display());
        // SAFETY: NVRTC's initialisers have no preconditions; a file of that name that is another library is the
        // user's own set-up, as it would be for any dynamically linked program.
        let library = unsafe { Library::new(file) }.map_err(at)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type that the field or variable demands is the one that nvrtc.h declares for this name,
                // unchanged since CUDA 11.1; the copied pointer lives in a struct that keeps the library loaded.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(at)?
            };
        }
        let version_of: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int = function!("nvrtcVersion");
        let arch_count: unsafe extern "C" fn(*mut c_int) -> c_int = function!("nvrtcGetNumSupportedArchs");
        let arch_list: unsafe extern "C" fn(*mut c_int) -> c_int = function!("nvrtcGetSupportedArchs");
        let (mut major, mut minor, mut count) = (0, 0, 0);
        // SAFETY: both functions write one int to each pointer, and the pointers are to live ints.
        let codes = unsafe { [version_of(&mut major, &mut minor), arch_count(&mut count)] };
        let mut archs = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: it writes as many ints as nvrtcGetNumSupportedArchs reported, which is the vector's length.
        let code = if archs.is_empty() { 0 } else { unsafe { arch_list(archs.as_mut_ptr()) } };
        if codes != [0, 0] || code != 0 {
            return Err(format!("{}: it does not tell its version", Path::new(file).display()));
        }
        Ok(Self {
            path: resolved(file),
            version: Version { major, minor },
            archs: archs.into_iter().filter_map(|a| u32::try_from(a).ok()).collect(),
            create: function!("nvrtcCreateProgram"),
            compile: function!("nvrtcCompileProgram"),
            log_size: function!("nvrtcGetProgramLogSize"),
            log: function!("nvrtcGetProgramLog"),
            cubin_size: function!("nvrtcGetCUBINSize"),
            cubin: function!("nvrtcGetCUBIN"),
            destroy: function!("nvrtcDestroyProgram"),
            _library: library,
        })
    }

    /// Where it was loaded from; a bare name if the loader found it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it compiles for an architecture number such as 90.
    pub fn knows(&self, arch: u32) -> bool {
        self.archs.contains(&arch)
    }

    /// Compiles `text`, named `name` in messages, with `options`.
    ///
    /// # Errors
    /// NVRTC itself failed. Errors in the text are in the outcome.
    pub(crate) fn compile(&self, name: &str, text: &str, options: &[String]) -> Result<Outcome, CudaError> {
        let c_string = |s: &str| CString::new(s).map_err(|_| CudaError::Nvrtc { call: "nvrtcCreateProgram", code: 4 });
        let (name, text) = (c_string(name)?, c_string(text)?);
        let options = options.iter().map(|o| c_string(o)).collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<*const c_char> = options.iter().map(|o| o.as_ptr()).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        let mut program: Program = std::ptr::null_mut();
        // SAFETY: both texts are NUL-terminated and outlive the call; zero headers allow null header arrays.
        let code =
            unsafe { (self.create)(&mut program, text.as_ptr(), name.as_ptr(), 0, std::ptr::null(), std::ptr::null()) };
        ok("nvrtcCreateProgram", code)?;
        let guard = Guard { nvrtc: self, program };
        // SAFETY: the program was created above and not destroyed; `pointers` holds `count` NUL-terminated strings.
        let code = unsafe { (self.compile)(guard.program, count, pointers.as_ptr()) };
        const COMPILATION_ERROR: c_int = 6;
        const INVALID_OPTION: c_int = 5;
        if code == COMPILATION_ERROR || code == INVALID_OPTION {
            let log = guard.bytes("nvrtcGetProgramLog", self.log_size, self.log)?;
            let text = CStr::from_bytes_until_nul(&log).map(|l| l.to_string_lossy().into_owned());
            return Ok(Err(text.unwrap_or_default()));
        }
        ok("nvrtcCompileProgram", code)?;
        guard.bytes("nvrtcGetCUBIN", self.cubin_size, self.cubin).map(Ok)
    }
}

/// The file that a bare name became, by the process's memory map: a result should say which NVRTC made it.
fn resolved(file: &OsStr) -> PathBuf {
    let path = PathBuf::from(file);
    if path.is_absolute() {
        return path;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let found = maps.lines().filter_map(|l| l.split_whitespace().nth(5)).find(|p| p.contains("/libnvrtc.so"));
    found.map_or(path, PathBuf::from)
}

fn ok(call: &'static str, code: c_int) -> Result<(), CudaError> {
    if code == 0 { Ok(()) } else { Err(CudaError::Nvrtc { call, code }) }
}

struct Guard<'a> {
    nvrtc: &'a Nvrtc,
    program: Program,
}

impl Guard<'_> {
    fn bytes(
        &self,
        call: &'static str,
        size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
        fetch: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    ) -> Result<Vec<u8>, CudaError> {
        let mut length = 0;
        // SAFETY: the program lives as long as the guard; `length` is a live size_t.
        ok(call, unsafe { size(self.program, &mut length) })?;
        let mut bytes = vec![0u8; length];
        // SAFETY: the buffer is as long as NVRTC said a moment ago that it must be.
        ok(call, unsafe { fetch(self.program, bytes.as_mut_ptr().cast()) })?;
        Ok(bytes)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // SAFETY: created by nvrtcCreateProgram and destroyed only here.
        unsafe { (self.nvrtc.destroy)(&mut self.program) };
    }
}
