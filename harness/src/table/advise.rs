//! Which setting, for at most so much slowdown, saves how much, by which command.

use super::data::{Cost, Device, Workload};
use super::gain::{Choice, choose, mean_ratio};
use ergometer_record::Setting;

/// Advice for one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The device.
    pub device: String,
    /// The workload.
    pub workload: String,
    /// The setting; `None` when nothing saves energy within the bound.
    pub setting: Option<Setting>,
    /// What it saves and costs, from blocks that did not choose it.
    pub choice: Choice,
    /// Commands that set it, in order; empty for the baseline.
    pub commands: Vec<String>,
    /// `VIRTUAL` or the like.
    pub label: Option<&'static str>,
    /// What a reader must know.
    pub note: Option<String>,
}

/// For each workload the credited setting with the least energy whose time grows by at most `slowdown` (0.03 is 3 %).
pub fn advise(devices: &[Device], slowdown: f64) -> Vec<Advice> {
    devices
        .iter()
        .flat_map(|device| device.workloads.iter().filter_map(move |workload| one(device, workload, slowdown)))
        .collect()
}

fn one(device: &Device, workload: &Workload, slowdown: f64) -> Option<Advice> {
    let baseline = &workload.baseline;
    let candidates: Vec<_> = workload.points.iter().filter(|p| p.is_credited()).collect();
    let choice = choose(baseline, &candidates, |point, on| {
        let time = mean_ratio(baseline, point, on, |c| c.time_s)?;
        (time <= 1.0 + slowdown).then(|| mean_ratio(baseline, point, on, |c: &Cost| c.energy_j))?
    })?;
    // A saving that can't be told from none is no advice: the machine stays as it was found.
    let credible = choice.energy.gain_interval_pct().is_none_or(|gain| gain.low > 0.0);
    let chosen = choice.chosen.and_then(|index| candidates.get(index)).and_then(|point| point.setting.clone());
    let setting = chosen.filter(|_| credible);
    let beyond = choice.time.interval.is_some_and(|i| i.high > 1.0 + slowdown);
    let note = if !credible && choice.chosen.is_some() {
        Some("the best saving within the bound can't be told from none".to_owned())
    } else if choice.time.n < 2 {
        Some("one block only: no interval, the saving may be luck".to_owned())
    } else if beyond {
        Some("the slowdown may exceed the bound: its interval reaches beyond".to_owned())
    } else {
        None
    };
    Some(Advice {
        device: device.name.clone(),
        workload: workload.label.clone(),
        commands: setting.as_ref().map(commands).unwrap_or_default(),
        setting,
        choice,
        label: device.label(),
        note,
    })
}

/// The commands that realise a setting on real hardware, first the governor, then bounds, then caps.
pub fn commands(setting: &Setting) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(governor) = &setting.governor {
        commands.push(format!("sudo cpupower frequency-set --governor {governor}"));
    }
    if let Some(epp) = &setting.epp {
        commands.push(format!(
            "echo {epp} | sudo tee /sys/devices/system/cpu/cpufreq/policy*/energy_performance_preference"
        ));
    }
    if let Some(turbo) = setting.turbo {
        commands.push(turbo_command(turbo));
    }
    if let Some(hz) = setting.cpu_min_hz {
        commands.push(format!("sudo cpupower frequency-set --min {}MHz", hz.mhz()));
    }
    if let Some(hz) = setting.cpu_max_hz {
        commands.push(format!("sudo cpupower frequency-set --max {}MHz", hz.mhz()));
    }
    if let Some(w) = setting.cpu_cap_w {
        commands.push(package_cap_command("long_term", (w.0 * 1e6).round()));
    }
    if let Some(w) = setting.cpu_cap_short_w {
        commands.push(package_cap_command("short_term", (w.0 * 1e6).round()));
    }
    if let Some(hz) = setting.gpu_mem_clock_hz {
        commands.push(format!("sudo nvidia-smi -lmc {0},{0}", hz.mhz().round()));
    }
    if let Some(hz) = setting.gpu_clock_hz {
        commands.push(format!("sudo nvidia-smi -lgc {0},{0}", hz.mhz().round()));
    }
    if let Some(w) = setting.gpu_cap_w {
        commands.push(format!("sudo nvidia-smi -pl {}", w.0));
    }
    commands
}

/// Intel's driver has a switch that forbids, the others one that allows (`intel_pstate.rst`, `cpufreq.rst` of Linux).
/// Results come from other machines too, so the command looks which of the two is there.
fn turbo_command(on: bool) -> String {
    let cpu = "/sys/devices/system/cpu";
    format!(
        "if [ -e {cpu}/intel_pstate/no_turbo ]; then echo {} | sudo tee {cpu}/intel_pstate/no_turbo; \
         else echo {} | sudo tee {cpu}/cpufreq/boost; fi",
        u8::from(!on),
        u8::from(on)
    )
}

/// Every package, and nothing else: `psys` (the whole platform) and the zones within a package have limits too. The limit
/// is found by its name, because not every processor numbers them alike, and then put into force.
fn package_cap_command(constraint: &str, microwatts: f64) -> String {
    format!(
        "for zone in /sys/class/powercap/intel-rapl:*; do case $(cat $zone/name) in package-*) \
         for name in $zone/constraint_*_name; do if [ $(cat $name) = {constraint} ]; then \
         echo {microwatts} | sudo tee ${{name%_name}}_power_limit_uw; fi; done; \
         echo 1 | sudo tee $zone/enabled;; esac; done"
    )
}
