//! BLAS libraries of the machine, by their C interface.

use libloading::Library;
use std::ffi::{CStr, c_char, c_int};

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
    set_threads: Option<unsafe extern "C" fn(c_int)>,
    set_threads_long: Option<unsafe extern "C" fn(i64)>,
    /// Keeps the functions alive.
    _library: Library,
}

/// BLIS 0.9 reads the number of `BLIS_ARCH_SKX`; a name, which later versions take too, it reads as 0, which is the same.
const BLIS_SKX: &str = "skx";

/// Old libraries don't know new CPUs and fall back to generic or AVX2 code: the AVX-512 kernels are forced where the CPU
/// has AVX-512. Must run before any thread starts. What is set already stays.
pub(crate) fn force_cores() {
    if !ergometer_kernels::Tier::Avx512.is_available() {
        return;
    }
    for (name, value) in
        [("OPENBLAS_CORETYPE", "SKYLAKEX"), ("BLIS_ARCH_TYPE", BLIS_SKX), ("MKL_ENABLE_INSTRUCTIONS", "AVX512")]
    {
        if std::env::var_os(name).is_none() {
            // SAFETY: called first in `run`, when this process has one thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// Opens what is there and says what is not.
pub(crate) fn open_all() -> Vec<Blas> {
    let candidates: [(&str, &[&str]); 3] = [
        ("OpenBLAS", &["libopenblas.so.0", "libopenblas.so"]),
        ("BLIS", &["libblis.so.4", "libblis.so"]),
        ("MKL", &["libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so"]),
    ];
    let mut open = Vec::new();
    for (name, files) in candidates {
        match files.iter().find_map(|f| load(name, f).ok()) {
            Some(library) => {
                println!("present: {}", library.name);
                open.push(library);
            }
            None => println!("absent: {name} (none of {} could be opened)", files.join(", ")),
        }
    }
    open
}

fn load(name: &str, file: &str) -> Result<Blas, libloading::Error> {
    // SAFETY: a BLAS library's initialisers detect the CPU and may start threads; nothing of ours runs yet.
    let library = unsafe { Library::new(file)? };
    // SAFETY: the types are those of the C interface of BLAS, with 32-bit integers as in Debian's packages and MKL's
    // default interface layer.
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
        _ => [None, None],
    };
    let details = details.into_iter().flatten().collect::<Vec<_>>().join(", ");
    // SAFETY: functions of one integer, by the libraries' headers; BLIS takes its own 64-bit integer.
    let (set_threads, set_threads_long) = unsafe {
        let short = library.get(b"openblas_set_num_threads").or_else(|_| library.get(b"MKL_Set_Num_Threads"));
        (short.ok().map(|s| *s), library.get(b"bli_thread_set_num_threads").ok().map(|s| *s))
    };
    Ok(Blas { name: format!("{name} {details}"), sgemm, dgemm, set_threads, set_threads_long, _library: library })
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
}
