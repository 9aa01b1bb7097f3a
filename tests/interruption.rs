//! Ctrl-C, full and forbidden places: a clear error, no half file, and a way to go on.
#![cfg(unix)]

use assert_cmd::cargo::CommandCargoExt;
use ergometer::record::format::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    command.current_dir(folder).env("ERGOMETER_STATE_DIR", folder.join("state"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The only run in `folder`, once it holds `name`.
fn wait_for(folder: &Path, name: &str, child: &mut Child) -> PathBuf {
    let start = Instant::now();
    loop {
        let run = fs::read_dir(folder.join("runs")).ok().and_then(|mut runs| runs.next()?.ok()).map(|run| run.path());
        if let Some(run) = run.filter(|run| run.join(name).exists()) {
            return run;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it wrote {name}");
        assert!(start.elapsed() < Duration::from_secs(60), "{name} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_leaves_whole_files_and_the_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = ["pipeline", "--quick", "--seeds", "2"];
    let mut child = ergometer(folder.path()).args(pipeline).spawn().unwrap();
    // The first configuration is done, three are not.
    let unfinished = wait_for(folder.path(), "bench", &mut child);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let hint = format!("--resume {}", unfinished.strip_prefix(folder.path()).unwrap().display());
    assert!(stderr.contains("stopped by request") && stderr.contains(&hint), "{stderr}");
    assert!(!folder.path().join("report/index.html").exists());
    for file in fs::read_dir(unfinished.join("bench")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            json::read::<serde_json::Value>(&path).unwrap();
            continue;
        }
        assert!(!ergometer::record::format::rows::read(&path).unwrap().is_empty(), "{}", path.display());
    }
    let (code, _, stderr) = run(ergometer(folder.path()).args(pipeline).arg("--resume").arg(&unfinished));
    assert_eq!(code, 0, "{stderr}");
    assert!(folder.path().join("report/index.html").exists());
    // Another seed is another run.
    let other = ["pipeline", "--quick", "--seeds", "2", "--seed", "7", "--resume"];
    let (code, _, stderr) = run(ergometer(folder.path()).args(other).arg(&unfinished));
    assert!(code == 2 && stderr.contains("another seed"), "{stderr}");
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let (code, _, stderr) = run(ergometer(folder.path()).args(["workload", "resnet50"]).stdout(full));
    assert!(code == 1 && stderr.contains("standard output"), "{code} {stderr}");
    let piped = "\"$0\" workload resnet50 --json | head -1 >/dev/null; test \"${PIPESTATUS[0]}\" = 0";
    let binary = ergometer(folder.path()).get_program().to_owned();
    if let Ok(status) = Command::new("bash").arg("-c").arg(piped).arg(binary).status() {
        assert!(status.success(), "a closed pipe ends the output, not the run");
    }
}

#[test]
fn places_that_cannot_be_written_are_named_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["pipeline", "--quick", "--report", "/proc/none/index.html"],
        vec!["pipeline", "--quick", "--out", "/proc/none"],
        vec!["simulate", "thesis", "--out", "/proc/none"],
        vec!["bench", "triad", "--out", "/proc/none"],
    ] {
        let start = Instant::now();
        let (code, _, stderr) = run(ergometer(folder.path()).args(&arguments));
        assert_eq!(code, 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains("/proc/none") && !stderr.contains("panicked"), "{stderr}");
        assert!(start.elapsed() < Duration::from_secs(30), "{arguments:?} worked before it looked");
    }
}
