//! Runs plans on the CPU: the .cu text compiled as C++ over `tests/shim`.

use ergometer_cuda::DeviceProperties;
use ergometer_cuda::kernels::Source;
use ergometer_cuda::plan::{Arg, Launch, Plan};
use libloading::Library;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A device so small that few fibres fill it.
pub(crate) fn small_device() -> DeviceProperties {
    DeviceProperties {
        index: 0,
        name: "CPU shim".into(),
        uuid: "GPU-0".into(),
        pci_address: "0000:00:00.0".into(),
        compute_capability: (9, 0),
        sm_count: 2,
        threads_per_sm: 512,
        shared_per_block_bytes: 227 * 1024,
        l2_bytes: 1 << 20,
        memory_bytes: 1 << 30,
    }
}

/// The system's C++ compiler, or `None` with the reason printed.
fn compiler() -> Option<&'static str> {
    let found = ["g++", "c++", "clang++"].into_iter().find(|c| {
        let version = Command::new(c).arg("--version").output();
        version.is_ok_and(|o| o.status.success())
    });
    if found.is_none() {
        println!("skipped: no C++ compiler (apt install g++)");
    }
    found
}

/// How the shim schedules: see `shim.h`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Threads ascending, asynchronous copies done when waited for.
    Ascending,
    /// Threads descending, asynchronous copies done at once.
    Descending,
}

pub(crate) struct Shim {
    library: Library,
    _folder: tempfile::TempDir,
}

impl Shim {
    /// Compiles a text with its parameters.
    pub(crate) fn build(source: Source, defines: &[(&'static str, String)]) -> Option<Self> {
        Self::build_text(source, defines, "")
    }

    /// As [`Self::build`], with kernels of the test's own behind the text.
    pub(crate) fn build_text(source: Source, defines: &[(&'static str, String)], extra: &str) -> Option<Self> {
        let compiler = compiler()?;
        let folder = tempfile::tempdir().unwrap();
        let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim");
        let [common, body] = source.parts_without_ptx();
        let mut text = format!(
            "#include \"shim.h\"\n{common}\n#include \"ptx.h\"\n#line 1 \"{}\"\n{body}\n{extra}\n",
            source.name()
        );
        for function in functions(body).into_iter().chain(functions(extra)) {
            text.push_str(&format!("SHIM_ENTRY({function})\n"));
        }
        let (from, to) = (folder.path().join("kernel.cpp"), folder.path().join("kernel.so"));
        std::fs::write(&from, text).unwrap();
        let mut command = Command::new(compiler);
        command.args([
            "-std=c++17",
            "-O1",
            "-w",
            "-fPIC",
            "-shared",
            "-ffp-contract=off",
            "-fno-strict-aliasing",
            "-U_FORTIFY_SOURCE",
        ]);
        command.arg("-I").arg(shim).args(defines.iter().map(|(name, value)| format!("-D{name}={value}")));
        let output = command.arg(&from).arg("-o").arg(&to).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { library: load(&to), _folder: folder })
    }

    /// Executes a plan once and returns its outputs.
    pub(crate) fn run(&self, plan: &Plan, order: Order) -> Vec<Vec<u8>> {
        let mut buffers: Vec<Aligned> = plan.buffers.iter().map(|b| Aligned::new(&b.content.generate())).collect();
        for launch in &plan.launches {
            self.launch(launch, &mut buffers, order);
        }
        let outputs = plan.buffers.iter().zip(&buffers).filter(|(b, _)| b.content.is_output());
        outputs.map(|(_, bytes)| bytes.bytes().to_vec()).collect()
    }

    /// One launch.
    pub(crate) fn launch(&self, launch: &Launch, buffers: &mut [Aligned], order: Order) {
        type Entry = unsafe extern "C" fn(*const u32, *const c_char, *mut *mut c_void) -> c_int;
        let name = format!("shim_{}\0", launch.function);
        // SAFETY: SHIM_ENTRY gives every kernel an entry of this type.
        let entry = unsafe { self.library.get::<Entry>(name.as_bytes()) }.unwrap();
        let flags = match order {
            Order::Ascending => 0,
            Order::Descending => 3,
        };
        let mut geometry = [launch.grid, launch.block].concat();
        geometry.extend([launch.shared_bytes, flags]);
        let mut kinds = String::new();
        let mut values: Vec<u64> = Vec::new();
        for arg in &launch.args {
            let (kind, value) = match *arg {
                Arg::Buffer(i) => ('p', buffers[i].pointer() as u64),
                Arg::U32(x) => ('i', u64::from(x)),
                Arg::U64(x) => ('l', x),
                Arg::F32(x) => ('f', u64::from(x.to_bits())),
                Arg::F64(x) => ('d', x.to_bits()),
            };
            kinds.push(kind);
            values.push(value);
        }
        let kinds = CString::new(kinds).unwrap();
        let mut pointers: Vec<*mut c_void> = values.iter_mut().map(|v| std::ptr::from_mut(v).cast()).collect();
        // SAFETY: the entry refuses arguments whose kinds differ from its parameters; each pointer is to a live 8-byte
        // value (little-endian, so its first bytes are the narrower ones); buffers outlive the call.
        let code = unsafe { entry(geometry.as_ptr(), kinds.as_ptr(), pointers.as_mut_ptr()) };
        assert_eq!(code, 0, "{} takes other arguments than its plan gives", launch.function);
    }
}

fn load(path: &PathBuf) -> Library {
    // SAFETY: the library was compiled a moment ago from this crate's own text and has no initialisers with effects.
    unsafe { Library::new(path) }.unwrap()
}

/// The kernel functions of a text: the name before the first parenthesis after KERNEL and its launch bounds.
pub(crate) fn functions(text: &str) -> Vec<String> {
    let kernels = text.lines().filter_map(|line| line.strip_prefix("KERNEL "));
    let names = kernels.map(|line| {
        let line = if line.starts_with("__launch_bounds__") { line.split_once(") ").unwrap().1 } else { line };
        line.split('(').next().unwrap().trim().to_owned()
    });
    names.collect()
}

/// Bytes that begin at a multiple of 256, as cuMemAlloc gives them, with guard bytes behind.
pub(crate) struct Aligned {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

const GUARD: [u8; 64] = [0xa5; 64];

impl Aligned {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut storage = vec![0u8; bytes.len() + 256 + GUARD.len()];
        let start = storage.as_ptr().align_offset(256);
        storage[start..start + bytes.len()].copy_from_slice(bytes);
        storage[start + bytes.len()..][..GUARD.len()].copy_from_slice(&GUARD);
        Self { storage, start, len: bytes.len() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        assert_eq!(self.storage[self.start + self.len..][..GUARD.len()], GUARD, "written beyond the end of a buffer");
        &self.storage[self.start..self.start + self.len]
    }

    fn pointer(&mut self) -> *mut u8 {
        self.storage[self.start..].as_mut_ptr()
    }
}
