//! A window as long as a block of code.

use super::{Meter, WindowId, WindowReport};

/// Closes its window when it goes out of scope; the report is then among [`Meter::take_closed`].
#[derive(Debug)]
#[must_use = "the window closes at once when its guard is not kept"]
pub struct Scope<'a> {
    meter: &'a Meter,
    /// `None` once it is stopped.
    window: Option<WindowId>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(meter: &'a Meter, window: WindowId) -> Self {
        Self { meter, window: Some(window) }
    }

    /// Closes the window here and returns its report; `None` when somebody has stopped it by its id.
    pub fn stop(mut self) -> Option<WindowReport> {
        self.window.take().and_then(|window| self.meter.stop(window))
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        if let Some(report) = self.window.take().and_then(|window| self.meter.stop(window)) {
            self.meter.keep(report);
        }
    }
}
