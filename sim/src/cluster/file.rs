//! Clusters as TOML.
//!
//! ```toml
//! schema_version = 1
//! name = "thesis"
//! [[hardware]]
//! name = "a100"
//! device = "a100-sxm4-40gb"          # what the model oracle asks; optional for a table oracle
//! tdp_w = 400.0                      # optional where the device model knows it
//! idle_w = 55.0                      # likewise
//! caps_w = [250.0, 300.0]            # settings for policies with the fourth axis, beside the baseline
//! [[nodes]]
//! hardware = "a100"
//! gpus = 8
//! count = 1
//! host_w = 400.0
//! host_per_busy_gpu_w = 20.0
//! ```

use super::{Cluster, Hardware, HardwareId, Node};
use crate::error::SimError;
use crate::input::Input;
use ergometer_record::{Hertz, Setting, Watts};
use serde::Deserialize;

/// The newest layout of cluster, workload and scenario files that this build reads.
pub const SCHEMA_VERSION: u32 = 1;

/// A cluster as it stands in its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterFile {
    /// Layout of the file.
    pub schema_version: u32,
    /// Name.
    pub name: String,
    /// Factor on the time of a job that spans nodes; absent: no job does.
    pub span_slowdown: Option<Input<f64>>,
    /// Types of GPU.
    pub hardware: Vec<HardwareFile>,
    /// Hosts.
    pub nodes: Vec<NodeFile>,
}

/// A type of GPU as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareFile {
    /// Name.
    pub name: String,
    /// Device model: built-in name or file.
    pub device: Option<String>,
    /// Thermal design power of one GPU.
    pub tdp_w: Option<Input<f64>>,
    /// Power of one idle GPU.
    pub idle_w: Option<Input<f64>>,
    /// Power caps on offer.
    pub caps_w: Option<Input<Vec<f64>>>,
    /// Locked clocks on offer.
    pub clocks_mhz: Option<Input<Vec<f64>>>,
}

/// Equal hosts as they stand in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// Name of the GPU type.
    pub hardware: String,
    /// GPUs per host, 1 to 64.
    pub gpus: Input<u32>,
    /// How many such hosts; 1 if absent.
    pub count: Option<Input<u32>>,
    /// Power of one host without its GPUs. It has no default: unknown is not zero, and who wants zero writes it.
    pub host_w: Input<f64>,
    /// Further host power per busy GPU.
    pub host_per_busy_gpu_w: Input<f64>,
}

/// What a device model says of a device, for keys that the cluster file leaves out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeviceFacts {
    /// Thermal design power.
    pub tdp: Option<Watts>,
    /// Idle power.
    pub idle: Option<Watts>,
    /// Calibrated on the virtual node.
    pub is_virtual: bool,
}

impl ClusterFile {
    /// Reads a cluster file's text; `file` names it in errors.
    ///
    /// # Errors
    /// Syntax, unknown keys, wrong types, a newer layout.
    pub fn parse(text: &str, file: &str) -> Result<Self, SimError> {
        let parsed: Self = crate::scenario::parse_toml(text, file)?;
        crate::scenario::check_schema(parsed.schema_version, file)?;
        Ok(parsed)
    }

    /// Checks the numbers and fills in what only a device model knows.
    ///
    /// # Errors
    /// Numbers out of range, unknown names, a power that neither the file nor the device model gives.
    pub fn resolve(
        &self,
        file: &str,
        facts: &dyn Fn(&str) -> Result<DeviceFacts, SimError>,
    ) -> Result<Cluster, SimError> {
        let positive = |key: String, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(value)
            } else {
                Err(SimError::value(file, key, value, "a positive finite number is needed"))
            }
        };
        if self.hardware.is_empty() || self.hardware.len() > 1000 {
            return Err(SimError::value(file, "hardware", self.hardware.len(), "1 to 1000 GPU types are needed"));
        }
        let mut hardware: Vec<Hardware> = Vec::new();
        for entry in &self.hardware {
            let key = |name: &str| format!("hardware.{}.{name}", entry.name);
            if hardware.iter().any(|other| other.name == entry.name) {
                return Err(SimError::value(file, "hardware.name", &entry.name, "each name may stand once"));
            }
            let known = match &entry.device {
                Some(device) => facts(device)?,
                None => DeviceFacts::default(),
            };
            let power = |name: &str, given: &Option<Input<f64>>, known: Option<Watts>| {
                let value =
                    given.as_ref().map(|input| input.value).or(known.map(|watts| watts.0)).ok_or_else(|| {
                        SimError::value(
                            file,
                            key(name),
                            "nothing",
                            "neither the file nor a device model gives this power",
                        )
                    })?;
                positive(key(name), value).map(Watts)
            };
            let mut settings = vec![Setting::default()];
            for &cap in entry.caps_w.iter().flat_map(|caps| &caps.value) {
                let cap = Watts(positive(key("caps_w"), cap)?);
                settings.push(Setting { gpu_cap_w: Some(cap), ..Setting::default() });
            }
            for &clock in entry.clocks_mhz.iter().flat_map(|clocks| &clocks.value) {
                let clock = Hertz::from_mhz(positive(key("clocks_mhz"), clock)?);
                settings.push(Setting { gpu_clock_hz: Some(clock), ..Setting::default() });
            }
            if settings.len() > 1000 {
                return Err(SimError::value(file, key("caps_w"), settings.len(), "at most 999 settings are allowed"));
            }
            let tdp = power("tdp_w", &entry.tdp_w, known.tdp)?;
            let idle = power("idle_w", &entry.idle_w, known.idle)?;
            if idle.0 > tdp.0 {
                return Err(SimError::value(file, key("idle_w"), idle, format!("it must not exceed the TDP of {tdp}")));
            }
            hardware.push(Hardware {
                name: entry.name.clone(),
                device: entry.device.clone(),
                is_virtual: known.is_virtual,
                tdp,
                idle,
                settings,
            });
        }
        let nodes = self.resolve_nodes(file, &hardware)?;
        let span_slowdown = match &self.span_slowdown {
            Some(factor) if factor.is_finite() && **factor >= 1.0 => Some(**factor),
            Some(factor) => return Err(SimError::value(file, "span_slowdown", **factor, "at least 1 is needed")),
            None => None,
        };
        Ok(Cluster { name: self.name.clone(), hardware, nodes, span_slowdown })
    }

    fn resolve_nodes(&self, file: &str, hardware: &[Hardware]) -> Result<Vec<Node>, SimError> {
        let mut nodes = Vec::new();
        for entry in &self.nodes {
            let index = hardware.iter().position(|known| known.name == entry.hardware).ok_or_else(|| {
                SimError::unknown("hardware type", &entry.hardware, hardware.iter().map(|known| known.name.as_str()))
            })?;
            if !(1..=64).contains(&entry.gpus.value) {
                return Err(SimError::value(file, "nodes.gpus", entry.gpus.value, "a node has 1 to 64 GPUs"));
            }
            for (key, power) in [("host_w", &entry.host_w), ("host_per_busy_gpu_w", &entry.host_per_busy_gpu_w)] {
                if !power.is_finite() || power.value < 0.0 {
                    return Err(SimError::value(file, format!("nodes.{key}"), power.value, "a power is not negative"));
                }
            }
            let count = entry.count.as_ref().map_or(1, |count| count.value);
            if count == 0 || nodes.len() + count as usize > 100_000 {
                return Err(SimError::value(file, "nodes.count", count, "a cluster has 1 to 100,000 nodes"));
            }
            for _ in 0..count {
                nodes.push(Node {
                    name: format!("{}-{}", entry.hardware, nodes.len()),
                    hardware: HardwareId(index as u16),
                    gpus: entry.gpus.value,
                    host: Watts(entry.host_w.value),
                    host_per_busy_gpu: Watts(entry.host_per_busy_gpu_w.value),
                });
            }
        }
        if nodes.is_empty() {
            return Err(SimError::value(file, "nodes", 0, "at least one node is needed"));
        }
        Ok(nodes)
    }
}

/// `nodes` equal nodes of `gpus` GPUs of one type: 400 W TDP, 50 W idle, hosts that draw nothing. For tests, closed
/// forms and benches; the names of the type and of the cluster are `name`.
pub fn uniform(name: &str, nodes: u32, gpus: u32) -> Cluster {
    let hardware = Hardware {
        name: name.to_owned(),
        device: None,
        is_virtual: false,
        tdp: Watts(400.0),
        idle: Watts(50.0),
        settings: vec![Setting::default()],
    };
    let node = |index| Node {
        name: format!("{name}-{index}"),
        hardware: HardwareId(0),
        gpus,
        host: Watts(0.0),
        host_per_busy_gpu: Watts(0.0),
    };
    Cluster {
        name: name.to_owned(),
        hardware: vec![hardware],
        nodes: (0..nodes).map(node).collect(),
        span_slowdown: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        schema_version = 1
        name = 'two'
        [[hardware]]
        name = 'a'
        device = 'known'
        caps_w = [100.0]
        [[nodes]]
        hardware = 'a'
        gpus = 4
        count = 2
        host_w = 0.0
        host_per_busy_gpu_w = 0.0
    ";

    fn facts(device: &str) -> Result<DeviceFacts, SimError> {
        match device {
            "known" => Ok(DeviceFacts { tdp: Some(Watts(300.0)), idle: Some(Watts(30.0)), is_virtual: false }),
            _ => Ok(DeviceFacts::default()),
        }
    }

    #[test]
    fn the_device_model_fills_in_powers() {
        let cluster = ClusterFile::parse(TEXT, "two.toml").unwrap().resolve("two.toml", &facts).unwrap();
        assert_eq!((cluster.gpus(), cluster.idle_power()), (8, Watts(240.0)));
        assert_eq!(cluster.hardware[0].settings.len(), 2);
    }

    #[test]
    fn an_unknown_power_is_an_error_and_not_zero() {
        let text = TEXT.replace("'known'", "'other'");
        let error = ClusterFile::parse(&text, "two.toml").unwrap().resolve("two.toml", &facts).unwrap_err();
        assert!(error.to_string().contains("two.toml, key hardware.a.tdp_w"), "{error}");
    }

    #[test]
    fn mistakes_name_file_and_key() {
        let error = ClusterFile::parse(&TEXT.replace("gpus", "gpu"), "two.toml").unwrap_err().to_string();
        assert!(error.contains("two.toml") && error.contains("gpu"), "{error}");
        let many = TEXT.replace("gpus = 4", "gpus = 65");
        let error = ClusterFile::parse(&many, "two.toml").unwrap().resolve("two.toml", &facts).unwrap_err();
        assert!(error.to_string().contains("nodes.gpus: found 65"), "{error}");
    }
}
