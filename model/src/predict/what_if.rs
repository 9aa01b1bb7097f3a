//! The same device with some of its numbers changed.

use super::PredictError;
use crate::device::DeviceModel;

/// Short names of the keys that people ask about.
pub(super) const ALIASES: [(&str, &str); 6] = [
    ("l2", "l2_bytes"),
    ("bandwidth", "memory_bytes_per_s"),
    ("memory", "memory_bytes"),
    ("link", "link_bytes_per_s"),
    ("tdp", "tdp_w"),
    ("sms", "compute_units"),
];

/// The device with the values of `changes` (`l2=80MB,bandwidth=3e12`) put in place of its own. Numbers may end in k, M,
/// G or T, with or without B.
///
/// # Errors
/// Not of that form, a key that is not in the vocabulary, a value out of its range.
pub fn what_if(device: &DeviceModel, changes: &str) -> Result<DeviceModel, PredictError> {
    let fail = |problem: &str| PredictError::WhatIf { found: changes.to_owned(), problem: problem.to_owned() };
    let mut changed = device.clone();
    for part in changes.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| fail("lacks a ="))?;
        let key = key.trim();
        let key = ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, full)| *full);
        let number = scaled(value.trim()).ok_or_else(|| fail("has a value that is no number"))?;
        changed = changed.with_value(key, number)?;
    }
    Ok(changed)
}

fn scaled(text: &str) -> Option<f64> {
    let bare = text.strip_suffix('B').unwrap_or(text);
    let (digits, factor) = match bare.chars().last()? {
        'k' | 'K' => (&bare[..bare.len() - 1], 1e3),
        'M' => (&bare[..bare.len() - 1], 1e6),
        'G' => (&bare[..bare.len() - 1], 1e9),
        'T' => (&bare[..bare.len() - 1], 1e12),
        _ => (bare, 1.0),
    };
    digits.parse::<f64>().ok().map(|value| value * factor).filter(|value| value.is_finite())
}
