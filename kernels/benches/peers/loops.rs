//! `loops.c`, compiled by the system's C compiler and opened as a library.

use libloading::{Library, Symbol};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One build of the loops.
pub(crate) struct Loops {
    /// Compiler, version and options.
    pub(crate) name: String,
    library: Library,
}

/// Every set of options that the compiler takes; what is missing is said.
pub(crate) fn compile(folder: &Path) -> Vec<Loops> {
    let source = folder.join("loops.c");
    if let Err(error) = std::fs::write(&source, include_str!("loops.c")) {
        println!("absent: C loops (the source could not be written: {error})");
        return Vec::new();
    }
    let compiler = compiler();
    let version = Command::new(&compiler).arg("-dumpfullversion").output();
    let version = match version {
        Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).trim().to_owned(),
        _ => {
            println!("absent: C loops ({compiler} does not run; install a C compiler or set CC)");
            return Vec::new();
        }
    };
    [&["-O3", "-march=native"][..], &["-Ofast", "-march=native"]]
        .into_iter()
        .filter_map(|options| {
            let name = format!("{compiler} {version} {}", options.join(" "));
            match build(&compiler, options, &source, folder) {
                Ok(library) => {
                    println!("present: {name}");
                    Some(Loops { name, library })
                }
                Err(error) => {
                    println!("absent: {name} ({error})");
                    None
                }
            }
        })
        .collect()
}

/// The system's C compiler: `$CC` or `cc`.
pub(crate) fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

fn build(compiler: &str, options: &[&str], source: &Path, folder: &Path) -> Result<Library, String> {
    let path = shared(compiler, options, source, folder)?;
    // SAFETY: built from our own source, which has no initialisers.
    unsafe { Library::new(&path) }.map_err(|e| e.to_string())
}

/// Compiles `source` to a shared library in `folder` and returns its path.
pub(crate) fn shared(compiler: &str, options: &[&str], source: &Path, folder: &Path) -> Result<PathBuf, String> {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let path = folder.join(format!("{name}{}.so", options.concat()));
    let mut command = Command::new(compiler);
    let command = command.args(options).args(["-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-lm");
    let out = command.output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).lines().next().unwrap_or("no message").to_owned());
    }
    Ok(path)
}

impl Loops {
    /// A function of the library.
    ///
    /// # Safety
    /// `F` is the type that `loops.c` gives the function.
    pub(crate) unsafe fn get<F>(&self, name: &str) -> Result<Symbol<'_, F>, String> {
        // SAFETY: the caller vouches for the type.
        unsafe { self.library.get(name.as_bytes()) }.map_err(|e| e.to_string())
    }
}
