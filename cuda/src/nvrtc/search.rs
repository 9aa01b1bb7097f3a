//! The places where NVRTC may lie, in the order in which they are tried.

use super::Nvrtc;
use crate::error::CudaError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The roots of the search; injectable, so that it can be tested on a made-up tree.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Whether the loader's own search (LD_LIBRARY_PATH, ld.so.cache) comes first.
    pub loader: bool,
    /// Roots of toolkits (CUDA_HOME, CUDA_PATH, /usr/local/cuda) and environments (CONDA_PREFIX).
    pub roots: Vec<PathBuf>,
    /// `site-packages` folders in which the `nvidia-cuda-nvrtc` wheels unpack.
    pub site_packages: Vec<PathBuf>,
}

impl Places {
    /// Those of this process: its environment, its working folder's `.venv`, the `python3` on its PATH.
    pub fn here() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let mut roots: Vec<PathBuf> =
            ["CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX"].into_iter().filter_map(variable).collect();
        roots.push("/usr/local/cuda".into());
        let mut site_packages = Vec::new();
        for venv in variable("VIRTUAL_ENV").into_iter().chain([PathBuf::from(".venv")]) {
            site_packages.extend(venv_site_packages(&venv));
        }
        site_packages.extend(python_paths());
        Self { loader: true, roots, site_packages }
    }
}

fn venv_site_packages(venv: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = entries(&venv.join("lib"))
        .into_iter()
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("python")))
        .map(|p| p.join("site-packages"))
        .collect();
    found.sort();
    found
}

/// The import path of `python3`. It is asked, not guessed: distributions, user sites and environments differ.
fn python_paths() -> Vec<PathBuf> {
    let script = "import sys, site; print('\\n'.join(p for p in sys.path + [site.getusersitepackages()] if p))";
    let output = Command::new("python3").args(["-c", script]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let Ok(output) = output else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).filter(|p| p.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(read) = std::fs::read_dir(folder) else { return Vec::new() };
    read.flatten().map(|entry| entry.path()).collect()
}

/// `libnvrtc.so.12` gives 12; the unversioned name sorts last but is accepted; `libnvrtc.alt.so`, `-builtins` and
/// static libraries are not NVRTC.
fn soname_version(file: &Path) -> Option<u32> {
    let name = file.file_name()?.to_str()?;
    let rest = name.strip_prefix("libnvrtc.so")?;
    if rest.is_empty() {
        return Some(0);
    }
    rest.strip_prefix('.')?.split('.').next()?.parse().ok()
}

/// The NVRTC libraries under `places`, newest of each folder first, and every place looked at.
pub fn candidates(places: &Places) -> (Vec<OsString>, Vec<String>) {
    let mut files: Vec<OsString> = Vec::new();
    let mut looked_at = Vec::new();
    if places.loader {
        looked_at.push("the loader path (LD_LIBRARY_PATH, ldconfig)".to_owned());
        files.extend(["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"].map(OsString::from));
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for root in &places.roots {
        folders.extend(["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"].map(|l| root.join(l)));
        looked_at.push(root.display().to_string());
    }
    for site in &places.site_packages {
        // CUDA 12 wheels unpack into nvidia/cuda_nvrtc, CUDA 13 wheels share nvidia/cu13.
        folders.extend(["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"].map(|l| site.join(l)));
        looked_at.push(site.join("nvidia").display().to_string());
    }
    for folder in folders {
        let mut found: Vec<_> =
            entries(&folder).into_iter().filter_map(|f| soname_version(&f).map(|v| (v, f))).collect();
        found.sort_by(|a, b| b.cmp(a));
        files.extend(found.into_iter().map(|(_, f)| f.into_os_string()));
    }
    (files, looked_at)
}

/// Loads the first NVRTC that `accept` takes.
///
/// # Errors
/// None was found, with every place looked at; or, when some were found and all refused, the last refusal.
pub fn find(
    places: &Places,
    fix: &str,
    mut accept: impl FnMut(&Nvrtc) -> Result<(), CudaError>,
) -> Result<Nvrtc, CudaError> {
    let (files, mut looked_at) = candidates(places);
    let mut refusal = None;
    for file in files {
        match Nvrtc::load(&file) {
            Ok(nvrtc) => match accept(&nvrtc) {
                Ok(()) => return Ok(nvrtc),
                Err(error) => refusal = Some(error),
            },
            // A file that is there and can't be loaded is worth telling; a bare name that the loader lacks is not.
            Err(reason) if Path::new(&file).is_absolute() => looked_at.push(reason),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or(CudaError::NoNvrtc { looked_at, fix: fix.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_and_toolkits_are_searched_newest_first() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().join("cuda");
        let site = tree.path().join("site-packages");
        let make = |path: PathBuf| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        };
        for name in
            ["libnvrtc.so.11.2", "libnvrtc.so.12", "libnvrtc.so", "libnvrtc-builtins.so.12.9", "libnvrtc.alt.so.12"]
        {
            make(root.join("lib64").join(name));
        }
        make(site.join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12"));
        make(site.join("nvidia/cu13/lib/libnvrtc.so.13"));
        let places = Places { loader: false, roots: vec![root.clone()], site_packages: vec![site.clone()] };
        let (files, looked_at) = candidates(&places);
        let expected = [
            root.join("lib64/libnvrtc.so.12"),
            root.join("lib64/libnvrtc.so.11.2"),
            root.join("lib64/libnvrtc.so"),
            site.join("nvidia/cu13/lib/libnvrtc.so.13"),
            site.join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12"),
        ];
        assert_eq!(files, expected.map(PathBuf::into_os_string));
        assert_eq!(looked_at.len(), 2);
    }

    #[test]
    fn nothing_found_lists_the_places_and_the_command() {
        let places = Places { loader: false, roots: vec!["/nonexistent/cuda".into()], site_packages: Vec::new() };
        let error = find(&places, "pip install nvidia-cuda-nvrtc-cu12", |_| Ok(())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nonexistent/cuda") && text.contains("pip install nvidia-cuda-nvrtc-cu12"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let tree = tempfile::tempdir().unwrap();
        let lib = tree.path().join("lib64");
        std::fs::create_dir(&lib).unwrap();
        std::fs::write(lib.join("libnvrtc.so.12"), b"not a library").unwrap();
        let places = Places { loader: false, roots: vec![tree.path().into()], site_packages: Vec::new() };
        let error = find(&places, "x", |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("libnvrtc.so.12"), "{error}");
    }

    #[test]
    fn environments_are_read_by_their_layout() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("lib/python3.12/site-packages")).unwrap();
        assert_eq!(venv_site_packages(tree.path()), [tree.path().join("lib/python3.12/site-packages")]);
    }
}
