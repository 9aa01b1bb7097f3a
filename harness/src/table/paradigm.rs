//! Kernels by code version or by threads: time, energy, the application's part of it, and the gains over the first line
//! (tables 3.15 and 3.16 of the thesis).

use super::TableError;
use super::data::Accept;
use super::gain::LEVEL;
use super::grid::Grid;
use super::heading::label;
use super::idle::IdleModel;
use ergometer_record::measurement::Domain;
use ergometer_record::number::{prefix, with_half_width};
use ergometer_record::{Kernel, KernelSpec, Provenance, Row, stats};
use std::collections::{BTreeMap, BTreeSet};

/// What the lines of a table differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paradigm {
    /// The code version (instruction-set tier), at one number of threads: table 3.15.
    Simd,
    /// The number of threads, of one code version: table 3.16.
    Threads,
}

/// The order of code versions; others follow, by name.
const VERSIONS: [&str; 4] = ["scalar", "sse", "avx2", "avx512"];
/// Energies that a table shows; those that others contain are left out.
const DOMAINS: [Domain; 4] = [Domain::Package, Domain::Dram, Domain::Gpu, Domain::Meter];

/// A mean over windows, per execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// In s or J.
    pub value: f64,
    /// Standard uncertainty of the mean: scatter between windows, and of an application's energy also the idle line;
    /// `None` from a single window.
    pub u: Option<f64>,
    /// Windows.
    pub n: usize,
}

impl Mean {
    fn of(samples: &[f64], also_u: f64) -> Option<Self> {
        let n = samples.len();
        let scatter = stats::standard_deviation(samples).map(|s| s / (n as f64).sqrt());
        Some(Self { value: stats::mean(samples)?, u: scatter.map(|s| s.hypot(also_u)), n })
    }

    /// Half the 95 % interval.
    pub fn half_width(&self) -> Option<f64> {
        Some(stats::t_quantile(LEVEL, self.n as f64 - 1.0) * self.u?)
    }

    /// `base` over this, with the half width of its 95 % interval; windows of two lines are independent.
    pub fn gain_over(&self, base: &Self) -> (f64, Option<f64>) {
        let gain = base.value / self.value;
        if std::ptr::eq(self, base) {
            return (1.0, None);
        }
        let relative = self.u.zip(base.u).map(|(a, b)| (a / self.value).hypot(b / base.value));
        // The smaller of the two degrees of freedom is conservative.
        let t = stats::t_quantile(LEVEL, (self.n.min(base.n) as f64 - 1.0).max(1.0));
        (gain, relative.map(|r| t * r * gain.abs()))
    }
}

/// Energy of one domain in one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DomainEnergy {
    /// Of everything that ran.
    pub total: Mean,
    /// Less the idle energy of the same time (eq. 3.2); `None` without idle windows.
    pub app: Option<Mean>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Code version or threads.
    pub version: String,
    /// Time of one execution.
    pub time: Mean,
    /// By domain, where it was measured.
    pub energies: BTreeMap<Domain, DomainEnergy>,
}

/// One kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Kernel, size, precision, and what all lines have in common.
    pub label: String,
    /// The first line is what the others are compared with.
    pub lines: Vec<Line>,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct ParadigmTable {
    /// What the lines differ in.
    pub paradigm: Paradigm,
    /// Device and executor.
    pub device: String,
    /// Where the energies come from.
    pub provenances: BTreeSet<Provenance>,
    /// Kernels with two lines or more.
    pub workloads: Vec<Workload>,
}

impl Paradigm {
    fn version(self, row: &Row) -> String {
        match self {
            Self::Simd => row.tier.clone(),
            Self::Threads => row.threads.to_string(),
        }
    }

    /// What the lines of a kernel have in common.
    fn common(self, row: &Row) -> String {
        match self {
            Self::Simd if row.threads > 1 => format!("{} threads", row.threads),
            Self::Simd => String::new(),
            Self::Threads => row.tier.clone(),
        }
    }

    fn rank(self, version: &str) -> (usize, String) {
        let rank = match self {
            Self::Simd => VERSIONS.iter().position(|v| *v == version).unwrap_or(VERSIONS.len()),
            Self::Threads => version.parse().unwrap_or(usize::MAX),
        };
        (rank, version.to_owned())
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Simd => "Code ver.",
            Self::Threads => "#Th",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Simd => "time and energy by code version",
            Self::Threads => "time and energy by threads",
        }
    }
}

type Key = (KernelSpec, String);
/// Rows by version, with its rank.
type Versions<'a> = BTreeMap<(usize, String), Vec<&'a Row>>;

/// Rows of the fewest threads of each device: those that table 3.15 compares code versions with.
pub fn sequential(rows: &[Row]) -> Vec<Row> {
    let kernels = || rows.iter().filter(|row| row.threads > 0 && row.spec.kernel != Kernel::Idle);
    let fewest = |row: &Row| kernels().filter(|r| r.device == row.device).map(|r| r.threads).min();
    rows.iter().filter(|r| r.spec.kernel == Kernel::Idle || Some(r.threads) == fewest(r)).cloned().collect()
}

/// The tables of `rows` at the settings as found, one a device.
///
/// # Errors
/// No kernel was run with two code versions, or thread counts.
pub fn tables(rows: &[Row], paradigm: Paradigm, accept: Accept) -> Result<Vec<ParadigmTable>, TableError> {
    let models = IdleModel::of(rows);
    let mut devices: BTreeMap<String, BTreeMap<Key, Versions<'_>>> = BTreeMap::new();
    let kernels = rows.iter().filter(|r| r.spec.kernel != Kernel::Idle && !r.spec.kernel.is_probe());
    for row in kernels.filter(|row| row.setting.is_baseline() && row.threads > 0) {
        let workloads = devices.entry(super::idle::device(row)).or_default();
        let lines = workloads.entry((row.spec, paradigm.common(row))).or_default();
        lines.entry(paradigm.rank(&paradigm.version(row))).or_default().push(row);
    }
    let mut tables = Vec::new();
    for (device, workloads) in devices {
        let mut table = ParadigmTable { paradigm, device, provenances: BTreeSet::new(), workloads: Vec::new() };
        for ((spec, common), lines) in workloads {
            let lines: Vec<Line> =
                lines.iter().filter_map(|((_, version), rows)| table.line(version, rows, &models, accept)).collect();
            if lines.len() > 1 {
                table.workloads.push(Workload { label: format!("{spec} {common}").trim_end().to_owned(), lines });
            }
        }
        if !table.workloads.is_empty() {
            tables.push(table);
        }
    }
    if tables.is_empty() { Err(TableError::OneVersion { what: paradigm.heading().to_owned() }) } else { Ok(tables) }
}

impl ParadigmTable {
    fn line(&mut self, version: &str, rows: &[&Row], models: &[IdleModel], accept: Accept) -> Option<Line> {
        let mut windows: BTreeMap<(u32, u32, u32), Vec<&Row>> = BTreeMap::new();
        for row in rows {
            windows.entry((row.block, row.order, row.repeat)).or_default().push(row);
        }
        let times: Vec<f64> = windows.values().filter_map(|rows| Some(rows.first()?.time.0)).collect();
        let mut energies = BTreeMap::new();
        for domain in DOMAINS {
            let (mut totals, mut apps, mut idle_us) = (Vec::new(), Vec::new(), Vec::new());
            for rows in windows.values() {
                let of: Vec<&&Row> = rows.iter().filter(|row| row.component.domain == domain).collect();
                let known = |row: &&&Row| row.energy.is_some() && accept.accepts(row.provenance);
                // A domain with a hole has no sum.
                if of.is_empty() || !of.iter().all(known) {
                    continue;
                }
                self.provenances.extend(of.iter().map(|row| row.provenance));
                totals.push(of.iter().filter_map(|row| Some(row.energy?.0)).sum::<f64>());
                let parts: Option<Vec<_>> =
                    of.iter().map(|row| IdleModel::for_row(models, row)?.energy_app(row)).collect();
                if let Some(parts) = parts {
                    apps.push(parts.iter().map(|part| part.energy.0).sum::<f64>());
                    idle_us.push(parts.iter().map(|part| part.idle_u.0.powi(2)).sum::<f64>().sqrt());
                }
            }
            // One window without the energy leaves the cell empty: the mean would be of other windows than the time's.
            if totals.len() == windows.len()
                && let Some(total) = Mean::of(&totals, 0.0)
            {
                // One idle line serves all windows: its error does not average out.
                let idle_u = stats::mean(&idle_us).unwrap_or(0.0);
                let app = if apps.len() == totals.len() { Mean::of(&apps, idle_u) } else { None };
                energies.insert(domain, DomainEnergy { total, app });
            }
        }
        Some(Line { version: version.to_owned(), time: Mean::of(&times, 0.0)?, energies })
    }

    /// Domains that a line of the table has; packages always.
    fn domains(&self) -> BTreeSet<Domain> {
        let lines = self.workloads.iter().flat_map(|w| &w.lines);
        lines.flat_map(|line| line.energies.keys().copied()).chain([Domain::Package]).collect()
    }

    fn all(&self, of: impl Fn(&Line) -> Option<f64>) -> f64 {
        self.workloads.iter().flat_map(|w| &w.lines).filter_map(of).fold(0.0, f64::max)
    }

    /// The layout of tables 3.15 and 3.16.
    pub fn grid(&self) -> Grid {
        let domains = self.domains();
        let (second, s) = prefix(self.all(|line| Some(line.time.value)));
        let (joule, j) = prefix(self.all(|line| line.energies.values().map(|e| e.total.value).reduce(f64::max)));
        let mut groups = vec![(String::new(), 1), ("time".to_owned(), 2)];
        let mut columns = vec![self.paradigm.heading().to_owned(), format!("[{s}s]"), "acc.".to_owned()];
        for domain in &domains {
            let (name, cells) = names(*domain);
            groups.extend([(format!("E{name} [{j}J]"), 2), (format!("E{name} acc."), 2)]);
            columns.extend([cells, cells].concat().iter().map(|&cell| cell.to_owned()));
        }
        let scaled = |mean: &Mean, by: f64| with_half_width(mean.value / by, mean.half_width().map(|half| half / by));
        let gain = |mean: &Mean, base: &Mean| {
            let (gain, half) = mean.gain_over(base);
            half.map_or_else(|| format!("{gain:.2}"), |half| with_half_width(gain, Some(half.max(0.005))))
        };
        let unknown = || "unknown".to_owned();
        let mut rows = Vec::new();
        for workload in &self.workloads {
            let mut heading = vec![String::new(); columns.len()];
            if let Some(first) = heading.first_mut() {
                first.clone_from(&workload.label);
            }
            rows.push(heading);
            let Some(base) = workload.lines.first() else { continue };
            for line in &workload.lines {
                let mut cells = vec![line.version.clone(), scaled(&line.time, second), gain(&line.time, &base.time)];
                for domain in &domains {
                    let (mine, first) = (line.energies.get(domain), base.energies.get(domain));
                    let parts: [fn(&DomainEnergy) -> Option<&Mean>; 2] = [|e| Some(&e.total), |e| e.app.as_ref()];
                    let values = parts.map(|part| mine.and_then(part).map_or_else(unknown, |m| scaled(m, joule)));
                    let gains = parts.map(|part| {
                        let both = mine.and_then(part).zip(first.and_then(part));
                        both.map_or_else(|| "-".to_owned(), |(mine, first)| gain(mine, first))
                    });
                    cells.extend(values);
                    cells.extend(gains);
                }
                rows.push(cells);
            }
        }
        let label = label(&self.provenances).map_or_else(String::new, |label| format!("{label}: "));
        Grid {
            title: format!("{label}{} on {}", self.paradigm.title(), self.device),
            groups,
            columns,
            rows,
            notes: self.notes(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Per execution: mean over the windows ± half the 95 % interval. acc.: the first line over this one; app: the \
             energy less the idle energy of the same time (eq. 3.2 to 3.4)."
                .to_owned(),
        ];
        let lines: Vec<&Line> = self.workloads.iter().flat_map(|w| &w.lines).collect();
        if lines.iter().any(|line| line.version == "scalar") {
            notes.push(
                "scalar is compiled code whose vectorisers are off; the thesis compiled its own with gcc -O0, so that its \
                 accelerations are larger for the same machine and do not compare."
                    .into(),
            );
        }
        if lines.iter().any(|line| !line.energies.contains_key(&Domain::Package)) {
            notes.push("Energies are unknown where no sensor gave them (`ergometer doctor` says why).".into());
        }
        if lines.iter().any(|line| line.energies.values().any(|e| e.app.is_none())) {
            notes.push(
                "Without idle windows of two lengths there is no E_app: `ergometer bench --paradigms` takes them."
                    .into(),
            );
        }
        if label(&self.provenances).is_some() {
            notes.push("These energies are not measurements of real hardware.".into());
        }
        notes
    }

    /// One line a cell with bare numbers in SI units: what the CSV holds.
    pub fn flat_grid(&self) -> Grid {
        let columns =
            ["device", "workload", "version", "quantity", "value", "half_width", "gain", "gain_half_width", "n"];
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6e}"));
        let mut rows = Vec::new();
        for workload in &self.workloads {
            let Some(base) = workload.lines.first() else { continue };
            for line in &workload.lines {
                let mut cells = vec![("time_s".to_owned(), Some(&line.time), Some(&base.time))];
                for (domain, energy) in &line.energies {
                    let first = base.energies.get(domain);
                    cells.push((format!("{}_j", domain.name()), Some(&energy.total), first.map(|e| &e.total)));
                    let app = first.and_then(|e| e.app.as_ref());
                    cells.push((format!("{}_app_j", domain.name()), energy.app.as_ref(), app));
                }
                for (quantity, mine, first) in cells {
                    let Some(mine) = mine else { continue };
                    let gain = first.map(|first| mine.gain_over(first));
                    rows.push(vec![
                        self.device.clone(),
                        workload.label.clone(),
                        line.version.clone(),
                        quantity,
                        number(Some(mine.value)),
                        number(mine.half_width()),
                        number(gain.map(|(gain, _)| gain)),
                        number(gain.and_then(|(_, half)| half)),
                        mine.n.to_string(),
                    ]);
                }
            }
        }
        Grid {
            title: String::new(),
            groups: Vec::new(),
            columns: columns.map(str::to_owned).to_vec(),
            rows,
            notes: Vec::new(),
        }
    }
}

/// The heading of a domain's energies, and its two columns.
fn names(domain: Domain) -> (String, [&'static str; 2]) {
    match domain {
        Domain::Package => (String::new(), ["PKG", "app."]),
        other => (format!(" {}", super::heading::domain_heading(other)), ["tot.", "app."]),
    }
}

#[cfg(test)]
mod tests;
