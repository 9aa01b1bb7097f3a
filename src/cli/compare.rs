//! `ergometer compare`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::table::compare::Exceeded;
use crate::harness::table::{Accept, compare, gather, render};
use crate::record::format::rows;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Options of `ergometer compare`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Results before.
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// Results after.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Exit with 3 when time, energy or EDP grew by more than this, such as 3%.
    #[arg(long, value_name = "SHARE")]
    fail_over: Option<String>,
    /// Format of the table.
    #[arg(long, default_value = "text", value_parser = ["text", "markdown", "latex", "csv"])]
    format: String,
}

/// `3%` or `0.03` as a share.
pub(super) fn share(text: &str) -> anyhow::Result<f64> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
    match number.trim().parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x * scale),
        _ => Err(usage(format!("{text:?} is no share: write 3% or 0.03"))),
    }
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let bound = options.fail_over.as_deref().map(share).transpose()?;
    let base = gather(&rows::read(&options.base)?, Accept::ALL)?;
    let new = gather(&rows::read(&options.new)?, Accept::ALL)?;
    let comparison = compare::compare(&base, &new);
    if comparison.points.is_empty() {
        return Err(usage(format!(
            "{} and {} have no point in common: nothing can be compared",
            options.base.display(),
            options.new.display()
        )));
    }
    let over = bound.map(|bound| comparison.over(bound)).unwrap_or_default();
    if context.globals.json {
        let ratio =
            |r: &crate::harness::table::gain::Ratio| json!({ "ratio": r.estimate, "interval": r.interval, "n": r.n });
        let points: Vec<_> = comparison
            .points
            .iter()
            .chain(&comparison.workloads)
            .chain(&comparison.overall)
            .map(|p| json!({ "point": p.point, "time": ratio(&p.time), "energy": ratio(&p.energy), "edp": ratio(&p.edp) }))
            .collect();
        let exceeded: Vec<_> = over.iter().map(|e| json!({ "point": e.point, "what": e.what })).collect();
        output::json(&json!({
            "points": points, "only_in_base": comparison.only_in_base, "only_in_new": comparison.only_in_new,
            "label": comparison.label, "exceeded": exceeded,
        }))?;
    } else {
        let render = render::format(&options.format).ok_or_else(|| usage("there is no such format"))?;
        let mut text = render.render(&comparison.grid());
        text.push_str(&verdict(&over, bound));
        output::text(&text)?;
    }
    Ok(if over.is_empty() { Outcome::Done } else { Outcome::ThresholdCrossed })
}

/// What crossed the threshold, or that nothing did; empty without a threshold.
fn verdict(over: &[Exceeded], bound: Option<f64>) -> String {
    const SHOWN: usize = 12;
    let Some(bound) = bound else { return String::new() };
    let percent = 100.0 * bound;
    if over.is_empty() {
        return format!("Nothing grew by more than {percent} % with certainty: exit code 0.\n");
    }
    let mut text = format!("Over the threshold of {percent} % (5 %, adjusted by Holm): exit code 3.\n");
    for exceeded in over.iter().take(SHOWN) {
        let percent = exceeded.ratio.change_pct();
        text.push_str(&format!("  {} of {} by {percent:+.1} %\n", exceeded.what, exceeded.point));
    }
    if over.len() > SHOWN {
        text.push_str(&format!("  and {} more (--json lists all)\n", over.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_read_in_percent_or_as_numbers() {
        assert_eq!(share("3%").ok(), Some(0.03));
        assert_eq!(share("0.03").ok(), Some(0.03));
        for bad in ["", "x", "-1%", "NaN", "%"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
