//! Pinning the calling thread.

/// Pins the calling thread to one CPU.
#[cfg(target_os = "linux")]
pub(super) fn pin_to(cpu: usize) -> Result<(), String> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(format!("CPU numbers from {} are not supported", libc::CPU_SETSIZE));
    }
    // SAFETY: a `cpu_set_t` is a plain array of integers, for which all bits zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` was checked to be below the number of bits in the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: 0 names the calling thread; pointer and size are those of a live set.
    let code = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if code == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().to_string()) }
}

/// Other systems: refused, so that nobody takes an unpinned pool for a pinned one.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin_to(_cpu: usize) -> Result<(), String> {
    Err("this system has no call that pins a thread".to_owned())
}
