//! Axes: range, ticks and their labels.

use crate::report::number::{prefix, significant};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// How values map to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Equal steps.
    Linear,
    /// Equal ratios; values at or below zero have no place.
    Log,
}

/// The unit of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// As it stands.
    Plain(&'a str),
    /// With the prefix that fits.
    Prefixed(&'a str),
}

/// One axis in *axis coordinates*: the value, or its decimal logarithm.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The title, with the unit unless the ticks carry it.
    pub(super) title: String,
    /// Lower end.
    pub(super) low: f64,
    /// Upper end, above `low`.
    pub(super) high: f64,
    /// Where the ticks are, with their labels.
    pub(super) ticks: Vec<(f64, String)>,
    scale: Scale,
}

impl Axis {
    /// An axis that holds every value that has a place on it; `None` when none has.
    pub(super) fn fit(
        title: &str,
        unit: Unit<'_>,
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let places = values.into_iter().filter_map(|value| coordinate(scale, value));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if low > high {
            return None;
        }
        let floor = match scale {
            Scale::Linear => 0.05 * low.abs().max(high.abs()).max(f64::MIN_POSITIVE * 1e6),
            Scale::Log => 0.1,
        };
        let margin = (0.07 * (high - low)).max(floor);
        let (low, high) = (low - margin, high + margin);
        // Numbers at the end of the range of f64 leave no room for a margin.
        if !(low.is_finite() && high.is_finite() && high > low) {
            return None;
        }
        let (title, ticks) = match scale {
            Scale::Linear => linear(title, unit, low, high),
            Scale::Log => logarithmic(title, unit, low, high),
        };
        Some(Self { title, low, high, ticks, scale })
    }

    /// An axis of names, which stand at 0, 1, 2 and so on; `None` without a name.
    pub(super) fn names(title: &str, names: &[String]) -> Option<Self> {
        let ticks: Vec<(f64, String)> = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        let last = names.len().checked_sub(1)? as f64;
        Some(Self { title: title.to_owned(), low: -0.5, high: last + 0.5, ticks, scale: Scale::Linear })
    }

    /// The axis coordinate of a value; `None` where it has none.
    pub(super) fn coordinate(&self, value: f64) -> Option<f64> {
        coordinate(self.scale, value)
    }

    /// The value at an axis coordinate.
    pub(super) fn value(&self, coordinate: f64) -> f64 {
        match self.scale {
            Scale::Linear => coordinate,
            Scale::Log => 10f64.powf(coordinate),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, at: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (at - self.low) / (self.high - self.low);
        (f64::from(start) + share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.iter().map(|(at, _)| *at).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == at).map_or_else(String::new, |(_, label)| label.clone())
    }
}

fn coordinate(scale: Scale, value: f64) -> Option<f64> {
    match scale {
        Scale::Linear => value.is_finite().then_some(value),
        Scale::Log => (value.is_finite() && value > 0.0).then(|| value.log10()),
    }
}

/// Three to seven round steps between `low` and `high`, with the decimals that tell them apart.
fn round_steps(low: f64, high: f64) -> (Vec<f64>, usize) {
    let rough = (high - low) / 7.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power * 10.0);
    let first = (low / step).ceil();
    // Indices, so that rounding does not add up; the range holds at most seven steps.
    let steps: Vec<f64> = (0..9).map(|i| (first + f64::from(i)) * step).take_while(|x| *x <= high).collect();
    let halves = if (step / power - 2.5).abs() < 1e-6 { 1.0 } else { 0.0 };
    let decimals = (halves - power.log10().floor()).max(0.0) as usize;
    (steps, decimals.min(12))
}

fn linear(title: &str, unit: Unit<'_>, low: f64, high: f64) -> (String, Vec<(f64, String)>) {
    let (factor, unit) = match unit {
        Unit::Plain(unit) => (1.0, unit.to_owned()),
        Unit::Prefixed(unit) => {
            let (factor, letter) = prefix(low.abs().max(high.abs()));
            (factor, format!("{letter}{unit}"))
        }
    };
    let (steps, decimals) = round_steps(low / factor, high / factor);
    let ticks = steps.into_iter().map(|x| (x * factor, format!("{x:.decimals$}").replace('-', "\u{2212}"))).collect();
    (with_unit(title, &unit), ticks)
}

fn logarithmic(title: &str, unit: Unit<'_>, low: f64, high: f64) -> (String, Vec<(f64, String)>) {
    let inside = |x: f64| (low..=high).contains(&x);
    let decades: Vec<i32> = (low.ceil() as i32..=high.floor() as i32).collect();
    let values: Vec<f64> = if decades.len() > 3 {
        let stride = decades.len().div_ceil(7) as i32;
        decades.into_iter().filter(|d| d % stride == 0).map(|d| 10f64.powi(d)).collect()
    } else {
        let first = low.floor() as i32;
        (first..=high.ceil() as i32)
            .flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(d)))
            .filter(|v| inside(v.log10()))
            .collect()
    };
    let values = if values.len() >= 3 { values } else { round_steps(10f64.powf(low), 10f64.powf(high)).0 };
    let label = |value: f64| match unit {
        Unit::Plain(_) => shortest(value),
        Unit::Prefixed(unit) => {
            let (factor, letter) = prefix(value);
            format!("{} {letter}{unit}", shortest(value / factor))
        }
    };
    let ticks = values.into_iter().filter(|v| *v > 0.0).map(|v| (v.log10(), label(v))).collect();
    match unit {
        Unit::Plain(unit) => (with_unit(title, unit), ticks),
        Unit::Prefixed(_) => (title.to_owned(), ticks),
    }
}

fn with_unit(title: &str, unit: &str) -> String {
    if unit.is_empty() { title.to_owned() } else { format!("{title} ({unit})") }
}

/// Three significant digits without the zeros at the end.
fn shortest(value: f64) -> String {
    let text = significant(value, 3);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn nothing_to_show_is_no_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            assert!(Axis::fit("t", Unit::Plain(""), scale, []).is_none());
            assert!(Axis::fit("t", Unit::Plain(""), scale, [f64::NAN, f64::INFINITY]).is_none());
        }
        assert!(Axis::fit("t", Unit::Plain(""), Scale::Log, [0.0, -1.0]).is_none());
    }

    #[test]
    fn one_value_has_room_and_ticks_around_it() {
        for (scale, value) in [(Scale::Linear, 3.0), (Scale::Linear, 0.0), (Scale::Log, 1e-9), (Scale::Log, 7e12)] {
            let axis = Axis::fit("t", Unit::Prefixed("s"), scale, [value]).unwrap();
            assert!(axis.high > axis.low && !axis.ticks.is_empty(), "{axis:?}");
        }
    }

    #[test]
    fn linear_ticks_are_round_and_carry_the_prefix_in_the_title() {
        let axis = Axis::fit("time", Unit::Prefixed("s"), Scale::Linear, [0.010, 0.020]).unwrap();
        assert_eq!(axis.title, "time (ms)");
        assert_eq!(labels(&axis), ["10", "12", "14", "16", "18", "20"]);
        let caps = Axis::fit("cap", Unit::Plain("W"), Scale::Linear, [100.0, 250.0]).unwrap();
        assert_eq!(labels(&caps), ["100", "125", "150", "175", "200", "225", "250"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades_with_units() {
        let axis = Axis::fit("time", Unit::Prefixed("s"), Scale::Log, [1e-6, 1.0]).unwrap();
        assert_eq!(labels(&axis), ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        let narrow = Axis::fit("rate", Unit::Plain("GB/s"), Scale::Log, [9.0, 30.0]).unwrap();
        assert_eq!(narrow.title, "rate (GB/s)");
        assert_eq!(labels(&narrow), ["10", "15", "20", "25", "30", "35"]);
    }

    #[test]
    fn names_stand_in_the_middle_of_their_places() {
        let axis = Axis::names("governor", &["powersave".into(), "performance".into()]).unwrap();
        assert_eq!((axis.low, axis.high, labels(&axis)), (-0.5, 1.5, vec!["powersave", "performance"]));
        assert!(Axis::names("governor", &[]).is_none());
    }

    #[test]
    fn coordinates_and_values_are_inverse() {
        let axis = Axis::fit("x", Unit::Plain(""), Scale::Log, [1.0, 1000.0]).unwrap();
        assert!((axis.value(axis.coordinate(42.0).unwrap()) - 42.0).abs() < 1e-9);
        assert_eq!(axis.coordinate(0.0), None);
    }
}
