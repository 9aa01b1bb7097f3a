//! Did the setting hold? What the levers read back, then what the device did (DESIGN 3.2).

use crate::knob::{Allowed, Knob, Lever, Rival};
use crate::lease::Applied;
use crate::window::{Stretch, append};
use ergometer_record::measurement::Domain;
use ergometer_record::{Hertz, Setting, Verdict};

/// Room for the scatter of clocks: one step of 15 MHz in 1 GHz.
const CLOCK_TOLERANCE: f64 = 0.015;
/// A cap counts as exceeded above this share, beyond the uncertainty of the mean.
const CAP_EXCEEDED: f64 = 1.03;
/// Demand counts as below the cap under this share: firmware regulates to within a few percent of a binding cap.
const CAP_BINDING: f64 = 0.97;

/// A written lever and what it read back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadBack {
    pub(super) lever: Lever,
    pub(super) applied: Applied,
    /// Other limits of the same power, as they stood after all writes of the setting.
    pub(super) rivals: Vec<Rival>,
}

impl ReadBack {
    /// Whether the hardware put another value in its place; `None` where it can't tell.
    fn replaced(&self) -> Option<bool> {
        let now = self.applied.now.as_ref()?;
        Some(match (self.applied.asked.parse::<f64>(), now.parse::<f64>()) {
            // Interfaces round: kHz, mW, and RAPL's units of 1/8 W.
            (Ok(asked), Ok(now)) => (asked - now).abs() > 2e-3 * asked.abs(),
            _ => self.applied.asked != *now,
        })
    }
}

/// What the device did while it worked.
pub(super) struct Effect<'a> {
    pub(super) achieved: Option<Hertz>,
    pub(super) stretch: &'a Stretch,
    /// Lowest and highest clock that the device accepts, where a knob says so.
    pub(super) clocks: Option<(f64, f64)>,
}

/// Lowest and highest clock in Hz that the clock lever of this device accepts.
pub(super) fn clock_bounds<'a>(mut knobs: impl Iterator<Item = &'a dyn Knob>) -> Option<(f64, f64)> {
    let knob = knobs.find(|k| matches!(k.lever(), Lever::GpuClock | Lever::CpuMax))?;
    match knob.allowed().ok()? {
        Allowed::Range { min, max, unit, .. } => {
            let scale = match unit {
                "Hz" => 1.0,
                "kHz" => 1e3,
                "MHz" => 1e6,
                _ => return None,
            };
            Some((min * scale, max * scale))
        }
        Allowed::List(values) => {
            let mhz: Vec<f64> = values.iter().filter_map(|v| v.parse().ok()).collect();
            let (low, high) = mhz.iter().fold((f64::INFINITY, 0.0f64), |(l, h), x| (l.min(*x), h.max(*x)));
            (high > 0.0).then_some((low * 1e6, high * 1e6))
        }
    }
}

/// The verdict on `setting` and a remark for the row.
pub(super) fn judge(setting: &Setting, read_back: &[ReadBack], effect: &Effect<'_>) -> (Verdict, String) {
    if setting.is_baseline() {
        return (Verdict::Baseline, String::new());
    }
    let mut findings: Vec<(Verdict, String)> = read_back.iter().filter_map(replaced).collect();
    for asked in [setting.gpu_clock_hz, setting.cpu_max_hz].into_iter().flatten() {
        findings.push(clock(asked, effect));
    }
    let lowest = [setting.cpu_cap_w, setting.cpu_cap_short_w].into_iter().flatten().map(|cap| cap.0).reduce(f64::min);
    for (cap, domain) in [(setting.gpu_cap_w.map(|cap| cap.0), Domain::Gpu), (lowest, Domain::Package)] {
        if let Some(cap_w) = cap {
            findings.push(match outbid(cap_w, read_back) {
                Some(finding) if domain == Domain::Package => finding,
                _ => power_cap(cap_w, domain, setting, effect),
            });
        }
    }
    // The row's note says by what.
    if effect.stretch.throttling.as_ref().is_some_and(|answers| answers.foreign().is_some()) {
        findings.push((Verdict::Clipped, "throttled".into()));
    }
    // Governor, preference, turbo and lower bounds are the kernel's own policy: reading them back is what can be
    // confirmed. Where even that is impossible nothing confirms them.
    let policies =
        read_back.iter().filter(|r| matches!(r.lever, Lever::Governor | Lever::Epp | Lever::Turbo | Lever::CpuMin));
    for policy in policies {
        let verdict = if policy.applied.now.is_some() { Verdict::Held } else { Verdict::Unverified };
        findings.push((verdict, String::new()));
    }
    if setting.gpu_mem_clock_hz.is_some() {
        findings.push((Verdict::Unverified, "no sensor tells the memory clock".into()));
    }
    // The worst finding decides; its remark is kept.
    let (verdict, mut remark) = findings
        .into_iter()
        .max_by_key(|(verdict, _)| severity(*verdict))
        .unwrap_or((Verdict::Unverified, String::new()));
    if let Some((second, cap_w)) =
        second_interface(read_back).zip(lowest).filter(|(second, cap_w)| second.watts >= *cap_w)
    {
        append(&mut remark, &format!("of {cap_w} W and {} of {} W the former binds", second.name, second.watts));
    }
    (verdict, remark)
}

/// The finding that another limit of the package is lower than the one asked for, and so the one that binds.
fn outbid(cap_w: f64, read_back: &[ReadBack]) -> Option<(Verdict, String)> {
    let rivals = read_back.iter().flat_map(|r| &r.rivals);
    let lowest = rivals.min_by(|a, b| a.watts.total_cmp(&b.watts))?;
    // RAPL counts in eighths of a watt.
    (lowest.watts < cap_w - 0.125)
        .then(|| (Verdict::Clipped, format!("{} of {} W is lower than {cap_w} W and binds", lowest.name, lowest.watts)))
}

/// The lowest limit of a second interface to the same package.
fn second_interface(read_back: &[ReadBack]) -> Option<&Rival> {
    let rivals = read_back.iter().flat_map(|r| &r.rivals).filter(|rival| rival.name.contains("MMIO"));
    rivals.min_by(|a, b| a.watts.total_cmp(&b.watts))
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Baseline => 0,
        Verdict::Held => 1,
        Verdict::NonBinding => 2,
        Verdict::Unverified => 3,
        Verdict::Clipped => 4,
        Verdict::Ignored => 5,
    }
}

fn replaced(read_back: &ReadBack) -> Option<(Verdict, String)> {
    (read_back.replaced() == Some(true)).then(|| {
        let now = read_back.applied.now.as_deref().unwrap_or_default();
        (Verdict::Clipped, format!("asked for {}, the device set {now}", read_back.applied.asked))
    })
}

fn clock(asked: Hertz, effect: &Effect<'_>) -> (Verdict, String) {
    let Some(achieved) = effect.achieved else {
        return (Verdict::Unverified, "no sensor tells the clock".into());
    };
    if achieved.0 > asked.0 * (1.0 + CLOCK_TOLERANCE) {
        return (Verdict::Ignored, format!("ran at {:.0} MHz", achieved.mhz()));
    }
    if achieved.0 < asked.0 * (1.0 - CLOCK_TOLERANCE) {
        return (Verdict::Clipped, format!("throttled to {:.0} MHz", achieved.mhz()));
    }
    (Verdict::Held, String::new())
}

fn power_cap(cap_w: f64, domain: Domain, setting: &Setting, effect: &Effect<'_>) -> (Verdict, String) {
    let powers: Option<Vec<_>> = effect
        .stretch
        .powers
        .iter()
        .filter(|(component, _)| component.domain == domain)
        .map(|(_, power)| power.as_ref().ok())
        .collect();
    let Some(powers) = powers.filter(|p| !p.is_empty()) else {
        return (Verdict::Unverified, "no sensor tells the power".into());
    };
    // A limit holds for each package by itself.
    let power = powers.iter().map(|p| p.mean.0).fold(0.0, f64::max);
    let room = 3.0 * powers.iter().map(|p| p.mean_u.0).fold(0.0, f64::max);
    let asked_clock = setting.gpu_clock_hz.or(setting.cpu_max_hz).map(|hz| hz.0);
    if power > cap_w * CAP_EXCEEDED + room {
        let at_lowest = effect.clocks.zip(effect.achieved).is_some_and(|((low, _), a)| a.0 <= low * 1.02);
        return if at_lowest {
            (Verdict::Clipped, format!("the lowest clock draws {power:.0} W"))
        } else {
            (Verdict::Ignored, format!("drew {power:.0} W"))
        };
    }
    let free_clock = asked_clock.or(effect.clocks.map(|(_, high)| high));
    let runs_freely = free_clock.zip(effect.achieved).is_some_and(|(free, achieved)| achieved.0 >= free * 0.995);
    // The device's own word, where it gives it: a cap can bind a few percent below its value.
    let held_back = effect.stretch.throttling.as_ref().is_some_and(|answers| answers.by_power_limit() >= 0.5);
    if runs_freely || (power < cap_w * CAP_BINDING - room && !held_back) {
        return (Verdict::NonBinding, format!("demand is {power:.0} W"));
    }
    (Verdict::Held, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::Throttle;
    use crate::window::{ComponentPower, Throttling};
    use ergometer_record::{Budget, Component, Provenance, Seconds, Watts};

    fn verdict_of(setting: &Setting, rivals: &[(&str, f64)], drawn_w: f64) -> (Verdict, String) {
        throttled(setting, rivals, drawn_w, None)
    }

    fn throttled(
        setting: &Setting,
        rivals: &[(&str, f64)],
        drawn_w: f64,
        throttling: Option<Throttling>,
    ) -> (Verdict, String) {
        let power = ComponentPower {
            mean: Watts(drawn_w),
            mean_u: Watts(0.1),
            budget: Budget::default(),
            span: Seconds(1.0),
            provenance: Provenance::Counter,
        };
        let stretch = Stretch {
            iterations: 1,
            busy: Seconds(1.0),
            powers: vec![(Component::new(Domain::Package, 0), Ok(power))],
            temperature_c: None,
            throttling,
            counted: None,
            remarks: Vec::new(),
        };
        let applied = Applied { knob: "k".into(), asked: "1".into(), now: Some("1".into()) };
        let rivals = rivals.iter().map(|(name, watts)| Rival { name: (*name).into(), watts: *watts }).collect();
        let read_back = [ReadBack { lever: Lever::CpuCap, applied, rivals }];
        judge(setting, &read_back, &Effect { achieved: None, stretch: &stretch, clocks: None })
    }

    fn long(watts: f64) -> Setting {
        Setting { cpu_cap_w: Some(Watts(watts)), ..Setting::default() }
    }

    #[test]
    fn the_lower_of_two_limits_binds_and_is_named() {
        let mmio = ("the MMIO long-term limit", 45.0);
        let (verdict, remark) = verdict_of(&long(60.0), &[mmio], 45.0);
        assert_eq!(verdict, Verdict::Clipped);
        assert!(remark.contains("the MMIO long-term limit of 45 W is lower than 60 W and binds"), "{remark}");
        let (verdict, remark) = verdict_of(&long(40.0), &[mmio], 40.0);
        assert_eq!(verdict, Verdict::Held);
        assert!(remark.contains("of 40 W and the MMIO long-term limit of 45 W the former binds"), "{remark}");
    }

    #[test]
    fn what_holds_a_device_back_decides_over_a_cap() {
        let answers =
            |reasons: &[(Throttle, u32)]| Some(Throttling { samples: 10, reasons: reasons.iter().copied().collect() });
        // Four percent below its cap and held back by it: the regulation leaves that room.
        assert_eq!(verdict_of(&long(60.0), &[], 57.5).0, Verdict::NonBinding);
        assert_eq!(throttled(&long(60.0), &[], 57.5, answers(&[(Throttle::PowerLimit, 10)])).0, Verdict::Held);
        assert_eq!(throttled(&long(60.0), &[], 57.5, answers(&[(Throttle::PowerLimit, 2)])).0, Verdict::NonBinding);
        // Heat is nothing that was asked for.
        let hot = answers(&[(Throttle::PowerLimit, 10), (Throttle::HardwareTemperature, 1)]);
        let (verdict, remark) = throttled(&long(60.0), &[], 60.0, hot);
        assert_eq!((verdict, remark.as_str()), (Verdict::Clipped, "throttled"));
    }

    #[test]
    fn a_short_term_limit_above_the_long_term_one_is_fine_and_one_below_is_said() {
        let short = |watts| ("the short-term limit", watts);
        assert_eq!(verdict_of(&long(60.0), &[short(120.0)], 60.0), (Verdict::Held, String::new()));
        let (verdict, remark) = verdict_of(&long(60.0), &[short(50.0)], 50.0);
        assert!(verdict == Verdict::Clipped && remark.contains("the short-term limit of 50 W is lower"), "{remark}");
        // Both asked for: the lower one is what has to hold.
        let both = Setting { cpu_cap_short_w: Some(Watts(50.0)), ..long(60.0) };
        assert_eq!(verdict_of(&both, &[short(50.0)], 50.0).0, Verdict::Held);
        assert_eq!(verdict_of(&both, &[short(50.0)], 60.0).0, Verdict::Ignored);
    }
}
