//! The files that the profiler writes while a command runs: samples and metrics.

use crate::trees::Tree;
use ergometer_harness::meter::output::prometheus;
use ergometer_harness::meter::{
    Exit, OutputError, OutputOptions, RunError, RunOptions, RunReport, WindowReport, run_command,
};
use ergometer_record::Seconds;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

fn options(tree: &Tree, outputs: OutputOptions) -> RunOptions {
    RunOptions { roots: tree.roots(), period: Seconds(0.002), outputs }
}

/// Runs a script that turns the counter of the first package by 50 mJ on the way.
fn run(tree: &Tree, outputs: OutputOptions, script: &str) -> Result<RunReport, RunError> {
    let counter = tree.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    let script = format!("sleep 0.03; echo 5050000 > '{}'; {script}", counter.display());
    run_command(&["sh", "-c", &script].map(OsString::from), &options(tree, outputs))
}

fn samples(path: &Path) -> OutputOptions {
    OutputOptions { samples: Some(path.to_owned()), ..OutputOptions::default() }
}

#[test]
fn samples_are_one_row_a_reading_in_both_formats() {
    let tree = Tree::intel_server();
    let (table, lines) = (tree.path().join("s.csv"), tree.path().join("s.jsonl"));
    let report = run(&tree, samples(&table), "true").unwrap();
    let mut reader = csv::Reader::from_path(&table).unwrap();
    let heading: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(heading, ["unix_s", "time_s", "sensor", "component", "provenance", "energy_j", "power_w"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len() as u64, report.outputs[0].lost), (report.outputs[0].count, 0));
    let of = |sensor: &str| rows.iter().filter(|row| &row[2] == sensor).collect::<Vec<_>>();
    let package = of("powercap:intel-rapl:0");
    let known = report.window.components.iter().find(|c| c.sensor == "powercap:intel-rapl:0").unwrap();
    assert_eq!(package.len(), known.readings);
    let value = |row: &csv::StringRecord, at: usize| row[at].parse::<f64>().unwrap();
    assert_eq!((value(package[0], 5), value(package[package.len() - 1], 5)), (5.0, 5.05));
    assert!(rows.iter().all(|row| row[6].is_empty() && &row[4] == "counter"));
    for pair in package.windows(2) {
        assert!(value(pair[1], 1) >= value(pair[0], 1));
        // Time of day and monotonic time go together.
        let (by_day, by_clock) = (value(pair[1], 0) - value(pair[0], 0), value(pair[1], 1) - value(pair[0], 1));
        assert!((by_day - by_clock).abs() < 1e-5);
    }
    let report = run(&tree, samples(&lines), "true").unwrap();
    let text = fs::read_to_string(&lines).unwrap();
    assert_eq!(text.lines().count() as u64, report.outputs[0].count);
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object["energy_j"].is_f64() && object["power_w"].is_null() && object["component"].is_string());
    }
}

#[test]
fn nothing_is_replaced_and_nothing_is_left_of_a_command_that_did_not_start() {
    let tree = Tree::intel_server();
    let path = tree.file("mine.csv", "precious");
    let refused = run(&tree, samples(&path), "true").unwrap_err();
    assert!(matches!(&refused, RunError::Output(OutputError::Exists { .. })), "{refused}");
    assert_eq!(tree.text("mine.csv"), "precious");
    let forced = OutputOptions { overwrite: true, ..samples(&path) };
    assert!(run(&tree, forced, "true").unwrap().outputs[0].count > 0);
    let unknown = run(&tree, samples(&tree.path().join("s.txt")), "true").unwrap_err();
    assert!(unknown.to_string().contains(".csv or"), "{unknown}");
    let new = tree.path().join("new.csv");
    let missing = [OsString::from("/no/such/program")];
    assert!(run_command(&missing, &options(&tree, samples(&new))).is_err());
    assert!(!new.exists());
}

#[test]
fn a_full_disk_costs_the_samples_and_nothing_else() {
    let tree = Tree::intel_server();
    let path = tree.path().join("full.csv");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let report = run(&tree, samples(&path), "exit 7").unwrap();
    assert_eq!(report.exit, Exit::Code(7));
    assert!(report.window.total.is_some());
    let written = &report.outputs[0];
    assert!(written.count == 0 && written.lost > 0, "{written}");
    let text = report.to_string();
    assert_eq!(text.matches("No space left").count(), 1, "{text}");
}

#[test]
fn a_reader_that_closes_its_pipe_costs_the_samples_and_nothing_else() {
    let tree = Tree::intel_server();
    let path = tree.path().join("pipe.csv");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reading = path.clone();
    let reader = std::thread::spawn(move || {
        let mut start = [0; 6];
        fs::File::open(reading).unwrap().read_exact(&mut start).unwrap();
        start
    });
    let report = run(&tree, samples(&path), "sleep 0.1; exit 7").unwrap();
    assert_eq!(&reader.join().unwrap(), b"unix_s");
    assert_eq!(report.exit, Exit::Code(7));
    assert!(report.window.total.is_some());
    assert!(report.outputs[0].failure.as_ref().unwrap().contains("Broken pipe"), "{}", report.outputs[0]);
}

/// The grammar of the text format 0.0.4: every line is a HELP, a TYPE or a sample of the family just declared, names and
/// labels are what they may be, escapes are the three that exist, no series comes twice, the text ends in a line feed.
fn check_exposition(text: &str) -> Vec<(String, String, f64)> {
    assert!(text.ends_with('\n'));
    let name_ok = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    let (mut helped, mut typed, mut series) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut family, mut samples) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(name_ok(name) && helped.insert(name.to_owned()) && !help.is_empty(), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name) && typed.insert(name.to_owned()), "{line}");
            assert!(["counter", "gauge"].contains(&kind) && (kind == "counter") == name.ends_with("_total"), "{line}");
            family = name.to_owned();
            continue;
        }
        // The value is what follows the last blank: node_exporter refuses time stamps.
        let (series_text, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series_text.split_once('{').unwrap_or((series_text, ""));
        assert!(name_ok(name) && name == family, "{line}");
        assert!(series.insert(series_text.to_owned()), "{line} comes twice");
        if !labels.is_empty() {
            check_labels(labels.strip_suffix('}').unwrap());
        }
        samples.push((name.to_owned(), labels.to_owned(), value.parse::<f64>().unwrap()));
    }
    samples
}

/// `name="value"` pairs with commas between.
fn check_labels(mut text: &str) {
    loop {
        let (name, rest) = text.split_once("=\"").unwrap();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let (mut end, mut escaped) = (None, false);
        for (at, c) in rest.char_indices() {
            match c {
                _ if escaped => {
                    assert!(['\\', 'n', '"'].contains(&c), "\\{c} is no escape");
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => assert!(c != '\n'),
            }
        }
        let rest = &rest[end.unwrap() + 1..];
        match rest.strip_prefix(',') {
            Some(next) => text = next,
            None => return assert_eq!(rest, ""),
        }
    }
}

#[test]
fn metrics_are_what_the_textfile_collector_reads() {
    let tree = Tree::intel_server();
    let path = tree.path().join("ergometer.prom");
    let outputs = OutputOptions { prometheus: Some(path.clone()), ..OutputOptions::default() };
    let report = run(&tree, outputs.clone(), "true").unwrap();
    let samples = check_exposition(&fs::read_to_string(&path).unwrap());
    let energies: Vec<_> = samples.iter().filter(|s| s.0 == "ergometer_energy_joules_total").collect();
    // Three counters stood still: what is unknown has no line, and no zero.
    assert_eq!(energies.len(), 1);
    assert_eq!(energies[0].1, r#"component="package:0",sensor="powercap:intel-rapl:0",provenance="counter"}"#);
    assert!((energies[0].2 - 0.05).abs() < 1e-9);
    let seconds = samples.iter().find(|s| s.0 == "ergometer_run_seconds").unwrap().2;
    let power = samples.iter().find(|s| s.0 == "ergometer_power_watts").unwrap().2;
    assert!((seconds - report.window.time_s.0).abs() < 1e-12 && power > 0.0);
    assert_eq!((report.outputs[0].count, &report.outputs[0].failure), (1, &None));
    // Our own file is replaced by the next run, somebody else's is not.
    run(&tree, outputs.clone(), "true").unwrap();
    fs::write(&path, "# HELP mine x\n").unwrap();
    assert!(matches!(run(&tree, outputs, "true"), Err(RunError::Output(OutputError::Exists { .. }))));
    let no_ending = OutputOptions { prometheus: Some(tree.path().join("e.txt")), ..OutputOptions::default() };
    assert!(run(&tree, no_ending, "true").unwrap_err().to_string().contains(".prom"));
}

#[test]
fn power_is_the_mean_since_the_version_before_and_labels_are_escaped() {
    let tree = Tree::intel_server();
    let mut first: WindowReport = run(&tree, OutputOptions::default(), "true").unwrap().window;
    let known = first.components.iter().position(|c| c.energy_j.is_some()).unwrap();
    first.components[known].sensor = "a\\b\"c\nd".into();
    first.time_s = Seconds(5.0);
    let mut second = first.clone();
    second.time_s = Seconds(7.0);
    second.components[known].energy_j = first.components[known].energy_j.map(|e| e + ergometer_record::Joules(60.0));
    let samples = check_exposition(&prometheus::render(&second, Some(&first)));
    let power = samples.iter().find(|s| s.0 == "ergometer_power_watts").unwrap();
    assert!((power.2 - 30.0).abs() < 1e-9, "{power:?}");
    assert!(power.1.contains(r#"sensor="a\\b\"c\nd""#), "{}", power.1);
}
