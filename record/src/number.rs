//! Numbers as text, for every table and plot.

/// Powers of a thousand with their prefixes, largest first.
const PREFIXES: [(f64, &str); 9] =
    [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")];

/// The power of a thousand that leaves one to three digits before the point, with its prefix.
pub fn prefix(value: f64) -> (f64, &'static str) {
    let magnitude = value.abs();
    if !magnitude.is_finite() || magnitude == 0.0 {
        return (1.0, "");
    }
    // The nudge keeps 999.9999999 from being shown as 1000 of the smaller unit.
    let largest = PREFIXES.into_iter().find(|(factor, _)| magnitude * (1.0 + 1e-9) >= *factor);
    largest.unwrap_or((1e-12, "p"))
}

/// `value` with `digits` significant digits, without an exponent where that stays readable.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..9).contains(&exponent) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize)
}

/// `14.26 ± 0.03`: a value with its half width, which has two significant digits at least and decides the decimals; four
/// significant digits without one.
pub fn with_half_width(value: f64, half: Option<f64>) -> String {
    match half.filter(|half| half.is_finite() && *half > 0.0) {
        Some(half) if value.is_finite() => {
            let decimals = (1 - half.log10().floor() as i32).clamp(0, 9) as usize;
            // More digits than the value's first six say nothing.
            let most = (5 - value.abs().max(half).log10().floor() as i32).clamp(0, 9) as usize;
            let decimals = decimals.min(most);
            format!("{value:.decimals$} ± {half:.decimals$}")
        }
        _ => significant(value, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_leave_one_to_three_digits() {
        for (value, expected) in [(1.5e-4, "µ"), (0.02, "m"), (1.0, ""), (999.0, ""), (1000.0, "k"), (0.0, "")] {
            assert_eq!(prefix(value).1, expected, "{value}");
        }
        assert_eq!(prefix(1e-30).1, "p");
        assert_eq!(prefix(f64::NAN), (1.0, ""));
    }

    #[test]
    fn significant_digits_stay_readable() {
        for (value, expected) in [(1234.6, "1235"), (0.012345, "0.0123"), (0.0, "0"), (1.5e-7, "1.50e-7")] {
            assert_eq!(significant(value, if value > 100.0 { 4 } else { 3 }), expected);
        }
    }

    #[test]
    fn the_half_width_decides_the_decimals() {
        for (value, half, expected) in [
            (14.2612, Some(0.031), "14.261 ± 0.031"),
            (1108.5, Some(12.3), "1108 ± 12"),
            (-0.00123, Some(0.0004), "-0.00123 ± 0.00040"),
            (3.0, Some(0.0), "3.000"),
            (3.0, None, "3.000"),
        ] {
            assert_eq!(with_half_width(value, half), expected);
        }
    }
}
