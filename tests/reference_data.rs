//! Sweeps that others measured, where they are at hand (ERGOMETER_DATA, else ../shared/data); skipped elsewhere.

use assert_cmd::Command;
use predicates::prelude::*;
use std::path::PathBuf;

fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ERGOMETER_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no reference data ({name} is not under {})", root.display());
    None
}

fn table(file: &std::path::Path) -> Command {
    let mapping = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/mappings/zeus-power.toml");
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    command.arg("table").arg(file).arg("--mapping").arg(mapping);
    command
}

#[test]
fn published_power_cap_sweeps_give_an_edp_table_without_ranking() {
    let Some(file) = data("zeus/summary_power_v100.csv") else { return };
    // By hand from the file: cifar100 shufflenetv2 1024 adadelta.
    table(&file)
        .assert()
        .success()
        .stdout(predicate::str::contains("shufflenetv2").and(predicate::str::contains("n = 1")))
        .stdout(predicate::str::contains("POWERCAP"));
}

#[test]
fn a_blanked_cell_is_refused_with_file_line_and_column() {
    let Some(file) = data("zeus/summary_power_v100.csv") else { return };
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[9].split(',').collect();
    let last = cells.len() - 1;
    cells[last] = "";
    lines[9] = cells.join(",");
    let folder = tempfile::tempdir().unwrap();
    let blanked = folder.path().join("blanked.csv");
    std::fs::write(&blanked, lines.join("\n")).unwrap();
    table(&blanked).assert().code(1).stderr(predicate::str::contains("blanked.csv, line 10, field average_power"));
}
