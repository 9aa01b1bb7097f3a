//! `ergometer predict`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::workload::{ShapeOptions, build};
use crate::model::predict::{
    Axis, ModelKind, PredictionWithSpread, Sweep, predict, predict_with_spread, sweep, what_if,
};
use crate::model::{DeviceModel, RunConfig};
use crate::record::stats::human_time;
use crate::record::{Hertz, Seconds, Setting, Watts};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fmt::Write as _;

/// Options of `ergometer predict`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A preset, a layer file (.toml) or an ONNX graph (.onnx).
    #[arg(value_name = "NETWORK")]
    network: String,
    #[command(flatten)]
    shape: ShapeOptions,
    /// A built-in device (a100-sxm4-40gb, h100-sxm5-80gb, …) or a device file, such as `calibrate` writes.
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// GPUs of the job, all on one node.
    #[arg(long, default_value_t = 1, value_name = "N")]
    gpus: u32,
    /// Passes per optimiser step.
    #[arg(long, default_value_t = 1, value_name = "N")]
    accumulation: u32,
    /// Power limit of each GPU, in watts.
    #[arg(long, value_name = "W")]
    cap: Option<f64>,
    /// Locked clock of each GPU, in MHz.
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Training samples of an epoch.
    #[arg(long, value_name = "N")]
    samples: Option<u64>,
    /// Which model answers: per-op or adept.
    #[arg(long, default_value = "per-op")]
    model: ModelKind,
    /// A changed device, such as l2=80MB,bandwidth=3e12, beside the device as it is.
    #[arg(long, value_name = "KEY=VALUE,…")]
    what_if: Option<String>,
    /// The predicted EDP over caps or clocks, and its minimum.
    #[arg(long, value_enum, value_name = "AXIS")]
    sweep: Option<AxisOption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AxisOption {
    /// Power limits.
    Cap,
    /// Locked clocks.
    Clock,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if options.gpus == 0 || options.accumulation == 0 {
        return Err(usage("--gpus and --accumulation are at least 1"));
    }
    let work = build(&options.network, &options.shape)?;
    let device = DeviceModel::find(&options.device)?;
    let setting = Setting {
        gpu_cap_w: options.cap.map(Watts),
        gpu_clock_hz: options.clock.map(Hertz::from_mhz),
        ..Setting::default()
    };
    let run = RunConfig { gpus: options.gpus, accumulation: options.accumulation, setting };
    let seed = context.seed();
    let spread = predict_with_spread(options.model, &device, &work, &run, options.samples, DRAWS, seed)?;
    let answer = &spread.prediction;
    let changed = options.what_if.as_deref().map(|changes| what_if(&device, changes)).transpose()?;
    let changed = changed.map(|device| predict(options.model, &device, &work, &run, options.samples)).transpose()?;
    let axis = options.sweep.map(|axis| match axis {
        AxisOption::Cap => Axis::Cap,
        AxisOption::Clock => Axis::Clock,
    });
    let curve = axis.map(|axis| sweep(&device, &work, &run, axis, 13)).transpose()?;
    if context.globals.json {
        output::json(&json!({ "prediction": spread, "what_if": changed, "sweep": curve }))?;
        return Ok(Outcome::Done);
    }
    let mut text = page(&spread)?;
    if let Some(changed) = &changed {
        writeln!(text, "\nwhat if {}:", options.what_if.as_deref().unwrap_or_default())?;
        let change = |new: f64, old: f64| 100.0 * (new / old - 1.0);
        writeln!(
            text,
            "  time {:+.1} %, energy {:+.1} %, EDP {:+.1} %",
            change(changed.step.time.0, answer.step.time.0),
            change(changed.step.energy.0, answer.step.energy.0),
            change(changed.edp_js, answer.edp_js)
        )?;
    }
    if let Some(curve) = &curve {
        text.push_str(&table(curve)?);
    }
    output::text(&text)?;
    Ok(Outcome::Done)
}

/// Devices drawn for the intervals.
const DRAWS: usize = 200;

fn page(spread: &PredictionWithSpread) -> Result<String, std::fmt::Error> {
    let answer = &spread.prediction;
    let mut text = String::new();
    let origin = match (answer.is_virtual, answer.is_calibrated) {
        (true, _) => "VIRTUAL: the device was calibrated from the virtual node and describes no real hardware",
        (false, true) => "modelled, from a calibrated device",
        (false, false) => {
            "modelled, from data sheets and assumptions: not calibrated, so errors of tens of percent are likely"
        }
    };
    writeln!(
        text,
        "{} on {} x {}, {} samples a step, {} ({origin})",
        answer.network, answer.gpus, answer.device, answer.samples_per_step, answer.setting
    )?;
    let step = &answer.step;
    writeln!(
        text,
        "  step   {:>12}  {:>9.1} W  {:>12.4} J  {:>12.5} J s  {:.1} samples/s at {:.0} MHz",
        human_time(step.time),
        step.power.0,
        step.energy.0,
        answer.edp_js,
        answer.samples_per_s,
        step.clock.mhz()
    )?;
    let intervals = &spread.intervals;
    writeln!(
        text,
        "  95 %   {} to {}, {:.0} to {:.0} W, {:.4} to {:.4} J, {:.5} to {:.5} J s ({})",
        human_time(Seconds(intervals.time_s.low)),
        human_time(Seconds(intervals.time_s.high)),
        intervals.power_w.low,
        intervals.power_w.high,
        intervals.energy_j.low,
        intervals.energy_j.high,
        intervals.edp_js.low,
        intervals.edp_js.high,
        if intervals.has_model_error {
            "what the calibration leaves open, its unexplained misfit included"
        } else {
            "what the assumed ranges leave open; nothing about the equations"
        }
    )?;
    if let Some(epoch) = &answer.epoch {
        writeln!(
            text,
            "  epoch  {:>12}  {:>9.1} W  {:>12.4} kWh  {:>10.4e} J s  {} steps",
            human_time(epoch.time),
            step.power.0,
            epoch.energy.kilowatt_hours(),
            epoch.edp_js,
            epoch.steps
        )?;
    }
    for phase in &step.phases {
        writeln!(text, "  {:<14} {:>12}  {:>9.1} W each", phase.name, human_time(phase.time), phase.power.0)?;
    }
    if !answer.classes.is_empty() {
        writeln!(text, "  what takes the time:")?;
        for class in &answer.classes {
            let term = format!("{:?}", class.dominant).to_lowercase();
            writeln!(text, "    {:<16} {:>12}  limited by {term}", class.class.name(), human_time(class.time))?;
        }
    }
    Ok(text)
}

fn table(curve: &Sweep) -> Result<String, std::fmt::Error> {
    let mut text = format!("\n  {:<20} {:>12} {:>9} {:>12} {:>12}\n", "setting", "time", "power", "energy", "EDP");
    for point in curve.points.iter().chain([&curve.baseline]) {
        let best = if point.setting == curve.best.setting { "  <- least EDP" } else { "" };
        writeln!(
            text,
            "  {:<20} {:>12} {:>7.1} W {:>10.4} J {:>10.5} J s{best}",
            point.setting,
            human_time(point.step.time),
            point.step.power.0,
            point.step.energy.0,
            point.edp_js
        )?;
    }
    Ok(text)
}
