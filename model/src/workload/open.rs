//! A network by name: preset, layer file or ONNX.

use super::preset::{self, Options};
use super::{Workload, WorkloadError, onnx, toml_net};
use std::path::Path;

/// The workload of `network`: a file if it ends in `.toml` or `.onnx`, else a preset.
///
/// # Errors
/// Those of [`toml_net::read`], [`onnx::read`] and [`preset::build`].
pub fn open(network: &str, options: &Options) -> Result<Workload, WorkloadError> {
    let path = Path::new(network);
    match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => toml_net::read(path, options),
        Some("onnx") => onnx::read(path, options),
        _ => preset::build(network, options),
    }
}

/// The options that [`open`] should start from: a preset's own, or for a file a batch of 32 in FP32 with AdamW.
///
/// # Errors
/// When `network` is neither a preset nor a `.toml` or `.onnx` file.
pub fn options_for(network: &str) -> Result<Options, WorkloadError> {
    if let Some(options) = preset::default_options(network) {
        return Ok(options);
    }
    match Path::new(network).extension().and_then(|e| e.to_str()) {
        Some("toml" | "onnx") => Ok(Options::default()),
        _ => Err(WorkloadError::UnknownNetwork { found: network.to_owned(), known: preset::NAMES.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_preset_and_an_extension_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "name = 'mine'\nfeatures = [4]\n[[layer]]\nkind = 'linear'\nout = 2\n").unwrap();
        let name = path.to_str().unwrap();
        let work = open(name, &options_for(name).unwrap()).unwrap();
        assert_eq!((work.name.as_str(), work.batch, work.parameters), ("mine", 32, 10));
        assert_eq!(open("vgg16", &options_for("vgg16").unwrap()).unwrap().name, "vgg16/224");
        let missing = folder.path().join("gone.onnx");
        let error = open(missing.to_str().unwrap(), &Options::default()).unwrap_err().to_string();
        assert!(error.contains("gone.onnx can't be read"), "{error}");
        assert!(options_for("lenet").unwrap_err().to_string().contains("\"lenet\""));
    }
}
