//! SIGINT and SIGTERM as a flag that loops poll, so that settings are restored on the way out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

struct Handlers {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

const SIGNALS: [libc::c_int; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// The flag; the first call installs the handlers. A second signal of the same kind ends the process at once, and the
/// guardian restores.
pub fn flag() -> Arc<AtomicBool> {
    let handlers = HANDLERS.get_or_init(|| {
        let handlers = Handlers { flag: Arc::new(AtomicBool::new(false)), signal: Arc::new(AtomicUsize::new(0)) };
        for signal in SIGNALS {
            // In this order: a signal that finds the flag already set ends the process; then the flag is set. Both
            // fail only for signals that can't be caught, which these can.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&handlers.flag));
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&handlers.signal), signal as usize);
            let _ = signal_hook::flag::register(signal, Arc::clone(&handlers.flag));
        }
        handlers
    });
    Arc::clone(&handlers.flag)
}

/// True once SIGINT or SIGTERM has arrived after [`flag`] was first called.
pub fn requested() -> bool {
    HANDLERS.get().is_some_and(|handlers| handlers.flag.load(Ordering::SeqCst))
}

/// The exit code that tells a shell which signal ended the work: 128 + its number. `None` where none arrived.
pub fn exit_code() -> Option<i32> {
    let signal = HANDLERS.get()?.signal.load(Ordering::SeqCst);
    (signal > 0).then(|| 128 + signal as i32)
}
