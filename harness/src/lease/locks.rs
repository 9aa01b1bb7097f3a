//! One lock file a device, so that two leases never share one.

use super::LeaseError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// A device held; released when dropped, and by the system when the process dies.
#[derive(Debug)]
pub(crate) struct DeviceLock {
    _file: File,
}

/// Takes `device`, waiting up to `patience` for whoever has it.
pub(crate) fn take(state_dir: &Path, device: &str, holder: &str, patience: Duration) -> Result<DeviceLock, LeaseError> {
    let folder = state_dir.join("locks");
    let path = folder.join(file_name(device));
    let fail = |source: io::Error| LeaseError::Lock { path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(fail)?;
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(fail(error)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = file.read_to_string(&mut by);
                return Err(LeaseError::Busy { device: device.to_owned(), holder: by.trim().to_owned() });
            }
        }
    }
    // Only for the message above; a lock without it is a lock all the same.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "process {}: {holder}", std::process::id()));
    Ok(DeviceLock { _file: file })
}

/// A file name for a device: readable, and unique by a hash because long paths are cut (FNV-1a).
fn file_name(device: &str) -> String {
    let hash = device.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let readable: String = device.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let tail: String = readable.chars().skip(readable.chars().count().saturating_sub(60)).collect();
    format!("{tail}-{hash:016x}.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_held_once_and_free_after() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path(), "cpu", "first", Duration::ZERO).unwrap();
        let error = take(folder.path(), "cpu", "second", Duration::ZERO).unwrap_err();
        assert!(
            matches!(&error, LeaseError::Busy { device, holder } if device == "cpu" && holder.contains("first")),
            "{error}"
        );
        take(folder.path(), "nvml:GPU-1", "other", Duration::ZERO).unwrap();
        drop(first);
        take(folder.path(), "cpu", "second", Duration::ZERO).unwrap();
    }

    #[test]
    fn long_and_odd_device_names_make_distinct_file_names() {
        let long = format!("vnode:/{}/a.toml", "x".repeat(300));
        let other = format!("vnode:/y{}/a.toml", "x".repeat(300));
        assert!(file_name(&long).len() < 100);
        assert_ne!(file_name(&long), file_name(&other));
        assert!(!file_name("a/b").contains('/'));
    }
}
