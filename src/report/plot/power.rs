//! Power of the component that works and of the one beside it against the setting, one panel a technique (thesis figures
//! 3.13 to 3.15).

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, Plot, PlotError, Points};
use crate::report::sweep::{Sweep, SweepPoint, SweptKernel, groups};
use crate::report::value::Estimate;
use ergometer_record::measurement::Domain;
use ergometer_record::{Setting, Technique};

/// Domains that work, and those beside them, in order of preference.
const MAIN: [Domain; 2] = [Domain::Gpu, Domain::Package];
const BESIDE: [Domain; 3] = [Domain::Host, Domain::Dram, Domain::Package];

/// Where a setting stands on the horizontal axis of its technique; `None` for combinations.
pub(super) fn value(setting: &Setting) -> Option<f64> {
    match setting.technique() {
        Technique::Dvfs => setting.gpu_clock_hz.or(setting.cpu_max_hz).map(|hz| hz.0 / 1e9),
        Technique::PowerCap => setting.gpu_cap_w.or(setting.cpu_cap_w).map(|w| w.0),
        _ => None,
    }
}

/// The panel of one technique; empty where it was not tried or no power is known.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(id: &str, sweep: &Sweep, technique: Technique) -> Result<Plot, PlotError> {
    let (main, beside) = domains(sweep);
    let title = format!("Power against {}: {}", setting_name(technique), sweep.device);
    let Some(main) = main else { return Ok(Plot::empty(title)) };
    let names: Vec<String> = governors(sweep, technique);
    let place = |setting: &Setting| match technique {
        Technique::Governor => names.iter().position(|name| *name == short(setting)).map(|at| at as f64),
        _ => value(setting),
    };
    // (kernel's colour, setting, power, whether it is the main component)
    let mut lines: Vec<(usize, bool, Points)> = Vec::new();
    let groups = groups(sweep);
    for kernel in &sweep.kernels {
        let colour = groups.iter().position(|name| *name == kernel.group()).unwrap_or(0);
        // Governors are places without a distance: kernels stand beside one another there.
        let aside = match technique {
            Technique::Governor => 0.6 * ((colour as f64 + 0.5) / groups.len() as f64 - 0.5),
            _ => 0.0,
        };
        let place = |setting: &Setting| Some(place(setting)? + aside);
        for (domain, is_main) in [(Some(main), true), (beside, false)] {
            let Some(domain) = domain else { continue };
            lines.push((colour, is_main, line(kernel, technique, domain, &place)));
        }
    }
    let powers = || lines.iter().flat_map(|(_, _, line)| line.iter().map(|(_, power, _)| power.value()));
    let y = Axis::fit("power", Unit::Plain("W"), Scale::Linear, powers().chain([0.0]));
    let places = lines.iter().flat_map(|(_, _, line)| line.iter().map(|(at, ..)| *at));
    let x = match technique {
        Technique::Governor => Axis::names("governor", &names),
        Technique::PowerCap => Axis::fit("power cap", Unit::Plain("W"), Scale::Linear, places),
        _ => Axis::fit("clock", Unit::Plain("GHz"), Scale::Linear, places),
    };
    let (Some(x), Some(y)) = (x, y) else { return Ok(Plot::empty(title)) };
    if powers().next().is_none() {
        return Ok(Plot::empty(title));
    }
    let description = format!("{} workloads; filled marks are {}.", sweep.kernels.len(), name(main));
    let spec = Spec { id, title: &title, description: &description, origin: sweep.origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        if technique == Technique::PowerCap {
            // Where the power equals the cap.
            pen.line(&[(0.0, 0.0), (1e5, 1e5)], Ink::DashedMuted, 2)?;
        }
        for (colour, _, line) in &lines {
            let ink = Ink::Series(*colour);
            if technique != Technique::Governor {
                pen.line(&line.iter().map(|(at, power, _)| (*at, power.value())).collect::<Vec<_>>(), ink, 2)?;
            }
            for (at, power, _) in line {
                pen.bars(Estimate::Single(*at), *power, ink)?;
            }
        }
        for (colour, is_main, line) in &lines {
            for (at, power, _) in line {
                let fill = if *is_main { Fill::SmallSolid } else { Fill::SmallHollow };
                pen.mark(*at, power.value(), Mark::series(*colour), fill)?;
            }
        }
        Ok(())
    })?;
    let mut entries = Vec::new();
    for (colour, group) in groups.iter().enumerate() {
        entries.push(Entry::mark(Mark::series(colour), Fill::Solid, group)?);
    }
    entries.push(Entry::mark(Mark::KEY, Fill::Solid, &format!("{} (works)", name(main)))?);
    if let Some(beside) = beside {
        entries.push(Entry::mark(Mark::KEY, Fill::Hollow, &format!("{} (beside it)", name(beside)))?);
    }
    if technique == Technique::PowerCap {
        entries.push(Entry::line(Ink::DashedMuted, "power equals cap"));
    }
    Ok(Plot::new(title, drawing, entries))
}

/// The domain that works and the one beside it, by what the sweep measured.
fn domains(sweep: &Sweep) -> (Option<Domain>, Option<Domain>) {
    let has = |domain: Domain| {
        let points = sweep.kernels.iter().flat_map(|kernel| &kernel.points);
        points.flat_map(|point| &point.powers).any(|power| power.component.domain == domain)
    };
    let main = MAIN.into_iter().find(|d| has(*d));
    (main, BESIDE.into_iter().find(|d| Some(*d) != main && has(*d)))
}

fn name(domain: Domain) -> &'static str {
    match domain {
        Domain::Gpu => "the card",
        Domain::Package => "the processors",
        Domain::Dram => "the memory",
        Domain::Host => "the host",
        other => other.name(),
    }
}

fn setting_name(technique: Technique) -> &'static str {
    match technique {
        Technique::Dvfs => "clock",
        Technique::PowerCap => "power cap",
        Technique::Governor => "governor",
        Technique::Baseline | Technique::Combined => "setting",
    }
}

fn short(setting: &Setting) -> String {
    setting.governor.clone().unwrap_or_else(|| setting.to_string())
}

fn governors(sweep: &Sweep, technique: Technique) -> Vec<String> {
    let mut names = Vec::new();
    if technique == Technique::Governor {
        let points = sweep.kernels.iter().flat_map(|kernel| &kernel.points);
        for point in points.filter(|p| p.setting.technique() == technique) {
            let name = short(&point.setting);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Power of one domain at every setting of a technique, by place.
fn line(kernel: &SweptKernel, technique: Technique, domain: Domain, place: &dyn Fn(&Setting) -> Option<f64>) -> Points {
    let mut line: Points = kernel
        .points
        .iter()
        .filter(|point| point.setting.technique() == technique)
        .filter_map(|point| Some((place(&point.setting)?, power(point, domain)?, point.verdict.credits_gain())))
        .collect();
    line.sort_by(|a, b| a.0.total_cmp(&b.0));
    line
}

/// The sum over the components of a domain; without an interval where there are several.
fn power(point: &SweepPoint, domain: Domain) -> Option<Estimate> {
    let of: Vec<Estimate> = point.powers.iter().filter(|p| p.component.domain == domain).map(|p| p.watts).collect();
    match of.as_slice() {
        [] => None,
        [one] => Some(*one),
        several => Some(Estimate::Single(several.iter().map(|e| e.value()).sum())),
    }
    .filter(|watts| watts.value().is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::PointPower;
    use crate::report::value::Origin;
    use ergometer_record::{Component, Verdict, Watts};

    fn sweep(powers: &[(Domain, f64)]) -> Sweep {
        let point = |setting: Setting, scale: f64| SweepPoint {
            verdict: if setting.is_baseline() { Verdict::Baseline } else { Verdict::Held },
            setting,
            time_s: Estimate::Single(1.0),
            energy_j: Estimate::Single(1.0),
            edp_js: Estimate::Single(1.0),
            powers: powers
                .iter()
                .map(|(domain, watts)| PointPower {
                    component: Component::new(*domain, 0),
                    watts: Estimate::Single(watts * scale),
                })
                .collect(),
        };
        let cap = |w| Setting { gpu_cap_w: Some(Watts(w)), ..Setting::default() };
        let points = vec![point(Setting::default(), 1.0), point(cap(100.0), 0.5), point(cap(200.0), 0.9)];
        let kernels = vec![SweptKernel { name: "gemm[n=1]f32".into(), spec: None, points, gains: Vec::new() }];
        Sweep { device: "card".into(), origin: Origin::Measured, blocks: 1, idle: None, kernels, notes: Vec::new() }
    }

    #[test]
    fn the_card_works_and_the_host_stands_beside_it() {
        let sweep = sweep(&[(Domain::Gpu, 200.0), (Domain::Package, 70.0)]);
        assert_eq!(domains(&sweep), (Some(Domain::Gpu), Some(Domain::Package)));
        let html = plot("p", &sweep, Technique::PowerCap).unwrap().html();
        assert!(html.contains("the card (works)") && html.contains("the processors (beside it)"), "{html}");
        // A technique that was not tried has no panel.
        assert!(plot("p", &sweep, Technique::Governor).unwrap().file().is_none());
    }

    #[test]
    fn without_powers_there_is_no_plot() {
        assert!(plot("p", &sweep(&[]), Technique::PowerCap).unwrap().file().is_none());
        let line = line(&sweep(&[(Domain::Gpu, 200.0)]).kernels[0], Technique::PowerCap, Domain::Gpu, &value);
        assert_eq!(
            line.iter().map(|(at, w, _)| (*at, w.value())).collect::<Vec<_>>(),
            [(100.0, 100.0), (200.0, 180.0)]
        );
    }
}
