//! One lock file a device, so that two leases never share one.
//!
//! Real devices are locked where every user of the machine sees it (`/run/lock/ergometer`): root's sweep and a user's
//! must not drive one device at once. Where that folder can't be used the lock falls back to the user's own state folder,
//! and says so. Devices of the virtual node are files of their user, and so are their locks.
//!
//! The shared folder is open to everybody, so that nothing found in it is trusted: neither it nor a lock file may be a
//! symbolic link, a file is created only where there is none (`fs.protected_regular` forbids more in a sticky folder, and
//! a lock needs no more than a readable file), and nothing is ever deleted, because a lock whose file is gone is none.

use super::LeaseError;
use crate::sensor::Roots;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A device held; released when dropped, and by the system when the process dies.
#[derive(Debug)]
pub(crate) struct DeviceLock {
    _file: File,
    /// What the user must know: the lock is not seen by other users.
    pub(crate) caveat: Option<String>,
}

/// Takes `device`, waiting up to `patience` for whoever has it.
pub(crate) fn take(
    state_dir: &Path,
    roots: &Roots,
    device: &str,
    holder: &str,
    patience: Duration,
) -> Result<DeviceLock, LeaseError> {
    let name = file_name(device);
    let own = || {
        let folder = state_dir.join("locks");
        let path = folder.join(&name);
        let opened = fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path));
        opened.map_err(|source| LeaseError::Lock { path: path.clone(), source })
    };
    let (mut file, caveat) = if device.starts_with("vnode:") {
        (own()?, None)
    } else {
        match shared(&roots.locks, &name) {
            Ok(file) => (file, None),
            Err(error) => {
                let caveat = format!(
                    "{device} is locked against your own measurements only, because {} can't be used ({error}): another \
                     user's measurement would not see it",
                    roots.locks.display()
                );
                (own()?, Some(caveat))
            }
        }
    };
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(source)) => return Err(LeaseError::Lock { path: roots.locks.join(&name), source }),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = Read::by_ref(&mut file).take(500).read_to_string(&mut by);
                let holder = by.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
                return Err(LeaseError::Busy { device: device.to_owned(), holder });
            }
        }
    }
    // Only for the message above; a lock without it is a lock all the same.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "process {}: {holder}", std::process::id()));
    Ok(DeviceLock { _file: file, caveat })
}

/// Opens a lock file in the shared folder, making folder and file where they are missing.
fn shared(folder: &Path, name: &str) -> io::Result<File> {
    match fs::DirBuilder::new().mode(0o777).create(folder) {
        // Sticky, so that nobody deletes another's lock; explicitly, because the umask took bits away.
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o1777))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_PATH;
    let folder = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    // By its descriptor: the folder that was looked at is the one that is used.
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    let open = |writable: bool| {
        // Not blocking: a pipe of that name must not hold the measurement up.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        OpenOptions::new().read(true).write(writable).custom_flags(flags).open(&path)
    };
    let file = match open(true).or_else(|error| match error.kind() {
        // Another user's file that is only readable can be locked all the same.
        io::ErrorKind::PermissionDenied => open(false),
        _ => Err(error),
    }) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let new = OpenOptions::new().read(true).write(true).create_new(true).mode(0o666).open(&path);
            match new {
                Ok(file) => {
                    // So that the next user can write its name into it.
                    let _ = file.set_permissions(fs::Permissions::from_mode(0o666));
                    file
                }
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(true).or_else(|_| open(false))?,
                Err(error) => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other(format!("{name} in it is no file"))) }
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
    use std::os::unix::fs::symlink;

    /// A machine with `/run/lock`, and the state folders of two users.
    fn machine() -> (tempfile::TempDir, Roots, [PathBuf; 2]) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("run/lock")).unwrap();
        let roots = Roots::fixture(folder.path());
        let users = ["root", "user"].map(|name| folder.path().join(name));
        (folder, roots, users)
    }

    fn now(state: &Path, roots: &Roots, device: &str) -> Result<DeviceLock, LeaseError> {
        take(state, roots, device, state.file_name().unwrap().to_str().unwrap(), Duration::ZERO)
    }

    #[test]
    fn a_device_is_held_once_for_all_users_and_free_after() {
        let (_folder, roots, [root, user]) = machine();
        let first = now(&root, &roots, "cpu").unwrap();
        assert_eq!(first.caveat, None);
        for second in [&root, &user] {
            let error = now(second, &roots, "cpu").unwrap_err();
            assert!(
                matches!(&error, LeaseError::Busy { device, holder } if device == "cpu" && holder.contains("root")),
                "{error}"
            );
        }
        now(&user, &roots, "nvml:GPU-1").unwrap();
        drop(first);
        now(&user, &roots, "cpu").unwrap();
        // Sticky and open, whatever the umask.
        assert_eq!(fs::metadata(&roots.locks).unwrap().permissions().mode() & 0o7777, 0o1777);
    }

    #[test]
    fn a_file_that_may_only_be_read_is_locked_all_the_same() {
        let (_folder, roots, [root, user]) = machine();
        drop(now(&root, &roots, "cpu").unwrap());
        fs::set_permissions(roots.locks.join(file_name("cpu")), fs::Permissions::from_mode(0o444)).unwrap();
        let held = now(&root, &roots, "cpu").unwrap();
        assert!(held.caveat.is_none() && now(&user, &roots, "cpu").is_err());
    }

    #[test]
    fn a_shared_folder_that_can_not_be_used_is_said_and_the_own_one_locks() {
        let breaks: [fn(&Roots); 3] = [
            // No /run/lock, as in a minimal container.
            |roots| fs::remove_dir(roots.locks.parent().unwrap()).unwrap(),
            |roots| fs::write(&roots.locks, "").unwrap(),
            |roots| symlink("/tmp", &roots.locks).unwrap(),
        ];
        for break_it in breaks {
            let (_folder, roots, [root, user]) = machine();
            break_it(&roots);
            let held = now(&root, &roots, "cpu").unwrap();
            let caveat = held.caveat.as_deref().unwrap();
            assert!(caveat.contains("another user's") && caveat.contains("run/lock/ergometer"), "{caveat}");
            assert!(matches!(now(&root, &roots, "cpu"), Err(LeaseError::Busy { .. })));
            // Which is why it is said.
            now(&user, &roots, "cpu").unwrap();
        }
    }

    #[test]
    fn links_and_pipes_in_the_shared_folder_are_not_followed() {
        let (folder, roots, [root, _]) = machine();
        drop(now(&root, &roots, "cpu").unwrap());
        let (path, victim) = (roots.locks.join(file_name("gpu")), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        assert!(now(&root, &roots, "gpu").unwrap().caveat.is_some());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn virtual_devices_are_locked_beside_their_users_journals() {
        let (_folder, roots, [root, user]) = machine();
        let _held = now(&root, &roots, "vnode:/a/state.json").unwrap();
        assert!(!roots.locks.exists());
        now(&user, &roots, "vnode:/a/state.json").unwrap();
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
