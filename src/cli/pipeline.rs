//! `ergometer pipeline`, which is also what plain `ergometer` does.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::pipeline::{Interrupted, full};
use crate::record::Manifest;
use crate::record::format::json;
use crate::report;
use anyhow::{Context as _, bail};
use clap::Args;
use std::path::{Path, PathBuf};

/// Options of `ergometer pipeline`.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// A first look in seconds: short windows, few sizes, three blocks.
    #[arg(long)]
    quick: bool,
    /// Go on with an interrupted run, in its folder.
    #[arg(long, value_name = "FOLDER")]
    resume: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Simulated seeds per policy.
    #[arg(long, value_name = "N")]
    seeds: Option<u32>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let place = options.report.clone().unwrap_or_else(|| PathBuf::from("report/index.html"));
    // Asked before minutes of work.
    if !context.globals.force && !report::may_replace(&place)? {
        return Err(report::ReportError::NotOurs { path: place }.into());
    }
    writable(&place)?;
    let settings = full::Options {
        seed: context.seed(),
        quick: options.quick,
        allow_control: context.globals.allow_control,
        seeds: options.seeds.unwrap_or(full::SEEDS).max(1),
    };
    let fresh = context.manifest("pipeline", full::devices(&settings)?, full::plan_text(&settings)?);
    let (folder, manifest) = match &options.resume {
        Some(folder) => (folder.clone(), resumable(folder, fresh)?),
        None => (context.run_folder("pipeline")?, fresh),
    };
    let watch = Watch::new(context);
    let result = full::run(&folder, &manifest, &settings, &watch);
    drop(watch);
    let outcome = match result {
        // One sentence for a stop that the user asked for, the cause in full for a failure; both say how to go on.
        Err(error) if error.is::<Interrupted>() => bail!("{error}; {}", go_on(&folder, &settings)),
        Err(error) => return Err(error.context(format!("the run did not finish ({})", go_on(&folder, &settings)))),
        Ok(outcome) => outcome,
    };
    if context.globals.force {
        report::overwrite(&place, &outcome.report)?;
    } else {
        report::write(&place, &outcome.report)?;
    }
    if context.globals.json {
        output::json(&outcome.report)?;
    } else {
        let mut text = String::new();
        for finding in &outcome.report.headline {
            text.push_str(&format!(
                "{:<9} {}\n",
                format!("[{}]", finding.origin.map_or("absent", |origin| origin.label())),
                finding.text
            ));
        }
        text.push_str(&format!("report: {}    results: {}\n", place.display(), folder.display()));
        output::text(&text)?;
    }
    Ok(Outcome::Done)
}

/// The command that goes on with an unfinished run.
fn go_on(folder: &Path, settings: &full::Options) -> String {
    let mut flags = String::new();
    if settings.quick {
        flags.push_str(" --quick");
    }
    if settings.allow_control {
        flags.push_str(" --allow-control");
    }
    if settings.seed != 1 {
        flags.push_str(&format!(" --seed {}", settings.seed));
    }
    if settings.seeds != full::SEEDS {
        flags.push_str(&format!(" --seeds {}", settings.seeds));
    }
    format!("go on with: ergometer pipeline --resume {}{flags}", folder.display())
}

/// Fails now, not after minutes, when the report can't be written.
fn writable(place: &Path) -> anyhow::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let hint =
        || format!("the report can't be written to {} (choose another place with --report FILE)", folder.display());
    std::fs::create_dir_all(folder).with_context(hint)?;
    // Created and removed again: permission bits alone tell too little (read-only mounts, root).
    let probe = folder.join(format!(".ergometer-{}", std::process::id()));
    std::fs::write(&probe, b"").with_context(hint)?;
    let _ = std::fs::remove_file(&probe);
    Ok(())
}

/// The manifest of an interrupted run, if it is the run that would be made now.
fn resumable(folder: &Path, fresh: Manifest) -> anyhow::Result<Manifest> {
    let file = folder.join(full::names::MANIFEST);
    let found: Manifest =
        json::read(&file).with_context(|| format!("{} is no run of the pipeline", folder.display()))?;
    if found.manifest_id != fresh.manifest_id {
        return Err(usage(format!(
            "{} was made with other options, another seed or another version ({} instead of {}): give the same ones, or start anew",
            folder.display(),
            found.manifest_id,
            fresh.manifest_id
        )));
    }
    Ok(found)
}
