//! The profiler, a sweep and the library's meter under a real `mpirun`: four ranks on two nodes, which are named, and whose
//! sensors are files that the commands themselves turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Why nothing can be run here, or `None`.
fn skipped() -> bool {
    let found = Command::new("mpirun").arg("--version").output();
    let open_mpi = found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("Open MPI"));
    if !open_mpi {
        println!("skipped: no mpirun");
    }
    !open_mpi
}

/// A machine with one package whose counter stands at 5 J.
fn machine(folder: &Path, name: &str) -> PathBuf {
    let zone = folder.join(name).join("class/powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    for (file, text) in [("name", "package-0"), ("energy_uj", "5000000"), ("max_energy_range_uj", "262143328850")] {
        fs::write(zone.join(file), format!("{text}\n")).unwrap();
    }
    zone.join("energy_uj")
}

/// `mpirun` of four ranks: two on node alpha, two on node beta.
fn mpirun(folder: &Path, program: &[&str]) -> Output {
    mpirun_with(folder, &[], program)
}

/// As [`mpirun`], with environment variables for node beta.
fn mpirun_with(folder: &Path, beta: &[(&str, &str)], program: &[&str]) -> Output {
    let mut command = Command::new("mpirun");
    command.current_dir(folder).env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("ERGOMETER_STATE_DIR", folder.join("state")).args(["--oversubscribe", "--bind-to", "none"]);
    for (at, node) in ["alpha", "beta"].iter().enumerate() {
        if at > 0 {
            command.arg(":");
        }
        command.args(["-np", "2", "-x", &format!("ERGOMETER_NODE_NAME={node}")]);
        command.args(["-x", &format!("ERGOMETER_SYS={}", folder.join(node).display())]);
        for (name, value) in beta.iter().filter(|_| *node == "beta") {
            command.args(["-x", &format!("{name}={value}")]);
        }
        command.args(program);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const ERGOMETER: &str = env!("CARGO_BIN_EXE_ergometer");

/// Rank 1 turns the counter of its own node by 40 mJ, rank 3 that of its own by 70 mJ, late.
fn script(folder: &Path) -> String {
    let (alpha, beta) = (machine(folder, "alpha"), machine(folder, "beta"));
    let (alpha, beta) = (alpha.display(), beta.display());
    format!(
        "case $OMPI_COMM_WORLD_RANK in 1) echo 5040000 > '{alpha}';; 3) sleep 0.2; echo 5070000 > '{beta}';; esac; echo out"
    )
}

#[test]
fn mpirun_gives_one_table_in_which_every_node_counts_once() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = script(folder.path());
    let output = mpirun(folder.path(), &[ERGOMETER, "run", "--nodes", "nodes.csv", "--", "sh", "-c", &script]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout, "out\n".repeat(4), "standard output is the commands'");
    assert_eq!(stderr.matches("Energy by node").count(), 1, "one report:\n{stderr}");
    assert!(stderr.contains("total 0.110 J"), "40 mJ and 70 mJ, each once:\n{stderr}");
    let mut table = Command::new(ERGOMETER);
    let table = table.current_dir(folder.path()).args(["table", "--layout", "nodes", "nodes.csv"]).output().unwrap();
    let table = text(&table.stdout);
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let row = |name: &str| cells(table.lines().find(|line| line.starts_with(name)).unwrap());
    assert_eq!((&row("alpha")[1][..], &row("beta")[1][..], &row("Total")[1][..]), ("0.04", "0.07", "0.11"));
    // All nodes measure until the last command has ended.
    assert!(row("alpha")[3].parse::<f64>().unwrap() >= 0.2, "{table}");
}

#[test]
fn mpirun_sees_the_exit_code_of_the_command() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    script(folder.path());
    let failing = "[ $OMPI_COMM_WORLD_RANK = 2 ] && exit 7; sleep 30";
    let output = mpirun(folder.path(), &[ERGOMETER, "run", "--", "sh", "-c", failing]);
    // It ends the others, which would have gone on for half a minute.
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("ended with exit code 7"), "{}", text(&output.stderr));
}

/// The rows of a results file.
fn rows(path: &Path) -> Vec<ergometer::record::Row> {
    ergometer::record::format::rows::read(path).unwrap()
}

#[test]
fn mpirun_sweeps_the_same_plan_on_every_node() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    script(folder.path());
    fs::write(folder.path().join("plan.toml"), include_str!("plans/small.toml")).unwrap();
    let sweep = ["sweep", "plan.toml", "--quiet", "--out"];
    let state = ("ERGOMETER_STATE_DIR", folder.path().join("state"));
    let alone =
        Command::new(ERGOMETER).current_dir(folder.path()).env(state.0, &state.1).args(sweep).arg("one").output();
    assert!(alone.unwrap().status.success());
    let alone = rows(&folder.path().join("one/sweep.csv"));
    let output = mpirun(folder.path(), &[&[ERGOMETER], &sweep[..], &["all"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = rows(&folder.path().join("all/sweep.csv"));
    // Two nodes of two ranks are two sweeps, of the same slots in the same order.
    assert_eq!(all.len(), 2 * alone.len());
    for (node, device) in
        [("alpha", format!("alpha/{}", alone[0].device)), ("beta", format!("beta/{}", alone[0].device))]
    {
        let of_node: Vec<_> = all.iter().filter(|row| row.device == device).collect();
        let orders = |rows: &[&ergometer::record::Row]| rows.iter().map(|row| row.order).collect::<Vec<_>>();
        assert_eq!(orders(&of_node), orders(&alone.iter().collect::<Vec<_>>()), "{node}");
        assert!(folder.path().join("all").join(node).join("manifest.json").exists());
    }
    // Two virtual devices are two, not one twice.
    let energies = |node: &str| all.iter().filter(|r| r.device.starts_with(node)).map(|r| r.energy).collect::<Vec<_>>();
    assert_ne!(energies("alpha"), energies("beta"));
    let table = Command::new(ERGOMETER).current_dir(folder.path()).args(["table", "all/sweep.csv"]).output().unwrap();
    let table = text(&table.stdout);
    assert!(table.contains("alpha/") && table.contains("beta/") && table.contains("VIRTUAL"), "{table}");
}

/// True when the virtual A100 has its highest clock and cap.
fn is_restored(state: &Path) -> bool {
    let state: serde_json::Value = serde_json::from_str(&fs::read_to_string(state).unwrap()).unwrap();
    let settings = &state["settings"];
    let untouched = |name: &str, value: f64| settings[name].is_null() || settings[name] == value;
    untouched("gpu_clock_hz", 1.41e9) && untouched("gpu_cap_w", 400.0)
}

#[test]
fn a_node_that_is_killed_ends_the_sweep_of_all_and_it_goes_on_later() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), include_str!("plans/small.toml")).unwrap();
    let sweep = [ERGOMETER, "--quiet", "sweep"];
    let killed = [("ERGOMETER_KILL_AT", "after-write:3")];
    let output = mpirun_with(folder.path(), &killed, &[&sweep[..], &["plan.toml", "--out", "all"]].concat());
    assert!(!output.status.success());
    let said = text(&output.stderr);
    // The others put their settings back when they lose it, or when mpirun ends them; the guardian of a killed one does so
    // in its own time.
    for node in ["alpha", "beta"] {
        let start = Instant::now();
        while !is_restored(&folder.path().join("all").join(node).join("vnode-state.json")) {
            assert!(start.elapsed() < Duration::from_secs(60), "{node} is not as it was: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert!(!folder.path().join("all/sweep.csv").exists());
    let output = mpirun(folder.path(), &[&sweep[..], &["--resume", "all"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = rows(&folder.path().join("all/sweep.csv"));
    let of =
        |node: &str| all.iter().filter(|row| row.device.starts_with(node)).map(|row| row.order).collect::<Vec<_>>();
    assert_eq!(of("alpha"), of("beta"));
    // It is the sweep that nobody interrupted.
    let whole = mpirun(folder.path(), &[&sweep[..], &["plan.toml", "--out", "whole"]].concat());
    assert!(whole.status.success());
    assert_eq!(all, rows(&folder.path().join("whole/sweep.csv")));
}

/// The example, where it was built.
fn matmul() -> Option<PathBuf> {
    if !cfg!(feature = "mpi") {
        println!("skipped: built without the feature `mpi`");
        return None;
    }
    if skipped() {
        return None;
    }
    let path = Path::new(ERGOMETER).with_file_name("examples/mpi_matmul");
    assert!(path.exists(), "{} is not built: cargo build --features mpi --example mpi_matmul", path.display());
    Some(path)
}

#[test]
fn an_mpi_program_is_profiled_from_outside() {
    let Some(matmul) = matmul() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{}; {} 64 --no-meter", script(folder.path()), matmul.display());
    let output = mpirun(folder.path(), &[ERGOMETER, "run", "--", "sh", "-c", &script]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("total 0.110 J"), "{}", text(&output.stderr));
}

#[test]
fn an_mpi_program_measures_itself_through_its_communicator() {
    let Some(matmul) = matmul() else { return };
    let folder = tempfile::tempdir().unwrap();
    script(folder.path());
    let output = mpirun(folder.path(), &[&matmul.display().to_string(), "64"]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
    // One table of two nodes, by rank 0. The counters stand still here: that is no zero.
    assert_eq!(stdout.matches("Energy by node during a matrix multiplication, n = 64").count(), 1, "{stdout}");
    for node in ["alpha", "beta", "Total"] {
        assert_eq!(stdout.lines().filter(|line| line.starts_with(node)).count(), 1, "{stdout}");
    }
    assert!(stdout.contains("absent") && stdout.contains("of one another"), "{stdout}");
}
