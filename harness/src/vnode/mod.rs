//! The virtual node: devices with known physics behind the same traits as real ones.
//!
//! It is there so that the whole loop runs and is tested anywhere against a ground truth. Everything that it reports
//! has the provenance `virtual`. Its settings live in a state file outside the process; its clock is virtual unless
//! asked for [`Pace::Real`]. A preset in `presets/` is a device; to add one, add a file and a line in [`PRESETS`].
//!
//! Between points the device rests until it is in idle equilibrium ([`Node::rest`]): on a virtual clock that is free, and
//! it makes each point a function of seed and order alone.

mod knob;
mod node;
pub mod physics;
mod sensor;
pub mod state;
mod truth;

pub use knob::{VnodeKnob, knobs, open_knob};
pub use node::{Node, NodeClock};
pub use physics::Physics;
pub use sensor::VnodeSensor;
pub use truth::{Truth, steady};

use crate::clock::Clock;
use crate::knob::Knob;
use crate::sensor::Sensor;
use ergometer_record::files::FileError;
use state::{Settings, State};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The presets: name and physics.
pub const PRESETS: [(&str, &str); 3] = [
    ("vnode-a100", include_str!("presets/vnode-a100.toml")),
    ("vnode-h100", include_str!("presets/vnode-h100.toml")),
    ("vnode-xeon", include_str!("presets/vnode-xeon.toml")),
];

/// Whether the node's time passes in the world too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// A ten-minute sweep takes milliseconds.
    #[default]
    Virtual,
    /// The node sleeps for as long as its kernels take.
    Real,
}

/// A virtual device that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum VnodeError {
    /// No preset of that name.
    #[error("there is no virtual device {name:?}: the presets are vnode-a100, vnode-h100 and vnode-xeon")]
    UnknownPreset {
        /// What was asked for.
        name: String,
    },
    /// A physics file that describes no device.
    #[error("the physics of the virtual device can't be used: {reason}")]
    Physics {
        /// What is wrong.
        reason: String,
    },
    /// A state file that is none.
    #[error("{} is not the state of a virtual device: {reason}; delete it to start from the defaults", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The state file belongs to another device.
    #[error("{} holds the state of {found}, not of {asked}: give another state file or delete it", path.display())]
    OtherDevice {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Which was asked for.
        asked: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Reads physics from TOML text.
///
/// # Errors
/// Unknown or missing parameters (named, with line), or values that describe no device.
pub fn physics_from_toml(text: &str) -> Result<Physics, VnodeError> {
    let bad = |reason: String| VnodeError::Physics { reason };
    let physics: Physics = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
    physics.validate().map_err(bad)?;
    Ok(physics)
}

/// The physics of a preset; `a100` is short for `vnode-a100`.
///
/// # Errors
/// No preset of that name.
pub fn preset(name: &str) -> Result<Physics, VnodeError> {
    let (_, text) = PRESETS
        .iter()
        .find(|(known, _)| *known == name || known.strip_prefix("vnode-") == Some(name))
        .ok_or_else(|| VnodeError::UnknownPreset { name: name.to_owned() })?;
    physics_from_toml(text)
}

/// A virtual device that is switched on.
#[derive(Debug, Clone)]
pub struct Vnode {
    node: Node,
    state_file: PathBuf,
    pace: Pace,
}

impl Vnode {
    /// Switches a device on. A state file that is already there keeps its settings (what a killed sweep left behind);
    /// otherwise one is made with the device's defaults.
    ///
    /// # Errors
    /// The physics describes no device; the state file can't be written, is broken, or is another device's.
    pub fn open(physics: &Physics, state_file: &Path, seed: u64, pace: Pace) -> Result<Self, VnodeError> {
        physics.validate().map_err(|reason| VnodeError::Physics { reason })?;
        let settings = if state_file.exists() {
            let found = State::read(state_file)?;
            if found.physics.name != physics.name {
                return Err(VnodeError::OtherDevice {
                    path: state_file.to_owned(),
                    found: found.physics.name,
                    asked: physics.name.clone(),
                });
            }
            found.settings
        } else {
            Settings::default()
        };
        State { version: State::VERSION, settings, physics: physics.clone() }.write(state_file)?;
        Ok(Self { node: Node::new(state_file, seed, pace)?, state_file: state_file.to_owned(), pace })
    }

    /// The device itself.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its ground truth.
    pub fn truth(&self) -> Truth {
        Truth::of(&self.node.physics())
    }

    /// Its clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(NodeClock::new(self.node.clone(), self.pace))
    }

    /// Its sensors.
    pub fn sensors(&self) -> Vec<Box<dyn Sensor>> {
        let models = self.node.physics().sensors;
        models.into_iter().map(|m| Box::new(VnodeSensor::new(self.node.clone(), m)) as Box<dyn Sensor>).collect()
    }

    /// Its levers.
    ///
    /// # Errors
    /// The state file vanished or broke.
    pub fn knobs(&self) -> Result<Vec<Box<dyn Knob>>, VnodeError> {
        Ok(knobs(&self.state_file)?.into_iter().map(|k| Box::new(k) as Box<dyn Knob>).collect())
    }
}
