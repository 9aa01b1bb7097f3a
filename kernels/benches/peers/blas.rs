//! BLAS libraries of the machine, by their C interface.

use crate::load::{self, Pinned};
use crate::mkl::{self, Mkl};
use libloading::Library;
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;

/// `cblas_?gemm`.
pub(crate) type Gemm<T> = unsafe extern "C" fn(
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    T,
    *const T,
    c_int,
    *const T,
    c_int,
    T,
    *mut T,
    c_int,
);
/// Row-major, and no transposition, in the C interface.
pub(crate) const ROW_MAJOR: c_int = 101;
pub(crate) const PLAIN: c_int = 111;

/// A library that was opened.
pub(crate) struct Blas {
    /// Name, version, and the cores whose kernels it said to use.
    pub(crate) name: String,
    pub(crate) sgemm: Gemm<f32>,
    pub(crate) dgemm: Gemm<f64>,
    /// What only MKL has.
    pub(crate) mkl: Option<Mkl>,
    set_threads: Option<unsafe extern "C" fn(c_int)>,
    set_threads_long: Option<unsafe extern "C" fn(i64)>,
    /// Whether it keeps workers, which were then placed; others start theirs at each call, with the mask of the caller.
    keeps_workers: bool,
    /// Keeps the functions alive.
    _library: Library,
}

/// BLIS 0.9 reads the number of `BLIS_ARCH_SKX`; a name, which later versions take too, it reads as 0, which is the same.
const BLIS_SKX: &str = "skx";

/// Old libraries don't know new CPUs and fall back to generic or AVX2 code: the AVX-512 kernels are forced where the CPU
/// has AVX-512 (MKL's by [`mkl::lift_vendor_check`]; `MKL_ENABLE_INSTRUCTIONS` only takes instructions away, AES among
/// them). Workers that wait are told to sleep after about a millisecond: by default they spin for up to 0.2 s,
/// into the turn of the next entrant. Must run before any thread starts. What is set already stays.
pub(crate) fn set_environment() {
    let cores: &[_] = if ergometer_kernels::Tier::Avx512.is_available() {
        &[("OPENBLAS_CORETYPE", "SKYLAKEX"), ("BLIS_ARCH_TYPE", BLIS_SKX)]
    } else {
        &[]
    };
    let waiting = [("KMP_BLOCKTIME", "1"), ("OPENBLAS_THREAD_TIMEOUT", "22")];
    for (name, value) in cores.iter().chain(&waiting) {
        if std::env::var_os(name).is_none() {
            // SAFETY: called first in `run`, when this process has one thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// Opens what is there, says what is not, and places the workers that the libraries keep: worker `i` on `cpus[i]`, the
/// main thread counting as the first. `folder` is for what has to be compiled.
pub(crate) fn open_all(cpus: &[usize], folder: &Path, mkl_as_is: bool) -> Vec<Blas> {
    let candidates: [(&str, Vec<String>); 3] = [
        ("OpenBLAS", ["libopenblas.so.0", "libopenblas.so"].map(str::to_owned).into()),
        ("BLIS", ["libblis.so.4", "libblis.so"].map(str::to_owned).into()),
        ("MKL", mkl::files()),
    ];
    let mut open = Vec::new();
    for (name, files) in candidates {
        let before = load::threads();
        let prepared = if name == "MKL" && !mkl_as_is { mkl::lift_vendor_check(folder) } else { None };
        match files.iter().find_map(|f| load(name, f).ok()) {
            Some(mut library) => {
                library.set_threads(cpus.len());
                library.warm_up();
                library.keeps_workers = load::place_new(&before, cpus);
                if library.mkl.is_some() {
                    library.name = format!("{} {}", library.name, mkl::kernels(prepared.as_deref()));
                }
                println!("present: {}", library.name);
                open.push(library);
            }
            None => println!("absent: {name} (none of {} could be opened)", files.join(", ")),
        }
    }
    open
}

fn load(name: &str, file: &str) -> Result<Blas, libloading::Error> {
    if name == "MKL" {
        mkl::open_beside(file);
    }
    // SAFETY: a BLAS library's initialisers detect the CPU and may start threads; nothing of ours runs yet.
    let library = unsafe { Library::new(file)? };
    let mkl = if name == "MKL" { Some(Mkl::of(&library)?) } else { None };
    // SAFETY: the types are those of the C interface of BLAS, with 32-bit integers as in Debian's packages and in the
    // interface layer that was chosen for MKL.
    let (sgemm, dgemm) =
        unsafe { (*library.get::<Gemm<f32>>(b"cblas_sgemm")?, *library.get::<Gemm<f64>>(b"cblas_dgemm")?) };
    let text = |symbol: &[u8]| {
        // SAFETY: functions without arguments that return a static string, by the libraries' headers.
        unsafe {
            let f = library.get::<unsafe extern "C" fn() -> *const c_char>(symbol).ok()?;
            let p = f();
            (!p.is_null()).then(|| CStr::from_ptr(p).to_string_lossy().trim().to_owned())
        }
    };
    let details = match name {
        "OpenBLAS" => {
            // "OpenBLAS 0.3.21 NO_LAPACKE …": the version is the second word.
            let version = text(b"openblas_get_config").and_then(|c| c.split(' ').nth(1).map(str::to_owned));
            [version, text(b"openblas_get_corename").map(|c| format!("runs as {c}"))]
        }
        "BLIS" => [text(b"bli_info_get_version_str"), blis_architecture(&library).map(|a| format!("runs as {a}"))],
        _ => [mkl::version(&library), None],
    };
    let details = details.into_iter().flatten().collect::<Vec<_>>().join(", ");
    // SAFETY: functions of one integer, by the libraries' headers; BLIS takes its own 64-bit integer.
    let (set_threads, set_threads_long) = unsafe {
        let short = library.get(b"openblas_set_num_threads").or_else(|_| library.get(b"MKL_Set_Num_Threads"));
        (short.ok().map(|s| *s), library.get(b"bli_thread_set_num_threads").ok().map(|s| *s))
    };
    let name = format!("{name} {details}");
    Ok(Blas { name, sgemm, dgemm, mkl, set_threads, set_threads_long, keeps_workers: false, _library: library })
}

fn blis_architecture(library: &Library) -> Option<String> {
    // Before the initialisation it aborts when an architecture is forced.
    // SAFETY: `bli_init` may be called at any time; `bli_arch_query_id` returns an enumerator, and `bli_arch_string` the static name of one.
    unsafe {
        library.get::<unsafe extern "C" fn() -> c_int>(b"bli_init").ok()?();
        let id = library.get::<unsafe extern "C" fn() -> c_int>(b"bli_arch_query_id").ok()?;
        let name = library.get::<unsafe extern "C" fn(c_int) -> *const c_char>(b"bli_arch_string").ok()?;
        let p = name(id());
        (!p.is_null()).then(|| CStr::from_ptr(p).to_string_lossy().into_owned())
    }
}

impl Blas {
    pub(crate) fn set_threads(&self, threads: usize) {
        if let Some(set) = self.set_threads {
            // SAFETY: takes any positive number.
            unsafe { set(threads as c_int) };
        }
        if let Some(set) = self.set_threads_long {
            // SAFETY: takes any positive number.
            unsafe { set(threads as i64) };
        }
    }

    /// Places the calling thread for calls of this library, until the guard is dropped: on the first CPU where the others
    /// belong to the library's workers, everywhere where it starts workers that inherit the caller's mask.
    pub(crate) fn placed(&self, cpus: &[usize]) -> Pinned {
        Pinned::to(if self.keeps_workers { cpus.get(..1).unwrap_or(cpus) } else { cpus })
    }

    /// A product that is large enough for all workers to be started.
    fn warm_up(&self) {
        const N: usize = 256;
        let (a, b, mut c) = (vec![1.0f64; N * N], vec![1.0f64; N * N], vec![0.0f64; N * N]);
        let n = N as c_int;
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: the matrices have the extents and leading dimensions that the call names.
        unsafe { (self.dgemm)(ROW_MAJOR, PLAIN, PLAIN, n, n, n, 1.0, a, n, b, n, 0.0, c, n) };
    }
}
