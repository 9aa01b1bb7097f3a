//! `ergometer restore`, and the guardian that does the same for a killed sweep.

use super::context::{Context, Outcome};
use super::output;
use crate::harness::knob::Permission;
use crate::harness::lease::{self, guardian};
use crate::harness::sensor::Roots;
use anyhow::bail;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Options of `ergometer restore`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the journals; $ERGOMETER_STATE_DIR or ~/.local/state/ergometer otherwise.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Arguments of the guardian; only ergometer itself gives them.
#[derive(Debug, Args)]
pub(super) struct GuardianOptions {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let state = match options.state {
        Some(state) => state,
        None => lease::state_dir()?,
    };
    // Putting back what ergometer itself changed needs no leave beyond this command; ERGOMETER_NO_CONTROL still refuses.
    let roots = Roots::system().with_permission(Permission::AllowControl);
    let report = lease::restore(&state, &roots)?;
    if context.globals.json {
        output::json(&report)?;
    } else {
        output::text(&format!("{report}\n"))?;
    }
    if !report.is_complete() {
        bail!("not everything could be put back; the journals are kept, so the command can be repeated");
    }
    Ok(Outcome::Done)
}

pub(super) fn guardian(options: GuardianOptions) -> anyhow::Result<Outcome> {
    let code = guardian::main(&options.arguments);
    Ok(Outcome::Exit(u8::try_from(code).unwrap_or(1)))
}
