//! Rows gathered into what the tables compare: time and energy by device, workload, setting and block.

use super::TableError;
use ergometer_record::{Component, Kernel, KernelSpec, Provenance, Row, Setting, Technique, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Which energies may stand in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accept {
    /// Energies of the virtual node.
    pub virtual_node: bool,
    /// Energies of a model, such as the DRAM model.
    pub modelled: bool,
}

impl Accept {
    /// Everything; tables are labelled accordingly.
    pub const ALL: Self = Self { virtual_node: true, modelled: true };

    pub(super) fn accepts(self, provenance: Provenance) -> bool {
        match provenance {
            Provenance::Counter | Provenance::Integrated => true,
            Provenance::Virtual => self.virtual_node,
            Provenance::Modelled => self.modelled,
            Provenance::Absent => false,
        }
    }
}

/// Time and energy of one execution in one block: the means over its repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// In s.
    pub time_s: f64,
    /// Of the system (components that contain one another counted once), in J.
    pub energy_j: f64,
}

impl Cost {
    /// Energy-delay product, in J s.
    pub fn edp(&self) -> f64 {
        self.energy_j * self.time_s
    }

    /// Energy times the square of time, in J s^2: it weighs time more, as where time is what users wait for.
    pub fn ed2p(&self) -> f64 {
        self.energy_j * self.time_s * self.time_s
    }
}

/// One setting of one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its label in tables.
    pub label: String,
    /// The setting, where the sweep was ours.
    pub setting: Option<Setting>,
    /// Which lever it pulls.
    pub technique: Technique,
    /// Its verdicts over all blocks.
    pub verdicts: BTreeSet<Verdict>,
    /// Cost by block.
    pub blocks: BTreeMap<u32, Cost>,
    /// Mean power of each component by block, in W; empty where only the sum is known.
    pub powers: BTreeMap<Component, BTreeMap<u32, f64>>,
}

impl Point {
    /// True when a gain may be credited to it: every one of its verdicts allows that.
    pub fn is_credited(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.credits_gain())
    }
}

/// One kernel (or foreign workload) with its baseline and its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its label in tables.
    pub label: String,
    /// The kernel, where the sweep was ours.
    pub spec: Option<KernelSpec>,
    /// What the others are compared with.
    pub baseline: Point,
    /// The settings, in the order in which they first appear by technique and value.
    pub points: Vec<Point>,
}

/// Everything measured on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Executor and device name.
    pub name: String,
    /// Where the energies come from.
    pub provenances: BTreeSet<Provenance>,
    /// Components whose sum is the energy.
    pub components: BTreeSet<Component>,
    /// What was run.
    pub workloads: Vec<Workload>,
    /// What a reader must know: points without energy, workloads without baseline.
    pub remarks: Vec<String>,
}

impl Device {
    /// `VIRTUAL`, `MODELLED`, both, or nothing: stands in every title.
    pub fn label(&self) -> Option<&'static str> {
        super::heading::label(&self.provenances)
    }
}

/// Repeats of one point: what one window gave.
type Windows<'a> = BTreeMap<(u32, u32), Vec<&'a Row>>;

/// Gathers rows by device. Idle windows and probes are left out: they are not workloads.
///
/// # Errors
/// No row has an energy that `accept` allows.
pub fn gather(rows: &[Row], accept: Accept) -> Result<Vec<Device>, TableError> {
    let mut devices: BTreeMap<String, BTreeMap<String, Vec<&Row>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.spec.kernel != Kernel::Idle && !row.spec.kernel.is_probe()) {
        let device = devices.entry(format!("{} ({})", row.device, row.executor)).or_default();
        device.entry(workload_label(row)).or_default().push(row);
    }
    let mut gathered = Vec::new();
    for (name, workloads) in devices {
        let mut device = Device {
            name,
            provenances: BTreeSet::new(),
            components: BTreeSet::new(),
            workloads: Vec::new(),
            remarks: Vec::new(),
        };
        for (label, rows) in workloads {
            workload(&mut device, label, &rows, accept);
        }
        if !device.workloads.is_empty() {
            gathered.push(device);
        }
    }
    if gathered.is_empty() {
        let left_out: BTreeSet<Provenance> =
            rows.iter().map(|row| row.provenance).filter(|p| !accept.accepts(*p)).collect();
        let names: Vec<&str> = left_out.iter().map(|p| p.name()).collect();
        let left_out = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(TableError::NothingMeasured { left_out });
    }
    Ok(gathered)
}

pub(super) fn workload_label(row: &Row) -> String {
    let mut label = row.spec.to_string();
    if !row.tier.is_empty() && row.tier != "virtual" {
        label.push_str(&format!(" {}", row.tier));
    }
    if row.threads > 0 {
        label.push_str(&format!(" t{}", row.threads));
    }
    label
}

fn workload(device: &mut Device, label: String, rows: &[&Row], accept: Accept) {
    let mut settings: Vec<(&Setting, Windows<'_>, BTreeSet<Verdict>)> = Vec::new();
    for row in rows {
        let index = settings.iter().position(|(setting, ..)| **setting == row.setting).unwrap_or_else(|| {
            settings.push((&row.setting, BTreeMap::new(), BTreeSet::new()));
            settings.len() - 1
        });
        let (_, windows, verdicts) = &mut settings[index];
        windows.entry((row.block, row.repeat)).or_default().push(row);
        verdicts.insert(row.verdict);
    }
    let mut baseline = None;
    let mut points = Vec::new();
    for (setting, windows, verdicts) in settings {
        let (blocks, powers) = costs(device, &windows, accept);
        if blocks.is_empty() {
            device.remarks.push(format!("{label} under {setting}: no energy that may stand here, left out"));
            continue;
        }
        let technique = setting.technique();
        let point =
            Point { label: short(setting), setting: Some(setting.clone()), technique, verdicts, blocks, powers };
        if setting.is_baseline() {
            baseline = Some(point);
        } else {
            points.push(point);
        }
    }
    points.sort_by(|a, b| {
        let key = |p: &Point| p.setting.as_ref().map_or((0.0, String::new()), sort_key);
        let ((x, s), (y, t)) = (key(a), key(b));
        a.technique.cmp(&b.technique).then(y.total_cmp(&x)).then(s.cmp(&t))
    });
    match baseline {
        Some(baseline) => {
            device.workloads.push(Workload { label, spec: rows.first().map(|row| row.spec), baseline, points });
        }
        None => device.remarks.push(format!("{label}: no baseline with energy, left out")),
    }
}

/// Power by component and block.
type Powers = BTreeMap<Component, BTreeMap<u32, f64>>;

/// Cost by block, and the powers behind it: repeats averaged, components summed.
fn costs(device: &mut Device, windows: &Windows<'_>, accept: Accept) -> (BTreeMap<u32, Cost>, Powers) {
    let mut sums: BTreeMap<u32, (f64, f64, f64)> = BTreeMap::new();
    let mut energies: BTreeMap<(Component, u32), f64> = BTreeMap::new();
    for ((block, _), rows) in windows {
        let used: Vec<&&Row> = rows.iter().filter(|row| !contained(row.component, rows)).collect();
        let joules: Option<Vec<f64>> = used
            .iter()
            .map(|row| row.energy.filter(|_| accept.accepts(row.provenance)).map(|energy| energy.0))
            .collect();
        // A sum with a hole is no sum: the window has no energy.
        let (Some(joules), Some(first)) = (joules, used.first()) else { continue };
        let sum_j: f64 = joules.iter().sum();
        if sum_j <= 0.0 {
            continue;
        }
        device.provenances.extend(used.iter().map(|row| row.provenance));
        device.components.extend(used.iter().map(|row| row.component));
        for (row, joules) in used.iter().zip(&joules) {
            *energies.entry((row.component, *block)).or_default() += joules;
        }
        let sum = sums.entry(*block).or_default();
        *sum = (sum.0 + first.time.0, sum.1 + sum_j, sum.2 + 1.0);
    }
    let mut powers = Powers::new();
    for ((component, block), joules) in energies {
        let time_s = sums.get(&block).map_or(f64::NAN, |(time, ..)| *time);
        powers.entry(component).or_default().insert(block, joules / time_s);
    }
    let costs = sums.into_iter().map(|(block, (t, e, n))| (block, Cost { time_s: t / n, energy_j: e / n }));
    (costs.collect(), powers)
}

/// True when another component of the same window already contains this one's energy.
fn contained(component: Component, rows: &[&Row]) -> bool {
    rows.iter().any(|row| row.energy.is_some() && row.component.contains(component))
}

fn sort_key(setting: &Setting) -> (f64, String) {
    let value = [
        setting.gpu_clock_hz.map(|hz| hz.0),
        setting.cpu_max_hz.map(|hz| hz.0),
        setting.gpu_cap_w.map(|w| w.0),
        setting.cpu_cap_w.map(|w| w.0),
        setting.cpu_cap_short_w.map(|w| w.0),
    ];
    (value.into_iter().flatten().next().unwrap_or(0.0), setting.to_string())
}

/// The value as the columns of tables 3.19 to 3.24 write it: GHz, W, or the governor's name.
fn short(setting: &Setting) -> String {
    let clock = setting.gpu_clock_hz.or(setting.cpu_max_hz);
    let cap = setting.gpu_cap_w.or(setting.cpu_cap_w);
    let others = Setting {
        gpu_clock_hz: None,
        cpu_max_hz: None,
        gpu_cap_w: None,
        cpu_cap_w: None,
        governor: None,
        ..setting.clone()
    };
    match (clock, cap, &setting.governor) {
        (Some(hz), None, None) if others.is_baseline() => format!("{}", hz.0 / 1e9),
        (None, Some(w), None) if others.is_baseline() => format!("{}", w.0),
        (None, None, Some(governor)) if others.is_baseline() => governor.clone(),
        _ => setting.to_string(),
    }
}
