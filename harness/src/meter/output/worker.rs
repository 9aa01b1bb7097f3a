//! A thread whose end is awaited for a while, not for ever.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// How long the end of a thread is awaited: a pipe that nobody reads must not hold a report back.
const PATIENCE: Duration = Duration::from_secs(3);

/// A thread that gives a `T` when it ends.
pub(super) struct Worker<T>(Receiver<T>);

impl<T: Send + 'static> Worker<T> {
    pub(super) fn spawn(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Self> {
        let (end, ended) = sync_channel(1);
        std::thread::Builder::new().name(name.into()).spawn(move || {
            // Nobody waits any more: then nobody needs it.
            let _ = end.send(work());
        })?;
        Ok(Self(ended))
    }

    /// What the thread gave; `None` when it is still busy after all patience, or panicked.
    pub(super) fn finish(self) -> Option<T> {
        self.0.recv_timeout(PATIENCE).ok()
    }
}
