//! Files appear whole or not at all: written beside their place, synced, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that could not be read or written, by name.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Writing failed; nothing was left under the final name.
    #[error("could not write {}: {source}{}", path.display(), remedy(source))]
    Write {
        /// The final name.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space there, or choose another folder with --out)"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            " (choose a folder that you may write to with --out)"
        }
        _ => "",
    }
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part: a temporary file in the
/// same folder, fsync, rename, fsync of the folder. Missing parent folders are made.
///
/// # Errors
/// Names the file and what the system said; the temporary file is removed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fail = |source| FileError::Write { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(fail)?;
    let mut temporary = tempfile::Builder::new().prefix(".ergometer-").tempfile_in(folder).map_err(fail)?;
    temporary.write_all(bytes).map_err(fail)?;
    temporary.as_file().sync_all().map_err(fail)?;
    #[cfg(unix)]
    {
        // tempfile makes files readable by the owner only; results are for everyone whom the umask allows.
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(fail)?;
    }
    temporary.persist(path).map_err(|error| fail(error.error))?;
    // The rename itself must survive a power cut; a folder that can't be opened for that is no reason to fail.
    if let Ok(handle) = File::open(folder) {
        let _ = handle.sync_all();
    }
    Ok(())
}

/// Reads a text file.
///
/// # Errors
/// Names the file and what the system said.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_no_temporary_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file.txt");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(read_text(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_place_is_named() {
        let error = write_whole(Path::new("/proc/ergometer/none.txt"), b"x").unwrap_err().to_string();
        assert!(error.contains("/proc/ergometer/none.txt"), "{error}");
    }

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let full = FileError::Write { path: "a.csv".into(), source: io::Error::from_raw_os_error(28) };
        assert!(full.to_string().contains("free some space"), "{full}");
    }
}
