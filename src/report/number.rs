//! Numbers as text: digits that follow the uncertainty, prefixes that keep them short, units always.

use super::html::escape;
use super::value::Estimate;
pub(super) use ergometer_record::number::{prefix, significant};

/// Decimals that show the half width to one digit, to two where it begins with 1 or 2, and no more than five significant
/// digits of the largest number.
fn decimals(value: f64, range: Option<(f64, f64)>) -> usize {
    let largest = range.map_or(value.abs(), |(low, high)| value.abs().max(low.abs()).max(high.abs()));
    let order = |x: f64| if x > 0.0 && x.is_finite() { x.log10().floor() as i32 } else { 0 };
    let by_size = |digits: i32| digits - 1 - order(largest);
    let wanted = match range {
        Some((low, high)) if high > low => {
            let half = (high - low) / 2.0;
            let first = half / 10f64.powi(order(half));
            if first < 2.95 { 1 - order(half) } else { -order(half) }
        }
        Some(_) => by_size(4),
        None => by_size(3),
    };
    wanted.min(by_size(5)).clamp(0, 9) as usize
}

/// How an estimate is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// With the prefix that fits: `1.234 ms`.
    Prefixed,
    /// As it is: `142.3 GFLOP/s`.
    Plain,
    /// As it is, with its sign: `+12.3 %`.
    Signed,
}

/// An estimate with its interval and unit as HTML; without an interval it says so.
pub(super) fn estimate(estimate: Estimate, unit: &str, style: Style) -> String {
    let value = estimate.value();
    if !value.is_finite() {
        return r#"<span class="absent">not a number</span>"#.to_owned();
    }
    let (factor, letter) = if style == Style::Prefixed { prefix(value) } else { (1.0, "") };
    let unit = format!("{letter}{unit}");
    let range = estimate.range().map(|(low, high)| (low / factor, high / factor));
    let value = value / factor;
    let places = decimals(value, range);
    let number = |x: f64| {
        let text = if style == Style::Signed { format!("{x:+.places$}") } else { format!("{x:.places$}") };
        // A typographic minus is as wide as the plus, and does not break the line.
        text.replace('-', "\u{2212}")
    };
    let interval = match range {
        Some((low, high)) => format!(r#"<span class="ci">[{}, {}]</span>"#, number(low), number(high)),
        None => r#"<span class="ci">(no interval)</span>"#.to_owned(),
    };
    let level = match estimate.level() {
        Some(level) if range.is_some() && (level - 0.95).abs() > 1e-9 => {
            format!(r#" <span class="ci">({} %)</span>"#, significant(level * 100.0, 3))
        }
        _ => String::new(),
    };
    let space = if unit.is_empty() { "" } else { "\u{a0}" };
    format!(r#"<span class="num">{}{space}{}</span> {interval}{level}"#, number(value), escape(&unit))
}

/// A bare number with a unit and `digits` significant digits, as HTML.
pub(super) fn bare(value: f64, unit: &str, digits: usize) -> String {
    let space = if unit.is_empty() { "" } else { "\u{a0}" };
    let number = significant(value, digits).replace('-', "\u{2212}");
    format!(r#"<span class="num">{number}{space}{}</span>"#, escape(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::Interval;

    fn interval(estimate: f64, low: f64, high: f64) -> Estimate {
        Estimate::from(Interval { estimate, low, high, level: 0.95, n: 5 })
    }

    #[test]
    fn digits_follow_the_uncertainty() {
        let text = estimate(interval(0.0123456, 0.01223, 0.01245), "s", Style::Prefixed);
        assert!(text.contains("12.35\u{a0}ms") && text.contains("[12.23, 12.45]"), "{text}");
        let gain = estimate(interval(-3.12345, -5.0, -1.0), "%", Style::Signed);
        assert!(gain.contains("\u{2212}3.1\u{a0}%") && gain.contains("[\u{2212}5.0, \u{2212}1.0]"), "{gain}");
    }

    #[test]
    fn an_estimate_without_interval_says_so_and_nan_is_not_zero() {
        assert!(estimate(Estimate::Single(2.0), "s", Style::Plain).contains("no interval"));
        let nan = estimate(Estimate::Single(f64::NAN), "J", Style::Prefixed);
        assert!(nan.contains("not a number") && !nan.contains('0'), "{nan}");
    }

    #[test]
    fn another_level_is_named() {
        let ninety = Interval { estimate: 2.0, low: 1.0, high: 3.0, level: 0.9, n: 5 };
        assert!(estimate(ninety.into(), "s", Style::Plain).contains("(90.0 %)"));
    }
}
