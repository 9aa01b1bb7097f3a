//! `ergometer doctor --memory-model`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::clock::RealClock;
use crate::harness::footprint::{FootprintError, Heap, Sensors, bound_bytes, compare, sizes};
use crate::harness::sensor::Roots;
use crate::harness::table::render::{Render, Text};
use crate::pipeline::memory_model::{energy_plot, grid, time_plot};
use crate::record::Seconds;
use clap::Args;

/// Options that belong to the comparison of the DRAM model.
#[derive(Debug, Args)]
pub(super) struct MemoryFlags {
    /// Allocate and stream memory of growing size: the DRAM model beside a measured DRAM domain (thesis figure 4.1).
    #[arg(long, conflicts_with = "characterise")]
    pub(super) memory_model: bool,
    /// The largest footprint, such as 512M or 8G; a quarter of the available memory by default, half at most.
    #[arg(long, requires = "memory_model", value_name = "SIZE", value_parser = bytes)]
    most: Option<u64>,
}

/// `512M`, `8G`, `8GiB`: powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let plain = text.trim().trim_end_matches(['b', 'B']).trim_end_matches('i');
    let (digits, shift) = match plain.chars().last().map(|c| c.to_ascii_uppercase()) {
        Some('K') => (&plain[..plain.len() - 1], 10),
        Some('M') => (&plain[..plain.len() - 1], 20),
        Some('G') => (&plain[..plain.len() - 1], 30),
        Some('T') => (&plain[..plain.len() - 1], 40),
        _ => (plain, 0),
    };
    let number: Option<u64> = digits.trim().parse().ok().filter(|n| *n > 0);
    number.and_then(|n| n.checked_mul(1 << shift)).ok_or_else(|| format!("{text:?} is no size such as 512M or 8G"))
}

pub(super) fn run(context: &Context, flags: &MemoryFlags) -> anyhow::Result<Outcome> {
    let roots = Roots::system();
    let most = bound_bytes(flags.most, &roots).map_err(|error| match error {
        error @ FootprintError::TooMuch { .. } => usage(error.to_string()),
        error => error.into(),
    })?;
    let mut sensors = Sensors::of(&roots);
    match (sensors.measured.is_empty(), &sensors.model) {
        (true, Ok(_)) => context.say("no DRAM domain is measured here: the modelled series stands alone"),
        (true, Err(_)) => context.say("no DRAM domain is measured here and there is no model: times alone"),
        (false, _) => {}
    }
    let folder = context.globals.out.is_some().then(|| context.run_folder("memory-model")).transpose()?;
    let (clock, mut heap) = (RealClock::new(), Heap::default());
    let steps = compare(&mut sensors, &mut heap, &clock, &sizes(most), Seconds(1.0), &mut |bytes| {
        context.say(format!("{} MiB", bytes >> 20));
        true
    })?;
    if let Some(folder) = &folder {
        let plots = [("energy", energy_plot(&steps)), ("time", time_plot(&steps))];
        output::study(folder, "memory-model", &grid(&steps, true), &plots)?;
        context.say(format!("written to {}", folder.display()));
    }
    if context.globals.json {
        output::json(&steps)?;
    } else {
        output::text(&Text.render(&grid(&steps, false)))?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(bytes("512M"), Ok(512 << 20));
        assert_eq!(bytes("8GiB"), Ok(8 << 30));
        assert_eq!(bytes("4096"), Ok(4096));
        for bad in ["", "G", "0", "-1", "1X", "99999999999T"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
