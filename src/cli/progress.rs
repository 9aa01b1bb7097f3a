//! Progress of long work with the time left, and interruption.

use super::context::Context;
use crate::harness::lease::interrupt;
use crate::pipeline::Observer;
use crate::record::Seconds;
use crate::record::stats::human_time;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Between lines where no bar can be drawn.
const LINE_PERIOD: Duration = Duration::from_secs(5);

/// Shows the stages and progress of long work on standard error, and watches for Ctrl-C.
pub(super) struct Watch<'a> {
    context: &'a Context,
    display: Mutex<Option<Display>>,
    interrupt: Arc<AtomicBool>,
}

/// What is shown of the present stage.
enum Display {
    /// On a terminal: a bar, which disappears when the stage ends.
    Bar(ProgressBar),
    /// Elsewhere: a line now and then. `left` is what the stage says of the rest, if it does.
    Lines { stage: String, start: Instant, last: Instant, left: Option<Seconds> },
}

impl<'a> Watch<'a> {
    /// Begins to watch: from now on SIGINT and SIGTERM end the work between two steps.
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, display: Mutex::new(None), interrupt: interrupt::flag() }
    }
}

impl Observer for Watch<'_> {
    fn stage(&self, name: &str) {
        let Ok(mut display) = self.display.lock() else { return };
        // The old bar goes before the new one comes.
        *display = None;
        if self.context.globals.quiet {
            return;
        }
        let now = Instant::now();
        *display = Some(if std::io::stderr().is_terminal() {
            Display::Bar(bar(name))
        } else {
            self.context.say(format!("{name} ..."));
            Display::Lines { stage: name.to_owned(), start: now, last: now, left: None }
        });
    }

    fn progress(&self, done: u64, total: u64, message: &str) {
        let Ok(mut display) = self.display.lock() else { return };
        match display.as_mut() {
            Some(Display::Bar(bar)) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(message.to_owned());
            }
            Some(Display::Lines { stage, start, last, left })
                if last.elapsed() >= LINE_PERIOD && 0 < done && done < total =>
            {
                *last = Instant::now();
                let gone = Seconds(start.elapsed().as_secs_f64());
                let left = left.unwrap_or(gone / done as f64 * total.saturating_sub(done) as f64);
                let (gone, left) = (human_time(gone), human_time(left));
                self.context.say(format!("  {stage}: {done} of {total}, {gone} gone, about {left} left; {message}"));
            }
            _ => {}
        }
    }

    fn remaining(&self, time: Seconds) {
        match self.display.lock().ok().as_mut().and_then(|display| display.as_mut()) {
            Some(Display::Bar(bar)) => bar.set_style(style(&format!("about {} left", human_time(time)))),
            Some(Display::Lines { left, .. }) => *left = Some(time),
            None => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::SeqCst)
    }

    fn remark(&self, text: &str) {
        let Ok(display) = self.display.lock() else { return };
        match display.as_ref() {
            Some(Display::Bar(bar)) => bar.suspend(|| self.context.say(text)),
            _ => self.context.say(text),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// `left` is how the rest of the time is told: text without braces, or the bar's own estimate.
fn style(left: &str) -> ProgressStyle {
    let template = format!("{{prefix}} {{wide_bar}} {{pos}}/{{len}}  {{elapsed}} gone, {left}  {{msg}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    bar.set_style(style("{eta} left"));
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
