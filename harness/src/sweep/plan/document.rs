//! The TOML text of a plan, and its checks.

use super::{Group, Plan, PlanError};
use crate::window;
use ergometer_record::{Hertz, Kernel, KernelSpec, Precision, Seconds, Setting, Size, Watts};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    devices: Vec<String>,
    seed: u64,
    blocks: u32,
    repeats: Option<u32>,
    #[serde(default)]
    stop: StopSection,
    #[serde(default)]
    window: WindowSection,
    #[serde(default)]
    idle: IdleSection,
    #[serde(default)]
    limits: Limits,
    kernels: Vec<KernelGroup>,
    #[serde(default)]
    settings: Vec<SettingGroup>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StopSection {
    relative_interval: Option<f64>,
    most_repeats: Option<u32>,
    gain_interval: Option<f64>,
    most_blocks: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WindowSection {
    least_s: Option<f64>,
    periods: Option<f64>,
    longest_s: Option<f64>,
    slope: Option<SlopeName>,
    longest_warm_up_s: Option<f64>,
    steady_power: Option<f64>,
    steady_k: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum SlopeName {
    Auto,
    Always,
    Never,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct IdleSection {
    #[serde(default)]
    times_s: Vec<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Limits {
    temperature_c: Option<f64>,
    time_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KernelGroup {
    kernel: Kernel,
    sizes: Vec<Size>,
    precisions: Vec<Precision>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingGroup {
    device: Option<String>,
    governor: Option<Vec<String>>,
    epp: Option<Vec<String>>,
    turbo: Option<Vec<bool>>,
    cpu_min_mhz: Option<Vec<f64>>,
    cpu_max_mhz: Option<Vec<f64>>,
    cpu_cap_w: Option<Vec<f64>>,
    cpu_cap_short_w: Option<Vec<f64>>,
    gpu_clock_mhz: Option<Vec<f64>>,
    gpu_mem_clock_mhz: Option<Vec<f64>>,
    gpu_cap_w: Option<Vec<f64>>,
}

/// Reads and checks a plan.
pub(super) fn read(text: &str, path: &Path) -> Result<Plan, PlanError> {
    let document: Document =
        toml::from_str(text).map_err(|error| PlanError::Syntax { path: path.to_owned(), reason: error.to_string() })?;
    let value = |field: &str, found: String, expected: &str| PlanError::Value {
        path: path.to_owned(),
        field: field.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    let positive = |field: &str, x: f64| {
        if x > 0.0 && x.is_finite() {
            Ok(x)
        } else {
            Err(value(field, x.to_string(), "a positive number is needed there"))
        }
    };
    let positive_or = |field: &str, given: Option<f64>, or: f64| given.map_or(Ok(or), |x| positive(field, x));
    let section = &document.stop;
    for (field, n) in [
        ("blocks", Some(document.blocks)),
        ("repeats", document.repeats),
        ("stop.most_repeats", section.most_repeats),
        ("stop.most_blocks", section.most_blocks),
    ] {
        if let Some(n) = n.filter(|n| !(1..=10_000).contains(n)) {
            return Err(value(field, n.to_string(), "1 to 10000 are allowed"));
        }
    }
    let stop = match (document.repeats, section.relative_interval) {
        (Some(n), Some(_)) => {
            let expected = "stop.relative_interval repeats until the interval is narrow enough: give one of them";
            return Err(value("repeats", n.to_string(), expected));
        }
        (repeats, None) => window::StopRule::Fixed(repeats.unwrap_or(1)),
        (None, Some(half_width)) => {
            let half_width = positive("stop.relative_interval", half_width)?;
            window::StopRule::Relative(half_width, section.most_repeats.unwrap_or(30) as usize)
        }
    };
    if let (Some(n), None) = (section.most_repeats, section.relative_interval) {
        return Err(value("stop.most_repeats", n.to_string(), "it bounds stop.relative_interval, which is missing"));
    }
    let gain_interval = match (section.gain_interval, section.most_blocks) {
        (None, Some(n)) => {
            return Err(value("stop.most_blocks", n.to_string(), "it bounds stop.gain_interval, which is missing"));
        }
        (Some(_), Some(n)) if n < document.blocks => {
            return Err(value("stop.most_blocks", n.to_string(), "it can't be less than blocks, the least number"));
        }
        (target, most) => {
            let target = target.map(|x| positive("stop.gain_interval", x)).transpose()?;
            target.map(|target| (target, most.unwrap_or(document.blocks.max(30))))
        }
    };
    if document.devices.is_empty() {
        return Err(value("devices", "empty".into(), "at least one device must be named"));
    }
    let mut specs = Vec::new();
    for group in &document.kernels {
        for (size, precision) in
            group.sizes.iter().flat_map(|size| group.precisions.iter().map(move |precision| (*size, *precision)))
        {
            let spec = KernelSpec::new(group.kernel, size, precision)
                .map_err(|source| PlanError::Spec { path: path.to_owned(), source })?;
            if !specs.contains(&spec) {
                specs.push(spec);
            }
        }
    }
    if specs.is_empty() {
        return Err(value("kernels", "empty".into(), "at least one kernel with a size and a precision is needed"));
    }
    let defaults = window::Options::default();
    let section = &document.window;
    let window = window::Options {
        least_time: Seconds(positive_or("window.least_s", section.least_s, defaults.least_time.0)?),
        periods: positive_or("window.periods", section.periods, defaults.periods)?,
        longest_window: Seconds(positive_or("window.longest_s", section.longest_s, defaults.longest_window.0)?),
        slope: section.slope.map_or(defaults.slope, |name| match name {
            SlopeName::Auto => window::Slope::Auto,
            SlopeName::Always => window::Slope::Always,
            SlopeName::Never => window::Slope::Never,
        }),
        longest_warm_up: Seconds(positive_or(
            "window.longest_warm_up_s",
            section.longest_warm_up_s,
            defaults.longest_warm_up.0,
        )?),
        steady_power: positive_or("window.steady_power", section.steady_power, defaults.steady_power)?,
        steady_k: positive_or("window.steady_k", section.steady_k, defaults.steady_k)?,
    };
    let idle = document.idle.times_s.iter().map(|t| positive("idle.times_s", *t).map(Seconds));
    let idle = idle.collect::<Result<_, _>>()?;
    for (field, list) in document.settings.iter().flat_map(SettingGroup::numbers) {
        for x in list {
            positive(field, *x)?;
        }
    }
    let temperature_limit_c = document.limits.temperature_c;
    let time_budget = document.limits.time_s.map(|t| positive("limits.time_s", t).map(Seconds)).transpose()?;
    let groups = document.settings.iter().map(SettingGroup::expand).collect();
    Ok(Plan {
        name: document.name,
        devices: document.devices,
        seed: document.seed,
        blocks: document.blocks,
        gain_interval,
        stop,
        window,
        idle,
        temperature_limit_c,
        time_budget,
        specs,
        groups,
        text: text.to_owned(),
    })
}

impl SettingGroup {
    fn numbers(&self) -> impl Iterator<Item = (&'static str, &[f64])> {
        [
            ("settings.cpu_min_mhz", &self.cpu_min_mhz),
            ("settings.cpu_max_mhz", &self.cpu_max_mhz),
            ("settings.cpu_cap_w", &self.cpu_cap_w),
            ("settings.cpu_cap_short_w", &self.cpu_cap_short_w),
            ("settings.gpu_clock_mhz", &self.gpu_clock_mhz),
            ("settings.gpu_mem_clock_mhz", &self.gpu_mem_clock_mhz),
            ("settings.gpu_cap_w", &self.gpu_cap_w),
        ]
        .into_iter()
        .filter_map(|(name, list)| list.as_deref().map(|list| (name, list)))
    }

    /// The product of the lists.
    fn expand(&self) -> Group {
        let mut settings = vec![Setting::default()];
        let clock = |mhz: f64| Some(Hertz::from_mhz(mhz));
        vary(&mut settings, &self.governor, |s, v| s.governor = Some(v.clone()));
        vary(&mut settings, &self.epp, |s, v| s.epp = Some(v.clone()));
        vary(&mut settings, &self.turbo, |s, v| s.turbo = Some(*v));
        vary(&mut settings, &self.cpu_min_mhz, |s, v| s.cpu_min_hz = clock(*v));
        vary(&mut settings, &self.cpu_max_mhz, |s, v| s.cpu_max_hz = clock(*v));
        vary(&mut settings, &self.cpu_cap_w, |s, v| s.cpu_cap_w = Some(Watts(*v)));
        vary(&mut settings, &self.cpu_cap_short_w, |s, v| s.cpu_cap_short_w = Some(Watts(*v)));
        vary(&mut settings, &self.gpu_clock_mhz, |s, v| s.gpu_clock_hz = clock(*v));
        vary(&mut settings, &self.gpu_mem_clock_mhz, |s, v| s.gpu_mem_clock_hz = clock(*v));
        vary(&mut settings, &self.gpu_cap_w, |s, v| s.gpu_cap_w = Some(Watts(*v)));
        settings.retain(|s| !s.is_baseline());
        Group { device: self.device.clone(), settings }
    }
}

fn vary<T>(settings: &mut Vec<Setting>, values: &Option<Vec<T>>, set: impl Fn(&mut Setting, &T)) {
    let Some(values) = values else { return };
    *settings = settings
        .iter()
        .flat_map(|setting| {
            values.iter().map(|value| {
                let mut new = setting.clone();
                set(&mut new, value);
                new
            })
        })
        .collect();
}
