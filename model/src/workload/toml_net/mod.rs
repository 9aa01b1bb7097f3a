//! Own networks as TOML layer files.
//!
//! ```toml
//! name = "small-cnn"
//! image = [3, 32, 32]          # one sample: channels, rows, columns; or `tokens = 128`, or `features = [784]`
//!
//! [[layer]]
//! kind = "conv"
//! name = "stem"                # optional; the default is the kind and its place
//! out = 64
//! kernel = 3                   # or [3, 5] for rows and columns
//! padding = 1
//!
//! [[layer]]
//! kind = "relu"
//! repeat = 2                   # optional: applied so many times, with parameters of their own
//!
//! [[layer]]
//! kind = "add"                 # a residual
//! with = "stem"                # the result of the layer of that name
//!
//! [[layer]]
//! kind = "flatten"
//!
//! [[layer]]
//! kind = "linear"
//! out = 10
//!
//! [[layer]]
//! kind = "cross_entropy"
//! ```
//!
//! Every layer reads the result of the one before it, or of the layer named by `from`. Widths of inputs are derived.
//! Batch, precision, optimiser and attention come from the [`Options`], as for the presets.
//!
//! | kind | keys (defaults) |
//! |---|---|
//! | `linear` | `out`, `bias` (true) |
//! | `conv` | `out`, `kernel`, `stride` (1), `padding` (0), `dilation` (1), `groups` (1), `bias` (true) |
//! | `batch_norm`, `layer_norm`, `rms_norm` | |
//! | `relu`, `gelu`, `gelu_new`, `silu`, `tanh`, `sigmoid`, `softmax`, `dropout`, `scale` | |
//! | `max_pool`, `avg_pool` | `kernel`, `stride` (the kernel), `padding` (0) |
//! | `adaptive_avg_pool` | `out` |
//! | `flatten`, `first_token`, `cross_entropy` | |
//! | `tokens` | (pixels to tokens: `[b, c, h, w]` to `[b, h w, c]`) |
//! | `embedding` | `entries`, `width` |
//! | `positions` | `entries` (a trained table, added) |
//! | `add`, `multiply` | `with` |
//! | `encoder` | `heads`, `intermediate`, `activation` ("gelu"), `norm` ("after", or "before"), `dropout` (true) |
//! | `decoder` | `heads`, `kv_heads` (`heads`), `intermediate` |
//! | `bottleneck` | `width`, `stride` (1) |
//! | `next_token` | (all tokens but the last, as rows for `cross_entropy`) |

mod keys;
mod kinds;

use super::preset::Options;
use super::recorder::Recorder;
use super::tensor::Tensor;
use super::{Workload, WorkloadError};
use keys::{Keys, Source};
use std::collections::HashMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The workload of the layer file at `path`.
///
/// # Errors
/// When the file can't be read, is not such a file (with line and key), or describes an impossible network (with the
/// line of the layer).
pub fn read(path: &Path, options: &Options) -> Result<Workload, WorkloadError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&file, &text, options),
        Err(source) => Err(WorkloadError::Read { file, source }),
    }
}

/// The same from the text of a file; `file` is its name in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str, options: &Options) -> Result<Workload, WorkloadError> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        source.error(at, error.message().to_owned(), "the file must be TOML")
    })?;
    let mut keys = Keys::new(source, document.get_ref(), 0);
    let name = keys.text("name")?;
    let mut rec = Recorder::new(options.precision)?;
    if options.batch == 0 {
        let (argument, allowed) = ("batch", "give at least one sample".to_owned());
        return Err(WorkloadError::Argument { network: name, argument, found: 0, allowed });
    }
    let input = input(&mut keys, &mut rec, options.batch)?;
    let layers = keys.tables("layer")?;
    keys.finish()?;

    let mut results: HashMap<String, Tensor> = HashMap::new();
    let mut x = input;
    for (index, (start, table)) in layers.into_iter().enumerate() {
        let mut keys = Keys::new(source, table, start);
        let at_line = |error| source.at(start, error);
        let kind = keys.text("kind")?;
        let layer_name = keys.text_or("name", &format!("{kind}_{index}"))?;
        if results.contains_key(&layer_name) {
            return Err(keys.value_error("name", &layer_name, "each layer needs a name of its own"));
        }
        if let Some(from) = keys.reference("from", &results)? {
            x = from;
        }
        let repeat = keys.number_or("repeat", 1)?;
        if repeat == 0 || repeat > kinds::MOST_REPEATS {
            let allowed = format!("give 1 to {}", kinds::MOST_REPEATS);
            return Err(keys.value_error("repeat", &repeat.to_string(), &allowed));
        }
        let layer = kinds::read(&kind, &mut keys, &results, options)?;
        keys.finish()?;
        x = rec
            .scope(&layer_name, |rec| {
                if repeat == 1 {
                    return layer.apply(rec, &x);
                }
                let mut x = x.clone();
                for time in 0..repeat {
                    x = rec.scope(&time.to_string(), |rec| layer.apply(rec, &x))?;
                }
                Ok(x)
            })
            .map_err(at_line)?;
        results.insert(layer_name, x.clone());
    }
    rec.finish(name, options.batch, options.optimizer, options.gradients)
}

/// The data of one batch, by whichever of the three keys describes it.
fn input(keys: &mut Keys<'_>, rec: &mut Recorder, batch: u64) -> Result<Tensor, WorkloadError> {
    let image = keys.optional_numbers("image")?;
    let tokens = keys.optional_numbers("tokens")?;
    let features = keys.optional_numbers("features")?;
    let sample = match (image, tokens, features) {
        (Some(image), None, None) if image.len() == 3 => image,
        (None, Some(tokens), None) if tokens.len() == 1 => tokens,
        (None, None, Some(features)) if !features.is_empty() => features,
        _ => {
            let found = "the network's input is not described, or twice".to_owned();
            let allowed = "give one of image = [channels, rows, columns], tokens = count, features = [..]";
            return Err(keys.error(found, allowed));
        }
    };
    let shape: Vec<u64> = std::iter::once(batch).chain(sample).collect();
    rec.scope("input", |rec| rec.data(&shape)).map_err(|error| keys.at(error))
}

/// What TOML calls the type of a value.
fn type_name(value: &DeValue<'_>) -> &'static str {
    value.type_str()
}

#[cfg(test)]
mod tests;
