//! CPU time of the sampling thread: what watching costs, the waking up included, whatever else the machine does.

use ergometer_record::Seconds;
use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;

/// The CPU-time clock of another thread of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// The clock of a thread that has not been joined; `None` where the system has none.
    pub(super) fn of(thread: &JoinHandle<()>) -> Option<Self> {
        let mut id: libc::clockid_t = 0;
        // SAFETY: the handle keeps the thread joinable, so its pthread_t is valid, and `id` lives across the call.
        let result = unsafe { libc::pthread_getcpuclockid(thread.as_pthread_t(), &raw mut id) };
        (result == 0).then_some(Self(id))
    }

    /// CPU time since the thread began; `None` once it has ended.
    pub(super) fn now(self) -> Option<Seconds> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` lives across the call; an id of a thread that has ended is refused, not followed.
        let result = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        (result == 0).then_some(Seconds(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9))
    }
}
