//! Reading and writing device files.

use super::parameters::{self, PARAMETERS, Role};
use super::{Allowed, Assumed, DeviceError, DeviceKind, DeviceModel, FitRecord, Fitted, Posterior, Range, Specified};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    title: String,
    kind: DeviceKind,
    configuration: Option<String>,
    based_on: Option<DeviceKind>,
    #[serde(default)]
    allowed: Allowed,
    #[serde(default)]
    specification: BTreeMap<String, Specified>,
    #[serde(default)]
    assumed: BTreeMap<String, Assumed>,
    fit: Option<FitRecord>,
    #[serde(default)]
    fitted: BTreeMap<String, Fitted>,
    posterior: Option<Posterior>,
}

pub(super) fn parse(text: &str, path: &Path) -> Result<DeviceModel, DeviceError> {
    let syntax = |problem: String| DeviceError::Syntax { path: path.to_owned(), problem };
    let document: Document = toml::from_str(text).map_err(|error| syntax(error.to_string().trim().to_owned()))?;
    let mut assumed = match document.based_on {
        Some(kind) => super::builtin::common(kind)?,
        None => BTreeMap::new(),
    };
    assumed.extend(document.assumed);
    let model = DeviceModel {
        name: document.name,
        title: document.title,
        kind: document.kind,
        configuration: document.configuration,
        allowed: document.allowed,
        specification: document.specification,
        assumed,
        fit: document.fit,
        fitted: document.fitted,
        posterior: document.posterior,
    };
    validate(&model, path)?;
    Ok(model)
}

fn validate(model: &DeviceModel, path: &Path) -> Result<(), DeviceError> {
    let value_error = |section: &str, key: &str, found: String, expected: &str| DeviceError::Value {
        path: path.to_owned(),
        section: section.to_owned(),
        key: key.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    if model.name.trim().is_empty() {
        return Err(value_error("device", "name", "empty".into(), "a device needs a name"));
    }
    for (key, fact) in &model.specification {
        check_key(path, "specification", key)?;
        check_value(path, "specification", key, fact.value)?;
        if fact.source.trim().is_empty() {
            return Err(value_error("specification", key, "without source".into(), "a fact needs its citation"));
        }
    }
    for (key, assumed) in &model.assumed {
        check_key(path, "assumed", key)?;
        check_value(path, "assumed", key, assumed.value)?;
        let ordered = assumed.low > 0.0 && assumed.low <= assumed.value && assumed.value <= assumed.high;
        if !ordered || !assumed.high.is_finite() {
            let found = format!("{} in {} to {}", assumed.value, assumed.low, assumed.high);
            return Err(value_error("assumed", key, found, "0 < low <= value <= high is needed"));
        }
        if assumed.reason.trim().is_empty() {
            return Err(value_error("assumed", key, "without reason".into(), "an assumption needs its reason"));
        }
    }
    for (key, fitted) in &model.fitted {
        check_key(path, "fitted", key)?;
        check_value(path, "fitted", key, fitted.value)?;
        if !(fitted.sd_log >= 0.0 && fitted.sd_log.is_finite()) {
            let found = fitted.sd_log.to_string();
            return Err(value_error("fitted", key, found, "sd_log must be finite and not negative"));
        }
    }
    if !model.fitted.is_empty() && model.fit.is_none() {
        return Err(value_error("fit", "data", "absent".into(), "fitted values need a [fit] that says to what"));
    }
    if let Some(posterior) = &model.posterior {
        if let Some(key) = posterior.keys.iter().find(|key| !model.fitted.contains_key(*key)) {
            return Err(value_error("posterior", key, "in keys".into(), "only fitted values have a correlation"));
        }
        posterior.check().map_err(|(key, found, expected)| value_error("posterior", key, found, expected))?;
    }
    for (key, range) in [("clocks_mhz", model.allowed.clocks_mhz), ("caps_w", model.allowed.caps_w)] {
        if let Some(Range { min, max, step }) = range {
            let good = min > 0.0 && max >= min && max.is_finite() && step.is_none_or(|s| s > 0.0 && s.is_finite());
            if !good {
                let found = format!("{min} to {max}, step {step:?}");
                return Err(value_error("allowed", key, found, "0 < min <= max and a positive step are needed"));
            }
        }
    }
    Ok(())
}

/// Refuses a key that is not in the vocabulary or has no place in the section.
pub(super) fn check_key(path: &Path, section: &str, key: &str) -> Result<(), DeviceError> {
    let allowed = |role: Option<Role>| {
        let keys = PARAMETERS.iter().filter(|p| role.is_none_or(|role| p.role == role)).map(|p| p.key);
        format!("the keys there are {}", keys.collect::<Vec<_>>().join(", "))
    };
    let fail = |allowed: String| {
        Err(DeviceError::Key { path: path.to_owned(), section: section.into(), key: key.into(), allowed })
    };
    match (parameters::find(key), section) {
        (None, "specification") => fail(allowed(Some(Role::Fact))),
        (None, _) => fail(allowed(None)),
        (Some(p), "specification") if p.role == Role::Property => {
            fail("only measurements tell it; it belongs under [assumed] or [fitted]".into())
        }
        _ => Ok(()),
    }
}

/// Refuses a value that is not finite, not positive, or outside the vocabulary's range.
pub(super) fn check_value(path: &Path, section: &str, key: &str, value: f64) -> Result<(), DeviceError> {
    let (low, high) = parameters::find(key).map_or((f64::MIN_POSITIVE, f64::MAX), |p| p.range);
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(DeviceError::Value {
        path: path.to_owned(),
        section: section.to_owned(),
        key: key.to_owned(),
        found: value.to_string(),
        expected: format!("a number from {low} to {high} is needed"),
    })
}

/// Inline tables, one line a quantity, so that a description reads as a table.
pub(super) fn write(model: &DeviceModel) -> String {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let kind = match model.kind {
        DeviceKind::Gpu => "gpu",
        DeviceKind::Cpu => "cpu",
    };
    let mut out = format!("name = {}\ntitle = {}\nkind = \"{kind}\"\n", quote(&model.name), quote(&model.title));
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if let Some(configuration) = &model.configuration {
        line(format!("configuration = {}", quote(configuration)));
    }
    line("\n[allowed]".into());
    for (key, range) in [("clocks_mhz", model.allowed.clocks_mhz), ("caps_w", model.allowed.caps_w)] {
        if let Some(Range { min, max, step }) = range {
            let mut text = format!("{key} = {{ min = {min:?}, max = {max:?}");
            if let Some(step) = step {
                // Writing to a String cannot fail.
                let _ = write!(text, ", step = {step:?}");
            }
            line(text + " }");
        }
    }
    line(format!("source = {}", quote(&model.allowed.source)));
    if !model.specification.is_empty() {
        line("\n[specification]".into());
        for (key, fact) in in_order(&model.specification) {
            line(format!("{key} = {{ value = {:?}, source = {} }}", fact.value, quote(&fact.source)));
        }
    }
    if !model.assumed.is_empty() {
        line("\n[assumed]".into());
        for (key, a) in in_order(&model.assumed) {
            let reason = quote(&a.reason);
            line(format!(
                "{key} = {{ value = {:?}, low = {:?}, high = {:?}, reason = {reason} }}",
                a.value, a.low, a.high
            ));
        }
    }
    if let Some(fit) = &model.fit {
        line(format!("\n[fit]\ndata = {}", quote(&fit.data)));
        if let Some(date) = &fit.date {
            line(format!("date = {}", quote(date)));
        }
        line(format!("rows = {}\nprovenance = {}", fit.rows, quote(&fit.provenance)));
    }
    if !model.fitted.is_empty() {
        line("\n[fitted]".into());
        for (key, f) in in_order(&model.fitted) {
            line(format!(
                "{key} = {{ value = {:?}, sd_log = {:?}, identified = {} }}",
                f.value, f.sd_log, f.identified
            ));
        }
    }
    if let Some(posterior) = &model.posterior {
        out.push('\n');
        out.push_str(&posterior.to_toml());
    }
    out
}

fn in_order<T>(map: &BTreeMap<String, T>) -> impl Iterator<Item = (&'static str, &T)> {
    PARAMETERS.iter().filter_map(|p| Some((p.key, map.get(p.key)?)))
}

/// The `[assumed]` section of a file that has nothing else.
pub(super) fn parse_assumed(text: &str, path: &Path) -> Result<BTreeMap<String, Assumed>, DeviceError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Common {
        assumed: BTreeMap<String, Assumed>,
    }
    let common: Common = toml::from_str(text)
        .map_err(|error| DeviceError::Syntax { path: path.to_owned(), problem: error.to_string() })?;
    Ok(common.assumed)
}
