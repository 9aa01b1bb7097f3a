//! MKL, opened from its Python wheel or from where the loader finds it: how it is found, what it runs as, its sparse
//! products and its random numbers.

use crate::loops;
use libloading::Library;
use libloading::os::unix;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// An MKL handle: of a matrix or of a stream of random numbers.
pub(crate) type Handle = *mut c_void;
type Create<T> =
    unsafe extern "C" fn(*mut Handle, c_int, c_int, c_int, *const u32, *const u32, *const u32, *const T) -> c_int;
type CreateCoo<T> =
    unsafe extern "C" fn(*mut Handle, c_int, c_int, c_int, c_int, *const u32, *const u32, *const T) -> c_int;
type Product<T> = unsafe extern "C" fn(c_int, T, Handle, Description, *const T, T, *mut T) -> c_int;
type Uniform = unsafe extern "C" fn(c_int, Handle, c_int, *mut f32, f32, f32) -> c_int;

/// `struct matrix_descr`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Description {
    kind: c_int,
    mode: c_int,
    diagonal: c_int,
}
/// `SPARSE_MATRIX_TYPE_GENERAL`; the other fields are then not read.
const GENERAL: Description = Description { kind: 20, mode: 0, diagonal: 0 };
/// `SPARSE_OPERATION_NON_TRANSPOSE`.
const PLAIN: c_int = 10;
/// Products that the inspection is told to expect: enough for it to convert the matrix.
const EXPECTED: c_int = 1000;

/// The functions of one element type.
#[derive(Clone, Copy)]
pub(crate) struct Sparse<T> {
    create_csr: Create<T>,
    create_coo: CreateCoo<T>,
    product: Product<T>,
    hint: unsafe extern "C" fn(Handle, c_int, Description, c_int) -> c_int,
    optimize: unsafe extern "C" fn(Handle) -> c_int,
    destroy: unsafe extern "C" fn(Handle) -> c_int,
}

/// What the contests use beside `cblas_?gemm`.
#[derive(Clone, Copy)]
pub(crate) struct Mkl {
    pub(crate) f32: Sparse<f32>,
    pub(crate) f64: Sparse<f64>,
    new_stream: unsafe extern "C" fn(*mut Handle, c_int, c_uint) -> c_int,
    skip_ahead: unsafe extern "C" fn(Handle, i64) -> c_int,
    delete_stream: unsafe extern "C" fn(*mut Handle) -> c_int,
    uniform: Uniform,
}

/// The generators that are compared: Philox first, then those that were fastest on some machine with some instruction set.
pub(crate) const GENERATORS: [(&str, c_int); 5] = [
    ("Philox4x32-10", 16 << 20),
    ("ARS-5", 15 << 20),
    ("MCG59", 4 << 20),
    ("SFMT19937", 13 << 20),
    ("MT19937", 8 << 20),
];

/// Where MKL may be: the loader's path, `$MKLROOT`, the active virtual environment and the prefix of `python3`.
pub(crate) fn files() -> Vec<String> {
    const NAMES: [&str; 4] = ["libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so"];
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let prefix = Command::new("python3").args(["-c", "import sys; print(sys.prefix)"]).output();
    let prefix = prefix.ok().filter(|out| out.status.success());
    let prefix = prefix.map(|out| PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()));
    let folders = [variable("MKLROOT"), variable("VIRTUAL_ENV"), prefix];
    let mut files: Vec<String> = NAMES.map(str::to_owned).into();
    for folder in folders.into_iter().flatten() {
        for place in ["lib", "lib/intel64"] {
            let there = NAMES.iter().map(|name| folder.join(place).join(name)).filter(|path| path.exists());
            files.extend(there.map(|path| path.to_string_lossy().into_owned()));
        }
    }
    files.dedup();
    files
}

/// Opens Intel's OpenMP beside the library, where MKL's Intel threading layer finds it whatever the loader's path.
pub(crate) fn open_beside(file: &str) {
    let path = Path::new(file).with_file_name("libiomp5.so");
    // SAFETY: the runtime's initialisers read the environment; nothing of ours runs yet.
    if let Ok(library) = unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_GLOBAL) } {
        // Never closed: its workers live as long as the process.
        std::mem::forget(library);
    }
}

/// MKL chooses its slowest kernels on CPUs of other makers, whatever `MKL_ENABLE_INSTRUCTIONS` asks for. Two functions of
/// its own, found first in a library of ours, answer "yes" to the question for the maker. Returns what the record has to
/// say; `None` where nothing was done.
pub(crate) fn lift_vendor_check(folder: &Path) -> Option<String> {
    const SOURCE: &str = "static int yes(void) { return 1; }\n\
        void *mkl_serv_get_cpu(void) { return (void *)yes; }\n\
        void *mkl_serv_get_cpu_true(void) { return (void *)yes; }\n";
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if cpu.contains("GenuineIntel") || !ergometer_kernels::Tier::Avx2.is_available() {
        return None;
    }
    let source = folder.join("mkl_vendor.c");
    let built = std::fs::write(&source, SOURCE).map_err(|e| e.to_string());
    let built = built.and_then(|()| loops::shared(&loops::compiler(), &["-O1"], &source, folder));
    let opened = built.and_then(|path| {
        // SAFETY: built from the two functions above; it has no initialisers.
        unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_GLOBAL) }.map_err(|e| e.to_string())
    });
    match opened {
        Ok(library) => {
            std::mem::forget(library);
            Some("forced".to_owned())
        }
        Err(error) => {
            println!("MKL will choose its kernels by the maker of the CPU: {error}");
            None
        }
    }
}

/// Which of MKL's libraries of kernels this process has open: what it really runs, whatever it was asked for.
pub(crate) fn kernels(prepared: Option<&str>) -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut names: Vec<&str> = maps
        .lines()
        .filter_map(|line| line.rsplit('/').next())
        .filter_map(|file| file.strip_prefix("libmkl_")?.split(".so").next())
        .filter(|name| ["def", "mc3", "avx", "avx2", "avx512", "avx10"].contains(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let names = if names.is_empty() { "unknown kernels".to_owned() } else { format!("runs {}", names.join(" and ")) };
    [Some(names.as_str()), prepared].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// "2026.2" of "Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build …".
pub(crate) fn version(library: &Library) -> Option<String> {
    let mut text = [0 as c_char; 256];
    // SAFETY: writes at most as many characters as it is told, here one fewer than the array has, so that it ends in 0.
    let bytes: Vec<u8> = unsafe {
        let get = library.get::<unsafe extern "C" fn(*mut c_char, c_int)>(b"MKL_Get_Version_String").ok()?;
        get(text.as_mut_ptr(), 255);
        text.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect()
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let after = text.split("Version ").nth(1)?;
    Some(after.split(['-', ' ']).next()?.to_owned())
}

impl Mkl {
    /// Chooses the layers, before anything else is called: 32-bit integers; Intel's OpenMP where it could be opened, else
    /// GNU's.
    pub(crate) fn of(library: &Library) -> Result<Self, libloading::Error> {
        const LP64: c_int = 0;
        const INTEL: c_int = 0;
        const GNU: c_int = 3;
        // SAFETY: as `open_beside`: what it opened, or what the loader's path has.
        let intel = unsafe { unix::Library::open(Some("libiomp5.so"), unix::RTLD_NOW | unix::RTLD_GLOBAL) };
        let layer = if intel.is_ok() { INTEL } else { GNU };
        std::mem::forget(intel);
        // SAFETY: the types of the functions are those of `mkl_service.h`, `mkl_spblas.h` and `mkl_vsl.h`, with 32-bit
        // integers.
        unsafe {
            library.get::<unsafe extern "C" fn(c_int) -> c_int>(b"MKL_Set_Interface_Layer")?(LP64);
            library.get::<unsafe extern "C" fn(c_int) -> c_int>(b"MKL_Set_Threading_Layer")?(layer);
            // The number of workers is ours to choose.
            library.get::<unsafe extern "C" fn(c_int)>(b"MKL_Set_Dynamic")?(0);
            Ok(Self {
                f32: Sparse::of(library, 's')?,
                f64: Sparse::of(library, 'd')?,
                new_stream: *library.get(b"vslNewStream")?,
                skip_ahead: *library.get(b"vslSkipAheadStream")?,
                delete_stream: *library.get(b"vslDeleteStream")?,
                uniform: *library.get(b"vsRngUniform")?,
            })
        }
    }

    /// A stream of random numbers of worker `worker`, where the streams of different workers don't overlap.
    pub(crate) fn stream(&self, generator: c_int, worker: usize) -> Result<Stream, String> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: writes the handle.
        status(unsafe { (self.new_stream)(&mut handle, generator, 1) })?;
        let stream = Stream { mkl: *self, handle };
        if worker > 0 {
            // Those that can't skip get another seed.
            // SAFETY: the handle was made above.
            if unsafe { (self.skip_ahead)(stream.handle, (worker as i64) << 48) } != 0 {
                let mut handle = std::ptr::null_mut();
                // SAFETY: writes the handle.
                status(unsafe { (self.new_stream)(&mut handle, generator, 1 + worker as c_uint) })?;
                return Ok(Stream { mkl: *self, handle });
            }
        }
        Ok(stream)
    }
}

/// A stream of random numbers.
pub(crate) struct Stream {
    mkl: Mkl,
    handle: Handle,
}

// SAFETY: a stream may be used by any thread, by one at a time.
unsafe impl Send for Stream {}

impl Stream {
    /// Numbers in [0, 1).
    pub(crate) fn fill(&mut self, numbers: &mut [f32]) {
        // SAFETY: the handle is a live stream, and there is room for the numbers; method 0 is the only one.
        unsafe { (self.mkl.uniform)(0, self.handle, numbers.len() as c_int, numbers.as_mut_ptr(), 0.0, 1.0) };
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the handle is a live stream.
        unsafe { (self.mkl.delete_stream)(&mut self.handle) };
    }
}

fn status(code: c_int) -> Result<(), String> {
    if code == 0 { Ok(()) } else { Err(format!("MKL returned the status {code}")) }
}

impl<T> Sparse<T> {
    /// # Safety
    /// `letter` is MKL's for `T`.
    unsafe fn of(library: &Library, letter: char) -> Result<Self, libloading::Error> {
        let name = |rest: &str| format!("mkl_sparse_{letter}_{rest}");
        // SAFETY: the types are those of `mkl_spblas.h`.
        unsafe {
            Ok(Self {
                create_csr: *library.get(name("create_csr").as_bytes())?,
                create_coo: *library.get(name("create_coo").as_bytes())?,
                product: *library.get(name("mv").as_bytes())?,
                hint: *library.get(b"mkl_sparse_set_mv_hint")?,
                optimize: *library.get(b"mkl_sparse_optimize")?,
                destroy: *library.get(b"mkl_sparse_destroy")?,
            })
        }
    }

    /// A square matrix of `n` rows over these arrays, which MKL reads at each product unless it was inspected.
    ///
    /// # Safety
    /// The arrays are those of a matrix in compressed rows, and outlive the matrix.
    pub(crate) unsafe fn compressed(
        &self,
        n: usize,
        pointer: &[u32],
        columns: &[u32],
        values: &[T],
    ) -> Result<Matrix<T>, String> {
        let mut handle = std::ptr::null_mut();
        let (p, n) = (pointer.as_ptr(), n as c_int);
        // SAFETY: rows begin at `p[r]` and end at `p[r + 1]`; indices count from 0 and are below 2^31.
        status(unsafe {
            (self.create_csr)(&mut handle, 0, n, n, p, p.wrapping_add(1), columns.as_ptr(), values.as_ptr())
        })?;
        Ok(Matrix { functions: Sparse { ..*self }, handle })
    }

    /// As [`Self::compressed`] from coordinates.
    ///
    /// # Safety
    /// The arrays are those of a matrix in coordinates, and outlive the matrix.
    pub(crate) unsafe fn coordinates(
        &self,
        n: usize,
        rows: &[u32],
        columns: &[u32],
        values: &[T],
    ) -> Result<Matrix<T>, String> {
        let mut handle = std::ptr::null_mut();
        let (n, entries) = (n as c_int, rows.len() as c_int);
        let (rows, columns, values) = (rows.as_ptr(), columns.as_ptr(), values.as_ptr());
        // SAFETY: as many entries as the arrays have; indices count from 0 and are below 2^31.
        status(unsafe { (self.create_coo)(&mut handle, 0, n, n, entries, rows, columns, values) })?;
        Ok(Matrix { functions: Sparse { ..*self }, handle })
    }
}

/// A matrix of MKL's.
pub(crate) struct Matrix<T> {
    functions: Sparse<T>,
    handle: Handle,
}

impl<T> Matrix<T> {
    /// Lets MKL convert the matrix for many products.
    pub(crate) fn inspect(&mut self) -> Result<(), String> {
        // SAFETY: the handle is a live matrix.
        unsafe {
            status((self.functions.hint)(self.handle, PLAIN, GENERAL, EXPECTED))?;
            status((self.functions.optimize)(self.handle))
        }
    }

    /// `y = one * A x + zero * y`.
    pub(crate) fn product(&self, [one, zero]: [T; 2], x: &[T], y: &mut [T]) -> Result<(), String> {
        // SAFETY: the handle is a live square matrix with as many rows as the vectors have elements.
        status(unsafe { (self.functions.product)(PLAIN, one, self.handle, GENERAL, x.as_ptr(), zero, y.as_mut_ptr()) })
    }
}

impl<T> Drop for Matrix<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is a live matrix.
        unsafe { (self.functions.destroy)(self.handle) };
    }
}
