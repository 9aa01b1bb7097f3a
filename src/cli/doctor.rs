//! `ergometer doctor`.

use super::context::{Context, Outcome};
use super::output;
use crate::pipeline::examine;
use clap::Args;

/// Options of `ergometer doctor`.
#[derive(Debug, Args)]
pub(super) struct Options {}

pub(super) fn run(context: &Context, _: Options) -> anyhow::Result<Outcome> {
    let doctor = examine::examine();
    if context.globals.json {
        output::json(&doctor)?;
    } else {
        output::text(&format!("{doctor}\n"))?;
    }
    Ok(Outcome::Done)
}
