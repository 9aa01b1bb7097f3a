//! Which levers a setting pulls.

use crate::knob::{Knob, Lever, registry};
use ergometer_record::Setting;

/// The levers that `setting` pulls and no knob realises, by name.
pub(super) fn missing<'a>(knobs: impl Iterator<Item = &'a dyn Knob>, setting: &Setting) -> Vec<&'static str> {
    let there: Vec<Lever> = knobs.map(|knob| knob.lever()).collect();
    registry::levers(setting).into_iter().filter(|lever| !there.contains(lever)).map(Lever::name).collect()
}
