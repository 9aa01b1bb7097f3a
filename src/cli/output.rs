//! What goes to standard output and standard error. A reader that closes the pipe ends the output, not the run.

use crate::harness::table::Grid;
use crate::harness::table::render::{Csv, Render};
use crate::record::files::{FileError, write_whole};
use crate::report::SeriesPlot;
use anyhow::Error;
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Prints text as it is.
///
/// # Errors
/// Standard output can't be written (a full disk behind a redirection); a closed pipe is no error.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(error).context("could not write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// As [`text`].
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    text(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// The result of watching a command, which has standard output for itself: text goes to standard error, `--quiet` or not,
/// unless it is asked for as JSON.
///
/// # Errors
/// As [`text`], for JSON.
pub(super) fn beside_command(as_json: bool, value: &impl Serialize, text: impl fmt::Display) -> anyhow::Result<()> {
    if as_json {
        return json(value);
    }
    // Nowhere to complain to when standard error is gone.
    let _ = writeln!(io::stderr(), "{text}");
    Ok(())
}

/// Writes a study into the folder of its run: a table as CSV, and those of the plots that have something to show.
///
/// # Errors
/// A plot can't be drawn, or a file can't be written.
pub(super) fn study(folder: &Path, name: &str, table: &Grid, plots: &[(&str, SeriesPlot)]) -> anyhow::Result<()> {
    write_whole(&folder.join(format!("{name}.csv")), Csv.render(table).as_bytes())?;
    for (name, plot) in plots {
        if let Some(svg) = plot.svg()? {
            write_whole(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
        }
    }
    Ok(())
}

/// Prints an error as sentences and gives the exit code.
pub(super) fn error(error: &Error) -> ExitCode {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Transparent errors repeat their source; a sentence is said once.
        if !causes.iter().any(|said| said.contains(&cause)) {
            causes.push(cause);
        }
    }
    let _ = writeln!(io::stderr(), "ergometer: {}", causes.join(": "));
    let usage = error.chain().any(|cause| cause.is::<super::context::Usage>());
    let full =
        error.chain().filter_map(|c| c.downcast_ref::<FileError>()).any(|e| matches!(e, FileError::Write { .. }));
    if full {
        let _ = writeln!(io::stderr(), "Nothing was left half written.");
    }
    ExitCode::from(if usage { 2 } else { 1 })
}
