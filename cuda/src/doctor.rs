//! What of CUDA is here, and the command that fixes what is not.

use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::nvrtc::{self, Places};
use crate::open::{devices, driver_version, find_nvrtc, install_command};
use serde::{Deserialize, Serialize};

/// The state of driver, compiler and devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CudaReport {
    /// The driver.
    pub driver: Finding,
    /// The run-time compiler.
    pub nvrtc: Finding,
    /// The devices.
    pub gpus: Finding,
    /// Each device; empty where there is none.
    pub devices: Vec<DeviceProperties>,
}

/// One thing looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it is there and usable.
    pub found: bool,
    /// What was found, or why it is missing or unusable: a sentence, ending with the command that helps.
    pub detail: String,
}

impl Finding {
    fn of<T>(result: &Result<T, CudaError>, detail: impl FnOnce(&T) -> String) -> Self {
        match result {
            Ok(value) => Self { found: true, detail: detail(value) },
            Err(error) => Self { found: false, detail: error.to_string() },
        }
    }
}

impl CudaReport {
    /// Whether kernels can run here.
    pub fn ready(&self) -> bool {
        self.driver.found && self.nvrtc.found && self.gpus.found
    }

    /// Why no kernel can run here: the first of the findings that is missing.
    pub fn missing(&self) -> Option<&str> {
        [&self.driver, &self.gpus, &self.nvrtc].into_iter().find(|f| !f.found).map(|f| f.detail.as_str())
    }
}

/// Looks at this machine. Never fails: what can't be found is said to be missing.
pub fn doctor() -> CudaReport {
    doctor_at(&Places::here())
}

/// As [`doctor`], with NVRTC searched in `places`.
pub fn doctor_at(places: &Places) -> CudaReport {
    let driver = driver_version();
    let devices = devices();
    let nvrtc = match &driver {
        Ok(version) => find_nvrtc(places, *version, devices.as_ref().ok().and_then(|d| d.first())),
        Err(_) => nvrtc::find(places, &install_command(None), |_| Ok(())),
    };
    CudaReport {
        driver: Finding::of(&driver, |version| format!("it speaks CUDA {version}")),
        nvrtc: Finding::of(&nvrtc, |n| format!("version {} at {}", n.version(), n.path().display())),
        gpus: Finding::of(&devices, |list| list.iter().map(DeviceProperties::line).collect::<Vec<_>>().join("; ")),
        devices: devices.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever this machine has, the report is consistent with itself and with `Cuda::open`.
    #[test]
    fn a_report_agrees_with_open() {
        let report = doctor();
        let opened = crate::Cuda::open(&crate::Selector::default());
        assert_eq!(report.ready(), opened.is_ok(), "{report:?} {opened:?}");
        assert_eq!(report.ready(), report.missing().is_none());
        assert_eq!(report.gpus.found, !report.devices.is_empty());
        if let (Some(missing), Err(error)) = (report.missing(), opened) {
            assert_eq!(missing, error.to_string());
        }
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<CudaReport>(&text).unwrap(), report);
    }

    #[test]
    fn a_missing_compiler_names_its_command() {
        let report = doctor_at(&Places { loader: false, roots: vec!["/nonexistent".into()], site_packages: vec![] });
        assert!(!report.nvrtc.found && report.nvrtc.detail.contains("pip install"), "{}", report.nvrtc.detail);
    }
}
