//! `ergometer advise`.

use super::compare::share;
use super::context::{Context, Outcome};
use super::output;
use crate::harness::table::advise::Advice;
use crate::harness::table::{Accept, advise, gather};
use crate::record::Interval;
use crate::record::format::rows;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Options of `ergometer advise`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Results of a sweep.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// The slowdown that you accept, such as 3%.
    #[arg(long, default_value = "3%", value_name = "SHARE")]
    slowdown: String,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let bound = share(&options.slowdown)?;
    let devices = gather(&rows::read(&options.results)?, Accept::ALL)?;
    let advice = advise::advise(&devices, bound);
    if context.globals.json {
        let ratio =
            |r: &crate::harness::table::gain::Ratio| json!({ "ratio": r.estimate, "interval": r.interval, "n": r.n });
        let list: Vec<_> = advice
            .iter()
            .map(|a| {
                json!({
                    "device": a.device, "workload": a.workload, "setting": a.setting, "commands": a.commands,
                    "energy": ratio(&a.choice.energy), "time": ratio(&a.choice.time), "label": a.label, "note": a.note,
                })
            })
            .collect();
        output::json(&list)?;
    } else {
        output::text(&text(&advice, bound))?;
    }
    Ok(Outcome::Done)
}

fn text(advice: &[Advice], bound: f64) -> String {
    let mut text = String::new();
    let mut device = None;
    for a in advice {
        if device != Some(&a.device) {
            device = Some(&a.device);
            let label = a.label.map_or_else(String::new, |label| format!("{label}: "));
            text.push_str(&format!(
                "{label}{}: the least energy for at most {:.1} % slowdown, against the machine as found (95 % intervals, from \
                 blocks that did not choose)\n",
                a.device,
                100.0 * bound
            ));
        }
        let range = |interval: Option<Interval>, text: fn(Interval) -> String| {
            interval.map_or_else(|| " (no interval)".to_owned(), text)
        };
        match &a.setting {
            None => {
                text.push_str(&format!("  {}: leave it as it is; nothing saves energy within the bound\n", a.workload))
            }
            Some(setting) => text.push_str(&format!(
                "  {}: {setting} saves {:.1} %{} of the energy and changes the time by {:+.1} %{}\n",
                a.workload,
                a.choice.energy.gain_pct(),
                range(a.choice.energy.gain_interval_pct(), |i| format!(" [{:.1}, {:.1}]", i.low, i.high)),
                a.choice.time.change_pct(),
                range(a.choice.time.change_interval_pct(), |i| format!(" [{:+.1}, {:+.1}]", i.low, i.high)),
            )),
        }
        for command in &a.commands {
            text.push_str(&format!("      {command}\n"));
        }
        if let Some(note) = &a.note {
            text.push_str(&format!("      {note}\n"));
        }
    }
    text
}
