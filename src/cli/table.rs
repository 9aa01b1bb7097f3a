//! `ergometer table`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::cluster;
use crate::harness::table::{Accept, EdpTable, budget, edp_tables, foreign, idle, nodes, render, thesis};
use crate::record::format::{foreign as format, rows};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options of `ergometer table`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Results: our own CSV, or with --mapping any CSV of a sweep.
    #[arg(value_name = "RESULTS", required_unless_present = "thesis", conflicts_with = "thesis")]
    results: Vec<PathBuf>,
    /// Which columns of a foreign CSV mean what (TOML).
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Format of the table.
    #[arg(long, default_value = "text", value_parser = ["text", "markdown", "latex", "csv"])]
    format: String,
    /// Which table.
    #[arg(long, value_enum, default_value_t = Layout::Edp)]
    layout: Layout,
    /// The printed gains of thesis tables 3.19 to 3.24 beside those that follow from its powers, every difference shown.
    #[arg(long)]
    thesis: bool,
    /// Let energies of models (the DRAM model) count, labelled.
    #[arg(long)]
    with_modelled: bool,
    /// Leave energies of the virtual node out instead of labelling them.
    #[arg(long)]
    no_virtual: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// Best EDP gain, time change and setting per technique (thesis tables 3.19 to 3.24).
    Edp,
    /// Idle power and energy over time with the regression (thesis table 3.13).
    Idle,
    /// Where the uncertainty of each energy comes from: quantisation, update period, gain, scatter, idle subtraction.
    Budget,
    /// Energy by node, from what `ergometer run --nodes FILE` wrote (thesis tables 3.7 to 3.10).
    Nodes,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let name = if context.globals.json { "csv" } else { &options.format };
    let render = render::format(name).ok_or_else(|| usage(format!("there is no format {name}")))?;
    if options.thesis {
        output::text(&thesis::render(render))?;
        return Ok(Outcome::Done);
    }
    if options.layout == Layout::Nodes {
        return by_node(context, &options.results, render);
    }
    let mut text = String::new();
    let mut add = |rendered: String| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&rendered);
    };
    let mut tables: Vec<EdpTable> = Vec::new();
    if let Some(mapping) = &options.mapping {
        let mapping = format::read_mapping(mapping)?;
        for file in &options.results {
            let points = format::read(file, &mapping)?;
            let name =
                file.file_name().map_or_else(|| file.display().to_string(), |n| n.to_string_lossy().into_owned());
            tables.push(foreign::table(&name, &points, &mapping)?);
        }
    } else {
        let mut all = Vec::new();
        for file in &options.results {
            all.extend(rows::read(file)?);
        }
        match options.layout {
            Layout::Idle => {
                let found = idle::tables(&all);
                if found.is_empty() {
                    return Err(usage(
                        "the results hold no idle windows with an energy: give the plan an [idle] section",
                    ));
                }
                found.iter().for_each(|table| add(render.render(&table.grid())));
            }
            // Has rows of its own and was printed above.
            Layout::Nodes => {}
            Layout::Budget => add(render.render(&budget::grid(&budget::budgets(&all)))),
            Layout::Edp => {
                let accept = Accept { virtual_node: !options.no_virtual, modelled: options.with_modelled };
                tables = edp_tables(&all, accept)?;
            }
        }
    }
    if context.globals.json {
        output::json(&tables.iter().map(crate::pipeline::tables::as_json).collect::<Vec<_>>())?;
        return Ok(Outcome::Done);
    }
    tables.iter().for_each(|table| add(table.render(render)));
    output::text(&text)?;
    Ok(Outcome::Done)
}

/// Energies by node have rows of their own.
fn by_node(context: &Context, files: &[PathBuf], render: &dyn render::Render) -> anyhow::Result<Outcome> {
    let mut all = Vec::new();
    for file in files {
        all.extend(cluster::rows::read(file)?);
    }
    if context.globals.json {
        output::json(&all)?;
    } else {
        let tables: Vec<String> = nodes::tables(&all).iter().map(|table| render.render(table)).collect();
        output::text(&tables.join("\n"))?;
    }
    Ok(Outcome::Done)
}
