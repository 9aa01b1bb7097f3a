//! `ergometer doctor`.

mod meter;

use super::context::{Context, Outcome};
use super::output;
use crate::pipeline::examine;
use clap::Args;

/// Options of `ergometer doctor`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    meter: meter::Options,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if let Some(files) = options.meter.files()? {
        return meter::run(context, files);
    }
    let doctor = examine::examine_with_cross_check();
    if context.globals.json {
        output::json(&doctor)?;
    } else {
        output::text(&format!("{doctor}\n"))?;
    }
    Ok(Outcome::Done)
}
