//! A connection to the driver that outlives a reload of it.

use super::load;
use crate::sensor::SensorError;
use crate::sensor::roots::NvmlSource;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::sync::{Arc, Mutex, PoisonError};

/// NVML, initialised; shared by all that read one driver.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    source: NvmlSource,
    nvml: Arc<Mutex<Option<Arc<Nvml>>>>,
}

impl Session {
    /// Loads and initialises NVML.
    ///
    /// # Errors
    /// As [`load`].
    pub(super) fn open(source: &NvmlSource) -> Result<Self, SensorError> {
        let nvml = load(source)?;
        Ok(Self { source: source.clone(), nvml: Arc::new(Mutex::new(Some(nvml))) })
    }

    /// The library as it is now.
    ///
    /// # Errors
    /// A reload failed before.
    pub(super) fn nvml(&self) -> Result<Arc<Nvml>, NvmlError> {
        self.nvml.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(NvmlError::Uninitialized)
    }

    /// Asks a card. When the driver was reloaded since, the session is initialised anew and the card asked once more.
    ///
    /// # Errors
    /// What NVML said.
    pub(super) fn ask<T>(
        &self,
        uuid: &str,
        question: impl Fn(&Device<'_>) -> Result<T, NvmlError>,
    ) -> Result<T, NvmlError> {
        let once = || self.nvml().and_then(|nvml| nvml.device_by_uuid(uuid).and_then(|device| question(&device)));
        match once() {
            Err(NvmlError::Uninitialized) => {
                self.initialise()?;
                once()
            }
            answer => answer,
        }
    }

    fn initialise(&self) -> Result<(), NvmlError> {
        let mut nvml = self.nvml.lock().unwrap_or_else(PoisonError::into_inner);
        // The old one shuts NVML down when it goes, which must not hit the new one.
        *nvml = None;
        *nvml = Some(load(&self.source).map_err(|_| NvmlError::Uninitialized)?);
        Ok(())
    }
}
