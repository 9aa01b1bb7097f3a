//! One comparison: entrants in turn, round after round.

use crate::Options;
use crate::load::{MOST_CORES, Snapshot};
use ergometer_kernels::Tier;
use ergometer_record::Interval;
use ergometer_record::stats::{median, paired_ratio};
use std::time::Instant;

/// Seed of the bootstrap of ratios.
const SEED: u64 = 0xA11CE;

/// Who runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The kernel that peers are compared with: the first entrant.
    Ours,
    /// Another kernel of ours, named as such.
    Variant,
    Peer,
    /// A peer after an inspection of its operands: the rival of our inspected variant, not of the plain kernel.
    Inspected,
    /// What the machine can do at most, measured in the same rounds.
    Ceiling,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Variant => "variant",
            Self::Peer => "peer",
            Self::Inspected => "inspected",
            Self::Ceiling => "ceiling",
        }
    }
}

struct Entrant<'c> {
    name: String,
    kind: Kind,
    /// Work of one execution, in the contest's unit.
    work: f64,
    run: Box<dyn FnMut(u64) -> Result<(), String> + 'c>,
    iterations: u64,
    /// Seconds an execution, one a round.
    times: Vec<f64>,
}

/// One kernel at one size and thread count.
pub(crate) struct Contest<'c> {
    kernel: &'static str,
    precision: &'static str,
    size: String,
    threads: usize,
    tier: Tier,
    unit: &'static str,
    entrants: Vec<Entrant<'c>>,
}

/// How long and how often.
pub(crate) struct Rounds<'a> {
    options: &'a Options,
}

/// One entrant's result.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) kernel: &'static str,
    pub(crate) precision: &'static str,
    pub(crate) size: String,
    pub(crate) threads: usize,
    pub(crate) tier: Tier,
    pub(crate) entrant: String,
    pub(crate) kind: Kind,
    pub(crate) unit: &'static str,
    /// Median over the rounds.
    pub(crate) rate: f64,
    /// Our rate over this entrant's, paired by round; 1 for our own line, `None` under two rounds.
    pub(crate) ratio: Option<Interval>,
    pub(crate) rounds: usize,
    /// Rounds in which other processes stayed under the limit; `None` where the system does not tell.
    pub(crate) quiet_rounds: Option<usize>,
    /// Median over the rounds of the cores that other processes took.
    pub(crate) others: Option<f64>,
}

impl<'c> Contest<'c> {
    pub(crate) fn new(kernel: &'static str, precision: &'static str, size: String, threads: usize, tier: Tier) -> Self {
        Self { kernel, precision, size, threads, tier, unit: "GFLOP/s", entrants: Vec::new() }
    }

    /// Work is counted in another unit than 1e9 FLOPs.
    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn label(&self) -> String {
        format!("{}/{}/{}/t{}", self.kernel, self.precision, self.size, self.threads)
    }

    /// `run(n)` executes `n` times; `work` is that of one execution, in units (not 1e9 of them).
    pub(crate) fn enter(
        &mut self,
        kind: Kind,
        name: impl Into<String>,
        work: f64,
        run: impl FnMut(u64) -> Result<(), String> + 'c,
    ) {
        let name = name.into();
        self.entrants.push(Entrant { name, kind, work, run: Box::new(run), iterations: 1, times: Vec::new() });
    }
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self { options }
    }

    pub(crate) fn selects(&self, contest: &Contest<'_>) -> bool {
        self.options.selects(&contest.label())
    }

    /// Runs the contest, prints it and appends its lines.
    pub(crate) fn hold(&self, mut contest: Contest<'_>, lines: &mut Vec<Line>) -> Result<(), String> {
        let (least, most, target) = if self.options.smoke { (2, 2, 0.002) } else { (8, 12, self.options.seconds) };
        for e in &mut contest.entrants {
            (e.run)(1)?;
            let once = timed(e, 1)?;
            e.iterations = ((target / once.max(1e-9)) as u64).clamp(1, 1 << 24);
        }
        let mut others: Vec<Option<f64>> = Vec::new();
        let quiet = |o: &Option<f64>| o.is_some_and(|o| o <= MOST_CORES);
        while others.len() < least || (others.len() < most && others.iter().filter(|o| quiet(o)).count() < least) {
            let before = Snapshot::now();
            let n = contest.entrants.len();
            // Each round starts with another entrant, so that nobody always follows the same one.
            for i in 0..n {
                let e = &mut contest.entrants[(i + others.len()) % n];
                let iterations = e.iterations;
                let seconds = timed(e, iterations)? / iterations as f64;
                e.times.push(seconds);
            }
            others.push(before.others());
        }
        let good: Vec<usize> = (0..others.len()).filter(|i| quiet(&others[*i])).collect();
        let known = others.iter().all(Option::is_some);
        let kept: Vec<usize> = if good.len() >= 4 { good.clone() } else { (0..others.len()).collect() };
        let shares: Vec<f64> = kept.iter().filter_map(|i| others[*i]).collect();
        let rates = |e: &Entrant<'_>| -> Vec<f64> { kept.iter().map(|i| e.work * 1e-9 / e.times[*i]).collect() };
        let ours = contest.entrants.first().map(rates).unwrap_or_default();
        println!("{}", contest.label());
        for e in &contest.entrants {
            let rates = rates(e);
            let line = Line {
                kernel: contest.kernel,
                precision: contest.precision,
                size: contest.size.clone(),
                threads: contest.threads,
                tier: contest.tier,
                entrant: e.name.clone(),
                kind: e.kind,
                unit: contest.unit,
                rate: median(&rates).unwrap_or(f64::NAN),
                ratio: paired_ratio(&rates, &ours, 0.95, SEED),
                rounds: kept.len(),
                quiet_rounds: known.then(|| kept.iter().filter(|i| good.contains(i)).count()),
                others: median(&shares),
            };
            line.print();
            lines.push(line);
        }
        Ok(())
    }
}

fn timed(e: &mut Entrant<'_>, iterations: u64) -> Result<f64, String> {
    let start = Instant::now();
    (e.run)(iterations).map_err(|error| format!("{}: {error}", e.name))?;
    Ok(start.elapsed().as_secs_f64())
}

impl Line {
    fn print(&self) {
        let ratio = match (self.kind, self.ratio) {
            (Kind::Ours, _) => String::new(),
            (_, Some(r)) => format!("ours / it {r:.2}"),
            (_, None) => "no ratio from so few rounds".to_owned(),
        };
        let load = match (self.kind, self.quiet_rounds) {
            (Kind::Ours, Some(q)) if q < self.rounds => {
                format!(
                    "{} of {} rounds disturbed: others took {:.2} cores",
                    self.rounds - q,
                    self.rounds,
                    self.others.unwrap_or(f64::NAN)
                )
            }
            (Kind::Ours, None) => "what other processes took is unknown".to_owned(),
            _ => String::new(),
        };
        println!("  {:<10}{:<34}{:>9.3} {:<10} {ratio}{load}", self.kind.name(), self.entrant, self.rate, self.unit);
    }
}
