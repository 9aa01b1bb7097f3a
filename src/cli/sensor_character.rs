//! `ergometer doctor --characterise`.

use super::context::{Context, Outcome};
use super::output;
use crate::harness::characterise::store;
use crate::harness::sensor::Roots;
use crate::pipeline::sensor_character;
use anyhow::Context as _;
use clap::Args;
use std::fmt::Write as _;

/// Options that belong to the characterisation of sensors.
#[derive(Debug, Args)]
pub(super) struct CharacteriseFlags {
    /// Measure update period, averaging window, resolution and gain of every sensor (about a minute a card, under
    /// load), and store them for later measurements.
    #[arg(long)]
    pub(super) characterise: bool,
    /// Characterise the sensors of a virtual device (a100, h100, xeon), whose truth is known; nothing is stored.
    #[arg(long, requires = "characterise", value_name = "PRESET")]
    vnode: Option<String>,
}

pub(super) fn run(context: &Context, flags: &CharacteriseFlags) -> anyhow::Result<Outcome> {
    let mut say = |text: &str| context.say(text);
    let outcome = if let Some(preset) = &flags.vnode {
        let folder = tempfile_folder()?;
        sensor_character::of_virtual(preset, context.seed(), &folder.join("state.json"), &mut say)
            .inspect(|_| drop(std::fs::remove_dir_all(&folder)))?
    } else {
        let folder = store::folder().context(
            "there is no state directory to keep the result in: set HOME, XDG_STATE_HOME or ERGOMETER_STATE_DIR",
        )?;
        sensor_character::of_machine(&Roots::system(), &folder, &mut say)?
    };
    if context.globals.json {
        output::json(&outcome)?;
        return Ok(Outcome::Done);
    }
    let mut text = String::new();
    for found in &outcome.found {
        writeln!(text, "{found}")?;
    }
    if !outcome.truth.is_empty() {
        writeln!(
            text,
            "virtual: these sensors say nothing about real hardware, and nothing is stored. The preset has"
        )?;
        outcome.truth.iter().try_for_each(|line| writeln!(text, "  {line}"))?;
    }
    for file in &outcome.files {
        writeln!(text, "stored in {}", file.display())?;
    }
    if outcome.found.is_empty() {
        writeln!(text, "no sensor to characterise:")?;
    }
    outcome.absent.iter().try_for_each(|reason| writeln!(text, "  absent: {reason}"))?;
    output::text(&text)?;
    Ok(Outcome::Done)
}

/// A folder of this process for the virtual device's state.
fn tempfile_folder() -> anyhow::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("ergometer-characterise-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    Ok(folder)
}
