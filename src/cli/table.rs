//! `ergometer table`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::cluster;
use crate::harness::table::paradigm::Paradigm;
use crate::harness::table::{
    Accept, Grid, Render, budget, edp_tables, foreign, frameworks, front, gather, idle, idle_threads, nodes, paradigm,
    powers, render, thesis,
};
use crate::pipeline::{figures, tables};
use crate::record::format::{foreign as format, rows};
use crate::record::{Kernel, Row};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

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
    /// Write every figure that the results have something for as an SVG file into this folder, instead of a table: EDP
    /// against time, power against setting, EDP against cap, gain by technique, bandwidth and power against threads.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["thesis", "mapping"])]
    figures: Option<PathBuf>,
    /// The thesis' own numbers of chapter 3 held against one another: printed beside recomputed, every difference shown.
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
    /// Settings that no other beats in time and energy, with the sweet spot (least EDP) and the least ED2P.
    Front,
    /// Power of each component as found and at each technique's least EDP (thesis tables 3.25 to 3.27).
    Powers,
    /// Idle power and energy over time with the regression, and by length of sleep and sleeping threads where there were
    /// several (thesis tables 3.13 and 3.14).
    Idle,
    /// Idle power and energy by length of sleep and sleeping threads (thesis table 3.14).
    IdleThreads,
    /// Time, energy and gains by code version on one thread, then by number of threads (thesis tables 3.15 and 3.16).
    Paradigms,
    /// Time, energy and gains by code version (thesis table 3.15).
    Simd,
    /// Time, energy and gains by number of threads (thesis table 3.16).
    Threads,
    /// Time, energy and power of card and host by what ran the kernel (thesis table 3.17).
    Frameworks,
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
    let accept = Accept { virtual_node: !options.no_virtual, modelled: options.with_modelled };
    if let Some(mapping) = &options.mapping {
        return theirs(context, mapping, &options, render);
    }
    let mut all = Vec::new();
    for file in &options.results {
        all.extend(rows::read(file)?);
    }
    if let Some(folder) = &options.figures {
        return draw(context, &all, folder);
    }
    if options.layout == Layout::Edp {
        return edp(context, &edp_tables(&all, accept)?, render);
    }
    print(context, &grids(options.layout, &all, accept, render)?, render)
}

fn print(context: &Context, grids: &[Grid], render: &dyn Render) -> anyhow::Result<Outcome> {
    if context.globals.json {
        output::json(&grids.iter().map(tables::grid_as_json).collect::<Vec<_>>())?;
    } else {
        output::text(&grids.iter().map(|grid| render.render(grid)).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Outcome::Done)
}

/// Somebody else's sweep, which has time, energy and setting, and nothing that the other layouts need.
fn theirs(context: &Context, mapping: &Path, options: &Options, render: &dyn Render) -> anyhow::Result<Outcome> {
    let mapping = format::read_mapping(mapping)?;
    let (mut found, mut fronts) = (Vec::new(), Vec::new());
    for file in &options.results {
        let (name, points) = (file_name(file), format::read(file, &mapping)?);
        match options.layout {
            Layout::Edp => found.push(foreign::table(&name, &points, &mapping)?),
            Layout::Front => fronts.push(front::grid(&foreign::device(&name, &points, &mapping)?)),
            _ => {
                return Err(usage(
                    "a CSV with --mapping gives the layouts edp and front; the others need more columns",
                ));
            }
        }
    }
    if options.layout == Layout::Edp { edp(context, &found, render) } else { print(context, &fronts, render) }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn edp(context: &Context, found: &[crate::harness::table::EdpTable], render: &dyn Render) -> anyhow::Result<Outcome> {
    if context.globals.json {
        output::json(&found.iter().map(tables::as_json).collect::<Vec<_>>())?;
    } else {
        output::text(&found.iter().map(|table| table.render(render)).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Outcome::Done)
}

/// The tables of a layout: the thesis' for people, one line a value for programs.
fn grids(layout: Layout, all: &[Row], accept: Accept, render: &dyn Render) -> anyhow::Result<Vec<Grid>> {
    let programs = render.for_programs();
    let by = |paradigm, of: &[Row]| -> anyhow::Result<Vec<Grid>> {
        let found = paradigm::tables(of, paradigm, accept)?;
        Ok(found.iter().map(|table| if programs { table.flat_grid() } else { table.grid() }).collect())
    };
    Ok(match layout {
        // Printed by `edp`, which has a JSON form of its own.
        Layout::Edp => {
            edp_tables(all, accept)?.iter().map(|t| if programs { t.flat_grid() } else { t.grid() }).collect()
        }
        Layout::Front => gather(all, accept)?.iter().map(front::grid).collect(),
        Layout::Powers => {
            let found: Vec<_> = gather(all, accept)?.iter().map(powers::table).collect();
            found.iter().map(|table| if programs { table.flat_grid() } else { table.grid() }).collect()
        }
        Layout::Idle => {
            let mut both: Vec<Grid> = idle::tables(&asleep_alone(all)).iter().map(idle::IdleTable::grid).collect();
            both.extend(idle_threads::tables(all).iter().map(idle_threads::IdleThreads::grid));
            some(both, NO_IDLE)?
        }
        Layout::IdleThreads => {
            some(idle_threads::tables(all).iter().map(idle_threads::IdleThreads::grid).collect(), NO_SLEEPERS)?
        }
        Layout::Paradigms => {
            let sequential = paradigm::sequential(all);
            let (versions, threads) = (by(Paradigm::Simd, &sequential), by(Paradigm::Threads, all));
            match (versions, threads) {
                (Ok(mut both), Ok(threads)) => {
                    both.extend(threads);
                    both
                }
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
                (Err(error), Err(_)) => return Err(error),
            }
        }
        Layout::Simd => by(Paradigm::Simd, all)?,
        Layout::Threads => by(Paradigm::Threads, all)?,
        Layout::Frameworks => {
            let table = frameworks::table(all, accept)?;
            vec![if programs { table.flat_grid() } else { table.grid() }]
        }
        Layout::Budget => vec![budget::grid(&budget::budgets(all))],
        // Has rows of its own and was printed above.
        Layout::Nodes => Vec::new(),
    })
}

/// Energies by node have rows of their own.
fn by_node(context: &Context, files: &[PathBuf], render: &dyn Render) -> anyhow::Result<Outcome> {
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

/// The idle windows of table 3.13, in which nothing but the measuring thread slept.
fn asleep_alone(all: &[Row]) -> Vec<Row> {
    all.iter().filter(|row| row.spec.kernel == Kernel::Idle && row.threads <= 1).cloned().collect()
}

const NO_IDLE: &str = "idle energy is unknown: the results hold no idle windows with an energy. Take them with `ergometer bench \
                       --paradigms` or a plan with an [idle] section, on a machine whose energy can be read (`ergometer \
                       doctor` says what is missing), or on the virtual node: `ergometer bench --device vnode-xeon --paradigms`";
const NO_SLEEPERS: &str = "the results hold no idle windows with several numbers of sleeping threads and an energy: take \
                           them with `ergometer bench --paradigms` on a machine whose energy can be read";

fn some(grids: Vec<Grid>, missing: &str) -> anyhow::Result<Vec<Grid>> {
    if grids.is_empty() { Err(usage(missing)) } else { Ok(grids) }
}

/// Writes the figures and names them.
fn draw(context: &Context, all: &[Row], folder: &Path) -> anyhow::Result<Outcome> {
    let written = figures::write(all, folder)?;
    if written.is_empty() {
        return Err(usage(
            "the results have nothing to draw: a sweep with energies gives EDP and power, a bench with several numbers of \
             threads gives bandwidth",
        ));
    }
    if context.globals.json {
        output::json(&written)?;
    } else {
        output::text(&written.iter().map(|path| format!("{}\n", path.display())).collect::<String>())?;
    }
    Ok(Outcome::Done)
}
