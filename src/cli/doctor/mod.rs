//! `ergometer doctor`.

mod meter;

use super::context::{Context, Outcome};
use super::{memory_model, output, sensor_character};
use crate::pipeline::examine;
use clap::Args;

/// Options of `ergometer doctor`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    meter: meter::MeterOptions,
    #[command(flatten)]
    sensors: sensor_character::CharacteriseFlags,
    #[command(flatten)]
    memory: memory_model::MemoryFlags,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if let Some(files) = options.meter.files()? {
        return meter::run(context, files);
    }
    if options.sensors.characterise {
        return sensor_character::run(context, &options.sensors);
    }
    if options.memory.memory_model {
        return memory_model::run(context, &options.memory);
    }
    let doctor = examine::examine_with_cross_check();
    if context.globals.json {
        output::json(&doctor)?;
    } else {
        output::text(&format!("{doctor}\n"))?;
    }
    Ok(Outcome::Done)
}
