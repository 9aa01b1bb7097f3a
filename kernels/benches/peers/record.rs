//! The lines as a file, and what they say together.

use crate::contest::{Kind, Line};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Geometric mean of our rate over the best peer's, per kernel and threads, and the worst size.
pub(crate) fn summary(lines: &[Line]) {
    // Best peer of each contest: the one with the least ratio.
    let mut contests: BTreeMap<(&str, &str, &str, usize), &Line> = BTreeMap::new();
    for line in lines.iter().filter(|l| l.kind == Kind::Peer && l.ratio.is_some()) {
        let best = contests.entry((line.kernel, line.precision, &line.size, line.threads)).or_insert(line);
        if estimate(line) < estimate(best) {
            *best = line;
        }
    }
    let mut kernels: BTreeMap<(&str, &str, usize), Vec<&Line>> = BTreeMap::new();
    for ((kernel, precision, _, threads), line) in contests {
        kernels.entry((kernel, precision, threads)).or_default().push(line);
    }
    println!("\nours over the best peer of each size: geometric mean, and the worst");
    for ((kernel, precision, threads), lines) in kernels {
        let mean = (lines.iter().map(|l| estimate(l).ln()).sum::<f64>() / lines.len() as f64).exp();
        if let Some(worst) = lines.iter().min_by(|a, b| estimate(a).total_cmp(&estimate(b))) {
            let (ratio, size, peer) = (estimate(worst), &worst.size, &worst.entrant);
            println!("  {kernel}/{precision}/t{threads}: {mean:.2}; {ratio:.2} at {size} against {peer}");
        }
    }
}

fn estimate(line: &Line) -> f64 {
    line.ratio.map_or(f64::NAN, |r| r.estimate)
}

/// Writes `benches/record/<cpu>/<date>.csv`.
pub(crate) fn write(lines: &[Line]) -> Result<PathBuf, String> {
    let now = OffsetDateTime::now_utc();
    let date = format!("{:04}-{:02}-{:02}", now.year(), u8::from(now.month()), now.day());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/record");
    let (folder, cpu) = cpu();
    let mut out = csv::Writer::from_writer(Vec::new());
    let fail = |e: csv::Error| e.to_string();
    out.write_record([
        "date",
        "cpu",
        "kernel",
        "precision",
        "size",
        "threads",
        "tier",
        "kind",
        "entrant",
        "unit",
        "rate",
        "ours_over_it",
        "low",
        "high",
        "level",
        "rounds",
        "quiet_rounds",
        "others_cores",
    ])
    .map_err(fail)?;
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.4}"));
    for l in lines {
        let ratio = l.ratio.filter(|_| l.kind != Kind::Ours);
        out.write_record([
            date.clone(),
            cpu.clone(),
            l.kernel.into(),
            l.precision.into(),
            l.size.clone(),
            l.threads.to_string(),
            l.tier.to_string(),
            l.kind.name().into(),
            l.entrant.clone(),
            l.unit.into(),
            format!("{:.4}", l.rate),
            number(ratio.map(|r| r.estimate)),
            number(ratio.map(|r| r.low)),
            number(ratio.map(|r| r.high)),
            number(ratio.map(|r| r.level)),
            l.rounds.to_string(),
            l.quiet_rounds.map_or_else(String::new, |q| q.to_string()),
            number(l.others),
        ])
        .map_err(fail)?;
    }
    let bytes = out.into_inner().map_err(|e| e.to_string())?;
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let path = folder.join(format!("{date}.csv"));
    ergometer_record::files::write_whole(&path, &bytes).map_err(|e| e.to_string())?;
    Ok(path)
}

/// A folder's name for this CPU, and what it calls itself with family and model, which tell apart what names do not.
fn cpu() -> (String, String) {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == name));
        line.and_then(|l| l.split(':').nth(1)).map(|v| v.trim().to_owned())
    };
    let name = field("model name").unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH));
    let kind =
        field("cpu family").zip(field("model")).map(|(f, m)| format!(" family {f} model {m}")).unwrap_or_default();
    let cpu = format!("{name}{kind}");
    let words = cpu
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    (words, cpu)
}
