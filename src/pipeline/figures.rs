//! Figures of a sweep or of a characterisation as files: one SVG each, for papers and slides.

use super::summary;
use crate::harness::table::TableError;
use crate::record::{Precision, Provenance, Row, files};
use crate::report;
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Writes every figure that `rows` have something for into `folder` and returns their paths.
///
/// # Errors
/// The folder can't be made, a file can't be written, or the plotting library fails.
pub fn write(rows: &[Row], folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make the folder {}", folder.display()))?;
    let mut written = Vec::new();
    let mut save = |device: &str, name: &str, plot: &report::Plot| -> anyhow::Result<()> {
        if let Some(svg) = plot.file() {
            let path = folder.join(format!("{}-{name}.svg", file_name(device)));
            files::write_whole(&path, svg.as_bytes())?;
            written.push(path);
        }
        Ok(())
    };
    // Rows without any energy have no sweep figures; they may have those of threads.
    match summary::sweep::sections(rows) {
        Ok(sweeps) => {
            for (i, sweep) in sweeps.iter().enumerate() {
                for figure in sweep.figures(&format!("f{i}"))? {
                    save(&sweep.device, &figure.name, &figure.plot)?;
                }
            }
        }
        Err(error) if error.is::<TableError>() => {}
        Err(error) => return Err(error),
    }
    for device in devices(rows) {
        let of: Vec<Row> = rows.iter().filter(|row| row.device == device).cloned().collect();
        let mut section = summary::kernels::section(&of, &device, "no sensor covers it");
        if of.iter().any(|row| row.provenance == Provenance::Virtual) {
            section.origin = report::Origin::Virtual;
        }
        for figure in section.figures("threads")? {
            save(&device, &figure.name, &figure.plot)?;
        }
    }
    Ok(written)
}

/// Bandwidth, volume and power against threads (figures 3.4 and 3.5) of kernels that were measured together, one file a
/// quantity, precision and code version; `name` begins the names of the files.
///
/// # Errors
/// As [`write()`].
pub fn of_threads(section: &report::Characterisation, folder: &Path, name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for precision in Precision::ALL {
        let mut of = section.clone();
        of.rows.retain(|row| row.spec.precision == precision);
        for figure in of.figures(name)? {
            if let Some(svg) = figure.plot.file() {
                let path = folder.join(format!("{name}-{precision}-{}.svg", figure.name));
                files::write_whole(&path, svg.as_bytes())?;
                written.push(path);
            }
        }
    }
    Ok(written)
}

fn devices(rows: &[Row]) -> Vec<String> {
    let mut devices: Vec<String> = Vec::new();
    for row in rows {
        if !devices.contains(&row.device) {
            devices.push(row.device.clone());
        }
    }
    devices
}

/// A device's name without what file names may not hold.
fn file_name(device: &str) -> String {
    let parts: Vec<String> = device
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.')
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::measurement::{Domain, f32_spec};
    use crate::record::{Component, Joules, Kernel, Seconds, Setting, Size, Verdict, Watts};

    /// GEMM and TRIAD under two caps, two blocks, on a virtual card.
    fn rows() -> Vec<Row> {
        let cap = |w| Setting { gpu_cap_w: Some(Watts(w)), ..Setting::default() };
        let mut rows = Vec::new();
        for spec in [f32_spec(Kernel::Gemm, Size::square(64)), f32_spec(Kernel::Triad, Size::Vector { n: 64 })] {
            for block in 0..2 {
                for (setting, time, watts) in
                    [(Setting::default(), 1.0, 300.0), (cap(200.0), 1.1, 200.0), (cap(150.0), 1.5, 150.0)]
                {
                    rows.push(Row {
                        block,
                        verdict: if setting.is_baseline() { Verdict::Baseline } else { Verdict::Held },
                        setting,
                        component: Component::new(Domain::Gpu, 0),
                        energy: Some(Joules(watts * time)),
                        provenance: Provenance::Virtual,
                        ..Row::timed(spec, "vnode", "card", Seconds(time * (1.0 + 0.01 * f64::from(block))))
                    });
                }
            }
        }
        rows
    }

    #[test]
    fn a_sweep_under_caps_gives_its_four_figures() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(&rows(), folder.path()).unwrap();
        let names: Vec<_> = written.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
        let expected = ["edp-time", "power-powercap", "edp-cap", "gain-technique"];
        assert_eq!(names, expected.map(|name| format!("card-vnode-{name}.svg")));
        for path in &written {
            let svg = std::fs::read_to_string(path).unwrap();
            assert!(svg.starts_with("<svg xmlns=") && svg.contains("VIRTUAL") && !svg.contains("#E0"), "{path:?}");
        }
    }

    #[test]
    fn times_alone_draw_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = rows();
        for row in &mut rows {
            (row.energy, row.provenance) = (None, Provenance::Absent);
        }
        assert_eq!(write(&rows, folder.path()).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn names_of_devices_become_names_of_files() {
        assert_eq!(file_name("vnode-a100 (vnode)"), "vnode-a100-vnode");
        assert_eq!(file_name("Intel(R) Xeon(R) CPU @ 2.60GHz/../x"), "intel-r-xeon-r-cpu-2.60ghz-..-x");
    }
}
